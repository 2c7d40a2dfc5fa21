"""``tutorwamp up`` under the eyes of a test: its whole output, and the end of every process."""

from __future__ import annotations

import json
import os
import select
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.supervised import Supervised

PATIENCE_S = 60.0
"""For processes to come or go; reaching it is a failure."""


class Watched(Supervised):
    """As its parent, and it can be asked how it is."""

    def rest_of_output(self) -> str:
        """What came after the ready line, once the process has ended."""
        stdout = self.process.stdout
        assert stdout is not None
        with stdout:
            return self.unread.decode() + stdout.read()

    def health(self) -> int:
        """The status of /api/health/ready; 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/health/ready", timeout=5) as answer:  # noqa: S310  # loopback
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def wait_back(self, victim: str, killed: int) -> None:
        """Wait until another process has taken the killed one's place and calls work again."""
        deadline = time.monotonic() + PATIENCE_S
        with watching({"up": self.process.pid}) as up:
            while self.pids().get(victim, killed) == killed or self.health() != 200:
                assert time.monotonic() < deadline, self.errors.read_text()
                assert not up.ended(0.1), "the supervisor ended"

    def log_in(self, email: str, password: str) -> str:
        """An access token."""
        request = urllib.request.Request(  # noqa: S310  # loopback
            f"{self.url}/api/auth/login",
            json.dumps({"email": email, "password": password}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # loopback
            return str(json.load(answer)["access_token"])


class Watching:
    """Some processes, by what they are; it knows when each has ended, however it does."""

    def __init__(self, descriptors: dict[int, str]) -> None:
        self._left = descriptors

    def ended(self, within_s: float) -> list[str]:
        """Who has ended within a time; returns at the first end."""
        return [self._left[one] for one in select.select(list(self._left), [], [], within_s)[0]]

    def left_after(self, within_s: float) -> list[str]:
        """Who is still there after a time; returns at once where nobody is."""
        deadline = time.monotonic() + within_s
        left = dict(self._left)
        while left:
            gone, _, _ = select.select(list(left), [], [], max(0.0, deadline - time.monotonic()))
            if not gone:
                break
            for one in gone:
                del left[one]
        return sorted(left.values())


@contextmanager
def watching(pids: dict[str, int]) -> Iterator[Watching]:
    """Watch these processes."""
    descriptors = {os.pidfd_open(pid): kind for kind, pid in pids.items()}
    try:
        yield Watching(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
