"""Polls, and their stream for the lessons that are there already.

Revision NEW, after OLD.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "NEW"
down_revision = "OLD"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "polls",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_polls_lesson_id", "polls", ["lesson_id"])
    op.execute(
        "INSERT INTO streams (name, head, guard) SELECT 'tutorwamp.lesson.' || id || '.polls', 0, version FROM lessons"
    )


def downgrade() -> None:
    op.execute("DELETE FROM streams WHERE name LIKE 'tutorwamp.lesson.%.polls'")
    op.drop_table("polls")
