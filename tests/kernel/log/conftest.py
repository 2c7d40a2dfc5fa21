"""Each test of the log begins with all levels written, and leaves the log as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tutorwamp.kernel.log.lines import Level, set_level


@pytest.fixture(autouse=True)
def _all_levels() -> Iterator[None]:
    before = structlog.get_config()
    set_level(Level.DEBUG)
    yield
    structlog.configure(**before)
