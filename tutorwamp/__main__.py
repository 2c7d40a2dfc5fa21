"""``python -m tutorwamp``: the same as the command ``tutorwamp``."""

from tutorwamp.cli.main import main

main()
