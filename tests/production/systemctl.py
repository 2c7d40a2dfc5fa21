"""As much of systemd as the guide needs: starts the unit's command as its user and waits until it says READY=1.

Used in place of ``systemctl`` where no systemd runs. What only a kernel and systemd together do (namespaces, memory
limits) is not done.
"""

from __future__ import annotations

import configparser
import grp
import os
import pwd
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNIT = Path("/etc/systemd/system/tutorwamp.service")
STATE = Path("/run/unit")


def unit() -> dict[str, list[str]]:
    """The section [Service], each key with all its values."""

    class Several(dict):  # type: ignore[type-arg]  # configparser wants a plain one
        def __setitem__(self, key: str, value: object) -> None:
            if isinstance(value, list) and key in self:
                self[key].extend(value)
            else:
                super().__setitem__(key, value)

    parser = configparser.RawConfigParser(strict=False, dict_type=Several, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as configparser's documentation says
    parser.read(UNIT)
    return {key: value.split("\n") for key, value in parser["Service"].items()}


def main_pid() -> int | None:
    try:
        return int((STATE / "pid").read_text())
    except (OSError, ValueError):
        return None


def start() -> None:
    service = unit()
    user, group = pwd.getpwnam(service["User"][0]), grp.getgrnam(service["Group"][0])
    STATE.mkdir(parents=True, exist_ok=True)
    notify = STATE / "notify"
    notify.unlink(missing_ok=True)
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.bind(str(notify))
    notify.chmod(0o666)
    # The program is its user already when it sets its limit, so it cannot raise the hard one.
    files = min(int(service["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])

    def become() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        os.umask(int(service["UMask"][0], 8))

    settings = dict(one.split("=", 1) for one in service["Environment"])
    settings["WATCHDOG_USEC"] = str(int(float(service["WatchdogSec"][0]) * 1_000_000))
    with (STATE / "journal").open("ab") as journal:
        process = subprocess.Popen(  # noqa: S603  # the unit's command
            shlex.split(service["ExecStart"][0]),
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": user.pw_dir, "NOTIFY_SOCKET": str(notify), **settings},
            user=user.pw_uid,
            group=group.gr_gid,
            extra_groups=[],
            preexec_fn=become,  # noqa: PLW1509  # this program has one thread
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
        )
    (STATE / "pid").write_text(str(process.pid))
    wire.settimeout(1.0)
    deadline = time.monotonic() + float(service["TimeoutStartSec"][0])
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if b"READY=1" in wire.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            continue
    sys.exit("not ready:\n" + (STATE / "journal").read_text(errors="replace")[-4000:])


def stop() -> None:
    pid = main_pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + float(unit()["TimeoutStopSec"][0])
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        if time.monotonic() > deadline:
            sys.exit("it did not stop")
        time.sleep(0.05)  # waits for another process, that is not our child
    (STATE / "pid").unlink()


def nginx() -> None:
    pid = Path("/run/nginx.pid")
    is_running = pid.exists() and bool(pid.read_text().strip())  # `nginx -t` leaves an empty one
    subprocess.run(["nginx", *(["-s", "reload"] if is_running else [])], check=True)  # noqa: S603, S607  # as the guide installs it


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if words == ["daemon-reload"]:
        return
    deed, name = words
    if name == "nginx":
        nginx()
        return
    if deed in ("stop", "restart"):
        stop()
    if deed in ("start", "restart", "enable"):
        start()


if __name__ == "__main__":
    main()
