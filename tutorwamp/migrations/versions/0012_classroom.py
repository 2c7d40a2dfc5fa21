"""What a lesson has beside its plan: rules, raised hands, a timer, and whether its tutor counts as there.

Lessons that are there already let everybody write, whoever is there. Revision 0012, after 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ATTENDED = sa.text("attended IS true")
HAS_HANDS = sa.text("hands != '[]'")


def upgrade() -> None:
    op.add_column("lessons", sa.Column("rules", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("lessons", sa.Column("hands", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("lessons", sa.Column("timer", sa.Text(), nullable=True))
    op.add_column("lessons", sa.Column("attended", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name, where in (("attended", ATTENDED), ("hands", HAS_HANDS)):
        op.create_index(f"ix_lessons_{name}", "lessons", ["id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("attended", "hands"):
        op.drop_index(f"ix_lessons_{name}", "lessons")
    for name in ("attended", "timer", "hands", "rules"):
        op.drop_column("lessons", name)
