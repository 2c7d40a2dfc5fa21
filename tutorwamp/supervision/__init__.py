"""``tutorwamp up`` at work: it starts the node's processes, watches them, and starts them again."""
