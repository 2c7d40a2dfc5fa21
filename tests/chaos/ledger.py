"""What was asked and acknowledged, and what must therefore be found afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Plain = dict[str, Any]

REFUSALS = {
    "tutorwamp.error.board.no_pen",  # the pen goes round
    "tutorwamp.error.conflict",  # a reaction on a message its author has just deleted
    "tutorwamp.error.lesson.state",
    "tutorwamp.error.not_found",
    "tutorwamp.error.chat.edit_window",
}
"""What people may be told in a storm; anything else is a fault."""


@dataclass
class Said:
    """A message as its author knows it: nobody else may change its body, and the author does one thing at a time."""

    author: str
    body: str | None
    client_seq: int
    """In the order of saying, per author and lesson."""
    message: Plain | None = None
    """The first answer; null while there is none."""
    busy: bool = False
    reactions: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By person and emoji, the last acknowledged word."""


@dataclass
class Drawn:
    """An element as its author knows it: what was acknowledged last. Null: deleted."""

    author: str
    look: Plain | None
    busy: bool = False


class Ledger:
    """Of one lesson."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.drawn: dict[str, Drawn] = {}
        self.read: dict[str, int] = {}
        """By person, the furthest acknowledged read mark."""
        self.renamed = 0
        """How often the lesson was changed, as far as its tutor was told."""
        self.acknowledged = 0
        self.refused: Counter[str] = Counter()
        self.faults: list[str] = []

    def messages_of(self, author: str | None = None) -> list[Said]:
        """Acknowledged, not deleted, nothing under way."""
        return [
            one
            for one in self.said
            if one.message is not None and one.body is not None and not one.busy and author in (None, one.author)
        ]

    def elements_of(self, author: str) -> list[str]:
        """Acknowledged, not deleted, nothing under way."""
        return [
            element_id
            for element_id, one in self.drawn.items()
            if one.author == author and one.look is not None and not one.busy
        ]

    def check_chat(self, history: list[Plain]) -> None:
        """Nothing acknowledged is lost or changed, and nothing is there twice. ``history``: the oldest first."""
        by_id = {message["id"]: message for message in history}
        assert len(by_id) == len(history), "a message stands twice in the history"
        keys = Counter((message["author"]["id"], message["client_id"]) for message in history)
        assert max(keys.values(), default=1) == 1, f"said once, written twice: {keys.most_common(1)}"
        assert len(history) == len(self.said), f"{len(self.said)} were said, {len(history)} are there"
        for one in self.said:
            assert one.message is not None, f"never answered: {one}"
            message = by_id.get(one.message["id"])
            assert message is not None, f"acknowledged and lost: {one}"
            assert message["seq"] == one.message["seq"], f"moved: {one}"
            assert message["body"] == one.body, f"{message['body']!r} is not what was acknowledged: {one}"
            for (person, emoji), on in one.reactions.items():
                there = person in message["reactions"].get(emoji, ())
                assert there == on, f"{person}'s {emoji} is {'there' if there else 'gone'}: {one}"
        for author in {one.author for one in self.said}:
            mine = [one for one in self.said if one.author == author]
            seqs = [one.message["seq"] for one in sorted(mine, key=lambda one: one.client_seq) if one.message]
            assert seqs == sorted(seqs), f"{author} did not say it in this order: {seqs}"

    def check_board(self, elements: list[Plain]) -> None:
        """The same for the board."""
        there = {element["id"]: element for element in elements}
        assert len(there) == len(elements), "an element stands twice on the board"
        strangers = set(there) - set(self.drawn)
        assert not strangers, f"nobody drew {strangers}"
        for element_id, one in self.drawn.items():
            element = there.get(element_id)
            if one.busy:  # a stroke that lost the pen while it grew: some of it is there
                continue
            if one.look is None:
                assert element is None, f"deleted and there: {element}"
                continue
            assert element is not None, f"acknowledged and lost: {element_id} {one}"
            for name, value in one.look.items():
                assert element[name] == value, f"{name} of {element_id} is {element[name]}, acknowledged was {value}"
