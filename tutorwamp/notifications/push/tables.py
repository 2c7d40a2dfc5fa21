"""The tables of push."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("p256dh", String(100), nullable=False),
    Column("auth", String(40), nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Index("ix_push_subscriptions_user", "user_id", "created_at"),
)
"""``digest``: SHA-256 of the endpoint, which is too long for a key. It is the target of a delivery."""

deliveries = Table(
    "push_deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("notification_id", String(36), ForeignKey("notifications.id"), nullable=False),
    Column("target", String(64), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("due_at", InstantColumn, nullable=False),
    Column("queued_at", InstantColumn, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("user_id", String(36)),
    Column("tutor_id", String(36)),
    Column("more", Integer, nullable=False, server_default="0"),
    Index("ix_push_deliveries_user", "user_id", "due_at"),
    Index("ix_push_deliveries_tutor", "tutor_id", "due_at"),
    Index("uq_push_deliveries_target", "notification_id", "target", unique=True),
    Index("ix_push_deliveries_due", "state", "due_at"),
    Index("ix_push_deliveries_queued", "queued_at"),
)
"""``state``: ``waiting`` (also while it is taken: until ``due_at``), ``sending``, ``done``, or ``unsent`` (it was
not wanted after all). ``tutor_id``: on whose account it goes to a stranger. ``more``: how many notifications it
tells of beside its own, which is the last of them.

A row stays for a day, so that nothing goes to a target twice.
"""
