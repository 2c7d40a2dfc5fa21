"""The nodes that use the database, whose stays are whose, and the database's epoch.

Revision 0007, after 0006.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
    )
    epochs = op.create_table(
        "epochs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_epochs"),
    )
    op.bulk_insert(epochs, [{"id": 1, "epoch": str(uuid.uuid4())}])
    op.add_column("lesson_attendance", sa.Column("node", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("lesson_attendance", "node")
    op.drop_table("epochs")
    op.drop_table("nodes")
