"""``docs/client.md`` shows two programs and the README one; they run here as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from twisted.internet.utils import getProcessOutputAndValue

from tests.client.room import Enter, heard
from tests.client.talk import patiently
from tests.support.machine import PASSWORD
from tests.support.node import ROOT, Node

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)

(OF_THE_README,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
ITS_WORDS = ("http://127.0.0.1:8080", "student1@demo.example", "demo-lesson")
"""Of `tutorwamp up --demo`."""


def test_there_is_one_for_twisted_and_one_for_scripts() -> None:
    assert ["react(main" in example for example in EXAMPLES] == [True, False]


@pytest.mark.parametrize("example", EXAMPLES, ids=["twisted", "script"])
async def test_the_example_runs(node: Node, enter: Enter, tmp_path: Path, example: str) -> None:
    room = await enter()
    lesson = await room.tutor.join(room.lesson_id)
    created = await heard(lesson, "message.created")
    program = tmp_path / "example.py"
    program.write_text(example)
    arguments = [str(program), node.url, room.people["student"].email, PASSWORD, room.lesson_id]
    running = getProcessOutputAndValue(sys.executable, ["-Wignore", *arguments], env=node.env())

    assert (await created())["data"]["body"] == "Stan is here"
    await lesson.send("bye")
    output, errors, code = await patiently(running)
    assert (code, errors.decode()) == (0, "")
    assert output.decode() == "Stan: Stan is here\nTina: bye\n"


async def test_the_readmes_example_runs(node: Node, enter: Enter, tmp_path: Path) -> None:
    room = await enter()
    created = await heard(await room.tutor.join(room.lesson_id), "message.created")
    text = OF_THE_README
    for word, ours in zip(ITS_WORDS, (node.url, room.people["student"].email, PASSWORD), strict=True):
        assert word in text
        text = text.replace(word, ours)
    program = tmp_path / "example.py"
    program.write_text(text)
    output, errors, code = await patiently(
        getProcessOutputAndValue(sys.executable, ["-Wignore", str(program)], env=node.env())
    )
    assert (code, errors.decode(), output) == (0, "", b"")
    assert (await created())["data"]["body"] == "Good morning"
