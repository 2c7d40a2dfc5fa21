"""The Python client: log in, connect, join a lesson, stay there. ``docs/client.md`` shows how.

Programs on Twisted use ``Client``; scripts use ``tutorwamp.client.script``.
"""

from tutorwamp.client.board import Board, Rejected
from tutorwamp.client.chat import Chat
from tutorwamp.client.client import Client
from tutorwamp.client.connection import Connection, State, Subscription, Tickets
from tutorwamp.client.errors import CallError, Disconnected
from tutorwamp.client.lesson import Lesson
from tutorwamp.client.login import Login
from tutorwamp.client.notifications import Notifications
from tutorwamp.client.polls import Polls
from tutorwamp.client.replica import Outcome, Replica
from tutorwamp.client.rules import Backoff
from tutorwamp.client.stroke import Stroke
from tutorwamp.client.wamp import Event

__all__ = [
    "Backoff",
    "Board",
    "CallError",
    "Chat",
    "Client",
    "Connection",
    "Disconnected",
    "Event",
    "Lesson",
    "Login",
    "Notifications",
    "Outcome",
    "Polls",
    "Rejected",
    "Replica",
    "State",
    "Stroke",
    "Subscription",
    "Tickets",
]
