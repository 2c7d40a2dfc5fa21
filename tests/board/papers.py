"""PDFs as people send them, and as nobody should."""

from __future__ import annotations

import io
import zlib

from pypdf import PdfWriter

A4 = (595, 842)
CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
LEAF = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>"


def document(*objects: bytes) -> bytes:
    """A PDF of these objects, counted from 1; the first is its catalogue."""
    file = io.BytesIO()
    file.write(b"%PDF-1.7\n")
    places = []
    for number, one in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, one))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % place for place in places)
    file.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table))
    return file.getvalue()


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), more, data)


def sheet(content: bytes, *more: bytes, size: tuple[float, float] = A4, resources: bytes = b"") -> bytes:
    """One page on which this is drawn; ``content`` and ``more`` are objects, from number 4 on."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]/Contents 4 0 R/Resources<<%s>>>>" % (*size, resources)
    return document(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, content, *more)


def papers(*sizes: tuple[float, float]) -> bytes:
    """Pages of these sizes, in points; the n-th has n black squares in its upper left corner."""
    writer = PdfWriter()
    for number, size in enumerate(sizes, 1):
        squares = b"".join(b"%d %g 8 8 re f " % (10 + 20 * place, size[1] - 20) for place in range(number))
        writer.append(io.BytesIO(sheet(stream(squares), size=size)))
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def locked_away() -> bytes:
    """A document that opens with a password."""
    writer = PdfWriter(io.BytesIO(papers(A4)))
    writer.encrypt("secret", algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def squeezed(data: bytes) -> bytes:
    """A stream that is compressed."""
    return stream(zlib.compress(data, 9), b"/Filter/FlateDecode")


def bomb() -> bytes:
    """A compressed stream in another one: 8 kB that are three gigabytes."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = squeezer.compress(b"\0" * 2**20) + squeezer.flush(zlib.Z_FULL_FLUSH)
    inner = b"\x78\xda" + megabyte * 3_000 + b"\x03\0" + bytes(4)
    return stream(zlib.compress(inner, 9), b"/Filter[/FlateDecode/FlateDecode]")


def endless() -> bytes:
    """Some ten minutes' work: a million long lines across the page."""
    lines = b"".join(b"%d %d m %d %d l S " % (n % 595, n % 842, n * 7 % 595, n * 13 % 842) for n in range(200_000))
    return sheet(squeezed(lines * 5))


def into_itself() -> bytes:
    """A form that shows itself twice."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F 5 0 R>>>>"
    return sheet(stream(b"/F Do /F Do"), stream(b"/F Do /F Do", form), resources=b"/XObject<</F 5 0 R>>")


NOT_READ = {
    "empty": b"",
    "no PDF": b"hello",
    "zeros": b"\0" * 1_000_000,
    "a head": b"%PDF-1.7\n",
    "cut off": sheet(stream(b"0 0 1 1 re f " * 1000))[:600],
    "tables in a circle": b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Size 1/Prev 9/Root 1 0 R>>\nstartxref\n9\n%%EOF",
    "nested": document(b"[" * 200_000),
    "a password": locked_away(),
}
TOO_MUCH = {
    "a bomb in a bomb": sheet(bomb()),
    "a form in itself": into_itself(),
    "pages in pages": document(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>"),
    "a million pages, it says": document(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1000000>>", LEAF),
    "too many pages": document(CATALOG, b"<</Type/Pages/Kids[%s]/Count 100000>>" % (b"3 0 R " * 100_000), LEAF),
}
ODD = {
    "a page as large as a city": sheet(stream(b"0 0 9 9 re f"), size=(1e9, 1e9)),
    "nested, but whole": document(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</A" * 100_000),
}
"""What a careful reader makes a page of all the same."""
