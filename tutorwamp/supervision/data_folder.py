"""The data folder is its owner's alone, and can be written."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from tutorwamp.app.settings import Settings
from tutorwamp.kernel.settings import PREFIX, SettingsError

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OURS: Final = ("node", "pictures")
"""The folders in it that we have made."""


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
