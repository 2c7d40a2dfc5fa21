"""Leading: everybody sees the part of the board that the tutor shows."""
