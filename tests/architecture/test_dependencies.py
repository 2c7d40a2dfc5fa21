"""The page about who needs whom is what the imports say now, and notices whatever is put in."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from tutorwamp.cli.main import main
from tutorwamp.reference.dependencies.imports import When, read_imports
from tutorwamp.reference.dependencies.page import RENEW, files, stale
from tutorwamp.reference.dependencies.parts import Dependencies, as_json, read_dependencies

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tutorwamp"
PAGES = ROOT / "docs" / "architecture"
SVG = "{http://www.w3.org/2000/svg}"

A_CYCLE = {
    "kernel/errors.py": "",
    "kernel/sql/store.py": "from tutorwamp.kernel import errors",
    "chat/contracts.py": "from tutorwamp.kernel.errors import Invalid",
    "chat/service.py": "from tutorwamp.chat.contracts import Message\nimport tutorwamp.lessons.contracts",
    "lessons/contracts.py": "import tutorwamp.kernel.errors",
    "lessons/service.py": "def f():\n    from tutorwamp.chat.contracts import Message, send",
}
"""Chat and lessons need one another, though no module comes back to itself."""

ONLY_CLICK = """
import sys
from importlib.abc import MetaPathFinder

class OnlyClick(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "click", "tutorwamp"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, OnlyClick())
from tutorwamp.cli.main import main
main(["dependencies", "--check", sys.argv[1]])
"""
"""``tutorwamp dependencies --check FOLDER`` where no other library is, as in ``tox -e architecture``."""


def package(folder: Path, sources: dict[str, str]) -> Path:
    """A package of these modules, each folder with an empty ``__init__.py``."""
    for name, source in sources.items():
        path = folder / "tutorwamp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        for above in (path.parent, *path.parent.relative_to(folder).parents):
            (folder / above / "__init__.py").touch()
    return folder / "tutorwamp"


def needs(found: Dependencies) -> dict[tuple[str, str], dict[str, int]]:
    return {(need.who, need.whom): dict(need.through()) for need in found.needs}


def test_the_page_and_the_picture_are_what_the_imports_say_now() -> None:
    old = stale(PAGES, read_dependencies(PACKAGE))
    assert not old, f"{old} are old: run {RENEW}"


def test_it_is_the_same_every_time() -> None:
    assert files(read_dependencies(PACKAGE)) == files(read_dependencies(PACKAGE))


@pytest.mark.parametrize(
    ("source", "imported", "names", "when"),
    [
        ("import tutorwamp.kernel.errors", "tutorwamp.kernel.errors", set(), When.START),
        ("from tutorwamp.kernel import errors", "tutorwamp.kernel.errors", set(), When.START),
        ("from tutorwamp.kernel.errors import A, B as C", "tutorwamp.kernel.errors", {"A", "B"}, When.START),
        ("from tutorwamp.kernel import VERSION", "tutorwamp.kernel", {"VERSION"}, When.START),
        ("from ..kernel.errors import A", "tutorwamp.kernel.errors", {"A"}, When.START),
        ("from . import contracts", "tutorwamp.chat.contracts", set(), When.START),
        ("from .contracts import A", "tutorwamp.chat.contracts", {"A"}, When.START),
        ("class A:\n    import tutorwamp.kernel.errors", "tutorwamp.kernel.errors", set(), When.START),
        ("try:\n    from ..kernel import errors\nexcept A:\n    pass", "tutorwamp.kernel.errors", set(), When.START),
        ("async def f():\n    from tutorwamp.kernel import errors", "tutorwamp.kernel.errors", set(), When.LATE),
        ("if TYPE_CHECKING:\n    from ..kernel.errors import A", "tutorwamp.kernel.errors", {"A"}, When.TYPES),
        (
            "if t.TYPE_CHECKING:\n    pass\nelse:\n    from ..kernel import errors",
            "tutorwamp.kernel.errors",
            set(),
            When.START,
        ),
        (
            "def f():\n    import tutorwamp.kernel.errors\nfrom ..kernel import errors",
            "tutorwamp.kernel.errors",
            set(),
            2,
        ),
    ],
)
def test_every_form_of_an_import_is_read(
    tmp_path: Path, source: str, imported: str, names: set[str], when: When
) -> None:
    made = package(tmp_path, {"kernel/errors.py": "", "chat/contracts.py": "", "chat/service.py": source})
    [found] = read_imports(made)
    assert (found.importer, found.imported) == ("tutorwamp.chat.service", imported)
    assert (found.names, found.when) == (names, when)


def test_a_folder_reads_its_own_relative_imports_from_itself(tmp_path: Path) -> None:
    made = package(tmp_path, {"chat/contracts.py": ""})
    (made / "chat" / "__init__.py").write_text("from .contracts import A")
    assert [one.imported for one in read_imports(made)] == ["tutorwamp.chat.contracts"]


def test_what_is_not_ours_is_not_counted(tmp_path: Path) -> None:
    made = package(tmp_path, {"chat/service.py": "import json, tutorwamp_other.x\nfrom sqlalchemy import text"})
    assert read_imports(made) == []


def test_parts_are_counted_and_lie_in_layers(tmp_path: Path) -> None:
    found = read_dependencies(package(tmp_path, A_CYCLE | {"web/__init__.py": ""}))
    assert {name: (part.layer, part.fan_in, part.fan_out, part.domain) for name, part in found.parts.items()} == {
        "chat": (1, 1, 2, True),
        "lessons": (1, 1, 2, True),
        "kernel.sql": (1, 0, 1, False),
        "kernel": (0, 3, 0, False),
    }
    assert needs(found)["lessons", "chat"] == {"contracts": 1}


def test_a_cycle_between_parts_is_found_where_no_module_has_one(tmp_path: Path) -> None:
    made = files(found := read_dependencies(package(tmp_path, A_CYCLE)))
    assert (found.cycles_of_parts, found.cycles_of_modules) == ([["chat", "lessons"]], [])
    assert [(need.who, need.whom) for need in found.needs if need.up] == [("lessons", "chat")]
    assert "Between parts: `chat` ↔ `lessons`." in made["dependencies.md"]
    assert "| lessons | chat | 1 (1 late) | `contracts` 1 |" in made["dependencies.md"]
    assert 'class="arrow up"' in made["dependencies.svg"]


def test_a_cycle_for_types_only_is_said_to_be_one(tmp_path: Path) -> None:
    made = package(
        tmp_path,
        {
            "chat/store.py": "from tutorwamp.chat.rules import A",
            "chat/rules.py": "if TYPE_CHECKING:\n    from tutorwamp.chat.store import B",
        },
    )
    found = read_dependencies(made)
    assert found.cycles_of_modules == [["tutorwamp.chat.rules", "tutorwamp.chat.store"]]
    assert found.cycles_that_run == []
    assert "Without what is imported for types only: none." in files(found)["dependencies.md"]


def test_one_import_put_in_makes_another_page_and_picture(tmp_path: Path) -> None:
    copy = tmp_path / "tutorwamp"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "web", "node"))
    before = read_dependencies(copy)
    assert needs(before) == needs(read_dependencies(PACKAGE))

    service = copy / "lessons" / "service.py"
    service.write_text(f"{service.read_text()}\nfrom tutorwamp.notifications.contracts import Unread\n")
    after = read_dependencies(copy)
    assert needs(after).keys() - needs(before).keys() == {("lessons", "notifications")}
    assert any({"lessons", "notifications"} <= set(group) for group in after.cycles_of_parts)
    assert sorted(stale(PAGES, after)) == ["dependencies.md", "dependencies.svg"]
    assert "| `notifications.contracts` | `Unread` | lessons |" in files(after)["dependencies.md"]


@pytest.mark.parametrize("cyclic", [False, True])
def test_no_arrow_of_the_picture_crosses_a_box(tmp_path: Path, cyclic: bool) -> None:
    found = read_dependencies(package(tmp_path, A_CYCLE) if cyclic else PACKAGE)
    drawn = ET.fromstring(files(found)["dependencies.svg"])  # noqa: S314 - our own
    boxes = [
        tuple(int(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in drawn.findall(f".//{SVG}g/{SVG}rect")
    ]
    paths = [path.attrib["d"] for path in drawn.iter(f"{SVG}path")]
    assert (len(boxes), len(paths)) == (len(found.parts), len(found.needs))
    for path in paths:
        begin, row, column, end = map(int, re.findall(r"\d+", path))
        for left, top, width, height in boxes:
            right, bottom = left + width, top + height
            along = top <= row <= bottom and min(begin, column) < right and max(begin, column) > left
            down = left <= column <= right and min(row, end) < bottom and max(row, end) > top
            assert not along, f"{path} crosses the box at {left},{top} on its row"
            assert not down, f"{path} crosses the box at {left},{top} in its column"


def test_the_picture_says_in_words_what_it_shows() -> None:
    drawn = ET.fromstring((PAGES / "dependencies.svg").read_text())  # noqa: S314 - our own
    said = drawn.findtext(f"{SVG}desc") or ""
    found = read_dependencies(PACKAGE)
    assert drawn.attrib["role"] == "img"
    assert said.count(" needs ") == len({need.who for need in found.needs})
    assert sum(map(int, re.findall(r"\((\d+)\)", said))) == sum(len(need.imports) for need in found.needs)


def test_the_command_writes_compares_and_prints(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(main, ["dependencies", "--write", str(tmp_path)]).exit_code == 0
    assert run(main, ["dependencies", "--check", str(tmp_path)]).exit_code == 0
    (tmp_path / "dependencies.svg").write_text("another")
    compared = run(main, ["dependencies", "--check", str(tmp_path)])
    assert compared.exit_code == 1
    assert "dependencies.svg: the imports have changed; run: tutorwamp dependencies --write" in compared.output
    assert run(main, ["dependencies"]).output.strip() == (tmp_path / "dependencies.md").read_text().strip()

    printed = json.loads(run(main, ["dependencies", "--json"]).output)
    assert printed == as_json(read_dependencies())
    one = next(need for need in printed["needs"] if (need["who"], need["whom"]) == ("chat", "lessons"))
    assert sum(one["through"].values()) == one["imports"]
    assert printed["imports"][0].keys() == {"importer", "imported", "when", "names"}


def test_the_check_needs_no_library_but_click(tmp_path: Path) -> None:
    (tmp_path / "dependencies.md").write_text("another")
    command = [sys.executable, "-c", ONLY_CLICK, str(tmp_path)]
    compared = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - a literal program
    assert compared.returncode == 1
    assert compared.stderr.startswith("Error: dependencies.md, dependencies.svg: the imports have changed")
    assert "Traceback" not in compared.stderr
