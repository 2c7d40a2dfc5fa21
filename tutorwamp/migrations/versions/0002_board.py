"""The board: elements, answers, snapshots, pictures.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _state()
    _history()
    _pictures()


def _state() -> None:
    op.create_table(
        "boards",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("pages", sa.Text(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("placed", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_boards_lesson_id"),
        sa.PrimaryKeyConstraint("lesson_id", name="pk_boards"),
    )
    op.create_table(
        "board_elements",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("page", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("look", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_board_elements_lesson_id"),
        sa.PrimaryKeyConstraint("lesson_id", "id", name="pk_board_elements"),
    )
    op.create_index(
        "ix_board_elements_tombstones",
        "board_elements",
        ["updated_at"],
        sqlite_where=sa.text("look IS NULL"),
        postgresql_where=sa.text("look IS NULL"),
    )


def _history() -> None:
    op.create_table(
        "board_answers",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_board_answers"),
    )
    op.create_index("ix_board_answers_at", "board_answers", ["at"])
    op.create_table(
        "board_snapshots",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_board_snapshots_lesson_id"),
        sa.PrimaryKeyConstraint("lesson_id", "seq", name="pk_board_snapshots"),
    )


def _pictures() -> None:
    op.create_table(
        "board_pictures",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("author_id", sa.String(length=36), nullable=False),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_board_pictures_author_id"),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_board_pictures_lesson_id"),
        sa.PrimaryKeyConstraint("id", name="pk_board_pictures"),
    )
    op.create_index("uq_board_pictures_content", "board_pictures", ["lesson_id", "sha256"], unique=True)


def downgrade() -> None:
    for table in ("board_pictures", "board_snapshots", "board_answers", "board_elements", "boards"):
        op.drop_table(table)
