"""The SQLite file of a data folder: where it is, and whether there has been one already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.private_files import write_new_private
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.kernel.sql.database import DatabaseSettings

REMEMBERED: Final = "database.json"
"""Which SQLite file this folder's node has kept its people's words in."""


class Settings(Protocol):
    """What of a node's settings says where its database is."""

    @property
    def database(self) -> DatabaseSettings:
        """Its URL."""

    @property
    def node(self) -> NodeSettings:
        """Its data folder."""


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
