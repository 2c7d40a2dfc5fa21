"""What really happened in a storm, written down at the server's door, and what must be true of it afterwards.

The model of a board here shares no code with the product: it is made from the rules, as naively as can be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.board.fuzz_clients import Asked, Hand

Plain = dict[str, Any]
ERROR = "tutorwamp.error."
REFUSALS = {
    "submit": {"unavailable"},
    "add_page": {"unavailable", "conflict", "board.full", "board.no_pen"},
    "remove_page": {"unavailable", "conflict", "not_found", "board.no_pen"},
    "clear": {"unavailable", "not_found", "board.no_pen"},
}
"""What a call as a whole may be refused with; everything else is a fault."""


VERBS = {"page.added": "add_page", "page.removed": "remove_page", "board.cleared": "clear"}
"""What becomes an event about pages."""
OWNED = {"id", "version", "author", "created_at", "updated_at"}
"""What of an element its look is not."""


class Told:
    """B18: the board somebody has who hears everything."""

    def __init__(self, lesson_id: str) -> None:
        self.pages = [lesson_id]
        self.elements: list[Plain] = []
        self.head = 0

    def state(self) -> Plain:
        return {"pages": [{"id": page} for page in self.pages], "elements": list(self.elements), "head": self.head}

    def find(self, element_id: str) -> Plain | None:
        return next((element for element in self.elements if element["id"] == element_id), None)

    def hear(self, event: Plain) -> None:
        assert event["seq"] == self.head + 1, f"after {self.head} comes {event['seq']}"
        self.head = event["seq"]
        data = event["data"]
        if event["type"] == "board.changed":
            for one in data["changes"]:
                self._change(one, event["at"])
        elif event["type"] == "page.added":
            self.pages.append(data["page"])
        else:
            assert event["type"] in ("page.removed", "board.cleared")
            self.elements = [one for one in self.elements if data["page"] not in (None, one["page"])]
            if event["type"] == "page.removed":
                self.pages.remove(data["page"])

    def _change(self, told: Plain, at: str) -> None:
        if told["op"] == "put":
            new = told["element"]
            places = [place for place, one in enumerate(self.elements) if one["id"] == new["id"]]
            if places:
                self.elements[places[0]] = new
            else:
                self.elements.append(new)
        elif told["op"] == "delete":
            self.elements = [one for one in self.elements if one["id"] != told["id"]]
        else:
            (place,) = [place for place, one in enumerate(self.elements) if one["id"] == told["id"]]
            grown = dict(self.elements[place])
            grown.update(points=grown["points"] + told["points"], version=told["version"], updated_at=at)
            if told.get("finished"):
                grown["finished"] = True
            self.elements[place] = grown


@dataclass(eq=False)
class Submission:
    """One ``client_id`` of one person: what was asked, how often it came, what was answered."""

    drawer: Hand
    verb: str
    arguments: Plain
    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    """Process, session and the moment, by number."""
    answer: Plain | None = None
    fresh: bool = False
    """Whether the answer was given when the changes were judged, and not later for a repetition."""
    refusals: list[str] = field(default_factory=list)

    @property
    def person(self) -> str:
        return self.drawer.caller.user_id


@dataclass(frozen=True)
class Deed:
    """What made the next version of an element: a change, or the clearing or removing of its page (no change)."""

    seq: int
    submission: Submission
    change: Plain | None = None

    @property
    def person(self) -> str:
        return self.submission.person


Chain = dict[int, Deed]
"""What was done to an element, by the version it was done to; 0 is before there was one."""


def named(change: Plain) -> tuple[str, int]:
    """The id and the version a change is about."""
    about = change["element"] if change["op"] == "put" else change
    return about["id"], about.get("version") or 0


class Ledger:
    """Knows every arrival and every answer, and who had the pen at each event."""

    def __init__(self, moderators: Iterable[str]) -> None:
        self.moderators = set(moderators)
        self.submissions: dict[tuple[str, str], Submission] = {}
        self.undone: list[Plain] = []
        """The changes by which clients wanted to take something back."""
        self.repeated = 0
        self._moment = 0
        self._pens: dict[int, list[frozenset[str]]] = defaultdict(list)

    # During the storm

    def arrived(self, asked: Asked, process: int, session: int) -> None:
        """A call has reached the server, for the first time or again. ``session``: 0 for none that lives."""
        one = self._submission(asked)
        if one is not None:
            self._moment += 1
            one.arrivals.append((process, session, self._moment))

    def answered(self, asked: Asked, answer: Plain) -> None:
        """The server has answered. B21: every time the same."""
        one = self._submission(asked)
        if one is None:
            return
        if one.answer is not None:
            self.repeated += 1
            assert _lasting(one.answer) == _lasting(answer), f"{asked.verb}: first {one.answer}, then {answer}"
        else:
            one.answer = answer
            one.fresh = len({process for process, *_ in one.arrivals}) == 1

    def refused(self, asked: Asked, uri: str) -> None:
        """The server has said no to the whole call."""
        one = self._submission(asked)
        if one is None:
            return
        assert uri.removeprefix(ERROR) in REFUSALS[one.verb], f"{asked.verb}: {uri}"
        assert one.answer is None or uri == f"{ERROR}unavailable", f"{asked.verb} was done, and then refused: {uri}"
        one.refusals.append(uri)

    def _submission(self, asked: Asked) -> Submission | None:
        client_id = asked.arguments.get("client_id")
        if client_id is None:
            return None
        key = (asked.drawer.caller.user_id, client_id)
        return self.submissions.setdefault(key, Submission(asked.drawer, asked.verb, asked.arguments))

    def committed(self, head: int, pen: Iterable[str]) -> None:
        """A transaction went through: so far is the stream now, and these students have the pen."""
        self._pens[head].append(frozenset(pen))

    # After it

    def check(self, lesson_id: str, events: Sequence[Plain], versions: Mapping[str, int]) -> Told:
        """All that can be said of events and answers; ``versions`` are those stored. Gives the board they make."""
        for one in self.submissions.values():
            assert one.answer is not None or one.refusals, f"never answered: {one.verb} {one.arguments}"
        cleared, told = self._replay(lesson_id, events)
        chains = self._chains(cleared)
        for element_id, chain in chains.items():
            assert sorted(chain) == list(range(versions[element_id])), f"{element_id} {versions[element_id]}: {chain}"
            seqs = [chain[version].seq for version in sorted(chain)]
            assert seqs == sorted(seqs), f"{element_id}: {seqs}"
        assert chains.keys() == versions.keys()
        self._check_pages(events)
        self._check_events(events, chains)
        self._check_pen(chains)
        self._check_order()
        self._check_rejections(chains)
        self._check_undo(chains)
        _check_content(told, chains, {event["seq"]: event["at"] for event in events})
        return told

    def _replay(self, lesson_id: str, events: Sequence[Plain]) -> tuple[dict[str, Chain], Told]:
        """What clearing and removing pages did to elements, and the board in the end.

        On the way: a rejection shows the element as it is after the event its answer speaks of (B7).
        """
        rejected: dict[int, list[Plain]] = defaultdict(list)
        for one in self.submissions.values():
            if one.fresh and one.answer is not None:
                rejected[one.answer["seq"]] += _rejections(one)
        cleared: dict[str, Chain] = defaultdict(dict)
        told = Told(lesson_id)
        for event in [None, *events]:
            if event is not None:
                if event["type"] in ("board.cleared", "page.removed"):
                    deed = Deed(event["seq"], self._wish(event))
                    for element in told.elements:
                        if event["data"]["page"] in (None, element["page"]):
                            cleared[element["id"]][element["version"]] = deed
                told.hear(event)
            for rejection in rejected.pop(told.head, ()):
                assert rejection["element"] == told.find(rejection["id"]), f"at {told.head}: {rejection}"
        assert not rejected, "answers that speak of events there are not"
        return cleared, told

    def _wish(self, event: Plain) -> Submission:
        """The one that became this event about a page. Raises AssertionError where it is not exactly one."""
        answer = {"seq": event["seq"], "page": event["data"]["page"], "changed": True}
        verb, person = VERBS[event["type"]], event["actor"]["id"]
        of_person = [one for one in self.submissions.values() if one.verb == verb and one.person == person]
        fitting = [one for one in of_person if one.answer == answer]
        assert len(fitting) == 1, f"{len(fitting)} wanted {event}"
        return fitting[0]

    def _check_pages(self, events: Sequence[Plain]) -> None:
        """Each event about a page was somebody's wish, and each wish that was granted became an event."""
        wishes = [self._wish(event) for event in events if event["type"] in VERBS]
        for wish in wishes:
            assert wish.answer is not None
            assert self._may_draw(wish.person, self._pens[wish.answer["seq"]][0]), f"without the pen: {wish}"
        turns = [one for one in self.submissions.values() if one.verb in VERBS.values() and one.answer is not None]
        assert sum(bool(one.answer and one.answer["changed"]) for one in turns) == len(wishes)

    def _chains(self, cleared: Mapping[str, Chain]) -> dict[str, Chain]:
        """B1 to B5: every version of every element was made by exactly one change. Raises AssertionError."""
        chains: dict[str, Chain] = defaultdict(dict, cleared)
        for one in self.submissions.values():
            if one.verb == "submit" and one.answer is not None:
                for change in _taken(one.arguments["changes"], one.answer):
                    element_id, version = named(change)
                    assert version not in chains[element_id], f"{element_id}: version {version} was taken twice"
                    chains[element_id][version] = Deed(one.answer["seq"], one, change)
        return {element_id: chain for element_id, chain in chains.items() if chain}

    def _check_events(self, events: Sequence[Plain], chains: Mapping[str, Chain]) -> None:
        """B15, B16: an event tells of each element its changes touched, as few times as can be, the version and who."""
        deeds: dict[int, list[tuple[str, Deed]]] = defaultdict(list)
        for element_id, chain in chains.items():
            for deed in chain.values():
                deeds[deed.seq].append((element_id, deed))
        for event in events:
            done = deeds.pop(event["seq"], [])
            if event["type"] != "board.changed":
                continue
            people = {deed.person for _, deed in done}
            assert (event["actor"] or {}).get("id") == (people.pop() if len(people) == 1 else None), event
            last: dict[str, Plain] = {}
            for told in event["data"]["changes"]:
                version = told["element"]["version"] if told["op"] == "put" else told["version"]
                element_id = told["element"]["id"] if told["op"] == "put" else told["id"]
                before = last.get(element_id)
                assert before is None or before["op"] == "delete", f"told twice: {event}"
                assert chains[element_id][version - 1].person == told["by"], f"{told} in {event['seq']}"
                last[element_id] = {"op": told["op"], "version": version}
            counts = {name: sum(deed.seq <= event["seq"] for deed in chains[name].values()) for name, _ in done}
            assert {name: one["version"] for name, one in last.items()} == counts, event
        assert not deeds, f"never told: {deeds}"

    def _may_draw(self, person: str, pen: frozenset[str]) -> bool:
        return person in self.moderators or person in pen

    def _check_pen(self, chains: Mapping[str, Chain]) -> None:
        """B9: what was applied was applied with the pen, and what was rejected for want of it was without."""
        for chain in chains.values():
            for deed in chain.values():
                assert self._may_draw(deed.person, self._pens[deed.seq][0]), f"without the pen: {deed}"
        for one in self.submissions.values():
            for rejection in _rejections(one):
                if rejection["error"] == f"{ERROR}board.no_pen":
                    assert one.answer is not None
                    pens = self._pens[one.answer["seq"]]
                    assert any(not self._may_draw(one.person, pen) for pen in pens), f"with the pen: {one}"

    def _check_order(self) -> None:
        """B22: what one session sends is taken in its order, so that the answers' numbers never go back."""
        last: dict[tuple[int, int], tuple[int, int]] = {}
        for one in sorted(self.submissions.values(), key=lambda one: one.arrivals[0][2]):
            process, session, moment = one.arrivals[0]
            if one.answer is not None and len(one.arrivals) == 1 and session > 0:
                before, seq = last.get((process, session), (0, 0))
                assert seq <= one.answer["seq"], f"{before} was taken after {moment}, which came later: {one}"
                last[process, session] = moment, one.answer["seq"]

    def _check_rejections(self, chains: Mapping[str, Chain]) -> None:
        """B1 to B4, B22: stale is what names another version, and nothing is stale that was sent in order."""
        for one in self.submissions.values():
            stale = [rejection for rejection in _rejections(one) if rejection["error"] == f"{ERROR}board.stale"]
            for rejection in stale:
                now = rejection["details"]["version"] or 0
                chain = chains.get(rejection["id"], {})
                changes = [change for change in one.arguments["changes"] if named(change)[0] == rejection["id"]]
                dead = now > 0 and (chain[now - 1].change or {"op": "delete"})["op"] == "delete"
                wrong = [change for change in changes if named(change)[1] != now or (dead and change["op"] != "put")]
                assert wrong, f"not stale: {rejection} of {changes}"
                for change in changes:
                    made = chain.get(named(change)[1] - 1)
                    if made is not None and named(change)[1] > now:
                        assert not _before(made.submission, one), f"turned round: {one}"

    def _check_undo(self, chains: Mapping[str, Chain]) -> None:
        """B30: an undo takes back what the same client did, nothing of anybody else's."""
        wanted = {id(change) for change in self.undone}
        for element_id, chain in chains.items():
            for version, deed in chain.items():
                if id(deed.change) in wanted:
                    undone = chain[version - 1].submission
                    assert deed.submission.drawer is undone.drawer, f"{element_id} {version}: undid others: {deed}"


def _taken(changes: Sequence[Plain], answer: Plain) -> Iterator[Plain]:
    """The changes that were applied.

    Where those of one element were only partly applied, the answer does not say which. In storms they name versions
    that count up, so that they were applied in one piece: from the version on that the first stale one was told.
    """
    by_id: dict[str, list[Plain]] = defaultdict(list)
    for change in changes:
        by_id[named(change)[0]].append(change)
    applied: Counter[str] = Counter(answer["applied"])
    rejected = Counter(rejection["id"] for rejection in answer["rejected"])
    assert applied + rejected == Counter({element_id: len(of_it) for element_id, of_it in by_id.items()}), answer
    for element_id, count in applied.items():
        first = named(by_id[element_id][0])[1]
        refused = next((one for one in answer["rejected"] if one["id"] == element_id), None)
        now = refused["details"]["version"] if refused and refused["error"] == f"{ERROR}board.stale" else None
        begin = max(0, (now or 0) - first)
        begin = begin if begin < len(by_id[element_id]) else 0
        yield from by_id[element_id][begin : begin + count]


def _rejections(one: Submission) -> list[Plain]:
    rejected: list[Plain] = one.answer["rejected"] if one.verb == "submit" and one.answer is not None else []
    return rejected


def _before(one: Submission, other: Submission) -> bool:
    """Whether both came once, in the same session to the same process, in this order."""
    if one is other or len(one.arrivals) != 1 or len(other.arrivals) != 1:
        return False
    (process, session, moment), (other_process, other_session, later) = one.arrivals[0], other.arrivals[0]
    return (process, session) == (other_process, other_session) and session > 0 and moment < later


def _lasting(answer: Plain) -> Plain:
    """What of an answer is the same each time: all but the rejected elements, which are as they are now."""
    if "rejected" not in answer:
        return answer
    return {**answer, "rejected": [{**one, "element": None} for one in answer["rejected"]]}


def _check_content(told: Told, chains: Mapping[str, Chain], at: Mapping[int, str]) -> None:
    """What stands in the end is what its changes say, one after another, by whom and when (B2, B4, B5, B17)."""
    standing: dict[str, Plain] = {}
    for element_id, chain in chains.items():
        look: Plain | None = None
        made: Plain = {}
        for version, deed in sorted(chain.items()):
            change = deed.change
            if change is None or change["op"] == "delete":
                assert look is not None, f"{element_id} was deleted twice, at version {version}"
                look = None
            elif change["op"] == "put":
                made = made if look is not None else {"author": deed.person, "created_at": at[deed.seq]}
                look = {name: value for name, value in change["element"].items() if name not in OWNED}
            else:
                assert look is not None, f"{element_id} grew after its end, at version {version}"
                finished = {"finished": True} if change.get("finished") else {}
                look = {**look, "points": look["points"] + change["points"], **finished}
        if look is not None:
            last = {"version": len(chain), "updated_at": at[chain[len(chain) - 1].seq]}
            standing[element_id] = {"id": element_id, **look, **made, **last}
    assert {one["id"]: {**one, "author": one["author"]["id"]} for one in told.elements} == standing
