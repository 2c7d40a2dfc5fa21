"""Invite codes: who has one joins a lesson's students."""
