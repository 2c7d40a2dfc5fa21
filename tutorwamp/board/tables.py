"""The board's tables. The elements are the state, the stream is its history."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

boards = Table(
    "boards",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("pages", Text, nullable=False),  # JSON: living elements by page, in the pages' order
    Column("weight", BigInteger, nullable=False),
    Column("placed", BigInteger, nullable=False),
    Column("snapshot_seq", BigInteger, nullable=False),
)

elements = Table(
    "board_elements",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("page", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("updated_at", InstantColumn, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("look", Text),  # JSON; null: a tombstone
)
Index(
    "ix_board_elements_tombstones",
    elements.c.updated_at,
    sqlite_where=elements.c.look.is_(None),
    postgresql_where=elements.c.look.is_(None),
)

answers = Table(
    "board_answers",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),  # digest of board, person and client_id
    Column("digest", LargeBinary(16), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", InstantColumn, nullable=False, index=True),
    Column("outcome", Text),  # JSON: what was rejected, or the page; null: everything was applied
)

snapshots = Table(
    "board_snapshots",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("state", LargeBinary, nullable=False),  # JSON, zlib
)

pictures = Table(
    "board_pictures",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), ForeignKey("lessons.id"), nullable=False),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("media_type", String(20), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Index("uq_board_pictures_content", "lesson_id", "sha256", unique=True),
)
