"""What the tests' router runs: tickets that say what to answer, and procedures that misbehave on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import PublishOptions, RegisterOptions, SessionDetails
from twisted.internet.defer import Deferred


def create_authenticator(_config: object, _controller: object) -> Callable[..., dict[str, str]]:
    def authenticate(_realm: str, _authid: str, details: Mapping[str, Any]) -> dict[str, str]:
        # "welcome:ada" lets ada in, "<error URI>:anything" refuses with the error.
        answer, _, name = details["ticket"].rpartition(":")
        if answer == "welcome":
            return {"realm": "tutor", "role": "person", "authid": name}
        raise ApplicationError(answer, "Said the test.")

    return authenticate


class Procedures(ApplicationSession):
    async def onJoin(self, details: SessionDetails) -> None:
        for name in ("echo", "refuse", "never", "say_goodbye", "take_away"):
            await self.register(getattr(self, name), f"test.{name}", RegisterOptions(details_arg="asked"))

    async def echo(self, asked: Any, **arguments: Any) -> dict[str, Any]:
        return {"caller": asked.caller_authid, **arguments}

    async def refuse(self, uri: str, asked: Any, **error: Any) -> None:
        raise ApplicationError(uri, **error)

    def never(self, asked: Any) -> Deferred[None]:
        return Deferred()

    async def say_goodbye(self, reason: str, asked: Any, **told: Any) -> None:
        if told:
            options = PublishOptions(eligible=[asked.caller])
            self.publish("tutorwamp.connection.draining", **told, options=options)
        await self.call("wamp.session.kill", asked.caller, reason=reason, message="Said the test.")

    async def take_away(self, topic: str, asked: Any) -> None:
        subscription = await self.call("wamp.subscription.lookup", topic)
        await self.call("wamp.subscription.remove_subscriber", subscription, asked.caller)
