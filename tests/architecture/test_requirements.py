"""requirements.txt, by which a node is installed without resolving, fits setup.cfg and what the tests run with."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.node import ROOT

TESTS: Final = ROOT / "tests"
NOT_ALL_OF: Final = "crossbar"
"""Whose requirements are mostly what nodes are spared; tests/supervision/test_spared.py says which are needed."""


def locked() -> dict[str, str]:
    """What a node is installed with."""
    return read(ROOT / "requirements.txt")


def read(path: Path) -> dict[str, str]:
    """Versions by canonical name."""
    lines = path.read_text().splitlines()
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line) for line in lines if not line.startswith(("#", "-"))]
    assert all(found), "one line each: name==version"
    return {canonicalize_name(one[1]): one[2] for one in found if one}


def wanted_by(name: str) -> list[Requirement]:
    """What it requires on this machine."""
    every = map(Requirement, requires(name) or [])
    return [one for one in every if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_it_has_everything_that_we_require() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for line in config["options"]["install_requires"].split("\n"):
        if line:
            wanted = Requirement(line)
            found = locked()[canonicalize_name(wanted.name)]
            assert found in wanted.specifier, f"setup.cfg wants {line}"


def test_it_has_everything_that_those_require() -> None:
    for name, locked_version in locked().items():
        for wanted in wanted_by(name) if name != NOT_ALL_OF else []:
            found = locked().get(canonicalize_name(wanted.name))
            assert found is not None, f"{name} {locked_version} wants {wanted}"
            assert found in wanted.specifier, f"{name} {locked_version} wants {wanted}"


def test_only_wheels_are_taken() -> None:
    assert "--only-binary :all:" in (ROOT / "requirements.txt").read_text().splitlines()


def test_what_is_installed_is_what_the_tests_run_with() -> None:
    """But for one whose old version Crossbar asks for, and which no node installs."""
    tried = read(TESTS / "constraints.txt")
    assert {name: found for name, found in locked().items() if tried.get(name) != found} == {"idna": locked()["idna"]}


def test_the_versions_of_what_the_gate_knows_by_name_are_those_it_was_tested_with() -> None:
    for name in ("autobahn", "crossbar", "twisted"):
        assert locked()[name] == version(name)
