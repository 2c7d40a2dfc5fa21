"""The table of files. Their bytes are stored under their ids."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

files = Table(
    "files",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), ForeignKey("lessons.id"), nullable=False),
    Column("owner_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("client_id", String(64)),
    Column("message_id", String(36)),
    Column("created_at", InstantColumn, nullable=False),
    Index("ix_files_lesson", "lesson_id"),
    Index("ix_files_message", "message_id", "created_at"),
    Index("uq_files_client_id", "owner_id", "lesson_id", "client_id", unique=True),
)
