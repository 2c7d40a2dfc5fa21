"""Whom deliveries are for, on whose account, and of how many notifications they tell.

Revision 0008, after 0007. What waits from before counts for nobody.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("push_deliveries", sa.Column("user_id", sa.String(length=36)))
    op.add_column("push_deliveries", sa.Column("tutor_id", sa.String(length=36)))
    op.add_column("push_deliveries", sa.Column("more", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_push_deliveries_user", "push_deliveries", ["user_id", "due_at"])
    op.create_index("ix_push_deliveries_tutor", "push_deliveries", ["tutor_id", "due_at"])
    op.create_index("ix_lesson_attendance_user", "lesson_attendance", ["user_id", "lesson_id"])


def downgrade() -> None:
    op.drop_index("ix_lesson_attendance_user", "lesson_attendance")
    op.drop_index("ix_push_deliveries_tutor", "push_deliveries")
    op.drop_index("ix_push_deliveries_user", "push_deliveries")
    for column in ("more", "tutor_id", "user_id"):
        op.drop_column("push_deliveries", column)
