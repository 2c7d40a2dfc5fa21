"""Files, and which of them a message has.

Revision 0014, after 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_files_lesson_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_files_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_index("ix_files_lesson", "files", ["lesson_id"])
    op.create_index("ix_files_message", "files", ["message_id", "created_at"])
    op.create_index("uq_files_client_id", "files", ["owner_id", "lesson_id", "client_id"], unique=True)
    op.add_column("messages", sa.Column("files", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "files")
    op.drop_table("files")
