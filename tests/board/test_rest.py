"""The board over REST, on a site of our own."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from tests.board.easel import Easel, put
from tests.board.test_exchange import MADE_BY_EXCALIDRAW, export, picture
from tests.kernel.edges.loopback import Loopback
from tests.kernel.media.test_notes import taken, tells
from tests.support.asking import Asking, told
from tests.support.machine import Stage
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.limits import READS, UNIT_BYTES, UPLOADED, WRITTEN


def asking_as(site: Loopback, easel: Easel, caller: Caller) -> Asking:
    """Somebody's requests about one board."""
    return Asking(easel.stage, site, caller, f"/api/lessons/{easel.lesson.id}/board")


async def test_B25_a_member_reads_the_board_and_nobody_else(stage: Stage, site: Loopback, easel: Easel) -> None:
    await easel.submit(easel.anna, put(easel.rect()))
    answered = await asking_as(site, easel, easel.ben)("GET", "")
    assert (answered.status, answered.json) == (200, (await easel.open()).plain())
    assert told(await asking_as(site, easel, await stage.given.caller())("GET", "")) == (404, "not_found")
    assert told(await site.ask("GET", f"/api/lessons/{easel.lesson.id}/board")) == (401, "unauthenticated")
    assert told(await asking_as(site, easel, easel.ben)("GET", "?seq=1")) == (422, "invalid")
    assert told(await asking_as(site, easel, easel.ben)("GET", "?lesson_id=x")) == (422, "invalid")


async def test_B28_an_export_is_a_file_that_runs_nothing(site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.ben)
    types = {
        "svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "excalidraw": "application/json"
    }  # fmt: skip
    for file_format, media_type in types.items():
        answered = await asking("GET", f"/export?format={file_format}")
        assert (answered.status, answered.headers["content-type"]) == (200, media_type)
        assert answered.headers["content-disposition"] == f'attachment; filename="board.{file_format}"'
        assert "sandbox" in answered.headers["content-security-policy"]
        assert answered.headers["x-content-type-options"] == "nosniff"
    assert told(await asking("GET", "/export?format=exe")) == (422, "invalid")
    assert told(await asking("GET", "/export?format=svg&format=png")) == (422, "invalid")
    assert told(await asking("GET", "/export")) == (422, "invalid")
    assert told(await asking("GET", f"/export?format=svg&page={new_id()}")) == (404, "not_found")


async def test_B39_what_no_font_has_is_told_over_both_doors(site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.ben)
    assert "missing-glyphs" not in (await asking("GET", "/export?format=png")).headers
    text = "hello 日本 \U0010fffd \U0010fffc \U0010fffd"
    await easel.submit(easel.anna, put(easel.element("text", x=1.0, y=2.0, text=text, size=20.0)))
    for file_format, told_of in (("png", "U+10FFFD U+10FFFC"), ("pdf", "U+10FFFD U+10FFFC"), ("svg", None)):
        answered = await asking("GET", f"/export?format={file_format}")
        assert (answered.status, answered.headers.get("missing-glyphs")) == (200, told_of)
        exported = (await export(easel, file_format)).plain()
        assert exported["missing"] == (["\U0010fffd", "\U0010fffc"] if told_of else [])


async def test_B29_a_file_is_imported_once_for_an_idempotency_key(site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.anna)
    first = await asking("POST", "/import", raw=MADE_BY_EXCALIDRAW.read_bytes(), Idempotency_Key="once")
    again = await asking("POST", "/import", raw=MADE_BY_EXCALIDRAW.read_bytes(), Idempotency_Key="once")
    assert (first.status, first.json) == (200, again.json)
    assert len((await easel.open()).elements) == len(first.json["applied"]) > 0
    large = json.dumps({"type": "excalidraw", "elements": [], "note": "x" * 2_000_000}).encode()
    assert (await asking("POST", "/import", raw=large)).status == 200
    assert told(await asking("POST", "/import", raw=b"x" * 6_300_000)) == (413, "too_large")
    assert told(await asking("POST", "/import", raw=b"[" * 100_000)) == (400, "malformed")
    assert told(await asking("POST", "/import", raw=b"[]")) == (422, "invalid")
    assert told(await asking_as(site, easel, easel.ben)("POST", "/import", raw=large)) == (403, "board.no_pen")


async def test_B37_a_library_and_what_was_copied_are_imported_like_a_file(site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.anna)
    shape = {"type": "rectangle", "x": 5, "y": 5, "width": 30, "height": 40, "strokeColor": "#123456"}
    url = "data:image/JPG;charset=utf-8;base64," + b64encode(picture(kind="JPEG")).decode()
    shown = {"type": "image", "fileId": "f", "x": 9, "y": 9, "width": 40, "height": 30}
    for file in (
        {"type": "excalidraw/clipboard", "elements": [shape, shown], "files": {"f": {"dataURL": url}}},
        {"type": "excalidrawlib", "version": 1, "library": [[shape], [shape]]},
        {"type": "excalidrawlib", "version": 2, "libraryItems": [{"elements": [shape]}, {"elements": [shape]}]},
    ):
        answered = await asking("POST", "/import", raw=json.dumps(file).encode())
        assert (answered.status, len(answered.json["applied"]), answered.json["left_out"]) == (200, 2, [])
    far = {"type": "excalidraw", "elements": [{**shape, "x": 7e6}]}
    (moved,) = (await asking("POST", "/import", raw=json.dumps(far).encode())).json["left_out"]
    assert moved == {"id": "", "kind": "", "reason": "The drawing was moved to be on the page."}
    assert max(element["x"] for element in (await easel.open()).elements) < 1600


async def test_a_picture_goes_up_and_comes_back_with_safe_headers(stage: Stage, site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.anna)
    for kind, media_type in (
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
    ):
        content = picture(kind=kind)
        # What it is, its content says; the sender may be wrong.
        uploaded = await asking("POST", "/pictures", raw=content, Content_Type="image/png")
        assert (uploaded.status, uploaded.json["media_type"], uploaded.json["width"]) == (201, media_type, 40)
        answered = await asking_as(site, easel, easel.ben)("GET", f"/pictures/{uploaded.json['id']}")
        assert (answered.status, answered.body) == (200, content)
        expected: dict[str, Any] = {
            "content-type": media_type,
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "private, max-age=31536000, immutable",
        }
        assert {name: answered.headers[name] for name in expected} == expected
        assert "sandbox" in answered.headers["content-security-policy"]
    for label in ("image/jpg", "image/PNG", "image/jfif; charset=utf-8", "image/pjpeg", "application/octet-stream"):
        assert (await asking("POST", "/pictures", raw=content, Content_Type=label)).status == 201
    outsider = asking_as(site, easel, await stage.given.caller())
    assert told(await outsider("GET", f"/pictures/{uploaded.json['id']}")) == (404, "not_found")


async def test_what_is_no_picture_is_refused(stage: Stage, site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.anna)
    limit = stage.machine.settings.board.picture_limit
    assert told(await asking("POST", "/pictures", raw=b"<html>", Content_Type="image/png"))[0] == 415
    assert told(await asking("POST", "/pictures", raw=picture(), Content_Type="text/html"))[0] == 415
    assert told(await asking("POST", "/pictures", raw=picture()[:45], Content_Type="image/png"))[0] == 422
    assert told(await asking("POST", "/pictures", raw=b"x" * (limit + 1), Content_Type="image/png"))[0] == 413
    assert (
        told(await asking_as(site, easel, easel.ben)("POST", "/pictures", raw=picture(), Content_Type="image/png"))[0]
        == 403
    )
    assert told(await asking("GET", f"/pictures/{new_id()}")) == (404, "not_found")
    assert told(await asking("GET", "/pictures/..%2Fsecret.key"))[0] in (404, 422)
    assert told(await asking("DELETE", "/pictures"))[0] == 405


async def test_H12_who_may_not_draw_is_told_so_before_anything_of_a_file_is_read(
    stage: Stage, site: Loopback, easel: Easel
) -> None:
    stranger = asking_as(site, easel, await stage.given.caller())
    without_pen = asking_as(site, easel, easel.ben)
    for path, kind in (("/import", "application/json"), ("/pictures", "image/png")):
        for content in (b"", b"nonsense", b"[" * 100_000, b"x" * 6_000_000):
            assert told(await stranger("POST", path, raw=content, Content_Type=kind)) == (404, "not_found")
            assert told(await without_pen("POST", path, raw=content, Content_Type=kind)) == (403, "board.no_pen")


# what it costs


async def test_S13_a_board_is_paid_for_by_its_bytes_over_both_doors(stage: Stage, site: Loopback, easel: Easel) -> None:
    await easel.submit(
        easel.anna, *(put(easel.element("text", x=1, y=1, size=12, text="x" * 60_000)) for _ in range(15))
    )
    asking, limits = asking_as(site, easel, easel.ben), stage.machine.limits
    answered = await asking("GET", "")
    assert answered.status == 200
    units = len(answered.body) // UNIT_BYTES
    assert units > 20
    limits.charge(easel.ben.user_id, writes=False, units=READS.burst)
    refused = await asking("GET", "")
    assert told(refused) == (429, "rate_limited")
    assert refused.json["details"]["retry_after_s"] > (units - 5) / READS.per_s - 1  # of which some time has passed
    assert (await asking_as(site, easel, easel.anna)("GET", "")).status == 200


async def test_S15_what_is_imported_and_uploaded_is_counted_in_bytes(
    stage: Stage, site: Loopback, easel: Easel
) -> None:
    asking, limits = asking_as(site, easel, easel.anna), stage.machine.limits
    limits.upload(easel.anna.user_id, UPLOADED.burst)
    content = picture() + b"x" * 3_000_000
    assert told(await asking("POST", "/pictures", raw=content, content_type="image/png")) == (429, "rate_limited")
    limits.write(easel.anna.user_id, WRITTEN.burst)
    scene = json.dumps({"type": "excalidraw", "elements": [], "note": "x" * 3_000_000}).encode()
    assert told(await asking("POST", "/import", raw=scene)) == (429, "rate_limited")


async def test_B43_a_picture_is_kept_without_the_place_where_it_was_taken(site: Loopback, easel: Easel) -> None:
    asking = asking_as(site, easel, easel.anna)
    sent = taken("JPEG", 6)
    first = await asking("POST", "/pictures", raw=sent, Content_Type="image/jpeg")
    again = await asking("POST", "/pictures", raw=sent, Content_Type="image/jpeg")
    assert (first.status, again.json) == (201, first.json)
    assert (first.json["width"], first.json["height"]) == (120, 160), "upright"
    kept = (await asking("GET", f"/pictures/{first.json['id']}")).body
    assert first.json["bytes"] == len(kept) < len(sent)
    assert not tells(kept)
    url = "data:image/jpeg;base64," + b64encode(taken("JPEG", 3)).decode()
    shown = {"type": "image", "fileId": "f", "x": 9, "y": 9, "width": 40, "height": 30}
    scene = {"type": "excalidraw", "elements": [shown], "files": {"f": {"dataURL": url, "mimeType": "image/jpeg"}}}
    assert (await asking("POST", "/import", scene)).status == 200
    (element,) = (await easel.open()).elements
    assert not tells((await asking("GET", f"/pictures/{element['asset_id']}")).body)
