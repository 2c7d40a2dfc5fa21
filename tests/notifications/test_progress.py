"""How far streams are projected, where several processes write it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert, select

from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import new_id, utc_now
from tutorwamp.kernel.sql.columns import metadata
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.kernel.sql.streams import append, open_stream, stream_events, streams
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.notifications.progress import BEHIND, Known, backlogs, go_on, keep
from tutorwamp.notifications.tables import progress

STREAM = CHAT_TOPIC.of(new_id())


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = make_engine(database_url)
    metadata.create_all(engine, tables=[streams, stream_events, progress])
    with engine.begin() as opened:
        open_stream(opened, STREAM, 0)
        yield opened
    engine.dispose()


def happened(connection: Connection, event_type: str) -> None:
    made = Draft(STREAM, None, event_type, utc_now(), {"id": "y"}, key_for(None), "", "s", lambda _seq: {"read_seq": 1})
    append(connection, [made])


def kept(connection: Connection) -> int | None:
    return connection.execute(select(progress.c.seq)).scalar()


def test_who_had_nothing_to_tell_does_not_go_past_what_another_has_told(connection: Connection) -> None:
    connection.execute(insert(progress), {"stream": STREAM, "seq": 0, "members": "[]"})
    happened(connection, "message.created")
    (teller,) = backlogs(connection, {STREAM: None})  # is about to tell somebody of 1
    happened(connection, "read.advanced")  # who reads it
    (other,) = backlogs(connection, {STREAM: None})  # sees both, and has nothing to tell
    assert not go_on(connection, [teller])
    assert not keep(connection, {STREAM: other.known(kept=False)})
    assert kept(connection) == 1
    assert [row.name for row in connection.execute(BEHIND)] == [STREAM], "that it was read is looked at again"


def test_who_comes_second_with_a_first_row_does_not_take_it_for_its_own(connection: Connection) -> None:
    happened(connection, "message.created")
    happened(connection, "message.created")
    assert keep(connection, {STREAM: Known(1, None, ())}) == {STREAM}
    assert not keep(connection, {STREAM: Known(2, None, ())})
    assert kept(connection) == 1


def test_what_is_written_goes_on_and_never_past_the_stream(connection: Connection) -> None:
    happened(connection, "message.created")
    assert keep(connection, {STREAM: Known(0, None, ())}) == {STREAM}
    assert keep(connection, {STREAM: Known(1, 0, ())}) == {STREAM}
    assert not keep(connection, {STREAM: Known(7, 1, ())})
    assert kept(connection) == 1
