"""Invite codes, and who was taken off a lesson.

Revision 0017, after 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lesson_invites",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_lesson_invites_lesson_id"),
        sa.PrimaryKeyConstraint("lesson_id", name="pk_lesson_invites"),
    )
    op.create_index("uq_lesson_invites_digest", "lesson_invites", ["digest"], unique=True)
    op.create_table(
        "lesson_removals",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_lesson_removals_lesson_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_lesson_removals_user_id"),
        sa.PrimaryKeyConstraint("lesson_id", "user_id", name="pk_lesson_removals"),
    )


def downgrade() -> None:
    op.drop_table("lesson_removals")
    op.drop_table("lesson_invites")
