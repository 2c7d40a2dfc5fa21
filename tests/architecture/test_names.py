"""Every name on the wire says which folder it comes from.

The URIs are read from the source, so that what is written is what is found, whoever looks with ``grep``.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tutorwamp"
URI = re.compile(r"tutorwamp\.[a-z_]+\.[a-z_.{}]*")

GATES = r"tutorwamp\.(gate|close|connection)\.[a-z_]+"
KINDS = r"tutorwamp\.error\.[a-z_]+"
"""The kernel names the kinds of error; it belongs to no domain."""


def _uris(source: str) -> Iterator[str]:
    """The URIs a module spells out, with ``{}`` for the parts of an f-string that are filled in later."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if node in skipped:
            continue
        text = ""
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"\{\w+\}", "{}", node.value)
        if URI.fullmatch(text):
            yield text


def _allowed(folder: str, room: str) -> str:
    """The form of a URI in this room, as a pattern."""
    if folder in ("gate", "kernel"):
        return {"gate": GATES, "kernel": KINDS}[folder]
    singular = folder.removesuffix("s")
    if room == "errors":
        return rf"tutorwamp\.error\.{singular}\.[a-z_]+"
    own = rf"tutorwamp\.{singular}\.[a-z_.{{}}]+"
    # What belongs to a lesson or a person stands under their name, and ends with what it is about.
    return rf"{own}|tutorwamp\.(lesson|user)\.\{{\}}\.({singular}|{folder})"


def _strangers(source: str, folder: str, room: str) -> list[str]:
    return [uri for uri in _uris(source) if not re.fullmatch(_allowed(folder, room), uri)]


@pytest.mark.parametrize("room", ["contracts", "errors"])
def test_every_uri_names_its_folder(room: str) -> None:
    modules = {path.parent.name: path.read_text() for path in PACKAGE.glob(f"*/{room}.py")}
    assert modules
    modules.pop("client", None)  # it repeats the names of others, for people who have nothing else of us
    strangers = {folder: _strangers(source, folder, room) for folder, source in modules.items()}
    strangers = {folder: uris for folder, uris in strangers.items() if uris}
    assert not strangers, (
        f"Move these URIs to {room}.py of the folder they name, or name them after theirs: {strangers}."
    )


def test_the_kinds_of_error_and_the_gates_names_are_found() -> None:
    assert "tutorwamp.error.not_found" in set(_uris((PACKAGE / "kernel" / "errors.py").read_text()))
    assert "tutorwamp.close.revoked" in set(_uris((PACKAGE / "gate" / "contracts.py").read_text()))


@pytest.mark.parametrize(
    ("folder", "room", "source", "strangers"),
    [
        ("chat", "contracts", "A = 'tutorwamp.chat.send'", []),
        ("chat", "contracts", "A = 'tutorwamp.lesson.get'", ["tutorwamp.lesson.get"]),
        ("chat", "contracts", "A = f'tutorwamp.lesson.{x}.chat'", []),
        ("chat", "contracts", "A = 'tutorwamp.lesson.{lesson_id}.chat'", []),
        ("chat", "contracts", "A = f'tutorwamp.lesson.{x}.board'", ["tutorwamp.lesson.{}.board"]),
        ("lessons", "contracts", "A = f'tutorwamp.lesson.{x}.state'", []),
        ("lessons", "contracts", "A = 'tutorwamp.lessons.get'", ["tutorwamp.lessons.get"]),
        ("notifications", "contracts", "A = f'tutorwamp.user.{x}.notifications'", []),
        ("accounts", "errors", "class A(B, uri='tutorwamp.error.account.email_taken'): pass", []),
        ("accounts", "errors", "class A(B, uri='tutorwamp.error.chat.closed'): pass", ["tutorwamp.error.chat.closed"]),
        ("accounts", "errors", "class A(B, uri='tutorwamp.error.forbidden'): pass", ["tutorwamp.error.forbidden"]),
        ("gate", "contracts", "A = 'tutorwamp.lesson.drop'", ["tutorwamp.lesson.drop"]),
        ("chat", "contracts", "'''Speaks of tutorwamp.lesson.get.'''", []),
    ],
)
def test_a_stranger_is_noticed(folder: str, room: str, source: str, strangers: list[str]) -> None:
    assert _strangers(source, folder, room) == strangers
