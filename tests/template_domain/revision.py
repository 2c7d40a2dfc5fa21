"""Bookmarks, and their stream for the lessons that are there already.

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
        "bookmarks",
        sa.Column("id", sa.String(length=36), primary_key=True),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_bookmarks_lesson_id", "bookmarks", ["lesson_id"])
    op.execute(
        "INSERT INTO streams (name, head, guard)"
        " SELECT 'tutorwamp.lesson.' || lessons.id || '.bookmarks', 0, guard FROM lessons"
        " JOIN streams ON name = 'tutorwamp.lesson.' || lessons.id || '.state'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM streams WHERE name LIKE 'tutorwamp.lesson.%.bookmarks'")
    op.drop_table("bookmarks")
