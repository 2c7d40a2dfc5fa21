"""The whole machine on one page: every object, made once, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.accounts.guesses import Guesses
from tutorwamp.accounts.service import AccountsService
from tutorwamp.accounts.settings import AccountsSettings
from tutorwamp.accounts.store import AccountsStore
from tutorwamp.board.exchange import Exchange
from tutorwamp.board.pictures import open_shelf
from tutorwamp.board.service import BoardService
from tutorwamp.board.settings import BoardSettings
from tutorwamp.board.store import BoardStore
from tutorwamp.board.wamp import publish_board
from tutorwamp.chat.service import ChatService
from tutorwamp.chat.settings import ChatSettings
from tutorwamp.chat.store import ChatStore
from tutorwamp.chat.wamp import publish_chat
from tutorwamp.gate.contracts import Gate
from tutorwamp.gate.settings import GateSettings
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.cache import Cache, CacheSettings, make_cache, require_url
from tutorwamp.kernel.component import Outlet
from tutorwamp.kernel.contracts import Clock, utc_now
from tutorwamp.kernel.database import Database, DatabaseSettings, make_engine
from tutorwamp.kernel.database_url import require_database_url
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import CallLimits, LimitSettings
from tutorwamp.kernel.nodes import Nodes
from tutorwamp.kernel.observability import LogSettings
from tutorwamp.kernel.probe import WriteProbe
from tutorwamp.kernel.settings import PREFIX, NodeSettings, SettingsError, gather, read, refuse_unknown
from tutorwamp.kernel.trust import CacheTrust
from tutorwamp.lessons.attendance import AttendanceStore
from tutorwamp.lessons.presence import Presence
from tutorwamp.lessons.service import LessonsService
from tutorwamp.lessons.settings import LessonsSettings
from tutorwamp.lessons.store import LessonsStore
from tutorwamp.lessons.wamp import publish_lessons
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.notifier import Notifier
from tutorwamp.notifications.push.service import PushService, asking_the_relay, require_push
from tutorwamp.notifications.push.settings import PushSettings
from tutorwamp.notifications.service import NotificationsService
from tutorwamp.notifications.settings import NotificationsSettings
from tutorwamp.notifications.store import NotificationsStore
from tutorwamp.notifications.wamp import publish_notifications
from tutorwamp.sessions.service import SessionsService
from tutorwamp.sessions.settings import SessionsSettings
from tutorwamp.sessions.store import SessionsStore
from tutorwamp.sessions.wamp import publish_sessions


@dataclass(frozen=True)
class Settings:
    """Every setting there is, by who it belongs to."""

    node: NodeSettings
    database: DatabaseSettings
    log: LogSettings
    gate: GateSettings
    accounts: AccountsSettings
    lessons: LessonsSettings
    chat: ChatSettings
    board: BoardSettings
    sessions: SessionsSettings
    notifications: NotificationsSettings
    push: PushSettings
    cache: CacheSettings
    limits: LimitSettings


SETTINGS_CLASSES = (
    NodeSettings,
    DatabaseSettings,
    LogSettings,
    GateSettings,
    AccountsSettings,
    LessonsSettings,
    ChatSettings,
    BoardSettings,
    SessionsSettings,
    NotificationsSettings,
    PushSettings,
    CacheSettings,
    LimitSettings,
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read them all. Raises SettingsError, one clear line, for an unknown or ill-formed one."""
    values = gather(environment)
    refuse_unknown(values, SETTINGS_CLASSES)
    require_database_url(read(DatabaseSettings, values).url)
    require_url(read(CacheSettings, values).redis_url)
    require_push(read(PushSettings, values))
    return Settings(
        node=read(NodeSettings, values),
        database=read(DatabaseSettings, values),
        log=read(LogSettings, values),
        gate=read(GateSettings, values),
        accounts=read(AccountsSettings, values),
        lessons=read(LessonsSettings, values),
        chat=read(ChatSettings, values),
        board=read(BoardSettings, values),
        sessions=read(SessionsSettings, values),
        notifications=read(NotificationsSettings, values),
        push=read(PushSettings, values),
        cache=read(CacheSettings, values),
        limits=read(LimitSettings, values),
    )


@dataclass(frozen=True)
class Machine:
    """What one process of the backend is made of."""

    settings: Settings
    database: Database
    nodes: Nodes
    probe: WriteProbe
    events: Events
    outlet: Outlet
    limits: CallLimits
    accounts: AccountsService
    lessons: LessonsService
    chat: ChatService
    board: BoardService
    exchange: Exchange
    sessions: SessionsService
    cache: Cache
    counts: UnreadCounts
    notifications: NotificationsService
    notifier: Notifier
    push: PushService
    clock: Clock

    def start(self) -> None:
        """Start the threads."""
        self.database.start()
        self.accounts.start()

    def stop(self) -> None:
        """Finish what is queued, give everything back. Blocks for as long as the last transaction takes."""
        self.accounts.stop()
        self.database.stop()


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


def assemble(
    settings: Settings,
    reactor: Any,
    *,
    clock: Clock = utc_now,
    now_s: Callable[[], float] = time.monotonic,
    gate: Gate | None = None,
) -> Machine:
    """Put the machine together. ``gate``: instead of the router's, for processes that have none (command line).

    ``now_s``: seconds of a clock that nobody sets, for everything that lasts.
    """
    key = settings.node.signing_key()
    database = Database(engine_for(settings), reactor, settings.database)
    probe = WriteProbe(database, reactor, clock=clock)
    events = Events()
    outlet, limits = Outlet(), CallLimits(settings.limits, now_s)
    if gate is None:
        gate = GateClient(outlet.call)

    accounts = AccountsService(
        AccountsStore(database),
        gate,
        key,
        settings=settings.accounts,
        guesses=Guesses(settings.limits, now_s),
        clock=clock,
        reactor=reactor,
        mail_takes_utf8=asking_the_relay(settings.push),
    )
    nodes = Nodes(database, settings.node.data_dir, clock)
    record = AttendanceStore(database, nodes)
    presence = Presence(record, accounts, events, settings=settings.lessons, clock=clock, now_s=now_s)
    lessons = LessonsService(
        LessonsStore(database, nodes),
        accounts,
        gate,
        events,
        presence,
        remembered=settings.lessons.remembered,
        clock=clock,
    )
    chat = ChatService(ChatStore(database), lessons, accounts, events, limits, settings=settings.chat, clock=clock)
    boards = BoardStore(database)
    board = BoardService(
        boards, lessons, accounts, events, limits, settings=settings.board, clock=clock, reactor=reactor
    )
    shelf = open_shelf(settings.board.pictures_url, settings.node.data_dir / "pictures", reactor)
    exchange = Exchange(board, boards, shelf, settings=settings.board, clock=clock, reactor=reactor)

    sessions = SessionsService(
        SessionsStore(database),
        lessons,
        accounts,
        gate,
        events,
        settings=settings.sessions,
        clock=clock,
        now_s=now_s,
    )

    cache = make_cache(settings.cache, reactor, CacheTrust(database, reactor, clock=clock))
    push = PushService(database, gate, accounts, settings.push, settings.limits, settings.node.data_dir, clock, reactor)
    told = NotificationsStore(database, push.queue)
    counts = UnreadCounts(cache, told)
    notifications = NotificationsService(told, counts, accounts, events, clock=clock)
    notifier = Notifier(
        told, counts, lessons, presence, gate, events, settings=settings.notifications, clock=clock, reactor=reactor
    )

    for publish in (publish_lessons, publish_chat, publish_board, publish_sessions, publish_notifications):
        publish(events, outlet)
    return Machine(
        settings, database, nodes, probe, events, outlet, limits, accounts, lessons, chat, board, exchange, sessions,
        cache, counts, notifications, notifier, push, clock,
    )  # fmt: skip
