"""Nobody asks any more whether what the shared cache says is believed.

Revision 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("cache_trust")


def downgrade() -> None:
    op.create_table(
        "cache_trust",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=True),
        sa.Column("believed_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cache_trust"),
    )
