"""Boards and pictures carried in and out, below the doors."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.board.easel import Easel, delete, put
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.board.contracts import ExportBoard, Exported, Imported, ImportScene
from tutorwamp.board.errors import Full, NoPen
from tutorwamp.board.store import PICTURES_AT_MOST, BoardStore
from tutorwamp.board.tables import pictures
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, TooLarge, UnsupportedMediaType
from tutorwamp.lessons.errors import WrongState

MADE_BY_EXCALIDRAW = Path(__file__).with_name("excalidraw") / "made-by-excalidraw.excalidraw"


def picture(color: str = "red", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, kind)
    return file.getvalue()


async def export(easel: Easel, file_format: str, *, caller: Caller | None = None, page: str | None = None) -> Exported:
    asked = ExportBoard.model_validate({"lesson_id": easel.lesson.id, "format": file_format, "page": page})
    return await easel.machine.exchange.export(caller or easel.ben, asked)


async def bring(easel: Easel, caller: Caller, scene: dict[str, Any], **more: Any) -> Imported:
    asked = ImportScene(lesson_id=easel.lesson.id, scene=scene, **more)
    return await easel.machine.exchange.import_scene(caller, asked)


async def test_B28_a_member_without_the_pen_exports_in_every_format(stage: Stage, easel: Easel) -> None:
    shown = (await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture())).id
    box = {"x": 0.0, "y": 0.0, "width": 40.0, "height": 30.0}
    elements = [easel.stroke(), easel.rect(), easel.element("image", asset_id=shown, **box)]
    await easel.submit(easel.anna, *(put(element) for element in elements))
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "excalidraw": b"{"}
    for file_format, start in starts.items():
        exported = await export(easel, file_format)
        assert exported.data.startswith(start)
    scene = json.loads((await export(easel, "excalidraw")).data)
    assert [one["type"] for one in scene["elements"]] == ["freedraw", "rectangle", "image"]
    assert len(scene["files"]) == 1
    assert b"data:image/png;base64," in (await export(easel, "svg")).data


async def test_B28_one_page_is_exported_and_of_a_pdf_all(stage: Stage, easel: Easel) -> None:
    second = (await easel.add_page(easel.tutor)).page
    await easel.submit(easel.tutor, put(easel.rect(color="#111111")), put(easel.rect(color="#222222", page=second)))
    assert b"#111111" in (first := (await export(easel, "svg")).data)
    assert b"#222222" not in first
    assert b"#222222" in (await export(easel, "svg", page=second)).data
    for page, pages in ((None, 2), (second, 1)):
        assert b"/Count %d" % pages in (await export(easel, "pdf", page=page)).data
    await refused(NotFound, export(easel, "svg", page=new_id()))
    await refused(NotFound, export(easel, "svg", caller=await stage.given.caller()))


async def test_B28_pictures_too_large_for_one_file_are_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, easel: Easel
) -> None:
    shown = (await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture())).id
    box = {"x": 0.0, "y": 0.0, "width": 40.0, "height": 30.0}
    await easel.submit(easel.anna, put(easel.element("image", asset_id=shown, **box)))
    monkeypatch.setattr("tutorwamp.board.exchange.EXPORT_PICTURE_BYTES_AT_MOST", 10)
    await refused(TooLarge, export(easel, "svg"))


async def test_B29_an_exported_board_comes_in_again_the_same(stage: Stage) -> None:
    easel, other = await Easel.meets(stage), await Easel.meets(stage)
    shown = (await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture())).id
    box = {"x": 5.0, "y": 6.0, "width": 40.0, "height": 30.0}
    line = easel.element("arrow", points=[[0.0, 0.0], [10.0, 20.0]], width=3.0)
    words = easel.element("text", x=1.0, y=2.0, text="x² <b>\nцелое", size=20.0)
    elements = [
        line,
        words,
        easel.rect(fill="#ffee00", stroke_width=2.5),
        easel.element("image", asset_id=shown, **box),
    ]
    await easel.submit(easel.anna, *(put(element) for element in elements))
    scene = json.loads((await export(easel, "excalidraw")).data)
    brought = await bring(other, other.anna, scene)
    assert (len(brought.applied), brought.rejected, brought.left_out) == (4, [], [])

    def looks(state: Any) -> list[dict[str, Any]]:
        varying = {"id", "page", "author", "created_at", "updated_at", "version", "asset_id"}
        return [{name: one[name] for name in one if name not in varying} for one in state.elements]

    assert looks(await other.open()) == looks(await easel.open())
    asset_id = (await other.open()).elements[3]["asset_id"]
    kept, content = await stage.machine.exchange.picture(other.ben, other.lesson.id, asset_id)
    assert (kept.media_type, content) == ("image/png", picture())


async def test_B29_a_file_of_excalidraw_itself_opens_on_the_board(easel: Easel) -> None:
    brought = await bring(easel, easel.anna, json.loads(MADE_BY_EXCALIDRAW.read_text()))
    kinds = {one["kind"] for one in (await easel.open()).elements}
    assert brought.rejected == []
    assert kinds == {"stroke", "line", "arrow", "rect", "ellipse", "text", "image"}
    assert all(one.reason for one in brought.left_out)


async def test_B21_B29_an_import_repeated_is_answered_like_the_first(easel: Easel) -> None:
    scene = json.loads(MADE_BY_EXCALIDRAW.read_text())
    first = await bring(easel, easel.anna, scene, client_id="once")
    before = await easel.open()
    assert await bring(easel, easel.anna, scene, client_id="once") == first
    assert await easel.open() == before
    await refused(Conflict, bring(easel, easel.anna, {**scene, "elements": scene["elements"][:2]}, client_id="once"))


async def test_B29_a_large_scene_goes_in_by_portions_and_what_does_not_fit_is_named(easel: Easel) -> None:
    shape = {"type": "rectangle", "x": 1, "y": 2, "width": 3, "height": 4, "strokeColor": "#123456"}
    scene = {"type": "excalidraw", "elements": [{**shape, "id": f"n{number}"} for number in range(450)]}
    brought = await bring(easel, easel.anna, scene)
    assert (len(brought.applied), len((await easel.open()).elements)) == (450, 450)
    brought = await bring(easel, easel.anna, {**scene, "elements": [{"id": "odd", "type": "hologram"}]})
    assert (brought.applied, [(one.id, one.kind) for one in brought.left_out]) == ([], [("odd", "hologram")])
    assert brought.seq == (await easel.open()).head


async def test_B9_B23_who_may_not_draw_neither_imports_nor_uploads(stage: Stage, easel: Easel) -> None:
    scene = {"type": "excalidraw", "elements": []}
    exchange, lesson_id = stage.machine.exchange, easel.lesson.id
    stranger = await stage.given.caller()
    for caller, error in ((easel.ben, NoPen), (stranger, NotFound)):
        await refused(error, bring(easel, caller, scene))
        await refused(error, exchange.upload(caller, lesson_id, picture()))
    await refused(Invalid, bring(easel, easel.anna, {"type": "something else"}))
    await stage.machine.lessons.start(easel.tutor, one_lesson(lesson_id))
    await stage.machine.lessons.end(easel.tutor, one_lesson(lesson_id))
    await refused(WrongState, exchange.upload(easel.anna, lesson_id, picture()))


async def test_a_picture_is_kept_once_for_a_lesson_and_shown_to_its_members_only(stage_on_both: Stage) -> None:
    easel, other = await Easel.meets(stage_on_both), await Easel.meets(stage_on_both)
    exchange = stage_on_both.machine.exchange
    first = await exchange.upload(easel.anna, easel.lesson.id, picture())
    assert await exchange.upload(easel.tutor, easel.lesson.id, picture()) == first
    assert (await exchange.upload(other.anna, other.lesson.id, picture())).id != first.id
    assert (first.media_type, first.width, first.height, first.bytes) == ("image/png", 40, 30, len(picture()))
    _, content = await exchange.picture(easel.ben, easel.lesson.id, first.id)
    assert content == picture()
    await refused(NotFound, exchange.picture(other.ben, easel.lesson.id, first.id))
    await refused(NotFound, exchange.picture(other.ben, other.lesson.id, first.id))
    await refused(UnsupportedMediaType, exchange.upload(easel.anna, easel.lesson.id, b"<svg onload=alert(1)>"))


async def test_B13_an_image_names_a_picture_of_its_own_lesson(stage: Stage) -> None:
    easel, other = await Easel.meets(stage), await Easel.meets(stage)
    foreign = (await stage.machine.exchange.upload(other.anna, other.lesson.id, picture())).id
    box = {"x": 0.0, "y": 0.0, "width": 40.0, "height": 30.0}
    submitted = await easel.submit(easel.anna, put(easel.element("image", asset_id=foreign, **box)))
    assert [one.error for one in submitted.rejected] == [Invalid.uri]


async def test_B28_a_picture_that_was_lost_is_an_empty_frame(stage: Stage, easel: Easel) -> None:
    shown = (await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture())).id
    image = easel.element("image", asset_id=shown, x=0.0, y=0.0, width=40.0, height=30.0)
    await easel.submit(easel.anna, put(image))
    (stage.machine.settings.node.data_dir / "pictures" / shown).unlink()
    assert b"data:image" not in (await export(easel, "svg")).data
    await refused(NotFound, stage.machine.exchange.picture(easel.ben, easel.lesson.id, shown))
    await easel.submit(easel.anna, delete(image, 1))


async def test_B29_a_lesson_that_is_full_of_pictures_keeps_no_bytes_of_more(stage: Stage, easel: Easel) -> None:
    folder = stage.machine.settings.node.data_dir / "pictures"
    first = await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture())
    kept = await BoardStore(stage.machine.database).picture(easel.lesson.id, first.id)
    others = [{**vars(kept), "id": new_id(), "sha256": f"{number:064}"} for number in range(PICTURES_AT_MOST - 1)]
    await stage.machine.database.write("test.fill", lambda connection: connection.execute(pictures.insert(), others))
    before = sorted(folder.iterdir())
    for color in ("green", "blue"):
        await refused(Full, stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture(color)))
    assert sorted(folder.iterdir()) == before
    assert await stage.machine.exchange.upload(easel.anna, easel.lesson.id, picture()) == first
