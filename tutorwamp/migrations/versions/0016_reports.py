"""Messages that were reported, as they read then.

Revision 0016, after 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_reports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("author_id", sa.String(length=36), nullable=False),
        sa.Column("reporter_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_by", sa.String(length=36), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("deactivated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_chat_reports_author_id"),
        sa.ForeignKeyConstraint(["reporter_id"], ["users.id"], name="fk_chat_reports_reporter_id"),
        sa.ForeignKeyConstraint(["resolved_by"], ["users.id"], name="fk_chat_reports_resolved_by"),
        sa.PrimaryKeyConstraint("id", name="pk_chat_reports"),
    )
    op.create_index("uq_chat_reports_reporter", "chat_reports", ["message_id", "reporter_id"], unique=True)
    op.create_index("ix_chat_reports_created", "chat_reports", ["created_at", "id"])
    op.create_index("ix_chat_reports_state", "chat_reports", ["state", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("chat_reports")
