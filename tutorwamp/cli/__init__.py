"""The command line: ``tutorwamp up``, ``check``, ``migrate``, ``user`` and what else an operator types."""
