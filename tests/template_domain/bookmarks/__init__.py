"""What the tutor marks, to be found again after the lesson."""
