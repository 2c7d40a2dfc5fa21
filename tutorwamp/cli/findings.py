"""``tutorwamp check``: what is wrong, and how to mend it."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.app.settings import Settings, engine_for, read_settings
from tutorwamp.cli.config_check import ConfigCheck, begin_config_check
from tutorwamp.files.scanner import Scanner, ScannerError
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.files import RESERVED_AT_MOST, open_files_at_most, sessions_in
from tutorwamp.kernel.redis_url import RedisAddress
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database_file import require_remembered, sqlite_path
from tutorwamp.kernel.sql.nodes import Node, named, others_of
from tutorwamp.kernel.sql.probe import write_row
from tutorwamp.supervision.data_folder import require_folders, require_writable
from tutorwamp.supervision.holding import FOLDER, holder_of

ANSWERED_WITHIN_S: Final = 2.2
"""By whatever is asked, all at once: a node says within two seconds how it is, and nobody waits longer for a check."""
FREE_BYTES_AT_LEAST: Final = 64 * 2**20
"""A lesson with pictures writes that much; with less left the end is near."""
FILES_AT_LEAST: Final = 1_024
"""Half of it is room for a small school; what systems allow by default is more."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``text``: a detail where it is fine, else the mend."""

    what: str
    fine: bool
    text: str


def findings(environment: Mapping[str, str], node: ConfigCheck | None = None) -> list[Finding]:
    """Look at everything; where the settings cannot be read nothing else can be. Nothing is made that stays.

    ``node``: the check of the node's configuration, where it was begun before.
    """
    try:
        settings = read_settings(environment)
        _require_key(settings)
        require_remembered(settings)
    except (SettingsError, OSError) as error:
        if node is not None:
            node()  # leaves nothing behind once it is waited for
        return [Finding("settings", fine=False, text=str(error))]
    node = node or begin_config_check(settings.node, environment)
    # Whoever does not answer keeps nobody waiting: neither the others nor, for long, the operator.
    until_s = time.monotonic() + ANSWERED_WITHIN_S
    asked = [Asked("running node", lambda: list(_running(settings))), *ask_others(settings)]
    return [
        Finding("settings", fine=True, text=f"data folder {settings.node.data_dir.absolute()}"),
        Finding("node configuration", *node()),
        *open_files(settings),
        *_folder(settings),
        *(finding for one in asked for finding in one.found(until_s)),
    ]


def ask_others(settings: Settings) -> list[Asked]:
    """Begin to look at what a node stands on."""
    return [
        Asked("database", lambda: list(_database(settings))),
        Asked("pictures", lambda: list(_pictures(settings))),
        Asked("scanner", lambda: list(_scanner(settings))),
        Asked("Redis", lambda: list(_redis(settings))),
    ]


class Asked:
    """A look at somebody else, in a thread of its own, which is left behind where it is not answered in time."""

    def __init__(self, what: str, look: Callable[[], list[Finding]], within_s: float | None = None) -> None:
        """``within_s``: in which an answer is wanted, else the time that everybody has here."""
        self._what = what
        self._within_s = ANSWERED_WITHIN_S if within_s is None else within_s
        self._look = look
        self._found: list[Finding] = []
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"check-{what}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._look()
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            self._failed = error

    def found(self, until_s: float) -> list[Finding]:
        """Wait for it until then, by the clock that never goes back."""
        self._thread.join(max(0.0, until_s - time.monotonic()))
        if self._thread.is_alive():
            told = f"no answer within {self._within_s:g} s: it stands still, or something on the way to it does"
            return [Finding(self._what, fine=False, text=told)]
        if self._failed is not None:
            raise self._failed
        return self._found


def _require_key(settings: Settings) -> None:
    """Read the key, if there is one already; the first start makes it. Raises SettingsError or OSError."""
    if not _nearest(settings.node.data_dir).is_dir():
        raise SettingsError(f"{settings.node.data_dir}: Not a directory")
    if settings.node.secret_key is not None or (settings.node.data_dir / "secret.key").exists():
        settings.node.signing_key()


def open_files(settings: Settings) -> Iterator[Finding]:
    """Said only where they are fewer than the sessions need; wrong where those were asked for, or few is hardly any."""
    files, wanted = open_files_at_most(), settings.gate.sessions_at_most
    room = sessions_in(files)
    if room >= wanted:
        return
    asked_for = wanted != GateSettings().sessions_at_most
    yield Finding(
        "open files",
        fine=not asked_for and files >= FILES_AT_LEAST,
        text=f"{files}: room for {room} sessions of TUTORWAMP_SESSIONS_AT_MOST={wanted}; raise the hard limit "
        f"(ulimit -Hn, LimitNOFILE=) to {wanted + RESERVED_AT_MOST}, or lower the setting",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or what it will be made in."""
    folder = folder.absolute()
    return next(one for one in (folder, *folder.parents) if one.exists())


def _folder(settings: Settings) -> Iterator[Finding]:
    """What is wrong with it: writing is tried."""
    there = _nearest(settings.node.data_dir)
    try:
        if there == settings.node.data_dir.absolute():
            require_folders(settings)
        else:
            require_writable(there)
    except SettingsError as error:
        yield Finding("data folder", fine=False, text=str(error))
        return
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES_AT_LEAST:
        yield Finding("data folder", fine=False, text=f"{there}: only {free // 2**20} MiB are free; make room")


def port_of_running(settings: Settings) -> int | None:
    """The public port of the node that runs on the data folder; None where there is none."""
    holder = holder_of(settings.node.data_dir / FOLDER)
    by_hand = holder is None and _accepts(settings.node.router_socket)
    if holder is None and not by_hand:
        return None
    return (holder.port if holder else 0) or settings.node.port


def _running(settings: Settings) -> Iterator[Finding]:
    """The node that runs on the data folder, if there is one, says itself how it is."""
    port = port_of_running(settings)
    if port is None:
        return
    url = f"http://127.0.0.1:{port}/api/health"
    try:
        with urllib.request.urlopen(url, timeout=ANSWERED_WITHIN_S) as answer:  # http on loopback
            yield Finding("running node", fine=answer.status == 200, text=url)
    except urllib.error.HTTPError as error:
        with error:
            yield Finding("running node", fine=False, text=f"{url}: {_down(error.read())}; see its log")
    except OSError as error:
        yield Finding("running node", fine=False, text=f"{url} does not answer: {error}; see its log")


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as wire:
        try:
            wire.connect(str(path))
        except OSError:
            return False
    return True


def _down(answer: bytes) -> str:
    try:
        states = json.loads(answer)["dependencies"]
        return "down: " + ", ".join(name for name, state in states.items() if state != "ok")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it is not ready"


def _pictures(settings: Settings) -> Iterator[Finding]:
    """Put an object into the storage and take it out again."""
    if settings.board.pictures_url is None:
        return
    from tutorwamp.kernel.blobs.s3 import (  # late: most nodes keep theirs in the data folder
        Bucket,
        BucketAddress,
        BucketError,
    )

    until_s = time.monotonic() + ANSWERED_WITHIN_S
    try:
        address = BucketAddress.parse(settings.board.pictures_url)
        bucket = Bucket(address)
        bucket.put("tutorwamp-check", b"?", "text/plain", until_s=until_s)
        bucket.delete("tutorwamp-check", until_s=until_s)
    except (SettingsError, BucketError) as error:
        yield Finding("pictures", fine=False, text=f"{error}; check TUTORWAMP_BOARD_PICTURES_URL")
    else:
        yield Finding("pictures", fine=True, text=f"{address.scheme}://{address.host}/{address.bucket}")


def _scanner(settings: Settings) -> Iterator[Finding]:
    """Have it look at a byte."""
    if settings.files.scanner is None:
        return
    try:
        fine = Scanner.parse(settings.files.scanner).is_clean(BytesIO(b"?"), within_s=ANSWERED_WITHIN_S)
    except (SettingsError, ScannerError) as error:
        yield Finding("scanner", fine=False, text=f"{error}; check TUTORWAMP_FILE_SCANNER")
    else:
        yield Finding("scanner", fine=fine, text=settings.files.scanner)


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.cache.redis_url is None:
        return
    address = RedisAddress.parse(settings.cache.redis_url)
    wrong = address.ping(ANSWERED_WITHIN_S)
    if wrong is None:
        yield Finding("Redis", fine=True, text=str(address))
    else:
        yield Finding("Redis", fine=False, text=f"{address}: {wrong}; check TUTORWAMP_REDIS_URL, or unset it")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        engine = engine_for(settings, create=False)
    except SettingsError as error:
        yield Finding("database", fine=False, text=str(error))
        return
    shown = engine.url.render_as_string(hide_password=True)
    others: list[Node] = []
    newest = migrate.newest_revision()
    try:
        path = sqlite_path(settings)
        made_by_up = path is not None and (path.parent.is_dir() or path.parent == settings.node.data_dir.absolute())
        if path is not None and made_by_up and not path.exists():
            yield Finding("database", fine=True, text=f"{shown} is not there yet")
            revision = None
        else:
            revision = migrate.current_revision(engine)
            if revision == newest:
                with engine.begin() as connection:
                    write_row(connection, utc_now())
                    others = others_of(connection, settings.node.data_dir, utc_now())
            yield Finding("database", fine=True, text=shown)
    except SQLAlchemyError as error:
        yield Finding("database", fine=False, text=f"{shown}: {migrate.reason_of(error)}; check TUTORWAMP_DATABASE_URL")
        return
    finally:
        engine.dispose()
    if revision == newest:
        yield Finding("migrations", fine=True, text=f"at revision {newest}")
        if others:
            told = f"{named(others)}: on this database as well; its people are not seen here, nor told of us"
            yield Finding("other nodes", fine=True, text=told)
    else:
        mend = migrate.too_new(revision) or f"at {revision or 'none'}, needed {newest}: run tutorwamp migrate"
        yield Finding("migrations", fine=False, text=mend)
