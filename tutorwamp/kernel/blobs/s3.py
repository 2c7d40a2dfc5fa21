"""Bytes in a bucket of S3-compatible storage, reached with ``minio`` in threads of their own (decision 16)."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from threading import Thread
from typing import Any, BinaryIO, Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from minio import Minio, S3Error
from minio.helpers import MIN_PART_SIZE, check_bucket_name
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TimedOutError
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from tutorwamp.kernel.blobs.port import NOBODYS, MissingBlobError, away, checked, is_key
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import PREFIX, SettingsError

log = get_logger(__name__)
Result = TypeVar("Result")

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


class BucketError(Exception):
    """The storage did not do what it was asked, or was not reached. Says why, without secrets."""

    def __init__(self, why: str) -> None:
        super().__init__(why[:300])  # some storage answers with a page of HTML


class Bucket:
    """Objects named by their keys, addressed by path as all storage understands it. Blocks, from whatever thread.

    The account needs to read, write and delete objects, and to list the bucket: without that AWS does not say that an
    object is missing. ``until_s``: by ``time.monotonic``; what has not ended by then fails.
    """

    def __init__(self, address: BucketAddress) -> None:
        """Raises SettingsError where the library does not take the address."""
        self._address = address
        self._tls = ssl.create_default_context()
        try:
            self._client(PoolManager())
            check_bucket_name(address.bucket)
        except ValueError as error:
            raise _bad_url(str(error)) from None

    def put(self, key: str, content: bytes, media_type: str, *, until_s: float) -> None:
        """Store an object. Raises BucketError."""
        size = len(content)
        whole = max(size, MIN_PART_SIZE)  # else what is above five MiB goes in parts
        with self._asking(until_s) as client:
            client.put_object(self._address.bucket, key, BytesIO(content), size, media_type, part_size=whole)

    def put_file(self, key: str, file: BinaryIO, media_type: str, *, until_s: float) -> None:
        """Store a file as an object, in one request, and a piece of it in memory at a time. Raises BucketError.

        The library itself would read a whole part first; and parts of a process that was killed would stay.
        """
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = {"content-length": str(size), "content-type": media_type}
        with self._connected(until_s) as (client, connections):
            url = client.presigned_put_object(self._address.bucket, key, _SIGNED_FOR)
            response = connections.request("PUT", url, body=file, headers=headers, redirect=False)
            if response.status != 200:  # OK
                raise BucketError(f"{response.status}: {response.data[:300]!r}")

    def get(self, key: str, *, until_s: float) -> bytes:
        """What an object holds. Raises MissingBlobError or BucketError."""
        with self._asking(until_s) as client, client.get_object(self._address.bucket, key) as response:
            return _whole(response, until_s, 200)

    def get_part(self, key: str, begin: int, count: int, *, until_s: float) -> bytes:
        """So much of what an object holds. Raises MissingBlobError or BucketError."""
        with (
            self._asking(until_s) as client,
            client.get_object(self._address.bucket, key, offset=begin, length=count) as response,
        ):
            return _whole(response, until_s, 206)

    def keys(self, prefix: str, after: str, before: datetime, limit: int, *, until_s: float) -> list[str]:
        """The first keys behind ``after`` of objects that are older, without the prefix. Raises BucketError."""
        found: list[str] = []
        with self._asking(until_s) as client:
            for one in client.list_objects(self._address.bucket, prefix, recursive=True, start_after=prefix + after):
                key = (one.object_name or "").removeprefix(prefix)
                if is_key(key) and one.last_modified is not None and one.last_modified < before:
                    found.append(key)
                if len(found) == limit or time.monotonic() > until_s:
                    break
        return found

    def delete(self, key: str, *, until_s: float) -> None:
        """Delete an object; where there is none: fine. Raises BucketError."""
        with contextlib.suppress(MissingBlobError), self._asking(until_s) as client:
            client.remove_object(self._address.bucket, key)

    @contextlib.contextmanager
    def _asking(self, until_s: float) -> Iterator[Minio]:
        with self._connected(until_s) as (client, _):
            yield client

    @contextlib.contextmanager
    def _connected(self, until_s: float) -> Iterator[tuple[Minio, PoolManager]]:
        """A client for one request. A connection that was kept may be closed just when bytes are on their way."""
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise BucketError("its turn came too late")
        try:
            with PoolManager(timeout=Timeout(total=left_s), retries=False, ssl_context=self._tls) as connections:
                yield self._client(connections), connections
        except BucketError:
            raise
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise MissingBlobError from None
            raise BucketError(f"{error.code}: {error.message}") from None
        except Exception as error:  # noqa: BLE001  # whatever keeps us from the storage, name lookup to TLS
            raise BucketError(f"{type(error).__name__}: {error}") from None

    def _client(self, connections: PoolManager) -> Minio:
        address = self._address
        client = Minio(
            address.host,
            address.access_key,
            address.secret_key,
            secure=address.scheme == "https",
            region=address.region,
            http_client=connections,
        )
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # one of few it has no types for
        return client


PART_BYTES: Final = 256 * 1024
"""What is read at once, if that much has come."""


_SIGNED_FOR: Final = timedelta(minutes=5)
"""Longer than any request may take, and than two clocks differ."""


def _whole(response: BaseHTTPResponse, until_s: float, status: int) -> bytes:
    """A body that is known to be whole. Raises OSError or urllib3's errors."""
    if response.status != status or {"content-length", "transfer-encoding"}.isdisjoint(
        map(str.lower, response.headers)
    ):
        raise OSError("nobody knows whether the answer is whole")
    parts = []
    while part := response.read1(PART_BYTES):
        parts.append(part)
        if time.monotonic() > until_s:
            raise TimeoutError("the answer does not end")
    return b"".join(parts)


TIMEOUT_S: Final = 8.0
"""For a request and its wait for a thread: less than an edge's own deadline of ten, so that a caller hears why."""
REQUESTS_AT_MOST: Final = 16
"""At once: 160 a second where each takes a tenth. Twice as many threads keep the reactor waiting twice as long."""


class S3BlobStore:
    """A bucket whose requests run in threads that nothing else needs, so that storage may stand still."""

    def __init__(
        self, bucket: Bucket, reactor: Any, *, timeout_s: float = TIMEOUT_S, prefix: str = "", what: str = "Pictures"
    ) -> None:
        """``prefix``: before the names of its objects; ``what`` is in it."""
        self._bucket = bucket
        self._prefix = prefix
        self._what = what
        self._reactor = reactor
        self._timeout_s = timeout_s
        self._threads = ThreadPool(0, REQUESTS_AT_MOST, "s3")
        # No thread has to be waited for when the process ends: what it still does is promised to nobody.
        self._threads.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]  # it is only called
        self._threads.start()

    async def save(self, key: str, content: bytes, media_type: str) -> None:
        """See BlobStore."""
        await self._in_thread(self._bucket.put, self._name(key), content, media_type)

    async def save_file(self, key: str, file: BinaryIO, media_type: str) -> None:
        """See BlobStore."""
        await self._in_thread(self._bucket.put_file, self._name(key), file, media_type)

    async def fetch(self, key: str) -> bytes:
        """See BlobStore."""
        return await self._in_thread(self._bucket.get, self._name(key))

    async def fetch_part(self, key: str, begin: int, count: int) -> bytes:
        """See BlobStore."""
        return await self._in_thread(self._bucket.get_part, self._name(key), begin, count)

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        await self._in_thread(self._bucket.delete, self._name(key))

    async def keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """See BlobStore."""
        return await self._in_thread(self._bucket.keys, self._prefix, after, before, limit)

    async def is_there(self) -> bool:
        """See BlobStore."""
        try:
            await self._begun(self._bucket.get, NOBODYS)
        except (BucketError, TimedOutError):
            return False
        except MissingBlobError:
            return True
        return True

    def _name(self, key: str) -> str:
        return self._prefix + checked(key)

    async def _in_thread(self, request: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await self._begun(request, *arguments)
        except (BucketError, TimedOutError) as error:
            log.warning("the storage failed", of=self._what.lower(), request=request.__name__, error=str(error))
            raise away(self._what) from None

    def _begun(self, request: Callable[..., Result], *arguments: Any) -> Deferred[Result]:
        until_s = time.monotonic() + self._timeout_s
        asked = deferToThreadPool(self._reactor, self._threads, request, *arguments, until_s=until_s)
        return asked.addTimeout(self._timeout_s, self._reactor)
