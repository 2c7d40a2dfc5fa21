"""Polls, their answers, and their stream for the lessons that are there already.

Revision 0015, after 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "polls",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lesson_id", sa.String(length=36), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("votes", sa.Text(), nullable=True),
        sa.Column("answered", sa.Integer(), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_polls"),
        sa.ForeignKeyConstraint(["lesson_id"], ["lessons.id"], name="fk_polls_lesson_id"),
    )
    op.create_index("ix_polls_lesson_id", "polls", ["lesson_id", "created_at"])
    _make_answers()
    op.execute(
        "INSERT INTO streams (name, head, guard)"
        " SELECT 'tutorwamp.lesson.' || lessons.id || '.polls', 0, guard FROM lessons"
        " JOIN streams ON name = 'tutorwamp.lesson.' || lessons.id || '.state'"
    )


def _make_answers() -> None:
    op.create_table(
        "poll_answers",
        sa.Column("poll_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("poll_id", "user_id", name="pk_poll_answers"),
        sa.ForeignKeyConstraint(["poll_id"], ["polls.id"], name="fk_poll_answers_poll_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_poll_answers_user_id"),
    )
    op.create_table(
        "ballot_boxes",
        sa.Column("poll_id", sa.String(length=36), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("poll_id", name="pk_ballot_boxes"),
        sa.ForeignKeyConstraint(["poll_id"], ["polls.id"], name="fk_ballot_boxes_poll_id"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM stream_events WHERE stream LIKE 'tutorwamp.lesson.%.polls'")
    op.execute("DELETE FROM streams WHERE name LIKE 'tutorwamp.lesson.%.polls'")
    op.drop_table("ballot_boxes")
    op.drop_table("poll_answers")
    op.drop_table("polls")
