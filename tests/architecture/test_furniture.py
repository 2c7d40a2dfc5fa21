"""Every domain has the same rooms, tests, rules and place in the node; every file and function stays readable."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import is_dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Table

from tutorwamp.app import assembly, components
from tutorwamp.app.settings import SETTINGS_CLASSES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tutorwamp"

NOT_DOMAINS = {"app", "bench", "cli", "client", "gate", "kernel", "reference", "supervision"}
DOMAINS = sorted(
    service.parent.name for service in PACKAGE.glob("*/service.py") if service.parent.name not in NOT_DOMAINS
)
ROOMS = ("contracts", "errors", "settings", "service", "store")
EDGES = ("wamp", "rest")

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40
LINES_OF_A_PAGE = 70
THE_MACHINE = "tutorwamp/app/assembly.py:assemble"
"""The one function that may fill a page: cut up, the machine could not be seen on one."""
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "misc", "util", "utils"}

for_each_domain = pytest.mark.parametrize("domain", DOMAINS)


def _sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_map_in_setup_cfg_names_every_domain_and_no_other() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    layers = setup["importlinter:contract:map"]["layers"].replace("|", " ").split()
    on_the_map = sorted(set(layers) - NOT_DOMAINS - {"__main__", "migrations"})
    assert on_the_map == DOMAINS, (
        "A domain is a folder with a service.py: give each one its place in [importlinter:contract:map], and no other."
    )


@for_each_domain
def test_a_domain_has_all_its_rooms(domain: str) -> None:
    missing = [room for room in ROOMS if not (PACKAGE / domain / f"{room}.py").is_file()]
    assert not missing, f"Add {', '.join(f'tutorwamp/{domain}/{room}.py' for room in missing)}."


@for_each_domain
def test_a_domain_has_an_edge(domain: str) -> None:
    edges = [edge for edge in EDGES if (PACKAGE / domain / f"{edge}.py").is_file()]
    assert edges, f"Nobody can ask for {domain}: add tutorwamp/{domain}/wamp.py or tutorwamp/{domain}/rest.py."


@for_each_domain
def test_a_domain_has_tests(domain: str) -> None:
    assert list((ROOT / "tests" / domain).glob("test_*.py")), f"Add tests/{domain}/test_service.py."


@for_each_domain
def test_a_domain_has_its_rules_written_down(domain: str) -> None:
    page = ROOT / "docs" / "rules" / f"{domain}.md"
    assert page.is_file(), f"Write the numbered rules of {domain} into {_place(page)}."
    assert page.read_text().strip(), f"{_place(page)} is empty: write the numbered rules of {domain} into it."


def _component_classes(part: object) -> Iterator[str]:
    """The class name of every entry under a ``components:`` anywhere in the node's configuration."""
    if isinstance(part, dict):
        for component in part.get("components") or ():
            if isinstance(component, dict):  # the gate is told the components' names, under the same word
                yield component.get("classname", "")
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _component_classes(item)


def _gates_list(part: object) -> list[str]:
    """The names of the components that the gate waits for."""
    if isinstance(part, dict):
        if "components" in (extra := part.get("extra") or {}):
            return list(extra["components"])
        part = list(part.values())
    return [name for item in part for name in _gates_list(item)] if isinstance(part, list) else []


@for_each_domain
def test_the_node_runs_every_domain(domain: str) -> None:
    configuration = yaml.safe_load((ROOT / "crossbar" / "config.yaml").read_text())
    wanted = f"{components.__name__}.{components.component_class(domain)}"
    assert wanted in list(_component_classes(configuration)), (
        f"Add an entry to the components in crossbar/config.yaml whose classname is {wanted}."
    )
    assert domain in _gates_list(configuration), (
        f"Add {domain} to the components that the gate waits for in crossbar/config.yaml: "
        "otherwise people are let in before it serves."
    )


def test_the_machine_knows_every_domain_and_no_other() -> None:
    assert sorted(domain.name for domain in assembly.DOMAINS) == DOMAINS, (
        "Give each domain its Domain(...) in DOMAINS of tutorwamp/app/assembly.py, and nothing else one."
    )


@for_each_domain
def test_the_settings_of_every_domain_are_read(domain: str) -> None:
    module = importlib.import_module(f"tutorwamp.{domain}.settings")
    unread = [
        name
        for name, one in vars(module).items()
        if name.endswith("Settings") and is_dataclass(one) and one not in SETTINGS_CLASSES.values()
    ]
    assert not unread, f"Give Settings in tutorwamp/app/settings.py a field {domain}: {unread[0]}."


@for_each_domain
def test_every_table_of_a_domain_has_a_revision(domain: str) -> None:
    tables = {
        table.name
        for path in (PACKAGE / domain).rglob("*.py")
        if path.stem in ("store", "tables")
        for table in vars(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))).values()
        if isinstance(table, Table)
    }
    made = "".join(path.read_text() for path in (PACKAGE / "migrations" / "versions").glob("*.py"))
    missing = sorted(table for table in tables if f'"{table}"' not in made)
    assert not missing, f"Make these tables of {domain} in a revision under tutorwamp/migrations/versions/: {missing}."


def test_the_folder_crossbar_does_not_hide_the_installed_crossbar() -> None:
    assert (ROOT / "crossbar").is_dir(), "Add crossbar/, the node's configuration."
    assert not (ROOT / "crossbar" / "__init__.py").exists(), "Remove crossbar/__init__.py: it shadows the router."
    program = "import importlib.util as u; print(u.find_spec('crossbar').origin)"
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - a literal program
    assert "site-packages" in Path(found.stdout).parts, f"'import crossbar' in the checkout finds {found.stdout!r}."


def test_no_file_is_too_long() -> None:
    lengths = {_place(path): len(path.read_text().splitlines()) for path in _sources()}
    long = {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE}
    assert not long, f"Cut these files into a package of the same name, at most {LINES_OF_A_FILE} lines each: {long}."


def _functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and length of each function: the lines of its body, docstring not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            first = body[0].lineno if body else node.lineno
            yield node.name, (node.body[-1].end_lineno or first) - first + 1 if body else 0


def test_no_function_is_too_long() -> None:
    long = {
        f"{_place(path)}:{name}": length
        for path in _sources()
        for name, length in _functions(path.read_text())
        if length > (LINES_OF_A_PAGE if f"{_place(path)}:{name}" == THE_MACHINE else LINES_OF_A_FUNCTION)
    }
    assert not long, (
        f"Find the steps in these functions and name them, at most {LINES_OF_A_FUNCTION} lines each: {long}."
    )


def test_the_length_of_a_function_is_its_body_without_the_docstring() -> None:
    source = (
        "def f(\n    a,\n    b,\n):\n    '''One\n\n    two.\n    '''\n    x = a\n\n    return (\n        x\n    )\n"
    )
    assert list(_functions(source)) == [("f", 5)]
    assert list(_functions("async def only():\n    '''Words.'''\n")) == [("only", 0)]


def test_every_module_has_a_name_that_says_something() -> None:
    nameless = [
        _place(path)
        for path in PACKAGE.rglob("*")
        if path.is_dir() or path.suffix == ".py"
        if path.stem in NAMES_THAT_SAY_NOTHING
    ]
    assert not nameless, f"Name these modules after what they do: {nameless}."
