"""What the node prints, line by line, to the operator. No line is too long, no bytes are wrong, no reader too slow."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import threading
from collections.abc import Callable
from typing import Final

from tutorwamp.kernel.contracts import instant_text, utc_now
from tutorwamp.kernel.log.lines import printable

STANDARD_ERROR: Final = 2
LINE_BYTES_AT_MOST: Final = 64_000
"""More than the longest line our own processes write; of a longer one the rest is left out."""
WAITING_LINES_AT_MOST: Final = 2_000
"""For a reader that has stopped reading, a terminal for example; what comes then is left out."""
FINISHED_WITHIN_S: Final = 1.0
"""How long the end waits for lines that are still to be written."""


class Lines:
    """Cuts a stream of bytes into printable lines."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._begun = b""
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        """More bytes have come."""
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._add(part)
            self._end()
        self._add(rest)

    def close(self) -> None:
        """No more will come."""
        if self._begun:
            self._end()

    def _add(self, part: bytes) -> None:
        room = LINE_BYTES_AT_MOST - len(self._begun)
        self._begun += part[:room]
        self._left_out += max(0, len(part) - room)

    def _end(self) -> None:
        more = f"… ({self._left_out} bytes more)" if self._left_out else ""
        text = self._begun.decode(errors="backslashreplace").rstrip()
        self._begun, self._left_out = b"", 0
        self._heard(printable(text.replace("\t", "    "), LINE_BYTES_AT_MOST) + more)


_OF_CROSSBAR: Final = re.compile(r"(\S+) \[([A-Za-z]+) +(\d+)\] ?(.*)")
"""When, which process with its id, and what it said."""


def as_json(line: str) -> str:
    """A line of the node's, or of the supervisor's own, in the form of those that our processes write as JSON.

    ``process`` and ``pid`` say whose it is. Crossbar's own lines have no level: it is told to write warnings only.
    """
    found = _OF_CROSSBAR.fullmatch(line)
    if found is None:
        said = {"event": line, "level": "info", "at": instant_text(utc_now()), "process": "supervisor"}
        return json.dumps({**said, "pid": os.getpid()}, ensure_ascii=False)
    at, process, pid, text = found.groups()
    said = {"event": text, "level": "warning", "at": at}
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            said = json.loads(text)
    return json.dumps({**said, "process": process.lower(), "pid": int(pid)}, ensure_ascii=False)


class Teller:
    """Writes lines in a thread of its own: nobody's work stands still because nobody reads, or the disk is full.

    ``form`` makes what is written of a line.
    """

    def __init__(self, descriptor: int = STANDARD_ERROR, form: Callable[[str], str] = str) -> None:
        self._descriptor = descriptor
        self._form = form
        self._waiting: queue.Queue[str | None] = queue.Queue(WAITING_LINES_AT_MOST)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write, name="tell", daemon=True)
        self._thread.start()

    def tell(self, line: str) -> None:
        """Write a line, sooner or later or not at all."""
        try:
            if self._left_out:
                self._waiting.put_nowait(f"({self._left_out} lines were left out: nobody read)")
                self._left_out = 0
            self._waiting.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def finish(self) -> None:
        """Write what waits, if somebody reads it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(FINISHED_WITHIN_S)

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            rest = f"{self._form(line)}\n".encode(errors="backslashreplace")
            with contextlib.suppress(OSError):  # full, or closed
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
