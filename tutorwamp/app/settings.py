"""Every setting of the node, read at once, and the engine they mean; without what it takes to run a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_type_hints

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.accounts.settings import AccountsSettings
from tutorwamp.board.settings import BoardSettings
from tutorwamp.chat.settings import ChatSettings
from tutorwamp.files.settings import FilesSettings
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.limits import LimitSettings
from tutorwamp.kernel.log.lines import LogSettings
from tutorwamp.kernel.log.tracing import TracingSettings, require_tracing
from tutorwamp.kernel.metrics.settings import MetricsSettings
from tutorwamp.kernel.node_settings import NodeSettings, require_public_url
from tutorwamp.kernel.redis_url import CacheSettings, require_url
from tutorwamp.kernel.settings import PREFIX, SettingsError, gather, read, refuse_unknown
from tutorwamp.kernel.sql.database import DatabaseSettings, make_engine
from tutorwamp.kernel.sql.database_url import require_database_url
from tutorwamp.kernel.sql.slow import SlowSettings
from tutorwamp.lessons.media.settings import MediaSettings, require_media
from tutorwamp.lessons.settings import LessonsSettings
from tutorwamp.notifications.push.settings import PushSettings
from tutorwamp.notifications.settings import NotificationsSettings
from tutorwamp.polls.settings import PollsSettings
from tutorwamp.sessions.settings import SessionsSettings


@dataclass(frozen=True)
class Settings:
    """Every setting there is, by who it belongs to."""

    node: NodeSettings
    database: DatabaseSettings
    slow_queries: SlowSettings
    log: LogSettings
    tracing: TracingSettings
    metrics: MetricsSettings
    gate: GateSettings
    accounts: AccountsSettings
    lessons: LessonsSettings
    files: FilesSettings
    media: MediaSettings
    chat: ChatSettings
    board: BoardSettings
    sessions: SessionsSettings
    polls: PollsSettings
    notifications: NotificationsSettings
    push: PushSettings
    cache: CacheSettings
    limits: LimitSettings


SETTINGS_CLASSES: Final[Mapping[str, type]] = get_type_hints(Settings)
"""The classes, by the names of the fields above."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read them all. Raises SettingsError, one clear line, for an unknown or ill-formed one."""
    values = gather(environment)
    refuse_unknown(values, SETTINGS_CLASSES.values())
    require_public_url(read(NodeSettings, values).public_url)
    require_database_url(read(DatabaseSettings, values).url)
    require_url(read(CacheSettings, values).redis_url)
    _require_push(read(PushSettings, values))
    require_media(read(MediaSettings, values))
    require_tracing(read(TracingSettings, values))
    return Settings(**{name: read(settings_class, values) for name, settings_class in SETTINGS_CLASSES.items()})


def engine_for(settings: Settings, *, create: bool = True) -> Engine:
    """The engine of the database in use. Raises SettingsError for a URL that is none.

    ``create``: the data folder exists afterwards, and a SQLite file once it is asked for.
    """
    if create:
        settings.node.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        return make_engine(settings.database.url_in(settings.node.data_dir), create=create)
    except (SQLAlchemyError, ImportError, TypeError) as error:  # no URL, no such driver, SQLite without a file
        raise SettingsError(f"{PREFIX}DATABASE_URL: {str(error).partition(', using')[0]}") from error


def _require_push(settings: PushSettings) -> None:
    if settings.smtp_url is not None or settings.web_push_subject is not None:
        from tutorwamp.notifications.push.service import require_push  # late: most nodes have neither

        require_push(settings)
