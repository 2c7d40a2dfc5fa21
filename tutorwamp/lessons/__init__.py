"""When people meet, with whom, and who is in the room."""
