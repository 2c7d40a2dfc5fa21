"""Where a scanner is: the setting's forms."""

from __future__ import annotations

import pytest

from tutorwamp.files.scanner import Scanner
from tutorwamp.kernel.settings import SettingsError


def test_a_scanner_has_a_path_or_a_port() -> None:
    assert Scanner.parse("unix:///run/clamav/clamd.ctl").address == "/run/clamav/clamd.ctl"
    assert Scanner.parse("tcp://clamd.example:3310").address == ("clamd.example", 3310)
    assert Scanner.parse("tcp://[::1]:3310/").address == ("::1", 3310)


@pytest.mark.parametrize(
    "url",
    ["", "clamd", "tcp://clamd", "tcp://:3310", "tcp://a:99999", "tcp://a:1/x", "unix://x/y", "unix:///", "http://a:1"],
)
def test_anything_else_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^TUTORWAMP_FILE_SCANNER: expected tcp://HOST:PORT or unix:///PATH\.$"):
        Scanner.parse(url)
