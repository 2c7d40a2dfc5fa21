"""What people do about their accounts themselves: addresses that are confirmed, mails, names that change.

Revision 0013, after 0012. Who was there before has not confirmed an address: until then, or until the school says that
it is theirs (``tutorwamp user confirm``), notifications do not go there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("email_confirmed_at", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("changed_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_users_changed_at", "users", ["changed_at"])
    op.create_table(
        "mailed_tokens",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_mailed_tokens_user_id"),
        sa.PrimaryKeyConstraint("user_id", "purpose", name="pk_mailed_tokens"),
        sa.UniqueConstraint("hash", name="uq_mailed_tokens_hash"),
    )
    op.create_table(
        "account_mails",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("email", "purpose", name="pk_account_mails"),
    )
    op.create_index("ix_account_mails_due_at", "account_mails", ["due_at"])


def downgrade() -> None:
    op.drop_table("account_mails")
    op.drop_table("mailed_tokens")
    op.drop_index("ix_users_changed_at", "users")
    op.drop_column("users", "changed_at")
    op.drop_column("users", "email_confirmed_at")
