"""Notifications, preferences, and how far lessons were turned into them.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("body", sa.String(length=1000), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notifications_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("uq_notifications_source", "notifications", ["user_id", "source"], unique=True)
    op.create_index("ix_notifications_user", "notifications", ["user_id", "created_at", "id"])
    unread = {"sqlite": "read_at IS NULL AND in_app = 1", "postgresql": "read_at IS NULL AND in_app"}
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id", "lesson_id"],
        sqlite_where=sa.text(unread["sqlite"]),
        postgresql_where=sa.text(unread["postgresql"]),
    )
    _create_preferences()
    _create_progress()


def _create_preferences() -> None:
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notification_preferences_user_id"),
        sa.PrimaryKeyConstraint("user_id", "kind", "channel", name="pk_notification_preferences"),
    )


def _create_progress() -> None:
    progress = op.create_table(
        "notification_progress",
        sa.Column("stream", sa.String(length=120), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_notification_progress"),
    )
    # What happened before there were notifications is not told now.
    streams = sa.table("streams", sa.column("name", sa.String), sa.column("head", sa.BigInteger))
    lessons = sa.or_(streams.c.name.like("tutorwamp.lesson.%.state"), streams.c.name.like("tutorwamp.lesson.%.chat"))
    past = sa.select(streams.c.name, streams.c.head, sa.literal("null")).where(lessons)
    op.execute(sa.insert(progress).from_select(["stream", "seq", "members"], past))


def downgrade() -> None:
    for table in ("notification_progress", "notification_preferences", "notifications"):
        op.drop_table(table)
