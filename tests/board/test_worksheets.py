"""B44: the pages of a PDF as pages of the board."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from twisted.internet import reactor

from tests.board.easel import Easel, delete, put
from tests.board.papers import A4, NOT_READ, ODD, TOO_MUCH, endless, papers, sheet, stream
from tests.board.test_exchange import export
from tests.board.test_rest import asking_as
from tests.board.test_workshop import made
from tests.kernel.edges.loopback import Loopback
from tests.support.asking import told
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.board import sheets, worksheets, workshop
from tutorwamp.board.contracts import BringWorksheet, Brought
from tutorwamp.board.errors import Full, Locked
from tutorwamp.board.parcels import Parcel
from tutorwamp.board.workshop import Place, Workshop
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from tutorwamp.lessons.errors import WrongState

LANDSCAPE = (842.0, 595.0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine nothing is left out for want of time, but where a test says how much there is."""
    for limit in ("JOB_AT_MOST_S", "ANSWER_AT_MOST_S"):
        monkeypatch.setattr(workshop, limit, 60.0)


async def bring(easel: Easel, content: bytes, *, caller: Caller | None = None, client_id: str | None = None) -> Brought:
    asked = BringWorksheet(lesson_id=easel.lesson.id, client_id=client_id)
    return await easel.machine.exchange.bring_worksheet(caller or easel.tutor, asked, lambda: content)


async def rendered(content: bytes, **more: Any) -> Parcel:
    """By a process, as the board has it done."""
    asked = Parcel({"first": 1, "last": 40, **more}, [content])
    return await made(Workshop(reactor).place("anna"), "pdf_pages", asked)


def squares(picture: Image.Image) -> int:
    """How many there are in the upper left corner."""
    line = picture.convert("L").crop((0, 0, picture.width, picture.height // 20))
    scale = picture.width / A4[0]
    return sum(line.getpixel((int((14 + 20 * n) * scale), int(16 * scale))) < 99 for n in range(20))  # type: ignore[operator]  # a grey pixel is a number


async def test_B44_each_page_becomes_a_page_with_a_locked_picture_of_it(stage_on_both: Stage, easel: Easel) -> None:
    brought = await bring(easel, papers(A4, A4, LANDSCAPE))
    state = await easel.open()
    assert (state.head, brought.left_out) == (brought.seq, [])
    assert [page.id for page in state.pages] == [easel.page, *(page.id for page in brought.pages)]
    assert [one["page"] for one in state.elements] == [page.id for page in brought.pages]
    for number, one in enumerate(state.elements, 1):
        assert (one["kind"], one["locked"], one["x"], one["y"]) == ("image", True, 0, 0)
        assert one["author"]["id"] == easel.tutor.user_id
        kept, content = await easel.machine.exchange.picture(easel.ben, easel.lesson.id, one["asset_id"])
        picture = Image.open(io.BytesIO(content))
        assert (kept.media_type, kept.width, kept.height) == ("image/png", *picture.size)
        assert picture.width / picture.height == pytest.approx(one["width"] / one["height"], rel=0.01)
        if number < 3:
            assert (one["width"], one["height"]) == (706.65, 1000)
            assert squares(picture) == number
    assert (state.elements[2]["width"], state.elements[2]["height"]) == (1415.13, 1000)


async def test_B40_B44_what_is_drawn_on_a_worksheet_is_above_it_also_in_files(easel: Easel) -> None:
    (page,) = (await bring(easel, papers(A4))).pages
    mark = easel.rect(page=page.id, x=0.0, y=0.0, width=700.0, height=900.0, color="#ff0000", fill="#ff0000")
    await easel.submit(easel.anna, put(mark))
    (lying, drawn) = (await easel.open(pages=[page.id])).elements
    assert (lying["kind"], drawn["id"]) == ("image", mark["id"])
    answer = await easel.submit(easel.anna, delete(lying, 1))
    assert [one.error for one in answer.rejected] == [Locked.uri]
    await refused(Locked, easel.remove_page(easel.anna, page.id))
    seen = Image.open(io.BytesIO((await export(easel, "png", page=page.id)).data)).convert("RGB")
    assert seen.getpixel((seen.width // 2, seen.height // 2)) == (255, 0, 0)
    assert seen.getpixel((seen.width // 2, seen.height - 30)) == (255, 255, 255)
    drawing = (await export(easel, "svg", page=page.id)).data
    assert 0 < drawing.index(b"<use ") < drawing.index(b"#ff0000")
    assert (await export(easel, "pdf")).data.startswith(b"%PDF")


async def test_B44_what_looks_like_a_photo_is_a_jpeg() -> None:
    file = io.BytesIO()
    Image.effect_noise((900, 1200), 60).convert("RGB").save(file, "PDF")
    answer = await rendered(file.getvalue())
    assert [one["media_type"] for one in answer.values["done"]] == ["image/jpeg"]
    assert answer.parts[0].startswith(b"\xff\xd8")


@pytest.mark.parametrize("name", NOT_READ)
async def test_B44_what_cannot_be_read_is_invalid(name: str) -> None:
    error = await refused(Invalid, rendered(NOT_READ[name]))
    assert error.details == [{"loc": ["content"], "msg": "must be a PDF that can be read"}]
    assert error.message.endswith(".")


async def test_B44_of_what_has_no_page_to_be_shown_nothing_comes_on_the_board(easel: Easel) -> None:
    for content in (b"hello", papers((100_000.0, 1.0))):
        await refused(Invalid, bring(easel, content))
    assert len((await easel.open()).pages) == 1


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_B36_B44_what_asks_for_too_much_is_too_large(name: str) -> None:
    await refused(TooLarge, rendered(TOO_MUCH[name]))  # by the renderer's own limits


async def test_B36_B44_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "JOB_AT_MOST_S", 2.0)
    monkeypatch.setattr(workshop, "CPU_FAIR_S", 0.0)
    await refused(TooLarge, rendered(endless()))


@pytest.mark.parametrize("name", ODD)
async def test_B44_what_is_odd_but_can_be_read_has_its_page(name: str) -> None:
    answer = await rendered(ODD[name])
    assert [one["content"] for one in answer.values["done"]] == [True]
    assert max(Image.open(io.BytesIO(answer.parts[0])).size) <= 3_300


async def test_B44_a_page_that_cannot_be_shown_is_left_out_and_told(easel: Easel) -> None:
    brought = await bring(easel, papers(A4, (100_000.0, 1.0), A4))
    assert [(one.id, one.kind) for one in brought.left_out] == [("2", "page")]
    assert len(brought.pages) == 2


def test_the_renderer_has_no_files_where_it_reads_a_pdf() -> None:
    program = (
        "import tutorwamp.board.renderer as renderer, socket, os\n"
        "renderer._be_shut()\n"
        "for attempt in (lambda: open('/etc/hostname'), socket.socket, os.pipe):\n"
        "    try: attempt()\n"
        "    except OSError: continue\n"
        "    raise SystemExit('opened')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  # our own


async def test_B10_B44_what_there_is_no_room_for_is_left_out_and_a_full_board_refuses(easel: Easel) -> None:
    for _ in range(37):
        await easel.add_page(easel.tutor)
    brought = await bring(easel, papers(A4, A4, A4, A4), client_id="once")
    assert len(brought.pages) == 2
    assert [one.reason for one in brought.left_out] == ["Left out: pages 3 to 4; a board has 40 pages."]
    await refused(Full, bring(easel, papers(A4)))
    assert await bring(easel, papers(A4, A4, A4, A4), client_id="once") == brought


async def test_B21_B44_a_repetition_has_the_same_answer_also_when_the_lesson_is_over(easel: Easel) -> None:
    content = papers(A4, LANDSCAPE)
    first = await bring(easel, content, client_id="once")
    before = await easel.open()
    assert await bring(easel, content, client_id="once") == first
    await refused(Conflict, bring(easel, papers(A4), client_id="once"))
    for step in (easel.machine.lessons.start, easel.machine.lessons.end):
        await step(easel.tutor, one_lesson(easel.lesson.id))
    assert await bring(easel, content, client_id="once") == first
    assert await easel.open() == before
    await refused(WrongState, bring(easel, content))


async def test_B44_is_for_who_moderates(stage: Stage, easel: Easel) -> None:
    await refused(Forbidden, bring(easel, papers(A4), caller=easel.anna))
    await refused(NotFound, bring(easel, papers(A4), caller=await stage.given.caller("tutor")))
    assert len((await bring(easel, papers(A4), caller=await stage.given.caller("admin"))).pages) == 1


async def test_B44_where_time_runs_out_the_rest_is_left_out_and_a_repetition_brings_it(
    easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_work: Callable[..., Any] = Place.work

    async def one_page(self: Place, name: str, job: Parcel, **more: Any) -> Parcel:
        made: Parcel = await really_work(
            self, name, Parcel({**job.values, "last": job.values["first"]}, job.parts), **more
        )
        return made

    monkeypatch.setattr(Place, "work", one_page)
    left = [9.0, 1.0]
    monkeypatch.setattr(Place, "left_s", lambda _: left[0])
    content = papers(A4, A4, A4)
    assert len((await bring(easel, content)).pages) == 3, "in as many jobs as it takes"
    monkeypatch.setattr(worksheets, "BEGUN_BEFORE_S", 10.0)
    first = await bring(easel, content, client_id="once")
    assert len(first.pages) == 1
    assert [one.reason for one in first.left_out] == ["Left out: pages 2 to 3; there was no time for more at once."]
    monkeypatch.setattr(worksheets, "BEGUN_BEFORE_S", 5.0)
    again = await bring(easel, content, client_id="once")
    assert (len(again.pages), again.pages[0]) == (3, first.pages[0])


def test_B44_a_page_fills_the_board_one_way() -> None:
    assert sheets.placed(*A4) == (706.65, 1000)
    assert sheets.placed(160, 90) == (1600, 900)
    assert sheets.placed(1e-9, 1e-9) == (1000, 1000)
    for size in ((0, 1), (1, float("inf")), (float("nan"), 1), (-1, 1), (1, 5000)):
        with pytest.raises(Invalid):
            sheets.placed(*size)


async def test_B44_over_rest_a_pdf_is_its_body(site: Loopback, easel: Easel) -> None:
    asking, pdf = asking_as(site, easel, easel.tutor), {"Content_Type": "application/pdf", "Idempotency_Key": "once"}
    first = await asking("POST", "/import", raw=papers(A4), **pdf)
    assert (first.status, sorted(first.json)) == (200, ["left_out", "pages", "seq"])
    assert (await asking("POST", "/import", raw=papers(A4), **pdf)).json == first.json
    assert told(await asking("POST", "/import?page=" + new_id(), raw=papers(A4), **pdf)) == (422, "invalid")
    assert told(await asking("POST", "/import", raw=b"no pdf", Content_Type="application/pdf")) == (422, "invalid")
    assert told(await asking("POST", "/import", raw=papers(A4), Content_Type="text/plain")) == (
        415,
        "unsupported_media_type",
    )
    student = asking_as(site, easel, easel.anna)
    assert told(await student("POST", "/import", raw=papers(A4), **pdf)) == (403, "forbidden")
    padded = sheet(stream(b" " * 100))
    assert (await asking("POST", "/import", raw=padded, Content_Type="application/pdf; charset=x")).status == 200
