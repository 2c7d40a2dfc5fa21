"""The realtime backend of an online tutoring platform."""

__version__ = "0.1.0"
