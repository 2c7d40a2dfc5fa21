"""What a node says about itself: the catalogue, OpenAPI, the page, TypeScript; compared with what it really does."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.chat.room import Room
from tests.kernel.edges.loopback import Loopback
from tests.support import npm
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tutorwamp.cli.main import main
from tutorwamp.kernel.contracts import StreamEvent, Value
from tutorwamp.kernel.edges import arguments
from tutorwamp.kernel.edges.origins import TAKEN
from tutorwamp.kernel.errors import Invalid
from tutorwamp.lessons.contracts import LessonChanged, OneLesson, topics_of
from tutorwamp.lessons.values import ReplayLesson
from tutorwamp.reference.catalogue import as_json, catalogue
from tutorwamp.reference.openapi import document
from tutorwamp.reference.pages import pages


def check(value: Any, schema: dict[str, Any]) -> None:
    """Raise where the value is not what the schema says, or has fields it does not know."""
    jsonschema: Any = importlib.import_module("jsonschema")  # ships no types; the router needs it anyway
    whole = {**schema, "components": {"schemas": catalogue().definitions}}
    jsonschema.Draft202012Validator(whole).validate(value)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from references(part)


def is_of_form(form: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", form), path) is not None


async def test_a_node_describes_every_route_it_answers(site: Loopback) -> None:
    answered = await site.ask("GET", "/api/openapi.json")
    assert (answered.status, answered.headers["content-type"]) == (200, "application/json")
    described = answered.json
    assert described == json.loads(json.dumps(document()))
    assert described["openapi"].startswith("3.1.")
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) > 25
    for path, methods in described["paths"].items():
        asked = re.sub(r"\{\w+\}", "x", path)
        refused = await site.ask("BREW", asked)
        assert refused.status == 405
        # A word where others have an id, such as /api/lessons/accept, is of both forms.
        of_that_form = [there for form, there in described["paths"].items() if is_of_form(form, asked)]
        assert methods in of_that_form
        allowed = set(refused.headers["allow"].split(", ")) - {"HEAD"}
        assert {one.upper() for there in of_that_form for one in there} == allowed
    schemas = described["components"]["schemas"]
    assert {one.rpartition("/")[2] for one in references(described)} <= schemas.keys()


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("get", "/api/lessons", True),
        ("post", "/api/auth/login", False),
        ("get", "/api/health", False),
        ("get", "/api/auth/me", True),
        ("get", "/api/lessons/{lesson_id}/board", True),
    ],
)
def test_who_needs_a_token_is_said(method: str, path: str, needs: bool) -> None:
    assert ("security" in document()["paths"][path][method]) == needs


def test_what_stands_in_the_path_or_a_header_is_not_asked_for_in_the_body() -> None:
    update = document()["paths"]["/api/lessons/{lesson_id}"]["patch"]
    body = update["requestBody"]["content"]["application/json"]["schema"]
    assert "lesson_id" not in body["properties"]
    assert (body["required"], update["requestBody"]["required"]) == ([], True)
    assert {(one["in"], one["name"]) for one in update["parameters"]} == {("path", "lesson_id"), ("header", "If-Match")}
    assert all(one["name"] in TAKEN for one in update["parameters"] if one["in"] == "header")
    listing = document()["paths"]["/api/lessons"]["get"]["parameters"]
    assert {one["name"] for one in listing} == {"state", "starts_after", "starts_before", "limit", "cursor"}
    picture = document()["paths"]["/api/lessons/{lesson_id}/board/pictures"]["post"]
    assert picture["requestBody"]["content"].keys() == {"image/*"}


async def test_the_page_runs_nothing_and_asks_nobody_else(site: Loopback) -> None:
    answered = await site.ask("GET", "/api/docs/")
    assert (answered.status, answered.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = answered.body.decode()
    assert answered.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"<(script|link|img|iframe)|https?:|@import|url\(|style=", page)
    assert all(path in page for path in document()["paths"])


async def test_answers_and_events_are_what_their_schemas_say(stage: Stage) -> None:
    room = await Room.meets(stage)
    heard = stage.events(LessonChanged)
    await room.stage.machine.lessons.start(room.tutor, one_lesson(room.lesson.id))
    message = await room.send(room.anna, "Hello")
    await room.react(room.ben, message)
    await room.mark_read(room.ben, 1)
    found, topics = catalogue(), as_json()["topics"]
    replayed = await stage.machine.lessons.replay(room.tutor, ReplayLesson(lesson_id=room.lesson.id))
    procedures = as_json()["procedures"]
    check(replayed.plain(), procedures["tutorwamp.lesson.replay"]["result"])
    check((await room.history(room.ben)).plain(), procedures["tutorwamp.chat.history"]["result"])
    check(OneLesson(lesson_id=room.lesson.id).plain(), procedures["tutorwamp.lesson.get"]["arguments"])
    events = [one.event for one in (*heard, *room.heard)]
    assert {one.type for one in events} == {"lesson.started", "message.created", "reaction.changed", "read.advanced"}
    for event in events:
        check(event.plain(), found.schema(StreamEvent, "serialization"))
        kind = f"tutorwamp.lesson.{{lesson_id}}.{event.stream.rpartition('.')[2]}"
        check(event.data, topics[kind]["events"][event.type])


def test_every_topic_of_a_lesson_is_in_the_catalogue() -> None:
    assert set(topics_of("{lesson_id}").values()) < catalogue().topics.keys()


def test_the_command_prints_pages_and_json_and_writes_files(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["catalogue"])
    assert (shown.exit_code, "`tutorwamp.lesson.replay`" in shown.output) == (0, True)
    assert json.loads(CliRunner().invoke(main, ["catalogue", "--json"]).output) == json.loads(json.dumps(as_json()))
    assert CliRunner().invoke(main, ["catalogue", "--write", str(tmp_path / "new")]).exit_code == 0
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == pages()


def test_the_types_mean_what_they_should(tmp_path: Path) -> None:
    (tmp_path / "tutorwamp.d.ts").write_text(pages()["tutorwamp.d.ts"])
    (tmp_path / "use.ts").write_text(
        'import type { Procedures, Published } from "./tutorwamp";\n'
        'const asked: Procedures["tutorwamp.lesson.get"]["arguments"] = { lesson_id: "x" };\n'
        "// @ts-expect-error: there is no such argument\n"
        'const wrong: Procedures["tutorwamp.lesson.get"]["arguments"] = { lesson: "x" };\n'
        'declare const heard: Published["tutorwamp.lesson.x.chat"];\n'
        'if (heard.type === "read.advanced") { const seq: number = heard.data.read_seq; void seq; }\n'
        "void asked; void wrong;\n"
    )
    compiler = npm.folder() / "node_modules" / "typescript" / "bin" / "tsc"
    command = [npm.node(), str(compiler), "--noEmit", "--strict", "--target", "es2022", "use.ts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    assert done.returncode == 0, done.stdout


def test_no_call_takes_text_that_shows_nothing() -> None:
    asked: set[tuple[str, str]] = set()
    for model in {model for model, mode in catalogue().references if mode == "validation"}:
        assert issubclass(model, Value)
        for name, schema in model.model_json_schema().get("properties", {}).items():
            forms = {one.get("format") for one in [schema, *schema.get("anyOf", [])]}
            if name == "client_id" or forms.isdisjoint({"text", "line"}):
                continue
            asked.add((model.__name__, name))
            with pytest.raises(Invalid) as refused:
                arguments.check(model, {name: " \N{HANGUL FILLER}\N{ZERO WIDTH SPACE}"})
            faults: Any = refused.value.details
            assert {"loc": [name], "msg": "must have at least one visible character"} in faults, (model, name)
    assert {
        ("Register", "name"),
        ("CreateLesson", "title"),
        ("UpdateLesson", "subject"),
        ("CancelLesson", "reason"),
        ("SendMessage", "body"),
        ("EditMessage", "body"),
        ("SearchMessages", "query"),
    } <= asked
