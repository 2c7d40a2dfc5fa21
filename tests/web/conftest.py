"""What the tests of the page share: packages of npm, and the browser's own tools of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import npm
from tests.web import browser, firefox


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of what ``package.json`` names, in the pinned versions. Skips where npm cannot get it."""
    return npm.folder() / "node_modules"


@pytest.fixture(params=["Chromium", "Firefox"])
def either(request: pytest.FixtureRequest) -> type[browser.Browser]:
    """One browser, then the other: they have the same verbs. Skips where it is not there."""
    if request.param == "Firefox":
        firefox.executable()
        return firefox.Firefox
    browser.executable()
    return browser.Browser


@pytest.fixture(scope="session")
def axe(node_modules: Path) -> str:
    """axe-core, as a script for ``Browser.faults``."""
    return (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
