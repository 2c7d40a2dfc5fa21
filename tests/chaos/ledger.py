"""What was asked and acknowledged, and what must therefore be found afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from tests.chaos.classroom import Classroom
from tests.chaos.verdicts import Events, Plain, Verdict, count_of

MUTED = "tutorwamp.error.lesson.muted"
REFUSALS = {
    MUTED,  # the tutor's rules, for a moment
    "tutorwamp.error.board.no_pen",  # the pen goes round
    "tutorwamp.error.conflict",  # a poll that has just been closed; a title that was based on rules before
    "tutorwamp.error.lesson.state",
    "tutorwamp.error.not_found",
    "tutorwamp.error.chat.edit_window",
}
"""What people may be told in a storm; anything else is a fault."""


@dataclass
class Said:
    """A message as its author knows it: nobody else may change its body, and all do one thing with it at a time."""

    author: str
    body: str | None
    client_seq: int
    """In the order of saying, per author and lesson."""
    message: Plain | None = None
    """The first answer; null while there is none."""
    busy: bool = False
    edits: int = 0
    turned: int = 0
    """How often a reaction was put on or taken off."""
    reactions: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    """By person and emoji, the last acknowledged word; null where it is not known which was the last."""
    files: list[Plain] = field(default_factory=list)
    doubtful_bodies: set[str] = field(default_factory=set)
    """What it may say instead: an edit was done or not, and the answer that told was lost."""
    doubtful: Counter[str] = field(default_factory=Counter)
    """By type, how many events more there may be."""

    def edit(self, body: str) -> None:
        """It was acknowledged."""
        self.body = body
        self.edits += 1
        self.doubtful_bodies.clear()

    def doubt_edit(self, body: str) -> None:
        """It was refused, perhaps when it was repeated."""
        self.doubtful_bodies.add(body)
        self.doubtful["message.updated"] += 1

    def react(self, person: str, emoji: str, *, on: bool) -> None:
        """It was acknowledged. What is so already is no event."""
        before = self.reactions.get((person, emoji), False)
        if before is None:
            self.doubtful["reaction.changed"] += 1
        else:
            self.turned += before != on
        self.reactions[person, emoji] = on

    def doubt_reaction(self, person: str, emoji: str) -> None:
        """It was refused, perhaps when it was repeated."""
        self.reactions[person, emoji] = None
        self.doubtful["reaction.changed"] += 1

    def events(self) -> dict[str, range]:
        """How many of each type the stream must have about it, no more and no fewer."""
        least = {
            "message.created": 1,
            "message.updated": self.edits,
            "message.deleted": int(self.body is None),
            "reaction.changed": self.turned,
        }
        return {kind: range(count, count + self.doubtful[kind] + 1) for kind, count in least.items()}


@dataclass
class Drawn:
    """An element as its author knows it: what was acknowledged last. Null: deleted."""

    author: str
    look: Plain | None
    busy: bool = False
    version: int | None = None
    """How many acknowledged changes made it; null where only its points say (a stroke)."""

    def changed(self, look: Plain | None) -> None:
        """It was acknowledged."""
        self.look = look
        if self.version is not None:
            self.version += 1


class Ledger:
    """Of one lesson."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.contents: dict[str, bytes] = {}
        """By file's id, what an acknowledged message was sent with."""
        self.drawn: dict[str, Drawn] = {}
        self.read: dict[str, int] = {}
        """By person, the furthest acknowledged read mark."""
        self.renamed = 0
        """How often the lesson was changed, as far as its tutor was told."""
        self.acknowledged = 0
        self.looked_up = 0
        """Of the last look: messages, edits, deletions, reactions and elements, each against what is stored."""
        self.refused: Counter[str] = Counter()
        self.found: list[tuple[Verdict, str]] = []
        """What is wrong, and how."""
        self.classroom = Classroom(self.note)

    def note(self, verdict: Verdict, what: str) -> None:
        """Something is wrong."""
        self.found.append((verdict, what))

    def take_back(self, said: Said) -> None:
        """It was refused: if it is there, nobody has said it."""
        self.said = [one for one in self.said if one is not said]

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

    def check_chat(self, history: Sequence[Plain]) -> None:
        """Nothing acknowledged is lost or changed, and nothing is there twice. ``history``: the oldest first."""
        self.found += self._of_chat(history)

    def check_events(self, events: Events) -> None:
        """What was done once to a message is in its stream once."""
        self.looked_up = 0
        for one in self.said:
            subject = one.message["id"] if one.message else ""
            for kind, expected in one.events().items():
                self.looked_up += expected.start
                self.found += count_of(f"{kind} of {one}", events.get((kind, subject), 0), expected)

    def check_file(self, said: Said, file_id: str, content: bytes | None) -> None:
        """Served as it was sent, and gone with its message. ``content``: null where there is no such file."""
        if said.body is None and content is not None:
            self.note("wrong", f"a file of a deleted message is there: {said}")
        elif said.body is not None and content != self.contents[file_id]:
            self.note("lost", f"{file_id} is {content and content[:50]!r}, sent was {self.contents[file_id][:50]!r}")

    def check_stored_files(self, shown: Set[str]) -> None:
        """``shown``: ids of the files that the database takes for some message's."""
        mine = {one["id"] for said in self.said if said.message and said.body is not None for one in said.files}
        if shown != mine:
            self.note(
                "wrong", f"these files are no message's: {shown - mine}, these are and are not kept: {mine - shown}"
            )

    def check_board(self, elements: Sequence[Plain]) -> None:
        """The same as for the chat."""
        self.found += self._of_board(elements)

    def check_versions(self, versions: Mapping[str, int]) -> None:
        """``versions``: of all elements ever drawn, tombstones too, how often they were changed."""
        for element_id, one in self.drawn.items():
            self.looked_up += one.version or 1
            version = versions.get(element_id, 0)
            if one.version is not None and version != one.version:
                verdict: Verdict = "lost" if version < one.version else "doubled"
                self.note(verdict, f"{version} changes instead of {one.version}: {element_id} {one}")

    def _of_chat(self, history: Sequence[Plain]) -> Iterator[tuple[Verdict, str]]:
        by_id = {message["id"]: message for message in history}
        keys = Counter((message["author"]["id"], message["client_id"]) for message in history)
        for key, times in keys.items():
            if times > 1:
                yield "doubled", f"said once, written {times} times: {key}"
        known = {one.message["id"] for one in self.said if one.message is not None}
        for message_id in by_id.keys() - known:
            yield "wrong", f"nobody said {by_id[message_id]}"
        for one in self.said:
            message = by_id.get(one.message["id"]) if one.message else None
            if message is None or one.message is None:
                yield "lost", f"{'acknowledged and not there' if one.message else 'never answered'}: {one}"
            else:
                yield from _differences(one, message)
        for author in {one.author for one in self.said}:
            mine = sorted((one for one in self.said if one.author == author), key=lambda one: one.client_seq)
            seqs = [one.message["seq"] for one in mine if one.message]
            if seqs != sorted(seqs):
                yield "wrong", f"{author} did not say it in this order: {seqs}"

    def _of_board(self, elements: Sequence[Plain]) -> Iterator[tuple[Verdict, str]]:
        there = {element["id"]: element for element in elements}
        if len(there) != len(elements):
            yield "doubled", "an element stands twice on the board"
        if strangers := set(there) - set(self.drawn):
            yield "wrong", f"nobody drew {strangers}"
        for element_id, one in self.drawn.items():
            element = there.get(element_id)
            if one.busy:  # a stroke that lost the pen while it grew: some of it is there
                continue
            if one.look is None and element is not None:
                yield "lost", f"deleted and there: {element}"
            elif one.look is not None and element is None:
                yield "lost", f"acknowledged and not there: {element_id} {one}"
            for name, value in (one.look or {}).items():
                if element is not None and element[name] != value:
                    yield "wrong", f"{name} of {element_id} is {element[name]}, acknowledged was {value}"


def _differences(said: Said, message: Plain) -> Iterator[tuple[Verdict, str]]:
    if said.message is not None and message["seq"] != said.message["seq"]:
        yield "wrong", f"moved: {said}"
    if message["body"] != said.body and message["body"] not in said.doubtful_bodies:
        yield "lost", f"{message['body']!r} is not what was acknowledged: {said}"
    if message["files"] != (said.files if said.body is not None else []):
        yield "lost", f"{message['files']} is not what was sent: {said}"
    for (person, emoji), on in said.reactions.items():
        there = person in message["reactions"].get(emoji, ())
        if there != on and on is not None:
            yield "lost", f"{person}'s {emoji} is {'there' if there else 'gone'}: {said}"
