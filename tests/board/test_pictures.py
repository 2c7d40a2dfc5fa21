"""The bytes of pictures are kept, in a folder and in real S3-compatible storage."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.protocols.portforward import ProxyFactory
from twisted.python.failure import Failure

from tests.support.node import free_port
from tests.support.s3 import ACCESS_KEY, REGION, SECRET_KEY, SECRET_KEY_ESCAPED, S3Server
from tutorwamp.board.pictures import (
    DRAFTS_KEPT_S,
    BucketAddress,
    MissingPictureError,
    PictureBucket,
    PictureShelf,
    open_shelf,
    sign,
)
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.settings import SettingsError

reactor: Any = installed_reactor
PATIENCE_S = 30.0


@dataclass
class Kept:
    """A shelf; and what happens to the place behind it."""

    url: str | None
    folder: Path
    take_away: Callable[[], Any]
    give_back: Callable[[], Any]

    def open(self) -> PictureShelf:
        return open_shelf(self.url, self.folder, reactor)


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


@pytest.fixture(scope="module")
def storage() -> Iterator[S3Server]:
    with S3Server() as server:
        server.make_bucket("pictures")
        yield server


@pytest_twisted.async_yield_fixture(params=["folder", "bucket"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    folder = tmp_path / "data" / "pictures"
    if request.param == "folder":
        away = tmp_path / "away"
        yield Kept(None, folder, lambda: folder.rename(away), lambda: away.rename(folder))
        return
    storage: S3Server = request.getfixturevalue("storage")
    relay = Relay(storage.port)
    relay.open()
    yield Kept(storage.url("pictures", port=relay.port), folder, relay.close, relay.open)
    await relay.close()


async def _done(outcome: Any) -> None:
    if isinstance(outcome, Deferred) or hasattr(outcome, "__await__"):
        await outcome


async def test_what_was_kept_comes_back(kept: Kept) -> None:
    key, content = new_id(), bytes(range(256))
    await kept.open().keep(key, content, "image/png")
    assert await kept.open().fetch(key) == content


async def test_a_large_picture_comes_back(kept: Kept) -> None:
    key, content = new_id(), random.Random(1).randbytes(6 * 1024 * 1024)
    shelf = kept.open()
    await shelf.keep(key, content, "image/jpeg")
    assert await shelf.fetch(key) == content


async def test_a_key_with_nothing_under_it_is_told_from_storage_that_is_away(kept: Kept) -> None:
    shelf = kept.open()
    with pytest.raises(MissingPictureError):
        await shelf.fetch(new_id())


async def test_what_was_discarded_is_gone_and_the_others_stay(kept: Kept) -> None:
    shelf, key, other = kept.open(), new_id(), new_id()
    await shelf.keep(key, b"one", "image/gif")
    await shelf.keep(other, b"other", "image/gif")
    await shelf.discard(key)
    await shelf.discard(key)
    with pytest.raises(MissingPictureError):
        await shelf.fetch(key)
    assert await shelf.fetch(other) == b"other"


async def test_of_several_at_once_under_one_key_one_is_kept_whole(kept: Kept) -> None:
    shelf, key = kept.open(), new_id()
    contents = [bytes([number]) * 300_000 for number in range(6)]
    await gatherResults([Deferred.fromCoroutine(shelf.keep(key, content, "image/png")) for content in contents])
    assert await shelf.fetch(key) in contents


async def test_storage_that_is_away_is_unavailable_and_has_forgotten_nothing(kept: Kept) -> None:
    shelf, key = kept.open(), new_id()
    await shelf.keep(key, b"before", "image/png")
    await _done(kept.take_away())
    for call in (shelf.keep(new_id(), b"new", "image/png"), shelf.fetch(key), shelf.discard(key)):
        with capture_logs() as logs, pytest.raises(Unavailable) as refused:
            await call
        assert [line["log_level"] for line in logs] == ["warning"]
        assert refused.value.message == "Pictures cannot be kept or fetched just now."
        assert refused.value.__cause__ is None
    await _done(kept.give_back())
    assert await shelf.fetch(key) == b"before"


UUID = "0190aaaa-0000-7000-8000-00000000000"


@pytest.mark.parametrize(
    "key", ["", "../secret.key", f"{UUID}/", f"{UUID}A", f"{UUID}1\n", f"{UUID}1?acl", "drafts", "."]
)
async def test_a_key_is_a_uuid(kept: Kept, key: str) -> None:
    shelf = kept.open()
    (kept.folder.parent / "secret.key").parent.mkdir(exist_ok=True)
    (kept.folder.parent / "secret.key").write_text("secret")
    for call in (shelf.keep(key, b"x", "image/png"), shelf.fetch(key), shelf.discard(key)):
        with pytest.raises(ValueError, match="a picture's key is a UUID"):
            await call
    assert (kept.folder.parent / "secret.key").read_text() == "secret"


# The folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


async def test_nobody_else_on_the_machine_can_look_into_the_folder(folder: Path) -> None:
    before = os.umask(0)
    try:
        key = new_id()
        await open_shelf(None, folder, reactor).keep(key, b"private", "image/png")
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

    shelf = open_shelf(None, folder, reactor)
    monkeypatch.setattr(os, "fsync", told_fsync)
    monkeypatch.setattr(Path, "replace", told_replace)
    await shelf.keep(new_id(), b"seven b", "image/png")
    assert done == ["7 in drafts", "rename", "pictures"]


KILLED_WHILE_KEEPING = """
import os, signal, sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tutorwamp.board.pictures import open_shelf

shelf = open_shelf(None, Path(sys.argv[1]), reactor)
moment, key, before = sys.argv[2:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    await shelf.keep(before, b"acknowledged", "image/png")
    if moment == "fsync":
        os.fsync = die
    else:
        Path.replace = die
    await shelf.keep(key, b"never acknowledged", "image/png")

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
    shelf = open_shelf(None, folder, reactor)
    assert await shelf.fetch(before) == b"acknowledged"
    with pytest.raises(MissingPictureError):
        await shelf.fetch(key)
    await shelf.keep(key, b"again", "image/png")
    assert await shelf.fetch(key) == b"again"


def test_old_drafts_are_cleared_away_and_those_of_another_process_are_not(folder: Path) -> None:
    open_shelf(None, folder, reactor)
    old, new = folder / "drafts" / "old", folder / "drafts" / "new"
    for draft, age_s in ((old, DRAFTS_KEPT_S + 60), (new, 3600)):
        draft.touch()
        at = draft.stat().st_mtime - age_s
        os.utime(draft, (at, at))
    open_shelf(None, folder, reactor)
    assert list((folder / "drafts").iterdir()) == [new]


async def test_a_write_that_fails_leaves_nothing(folder: Path) -> None:
    shelf, key = open_shelf(None, folder, reactor), new_id()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as good as a full disk
    try:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await shelf.keep(key, bytes(200_000), "image/png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.strerror(errno.EFBIG) in logs[0]["error"]
    assert list((folder / "drafts").iterdir()) == []
    with pytest.raises(MissingPictureError):
        await shelf.fetch(key)


def test_a_folder_that_cannot_be_made_stops_the_start(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(SettingsError, match=r"^The pictures' folder .*/pictures cannot be made: File exists\.$"):
        open_shelf(None, folder, reactor)


# The bucket


async def test_an_object_in_the_bucket_is_what_was_sent(storage: S3Server) -> None:
    key = new_id()
    await open_shelf(storage.url("pictures"), Path(), reactor).keep(key, b"a picture", "image/webp")
    assert storage.look("pictures", key) == ("image/webp", b"a picture")


@pytest.mark.parametrize(
    ("keys", "bucket", "code"),
    [
        (f"{ACCESS_KEY}:wrong-secret", "pictures", "SignatureDoesNotMatch"),
        (f"NOBODY:{SECRET_KEY_ESCAPED}", "pictures", "InvalidAccessKeyId"),
        (f"{ACCESS_KEY}:{SECRET_KEY_ESCAPED}", "elsewhere", "NoSuchBucket"),
    ],
)
async def test_storage_that_refuses_us_is_unavailable_and_the_log_says_why(
    storage: S3Server, keys: str, bucket: str, code: str
) -> None:
    shelf = open_shelf(storage.url(bucket, keys=keys), Path(), reactor)
    secret = keys.partition(":")[2]
    for call in (shelf.keep(new_id(), b"x", "image/png"), shelf.fetch(new_id()), shelf.discard(new_id())):
        with capture_logs() as logs, pytest.raises(Unavailable) as refused:
            await call
        assert [line["code"] for line in logs] == [code]
        said = f"{logs} {refused.value!r} {refused.value.details}"
        assert secret not in said
        assert SECRET_KEY not in said


class Storage(Protocol):
    """Storage that does not do as it should: answers any request with the factory's bytes and hangs up, or does not."""

    factory: Any
    transport: Any

    def dataReceived(self, data: bytes) -> None:  # Twisted's name
        self.transport.write(self.factory.answer)
        if self.factory.hangs_up:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # Twisted's signature
        self.factory.hung_up.callback(None)


@pytest_twisted.async_yield_fixture
async def odd() -> AsyncIterator[Any]:
    """A factory for ``Storage``: set ``answer`` and ``hangs_up``, connect to ``port``, wait for ``hung_up``."""
    factory: Any = Factory.forProtocol(Storage)
    factory.answer, factory.hangs_up, factory.hung_up = b"", True, Deferred()
    listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
    factory.port = listening.getHost().port
    yield factory
    await listening.stopListening()


def _bucket(port: int, **more: Any) -> PictureBucket:
    url = f"s3+http://access:secret@127.0.0.1:{port}/pictures?region={REGION}"
    return PictureBucket(BucketAddress.parse(url), reactor, **more)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"])
async def test_storage_that_never_finishes_its_answer_is_given_up(odd: Any, answer: bytes) -> None:
    odd.answer, odd.hangs_up = answer, False
    asked = Deferred.fromCoroutine(_bucket(odd.port, timeout_s=0.1).fetch(new_id()))
    with pytest.raises(Unavailable):
        await asked.addTimeout(PATIENCE_S, reactor)
    await odd.hung_up.addTimeout(PATIENCE_S, reactor)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n\r\nof unknown length",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",  # some proxy's: nobody said that the object is missing
        b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
async def test_half_an_answer_or_a_strange_one_is_no_picture(odd: Any, answer: bytes) -> None:
    odd.answer = answer
    with pytest.raises(Unavailable):
        await _bucket(odd.port).fetch(new_id())


async def test_storage_may_say_that_what_is_discarded_was_not_there(odd: Any) -> None:
    error = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
    odd.answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n" % len(error) + error
    await _bucket(odd.port).discard(new_id())


def _certificate() -> tuple[bytes, bytes]:
    """A certificate for localhost that signs itself, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)


async def test_storage_behind_tls_must_show_a_certificate_we_trust(
    storage: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, private = tmp_path / "trusted.pem", tmp_path / "private.pem"
    certificate, key = _certificate()
    trusted.write_bytes(certificate)
    private.write_bytes(key)
    tls = DefaultOpenSSLContextFactory(str(private), str(trusted))
    relay: Any = reactor.listenSSL(0, ProxyFactory("127.0.0.1", storage.port), tls, interface="127.0.0.1")
    port = relay.getHost().port
    url = f"s3+https://{ACCESS_KEY}:{SECRET_KEY_ESCAPED}@localhost:{port}/pictures?region={REGION}"
    picture = new_id()
    try:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await open_shelf(url, Path(), reactor).keep(picture, b"x", "image/png")
        assert "certificate verify failed" in logs[0]["error"]

        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await open_shelf(url, Path(), reactor).keep(picture, b"x", "image/png")
        assert storage.look("pictures", picture) == ("image/png", b"x")

        with capture_logs() as logs, pytest.raises(Unavailable):
            await open_shelf(url.replace("localhost", "127.0.0.1"), Path(), reactor).fetch(picture)
        assert "VerificationError" in logs[0]["error"]
    finally:
        await relay.stopListening()


EXAMPLE = BucketAddress(
    scheme="https",
    host="examplebucket.s3.amazonaws.com",
    bucket="examplebucket",
    region="us-east-1",
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "signature"),
    [
        (
            "GET",
            "/test.txt",
            b"",
            {"range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            b"Welcome to Amazon S3.",
            {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
    ],
)
def test_requests_are_signed_as_in_amazons_own_examples(
    method: str, path: str, content: bytes, headers: dict[str, str], signature: str
) -> None:
    signed = sign(EXAMPLE, method, path, content, headers, at=datetime(2013, 5, 24, tzinfo=UTC))
    assert signed["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "s3+https://AKIA:sec%2Fret+1@s3.eu-central-1.amazonaws.com/pictures?region=eu-central-1",
            BucketAddress("https", "s3.eu-central-1.amazonaws.com", "pictures", "eu-central-1", "AKIA", "sec/ret+1"),
        ),
        (
            "s3+http://a:b@127.0.0.1:8333/My_Bucket.1?region=garage",
            BucketAddress("http", "127.0.0.1:8333", "My_Bucket.1", "garage", "a", "b"),
        ),
    ],
)
def test_the_setting_names_host_bucket_region_and_keys(url: str, address: BucketAddress) -> None:
    assert BucketAddress.parse(url) == address
    assert address.secret_key not in repr(address).replace("bucket", "")


BAD_URLS = {
    "https://AKIA:hidden@host/pictures?region=r": "begins with neither s3+https:// nor s3+http://",
    "s3://AKIA:hidden@host/pictures?region=r": "begins with neither s3+https:// nor s3+http://",
    "hidden": "begins with neither s3+https:// nor s3+http://",
    "s3+https://host/pictures?region=r": "has no keys (in a key, / is written as %2F)",
    "s3+https://hidden@host/pictures?region=r": "has no keys (in a key, / is written as %2F)",
    "s3+https://:hidden@host/pictures?region=r": "has no keys (in a key, / is written as %2F)",
    "s3+https://AKIA:hid/den@host/pictures?region=r": "not a URL",
    "s3+https://AKIA/hid:den@host/pictures?region=r": "has no keys (in a key, / is written as %2F)",
    "s3+https://AKIA:hidden@/pictures?region=r": "has no proper host",
    "s3+https://AKIA:hidden@[::1]/pictures?region=r": "has no proper host",
    "s3+https://AKIA:hidden@ho_st/pictures?region=r": "has no proper host",
    "s3+https://AKIA:hidden@host:0/pictures?region=r": "has no proper host",
    "s3+https://AKIA:hidden@host:70000/pictures?region=r": "not a URL",
    "s3+https://AKIA:hidden@[host/pictures?region=r": "not a URL",
    "s3+https://AKIA:hidden@host?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/..?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/pictures/deep?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/pictures": "has no proper region, or more than that",
    "s3+https://AKIA:hidden@host/pictures?region=": "has no proper region, or more than that",
    "s3+https://AKIA:hidden@host/pictures?zone=r": "has no proper region, or more than that",
    "s3+https://AKIA:hidden@host/pictures?region=r&acl=public": "has no proper region, or more than that",
    "s3+https://AKIA:hidden@host/pictures?region=r#fragment": "has a # (in a key it is written as %23)",
    "s3+https://AKIA:hid den@host/pictures?region=r": "has characters that no URL has",
    "s3+https://AKIA:hidden@host/pictures?region=r\n": "has characters that no URL has",
    "s3+https://AKIA:hiddén@host/pictures?region=r": "has characters that no URL has",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_setting_stops_the_start_with_one_line_that_gives_nothing_away(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        open_shelf(url, Path(), reactor)
    form = "s3+https://ACCESS:SECRET@HOST/BUCKET?region=REGION"
    assert str(refused.value) == f"TUTORWAMP_BOARD_PICTURES_URL: {BAD_URLS[url]}; expected {form}."
    assert refused.value.__suppress_context__ or refused.value.__context__ is None  # a library's error has the URL
