"""``tutorwamp check``: what is wrong, and how to mend it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.app import migrate
from tutorwamp.app.assembly import Settings, engine_for, read_settings
from tutorwamp.app.node import config_file
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.files import RESERVED_AT_MOST, open_files_at_most, sessions_in
from tutorwamp.kernel.settings import SettingsError

PING_WITHIN_S: Final = 5.0
FILES_AT_LEAST: Final = 1_024
"""Half of it is room for a small school; what systems allow by default is more."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``text``: a detail where it is fine, else the mend."""

    what: str
    fine: bool
    text: str


def findings(environment: Mapping[str, str]) -> list[Finding]:
    """Look at everything; where the settings cannot be read nothing else can be."""
    try:
        settings = read_settings(environment)
        settings.node.signing_key()
    except (SettingsError, OSError) as error:
        return [Finding("settings", fine=False, text=str(error))]
    return [
        Finding("settings", fine=True, text=f"data folder {settings.node.data_dir.absolute()}"),
        _node(settings, environment),
        *_files(settings),
        *_database(settings),
        *_redis(settings),
    ]


def reason_of(error: SQLAlchemyError) -> str:
    """What the driver says, on one line, without the statement and its values."""
    return (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]


def _node(settings: Settings, environment: Mapping[str, str]) -> Finding:
    """Crossbar's own check of the configuration."""
    node_dir = settings.node.node_dir.absolute()
    node_dir.mkdir(parents=True, exist_ok=True)
    config = settings.node.node_config or config_file()
    command = [sys.executable, "-c", "import crossbar; crossbar.run()", "check"]
    checked = subprocess.run(  # noqa: S603  # our own arguments
        [*command, f"--cbdir={node_dir}", f"--config={config.absolute()}"],
        env={**environment, "TUTORWAMP_PORT": str(settings.node.port)},
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode == 0:
        return Finding("node configuration", fine=True, text=str(config))
    lines = (checked.stdout + checked.stderr).strip().splitlines() or ["crossbar check failed"]
    return Finding("node configuration", fine=False, text=lines[-1].strip())


def _files(settings: Settings) -> Iterator[Finding]:
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


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.cache.redis_url is None:
        return
    wrong = _ping(settings.cache.redis_url)
    shown = re.sub("//[^@/]*@", "//***@", settings.cache.redis_url)
    if wrong is None:
        yield Finding("Redis", fine=True, text=shown)
    else:
        yield Finding("Redis", fine=False, text=f"{shown}: {wrong}; check TUTORWAMP_REDIS_URL, or unset it")


def _ping(url: str) -> str | None:
    """Ask a Redis or Valkey, waiting for it: what is wrong, or None."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            wire.settimeout(PING_WITHIN_S)
            wire.connect(parts.path)
        else:
            wire = socket.create_connection((parts.hostname, parts.port or 6379), PING_WITHIN_S)
        with wire:
            if parts.password:
                wire.sendall(f"AUTH {parts.password}\r\n".encode())
                wire.recv(1024)
            wire.sendall(b"PING\r\n")
            answer = wire.recv(1024)
    except (OSError, ValueError) as error:
        return str(error)
    return None if answer.startswith(b"+PONG") else answer.decode(errors="replace").strip()


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        engine = engine_for(settings)
    except SettingsError as error:
        yield Finding("database", fine=False, text=str(error))
        return
    shown = engine.url.render_as_string(hide_password=True)
    try:
        revision = migrate.current_revision(engine)
    except SQLAlchemyError as error:
        yield Finding("database", fine=False, text=f"{shown}: {reason_of(error)}; check TUTORWAMP_DATABASE_URL")
        return
    finally:
        engine.dispose()
    yield Finding("database", fine=True, text=shown)
    newest = migrate.newest_revision()
    if revision == newest:
        yield Finding("migrations", fine=True, text=f"at revision {newest}")
    else:
        yield Finding("migrations", fine=False, text=f"at {revision or 'none'}, needed {newest}: run tutorwamp migrate")
