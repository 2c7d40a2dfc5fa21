"""Items that nobody sends: what happens to the node itself, and how it is told. Each says what came of it."""

from __future__ import annotations

import os
import signal
import socketserver
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.hostile import stage
from tests.hostile.enemy import ATTACKS, Enemy, Ground
from tests.hostile.usage import descendants
from tests.hostile.wire import GoneError, SilenceError, Wamp, request
from tests.support.node import environment, free_port
from tests.support.supervised import Supervised

Happen = Callable[[Supervised, Ground, Callable[[], None]], str]
PATIENCE_S: Final = 45.0


@dataclass(frozen=True)
class Mishap:
    """As an Attack, done once."""

    name: str
    item: int
    sentence: str
    happen: Happen
    env: Mapping[str, str] = field(default_factory=dict)


MISHAPS: Final[dict[str, Mishap]] = {}


def mishap(item: int, sentence: str, **env: str) -> Callable[[Happen], Happen]:
    """Enter a function among them."""

    def enter(happen: Happen) -> Happen:
        name = happen.__name__
        MISHAPS[name] = Mishap(name, item, sentence, happen, env)
        return happen

    return enter


def _health(node: Supervised) -> str:
    try:
        return str(request(node.port, "GET", "/api/health", patience_s=3)[0])
    except GoneError:
        return "no answer"


def _check(node: Supervised, **env: str) -> int:
    command = [*node.command, "check"]
    more = {
        "TUTORWAMP_DATA_DIR": str(node.data_dir),
        "TUTORWAMP_PORT": str(node.port),
        "TUTORWAMP_REST_PORT": str(node.rest_port),
    }
    done = subprocess.run(  # noqa: S603  # our own command
        command, env={**environment(), **node.ours, **more, **env}, capture_output=True, check=False, timeout=60
    )
    return done.returncode


@mishap(3, "a router that stands still (SIGSTOP)")
def router_stands_still(node: Supervised, _: Ground, look: Callable[[], None]) -> str:
    pid, began = node.pids()["router"], time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        check = _check(node)
        while time.monotonic() < began + PATIENCE_S:
            if node.pids().get("router", pid) != pid and _health(node) == "200":
                return f"another router answers after {time.monotonic() - began:.0f} s; check said {check} meanwhile"
            time.sleep(0.3)  # looks at other processes
        return f"nobody noticed within {PATIENCE_S:.0f} s; check says {check}, health {_health(node)}"
    finally:
        if pid in descendants(node.process.pid):
            os.kill(pid, signal.SIGCONT)


@mishap(3, "SIGTERM while the router stands still")
def stopped_while_it_stands_still(node: Supervised, _: Ground, look: Callable[[], None]) -> str:
    pids, began = descendants(node.process.pid), time.monotonic()
    os.kill(node.pids()["router"], signal.SIGSTOP)
    node.process.send_signal(signal.SIGTERM)
    while time.monotonic() < began + 10 and any(map(_lives, pids)):
        time.sleep(0.1)  # looks at other processes
    left = [pid for pid in pids if _lives(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    took = time.monotonic() - began
    node.process.wait(30)
    again = time.monotonic()
    node.start()
    return f"{len(left)} processes left after {took:.1f} s; started again in {time.monotonic() - again:.0f} s"


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@mishap(7, "lines of 20 kB and forged lines: what the operator sees of them")
def log_afterwards(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    enemy = Enemy(ground, "log")
    for name in ("long_log_lines", "forged_log_lines"):
        try:
            ATTACKS[name].portion(enemy)
        except GoneError:
            continue
    size = node.errors.stat().st_size
    try:
        with Wamp(ground.port, "json") as session:  # what every tree logs: a message that is none
            session.message(b"[99,99]")
            session.receive(2)
    except GoneError:
        time.sleep(1)  # for what the node writes about it
    text = node.errors.read_text(errors="replace")
    goes_on = "goes on" if node.errors.stat().st_size > size else "says nothing more"
    lines = text.splitlines()
    forged = sum(line.startswith("2026-11-30T00:00:00+0000 [Controller 1] forged") for line in lines)
    control = sum(any(ord(one) < 32 and one != "\t" for one in line) for line in text.split("\n"))
    longest = max(map(len, lines), default=0)
    return f"the log {goes_on}; {forged} forged lines, {control} with control characters, the longest {longest}"


class _Sink(socketserver.StreamRequestHandler):
    """Takes all mail."""

    subjects: Counter[str] = Counter()  # noqa: RUF012  # of all connections, on purpose

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        data = False
        for raw in self.rfile:
            line = raw.rstrip(b"\r\n")
            if data:
                data = line != b"."
                if line.lower().startswith(b"subject:"):
                    type(self).subjects[line.decode("latin-1")] += 1
                if data:
                    continue
            verb = line[:4].upper()
            data = verb == b"DATA"
            self.wfile.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 yes\r\n"))
            if verb == b"QUIT":
                return


SMTP_PORT: Final = free_port()


@mishap(
    9,
    "a registered tutor invites ten people to lesson after lesson for 12 s",
    TUTORWAMP_SMTP_URL=f"smtp://127.0.0.1:{SMTP_PORT}?from=school@school.example",
)
def mails(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    _Sink.subjects.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", SMTP_PORT), _Sink) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        enemy, ends = Enemy(ground, "mails"), time.monotonic() + 12
        while time.monotonic() < ends:
            try:
                ATTACKS["invitations"].portion(enemy)
            except GoneError:
                enemy.note("ended")
            look()
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            look()
            time.sleep(0.2)  # looks at other processes
        server.shutdown()
    own = sum(count for subject, count in _Sink.subjects.items() if "PRIZE" in subject)
    said = ", ".join(f"{count} × {what}" for what, count in enemy.tally.most_common(3))
    return f"{_Sink.subjects.total()} mails, {own} with the attacker's subject ({said})"


@mishap(11, "the database's file is deleted under the node")
def file_deleted(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    for path in node.data_dir.glob("tutorwamp.sqlite3*"):
        path.unlink()
    time.sleep(6)  # for as long as health may take to notice, and more
    with stage.session(ground.port, ground.emails["tutor"]) if _logs_in(ground) else nullcontext() as tutor:
        outcomes = Counter(_said(tutor, ground, number) for number in range(15))
    return f"15 sends: {dict(outcomes)}; health {_health(node)}, check {_check(node)}"


@mishap(11, "the disk is full")
def disk_full(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    with stage.session(ground.port, ground.emails["tutor"]) as tutor:
        pid = node.pids()["container"]
        limit = ["prlimit", f"--pid={pid}", "--fsize=4096:4096"]
        subprocess.run(limit, check=True)  # noqa: S603  # a fixed command
        time.sleep(6)  # for as long as health may take to notice, and more
        outcomes = Counter(_said(tutor, ground, number) for number in range(15))
    return f"15 sends: {dict(outcomes)}; health {_health(node)}"


def _logs_in(ground: Ground) -> bool:
    try:
        stage.ticket(ground.port, ground.emails["tutor"])
    except (AssertionError, GoneError):
        return False
    return True


def _said(tutor: Wamp | None, ground: Ground, number: int) -> str:
    if tutor is None:
        return "not let in"
    try:
        return (
            tutor.call("tutorwamp.chat.send", lesson_id=ground.lesson_id, body=f"after {number}")[0] or "acknowledged"
        )
    except SilenceError:
        return "silence"
    except GoneError:
        return "ended"


@mishap(11, "`check` in an empty folder")
def check_of_nothing(node: Supervised, _: Ground, look: Callable[[], None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        code = _check(node, TUTORWAMP_DATA_DIR=folder)
        made = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
    return f"exit {code}, made {', '.join(made) or 'nothing'}"


@mishap(12, "umask 0: what in the data folder is not the owner's alone")
def modes(node: Supervised, _: Ground, look: Callable[[], None]) -> str:
    node.stop()
    before = os.umask(0)
    try:
        node.start()
    finally:
        os.umask(before)
    paths = [node.data_dir, *node.data_dir.rglob("*")]
    ours = [path for path in paths if path not in (node.errors, node.data_dir) and not path.is_symlink()]
    loose = [path.relative_to(node.data_dir) for path in ours if path.lstat().st_mode & 0o077]
    return f"{len(loose)} of {len(ours)}: {', '.join(map(str, loose[:6]))}"


@mishap(12, "one text replaced by another of 60 kB for 15 s: how the database grows")
def replaced_for_long(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    def size() -> float:
        return sum(path.stat().st_size for path in node.data_dir.glob("tutorwamp.sqlite3*")) / 1e6

    before, enemy, ends = size(), Enemy(ground, "texts"), time.monotonic() + 15
    while time.monotonic() < ends:
        ATTACKS["replaced_texts"].portion(enemy)
        look()
    said = ", ".join(f"{count} × {what}" for what, count in enemy.tally.most_common(3))
    return f"+ {size() - before:.0f} MB ({said})"


@mishap(
    13, "a container that stood still longer than a heartbeat may be late",
    TUTORWAMP_REALTIME_PING_TIMEOUT="4", TUTORWAMP_HEARTBEAT_INTERVAL="1",
)  # fmt: skip
def stood_still(node: Supervised, ground: Ground, look: Callable[[], None]) -> str:
    sessions = [stage.session(ground.port, ground.emails["tutor"]) for _ in range(10)]
    for one in sessions:
        one.must("tutorwamp.session.heartbeat")
    pid = node.pids()["container"]
    os.kill(pid, signal.SIGSTOP)
    for _ in range(5):
        time.sleep(1)  # the container stands still for so long: that is the mishap
        for one in sessions:
            one.ask("tutorwamp.session.heartbeat")
    os.kill(pid, signal.SIGCONT)
    gone: set[int] = set()
    rounds_ms = []
    for _ in range(3):
        began = time.monotonic()
        for number, one in enumerate(sessions):
            try:
                one.call("tutorwamp.session.heartbeat")  # what it was asked before is answered before
            except GoneError:
                gone.add(number)
        rounds_ms.append(1000 * (time.monotonic() - began))
        time.sleep(0.5)  # for it to judge what it finds late
    for one in sessions:
        one.close()
    return (
        f"{len(gone)} of {len(sessions)} sessions that had sent heartbeats were ended; "
        f"all was answered {rounds_ms[0]:.0f} ms after it went on"
    )
