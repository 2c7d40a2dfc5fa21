"""What is a bucket's own: how it is addressed, refuses, fails and stands still; on real storage where that will do.

What it shares with a folder is in ``test_blobs.py``.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from structlog.testing import capture_logs
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from tests.support.s3 import ACCESS_KEY, REGION, SECRET_KEY, SECRET_KEY_ESCAPED, S3Server
from tests.support.tls import TlsEntrance, make_certificate
from tutorwamp.kernel.blobs.s3 import REQUESTS_AT_MOST, Bucket, BucketAddress, BucketError, S3BlobStore
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.settings import SettingsError

reactor: Any = installed_reactor
PATIENCE_S = 30.0


def _store(url: str, **more: Any) -> S3BlobStore:
    return S3BlobStore(Bucket(BucketAddress.parse(url)), reactor, **more)


async def test_an_object_in_the_bucket_is_what_was_sent(s3: S3Server) -> None:
    key = new_id()
    await _store(s3.url("pictures")).save(key, b"a picture", "image/webp")
    assert s3.look("pictures", key) == ("image/webp", b"a picture")


async def test_nothing_but_the_setting_counts(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what the environment says to other programs."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "somebody-elses")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    key = new_id()
    await _store(s3.url("pictures")).save(key, b"a picture", "image/png")
    assert await _store(s3.url("pictures")).fetch(key) == b"a picture"


@pytest.mark.parametrize(
    ("keys", "bucket", "code"),
    [
        (f"{ACCESS_KEY}:wrong-secret", "pictures", "SignatureDoesNotMatch"),
        (f"NOBODY:{SECRET_KEY_ESCAPED}", "pictures", "InvalidAccessKeyId"),
        (f"{ACCESS_KEY}:{SECRET_KEY_ESCAPED}", "elsewhere", "NoSuchBucket"),
    ],
)
async def test_storage_that_refuses_us_is_unavailable_and_the_log_says_why(
    s3: S3Server, keys: str, bucket: str, code: str
) -> None:
    store = _store(s3.url(bucket, keys=keys))
    secret = keys.partition(":")[2]
    for call in (store.save(new_id(), b"x", "image/png"), store.fetch(new_id()), store.delete(new_id())):
        with capture_logs() as logs, pytest.raises(Unavailable) as refused:
            await call
        assert [line["error"].partition(":")[0] for line in logs] == [code]
        said = f"{logs} {refused.value!r} {refused.value.details}"
        assert secret not in said
        assert SECRET_KEY not in said


class Storage(Protocol):
    """Storage that does not do as it should: answers any request with the factory's bytes and hangs up, or does not."""

    factory: Any
    transport: Any

    def connectionMade(self) -> None:  # Twisted's name
        self.factory.connections.append(self.transport)
        self.drip = LoopingCall(self.transport.write, b"x")
        if self.factory.takes_nothing:
            self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:  # Twisted's name
        self.factory.asked += data
        self.transport.write(self.factory.answer)
        if self.factory.drips:
            self.drip.start(0.02, now=False)
        elif self.factory.hangs_up:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # Twisted's signature
        if self.drip.running:
            self.drip.stop()
        if not self.factory.hung_up.called:
            self.factory.hung_up.callback(None)


@pytest_twisted.async_yield_fixture
async def odd() -> AsyncIterator[Any]:
    """A factory for ``Storage``: set ``answer`` and how it goes on, connect to ``port``, wait for ``hung_up``."""
    factory: Any = Factory.forProtocol(Storage)
    factory.answer, factory.hangs_up, factory.hung_up = b"", True, Deferred()
    factory.drips, factory.takes_nothing, factory.asked, factory.connections = False, False, b"", []
    listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
    factory.port = listening.getHost().port
    yield factory
    for connection in factory.connections:
        connection.abortConnection()
    await listening.stopListening()


def _url(port: int) -> str:
    return f"s3+http://access:secret@127.0.0.1:{port}/pictures?region={REGION}"


WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", HALF])
async def test_storage_that_never_finishes_its_answer_is_given_up(odd: Any, answer: bytes) -> None:
    odd.answer, odd.hangs_up = answer, False
    asked = Deferred.fromCoroutine(_store(_url(odd.port), timeout_s=0.1).fetch(new_id()))
    with pytest.raises(Unavailable):
        await asked.addTimeout(PATIENCE_S, reactor)
    await odd.hung_up.addTimeout(PATIENCE_S, reactor)


async def test_storage_that_gives_a_byte_now_and_then_holds_no_thread(odd: Any) -> None:
    odd.answer, odd.drips = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", True
    bucket = Bucket(BucketAddress.parse(_url(odd.port)))
    asked = deferToThread(bucket.get, new_id(), until_s=time.monotonic() + 0.1)
    with pytest.raises(BucketError, match="the answer does not end"):
        await asked.addTimeout(PATIENCE_S, reactor)


async def test_storage_that_takes_no_picture_is_given_up(odd: Any) -> None:
    odd.takes_nothing = True
    bucket = Bucket(BucketAddress.parse(_url(odd.port)))
    asked = deferToThread(bucket.put, new_id(), bytes(20_000_000), "image/png", until_s=time.monotonic() + 0.2)
    with pytest.raises(BucketError):
        await asked.addTimeout(PATIENCE_S, reactor)


async def test_storage_that_stood_still_is_asked_again(odd: Any) -> None:
    """Every thread waited for it, and more callers for a thread: all are told, and none of it is done later."""
    store = _store(_url(odd.port), timeout_s=0.5)
    odd.hangs_up = False
    asked = [Deferred.fromCoroutine(store.fetch(new_id())) for _ in range(3 * REQUESTS_AT_MOST)]
    outcomes: list[Any] = await gatherResults([one.addErrback(lambda failure: failure.value) for one in asked])
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    odd.answer, odd.hangs_up = WHOLE, True
    assert await store.fetch(new_id()) == b"half"


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    bucket = Bucket(BucketAddress.parse(_url(1)))
    with pytest.raises(BucketError, match=r"^its turn came too late$"):
        bucket.put(new_id(), b"x", "image/png", until_s=time.monotonic())


ENDS = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tutorwamp.kernel.blobs.s3 import Bucket, BucketAddress, S3BlobStore
from tutorwamp.kernel.contracts import new_id

store = S3BlobStore(Bucket(BucketAddress.parse(sys.argv[1])), reactor, timeout_s=3600)
reactor.callWhenRunning(lambda: Deferred.fromCoroutine(store.fetch(new_id())))
reactor.run()
"""


def test_a_process_ends_while_its_storage_stands_still() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [sys.executable, "-c", ENDS, _url(silent.getsockname()[1])]
        silent.settimeout(PATIENCE_S)
        with subprocess.Popen(command) as process, silent.accept()[0]:  # noqa: S603 - our own program
            process.terminate()  # it asks, and is told to stop
            assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    "answer",
    [
        HALF,
        b"HTTP/1.1 200 OK\r\n\r\nof unknown length",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-3/100\r\ncontent-length: 4\r\n\r\nhalf",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",  # some proxy's: nobody said that the object is missing
        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/xml\r\ncontent-length: 9\r\n\r\nno-xml-\xff",
        b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
async def test_half_an_answer_or_a_strange_one_is_no_picture(odd: Any, answer: bytes) -> None:
    odd.answer = answer
    with pytest.raises(Unavailable):
        await _store(_url(odd.port)).fetch(new_id())


async def test_nobody_is_sent_elsewhere(odd: Any) -> None:
    """A redirect is no answer: what it leads to would see a signed request."""
    odd.answer = b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % odd.port
    for call in ("fetch", "delete"):
        with pytest.raises(Unavailable):
            await getattr(_store(_url(odd.port)), call)(new_id())
    assert odd.asked.count(b"HTTP/1.1") == 2


async def test_an_error_is_told_in_short(odd: Any) -> None:
    page = b"<html>" + b"x" * 10_000
    odd.answer = b"HTTP/1.1 502 Bad\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n" % len(page) + page
    with capture_logs() as logs, pytest.raises(Unavailable):
        await _store(_url(odd.port)).fetch(new_id())
    assert "Response code: 502" in logs[0]["error"]
    assert len(logs[0]["error"]) == 300


async def test_storage_may_say_that_what_is_deleted_was_not_there(odd: Any) -> None:
    error = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
    head = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/xml\r\ncontent-length: %d\r\n\r\n" % len(error)
    odd.answer = head + error
    await _store(_url(odd.port)).delete(new_id())


async def test_amazon_too_is_asked_under_the_name_in_the_setting(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is part of the path, as for all other storage: a name before Amazon's allows fewer buckets."""
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", odd.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    odd.answer, key = WHOLE, new_id()
    store = _store("s3+http://access:secret@s3.eu-central-1.amazonaws.com/My_Bucket.1?region=eu-central-1")
    assert await store.fetch(key) == b"half"
    assert odd.asked.startswith(f"GET /My_Bucket.1/{key} HTTP/1.1\r\n".encode())
    assert b"\r\nHost: s3.eu-central-1.amazonaws.com\r\n" in odd.asked


async def test_storage_behind_tls_must_show_a_certificate_we_trust(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    entrance = TlsEntrance(certificate, s3.home / "s3")
    url = f"s3+https://{ACCESS_KEY}:{SECRET_KEY_ESCAPED}@localhost:{entrance.port}/pictures?region={REGION}"
    picture = new_id()
    try:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await _store(url).save(picture, b"x", "image/png")
        assert "certificate verify failed" in logs[0]["error"]

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await _store(url).save(picture, b"x", "image/png")
        assert s3.look("pictures", picture) == ("image/png", b"x")
        assert await _store(url).fetch(picture) == b"x"

        other_name = url.replace("localhost", "127.1")  # the same machine, but nobody vouches for this name
        with capture_logs() as logs, pytest.raises(Unavailable):
            await _store(other_name).fetch(picture)
        assert "certificate is not valid for '127.1'" in logs[0]["error"]
    finally:
        entrance.close()


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
    "s3+https://AKIA:hidden@pictures.s3.amazonaws.com/pictures?region=r": (
        "invalid Amazon AWS host pictures.s3.amazonaws.com"
    ),
    "s3+https://AKIA:hidden@host?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/..?region=r": "has no proper bucket",
    "s3+https://AKIA:hidden@host/a..b?region=r": "bucket name a..b contains invalid successive characters",
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
        Bucket(BucketAddress.parse(url))
    form = "s3+https://ACCESS:SECRET@HOST/BUCKET?region=REGION"
    assert str(refused.value) == f"TUTORWAMP_BOARD_PICTURES_URL: {BAD_URLS[url]}; expected {form}."
    assert refused.value.__suppress_context__ or refused.value.__context__ is None  # a library's error has the URL
