"""What goes to the renderer's process and comes back: a few plain values, and bytes beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

_LENGTH: Final = Struct("!Q")
"""Before each part."""


@dataclass(frozen=True)
class Parcel:
    """``values`` are plain, as in JSON; ``parts`` are for what is large."""

    values: Mapping[str, Any]
    parts: Sequence[bytes] = ()

    def pack(self) -> list[bytes]:
        """As bytes, in pieces."""
        pieces = [json.dumps(self.values).encode(), *self.parts]
        return [piece for part in pieces for piece in (_LENGTH.pack(len(part)), part)]

    @classmethod
    def unpack(cls, packed: bytes) -> Parcel:
        """What was packed. Raises ValueError where bytes are missing."""
        pieces, place = [], 0
        while place < len(packed):
            begin = place + _LENGTH.size
            place = begin + int.from_bytes(packed[place:begin])
            pieces.append(packed[begin:place])
        if not pieces or place != len(packed):
            raise ValueError("bytes are missing")
        return cls(json.loads(pieces[0]), pieces[1:])
