"""The tables of notifications."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text, and_

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

SOURCE_LENGTH_AT_MOST: Final = 200

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("source", String(SOURCE_LENGTH_AT_MOST), nullable=False),
    Column("lesson_id", String(36), nullable=False),
    Column("title", String(300), nullable=False),
    Column("body", String(1000), nullable=False),
    Column("data", Text, nullable=False),
    Column("in_app", Boolean, nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("read_at", InstantColumn),
    Index("uq_notifications_source", "user_id", "source", unique=True),
    Index("ix_notifications_user", "user_id", "created_at", "id"),
)
is_unread = and_(notifications.c.read_at.is_(None), notifications.c.in_app)
Index(
    "ix_notifications_unread",
    notifications.c.user_id,
    notifications.c.lesson_id,
    sqlite_where=is_unread,
    postgresql_where=is_unread,
)

preferences = Table(
    "notification_preferences",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("enabled", Boolean, nullable=False),
)

progress = Table(
    "notification_progress",
    metadata,
    Column("stream", String(120), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("members", Text, nullable=False),
)
"""How far each of the lessons' streams is projected into notifications, and who the lesson's members were then."""
