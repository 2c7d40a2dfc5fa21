"""The errors and their catalogue, held against the contract's table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tutorwamp
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.app import assembly  # its imports enter every domain's errors into the catalogue
from tutorwamp.kernel import errors
from tutorwamp.kernel.errors import (
    Action,
    Conflict,
    Internal,
    Invalid,
    Retryable,
    TutorwampError,
    Unavailable,
    catalogue,
)

CONTRACT = """
| URI | HTTP | action |
|---|---|---|
| `tutorwamp.error.invalid` (details: a list of `{loc, msg}`) | 422 | fix |
| `tutorwamp.error.malformed` (not JSON, not UTF-8) | 400 | fix |
| `tutorwamp.error.unauthenticated` | 401 | reauth |
| `tutorwamp.error.forbidden` | 403 | stop |
| `tutorwamp.error.not_found` | 404 | stop |
| `tutorwamp.error.conflict` | 409 | reload |
| `tutorwamp.error.too_large` | 413 | fix |
| `tutorwamp.error.rate_limited` | 429 | retry |
| `tutorwamp.error.internal` | 500 | stop |
| `tutorwamp.error.unavailable` | 503 | retry |
| `tutorwamp.error.lesson.state` `.lesson.overlap` `.board.stale` `.chat.edit_window` | 409 | reload |
| `tutorwamp.error.board.no_pen` | 403 | stop |
| `tutorwamp.error.board.full` | 409 | fix |
| `tutorwamp.error.account.email_taken` | 409 | fix |
"""
"""Section 9 of the public contract, word for word: clients outside of this repository rely on it."""

BEYOND_THE_TABLE = {
    "tutorwamp.error.method_not_allowed": (405, "fix"),
    "tutorwamp.error.unsupported_media_type": (415, "fix"),
    # Named in its sections 4 and 6, not in this table.
    "tutorwamp.error.board.locked": (403, "stop"),
    "tutorwamp.error.lesson.full": (409, "stop"),
    "tutorwamp.error.lesson.muted": (403, "stop"),
}


def promised() -> dict[str, tuple[int, str]]:
    """URI, status and action of every error in the table."""
    table = {}
    for line in CONTRACT.strip().splitlines()[2:]:
        names, status, action = (cell.strip() for cell in line.strip("|").split("|"))
        for name in re.findall(r"`([a-z_.]+)`", names):
            uri = name if name.startswith("tutorwamp.") else f"tutorwamp.error{name}"
            table[uri] = (int(status), action)
    return table


def is_here(uri: str) -> bool:
    """Whether the domain of an error exists yet; the kernel's errors have none."""
    domains = {path.parent.name for path in Path(tutorwamp.__file__).parent.glob("*/errors.py")}
    domain = uri.removeprefix("tutorwamp.error.").rpartition(".")[0]
    return not domain or any(folder in (domain, f"{domain}s") for folder in domains)


def test_the_table_of_the_contract_was_read_whole() -> None:
    assert len(promised()) == 17


def test_every_error_has_the_status_and_the_action_of_the_contract() -> None:
    assert assembly.Machine is not None
    ours = {uri: (kind.status, str(kind.action)) for uri, kind in catalogue().items()}
    assert ours == {uri: row for uri, row in promised().items() if is_here(uri)} | BEYOND_THE_TABLE


def test_naming_an_error_enters_it_into_the_catalogue() -> None:
    try:

        class Probe(Conflict, uri="tutorwamp.error.probe.named"):
            """Only here."""

        assert catalogue()["tutorwamp.error.probe.named"] is Probe
        assert (Probe.status, Probe.action) == (409, Action.RELOAD), "a named error is of its kind"
    finally:
        errors._catalogue.pop("tutorwamp.error.probe.named")


def test_a_kind_may_be_named_with_another_action() -> None:
    assert (EmailTaken.status, EmailTaken.action) == (409, Action.FIX)


def test_the_catalogue_can_only_be_read() -> None:
    with pytest.raises(TypeError):
        catalogue()["tutorwamp.error.mine"] = Conflict  # type: ignore[index]  # that is the point


def test_a_second_error_with_the_same_uri_refuses_and_names_the_first() -> None:
    with pytest.raises(TypeError, match=r"already the name of tutorwamp\.accounts\.errors\.EmailTaken"):

        class Twice(Conflict, uri="tutorwamp.error.account.email_taken"):
            pass

    assert catalogue()["tutorwamp.error.account.email_taken"] is EmailTaken


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "tutorwamp.error",
        "tutorwamp.error.",
        "tutorwamp.error.Lesson",
        "tutorwamp.error.lesson.state.deep",
        "tutorwamp.error.lesson-state",
        "tutorwamp.error._state",
        "wamp.error.not_found",
        "tutorwamp.error.state\n",
        "tutorwamp.error.state ",
    ],
)
def test_a_uri_of_another_form_refuses(uri: str) -> None:
    with pytest.raises(TypeError, match="not of the form"):
        type("Odd", (Conflict,), {}, uri=uri)
    assert uri not in catalogue()


def test_details_are_empty_where_there_are_none() -> None:
    assert Internal("oops").details == {}
    assert Invalid("no", details=[]).details == []


def test_who_may_come_back_is_told_when() -> None:
    error = Unavailable("Not now.", retry_after_s=2.5, details={"part": "database"})
    assert error.details == {"part": "database", "retry_after_s": 2.5}
    assert all(issubclass(kind, Retryable) == (kind.action is Action.RETRY) for kind in catalogue().values()), (
        "retry goes with details.retry_after_s, and only then"
    )


def test_an_error_reads_as_its_message() -> None:
    assert str(TutorwampError("Just so.")) == "Just so."
