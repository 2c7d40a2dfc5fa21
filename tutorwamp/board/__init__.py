"""The board: what a lesson draws together, kept, ordered and carried in and out."""
