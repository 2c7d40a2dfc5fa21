"""Devices to push to, and what is on its way to them.

Revision 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_subscriptions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("p256dh", sa.String(length=100), nullable=False),
        sa.Column("auth", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_push_subscriptions_user_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_push_subscriptions"),
    )
    op.create_index("ix_push_subscriptions_user", "push_subscriptions", ["user_id", "created_at"])
    op.create_table(
        "push_deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("notification_id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["notification_id"], ["notifications.id"], name="fk_push_deliveries_notification_id"),
        sa.PrimaryKeyConstraint("id", name="pk_push_deliveries"),
    )
    op.create_index("uq_push_deliveries_target", "push_deliveries", ["notification_id", "target"], unique=True)
    op.create_index("ix_push_deliveries_due", "push_deliveries", ["state", "due_at"])
    op.create_index("ix_push_deliveries_queued", "push_deliveries", ["queued_at"])


def downgrade() -> None:
    for table in ("push_deliveries", "push_subscriptions"):
        op.drop_table(table)
