"""Which processes of a node live, judged by what they report. Pure: the supervisor hands in what it hears.

The router's process tells of itself and of the containers it hears; the controller tells of itself and of workers that
ended. Beats are counted, not timed: a supervisor that stood still itself finds one missing, not many.
"""

from __future__ import annotations

from typing import Any, Final

from tutorwamp.kernel.lifeline import BEAT_EVERY_S, BEATS_MISSED_AT_MOST

REPLACED_AFTER_S: Final = 30.0
"""A container that stands still, or the controller, is given so long to go on; the router, without which nobody says
anything, is not."""
_REPLACED_AFTER_BEATS: Final = round(REPLACED_AFTER_S / BEAT_EVERY_S)


class Watch:
    """What is known of one run of the node."""

    def __init__(self) -> None:
        self.cannot = ""
        """Why a part of it cannot be made."""
        self.why = ""
        """What ended it."""
        self.must_end = False
        self._missed: dict[str, int] = {}
        """Looks since each of the two was heard."""
        self._names: dict[int, str] = {}
        self._containers: set[int] = set()
        self._containers_still: set[str] = set()
        self._still: dict[str, int] = {}
        """Who stands still, for how many looks."""

    def told(self, told: dict[str, Any]) -> list[str]:
        """One of its processes has told something; what there is to say."""
        match told["what"]:
            case "controller" | "router" as who:
                self._names[told["pid"]] = who
                self._missed[self._name(told["pid"])] = 0
                for pid, components in told.get("containers", ()):
                    self._containers.add(pid)
                    self._names[pid] = f"container of {', '.join(components)}"
                if who == "router":
                    self._containers_still = {self._name(pid) for pid in told["still"]}
            case "ended":
                self._because(f"{self._name(told['worker'])} ended: {told['how']}")
            case "cannot":
                self.cannot = self.cannot or told["why"]
                self._because(self.cannot)
        return self._changes()

    def check(self) -> list[str]:
        """Another beat is due; what there is to say."""
        for who in self._missed:
            self._missed[who] += 1
        for who in self._still:
            self._still[who] += 1
        return self._changes()

    @property
    def all_live(self) -> bool:
        """Whether everybody who was ever heard has shown life when it was due; one missed is still on its way."""
        return not self._containers_still and all(missed <= 1 for missed in self._missed.values())

    def workers(self) -> list[int]:
        """The router and the containers that have reported, by their process ids."""
        return [pid for pid, name in self._names.items() if name != "controller"]

    @property
    def processes(self) -> dict[str, bool]:
        """Everybody who was ever heard, in words, and whether they show life."""
        heard = {who: missed <= 1 for who, missed in self._missed.items()}
        containers = {self._name(pid): self._name(pid) not in self._containers_still for pid in self._containers}
        return dict(sorted({**heard, **containers}.items()))

    def _changes(self) -> list[str]:
        still = {who for who, missed in self._missed.items() if missed > BEATS_MISSED_AT_MOST}
        still |= self._containers_still
        said = [f"{who} goes on again" for who in self._still if who not in still]
        said += [f"{who} stands still" for who in sorted(still) if who not in self._still]
        self._still = {who: self._still.get(who, 0) for who in still}
        for who, looks in self._still.items():
            if who.startswith("the router") or looks >= _REPLACED_AFTER_BEATS:
                self.must_end = True
                self._because(f"{who} stood still and was killed")
        return said

    def _name(self, pid: int) -> str:
        return f"the {self._names.get(pid, 'worker')} (process {pid})"

    def _because(self, why: str) -> None:
        self.why = self.why or why  # what came first; the rest follows from it
