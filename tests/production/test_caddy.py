"""The Caddyfile of docs/production, on a real Caddy without a certificate: what it passes on, what it says itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import migrated_node
from tests.support.node import Node, free_port
from tests.support.server import still_starting

CADDYFILE = Path(__file__).parents[2] / "docs" / "production" / "Caddyfile"
STARTED_WITHIN_S = 30.0

missing = [tool for tool in ("caddy", "curl") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def ask(url: str, *more: str) -> tuple[int, str, str]:
    """Status, media type and body; by curl, which hears an answer that comes before all was sent."""
    command = [
        "curl",
        "-sS",
        "-w",
        "\\n%{http_code} %{content_type}",
        "-H",
        "content-type: application/json",
        *more,
        url,
    ]
    body, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")  # noqa: S603  # our own
    code, _, form = status.partition(" ")
    return int(code), form.partition(";")[0], body


@pytest.fixture
def node() -> Iterator[Node]:
    made = migrated_node()
    with made.running():
        yield made


@pytest.fixture
def proxy(node: Node, tmp_path: Path) -> Iterator[str]:
    """The address of a Caddy in front of the node."""
    port = free_port()
    text = CADDYFILE.read_text().replace("classroom.example", f"http://127.0.0.1:{port}")
    own = "{\n\tadmin off\n\tauto_https off\n}\n"
    (tmp_path / "Caddyfile").write_text(own + text.replace("127.0.0.1:8080", f"127.0.0.1:{node.port}"))
    log = tmp_path / "log"
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603  # our own
    deadline = time.monotonic() + STARTED_WITHIN_S
    while b"serving initial configuration" not in log.read_bytes():
        still_starting(process, name="caddy", log=log, deadline=deadline)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_it_passes_everything_on_and_speaks_as_the_node_does(node: Node, proxy: str, tmp_path: Path) -> None:
    assert ask(f"{proxy}/api/health")[0] == 200
    assert "<title>" in ask(f"{proxy}/")[2]
    (large := tmp_path / "large").write_bytes(bytes(7_000_000))
    status, form, body = ask(f"{proxy}/api/lessons", "--data-binary", f"@{large}")
    assert (status, form) == (413, "application/problem+json")
    assert json.loads(body)["type"] == "tutorwamp.error.too_large"
    node.stop()
    status, form, body = ask(f"{proxy}/api/health")
    assert (status, form) == (503, "application/problem+json")
    problem = json.loads(body)
    assert (problem["type"], problem["action"]) == ("tutorwamp.error.unavailable", "retry")
