"""What people do on a board in a storm: reasonable things, and things no good client would do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final
from uuid import UUID

from tests.board.fuzz_clients import Hand

Plain = dict[str, Any]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
COLORS = ("#204080", "#c03020", "#FFFFFF")


class Deeds:
    """Each method lets a drawer begin something and says what, in words that are the same whenever a seed is run."""

    def __init__(self, random: Random, lesson_id: str, picture_id: str) -> None:
        self._random = random
        self._lesson_id = lesson_id
        self._picture_id = picture_id
        self._short: dict[str, str] = {}
        self.graves: dict[str, Plain] = {}
        """Deleted elements as they were last seen, with the tombstone's version."""
        self._seen: dict[str, Plain] = {}

    def some(self, drawer: Hand) -> str:
        """One of all deeds; a drawer who has not seen the board yet waits."""
        if drawer.board.head < 0:
            return "waits"
        (deed,) = self._random.choices([deed for deed, _ in DEEDS], [weight for _, weight in DEEDS])
        return deed(self, drawer)

    def see(self, event: Plain) -> None:
        """Remember what is deleted, so that it can be brought back."""
        for told in event["data"].get("changes", ()):
            if told["op"] == "put":
                self.graves.pop(told["element"]["id"], None)
                self._seen[told["element"]["id"]] = told["element"]
            elif told["op"] == "delete" and told["id"] in self._seen:
                self.graves[told["id"]] = {**self._seen[told["id"]], "version": told["version"]}

    def short(self, long_id: str) -> str:
        """A name for an id that is the same in each run."""
        return self._short.setdefault(long_id, f"#{len(self._short)}")

    # Reasonable ones, through the client's Board

    def put(self, drawer: Hand) -> str:
        element = self._element(drawer)
        drawer.begin(drawer.board.put(element), "put")
        return f"puts {self._tale(element)}"

    def replace(self, drawer: Hand) -> str:
        element = self._known(drawer)
        if element is None:
            return self.put(drawer)
        new = {**self._element(drawer), "id": element["id"], "version": element["version"]}
        if self._random.random() < 0.7:
            new["page"] = element["page"]
        drawer.begin(drawer.board.put(new), "replace")
        return f"replaces {self._tale(element)} by {self._tale(new)}"

    def restore(self, drawer: Hand) -> str:
        if not self.graves:
            return self.put(drawer)
        element = self._random.choice(list(self.graves.values()))
        drawer.begin(drawer.board.put(element), "restore")
        return f"brings {self._tale(element)} back"

    def delete(self, drawer: Hand) -> str:
        element = self._known(drawer)
        if element is None:
            return "finds nothing to delete"
        drawer.begin(drawer.board.delete(element["id"]), "delete")
        return f"deletes {self._tale(element)}"

    def submit(self, drawer: Hand) -> str:
        changes: list[Plain] = [{"op": "put", "element": self._element(drawer)}]
        known = list(drawer.board.elements.values())
        for element in self._random.sample(known, min(len(known), self._random.randint(1, 3))):
            if self._random.random() < 0.5:
                changes.append({"op": "put", "element": {**element, "color": self._random.choice(COLORS)}})
            else:
                changes.append({"op": "delete", "id": element["id"], "version": element["version"]})
        self._random.shuffle(changes)
        drawer.begin(drawer.board.submit(changes), "submit")
        return f"submits {self._tales(changes)}"

    def begin_stroke(self, drawer: Hand) -> str:
        stroke = drawer.board.stroke(color="#204080", width=2, page=self._page(drawer))
        stroke.add(*self._points(1, 9))
        drawer.strokes.append(stroke)
        return "begins a stroke"

    def grow(self, drawer: Hand) -> str:
        if not drawer.strokes:
            return self.begin_stroke(drawer)
        self._random.choice(drawer.strokes).add(*self._points(1, 9))
        return "goes on with a stroke"

    def finish(self, drawer: Hand) -> str:
        if not drawer.strokes:
            return self.begin_stroke(drawer)
        stroke = drawer.strokes.pop(self._random.randrange(len(drawer.strokes)))
        drawer.begin(stroke.finish(), "finish")
        return "finishes a stroke"

    def undo(self, drawer: Hand) -> str:
        times = self._random.choice((1, 1, 1, 4))
        for _ in range(times):
            drawer.begin(drawer.board.undo(), "undo")
        return f"undoes {times} times"

    def peek(self, drawer: Hand) -> str:
        """Look at the board anew, as another tab would."""
        drawer.begin(drawer.connection.call_until_answered("tutorwamp.board.open", lesson_id=self._lesson_id), "peek")
        return "looks"

    def clear(self, drawer: Hand) -> str:
        page = self._random.choice([None, self._page(drawer)]) if drawer.board.pages else None
        drawer.begin(drawer.board.clear(page), "clear")
        return f"clears {self.short(page) if page else 'all'}"

    def add_page(self, drawer: Hand) -> str:
        page = self._page(drawer) if self._random.random() < 0.1 else self._new_id()
        drawer.begin(drawer.board.add_page(page), "add_page")
        return f"adds page {self.short(page)}"

    def remove_page(self, drawer: Hand) -> str:
        page = self._page(drawer)
        drawer.begin(drawer.board.remove_page(page), "remove_page")
        return f"removes page {self.short(page)}"

    # Without waiting, or without sense, past the client's Board

    def rush(self, drawer: Hand) -> str:
        """One element's changes one after another, none of which waits for the one before (B5, B16, B22)."""
        element = self._element(drawer, "stroke")
        changes: list[Plain] = [{"op": "put", "element": element}]
        for version in range(1, self._random.randint(2, 8)):
            if changes[-1]["op"] == "delete" or self._random.random() < 0.1:
                changes.append({"op": "put", "element": {**element, "version": version}})
            elif self._random.random() < 0.2:
                changes.append({"op": "delete", "id": element["id"], "version": version})
            else:
                changes.append(self._append(element["id"], version))
        tale = self._tales(changes)
        while changes:
            count = self._random.choice((1, 1, 1, 3))
            self._call(drawer, changes[:count])
            changes = changes[count:]
        return f"rushes {tale}"

    def guess(self, drawer: Hand) -> str:
        """Changes for versions that may be wrong."""
        element = self._known(drawer)
        if element is None or self._random.random() < 0.3:
            element = self._random.choice([*self.graves.values(), self._element(drawer)])
        element_id, version = element["id"], element.get("version", 1)
        version = max(1, version + self._random.choice((-1, 0, 0, 1, 1, 2)))
        op = self._random.choice(("put", "delete", "append", "create", "flip"))
        if op == "flip":
            again = {"op": "put", "element": {**element, "version": version + 1}}
            changes = [{"op": "delete", "id": element_id, "version": version}, again]
        elif op == "append":
            changes = [self._append(element_id, version + more) for more in range(self._random.randint(1, 3))]
        elif op == "delete":
            changes = [{"op": "delete", "id": element_id, "version": version}]
        else:
            named = {"version": version} if op == "put" else {}
            changes = [{"op": "put", "element": {**self._element(drawer), "id": element_id, **named}}]
        self._call(drawer, changes)
        return f"guesses {self._tales(changes)}"

    def misuse(self, drawer: Hand) -> str:
        """Changes that are refused for themselves, among good ones."""
        good, bad = self._element(drawer), self._element(drawer)
        bad |= self._random.choice(({"color": "red"}, {"page": UNKNOWN}, {"kind": "blot"}, {"x": 1e9}))
        image = {**self._element(drawer, "image"), "asset_id": UNKNOWN}
        changes: list[Plain] = [{"op": "put", "element": one} for one in (good, bad, image)]
        self._random.shuffle(changes)
        self._call(drawer, changes)
        return f"misuses {self._tales(changes)}"

    def _call(self, drawer: Hand, changes: list[Plain]) -> None:
        call = drawer.connection.call_until_answered
        client_id = str(self._random.getrandbits(64))
        uri = "tutorwamp.board.submit"
        drawer.begin(call(uri, lesson_id=self._lesson_id, changes=changes, client_id=client_id), "call")

    # What they are made of

    def _append(self, element_id: str, version: int) -> Plain:
        finished = {"finished": True} if self._random.random() < 0.1 else {}
        return {"op": "append", "id": element_id, "version": version, "points": self._points(1, 4), **finished}

    def _known(self, drawer: Hand) -> Plain | None:
        return self._random.choice([*drawer.board.elements.values()] or [None])

    def _page(self, drawer: Hand) -> str:
        return self._random.choice(drawer.board.pages)

    def _new_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _points(self, at_least: int, at_most: int) -> list[list[float]]:
        length = self._random.choice((2, 3))
        count = self._random.randint(at_least, at_most)
        return [[self._random.randint(0, 8) / 8 for _ in range(length)] for _ in range(count)]

    def _element(self, drawer: Hand, kind: str = "") -> Plain:
        number = self._random.randint(0, 800) / 4
        box = {"x": number, "y": -number, "width": 8.5, "height": 5}
        looks: dict[str, Plain] = {
            "stroke": {"points": self._points(1, 4), "width": 2},
            "arrow": {"points": [[0, number], [number, 0]], "width": 2},
            "rect": {**box, "fill": "#abcdef"},
            "text": {"x": number, "y": 0, "text": "Straße\n" * self._random.randint(1, 4), "size": 12},
            "image": {**box, "asset_id": self._picture_id},
        }
        kind = kind or self._random.choice(list(looks))
        element = {"id": self._new_id(), "page": self._page(drawer), "kind": kind, "color": COLORS[0], **looks[kind]}
        return element if self._random.random() < 0.7 else {**element, "opacity": 0.5}

    def _tale(self, element: Plain) -> str:
        return f"{element['kind']} {self.short(element['id'])} v{element.get('version', 0)}"

    def _tales(self, changes: list[Plain]) -> str:
        tales = []
        for change in changes:
            about = change["element"] if change["op"] == "put" else change
            tales.append(f"{change['op']} {self.short(about['id'])} v{about.get('version', 0)}")
        return ", ".join(tales)


DEEDS: Final[tuple[tuple[Callable[[Deeds, Hand], str], float], ...]] = (
    (Deeds.put, 16),
    (Deeds.replace, 12),
    (Deeds.restore, 4),
    (Deeds.delete, 6),
    (Deeds.submit, 8),
    (Deeds.begin_stroke, 6),
    (Deeds.grow, 14),
    (Deeds.finish, 4),
    (Deeds.undo, 10),
    (Deeds.peek, 3),
    (Deeds.clear, 1),
    (Deeds.add_page, 3),
    (Deeds.remove_page, 2),
    (Deeds.rush, 6),
    (Deeds.guess, 6),
    (Deeds.misuse, 2),
)
