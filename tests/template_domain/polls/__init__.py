"""What the tutor asks everybody in the lesson."""
