"""What every ``rest.py`` stands on: JSON in, JSON out, errors as problem+json (RFC 9457).

A domain's ``rest.py`` is a table of routes, which ``kernel/edges/app.py`` mounts: ``forward`` hands what was asked to
the service, a ``Route`` goes to a handler that translates. Who asks is found out here, before anything else is read.
What is returned is a Value, or an Answer with a status and headers of its own; what is raised becomes a problem.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO, Concatenate, Final, Generic, TypeVar, cast

from twisted.internet.threads import deferToThread
from twisted.web.iweb import IRequest

from tutorwamp.kernel.contracts import Arguments, Caller, Procedure, Value
from tutorwamp.kernel.edges.arguments import check, read_text
from tutorwamp.kernel.edges.plain import VALUES_AT_MOST, read_json
from tutorwamp.kernel.errors import (
    Invalid,
    Malformed,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from tutorwamp.kernel.limits import Bill
from tutorwamp.kernel.log.calls import Call

BODY_BYTES_AT_MOST: Final = 1_048_576
READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110, 9.2.1: safe. All others count as writes."""
_VERSION_TAG: Final = re.compile(r'(?:W/)?"([1-9][0-9]{0,9})(?:-[0-9a-f]{1,32})?"')
"""A version, and where more than a version tells answers apart, a digest of the rest."""


@dataclass(frozen=True)
class Download:
    """A file that leaves a portion at a time, whole or in part, as it is asked for."""

    size: int
    """Bytes."""
    etag: str
    """With its quotation marks; of what never changes."""
    read: Callable[[int, int], Awaitable[bytes]]
    """So many bytes from a place on. Raises what the caller is told, if that was the first portion."""


@dataclass
class Answer:
    """A result with a status of its own. ``body`` null: no content; bytes: a file, its type among the headers."""

    body: Value | bytes | Download | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Authenticate = Callable[[str], Awaitable[tuple[Caller, Any]]]
"""Who holds an access token, and what more is known of them. Raises Unauthenticated."""


@dataclass
class Request:
    """What a handler sees of an HTTP request."""

    http: IRequest
    call: Call
    bill: Bill
    known: Any = None
    """What the authenticator knew of whoever asks."""

    async def authenticated(self, authenticate: Authenticate, line: str | None) -> Caller:
        """Who asks; the call is counted, in the same buckets as over WAMP. Raises Unauthenticated or RateLimited."""
        caller, self.known = await authenticate(self.bearer_token())
        self.call.user_id = caller.user_id
        self.bill.open(caller.user_id, writes=self.http.method.decode("latin-1") not in READING_METHODS)
        self.call.queue_s = await self.bill.begin(line)
        return caller

    def body(self, model: type[Arguments], **more: Any) -> Arguments:
        """The JSON body as a model; ``more`` are arguments from elsewhere, such as the path.

        Raises UnsupportedMediaType, TooLarge, Malformed or Invalid.
        """
        return check(model, {**self._json_object(), **more})

    def body_if_any(self, model: type[Arguments], **more: Any) -> Arguments:
        """The same for a request that may come without a body."""
        empty = not self.http.content.read(1)
        self.http.content.seek(0)
        return check(model, more) if empty else self.body(model, **more)

    def creation(self, model: type[Arguments], **more: Any) -> Arguments:
        """The body of what creates something; ``Idempotency-Key`` is its ``client_id``. Raises as ``body`` does."""
        return self._body_orheader(model, "client_id", self.client_id(), more)

    def change(self, model: type[Arguments], **more: Any) -> Arguments:
        """The body of what changes a version; ``If-Match`` is its ``version``. Raises as ``body`` does."""
        tag = header(self.http, b"if-match").strip()
        found = _VERSION_TAG.fullmatch(tag)
        if tag and found is None:
            raise Invalid("Bad If-Match.", details=[{"loc": ["If-Match"], "msg": "must be the ETag of a version"}])
        return self._body_orheader(model, "version", int(found[1]) if found else None, more)

    def _body_orheader(self, model: type[Arguments], name: str, given: Any, more: dict[str, Any]) -> Arguments:
        """An argument that may stand in the body or in a header; where it stands in both, they must agree."""
        body = self._json_object()
        if given is not None and body.get(name, given) != given:
            raise Invalid("Contradiction.", details=[{"loc": [name], "msg": "is another in the header"}])
        return check(model, {**body, **({} if given is None else {name: given}), **more})

    def file(self, media_types: Collection[str], at_most: int) -> bytes:
        """The body as it is. Raises UnsupportedMediaType where it says to be something else, or TooLarge (bytes)."""
        if self.media_type() not in media_types:
            raise UnsupportedMediaType(f"The body must be one of: {', '.join(sorted(media_types))}.")
        raw = self.http.content.read(at_most + 1)
        if len(raw) > at_most:
            raise TooLarge("The body is too large.", details={"bytes_at_most": at_most})
        return cast("bytes", raw)

    def whole_file(self) -> BinaryIO:
        """The body, of any type, to be read by anybody and closed in the end; a large one is no memory.

        Raises UnsupportedMediaType for a form, whose files are wrapped in other things.
        """
        if self.media_type().startswith("multipart/"):
            raise UnsupportedMediaType("The body must be the file itself.")
        content = self.http.content
        if isinstance(content, BytesIO):
            return BytesIO(content.getvalue())
        # One of our own: where the client goes, this one is closed.
        return os.fdopen(os.dup(content.fileno()), "rb")

    async def json_file(self, at_most: int, values_at_most: int) -> dict[str, Any]:
        """A JSON object of any content, larger than arguments may be (bytes, values). Raises as ``body`` does."""
        raw = self._json(at_most)
        return await deferToThread(_read_object, raw, values_at_most)

    def query(self, model: type[Arguments], **more: Any) -> Arguments:
        """The query's values as a model, integers and booleans read; ``more`` as in ``body``.

        Raises Malformed or Invalid.
        """
        given: dict[str, Any] = {}
        for name, values in (self.http.args or {}).items():
            key = _text(name)
            if len(values) != 1 or key in more:
                raise Invalid("Bad query.", details=[{"loc": [key[:64]], "msg": "must not be given here, or once"}])
            given[key] = read_text(_text(values[0]), model, key)
        return check(model, {**given, **more})

    def client_id(self) -> str | None:
        """``Idempotency-Key``; null where there is none."""
        return header(self.http, b"idempotency-key") or None

    def _json_object(self) -> dict[str, Any]:
        return _read_object(self._json(BODY_BYTES_AT_MOST), VALUES_AT_MOST)

    def _json(self, at_most: int) -> bytes:
        raw = self.file(("application/json",), at_most)
        self.bill.write(len(raw))
        return raw

    def media_type(self) -> str:
        """What the body says it is, in small letters."""
        return header(self.http, b"content-type").partition(";")[0].strip().lower()

    @property
    def address(self) -> str:
        """The address of whoever asks, as the gate says; the site lets nobody else say it (H11)."""
        return header(self.http, b"x-forwarded-for") or self.http.getClientAddress().host

    def bearer_token(self) -> str:
        """The access token. Raises Unauthenticated where there is none."""
        scheme, _, token = header(self.http, b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("This needs an access token: Authorization: Bearer <token>.")
        return token.strip()


def _text(raw: bytes) -> str:
    """A part of the address. Raises Malformed: with another letter in place of one it would be another word."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("The address is not UTF-8.") from None


def header(http: IRequest, name: bytes) -> str:
    """A header's text, empty where there is none. Every byte is a character: Twisted's own way fails for some."""
    return (http.getHeader(name) or b"").decode("latin-1")


def length(http: IRequest) -> int:
    """Of the body, as far as it is said; nobody else relies on it."""
    said = header(http, b"content-length")
    return int(said) if said.isdecimal() and len(said) < 10 else 0  # digits of a gigabyte


def _read_object(raw: bytes, values_at_most: int) -> dict[str, Any]:
    value = read_json(raw, values_at_most)
    if not isinstance(value, dict):
        raise Invalid("The body must be a JSON object.", details=[{"loc": [], "msg": "expected an object"}])
    return value


Service = TypeVar("Service")
Result = TypeVar("Result", bound=Value)


@dataclass(frozen=True)
class Route(Generic[Service]):
    """A row of a domain's table, for the site and for the reference that is made from it."""

    method: str
    path: str
    answer: Callable[Concatenate[Service, ...], Awaitable[Value | Answer | None]]
    """With whoever asks and, where ``read`` is given, with what it has read; else with the request and its path."""
    read: Callable[..., Value] | None = None
    """How the request becomes the arguments: a method of Request."""
    headers: Callable[[Any], Mapping[str, str]] | None = None
    """Of the answer, made from the result."""
    asks: type[Value] | None = None
    """The model of the body and the query, with what the path and headers give."""
    gives: type[Value] | str | None = None
    """The model of the answer, or a file's media type."""
    status: int | None = None
    """Of success; null: 200, or 204 where there is nothing to say."""
    body: str | None = None
    """The media type of a body that is a file and not the arguments."""
    other: tuple[str, type[Value]] | None = None
    """Another media type that the body may have, and the model of the answer then."""
    line: str | None = None
    """See Cost in kernel/contracts.py."""
    meaning: str = ""
    """Where it is empty, what the handler says of itself."""
    deadline_s: float | None = None
    """Until its caller is told to try again; null: as everywhere."""
    public: bool = False
    """Whether everybody may ask, without a token; the handler then gets no caller."""

    @property
    def name(self) -> str:
        """As the log and the metrics call it."""
        return f"{self.method} {self.path}"

    def answered(self, result: Value | None) -> Answer:
        """The answer that a result makes."""
        headers = self.headers(result) if self.headers is not None else {}
        return Answer(result, self.status or (200 if result is not None else 204), headers)


def forward(
    method: str,
    path: str,
    serves: Procedure[Arguments, Result],
    answer: Callable[[Service, Caller, Arguments], Awaitable[Result]],
    meaning: str | None = None,
    *,
    read: Callable[..., Value] | None = None,
    headers: Callable[[Result], Mapping[str, str]] | None = None,
    status: int | None = None,
) -> Route[Service]:
    """A route that is the same as a procedure: nothing is translated.

    ``read``: the query where it is a GET and the body otherwise, unless it is said.
    """
    return Route(
        method,
        path,
        answer,
        read=read or (Request.query if method == "GET" else Request.body),
        headers=headers,
        asks=serves.arguments,
        gives=serves.result,
        status=status,
        line=serves.cost.line,
        meaning=meaning or serves.meaning,
    )


@dataclass(frozen=True)
class Routed:
    """A route of one service."""

    route: Route[Any]
    service: Any


def routed_to(service: Service, table: Iterable[Route[Service]]) -> list[Routed]:
    """A table, answered by this service."""
    return [Routed(route, service) for route in table]
