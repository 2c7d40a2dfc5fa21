"""What the tutor asks everybody in the lesson, and what the students answer."""
