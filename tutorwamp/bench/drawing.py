"""What people draw in benchmarks: strokes that grow as they are drawn, and the model of a lesson. Pure, seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tutorwamp.kernel.contracts import new_id

APPENDS_PER_S: Final = 20
"""What a client sends at most (B33)."""
POINTS_OF_AN_APPEND: Final = (2, 3)
"""A pointer tells 60 positions a second, a client drops those that lie on a line."""
COLORS: Final = ("#1a2b3c", "#c92a2a", "#2b8a3e", "#1864ab")

STROKE_S: Final = 1.5
"""A word written without lifting the pen, half a circle, an underline."""
TUTOR_DRAWS: Final = 0.4
"""Share of the time."""
STUDENT_DRAWS: Final = (0.02, 0.05)
"""The quietest and the busiest; the others evenly between: a third of a minute to a minute each quarter of an hour."""
PAGE_S: Final = 600.0
"""A new page every ten minutes; everybody draws on the newest."""
ERASED: Final = 0.08
"""After this share of strokes their author takes one of the page away."""
MOVED: Final = 0.04
"""The same, for moving one: it is put again as long as it is dragged."""
MOVE_PUTS: Final = 10
"""Half a second of dragging."""
SHAPES: Final = 0.05
"""After this share of strokes comes a box or a text, with one put."""

Change = dict[str, Any]


def stroke(page: str, random: Random, submissions: int) -> list[Change]:
    """A stroke as it is submitted while it grows: a put, then appends, the last of which finishes it."""
    x, y = random.uniform(0, 1600), random.uniform(0, 1000)
    element = {"id": new_id(), "page": page, "kind": "stroke", "color": random.choice(COLORS), "width": 2.5}
    changes: list[Change] = []
    for version in range(submissions):
        points = []
        for _ in range(random.choice(POINTS_OF_AN_APPEND)):
            x, y = x + random.uniform(-12, 12), y + random.uniform(-12, 12)
            points.append([round(x, 2), round(y, 2)])
        if version == 0:
            changes.append({"op": "put", "element": {**element, "points": points}})
        else:
            changes.append({"op": "append", "id": element["id"], "version": version, "points": points})
    if submissions > 1:
        changes[-1]["finished"] = True
    return changes


@dataclass(frozen=True)
class Drawn:
    """Changes of one person (0: the tutor), one submission each, in this order and each after the one before."""

    who: int
    changes: list[Change]


@dataclass(frozen=True)
class Turned:
    """Something the tutor does with a page while nobody draws: ``board.add_page`` or ``board.clear``."""

    procedure: str
    page: str


@dataclass
class _Page:
    """What can be erased and moved: each person's elements on the page as they are now."""

    id: str
    standing: dict[int, list[Change]] = field(default_factory=dict)


def lesson(first_page: str, people: int, seconds: float, seed: int = 1) -> Iterator[Drawn | Turned]:
    """A lesson of one tutor and the others students, in the order in which things happen."""
    random = Random(seed)  # noqa: S311  # the same lesson each time
    begun_s = 0.0
    page = _Page(first_page)
    clear = False
    while begun_s < seconds:
        lasts_s = min(PAGE_S, seconds - begun_s)
        turns = _turns(people, lasts_s, random)
        for number, who in enumerate(turns):
            if clear and number == len(turns) // 2:  # every second page is emptied once
                yield Turned("tutorwamp.board.clear", page.id)
                page.standing.clear()
            yield _drawn(page, who, random)
        begun_s += lasts_s
        clear = not clear
        if begun_s < seconds:
            page = _Page(new_id())
            yield Turned("tutorwamp.board.add_page", page.id)


def submissions_of(steps: list[Drawn | Turned]) -> int:
    """How many calls these are."""
    return sum(len(step.changes) if isinstance(step, Drawn) else 1 for step in steps)


def _turns(people: int, seconds: float, random: Random) -> list[int]:
    """Who draws the next stroke, for all strokes of a time."""
    low, high = STUDENT_DRAWS
    shares = [TUTOR_DRAWS, *(low + (high - low) * n / max(1, people - 2) for n in range(people - 1))]
    turns = [who for who, share in enumerate(shares) for _ in range(max(1, round(share * seconds / STROKE_S)))]
    random.shuffle(turns)
    return turns


def _drawn(page: _Page, who: int, random: Random) -> Drawn:
    """A stroke, and now and then something else after it."""
    standing = page.standing.setdefault(who, [])
    chance = random.random()
    after: list[Change] = []
    if standing and chance < ERASED:
        gone = standing.pop(random.randrange(len(standing)))
        after = [{"op": "delete", "id": gone["id"], "version": gone["version"]}]
    elif standing and chance < ERASED + MOVED:
        after = _moved(standing, random.randrange(len(standing)))
    elif chance > 1 - SHAPES:
        shape = _shape(page.id, random)
        standing.append({**shape, "version": 1})
        after = [{"op": "put", "element": shape}]
    changes = stroke(page.id, random, round(STROKE_S * APPENDS_PER_S))
    standing.append(_grown(changes))
    return Drawn(who, changes + after)


def _grown(changes: list[Change]) -> Change:
    """The stroke these changes make, as the board has it then."""
    first = changes[0]["element"]
    points = first["points"] + [point for change in changes[1:] for point in change["points"]]
    return {**first, "points": points, "finished": True, "version": len(changes)}


def _moved(standing: list[Change], place: int) -> list[Change]:
    changes = []
    element = standing[place]
    for _ in range(MOVE_PUTS):
        changes.append({"op": "put", "element": (element := _beside(element))})
        element = {**element, "version": element["version"] + 1}
    standing[place] = element
    return changes


def _beside(element: Change) -> Change:
    if element["kind"] == "stroke":
        return {**element, "points": [[x + 3, y + 2] for x, y in element["points"]]}
    return {**element, "x": element["x"] + 3, "y": element["y"] + 2}


def _shape(page: str, random: Random) -> Change:
    x, y = round(random.uniform(0, 1600), 2), round(random.uniform(0, 1000), 2)
    element = {"id": new_id(), "page": page, "color": random.choice(COLORS), "x": x, "y": y}
    if random.random() < 0.5:
        return {**element, "kind": "text", "text": "three quarters of two thirds is a half", "size": 24.0}
    return {**element, "kind": "rect", "width": 120.0, "height": 80.0}
