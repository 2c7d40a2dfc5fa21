"""Where the bytes of pictures are kept.

A *shelf* is what the field calls a blob store: bytes under a key, which is a UUID that we made. What is under a key
never changes. One shelf is a folder, the other a bucket of S3-compatible storage.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar
from typing import Protocol as Port
from urllib.parse import parse_qsl, unquote, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.observability import get_logger
from tutorwamp.kernel.settings import PREFIX, SettingsError

log = get_logger(__name__)
Result = TypeVar("Result")

_AWAY: Final = "Pictures cannot be kept or fetched just now."
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class MissingPictureError(Exception):
    """Nothing is kept under this key."""


class PictureShelf(Port):
    """Keeps bytes under keys. A key that is no UUID raises ValueError."""

    async def keep(self, key: str, content: bytes, media_type: str) -> None:
        """Put the bytes there; they are safe when this returns. Raises Unavailable."""

    async def fetch(self, key: str) -> bytes:
        """The bytes. Raises MissingPictureError or Unavailable."""

    async def discard(self, key: str) -> None:
        """Forget them; where there are none: fine. Raises Unavailable."""


def open_shelf(url: str | None, folder: Path, reactor: Any) -> PictureShelf:
    """The bucket the URL names, or the folder where there is none. Raises SettingsError."""
    if url is not None:
        return PictureBucket(BucketAddress.parse(url), reactor)
    try:
        return PictureFolder(folder, reactor)
    except OSError as error:
        raise SettingsError(f"The pictures' folder {folder} cannot be made: {error.strerror}.") from error


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("a picture's key is a UUID")  # without the key, whatever it was meant to do
    return key


DRAFTS_KEPT_S: Final = 24 * 3600
"""A draft that old is left of a killed process; writing one takes seconds."""


class PictureFolder:
    """Files named by their keys. Each is written as a draft and gets its name when all of it is on the disk."""

    def __init__(self, folder: Path, reactor: Any) -> None:
        """Make the folder. Raises OSError."""
        self._folder = folder
        self._drafts = folder / "drafts"
        self._reactor = reactor
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._drafts.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)
        for draft in self._drafts.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process clears up as well
                if time.time() - draft.stat().st_mtime > DRAFTS_KEPT_S:
                    draft.unlink()

    async def keep(self, key: str, content: bytes, media_type: str) -> None:
        """See PictureShelf."""
        await self._in_thread(self._write, _checked(key), content)

    async def fetch(self, key: str) -> bytes:
        """See PictureShelf."""
        return await self._in_thread(self._find, _checked(key), Path.read_bytes)

    async def discard(self, key: str) -> None:
        """See PictureShelf."""
        with contextlib.suppress(MissingPictureError):
            await self._in_thread(self._find, _checked(key), Path.unlink)

    def _find(self, key: str, use: Callable[[Path], Result]) -> Result:
        try:
            return use(self._folder / key)
        except FileNotFoundError:
            if not self._drafts.is_dir():
                raise  # a disk that is not mounted has not lost its pictures
            raise MissingPictureError from None

    def _write(self, key: str, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._drafts, prefix=f"{key}.")  # mode 0600
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            draft.replace(self._folder / key)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync(self._folder)

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work, *arguments)
        except OSError as error:
            log.warning("the pictures' folder failed", error=repr(error))
            raise Unavailable(_AWAY) from None


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


CONNECT_TIMEOUT_S: Final = 3.0
TIMEOUT_S: Final = 8.0
"""For one request as a whole: less than an edge's own deadline of ten, so that a caller hears why."""
_ERROR_CODE: Final = re.compile(rb"<Code>(\w{1,64})</Code>")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")
_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True)
class BucketAddress:
    """Where a bucket is, and the keys to it. ``host`` is ``name`` or ``name:port``."""

    scheme: str
    host: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> BucketAddress:
        """Read ``s3+https://ACCESS:SECRET@HOST[:PORT]/BUCKET?region=REGION``. Raises SettingsError, without secrets."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise _bad_url("not a URL") from None  # what the library says may repeat the URL
        access_key, secret_key = unquote(parts.username or ""), unquote(parts.password or "")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        for fits, complaint in (
            (url.isascii() and url.isprintable() and " " not in url, "has characters that no URL has"),
            (parts.scheme in ("s3+https", "s3+http"), "begins with neither s3+https:// nor s3+http://"),
            (access_key and secret_key, "has no keys (in a key, / is written as %2F)"),
            (_NAME.fullmatch(host) and port != 0, "has no proper host"),
            (_BUCKET.fullmatch(parts.path[1:]), "has no proper bucket"),
            (list(query) == ["region"] and _NAME.fullmatch(query["region"]), "has no proper region, or more than that"),
            (not parts.fragment, "has a # (in a key it is written as %23)"),
        ):
            if not fits:
                raise _bad_url(complaint)
        where = f"{host}:{port}" if port else host
        return cls(parts.scheme[3:], where, parts.path[1:], query["region"], access_key, secret_key)


def _bad_url(complaint: str) -> SettingsError:
    form = "s3+https://ACCESS:SECRET@HOST/BUCKET?region=REGION"
    return SettingsError(f"{PREFIX}BOARD_PICTURES_URL: {complaint}; expected {form}.")


class PictureBucket:
    """Objects named by their keys in a bucket of S3-compatible storage, addressed by path as all of them understand.

    The account needs to read, write and delete objects, and to list the bucket: without that AWS does not say that an
    object is missing.
    """

    def __init__(self, address: BucketAddress, reactor: Any, *, timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._reactor = reactor
        self._timeout_s = timeout_s
        # A connection for each request: one that was kept may be closed just when a picture is on its way.
        self._agent = Agent(reactor, connectTimeout=CONNECT_TIMEOUT_S)

    async def keep(self, key: str, content: bytes, media_type: str) -> None:
        """See PictureShelf."""
        await self._request("PUT", key, content, {"content-type": media_type})

    async def fetch(self, key: str) -> bytes:
        """See PictureShelf."""
        return await self._request("GET", key)

    async def discard(self, key: str) -> None:
        """See PictureShelf."""
        with contextlib.suppress(MissingPictureError):
            await self._request("DELETE", key)

    async def _request(
        self, method: str, key: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        address = self._address
        path = f"/{address.bucket}/{_checked(key)}"
        signed = sign(address, method, path, content, headers or {}, at=utc_now())
        body = FileBodyProducer(BytesIO(content)) if method == "PUT" else None
        try:
            asked: Deferred[IResponse] = self._agent.request(
                method.encode(),
                f"{address.scheme}://{address.host}{path}".encode(),
                Headers({name: [value] for name, value in signed.items()}),
                body,
            )
            answered: Deferred[tuple[int, bytes]] = asked.addCallback(lambda response: _Answer(response).whole)
            status, answer = await answered.addTimeout(self._timeout_s, self._reactor)
        except Exception as error:  # noqa: BLE001  # whatever keeps us from the storage, name lookup to TLS
            log.warning("the pictures' storage cannot be reached", method=method, error=repr(error))
            raise Unavailable(_AWAY) from None
        if status in (200, 204):
            return answer
        found = _ERROR_CODE.search(answer)
        code = found[1].decode() if found else ""
        if code == "NoSuchKey":
            raise MissingPictureError
        log.warning("the pictures' storage refused", method=method, status=status, code=code)
        raise Unavailable(_AWAY)


class _Answer(Protocol):
    """Collects an answer: its status and its content, which is worth nothing unless it is whole."""

    def __init__(self, response: IResponse) -> None:
        self._status = response.code
        self._parts: list[bytes] = []
        self.whole: Deferred[tuple[int, bytes]] = Deferred(self._give_up)
        response.deliverBody(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  # Twisted's name
        if self.whole.called:
            return
        if reason.check(ResponseDone):
            self.whole.callback((self._status, b"".join(self._parts)))
        else:
            self.whole.errback(reason)

    def _give_up(self, _: Deferred[Any]) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def sign(
    address: BucketAddress, method: str, path: str, content: bytes, headers: Mapping[str, str], *, at: datetime
) -> dict[str, str]:
    """The headers by which storage knows us (AWS Signature Version 4), with those given, whose names are lower-case.

    ``path`` must not need escaping. ``at`` is the real time in UTC: the signature holds for 15 minutes.
    """
    stamp, scope = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}/{address.region}/s3/aws4_request"
    digest = hashlib.sha256(content).hexdigest()
    said = {**headers, "host": address.host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(sorted(said))
    lines = [method, path, "", *(f"{name}:{said[name]}" for name in sorted(said)), "", names, digest]
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{address.secret_key}".encode()
    for part in [*scope.split("/"), "\n".join(["AWS4-HMAC-SHA256", stamp, scope, request])]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"AWS4-HMAC-SHA256 Credential={address.access_key}/{scope}"
    return {**said, "authorization": f"{credential}, SignedHeaders={names}, Signature={key.hex()}"}
