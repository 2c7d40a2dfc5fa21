"""The command line's accounts: ``tutorwamp user ...``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from tutorwamp.accounts.contracts import OneAccount, Register, SetPassword
from tutorwamp.accounts.writing import Account
from tutorwamp.app.assembly import Machine
from tutorwamp.cli.commands import on_machine, settings_of
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.edges.arguments import check as check_arguments
from tutorwamp.kernel.errors import Invalid


def _password(_context: click.Context, _option: click.Parameter, given: str | None) -> str:
    """What was given, else what is typed at a terminal (twice, unseen), else a line of standard input."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError("no password: neither --password nor a line on standard input")
    return line


_with_password = click.option(
    "--password", callback=_password, help="Asked for, or read from standard input, where it is not given."
)


_ROLE = click.Choice([str(role) for role in AuthRole])


@click.group()
def user() -> None:
    """Accounts, admins among them."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As others see it.")
@click.option("--role", type=_ROLE, default="student", show_default=True)
@_with_password
def user_add(email: str, name: str, role: str, password: str) -> None:
    """Add an account of any role."""
    # The form of e-mail, name and password is the same for every door; only the role is wider here.
    asked = _checked(Register, {"email": email, "password": password, "name": name, "role": "student"})
    added = on_machine(
        settings_of(),
        lambda machine: machine.accounts.add_user(asked.email, asked.password, asked.name, AuthRole(role)),
    )
    click.echo(f"added {added.role} {added.email} ({added.id})")


@user.command("password")
@click.argument("email")
@_with_password
def user_password(email: str, password: str) -> None:
    """Set a new password; all logins and live sessions of the account end."""
    asked = _checked(SetPassword, {"email": email, "password": password})
    changed = on_machine(settings_of(), lambda machine: machine.accounts.set_password(asked.email, asked.password))
    click.echo(f"new password set for {changed.email}; live sessions end")


@user.command("deactivate")
@click.argument("email")
def user_deactivate(email: str) -> None:
    """Close an account; all its logins and live sessions end."""
    asked = _checked(OneAccount, {"email": email})
    closed = on_machine(settings_of(), lambda machine: machine.accounts.deactivate(asked.email))
    click.echo(f"deactivated {closed.email}; live sessions end")


@user.command("activate")
@click.argument("email")
def user_activate(email: str) -> None:
    """Open a closed account again."""
    asked = _checked(OneAccount, {"email": email})
    opened = on_machine(settings_of(), lambda machine: machine.accounts.activate(asked.email))
    click.echo(f"activated {opened.email}; a new login is needed")


@user.command("confirm")
@click.argument("email")
def user_confirm(email: str) -> None:
    """Say that mail to this address reaches its owner: notifications go there without the mail that asks."""
    asked = _checked(OneAccount, {"email": email})
    confirmed = on_machine(settings_of(), lambda machine: machine.accounts.confirm_address(asked.email))
    click.echo(f"{confirmed.email} is confirmed; notifications go there")


@user.command("role")
@click.argument("email")
@click.argument("role", type=_ROLE)
def user_role(email: str, role: str) -> None:
    """Make somebody a student, tutor or admin; all logins and live sessions of the account end."""
    asked = _checked(OneAccount, {"email": email})
    changed = on_machine(settings_of(), lambda machine: machine.accounts.set_role(asked.email, AuthRole(role)))
    click.echo(f"{changed.email} is {changed.role}; live sessions of another role end")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def user_list(as_json: bool) -> None:  # click passes flags by name
    """Every account by e-mail address: its role, whether it is active, when it was added, its name."""

    async def tell(machine: Machine) -> None:
        async for account in machine.accounts.accounts():
            told = {**account.user.plain(), "active": account.active}
            click.echo(json.dumps(told, ensure_ascii=False) if as_json else _row(account))

    on_machine(settings_of(), tell)


def _row(account: Account) -> str:
    whose = account.user
    state = "active" if account.active else "deactivated"
    return "\t".join((whose.email, str(whose.role), state, f"{whose.created_at:%Y-%m-%d}", whose.name))


def _checked(model: Any, arguments: dict[str, str]) -> Any:
    try:
        return check_arguments(model, arguments)
    except Invalid as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.details]  # type: ignore[index]  # Invalid's are a list of these
        raise click.ClickException("; ".join(faults)) from error
