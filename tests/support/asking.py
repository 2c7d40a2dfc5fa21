"""Somebody asks a site of our own over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.kernel.edges.loopback import Answered, Loopback
from tests.support.machine import Stage
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.tokens import sign


class Asking:
    """Somebody's requests below a path, with a token of theirs."""

    def __init__(self, stage: Stage, site: Loopback, caller: Caller, below: str) -> None:
        self._site, self._below = site, below
        key, lifetime = stage.machine.settings.node.signing_key(), timedelta(minutes=15)
        who: dict[str, Any] = {"user_id": caller.user_id, "role": caller.role, "family_id": new_id()}
        self._headers = {"Authorization": f"Bearer {sign(key, **who, now=stage.clock(), lifetime=lifetime)}"}

    async def __call__(
        self, method: str, path: str, value: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answered:
        """Headers as keywords: ``If_Match="…"``."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self._site.ask(method, self._below + path, value, raw=raw, headers={**self._headers, **named})


def told(answered: Answered) -> tuple[int, str]:
    """The status of a refusal and the error's name."""
    assert answered.headers["content-type"] == "application/problem+json"
    return answered.status, answered.json["type"].removeprefix("tutorwamp.error.")
