"""Events within a process: order, and listeners that fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from structlog.testing import capture_logs

from tutorwamp.kernel.events import Events


@dataclass(frozen=True)
class Happened:
    number: int


class HappenedAgain(Happened):
    pass


def test_every_listener_hears_every_event_in_order() -> None:
    events, heard = Events(), list[tuple[str, int]]()

    def note(name: str, event: Happened) -> None:
        heard.append((name, event.number))

    for name in ("a", "b"):
        events.listen(Happened, partial(note, name))
    events.announce(Happened(1))
    events.announce(Happened(2))
    assert heard == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_only_exactly_this_type_is_heard() -> None:
    events, heard = Events(), list[Happened]()
    events.listen(Happened, heard.append)
    events.announce(HappenedAgain(1))
    events.announce("something else")
    assert heard == []


def test_a_listener_that_fails_disturbs_nobody_and_is_logged() -> None:
    events, heard = Events(), list[Happened]()

    def fail(_event: Happened) -> None:
        raise RuntimeError("not today")

    events.listen(Happened, fail)
    events.listen(Happened, heard.append)
    with capture_logs() as logs:
        events.announce(Happened(1))
    assert heard == [Happened(1)]
    assert [(line["event"], line["event_type"], line["log_level"]) for line in logs] == [
        ("a listener failed", "Happened", "error")
    ]
