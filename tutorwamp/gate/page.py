"""The classroom page's files as browsers get them: safe headers, compressed, and sent again only where they change.

Served is the built page (``built.py``) where there is one of these very sources, else the sources as they stand.
Rules H8, H9 and H16 to H19 (docs/rules/http.md).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger
from twisted.web.http import CACHED
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.static import File

from tutorwamp.gate.built import FOLDER, Built
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.edges import problems
from tutorwamp.kernel.edges.origins import CrossOrigin
from tutorwamp.kernel.edges.ranges import one_range
from tutorwamp.kernel.errors import MethodNotAllowed, NotFound, TutorwampError, Unavailable

log = Logger()

_TYPES: Final = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED: Final = frozenset(
    {".html", ".css", ".mjs", ".js", ".svg", ".json", ".webmanifest", ".ts", ".txt", ".LICENSE"}
)
"""Suffixes of text. Pictures are compressed as they are."""
_WORTH_BYTES: Final = 512
"""Less fits into the packet of the head, compressed or not."""
_NAMED_AFTER_CONTENT: Final = re.compile(r".+-[A-Z0-9]{8}\.[a-z]+")
"""What the build names so (web/_build/build.mjs) never changes; what changes has another name."""
_OF_A_DOCUMENT: Final = (b"content-security-policy", b"x-frame-options", b"referrer-policy")
"""What scripts, stylesheets and icons named after their content go without; the page that asks for them has it."""
_ASK_EACH_TIME: Final = b"no-cache"
_KEEP: Final = b"public, max-age=31536000, immutable"
_BESIDE: Final = frozenset({b"api", b"ws"})
"""What else the port answers (crossbar/config.yaml). Crossbar opens it with the page alone and hangs these below it one
after the other: until then they are on their way, and whoever read "there is no such thing" would give up for good."""
_TRUSTED_TYPES: Final = "tutorwamp"
"""The page's one policy: the address of its service worker (``page/shell.mjs``). Nothing makes markup of text."""


def page_headers(settings: GateSettings) -> dict[bytes, bytes]:
    """What every answer of the page says. Browsers are held to it; see docs/security.md."""
    frames = [_source(one) for one in settings.page_frames] or ["'none'"]
    policy = {
        "default-src": ["'self'"],
        "connect-src": ["'self'", *(one for one in map(_source, settings.page_connect) if one != "'self'")],
        # blob: are the board's pictures, which the page fetches with its token.
        "img-src": ["'self'", "blob:"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": frames,
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [_TRUSTED_TYPES],
    }
    headers = {
        b"content-security-policy": "; ".join(f"{name} {' '.join(words)}" for name, words in policy.items()).encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
        # Ask each time, and be told "as before" (ETag): a page and its scripts always belong together.
        b"cache-control": _ASK_EACH_TIME,
    }
    # The older header knows these two only; where it said less than the policy, old browsers would show nothing.
    if frames in (["'none'"], ["'self'"]):
        headers[b"x-frame-options"] = b"DENY" if frames == ["'none'"] else b"SAMEORIGIN"
    return headers


def _source(word: str) -> str:
    return "'self'" if word == "self" else word


def classroom(web: Path, headers: Mapping[bytes, bytes] | None = None, origins: Iterable[str] = ()) -> Page:
    """The page's files, and once more at the root the client's modules: front ends import them there, too.

    Pages of the ``origins`` read that what stands beside it is not there yet.
    """
    page = Classroom(web, headers, origins)
    for path in (web / "client").rglob("*.mjs"):
        page.putChild(path.name.encode(), page.createSimilarFile(str(path)))
    return page


@dataclass(frozen=True)
class _Content:
    """A file as it was when it had this time and size."""

    stamp: tuple[int, int]
    etag: bytes
    packed: Mapping[bytes, bytes]
    """By the names of encodings, the best first; none where that is not worth it."""


class Page(File):
    """Static files with safe headers. Shows no folder and no source of the package."""

    def __init__(self, path: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(path, *args, **kwargs)
        self.indexNames = ["index.html"]
        self.contentTypes = {**File.contentTypes, **_TYPES}
        self._contents: dict[str, _Content] = {}
        self.use(page_headers(GateSettings()))

    def use(self, headers: Mapping[bytes, bytes]) -> None:
        """Answer with these."""
        self._headers = headers
        self.childNotFound = _Problem(NotFound("There is nothing at this address."), headers)  # type: ignore[assignment]  # Twisted's type is narrower than its use

    def createSimilarFile(self, path: str) -> Page:  # noqa: N802  # Twisted's name
        """Another file of the same page."""
        similar = Page(path, self.defaultType, self.ignoredExts, self.registry)
        similar._contents = self._contents
        similar.use(self._headers)
        return similar

    def getChild(self, path: bytes, request: Request) -> IResource:  # noqa: N802  # Twisted's name
        """What lies at the next segment of the path; headers are set here, so that errors have them as well."""
        _set_headers(request, self._headers)
        if path.startswith((b"_", b".")) or path.endswith((b".py", b".pyc")) or not _is_name(path):
            return self.childNotFound
        child: IResource = super().getChild(path, request)  # type: ignore[no-untyped-call]  # Twisted's
        return child

    def directoryListing(self) -> IResource:  # noqa: N802  # Twisted's name
        """Never."""
        return self.childNotFound

    def render(self, request: Request) -> Any:
        """Twisted asks this for every method."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET, HEAD")
            problems.write(request, MethodNotAllowed("The page is read only."))
            return NOT_DONE_YET
        return self.render_GET(request)

    def render_GET(self, request: Request) -> Any:  # noqa: N802  # Twisted's name
        """Serve the file, or the part that is asked for, or say that the client has it."""
        _set_headers(request, self._headers)
        self.restat(False)  # noqa: FBT003  # Twisted's: do not raise where the file is missing
        if not self.isfile():
            return super().render_GET(request)  # type: ignore[no-untyped-call]  # Twisted's
        content = self._content()
        if _NAMED_AFTER_CONTENT.fullmatch(self.basename()) and Path(self.path).parent.name == FOLDER:
            request.setHeader(b"cache-control", _KEEP)
            for name in _OF_A_DOCUMENT:  # of a first load they are a twentieth
                request.responseHeaders.removeHeader(name)
        if self.splitext()[1] in _COMPRESSED:
            request.setHeader(b"vary", b"Accept-Encoding")
        # A part is one of the file as it is.
        taken = () if request.getHeader(b"range") else _takes(request)
        encoding = next((one for one in content.packed if one in taken or b"*" in taken), None)
        etag = content.etag if encoding is None else b'%s-%s"' % (content.etag[:-1], encoding)
        if request.setETag(etag) is CACHED:
            return b""
        if request.getHeader(b"if-none-match"):
            request.requestHeaders.removeHeader(b"if-modified-since")  # counts for nothing beside it (RFC 9110, 13.1.3)
        if encoding is not None:
            return self._send_packed(request, encoding, content.packed[encoding])
        _ask_for_one_range(request.requestHeaders, self.getsize(), etag)
        return super().render_GET(request)  # type: ignore[no-untyped-call]  # Twisted's

    render_HEAD = render_GET  # noqa: N815  # Twisted's name

    def _send_packed(self, request: Request, encoding: bytes, packed: bytes) -> bytes:
        kind = self.contentTypes.get(self.splitext()[1].lower(), "text/plain")
        request.setHeader(b"content-type", kind.encode())
        request.setHeader(b"content-encoding", encoding)
        request.setHeader(b"content-length", b"%d" % len(packed))
        return b"" if request.method == b"HEAD" else packed

    def _content(self) -> _Content:
        """What is in the file, looked at once as long as its time and size stay."""
        status = Path(self.path).stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._contents.get(self.path)
        if known is None or known.stamp != stamp:
            whole = self.getContent()
            # Of what is in it, not of its time: a wheel may give every version of a file the same.
            etag = b'"%s"' % hashlib.sha256(whole).hexdigest()[:20].encode()
            known = self._contents[self.path] = _Content(stamp, etag, self._packed(whole))
        return known

    def _packed(self, whole: bytes) -> dict[bytes, bytes]:
        if self.splitext()[1] not in _COMPRESSED or len(whole) < _WORTH_BYTES:
            return {}
        by_gzip = {b"gzip": gzip.compress(whole, mtime=0)}
        by_brotli = Path(f"{self.path}.br")  # which the build made, for it takes seconds
        return {b"br": by_brotli.read_bytes(), **by_gzip} if by_brotli.is_file() else by_gzip


class Classroom(Page):
    """The root: some of its addresses are answered by what the build made of the sources, where it is not old."""

    def __init__(self, web: Path, headers: Mapping[bytes, bytes] | None, origins: Iterable[str]) -> None:
        super().__init__(str(web))
        if headers is not None:
            self.use(headers)
        self._starting = CrossOrigin(_Problem(Unavailable("The node is starting."), self._headers), origins)
        self._built = Built(web)
        stale = self._built.stale()
        if stale is None:
            log.info("the page is served as it was built")
        else:
            log.warn("the page is served from its sources, which takes browsers longer: {stale}", stale=stale)  # noqa: G010  # Twisted's logger

    def getChild(self, path: bytes, request: Request) -> IResource:  # noqa: N802  # Twisted's name
        """As the built page has it, if it does."""
        if path in _BESIDE:
            return self._starting
        built = self._built.instead_of(path)
        return super().getChild(path, request) if built is None else self.createSimilarFile(str(built))


def _takes(request: IRequest) -> frozenset[bytes]:
    """The encodings that the client wants (RFC 9110, 12.5.3)."""
    parts = [part.partition(b";") for part in (request.getHeader(b"accept-encoding") or b"").lower().split(b",")]
    wanted = {name.strip(): not re.fullmatch(rb"q=0(\.0*)?", weight.strip()) for name, _, weight in parts}
    others = {b"*"} if wanted.get(b"*") and all(wanted.values()) else set()
    return frozenset({name for name, is_wanted in wanted.items() if is_wanted and name != b"*"} | others)


def _is_name(segment: bytes) -> bool:
    """Whether a file can have this name; Twisted fails for the others."""
    try:
        return "\0" not in segment.decode()
    except UnicodeDecodeError:
        return False


def _ask_for_one_range(headers: Headers, size: int, etag: bytes) -> None:
    """Leave one range that Twisted reads as it is meant, or none: then the whole file is the answer (RFC 9110, 14.2).

    Several ranges are one where they touch. One that belongs to another version (``If-Range``) is none.
    """
    asked = b",".join(headers.getRawHeaders(b"range", []))
    headers.removeHeader(b"range")
    if headers.getRawHeaders(b"if-range", [etag]) != [etag]:
        return
    span = one_range(asked, size)
    if span is not None:
        headers.setRawHeaders(b"range", [b"bytes=%d-%d" % span])


def _set_headers(request: Request, headers: Mapping[bytes, bytes]) -> None:
    request.responseHeaders.removeHeader(b"server")
    for name, value in headers.items():
        request.setHeader(name, value)


class _Problem(Resource):
    """A problem in a page's headers."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, error: TutorwampError, headers: Mapping[bytes, bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._error = error
        self._headers = headers

    def render(self, request: Request) -> bytes:
        """Twisted asks this for every method."""
        body = problems.render(request, self._error, problems.begin(request))
        _set_headers(request, self._headers)
        return body
