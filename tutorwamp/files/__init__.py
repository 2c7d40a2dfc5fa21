"""The files of a lesson: sent, kept, given out and, where nobody needs them, swept away."""
