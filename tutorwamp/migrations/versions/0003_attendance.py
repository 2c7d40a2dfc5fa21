"""The attendance record of lessons.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lesson_attendance",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("session", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_lesson_attendance_lesson_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_lesson_attendance_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_lesson_attendance"),
    )
    op.create_index("ix_lesson_attendance_lesson", "lesson_attendance", ["lesson_id", "since"])
    op.create_index(
        "ix_lesson_attendance_open",
        "lesson_attendance",
        ["left_at"],
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("lesson_attendance")
