"""What the tutor of an open lesson leads everybody to.

Revision 0018, after 0017.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lesson_views",
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_lesson_views_lesson_id"),
        sa.PrimaryKeyConstraint("lesson_id", name="pk_lesson_views"),
    )


def downgrade() -> None:
    op.drop_table("lesson_views")
