"""``tutorwamp bench page``: the classroom page in the machine's Chromium, as people see it.

How much the first load brings, and how long it takes on a slow line; how long a point of a stroke is under way from a
person's pointer to another's screen, in a quiet lesson of two and with thirty; and the frames of who draws on
a full page. Node, browser and the others share one machine, which browsers notice more than anybody.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench.board import Latency, latency
from tutorwamp.bench.chromium import Chromium, Tab
from tutorwamp.bench.drawing import APPENDS_PER_S, stroke
from tutorwamp.bench.members import Member, arrive
from tutorwamp.bench.node import on_node
from tutorwamp.bench.page_scripts import FRAMES, POINTED, SEEN, USABLE
from tutorwamp.bench.people import Person, add_people, live_lesson
from tutorwamp.board.contracts import SUBMIT
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.lessons.contracts import SetPen

AIM_KB: Final = 60.0
AIM_USABLE_S: Final = 2.0
AIM_MEDIAN_MS: Final = 60.0
AIM_P99_MS: Final = 150.0
AIM_P99_OF_THIRTY_MS: Final = 300.0
AIM_FRAME_MS: Final = 50.0
SLOW: Final = {"offline": False, "latency": 300, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
"""Milliseconds there and back, bytes a second: a phone at the edge of its cell."""
OTHERS: Final = 28
"""With the two at their browsers thirty. All hear everything, and one after the other draws: somebody always does."""
FULL: Final = 3_900
"""Elements: a page has room for 4,000."""
_PASSWORD: Final = "a-lesson-to-measure"  # noqa: S105  # of two accounts that live as long as the benchmark
_MOVES_PER_S: Final = 60
_STROKE_S: Final = 1.0
_PAUSE_S: Final = 0.4
_SETTLED_S: Final = 2.0
"""After the last request of a load, and after the last point of a stroke: whatever comes later is lost."""
_SHOWN: Final = "Number(document.querySelector('.space').dataset.elements ?? 0)"
"""How many elements of the board: of a full page most are pixels."""
_NEAR: Final = 1.0
"""Of 1,600 units: the page rounds where a pointer is."""


@dataclass(frozen=True)
class Load:
    """Opening the page for the first time, and again with what the browser kept; on the slow line."""

    requests: int
    kb: float
    """Over the wire, until the form for signing in can be used; heads among it."""
    usable_s: float
    again_kb: float
    again_usable_s: float


@dataclass(frozen=True)
class Under:
    """How long points are under way from pointer to screen."""

    points: int
    lost: int
    way: Latency


@dataclass(frozen=True)
class Frames:
    """While somebody draws on a full page."""

    elements: int
    work_over_50_ms: int
    longest_work_ms: float
    """Of those; 0: there is none."""
    p99_gap_ms: float
    """From one frame to the next."""
    longest_gap_ms: float


@dataclass(frozen=True)
class Result:
    """All that was measured."""

    load: Load
    quiet: Under
    thirty: Under
    full: Under
    frames: Frames


@dataclass(frozen=True)
class Room:
    """A live lesson: its tutor and a student sit at browsers, the others have tokens."""

    lesson_id: str
    others: list[Person]


def run(strokes: int, elements: int = FULL) -> Result:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def measure(settings: Settings, room: Room) -> Result:
        with tempfile.TemporaryDirectory(prefix="tw-page-", ignore_cleanup_errors=True) as folder:
            browser = Chromium(Path(folder))
            try:
                return await _measure(browser, settings.node.port, room, strokes, elements)
            finally:
                await browser.close()

    return on_node(prepare, measure)


async def prepare(machine: Machine) -> Room:
    """Make the people and their lesson."""
    users = [
        await machine.accounts.add_user(f"{role}@page.example", _PASSWORD, f"The {role}", role)
        for role in (AuthRole.TUTOR, AuthRole.STUDENT)
    ]
    tutor, student = [Person(Caller(one.id, one.role), "") for one in users]
    others = await add_people(machine, [AuthRole.STUDENT] * OTHERS)
    lesson = await live_lesson(machine, tutor, [student, *others])
    with_pen = [one.caller.user_id for one in others]
    await machine.lessons.set_pen(tutor.caller, SetPen(lesson_id=lesson.id, student_ids=with_pen))
    return Room(lesson.id, others)


async def _measure(browser: Chromium, port: int, room: Room, strokes: int, elements: int) -> Result:
    base = f"http://127.0.0.1:{port}/"
    _say("the first load ...")
    load = await _load(browser, base)
    draws, looks = [await _enter(browser, base, room, role) for role in ("tutor", "student")]
    await draws.value(POINTED)
    await looks.value(SEEN)
    await _under_way(draws, looks, 1)  # to warm up: until then the page fetches what is for later
    _say("a stroke's way in a quiet lesson ...")
    quiet = await _under_way(draws, looks, strokes)
    _say("the same with thirty ...")
    members = [await arrive(port, one.token) for one in room.others]
    for one in members:
        await one.enter(room.lesson_id)
    async with _drawing(members, room.lesson_id):
        thirty = await _under_way(draws, looks, strokes)
    _say(f"{elements} elements ...")
    await _fill(members[0], room.lesson_id, elements, (draws, looks))
    await draws.value(FRAMES)
    full = await _under_way(draws, looks, strokes)
    frames = await _frames(draws)
    for one in members:
        one.cut()
    return Result(load, quiet, thirty, full, frames)


def _say(words: str) -> None:
    print(words, file=sys.stderr)  # noqa: T201  # progress


async def _load(browser: Chromium, base: str) -> Load:
    tab = await browser.tab()
    await tab.ask("Page.addScriptToEvaluateOnNewDocument", source=USABLE)
    await tab.ask("Network.emulateNetworkConditions", **SLOW)
    counted: list[float] = []

    def hear(method: str, parameters: dict[str, Any]) -> None:
        if method == "Network.loadingFinished":
            counted.append(parameters["encodedDataLength"])

    tab.hear = hear
    times = []
    sums = []
    for _ in range(2):
        counted.clear()
        await tab.ask("Page.navigate", url=base)
        times.append(await tab.until("globalThis.usableAtMs") / 1000)
        sums.append((len(counted), sum(counted) / 1000))
        await deferLater(running_reactor(), _SETTLED_S)  # the service worker begins
        await tab.ask("Network.setBypassServiceWorker", bypass=True)  # what it asks for is nobody's wait here
        await tab.ask("Page.navigate", url="about:blank")
        await tab.until("location.href === 'about:blank'")
    return Load(sums[0][0], sums[0][1], times[0], sums[1][1], times[1])


async def _enter(browser: Chromium, base: str, room: Room, role: str) -> Tab:
    """Somebody signs in and is in the lesson."""
    tab = await browser.tab()
    await tab.ask("Page.navigate", url=f"{base}#lesson={room.lesson_id}&email={role}@page.example")
    await tab.until("document.querySelector('#sign-in')?.checkVisibility() && document.querySelector('#email').value")
    await tab.write("#password", _PASSWORD)
    await tab.press_enter()
    ready = "document.querySelector('.drawable')" if role == "tutor" else "document.querySelector('.sheet')"
    await tab.until(f"document.querySelector('#room').checkVisibility() && !!{ready}")
    return tab


async def _under_way(draws: Tab, looks: Tab, strokes: int) -> Under:
    for tab in (draws, looks):
        await tab.value("begin()")
    where = await draws.value(
        "(() => { const { x, y, width, height } = document.querySelector('.sheet').getBoundingClientRect();"
        " return { x, y, width, height }; })()"
    )
    dice = Random(1)  # noqa: S311  # the same strokes each time
    for _ in range(strokes):
        await _stroke(draws, where, dice.uniform(0.2, 0.8))
        await deferLater(running_reactor(), _PAUSE_S)
    await deferLater(running_reactor(), _SETTLED_S)
    return compared(await draws.value("pointed"), await looks.value("seen"))


async def _stroke(tab: Tab, where: dict[str, float], height: float) -> None:
    """From left to right, on schedule whatever the browser makes of it."""
    moves = round(_STROKE_S * _MOVES_PER_S)
    begun = time.monotonic()
    said: list[Deferred[dict[str, Any]]] = []
    for number in range(moves + 1):
        await deferLater(running_reactor(), max(0.0, begun + number / _MOVES_PER_S - time.monotonic()))
        at = {
            "x": where["x"] + where["width"] * (0.1 + 0.8 * number / moves),
            "y": where["y"] + where["height"] * (height + 0.05 * (number % 7 - 3) / 3),
        }
        kind = "mouseMoved" if number else "mousePressed"
        said.append(tab.ask("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at))
    said.append(tab.ask("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **at))
    for one in said:
        await one


def compared(pointed: Sequence[Sequence[float]], seen: Sequence[Sequence[float]]) -> Under:
    """Of each place of the pointer (stroke, when, x), when the stroke was first painted so far (stroke, x, when)."""
    ways: list[float] = []
    for stroke_number, at, x in pointed:
        painted = [when for number, right, when in seen if number == stroke_number and right >= x - _NEAR]
        ways += [(min(painted) - at) / 1000] if painted else []
    return Under(len(pointed), len(pointed) - len(ways), latency(ways))


@asynccontextmanager
async def _drawing(members: Sequence[Member], lesson_id: str) -> Any:
    """One after another draws a stroke."""
    dice = Random(2)  # noqa: S311  # as above
    state: dict[str, Any] = {"who": 0, "left": []}

    def submit() -> None:
        if not state["left"]:
            state["who"] = (state["who"] + 1) % len(members)
            state["left"] = list(reversed(stroke(lesson_id, dice, round(1.5 * APPENDS_PER_S))))
        members[state["who"]].say(SUBMIT.uri, lesson_id=lesson_id, changes=[state["left"].pop()]).addErrback(
            lambda _: None
        )

    loop = LoopingCall(submit)
    loop.start(1 / APPENDS_PER_S)
    try:
        yield
    finally:
        loop.stop()


async def _fill(member: Member, lesson_id: str, elements: int, tabs: Sequence[Tab]) -> None:
    """Strokes, until the page is full for everybody."""
    dice = Random(3)  # noqa: S311  # as above
    lacking = elements - int(await tabs[0].value(_SHOWN))
    for begin in range(0, lacking, 100):
        few = min(100, lacking - begin)
        changes = []
        for _ in range(few):
            put, *appends = stroke(lesson_id, dice, 8)
            points = put["element"]["points"] + [point for one in appends for point in one["points"]]
            changes.append({"op": "put", "element": {**put["element"], "points": points, "finished": True}})
        await member.call(SUBMIT.uri, lesson_id=lesson_id, changes=changes)
    for tab in tabs:
        await tab.until(f"{_SHOWN} >= {elements}")
    await deferLater(running_reactor(), _SETTLED_S)


async def _frames(tab: Tab) -> Frames:
    gaps: list[float] = await tab.value("gapsMs")
    long: list[float] = await tab.value("longMs")
    elements = await tab.value(_SHOWN)
    way = latency([gap / 1000 for gap in gaps])
    over = [one for one in long if one > AIM_FRAME_MS]
    return Frames(elements, len(over), max(over, default=0.0), way.p99_ms, way.max_ms)


def lines(result: Result) -> Iterator[str]:
    """The result for a person."""
    load, frames = result.load, result.frames
    yield f"first load         {load.requests} requests, {load.kb:.1f} kB ({_aim(load.kb, AIM_KB)})"
    yield f"  usable after     {load.usable_s:.2f} s ({_aim(load.usable_s, AIM_USABLE_S)}), at 300 ms and 200 kB/s"
    yield f"  the next time    {load.again_kb:.1f} kB, {load.again_usable_s:.2f} s"
    for name, under, p99_ms in (
        ("pointer to screen", result.quiet, AIM_P99_MS),
        ("  with thirty", result.thirty, AIM_P99_OF_THIRTY_MS),
        ("  on a full page", result.full, AIM_P99_OF_THIRTY_MS),
    ):
        median, p99 = under.way.p50_ms, under.way.p99_ms
        yield (
            f"{name:<18} median {median:.0f} ms ({_aim(median, AIM_MEDIAN_MS)}), p99 {p99:.0f} ms "
            f"({_aim(p99, p99_ms)}), max {under.way.max_ms:.0f} ms; {under.points} points, {under.lost} lost"
        )
    yield (
        f"frames             {frames.elements} elements: {frames.work_over_50_ms} over 50 ms "
        f"({_aim(frames.work_over_50_ms, 0)}), the longest of them {frames.longest_work_ms:.0f} ms"
    )
    yield f"  apart            p99 {frames.p99_gap_ms:.0f} ms, longest {frames.longest_gap_ms:.0f} ms"


def _aim(found: float, aim: float) -> str:
    return f"aim {aim:g}, {'reached' if found <= aim else 'MISSED'}"
