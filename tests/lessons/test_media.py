"""Media: tokens for the lesson's room, and that the media server hears who must leave it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import Clock

from tests.lessons.hall import Hall
from tests.lessons.room_server import KEY, SECRET, RoomServer
from tests.support.cast import one_lesson
from tests.support.doors import names_of
from tests.support.machine import Stage
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.app.settings import read_settings
from tutorwamp.kernel.contracts import Caller, to_ms
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.lessons.contracts import CancelLesson, OneLesson
from tutorwamp.lessons.errors import Muted, WrongState
from tutorwamp.lessons.media.livekit import LiveKit
from tutorwamp.lessons.media.rules import TOKEN_LIFETIME
from tutorwamp.lessons.media.service import ORDERED, REPEATED_AFTER_S, MediaService
from tutorwamp.lessons.media.store import MediaStore
from tutorwamp.lessons.values import SetRules
from tutorwamp.lessons.wamp import MEDIA_PROCEDURES


@pytest_twisted.async_yield_fixture
async def server() -> AsyncIterator[RoomServer]:
    made = RoomServer()
    yield made
    await made.close()


class Media:
    """The cast's media service on a media server, with the pauses between two tries turned by hand."""

    def __init__(self, hall: Hall, server: RoomServer) -> None:
        self.pauses = Clock()
        machine = hall.machine
        self.service = MediaService(
            LiveKit(server.url, KEY, SECRET, reactor),
            MediaStore(machine.database),
            hall.lessons,
            machine.accounts,
            machine.events,
            clock=hall.stage.clock,
            reactor=self.pauses,
        )


@pytest.fixture
def media(hall: Hall, server: RoomServer) -> Media:
    return Media(hall, server)


async def grant_of(media: Media, hall: Hall, who: Caller) -> dict[str, Any]:
    access = await media.service.media(who, one_lesson(hall.lesson.id))
    claims = jwt.decode(access.token, SECRET, ["HS256"], options={"verify_exp": False, "verify_nbf": False})
    now_s = to_ms(hall.stage.clock()) // 1000
    assert (claims["iss"], claims["sub"], claims["nbf"], claims["exp"]) == (KEY, who.user_id, now_s, now_s + 600)
    assert access.expires_at == hall.stage.clock() + TOKEN_LIFETIME
    assert claims["name"] == (await hall.machine.accounts.person(who.user_id)).name
    grant: dict[str, Any] = claims["video"]
    assert (grant.pop("room"), grant.pop("roomJoin"), grant.pop("canSubscribe")) == (hall.lesson.id, True, True)
    return grant


async def mute(hall: Hall, *who: Caller) -> None:
    asked = SetRules(lesson_id=hall.lesson.id, muted=[one.user_id for one in who])
    await hall.lessons.set_rules(hall.tutor, asked)


async def test_L34_a_token_says_what_somebody_may_do(stage: Stage, hall: Hall, media: Media) -> None:
    await mute(hall, hall.ben)
    moderator = {"roomAdmin": True, "canPublish": True, "canPublishData": True}
    student = {"roomAdmin": False, "canPublish": True, "canPublishData": False}
    assert await grant_of(media, hall, hall.tutor) == moderator
    assert await grant_of(media, hall, await stage.given.caller("admin")) == moderator
    assert await grant_of(media, hall, hall.anna) == student
    assert await grant_of(media, hall, hall.ben) == {**student, "canPublish": False}


async def test_L34_members_of_an_open_lesson_enter_and_nobody_else(stage: Stage, hall: Hall, media: Media) -> None:
    one = one_lesson(hall.lesson.id)
    await refused(NotFound, media.service.media(await stage.given.caller(), one))
    await refused(NotFound, hall.machine.media.media(hall.tutor, one))  # has no media server
    closed = SetRules(lesson_id=hall.lesson.id, unattended="closed")
    await hall.lessons.set_rules(hall.tutor, closed)
    await refused(Muted, media.service.media(hall.anna, one))
    await hall.join(hall.tutor)
    await media.service.media(hall.anna, one)
    await hall.remove(hall.anna)
    await refused(NotFound, media.service.media(hall.anna, one))
    await hall.lessons.cancel(hall.tutor, CancelLesson(lesson_id=hall.lesson.id))
    await refused(WrongState, media.service.media(hall.ben, one))


async def test_L35_a_removal_a_mute_and_the_end_are_told(hall: Hall, media: Media, server: RoomServer) -> None:
    room, anna, ben = hall.lesson.id, hall.anna.user_id, hall.ben.user_id
    await mute(hall, hall.ben)
    await server.told_so_often(1)
    await mute(hall)
    await server.told_so_often(2)
    await hall.remove(hall.anna)
    await server.told_so_often(3)
    await hall.start()
    await hall.lessons.end(hall.tutor, one_lesson(room))
    await server.told_so_often(4)

    def may_publish(*, may: bool) -> dict[str, Any]:
        permission = {"can_subscribe": True, "can_publish": may, "can_publish_data": False}
        return {"room": room, "identity": ben, "permission": permission}

    assert server.told == [
        ("UpdateParticipant", may_publish(may=False)),
        ("UpdateParticipant", may_publish(may=True)),
        ("RemoveParticipant", {"room": room, "identity": anna}),
        ("DeleteRoom", {"room": room}),
    ]


async def test_L35_it_is_told_again_until_no_token_is_good_any_more(
    hall: Hall, media: Media, server: RoomServer
) -> None:
    await hall.remove(hall.anna)
    for turn, pause_s in enumerate(REPEATED_AFTER_S, 1):
        await server.told_so_often(turn)
        server.status = [200, 404, 500][turn % 3]
        await pause(media)
        media.pauses.advance(pause_s)
    assert server.told == [server.told[0]] * len(REPEATED_AFTER_S)
    assert sum(REPEATED_AFTER_S) > TOKEN_LIFETIME.total_seconds()
    assert media.pauses.getDelayedCalls() == []


async def pause(media: Media) -> None:
    """Until the answer has come and the next time is set."""
    await until(media.pauses.getDelayedCalls, "the next time is set")


async def test_L35_who_is_back_in_the_lesson_is_sent_out_no_more(hall: Hall, media: Media, server: RoomServer) -> None:
    await hall.remove(hall.anna)
    await server.told_so_often(1)
    await pause(media)
    await hall.update(student_ids=[hall.ben.user_id, hall.anna.user_id])
    media.pauses.advance(REPEATED_AFTER_S[0])
    await pause(media)
    assert len(server.told) == 1


async def test_L35_a_media_server_that_is_away_holds_up_nothing(hall: Hall, media: Media, server: RoomServer) -> None:
    await server.close()
    before = ORDERED["unreachable"]._value.get()
    await hall.remove(hall.anna)
    await pause(media)
    assert ORDERED["unreachable"]._value.get() == before + 1


async def test_L35_what_a_killed_process_did_not_tell_the_next_one_does(
    stage_on_both: Stage, hall: Hall, server: RoomServer
) -> None:
    over = hall.in_lesson(await stage_on_both.given.lesson(hall.tutor, hall.ben))
    late = hall.in_lesson(await stage_on_both.given.lesson(hall.tutor, hall.ben))
    stage_on_both.clock.now = hall.lesson.starts_at
    await hall.remove(hall.anna)
    await late.remove(hall.ben)
    stage_on_both.clock.now = over.lesson.starts_at
    await over.start()
    await over.lessons.end(hall.tutor, one_lesson(over.lesson.id))
    stage_on_both.clock.now = over.lesson.starts_at
    await Media(hall, server).service.recover()
    await server.told_so_often(1)
    stage_on_both.clock.now = hall.lesson.starts_at
    await Media(hall, server).service.recover()
    await server.told_so_often(2)
    assert server.told == [
        ("DeleteRoom", {"room": over.lesson.id}),
        ("RemoveParticipant", {"room": hall.lesson.id, "identity": hall.anna.user_id}),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"URL": "wss://media.example"}, "TUTORWAMP_LIVEKIT_API_KEY is missing"),
        ({"API_KEY": "k", "API_SECRET": SECRET}, "TUTORWAMP_LIVEKIT_URL is missing"),
        ({"URL": "ftp://media.example", "API_KEY": "k", "API_SECRET": SECRET}, "wss://HOST"),
        ({"URL": "wss://", "API_KEY": "k", "API_SECRET": SECRET}, "wss://HOST"),
        ({"URL": "wss://a:b@media.example", "API_KEY": "k", "API_SECRET": SECRET}, "wss://HOST"),
        ({"URL": "wss://media.ex ample", "API_KEY": "k", "API_SECRET": SECRET}, "wss://HOST"),
        ({"URL": "wss://media.example", "API_KEY": "k", "API_SECRET": "short"}, "32 bytes"),
    ],
)
def test_L34_all_three_settings_or_none(said: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_settings({f"TUTORWAMP_LIVEKIT_{name}": value for name, value in said.items()})


@pytest.mark.parametrize(
    ("url", "theirs", "ours"),
    [
        ("wss://media.example/", "wss://media.example", "https://media.example/twirp/livekit.RoomService"),
        ("https://media.example", "wss://media.example", "https://media.example/twirp/livekit.RoomService"),
        ("WSS://media.example", "wss://media.example", "https://media.example/twirp/livekit.RoomService"),
        ("http://127.0.0.1:7880", "ws://127.0.0.1:7880", "http://127.0.0.1:7880/twirp/livekit.RoomService"),
    ],
)
def test_L34_people_come_by_websocket_and_we_by_http(url: str, theirs: str, ours: str) -> None:
    livekit = LiveKit(url, KEY, SECRET, reactor)
    assert (livekit.url, livekit._rooms) == (theirs, ours)


def test_the_doors_name_is_the_contracts() -> None:
    assert names_of(MEDIA_PROCEDURES) == {"tutorwamp.lesson.media": OneLesson}
