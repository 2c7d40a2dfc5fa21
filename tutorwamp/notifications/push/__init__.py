"""Notifications on their way to people who are not connected: a durable queue, and providers that send."""
