"""The floor benchmarks stand on: what the same router and the same shapes cost without a database or any rule.

Only ``tutorwamp bench`` puts this component on a node.
"""

from __future__ import annotations

from typing import Any, Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import CallDetails, RegisterOptions, SessionDetails

from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.contracts import instant_text, new_id, utc_now

ECHO: Final = "tutorwamp.bench.echo"
SAY: Final = "tutorwamp.bench.say"
ENTER: Final = "tutorwamp.bench.enter"


def topic_of(lesson_id: str) -> str:
    """Where a lesson's people hear it."""
    return f"tutorwamp.bench.said.{lesson_id}"


class FloorComponent(ApplicationSession):
    """Echoes, and publishes what it is told in the shape of a chat event."""

    def onConnect(self) -> None:  # noqa: N802  # autobahn's name
        """As every component."""
        self.join(self.config.realm, ["anonymous"])

    async def onJoin(self, details: SessionDetails) -> None:  # noqa: N802  # autobahn's name
        """Register the three procedures."""
        self._seq = 0
        await self.register(self._echo, ECHO)
        await self.register(self._say, SAY)
        await self.register(self._enter, ENTER, options=RegisterOptions(details_arg="details"))
        await GateClient(self.call).ready("floor", [ECHO, SAY, ENTER])

    def _echo(self, **arguments: Any) -> dict[str, Any]:
        return arguments

    async def _enter(self, lesson_id: str, details: CallDetails) -> None:
        await GateClient(self.call).grant(int(details.caller or 0), "floor", subscribe=[topic_of(lesson_id)])

    def _say(self, lesson_id: str, body: str, client_id: str) -> dict[str, Any]:
        self._seq += 1
        now = instant_text(utc_now())
        author = {"id": lesson_id, "name": "Floor", "role": "tutor"}
        message = {
            "id": new_id(),
            "lesson_id": lesson_id,
            "seq": self._seq,
            "author": author,
            "body": body,
            "reply_to": None,
            "reactions": {},
            "created_at": now,
            "edited_at": None,
            "deleted_at": None,
            "client_id": client_id,
        }
        topic = topic_of(lesson_id)
        self.publish(topic, stream=topic, seq=self._seq, type="message.created", at=now, actor=author, data=message)
        return message
