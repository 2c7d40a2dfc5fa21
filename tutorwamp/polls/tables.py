"""The tables of polls. Who has answered what in an anonymous poll stands in none of them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

polls = Table(
    "polls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), ForeignKey("lessons.id"), nullable=False),
    Column("question", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("choices", Text, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("closed_at", InstantColumn),
    # Of an anonymous poll that is open, see ballots.py; written with it, and thrown away when it is closed.
    Column("salt", LargeBinary),
    # How it stood when it was closed.
    Column("votes", Text),
    Column("answered", Integer),
    # Of an anonymous one: how many students had not answered.
    Column("missing", Integer),
    Index("ix_polls_lesson_id", "lesson_id", "created_at"),
)

poll_answers = Table(
    "poll_answers",
    metadata,
    Column("poll_id", String(36), ForeignKey("polls.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("choices", Text, nullable=False),
    Column("text", Text),
    Column("at", InstantColumn, nullable=False),
)
"""Of polls that are not anonymous."""

ballot_boxes = Table(
    "ballot_boxes",
    metadata,
    Column("poll_id", String(36), ForeignKey("polls.id"), primary_key=True),
    Column("box", LargeBinary, nullable=False),
)
"""Of anonymous polls, one each: sealed while it is open, the answers without people when it is closed."""
