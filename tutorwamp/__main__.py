"""``python -m tutorwamp``: the same as the command ``tutorwamp``."""

from tutorwamp.app.cli import main

main()
