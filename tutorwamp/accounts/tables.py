"""The tables of accounts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from tutorwamp.kernel.sql.columns import InstantColumn, metadata

PURPOSE_LENGTH: Final = 10

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("deactivated_at", InstantColumn),
    Column("revoked_at", InstantColumn, index=True),
    Column("email_confirmed_at", InstantColumn),
    Column("changed_at", InstantColumn, index=True),
)
"""``changed_at``: when the name, the role or whether the account is open was changed last, for other processes."""

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("family_id", String(36), nullable=False, index=True),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
    Column("spent_at", InstantColumn),
    Column("revoked_at", InstantColumn),
    Index("ix_refresh_tokens_user_id", "user_id"),
)

mailed_tokens = Table(
    "mailed_tokens",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("purpose", String(PURPOSE_LENGTH), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("expires_at", InstantColumn, nullable=False),
)
"""What is in a mail that was sent; one of each purpose, so that a new one ends the old one."""

account_mails = Table(
    "account_mails",
    metadata,
    Column("email", String(254), primary_key=True),
    Column("purpose", String(PURPOSE_LENGTH), primary_key=True),
    Column("due_at", InstantColumn, nullable=False),
    Column("queued_at", InstantColumn, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ix_account_mails_due_at", "due_at"),
)
"""Mails that were asked for, by address: also by one that nobody has, so that asking takes the same for all.

What is sent is made when it is sent: no token is ever in here.
"""
