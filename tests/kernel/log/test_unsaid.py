"""Words for lines that nobody reads are not looked for, and are the same where somebody does."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from twisted.logger import LogLevel, formatEvent

from tutorwamp.kernel.log import unsaid
from tutorwamp.kernel.log.unsaid import Unsaid, say_when_read

NAME = "tests.kernel.log.wordy"


@pytest.fixture
def wordy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that has a word of its own, and was read in the versions that are here."""
    module: Any = ModuleType(NAME)
    module.asked = []

    def hlid(value: object, *, bold: bool = False) -> str:
        module.asked.append(value)
        return f"{'!' if bold else ''}<{value}>"

    module.hlid = hlid
    monkeypatch.setitem(sys.modules, NAME, module)
    monkeypatch.setattr(unsaid, "WORDS", {NAME: ("hlid", "gone"), "tests.kernel.log.not_loaded": ("hlid",)})
    return module


def test_words_are_looked_for_where_a_line_is_read(wordy: Any) -> None:
    assert say_when_read() is None
    said = wordy.hlid("anna", bold=True)
    assert wordy.asked == []
    event = {"log_format": "{who} has come, {who:>10}", "log_level": LogLevel.debug, "who": said}
    assert formatEvent(event) == "!<anna> has come,    !<anna>"
    assert (str(said), f"{said}", repr(said)) == ("!<anna>",) * 3


def test_a_second_time_changes_nothing(wordy: Any) -> None:
    say_when_read()
    once = wordy.hlid
    assert say_when_read() is None
    assert wordy.hlid is once
    assert isinstance(wordy.hlid("anna"), Unsaid)


def test_other_versions_stay_as_they_are(wordy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaid, "READ_IN", {"crossbar": "1.0"})
    reason = say_when_read()
    assert reason is not None
    assert "1.0" in reason
    assert wordy.hlid("anna") == "<anna>"
    assert wordy.asked == ["anna"]
