"""Chat's tables. A message stands in its lesson's order by the number of its event."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), ForeignKey("lessons.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("body", Text),
    Column("folded", Text, nullable=False),
    Column("reply_to", String(36)),
    Column("created_at", InstantColumn, nullable=False),
    Column("edited_at", InstantColumn),
    Column("deleted_at", InstantColumn),
    Column("client_id", String(64)),
    Column("files", Text),
    Index("uq_messages_seq", "lesson_id", "seq", unique=True),
)

reactions = Table(
    "reactions",
    metadata,
    Column("message_id", String(36), ForeignKey("messages.id"), primary_key=True),
    Column("emoji", String(32), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("at", InstantColumn, nullable=False),
)

read_marks = Table(
    "read_marks",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
