"""The chat of a lesson."""
