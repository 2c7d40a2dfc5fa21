"""Start a node, put something on it, and let schemathesis ask it everything the OpenAPI document describes.

``python run_schemathesis.py NODE_COMMAND [OPTIONS OF st run]``, where NODE_COMMAND is the path of ``tutorwamp``; with
TUTORWAMP_FUZZ_URL the node that runs there is asked instead. Plain Python, as schemathesis_hooks.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

HOOKS: Final = Path(__file__).with_name("schemathesis_hooks.py")
PASSWORD: Final = "correct horse"
PATIENCE_S: Final = 90.0
"""For a node to start on a busy machine, and to stop."""
PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f8cfc000000301010018dd"
    "8db00000000049454e44ae426082"
)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on; all are held until the last is found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def running(command: str) -> Iterator[str]:
    """A node of its own, without rate limits; its URL."""
    port, rest_port = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        asked = [command, "up", "--port", str(port), "--data", folder]
        more = {"TUTORWAMP_RATE_LIMITS": "off", "TUTORWAMP_REST_PORT": str(rest_port), "TUTORWAMP_REGISTRATION": "open"}
        env = {**os.environ, **more}
        node = subprocess.Popen(asked, stdout=subprocess.PIPE, env=env, text=True)  # noqa: S603  # our own command
        assert node.stdout is not None
        try:
            for line in node.stdout:
                if line.startswith("ready "):
                    break
            else:
                raise SystemExit("the node did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            node.send_signal(signal.SIGTERM)
            node.communicate(timeout=PATIENCE_S)


def ask(url: str, path: str, body: Any, *, token: str = "", media_type: str = "application/json") -> Any:
    """POST; the answer's JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": media_type, **({"authorization": f"Bearer {token}"} if token else {})}
    asked = urllib.request.Request(url + path, raw, headers)  # noqa: S310  # http to the node
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310  # the same
        return json.load(answer)


def furnish(url: str) -> dict[str, str]:
    """A tutor, a student, a lesson with a message and a picture; what the hooks must know of them."""
    emails = {role: f"{uuid.uuid4()}@school.example" for role in ("tutor", "student")}
    people = {
        role: ask(url, "/api/auth/register", {"email": email, "password": PASSWORD, "name": role, "role": role})
        for role, email in emails.items()
    }
    credentials = {"email": emails["tutor"], "password": PASSWORD}
    token = ask(url, "/api/auth/login", credentials)["access_token"]
    begins = datetime.now(UTC)
    times = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=1)).isoformat()}
    plan = {"title": "Fractions", "student_ids": [people["student"]["id"]], **times}
    lesson = ask(url, "/api/lessons", plan, token=token)
    here = f"/api/lessons/{lesson['id']}"
    message = ask(url, f"{here}/messages", {"body": "hello"}, token=token)
    picture = ask(url, f"{here}/board/pictures", PNG, token=token, media_type="image/png")
    file = ask(url, f"{here}/files?name=notes.png", PNG, token=token, media_type="image/png")
    there = {"lesson_id": lesson["id"], "message_id": message["id"], "picture_id": picture["id"], "file_id": file["id"]}
    return {
        "TUTORWAMP_FUZZ_URL": url,
        "TUTORWAMP_FUZZ_EMAIL": emails["tutor"],
        "TUTORWAMP_FUZZ_PASSWORD": PASSWORD,
        "TUTORWAMP_FUZZ_STUDENT_ID": people["student"]["id"],
        "TUTORWAMP_FUZZ_THERE": json.dumps(there),
        "SCHEMATHESIS_HOOKS": str(HOOKS),
    }


def examine(url: str, options: list[str]) -> int:
    """Let schemathesis run; its exit code."""
    asked = [str(Path(sys.executable).with_name("st")), "run", f"{url}/api/openapi.json", "--continue-on-failure"]
    asked += ["--generation-database", "none", *options]
    return subprocess.run(asked, env={**os.environ, **furnish(url)}, check=False).returncode  # noqa: S603  # our own


def main(command: str, *options: str) -> int:
    """The whole of it; the exit code of schemathesis."""
    elsewhere = os.environ.get("TUTORWAMP_FUZZ_URL")
    if elsewhere:
        return examine(elsewhere.rstrip("/"), list(options))
    with running(command) as url:
        return examine(url, list(options))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
