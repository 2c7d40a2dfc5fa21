"""What every WAMP door is tried with: what it serves, what its procedures answer, what its domain publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.component import Publisher, served_by


class Paper(Publisher):
    """Events end on paper instead of in a router."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, event: Mapping[str, Any], *, only: int | None = None) -> None:
        assert only is None
        self.published.append((topic, dict(event)))


def names_of(door: object) -> dict[str, type]:
    """What it serves, by name: the type of the arguments."""
    return {one.procedure.uri: one.procedure.arguments for one in served_by(door)}


async def try_all(door: object, caller: Caller, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Every procedure, one after the other, by its last word: each answers with its result."""
    served = {one.procedure.uri.rpartition(".")[2]: one for one in served_by(door)}
    assert steps.keys() == served.keys()
    answers = {}
    for name, arguments in steps.items():
        answer: Any = await served[name].method(caller, arguments)
        result = served[name].procedure.result
        assert isinstance(answer, result), name
        assert result.model_validate_json(answer.model_dump_json()) == answer, name
        answers[name] = answer
    return answers
