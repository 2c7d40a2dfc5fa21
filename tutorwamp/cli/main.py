"""The command line, as it is found: what a command needs is imported once it is asked for, and a fault is one line."""

from __future__ import annotations

import errno
from importlib import import_module
from typing import Any, Final

import click

from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.settings import SettingsError

COMMANDS: Final = {
    "up": ("tutorwamp.cli.commands", "Run the whole node, supervised, until Ctrl-C or SIGTERM."),
    "check": ("tutorwamp.cli.check", "Check settings, node configuration, database; --live: a running node."),
    "top": ("tutorwamp.cli.top", "A running node, in the terminal: people, calls, what waits, what fails."),
    "migrate": ("tutorwamp.cli.commands", "Bring the database to the newest revision, or back to an older one."),
    "restored": ("tutorwamp.cli.commands", "Say that the database was restored from a backup."),
    "user": ("tutorwamp.cli.user", "Accounts, admins among them."),
    "catalogue": ("tutorwamp.cli.commands", "Every procedure, topic, route and error."),
    "dependencies": ("tutorwamp.cli.dependencies", "Who needs whom in the code, and in which circles."),
    "bench": ("tutorwamp.bench.commands", "Measure, on a node of its own; see docs/performance/."),
}
"""Where each command is, and its line of help: half of the libraries take a second or two to import."""


class _Commands(click.Group):
    """Commands by name; what can go wrong outside of us becomes one line and exit 1, never a traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of them, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException:  # one line already; what follows imports libraries to find out
            raise
        except (TutorwampError, SettingsError) as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever reads us has gone: click knows what to do
                raise
            raise click.ClickException(
                f"{error.strerror}: {error.filename}" if error.filename else str(error)
            ) from error
        except Exception as error:
            told = _of_the_database(error)
            if told is None:
                raise
            raise click.ClickException(told) from error


def _of_the_database(error: Exception) -> str | None:
    from alembic.util import CommandError  # late, as all that takes time to import
    from sqlalchemy.exc import SQLAlchemyError

    from tutorwamp.kernel.sql.migrate import reason_of

    if isinstance(error, SQLAlchemyError):
        return f"database: {reason_of(error)}; see: tutorwamp check"
    return f"migrations: {error}; see: tutorwamp check" if isinstance(error, CommandError) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tutorwamp")
def main() -> None:
    """Run and look after a tutorwamp node. Settings are TUTORWAMP_... variables; see docs/settings.md."""
