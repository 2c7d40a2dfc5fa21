"""Changes by hand and by chance, and what became of a board by them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.client.board.model import PAGE, BoardModel, Plain

ME, OTHER = "me", "other"


def box(element_id: str, *, page: str = PAGE, **more: Any) -> Plain:
    shape = {"kind": "rect", "x": 0, "y": 0, "width": 8, "height": 5, "color": "#204080"}
    return {"id": element_id, "page": page, **shape, **more}


def line(element_id: str, *points: list[float], page: str = PAGE, **more: Any) -> Plain:
    look = {"kind": "stroke", "width": 3, "color": "#c03020", "points": list(points) or [[0, 0]]}
    return {"id": element_id, "page": page, **look, **more}


def put(element: Plain, **more: Any) -> Plain:
    return {"op": "put", "element": {**element, **more}}


def append(element_id: str, version: int, *points: list[float], **more: Any) -> Plain:
    return {"op": "append", "id": element_id, "version": version, "points": list(points), **more}


def delete(element_id: str, version: int) -> Plain:
    return {"op": "delete", "id": element_id, "version": version}


@st.composite
def histories(draw: st.DrawFn) -> BoardModel:
    model = BoardModel()
    for _ in range(draw(st.integers(0, 12))):
        who = draw(st.sampled_from([ME, OTHER]))
        what = draw(st.sampled_from(["submit"] * 6 + ["add_page", "remove_page", "clear"]))
        if what == "submit":
            model.submit(who, draw(st.lists(changes(model), min_size=1, max_size=4)))
        elif what == "add_page":
            model.add_page(who, f"page-{len(model.events) + 2}")
        elif what == "clear":
            model.clear(who, draw(st.sampled_from([None, *model.pages])))
        elif len(model.pages) > 1:
            model.remove_page(who, draw(st.sampled_from(model.pages)))
    return model


@st.composite
def changes(draw: st.DrawFn, model: BoardModel) -> Plain:
    """Mostly such that the board takes it, as it was before the submission."""
    element_id = draw(st.sampled_from("abcd"))
    version = model.versions.get(element_id)
    kind = draw(st.sampled_from(["box", "line", "append", "append", "delete"]))
    point: list[float] = [draw(st.integers(0, 9)), draw(st.integers(0, 9))]
    if kind == "append":
        return append(element_id, version or 1, point, **draw(st.sampled_from([{}, {}, {"finished": True}])))
    if kind == "delete":
        return delete(element_id, version or 1)
    page = draw(st.sampled_from(model.pages))
    element = box(element_id, x=point[0], page=page) if kind == "box" else line(element_id, point, page=page)
    return put(element, **({} if version is None else {"version": version}))
