"""A node of its own for each benchmark, and the processes it is made of."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import yaml
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from tutorwamp.app.assembly import Machine
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import Settings, engine_for, read_settings
from tutorwamp.kernel.sql import migrate as schema
from tutorwamp.supervision.holding import FOLDER, Hold
from tutorwamp.supervision.node import config_file
from tutorwamp.supervision.output import Teller
from tutorwamp.supervision.service_manager import ServiceManager
from tutorwamp.supervision.supervisor import Supervisor

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


def on_node(
    prepare: Callable[[Machine], Awaitable[Prepared]],
    measure: Callable[[Settings, Prepared], Awaitable[Result]],
    *,
    with_floor: bool = False,
    limited: bool = False,
) -> Result:
    """Prepare an empty node, start it as ``tutorwamp up`` does, measure, stop it. Takes the process's only reactor.

    ``limited``: with the limits that a node has by default; for benchmarks whose callers stay below them.
    """
    limits = {"TUTORWAMP_RATE_LIMITS": "on" if limited else "off"}

    async def main(teller: Teller) -> Result:
        async with _running(teller, prepare, limits, with_floor=with_floor) as (settings, prepared):
            return await measure(settings, prepared)

    return _reacting(main)


def on_nodes(
    variants: Sequence[Mapping[str, str]],
    prepare: Callable[[Machine], Awaitable[Prepared]],
    measure: Callable[[Sequence[Settings]], Awaitable[Result]],
) -> Result:
    """The same with several nodes at once, each with settings of its own (``TUTORWAMP_…``)."""

    async def main(teller: Teller) -> Result:
        async with AsyncExitStack() as nodes:
            unlimited = {"TUTORWAMP_RATE_LIMITS": "off"}  # one caller asks for more than a lesson's people together
            started = [
                await nodes.enter_async_context(_running(teller, prepare, unlimited | dict(more))) for more in variants
            ]
            return await measure([settings for settings, _ in started])

    return _reacting(main)


def _reacting(main: Callable[[Teller], Awaitable[Result]]) -> Result:
    results: list[Result] = []
    teller = Teller()

    async def run() -> None:
        results.append(await main(teller))

    try:
        task.react(lambda _: Deferred.fromCoroutine(run()), ())
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        teller.finish()
    return results[0]


@asynccontextmanager
async def _running(
    teller: Teller,
    prepare: Callable[[Machine], Awaitable[Prepared]],
    more: Mapping[str, str],
    *,
    with_floor: bool = False,
) -> AsyncIterator[tuple[Settings, Prepared]]:
    """A node that is prepared and ready, until the end of the ``with``."""
    with tempfile.TemporaryDirectory(prefix="tw-bench-") as folder:
        os.environ.update(more)  # which the node's processes are given
        settings = _settings(Path(folder), with_floor=with_floor)
        schema.upgrade(engine_for(settings))
        prepared = run_offline(settings, prepare)
        hold, manager = Hold(Path(folder) / FOLDER), ServiceManager({})
        supervisor = Supervisor(reactor, settings, partial(_tell, teller), hold, lambda: None, manager)
        ready: Deferred[None] = Deferred()

        async def is_ready() -> None:
            ready.callback(None)

        running = Deferred.fromCoroutine(supervisor.run(is_ready))
        running.addErrback(lambda _: None)  # cancelled below
        await ready
        try:
            yield settings, prepared
        finally:
            running.cancel()
            await supervisor.stop()


def _tell(teller: Teller, line: str) -> None:
    """What the node says, but for its calls: standard error is for our progress."""
    if "event='call'" not in line:
        teller.tell(line)


def _settings(folder: Path, *, with_floor: bool) -> Settings:
    """Those of the environment, for a node in the folder, on ports of its own."""
    os.environ["TUTORWAMP_DATA_DIR"] = str(folder)
    os.environ["TUTORWAMP_PORT"] = str(free_port())
    os.environ["TUTORWAMP_REST_PORT"] = str(free_port())
    if with_floor:
        os.environ["TUTORWAMP_NODE_CONFIG"] = str(_with_floor(folder))
    return read_settings(os.environ)


def _with_floor(folder: Path) -> Path:
    """The node's own configuration with one container more."""
    config = yaml.safe_load(config_file().read_text())
    router, components = config["workers"]
    router["components"][0]["extra"]["components"].append("floor")
    transport = components["components"][0]["transport"]
    extra = {
        "type": "class",
        "id": "floor",
        "classname": "tutorwamp.bench.floor.FloorComponent",
        "realm": "tutor",
        "transport": transport,
    }
    config["workers"].append({**components, "id": "floor", "components": [extra]})
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Process:
    """A process below this one, so far."""

    kind: str
    """``controller``, ``router``, ``container`` or ``other``."""
    pid: int
    cpu_s: float
    rss_mib: float


def processes() -> list[Process]:
    """All processes below this one; those of the node by what they are."""
    found = []
    waiting = [os.getpid()]
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}").glob("task/*/children"):
            for pid in map(int, children.read_text().split()):
                waiting.append(pid)
                found.append(_process(pid))
    return found


_MARKS: Final = {".router.": "router", ".container.": "container", "crossbar-controller": "controller"}
"""What stands in the command lines of the node's processes."""


def _process(pid: int) -> Process:
    command = Path(f"/proc/{pid}/cmdline").read_text()
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Process(
        kind=next((kind for mark, kind in _MARKS.items() if mark in command), "other"),
        pid=pid,
        cpu_s=(int(user) + int(system)) / os.sysconf("SC_CLK_TCK"),
        rss_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )
