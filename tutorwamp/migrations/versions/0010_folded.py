"""Messages are found whatever their quotation marks, Unicode form and kind of i.

Revision 0010, after 0009.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import context, op

from tutorwamp.kernel.text import folded

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
"""Messages: some megabytes of memory, however many there are."""


def upgrade() -> None:
    _fold(folded)


def downgrade() -> None:
    _fold(str.casefold)


def _fold(fold: Callable[[str], str]) -> None:
    if context.is_offline_mode():
        return  # from an empty database on: there is nothing to fold, and SQL cannot
    messages = sa.table("messages", *map(sa.column, ("id", "body", "folded")))
    page = sa.select(messages).order_by(messages.c.id).limit(AT_ONCE)
    change = sa.update(messages).where(messages.c.id == sa.bindparam("key")).values(folded=sa.bindparam("new"))
    connection, last = op.get_bind(), ""
    while rows := connection.execute(page.where(messages.c.id > last)).all():
        folds = [(row, fold(row.body or "")) for row in rows]
        if changed := [{"key": row.id, "new": new} for row, new in folds if new != row.folded]:
            connection.execute(change, changed)
        last = rows[-1].id
