"""The processes of a node: which they are, how they are ended, and who listens where. From /proc, so on Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

LEFT_WITHIN_S: Final = 5.0
"""How long processes without a supervisor, who are told of its end, may take to go."""
LOOK_EVERY_S: Final = 0.1
COMMAND_CHARACTERS_AT_MOST: Final = 60
_LISTENS: Final = "0A"
"""A TCP state, as /proc/net/tcp writes it."""


def processes_of(session: int) -> list[int]:
    """The living processes of a session: a node's first process begins one, and all the others are born into it."""
    return [pid for pid in _all() if _is_of(pid, session)]


def _all() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _is_of(pid: int, session: int) -> bool:
    try:
        # What comes before the last bracket is the process's own name, which may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended
        return False
    return fields[0] not in (b"Z", b"X") and int(fields[3]) == session


def send(number: int, pids: list[int], session: int) -> None:
    """A signal to those that are the session's still: the number of one that has ended may be a stranger's by now."""
    for pid in set(pids) & set(processes_of(session)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill(pids: list[int]) -> None:
    """End them at once, whatever they do about signals."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def end_left_behind(session: int, node_dir: Path) -> None:
    """What a supervisor that was killed has left: it goes by itself, or is ended. Blocks while it does.

    By now the session's number may be another's: all processes of a node work in its folder.
    """
    until = time.monotonic() + LEFT_WITHIN_S
    while left := [pid for pid in processes_of(session) if _works_in(pid, node_dir)] if session else []:
        if time.monotonic() > until:
            kill(left)
        time.sleep(LOOK_EVERY_S)  # they are no children of ours, so nobody tells us of their end


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def who_listens(port: int) -> str:
    """Who holds a TCP port, in words: the process's id and command, where we may know."""
    sockets = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, _lines(table)[1:])
        if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port
    }
    for pid in _all():
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                if str(descriptor.readlink()) in sockets:
                    return f"process {pid} ({_command(pid)})"
    return "somebody else's process"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # no IPv6
        return []


def _command(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    text = " ".join(word.decode(errors="replace") for word in words if word)
    return "".join(one if one.isprintable() else "?" for one in text[:COMMAND_CHARACTERS_AT_MOST])
