"""What is stored is there again, in a folder and in real S3-compatible storage; then what is a folder's own."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from structlog.testing import capture_logs
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.protocols.portforward import ProxyFactory

from tests.support.node import free_port
from tests.support.s3 import S3Server
from tutorwamp.kernel.blobs.folder import DRAFTS_KEPT_S, FolderBlobStore
from tutorwamp.kernel.blobs.port import BlobStore, MissingBlobError
from tutorwamp.kernel.blobs.s3 import Bucket, BucketAddress, S3BlobStore
from tutorwamp.kernel.contracts import new_id, utc_now
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.settings import SettingsError

reactor: Any = installed_reactor

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Backend:
    """A blob store; and what happens to the disk or the network behind it."""

    url: str | None
    folder: Path
    take_away: Callable[[], Any]
    give_back: Callable[[], Any]

    def open(self) -> BlobStore:
        if self.url is None:
            return FolderBlobStore(self.folder, reactor)
        return S3BlobStore(Bucket(BucketAddress.parse(self.url)), reactor)


class Relay:
    """A port that leads to another one while it is open."""

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self._to = to
        self._open: Any = None

    def open(self) -> None:
        self._open = reactor.listenTCP(self.port, ProxyFactory("127.0.0.1", self._to), interface="127.0.0.1")

    async def close(self) -> None:
        if self._open is not None:
            await self._open.stopListening()
        self._open = None


@pytest_twisted.async_yield_fixture(params=["folder", "bucket"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    folder = tmp_path / "data" / "pictures"
    if request.param == "folder":
        away = tmp_path / "away"
        yield Backend(None, folder, lambda: folder.rename(away), lambda: away.rename(folder))
        return
    s3: S3Server = request.getfixturevalue("s3")
    relay = Relay(s3.port)
    relay.open()
    yield Backend(s3.url("pictures", port=relay.port), folder, relay.close, relay.open)
    await relay.close()


async def _done(outcome: Any) -> None:
    if isinstance(outcome, Deferred) or hasattr(outcome, "__await__"):
        await outcome


async def test_what_was_saved_comes_back(backend: Backend) -> None:
    key, content = new_id(), bytes(range(256))
    await backend.open().save(key, content, "image/png")
    assert await backend.open().fetch(key) == content


async def test_a_large_picture_comes_back(backend: Backend) -> None:
    key, content = new_id(), random.Random(1).randbytes(6 * 1024 * 1024)
    store = backend.open()
    await store.save(key, content, "image/jpeg")
    assert await store.fetch(key) == content


async def test_a_key_with_nothing_under_it_is_told_from_storage_that_is_away(backend: Backend) -> None:
    store = backend.open()
    with pytest.raises(MissingBlobError):
        await store.fetch(new_id())


async def test_what_was_deleted_is_gone_and_the_others_stay(backend: Backend) -> None:
    store, key, other = backend.open(), new_id(), new_id()
    await store.save(key, b"one", "image/gif")
    await store.save(other, b"other", "image/gif")
    await store.delete(key)
    await store.delete(key)
    with pytest.raises(MissingBlobError):
        await store.fetch(key)
    assert await store.fetch(other) == b"other"


async def test_a_file_is_saved_from_its_beginning_and_comes_back_in_parts(backend: Backend) -> None:
    key, content = new_id(), random.Random(2).randbytes(7 * 1024 * 1024 + 1)
    file = BytesIO(content)
    file.seek(99)
    store = backend.open()
    await store.save_file(key, file, "application/octet-stream")
    for begin, count in ((0, 10), (5_000_000, 300_000), (len(content) - 3, 100)):
        assert await store.fetch_part(key, begin, count) == content[begin : begin + count]
    with pytest.raises(MissingBlobError):
        await store.fetch_part(new_id(), 0, 10)
    await _done(backend.take_away())
    for call in (store.save_file(new_id(), file, "image/png"), store.fetch_part(key, 0, 1), store.keys("", LATER, 1)):
        with pytest.raises(Unavailable):
            await call
    await _done(backend.give_back())


async def test_keys_come_in_their_order_without_what_is_young_and_what_is_none(backend: Backend) -> None:
    store, keys = backend.open(), sorted(new_id() for _ in range(5))
    for key in keys:
        await store.save_file(key, BytesIO(b"x"), "text/plain")
    before = keys[0][:-1]  # its beginning comes before it
    assert await store.keys(before, LATER, 3) == keys[:3]
    assert await store.keys(keys[2], LATER, 9) == keys[3:]
    assert await store.keys(before, utc_now() - timedelta(hours=1), 9) == []
    if backend.url is None:
        (backend.folder / "note.txt").write_text("somebody's")
        assert await store.keys("", LATER, 99) == keys


async def test_of_several_at_once_under_one_key_one_is_kept_whole(backend: Backend) -> None:
    store, key = backend.open(), new_id()
    contents = [bytes([number]) * 300_000 for number in range(6)]
    await gatherResults([Deferred.fromCoroutine(store.save(key, content, "image/png")) for content in contents])
    assert await store.fetch(key) in contents


async def test_storage_that_is_away_is_unavailable_and_has_forgotten_nothing(backend: Backend) -> None:
    store, key = backend.open(), new_id()
    await store.save(key, b"before", "image/png")
    await _done(backend.take_away())
    for call in (store.save(new_id(), b"new", "image/png"), store.fetch(key), store.delete(key)):
        with capture_logs() as logs, pytest.raises(Unavailable) as refused:
            await call
        assert [line["log_level"] for line in logs] == ["warning"]
        assert refused.value.message == "Pictures cannot be kept or fetched just now."
        assert refused.value.__cause__ is None
    await _done(backend.give_back())
    assert await store.fetch(key) == b"before"


async def test_whether_it_is_there_is_known_without_a_line_in_the_log(backend: Backend) -> None:
    store = backend.open()
    with capture_logs() as logs:
        assert await store.is_there()
        await _done(backend.take_away())
        assert not await store.is_there()
        await _done(backend.give_back())
        assert await store.is_there()
    assert logs == []


UUID = "0190aaaa-0000-7000-8000-00000000000"


@pytest.mark.parametrize(
    "key", ["", "../secret.key", f"{UUID}/", f"{UUID}A", f"{UUID}1\n", f"{UUID}1?acl", "drafts", "."]
)
async def test_a_key_is_a_uuid(backend: Backend, key: str) -> None:
    store = backend.open()
    (backend.folder.parent / "secret.key").parent.mkdir(exist_ok=True)
    (backend.folder.parent / "secret.key").write_text("secret")
    for call in (store.save(key, b"x", "image/png"), store.fetch(key), store.delete(key)):
        with pytest.raises(ValueError, match="a key is a UUID"):
            await call
    assert (backend.folder.parent / "secret.key").read_text() == "secret"


# The folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


async def test_nobody_else_on_the_machine_can_look_into_the_folder(folder: Path) -> None:
    before = os.umask(0)
    try:
        key = new_id()
        await FolderBlobStore(folder, reactor).save(key, b"private", "image/png")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "drafts", folder / key)] == [0o700, 0o700, 0o600]
    assert list((folder / "drafts").iterdir()) == []


async def test_a_picture_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_acknowledged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def told_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        done.append(f"{path.stat().st_size} in {path.parent.name}" if path.is_file() else path.name)
        fsync(descriptor)

    def told_replace(path: Path, target: Path) -> Path:
        done.append("rename")
        return replace(path, target)

    store = FolderBlobStore(folder, reactor)
    monkeypatch.setattr(os, "fsync", told_fsync)
    monkeypatch.setattr(Path, "replace", told_replace)
    await store.save(new_id(), b"seven b", "image/png")
    assert done == ["7 in drafts", "rename", "pictures"]


KILLED_WHILE_KEEPING = """
import os, signal, sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tutorwamp.kernel.blobs.folder import FolderBlobStore

store = FolderBlobStore(Path(sys.argv[1]), reactor)
moment, key, before = sys.argv[2:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    await store.save(before, b"acknowledged", "image/png")
    if moment == "fsync":
        os.fsync = die
    else:
        Path.replace = die
    await store.save(key, b"never acknowledged", "image/png")

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
reactor.run()
"""


def _run_until_killed(*arguments: object) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_KEEPING, *map(str, arguments)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL  # noqa: S603 - our own program


@pytest.mark.parametrize("moment", ["fsync", "rename"])
async def test_a_process_killed_while_it_keeps_a_picture_leaves_none_behind(folder: Path, moment: str) -> None:
    key, before = new_id(), new_id()
    _run_until_killed(folder, moment, key, before)
    assert len(list((folder / "drafts").iterdir())) == 1
    store = FolderBlobStore(folder, reactor)
    assert await store.fetch(before) == b"acknowledged"
    with pytest.raises(MissingBlobError):
        await store.fetch(key)
    await store.save(key, b"again", "image/png")
    assert await store.fetch(key) == b"again"


def test_old_drafts_are_cleared_away_and_those_of_another_process_are_not(folder: Path) -> None:
    FolderBlobStore(folder, reactor)
    old, new = folder / "drafts" / "old", folder / "drafts" / "new"
    for draft, age_s in ((old, DRAFTS_KEPT_S + 60), (new, 3600)):
        draft.touch()
        at = draft.stat().st_mtime - age_s
        os.utime(draft, (at, at))
    FolderBlobStore(folder, reactor)
    assert list((folder / "drafts").iterdir()) == [new]


async def test_a_write_that_fails_leaves_nothing(folder: Path) -> None:
    store, key = FolderBlobStore(folder, reactor), new_id()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as good as a full disk
    try:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await store.save(key, bytes(200_000), "image/png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.strerror(errno.EFBIG) in logs[0]["error"]
    assert list((folder / "drafts").iterdir()) == []
    with pytest.raises(MissingBlobError):
        await store.fetch(key)


def test_a_folder_that_cannot_be_made_stops_the_start(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(SettingsError, match=r"^The pictures' folder .*/pictures cannot be made: File exists\.$"):
        FolderBlobStore(folder, reactor)
