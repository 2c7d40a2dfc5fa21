"""``tutorwamp bench``: what a node does in a second, measured on one of its own."""
