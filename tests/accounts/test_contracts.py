"""What accounts take and show."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from pydantic import ValidationError

from tutorwamp.accounts.contracts import LogIn, LogOut, Refresh, Register, User
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now


def register(**other: Any) -> Register:
    return Register(
        **{"email": "ada@school.example", "password": "correct horse", "name": "Ada", "role": "tutor", **other}
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@School.EXAMPLE", "ada@school.example"),
        ("ada+maths@school.example", "ada+maths@school.example"),
        ("ada@intranet", "ada@intranet"),
        ("  ada@school.example ", "ada@school.example"),
        (" " * 300 + "ada@school.example", "ada@school.example"),
        ("e\u0301va@school.example", "éva@school.example"),
        ("ada@xn--mnchen-3ya.example", "ada@münchen.example"),
    ],
)
def test_A2_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert register(email=given).email == kept
    assert register(email=kept).email == kept
    assert LogIn(email=given, password="x").email == kept


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@school.example",
        "ada@",
        "a b@c.example",
        "a@b@c.example",
        "ada@school.example\n",
        "ada @school.example",
        "   ",
        "a\0@b.example",
        "\ud800@b.example",
        "x" * 250 + "@b.example",
        7,
        None,
    ],
)
def test_what_is_no_address_is_refused(email: object) -> None:
    with pytest.raises(ValidationError):
        register(email=email)


@pytest.mark.parametrize(
    "password",
    ["1234567", "x" * 129, "correct\nhorse", "correct\0horse", "correct\x7fhorse", "\ud800" * 8, 12345678, None],
)
def test_A4_what_is_no_password_is_refused(password: object) -> None:
    with pytest.raises(ValidationError):
        register(password=password)


@pytest.mark.parametrize("password", ["12345678", "x" * 128, "  spaces  ", "пароль пароль", "😀" * 8])
def test_A4_what_is_a_password_is_left_as_it_is(password: str) -> None:
    assert register(password=password).password == password


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "\x1b[31mred", 7])
def test_a_name_is_one_line_of_1_to_100_characters(name: object) -> None:
    with pytest.raises(ValidationError):
        register(name=name)


@pytest.mark.parametrize("role", ["admin", "component", "", None])
def test_A3_nobody_registers_as_an_admin(role: object) -> None:
    with pytest.raises(ValidationError):
        register(role=role)


@pytest.mark.parametrize("token", ["", "x" * 201, "a b", "a\n", "ä", "a;b", None])
def test_what_is_no_refresh_token_is_refused(token: Any) -> None:
    for model in (Refresh, LogOut):
        with pytest.raises(ValidationError):
            model(refresh_token=token)


def test_A20_others_do_not_see_the_address() -> None:
    user = User(id=new_id(), email="ada@school.example", name="Ada", role=AuthRole.TUTOR, created_at=utc_now())
    assert user.person.plain() == {"id": user.id, "name": "Ada", "role": "tutor"}


@pytest.mark.parametrize("character", ["\u0660", "\u30fb", "\u05d0", "\u0300", "é", "a.", "xn--"])
def test_the_worst_domain_of_an_address_costs_little(character: str) -> None:
    """idna 2.5, which Crossbar insists on, is quadratic: 4,000 characters take a second, and 16,000 eighteen."""
    before_s = process_time()
    for length in (240, 16_000):
        with pytest.raises(ValidationError):
            register(email="a@" + (character * length)[:length])
    assert process_time() - before_s < 0.5, "ten times what it takes"
