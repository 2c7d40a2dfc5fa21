"""Signals go to a node's own processes."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.support.waiting import PATIENCE_S
from tutorwamp.supervision.processes import send


def test_a_signal_goes_to_nobody_who_has_only_the_number_of_a_process_that_ended() -> None:
    for_ever = [sys.executable, "-c", "import signal; signal.pause()"]
    with (
        subprocess.Popen(for_ever, start_new_session=True) as ours,  # noqa: S603  # our own words
        subprocess.Popen(for_ever, start_new_session=True) as stranger,  # noqa: S603  # the same
    ):
        try:
            send(signal.SIGUSR1, [ours.pid, stranger.pid], ours.pid)
            assert ours.wait(PATIENCE_S) == -signal.SIGUSR1
            assert stranger.poll() is None
        finally:
            stranger.kill()
