"""docs/adding-a-domain.md is true: a copy of the tree in which it is followed has a domain more, and runs.

The page's own blocks are applied, so it cannot say anything else than what is tried here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import treq
from twisted.internet import reactor
from twisted.web.client import HTTPConnectionPool

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import bare, planned_lesson, register
from tutorwamp.client import Client, Login

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "tests" / "template_domain"
PAGE = (ROOT / "docs" / "adding-a-domain.md").read_text()
RULES: Final = "docs/rules/bookmarks.md"
VERSIONS: Final = "tutorwamp/migrations/versions"

SAYS: Final = {
    "setup.cfg": "give each one its place in [importlinter:contract:map]",
    "tutorwamp/app/settings.py": "Give Settings in tutorwamp/app/settings.py a field bookmarks: BookmarksSettings",
    "tutorwamp/app/assembly.py": "Give each domain its Domain(...) in DOMAINS of tutorwamp/app/assembly.py",
    "crossbar/config.yaml": "Add an entry to the components in crossbar/config.yaml whose classname is "
    "tutorwamp.app.components.BookmarksComponent",
    VERSIONS: "Make these tables of bookmarks in a revision under tutorwamp/migrations/versions/: ['bookmarks']",
    RULES: "Write the numbered rules of bookmarks into docs/rules/bookmarks.md",
}
"""The six edits, and what is said where one is forgotten."""


def _diffs(page: str) -> dict[str, list[tuple[str, str]]]:
    """By file, what the page's blocks replace by what."""
    found: dict[str, list[tuple[str, str]]] = {}
    for step in re.split(r"\n(?=\d\. )", page):
        blocks = [textwrap.dedent(block) for block in re.findall(r"```diff\n(.*?)\n *```", step, re.DOTALL)]
        for block in blocks:
            lines = block.splitlines()
            before = "\n".join(line[1:] for line in lines if line[0] != "+")
            after = "\n".join(line[1:] for line in lines if line[0] != "-")
            named = re.search(r"in `([\w./]+)`", step)
            assert named is not None, step
            found.setdefault(named[1], []).append((before, after))
    return found


EDITS: Final = _diffs(PAGE)


class Tree:
    """A copy of ours that has learned of bookmarks."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("tutorwamp", "crossbar", "docs/rules", "tests/architecture"):
            shutil.copytree(ROOT / folder, place / folder, symlinks=True)
        (place / "tests" / "__init__.py").touch()
        for domain in (ROOT / "docs" / "rules").glob("*.md"):
            (place / "tests" / domain.stem).mkdir(exist_ok=True)
            (place / "tests" / domain.stem / "test_service.py").touch()
        shutil.copy(ROOT / "setup.cfg", place)
        shutil.copytree(TEMPLATE / "bookmarks", place / "tutorwamp" / "bookmarks")
        shutil.copytree(TEMPLATE / "tests", place / "tests" / "bookmarks")
        for file, changes in EDITS.items():
            text = (place / file).read_text()
            for before, after in changes:
                assert text.count(before) == 1, f"docs/adding-a-domain.md: {file} has not once {before!r}"
                text = text.replace(before, after)
            (place / file).write_text(text)
        shutil.copy(TEMPLATE / "rules.md", place / RULES)
        last = max(path.name[:4] for path in (place / VERSIONS).glob("[0-9]*.py"))
        text = (TEMPLATE / "revision.py").read_text().replace("OLD", last).replace("NEW", f"{int(last) + 1:04}")
        self.revision = place / VERSIONS / f"{int(last) + 1:04}_bookmarks.py"
        self.revision.write_text(text)

    def missing(self, *edits: str) -> dict[str, list[str]]:
        """By edit, what the tests of the furniture say where it is forgotten; without a name, where none is."""
        places = {str(self.revision.relative_to(self.place)) if edit == VERSIONS else edit: edit for edit in edits}
        command = [sys.executable, str(TEMPLATE / "missing.py"), str(ROOT), *places]
        env = {**os.environ, "PYTHONPATH": str(self.place)}
        done = subprocess.run(command, cwd=self.place, env=env, capture_output=True, text=True, check=False)  # noqa: S603  # our own
        assert done.returncode == 0, done.stderr
        return {places[place]: said for place, said in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("tree"))


def test_the_page_names_six_edits_and_each_says_what_it_needs() -> None:
    assert {*EDITS, VERSIONS, RULES} == set(SAYS)
    assert all(f"`{edit}" in PAGE for edit in SAYS)


@pytest.fixture(scope="module")
def missing(tree: Tree) -> dict[str, list[str]]:
    return tree.missing("", *SAYS)


def test_nothing_is_missing_where_the_page_was_followed(missing: dict[str, list[str]]) -> None:
    assert missing[""] == []


@pytest.mark.parametrize("edit", SAYS)
def test_what_is_forgotten_is_named(missing: dict[str, list[str]], edit: str) -> None:
    assert any(SAYS[edit] in sentence for sentence in missing[edit]), missing[edit]


@pytest.fixture
def marking_node(tree: Tree) -> Iterator[Node]:
    node = Node(env={"PYTHONPATH": str(tree.place)}, config=tree.place / "crossbar" / "config.yaml")
    migrate = [sys.executable, "-m", "tutorwamp", "migrate"]
    subprocess.run(migrate, env=node.env(), cwd=tree.place, check=True, capture_output=True)  # noqa: S603  # our own
    with node.running():
        yield node


async def test_a_node_has_the_new_domain(marking_node: Node) -> None:
    node = marking_node
    pool = HTTPConnectionPool(reactor, persistent=False)
    (tutor_email, _), (anna_email, anna) = [
        await register(node, name, role) for name, role in (("Tina", "tutor"), ("Anna", "student"))
    ]
    tutor = await bare(node, tutor_email)
    lesson_id = (await planned_lesson(tutor.ask, anna))["id"]
    stream = f"tutorwamp.lesson.{lesson_id}.bookmarks"
    client = Client(node.url)
    await client.log_in(anna_email, PASSWORD)
    await client.open()
    joined, heard = await client.join(lesson_id), list[dict[str, Any]]()
    await joined.on("bookmarks.added", lambda event: heard.append(dict(event.values)))
    assert (joined.topics["bookmarks"], joined.heads[stream]) == (stream, 0)
    bookmark = await tutor.ask("tutorwamp.bookmark.add", lesson_id=lesson_id, label="Here it gets hard")
    resumed = (await client.call("tutorwamp.session.resume", positions={stream: 0}))["streams"][stream]
    assert (resumed["complete"], [event["data"] for event in resumed["events"]]) == (True, [bookmark])
    login = Login(node.url)
    await login.log_in(anna_email, PASSWORD)
    listed = await _rest(node, pool, f"lessons/{lesson_id}/bookmarks", await login.access_token())
    assert (listed, [event["data"] for event in heard]) == ({"items": [bookmark]}, [bookmark])
    described = await _rest(node, pool, "openapi.json", "")
    assert "/api/lessons/{lesson_id}/bookmarks" in described["paths"]
    assert "bookmarks" in described["components"]["schemas"]["Topics"]["required"]
    await client.close()
    tutor.leave()
    await tutor.left


async def _rest(node: Node, pool: HTTPConnectionPool, path: str, token: str) -> Any:
    headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token}"} if token else {}
    answered = await treq.get(f"{node.url}/api/{path}", headers=headers, pool=pool, timeout=30)
    return await answered.json()
