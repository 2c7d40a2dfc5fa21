"""The board as its events make it, and what takes a change of one's own back. Pure: no connection, no clock.

The numbers are those of ``docs/rules/board.md``. Elements are plain values as they came over the wire, and are never
changed in place: what was read once stays as it was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from heapq import merge
from math import inf
from typing import Any, Final

from tutorwamp.client.known import is_count, is_named, rows

Plain = dict[str, Any]
"""An element, a change or an event as it goes over the wire."""

EARLY_AT_MOST: Final = 1000
"""Events kept for later: half a minute of a busy board, about as long as opening it may take."""


class Outcome(Enum):
    """What became of an event."""

    APPLIED = "applied"
    KNOWN = "known"
    """It is in what we have already."""
    GAP = "gap"
    """Something before it is missing. It is kept; if what is missing does not come either, open the board afresh."""


class Replica:
    """B18: a board at ``head``, from a state and the events after it, however often and in whatever order they come."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        """Their ids."""
        self.elements: dict[str, Plain] = {}
        """By id, in the order they are drawn: the first is at the bottom."""
        self.head = -1
        """The ``seq`` of the newest event that is in it; -1 before the first ``open``."""
        self.doubtful = False
        """Something in an event made no sense (S30): what is here may not be the board until it is opened afresh."""
        self._opening = True
        self._early: dict[int, Plain] = {}
        self._unread: set[str] = set()
        """Pages whose elements we do not have; what events say of them is in what will be read, or they are gone."""

    def hold(self) -> None:
        """Keep what comes from now on for ``open``: a state that is read meanwhile may be older, or newer."""
        self._opening = True
        self._early.clear()  # what came before is in the state

    def open(self, state: Mapping[str, Any]) -> None:
        """Begin anew with an answer of ``tutorwamp.board.open``, then apply what was kept and is newer."""
        self._begin(state)
        self._unread = set()
        self._follow()

    def open_in_parts(self, parts: Sequence[tuple[Collection[str], Mapping[str, Any]]]) -> bool:
        """The same with answers that have only the elements of the pages named beside them, in the order of asking.

        Between two of them the board has changed: what is there already follows the events that were kept, up to where
        the next part begins. Returns false, and stays as it was, where one of these has not come.
        """
        heads = [state["head"] for _, state in parts]
        if any(seq not in self._early for seq in range(heads[0] + 1, heads[-1] + 1)):
            return False
        self._begin(parts[0][1])
        self._unread = {*self.pages}
        for pages, state in parts:
            self._apply_kept(state["head"])
            self._unread.difference_update(pages)
            self._add(state["elements"])
        self._follow()
        return True

    def _begin(self, state: Mapping[str, Any]) -> None:
        self.pages = [page["id"] for page in rows(state["pages"]) if is_named(page)]
        self.elements = {}
        self.doubtful = False
        self._add(rows(state["elements"]))
        self.head = state["head"]

    def _add(self, elements: Iterable[Plain]) -> None:
        """Among those that are there: in the order in which they were made; each of both keeps its own."""
        known = [element for element in elements if is_named(element)]
        both = merge(self.elements.values(), known, key=_created_at) if self.elements else known
        self.elements = {element["id"]: element for element in both}

    def _follow(self) -> None:
        self._opening = False
        self._early = {seq: event for seq, event in self._early.items() if seq > self.head}
        self._apply_kept()

    def apply(self, event: Mapping[str, Any]) -> tuple[Outcome, list[Plain]]:
        """Take the keyword arguments of an event; what became of it, and the events that took effect, in order.

        Several take effect where it was what others waited for. One of a type that is not known changes nothing.
        """
        seq: int = event["seq"] if is_count(event.get("seq")) else -1
        if seq <= self.head:
            return Outcome.KNOWN, []
        self._early[seq] = dict(event)
        applied = [] if self._opening else self._apply_kept()
        if len(self._early) > EARLY_AT_MOST:
            del self._early[min(self._early)]  # the oldest are the likeliest to be in the state that is opened then
        return (Outcome.APPLIED if applied else Outcome.GAP), applied

    def state(self) -> Plain:
        """As ``tutorwamp.board.open`` would answer it."""
        return {
            "pages": [{"id": page} for page in self.pages],
            "elements": list(self.elements.values()),
            "head": self.head,
        }

    def _apply_kept(self, up_to: float = inf) -> list[Plain]:
        applied = []
        while self.head < up_to and (event := self._early.pop(self.head + 1, None)):
            self._take(event)
            self.head += 1
            applied.append(event)
        return applied

    def _take(self, event: Plain) -> None:
        data = event.get("data")
        made_sense = True
        match event.get("type"):
            case "board.changed":
                changes = data.get("changes") if isinstance(data, dict) else None
                done = [self._change(told, event.get("at") or "") for told in rows(changes)]
                made_sense = isinstance(changes, list) and all(done)
            case "page.added" | "page.removed" | "board.cleared" as kind:
                made_sense = isinstance(data, dict) and self._turn(kind, data.get("page", ...))
        self.doubtful = self.doubtful or not made_sense

    def _turn(self, kind: str, page: object) -> bool:
        """Whether it made sense, as of the next ones."""
        if kind == "board.cleared" and page is None:
            self._empty(None)
            return True
        if not isinstance(page, str):
            return False
        if kind != "board.cleared":
            self.pages = [one for one in self.pages if one != page]
        if kind == "page.added":
            self.pages = [*self.pages, page]
        else:
            self._empty(page)
        if kind == "page.removed":
            self._unread.discard(page)
        return True

    def _change(self, told: Any, at: str) -> bool:
        if not isinstance(told, dict):
            return False
        match told.get("op"):
            case "put" if is_named(told.get("element")):
                self._put(told["element"], at)
                return True
            case "delete" if is_named(told):
                self.elements.pop(told["id"], None)  # it may have come and gone within one event (B16)
                return True
            case "append" if is_named(told):
                return self._append(told, at)
        return False

    def _append(self, told: Plain, at: str) -> bool:
        before = self.elements.get(told["id"])
        if before is None:
            return bool(self._unread)  # then it stands on a page that is not read yet
        if not isinstance(before.get("points"), list) or not isinstance(told.get("points"), list):
            return False
        grown = {"points": [*before["points"], *told["points"]], "version": told.get("version"), "updated_at": at}
        self.elements[told["id"]] = {**before, **grown, **({"finished": True} if told.get("finished") else {})}
        return True

    def _put(self, element: Plain, at: str) -> None:
        if element.get("page") in self._unread:
            self.elements.pop(element["id"], None)
        elif self._unread and element["id"] not in self.elements and element.get("created_at") != at:
            self._add([element])  # it comes from a page that is not read yet
        else:
            self.elements[element["id"]] = element

    def _empty(self, page: str | None) -> None:
        kept = () if page is None else self.elements.items()
        self.elements = {element_id: element for element_id, element in kept if element.get("page") != page}


def _created_at(element: Plain) -> str:
    at = element.get("created_at")
    return at if isinstance(at, str) else ""


# Taking back what one has done: rule B30


@dataclass(frozen=True)
class Trace:
    """What we did to one element, however many changes it took."""

    id: str
    before: Plain | None
    """The element before; null where there was none."""
    base: int
    """The version before: 0 where the id was new, a tombstone's where we brought the element back."""
    version: int
    """The version our last change of it made."""
    alive: bool
    """Whether it is there now, or a tombstone."""


Traces = Mapping[str, Trace]
"""By the element's id."""


def traced(traces: Traces, changes: Iterable[Plain], elements: Mapping[str, Plain]) -> dict[str, Trace]:
    """What the changes will have done when all are applied; ``traces``: what was done before, as part of the same.

    ``elements`` is the board before the changes. An element we do not know at the version a change names leaves no
    trace: nobody could say what to put back.
    """
    made = dict(traces)
    for change in changes:
        about = change["element"] if change["op"] == "put" else change
        trace = _trace(made.get(about["id"]), change["op"], about["id"], about.get("version"), elements)
        if trace is None:
            made.pop(about["id"], None)
        else:
            made[about["id"]] = trace
    return made


def _trace(
    known: Trace | None, op: str, element_id: str, version: int | None, elements: Mapping[str, Plain]
) -> Trace | None:
    if version is None:
        return Trace(element_id, None, 0, 1, alive=True)
    if known is not None and known.version == version:
        return replace(known, version=version + 1, alive=op != "delete")
    before = elements.get(element_id)
    if before is None and op == "put":  # a tombstone's version (B4)
        return Trace(element_id, None, version, version + 1, alive=True)
    if before is None or before["version"] != version:
        return None
    return Trace(element_id, before, version, version + 1, alive=op != "delete")


def confirmed(before: Traces, after: Traces, answer: Mapping[str, Any]) -> dict[str, Trace]:
    """The traces after a submission, where the answer says that all changes of an element were applied.

    Where only some were, the version is anybody's guess: that element keeps the trace it had, and is left alone.
    """
    done = set(answer["applied"]) - {rejected["id"] for rejected in answer["rejected"]}
    return {**before, **{element_id: trace for element_id, trace in after.items() if element_id in done}}


def cleared(state: Mapping[str, Any], page: str | None) -> dict[str, Trace]:
    """What clearing a page (null: all) of this state has done."""
    return {
        element["id"]: Trace(element["id"], element, element["version"], element["version"] + 1, alive=False)
        for element in state["elements"]
        if page in (None, element.get("page"))
    }


def undoing(traces: Traces, elements: Mapping[str, Plain]) -> list[Plain]:
    """The changes that take back what was done; none for elements that somebody else has changed since."""
    changes = (_undoing(trace, elements.get(trace.id)) for trace in traces.values())
    return [change for change in changes if change is not None]


def _undoing(trace: Trace, now: Plain | None) -> Plain | None:
    untouched = not trace.alive if now is None else trace.alive and now["version"] == trace.version
    if not untouched:
        return None
    if trace.before is not None:
        return {"op": "put", "element": {**trace.before, "version": trace.version}}
    return {"op": "delete", "id": trace.id, "version": trace.version} if trace.alive else None


def rebased(traces: Traces, undone: Sequence[Trace]) -> dict[str, Trace]:
    """Older traces after newer ones were undone: the element is again as they left it, two versions later."""
    now = {(trace.id, trace.base): trace.version + 1 for trace in undone}
    return {
        element_id: replace(trace, version=now.get((element_id, trace.version), trace.version))
        for element_id, trace in traces.items()
    }
