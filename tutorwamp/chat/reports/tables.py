"""The table of reports."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

reports = Table(
    "chat_reports",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("message_id", String(36), nullable=False),
    Column("lesson_id", String(36), nullable=False),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("reporter_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text),
    Column("files", Text, nullable=False),
    Column("said_at", InstantColumn, nullable=False),
    Column("edited_at", InstantColumn),
    Column("created_at", InstantColumn, nullable=False),
    Column("resolved_by", String(36), ForeignKey("users.id")),
    Column("resolved_at", InstantColumn),
    Column("note", Text),
    Column("muted", Boolean, nullable=False),
    Column("deactivated", Boolean, nullable=False),
    Index("uq_chat_reports_reporter", "message_id", "reporter_id", unique=True),
    Index("ix_chat_reports_created", "created_at", "id"),
    Index("ix_chat_reports_state", "state", "created_at", "id"),
)
"""``files``: a JSON list of names. Nothing refers to the message: what becomes of that changes nothing here."""
