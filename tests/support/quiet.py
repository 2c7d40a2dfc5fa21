"""Wait until a node has nothing left to do by itself."""

from __future__ import annotations

from sqlalchemy import and_, create_engine, func, or_, select

from tests.support.waiting import until
from tutorwamp.kernel.sql.streams import streams
from tutorwamp.notifications.tables import progress


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

    def is_told() -> bool:
        with engine.connect() as connection:
            return connection.execute(query).scalar_one() == 0

    try:
        await until(is_told, "a notifier that is not behind")
    finally:
        engine.dispose()
