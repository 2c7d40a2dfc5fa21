"""What every table of procedures is tried with: what it serves, what they answer, what its domain publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tutorwamp.kernel.contracts import Caller, Stated
from tutorwamp.kernel.edges.component import Publisher, Served, Serving


class Paper(Publisher):
    """Events end on paper instead of in a router."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, event: Mapping[str, Any], *, only: int | None = None) -> None:
        assert only is None
        self.published.append((topic, dict(event)))


def names_of(table: Iterable[Serving[Any]]) -> dict[str, type]:
    """What it serves, by name: the type of the arguments."""
    return {row.procedure.uri: row.procedure.arguments for row in table}


async def try_all(served: Iterable[Served], caller: Caller, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Every procedure, one after the other, by its last word: each answers with its result."""
    by_name = {one.procedure.uri.rpartition(".")[2]: one for one in served}
    assert steps.keys() == by_name.keys()
    answers = {}
    for name, arguments in steps.items():
        answer: Any = await by_name[name].method(caller, arguments)
        result = by_name[name].procedure.result
        if isinstance(answer, Stated):
            assert answer.plain() == answer.value.plain(), name
            answer = answer.value
        assert isinstance(answer, result), name
        assert result.model_validate_json(answer.model_dump_json()).plain() == answer.plain(), name
        answers[name] = answer
    return answers
