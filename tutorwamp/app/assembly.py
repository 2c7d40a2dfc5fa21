"""The whole machine on one page: every object, made once, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.accounts.recovery.service import RecoveryService
from tutorwamp.accounts.recovery.store import RecoveryStore
from tutorwamp.accounts.rest import ACCOUNTS_ROUTES, RECOVERY_ROUTES
from tutorwamp.accounts.service import AccountsService
from tutorwamp.accounts.store import AccountsStore
from tutorwamp.app.settings import Settings, engine_for
from tutorwamp.board.exchange import Exchange
from tutorwamp.board.rest import BOARD_FILE_ROUTES, BOARD_ROUTES, BoardFiles
from tutorwamp.board.service import BoardService
from tutorwamp.board.store import BoardStore
from tutorwamp.board.wamp import BOARD_PROCEDURES, EXCHANGE_PROCEDURES, publish_board
from tutorwamp.chat.reports.rules import REPORTS
from tutorwamp.chat.reports.service import ReportsService
from tutorwamp.chat.reports.store import ReportsStore
from tutorwamp.chat.rest import CHAT_ROUTES, REPORTS_ROUTES
from tutorwamp.chat.service import ChatService
from tutorwamp.chat.store import ChatStore
from tutorwamp.chat.wamp import CHAT_PROCEDURES, REPORTS_PROCEDURES, publish_chat
from tutorwamp.files.looking import Looking
from tutorwamp.files.rest import FILES_ROUTES
from tutorwamp.files.service import SENT, FilesService
from tutorwamp.files.store import FilesStore
from tutorwamp.gate.contracts import Gate
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.blobs.folder import FolderBlobStore
from tutorwamp.kernel.blobs.port import BlobStore
from tutorwamp.kernel.cache import Cache, make_cache
from tutorwamp.kernel.contracts import Clock, Value, utc_now
from tutorwamp.kernel.edges.component import Publisher, Served, served_by
from tutorwamp.kernel.edges.resource import Routed, routed_to
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import CallLimits, Limits
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.nodes import Nodes
from tutorwamp.kernel.sql.probe import WriteProbe
from tutorwamp.lessons.attendance import AttendanceStore
from tutorwamp.lessons.contracts import Admission
from tutorwamp.lessons.invites.service import InvitesService
from tutorwamp.lessons.invites.store import InvitesStore
from tutorwamp.lessons.invites.throttle import GuessThrottle
from tutorwamp.lessons.lead.service import LeadService
from tutorwamp.lessons.lead.store import ViewsStore
from tutorwamp.lessons.media.service import MediaService, media_server
from tutorwamp.lessons.media.store import MediaStore
from tutorwamp.lessons.presence import Presence
from tutorwamp.lessons.rest import INVITES_ROUTES, LESSONS_ROUTES
from tutorwamp.lessons.service import LessonsService
from tutorwamp.lessons.store import LessonsStore
from tutorwamp.lessons.wamp import (
    INVITES_PROCEDURES,
    LEAD_PROCEDURES,
    LESSONS_PROCEDURES,
    MEDIA_PROCEDURES,
    publish_lessons,
)
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.notifier import Notifier
from tutorwamp.notifications.push.queue import PushQueue
from tutorwamp.notifications.push.service import PushService, asking_the_relay, mailer_of, providers_of
from tutorwamp.notifications.rest import NOTIFICATIONS_ROUTES, PUSH_ROUTES
from tutorwamp.notifications.service import NotificationsService
from tutorwamp.notifications.store import NotificationsStore
from tutorwamp.notifications.wamp import NOTIFICATIONS_PROCEDURES, publish_notifications
from tutorwamp.polls.ballots import BallotSeal
from tutorwamp.polls.rest import POLLS_ROUTES
from tutorwamp.polls.service import PollsService
from tutorwamp.polls.store import PollsStore
from tutorwamp.polls.wamp import POLLS_PROCEDURES, publish_polls
from tutorwamp.sessions.service import SessionsService
from tutorwamp.sessions.store import SessionsStore
from tutorwamp.sessions.wamp import SESSIONS_PROCEDURES, publish_sessions


@dataclass(frozen=True)
class Domain:
    """What a domain gives a node beside its service: its tables, and who answers them."""

    name: str
    """As its folder; the node's configuration calls its component so as well."""
    wamp: Callable[[Machine], list[Served]] = lambda _: []
    rest: Callable[[Machine], list[Routed]] = lambda _: []
    publish: Callable[[Events, Publisher], None] = lambda _events, _publisher: None
    found_on_joining: Callable[[Machine, Admission], Awaitable[Sequence[Value]]] | None = None
    """What it has for who joins a lesson, under its name."""


DOMAINS: Final = (
    Domain(
        "accounts",
        rest=lambda made: [*routed_to(made.accounts, ACCOUNTS_ROUTES), *routed_to(made.recovery, RECOVERY_ROUTES)],
    ),
    Domain(
        "lessons",
        wamp=lambda made: [
            *served_by(made.lessons, LESSONS_PROCEDURES),
            *served_by(made.invites, INVITES_PROCEDURES),
            *served_by(made.lead, LEAD_PROCEDURES),
            *served_by(made.media, MEDIA_PROCEDURES),
        ],
        rest=lambda made: [*routed_to(made.lessons, LESSONS_ROUTES), *routed_to(made.invites, INVITES_ROUTES)],
        publish=publish_lessons,
    ),
    Domain("sessions", wamp=lambda made: served_by(made.sessions, SESSIONS_PROCEDURES), publish=publish_sessions),
    Domain("files", rest=lambda made: routed_to(made.files, FILES_ROUTES)),
    Domain(
        "chat",
        wamp=lambda made: [*served_by(made.chat, CHAT_PROCEDURES), *served_by(made.reports, REPORTS_PROCEDURES)],
        rest=lambda made: [*routed_to(made.chat, CHAT_ROUTES), *routed_to(made.reports, REPORTS_ROUTES)],
        publish=publish_chat,
    ),
    Domain(
        "board",
        wamp=lambda made: [*served_by(made.board, BOARD_PROCEDURES), *served_by(made.exchange, EXCHANGE_PROCEDURES)],
        rest=lambda made: [
            *routed_to(made.board, BOARD_ROUTES),
            *routed_to(BoardFiles(made.board, made.exchange, made.settings.board), BOARD_FILE_ROUTES),
        ],
        publish=publish_board,
    ),
    Domain(
        "polls",
        wamp=lambda made: served_by(made.polls, POLLS_PROCEDURES),
        rest=lambda made: routed_to(made.polls, POLLS_ROUTES),
        publish=publish_polls,
        found_on_joining=lambda made, admission: made.polls.open_ones(admission),
    ),
    Domain(
        "notifications",
        wamp=lambda made: served_by(made.notifications, NOTIFICATIONS_PROCEDURES),
        rest=lambda made: [
            *routed_to(made.notifications, NOTIFICATIONS_ROUTES),
            *routed_to(made.push, PUSH_ROUTES),
        ],
        publish=publish_notifications,
    ),
)
"""All there are, for components.py and site.py."""


@dataclass(frozen=True)
class Machine:
    """What one process of the backend is made of."""

    settings: Settings
    database: Database
    nodes: Nodes
    probe: WriteProbe
    events: Events
    publisher: Publisher
    limits: CallLimits
    accounts: AccountsService
    recovery: RecoveryService
    lessons: LessonsService
    files: FilesService
    invites: InvitesService
    lead: LeadService
    media: MediaService
    chat: ChatService
    reports: ReportsService
    board: BoardService
    exchange: Exchange
    pictures: BlobStore
    polls: PollsService
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
    database = Database(engine_for(settings), reactor, settings.slow_queries)
    probe = WriteProbe(database, reactor, clock=clock)
    events = Events()
    publisher, limits = Publisher(), CallLimits(settings.limits, now_s)
    if gate is None:
        gate = GateClient(publisher.call)

    accounts, recovery = _accounts(settings, database, gate, events, reactor, clock, now_s)
    nodes = Nodes(database, settings.node.data_dir, clock)
    record = AttendanceStore(database, nodes)
    presence = Presence(record, accounts, events, settings=settings.lessons, clock=clock, now_s=now_s)
    questions = PollsStore(database, BallotSeal(settings.node.signing_key()), settings.polls)
    lessons = LessonsService(
        LessonsStore(database, nodes, questions.end_with),
        accounts,
        gate,
        events,
        presence,
        limits,
        remembered=settings.lessons.remembered,
        unattended=settings.lessons.unattended.value,
        clock=clock,
    )
    invites, lead, media = _with_lessons(settings, database, lessons, accounts, events, reactor, clock, now_s)
    files = _files(settings, database, lessons, reactor, clock, now_s)
    chat = _chat(settings, database, lessons, accounts, files, events, limits, clock)
    reports = _reports(settings, database, lessons, accounts, clock, now_s)
    boards = BoardStore(database)
    board = BoardService(
        boards, lessons, accounts, events, limits, settings=settings.board, clock=clock, reactor=reactor
    )
    pictures = _blobs(settings, reactor, "pictures")
    polls = PollsService(questions, lessons, accounts, events, limits, clock=clock)
    exchange = Exchange(board, boards, pictures, settings=settings.board, clock=clock, reactor=reactor)

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

    cache = make_cache(settings.cache, reactor)
    providers = providers_of(settings.push, settings.node.data_dir, accounts, reactor)
    queue = PushQueue(database, providers, clock, limited=settings.limits.rate_limits)
    push = PushService(queue, providers, gate, accounts, settings.node.data_dir, clock)
    told = NotificationsStore(database, queue)
    counts = UnreadCounts(cache, told, now_s)
    notifications = NotificationsService(told, counts, accounts, events, clock=clock)
    notifier = Notifier(
        told, counts, lessons, presence, gate, events, settings=settings.notifications, clock=clock, reactor=reactor
    )

    publisher.receivers = presence.roster.sessions_in
    machine = Machine(
        settings, database, nodes, probe, events, publisher, limits, accounts, recovery,
        lessons, files, invites, lead, media, chat, reports, board, exchange, pictures,
        polls, sessions, cache, counts, notifications, notifier, push, clock,
    )  # fmt: skip
    _plug_in(machine)
    return machine


def _plug_in(machine: Machine) -> None:
    """What is published, and what who joins a lesson is given."""
    for domain in DOMAINS:
        domain.publish(machine.events, machine.publisher)
    machine.lessons.found_on_joining = {
        domain.name: partial(domain.found_on_joining, machine) for domain in DOMAINS if domain.found_on_joining
    }


def _with_lessons(
    settings: Settings,
    database: Database,
    lessons: LessonsService,
    accounts: AccountsService,
    events: Events,
    reactor: Any,
    clock: Clock,
    now_s: Callable[[], float],
) -> tuple[InvitesService, LeadService, MediaService]:
    """How people come into lessons, where they look, and what they hear."""
    invites = InvitesService(
        InvitesStore(database),
        lessons,
        GuessThrottle(settings.limits, now_s),
        page_url=settings.node.page_url,
        clock=clock,
    )
    lead = LeadService(ViewsStore(database), lessons, events, clock=clock, now_s=now_s)
    lessons.last_view = lead.last
    server = media_server(settings.media, reactor)
    media = MediaService(server, MediaStore(database), lessons, accounts, events, clock=clock, reactor=reactor)
    return invites, lead, media


def _accounts(
    settings: Settings,
    database: Database,
    gate: Gate,
    events: Events,
    reactor: Any,
    clock: Clock,
    now_s: Callable[[], float],
) -> tuple[AccountsService, RecoveryService]:
    """Who people are, and what they do about it by mail: both count in the same throttle."""
    mailer, throttle = mailer_of(settings.push, reactor), LoginThrottle(settings.limits, now_s)
    accounts = AccountsService(
        AccountsStore(database),
        gate,
        events,
        settings.node.signing_key(),
        settings=settings.accounts,
        throttle=throttle,
        clock=clock,
        reactor=reactor,
        mail_takes_utf8=asking_the_relay(settings.push),
        sends_mail=mailer is not None,
    )
    recovery = RecoveryService(
        RecoveryStore(database), accounts, mailer, throttle, page_url=settings.node.page_url, clock=clock
    )
    return accounts, recovery


def _chat(
    settings: Settings,
    database: Database,
    lessons: LessonsService,
    accounts: AccountsService,
    files: FilesService,
    events: Events,
    limits: CallLimits,
    clock: Clock,
) -> ChatService:
    store = ChatStore(database, files.store)
    return ChatService(store, lessons, accounts, files, events, limits, settings=settings.chat, clock=clock)


def _reports(
    settings: Settings,
    database: Database,
    lessons: LessonsService,
    accounts: AccountsService,
    clock: Clock,
    now_s: Callable[[], float],
) -> ReportsService:
    limits = Limits(REPORTS, now_s) if settings.limits.rate_limits else None
    return ReportsService(ReportsStore(database), lessons, accounts, accounts, lessons, limits=limits, clock=clock)


def _files(
    settings: Settings,
    database: Database,
    lessons: LessonsService,
    reactor: Any,
    clock: Clock,
    now_s: Callable[[], float],
) -> FilesService:
    return FilesService(
        FilesStore(database, lesson_bytes=settings.files.lesson_bytes),
        _blobs(settings, reactor, "files"),
        Looking(settings.files.scanner, reactor),
        lessons,
        limits=Limits(SENT, now_s) if settings.limits.rate_limits else None,
        settings=settings.files,
        clock=clock,
    )


def _blobs(settings: Settings, reactor: Any, what: str) -> BlobStore:
    """The bucket that the setting names, or a folder of the data folder; for "pictures" or "files".

    Raises SettingsError.
    """
    title = what.title()
    if settings.board.pictures_url is None:
        return FolderBlobStore(settings.node.data_dir / what, reactor, what=title)
    from tutorwamp.kernel.blobs.s3 import Bucket, BucketAddress, S3BlobStore  # late: its library takes 60 ms to import

    bucket = Bucket(BucketAddress.parse(settings.board.pictures_url))
    if what == "pictures":
        return S3BlobStore(bucket, reactor)
    return S3BlobStore(bucket, reactor, timeout_s=FILE_STORED_WITHIN_S, prefix=f"{what}/", what=title)


FILE_STORED_WITHIN_S: Final = 20.0
"""A request about a file: they are larger than pictures, and who sends one waits longer."""
