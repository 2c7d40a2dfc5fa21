"""The data folder: its owner's alone, able to be written, and it remembers whether it has had a database."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.app.settings import Settings
from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.private_files import write_new_private
from tutorwamp.kernel.settings import PREFIX, SettingsError

REMEMBERED: Final = "database.json"
"""Which SQLite file this folder's node has kept its people's words in."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OURS: Final = ("node", "pictures")
"""The folders in it that we have made."""


def sqlite_path(settings: Settings) -> Path | None:
    """The SQLite file in use; None for another database, or none."""
    try:
        url = make_url(settings.database.url_in(settings.node.data_dir))
    except SQLAlchemyError:
        return None
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database).absolute()


def remember_database(settings: Settings) -> None:
    """From now on a missing database is a loss, not a beginning."""
    path = sqlite_path(settings)
    if path is not None and _remembered(settings) != path:
        file = settings.node.data_dir / REMEMBERED
        file.unlink(missing_ok=True)
        inside = path.is_relative_to(settings.node.data_dir.absolute())  # the folder may be moved with all it has
        name = path.relative_to(settings.node.data_dir.absolute()) if inside else path
        write_new_private(file, json.dumps({"file": str(name), "since": utc_now().isoformat()}).encode())


def _remembered(settings: Settings) -> Path | None:
    try:
        text = (settings.node.data_dir / REMEMBERED).read_text()
        return settings.node.data_dir.absolute() / str(json.loads(text)["file"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_remembered(settings: Settings) -> None:
    """Raises SettingsError where this folder has had a database and it is gone."""
    path = sqlite_path(settings)
    if path is not None and path == _remembered(settings) and not _has_content(path):
        raise SettingsError(
            f"the database {path} is gone: put it back from a backup, or delete {settings.node.data_dir / REMEMBERED} "
            "to begin with an empty one"
        )


def require_database(settings: Settings) -> None:
    """Raises SettingsError where there is no SQLite file: the node's processes never make one."""
    require_remembered(settings)
    path = sqlite_path(settings)
    if path is not None and not _has_content(path):
        raise SettingsError(f"there is no database {path}; run: tutorwamp migrate")


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def make_private(data_dir: Path) -> None:
    """Take from others what they may do with it. A folder that is not ours alone, such as /tmp, is left as it is."""
    found = data_dir.stat()
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX or data_dir.resolve() in (Path("/"), Path.home()):
        return
    _take_from_others(data_dir)
    for path in data_dir.iterdir():
        _take_from_others(path)
    for name in OURS:
        for folder, folders, files in os.walk(data_dir / name):
            for one in (*folders, *files):
                _take_from_others(Path(folder) / one)


def _take_from_others(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's, or gone
        mode = path.lstat().st_mode
        if mode & OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def require_writable(folder: Path) -> None:
    """Write and delete a file in it. Raises SettingsError."""
    try:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".check-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"?" * 4096)
                file.flush()
                os.fsync(descriptor)
        finally:
            Path(name).unlink()
    except OSError as error:
        raise SettingsError(f"{PREFIX}DATA_DIR: {folder} cannot be written: {error.strerror}") from error


def require_folders(settings: Settings) -> None:
    """Try all that a node writes into. Raises SettingsError for the first that cannot be written."""
    require_writable(settings.node.data_dir)
    for name in OURS:
        if (settings.node.data_dir / name).exists():
            require_writable(settings.node.data_dir / name)
    if settings.log.file is not None and settings.log.file.exists():
        try:
            settings.log.file.open("ab").close()
        except OSError as error:
            raise SettingsError(f"{PREFIX}LOG_FILE: {settings.log.file}: {error.strerror}") from error
