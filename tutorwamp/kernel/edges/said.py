"""A message of WAMP's that is made of what was looked at already, ready to be written."""

from __future__ import annotations

from typing import Any


class Said:
    """What a session's transport sends as it is: autobahn's own messages check every field once more.

    For transports that write what they are given, as a socket's does; what a router hands to itself it wants to read.
    """

    __slots__ = ("_fields",)

    def __init__(self, *fields: Any) -> None:
        """The message's list, its kind first."""
        self._fields = fields

    def serialize(self, serializer: Any) -> bytes:
        """As it goes over the wire, by one of autobahn's object serializers."""
        written: bytes = serializer.serialize(self._fields)
        return written
