"""Sound and pictures of a lesson: who may enter its room on the operator's LiveKit server."""
