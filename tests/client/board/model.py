"""A board as naive as can be, that takes changes by the rules and tells of them: what a replica is compared with."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Plain = dict[str, Any]
PAGE = "page-1"


class Refused(Exception):
    def __init__(self, name: str, **details: Any) -> None:
        super().__init__(name)
        self.uri, self.details = f"tutorwamp.error.{name}", details


@dataclass
class BoardModel:
    pages: list[str] = field(default_factory=lambda: [PAGE])
    elements: list[Plain] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    """Of every element there ever was; of a tombstone too."""
    events: list[Plain] = field(default_factory=list)
    states: list[Plain] = field(default_factory=list)
    """The state after each event, from none on."""
    pen: bool = True

    def __post_init__(self) -> None:
        self.states.append(self.state())

    def state(self) -> Plain:
        pages = [{"id": page} for page in self.pages]
        return deepcopy({"pages": pages, "elements": self.elements, "head": len(self.events)})

    def submit(self, by: str, changes: list[Plain]) -> Plain:
        told, applied, rejected = [], [], []
        for change in changes:
            element_id = change["element"]["id"] if change["op"] == "put" else change["id"]
            try:
                told.append({"op": change["op"], "by": by, **self._take(by, element_id, deepcopy(change))})
                applied.append(element_id)
            except Refused as refused:
                rejected.append(
                    {
                        "id": element_id,
                        "error": refused.uri,
                        "message": "Said the model.",
                        "details": refused.details,
                        "element": deepcopy(self._find(element_id)),
                    }
                )
        if told:
            self._tell(by, "board.changed", changes=told)
        return {"seq": len(self.events), "applied": applied, "rejected": rejected}

    def add_page(self, by: str, page: str) -> Plain:
        self.pages.append(page)
        return self._tell(by, "page.added", page=page)

    def remove_page(self, by: str, page: str) -> Plain:
        self.pages.remove(page)
        self._empty(page)
        return self._tell(by, "page.removed", page=page)

    def clear(self, by: str, page: str | None) -> Plain:
        if not self._empty(page):
            return {"seq": len(self.events), "page": page, "changed": False}
        return self._tell(by, "board.cleared", page=page)

    def _take(self, by: str, element_id: str, change: Plain) -> Plain:
        if not self.pen:
            raise Refused("board.no_pen")
        named = change["element"].get("version") if change["op"] == "put" else change["version"]
        now, version = self._find(element_id), self.versions.get(element_id)
        if named != version or (now is None and change["op"] != "put"):
            raise Refused("board.stale", version=version)
        told = getattr(self, "_" + change["op"])(by, now, change)
        self.versions[element_id] = (version or 0) + 1
        if (after := self._find(element_id)) is not None:
            after["version"], after["updated_at"] = self.versions[element_id], self._at()
        if change["op"] == "put":
            return {"element": deepcopy(self._find(element_id))}
        return {"id": element_id, "version": self.versions[element_id], **told}

    def _put(self, by: str, now: Plain | None, change: Plain) -> Plain:
        element = change["element"]
        if element["page"] not in self.pages:
            raise Refused("not_found")
        if now is None:
            self.elements.append({**element, "author": {"id": by}, "created_at": self._at()})
        else:
            place = self.elements.index(now)
            self.elements[place] = {**element, "author": now["author"], "created_at": now["created_at"]}
        return {}

    def _append(self, by: str, now: Plain, change: Plain) -> Plain:
        if now["kind"] != "stroke":
            raise Refused("invalid")
        if now.get("finished"):
            raise Refused("conflict")
        if len(now["points"]) + len(change["points"]) > 500:
            raise Refused("too_large")
        now["points"] += change["points"]
        if change.get("finished"):
            now["finished"] = True
        return {name: deepcopy(change[name]) for name in ("points", "finished") if name in change}

    def _delete(self, by: str, now: Plain, change: Plain) -> Plain:
        self.elements.remove(now)
        return {}

    def _empty(self, page: str | None) -> bool:
        gone = [element for element in self.elements if page is None or element["page"] == page]
        for element in gone:
            self.elements.remove(element)
            self.versions[element["id"]] += 1
        return bool(gone)

    def _find(self, element_id: str) -> Plain | None:
        return next((element for element in self.elements if element["id"] == element_id), None)

    def _at(self) -> str:
        return f"2026-11-24T10:00:00.{len(self.events) + 1:03}Z"

    def _tell(self, by: str, kind: str, **data: Any) -> Plain:
        at = self._at()
        event = {"seq": len(self.events) + 1, "type": kind, "at": at, "actor": {"id": by}, "data": data}
        self.events.append(deepcopy(event))
        self.states.append(self.state())
        return {"seq": event["seq"], "page": data.get("page"), "changed": True}
