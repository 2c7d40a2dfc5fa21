"""Wait until a node has nothing left to do by itself."""

from __future__ import annotations

import time
from typing import Any, cast

from sqlalchemy import and_, create_engine, func, or_, select
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tutorwamp.kernel.sql.streams import streams
from tutorwamp.notifications.tables import progress

PATIENCE_S = 30.0


async def all_is_told(database_url: str) -> None:
    """Until everything that happened in lessons was turned into notifications."""
    lessons = or_(streams.c.name.like("%.state"), streams.c.name.like("%.chat"))
    behind = or_(
        and_(progress.c.stream.is_(None), streams.c.name.like("%.state")),
        streams.c.head > func.coalesce(progress.c.seq, 0),
    )
    joined = streams.outerjoin(progress, progress.c.stream == streams.c.name)
    query = select(func.count()).select_from(joined).where(lessons, behind)
    engine = create_engine(database_url)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            with engine.connect() as connection:
                if connection.execute(query).scalar_one() == 0:
                    return
            assert time.monotonic() < deadline, "the notifier is behind"
            await deferLater(cast("Any", reactor), 0.05)
    finally:
        engine.dispose()
