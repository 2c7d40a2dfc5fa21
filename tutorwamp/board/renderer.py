"""A process for one heavy job: reads it from standard input, answers on standard output, and ends.

``workshop`` starts it (``python -m tutorwamp.board.renderer PARENT``, the parent's process id) and judges its end.
It takes a job's bytes, knows no secret, and is bounded by the system: memory, processor time, priority. It dies with
its parent. What a job does not need is not loaded: each import below takes as long as a small job.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import count
from typing import Any, Final
from uuid import UUID

from tutorwamp.board.parcels import Parcel
from tutorwamp.kernel.errors import TooLarge, TutorwampError

MEMORY_AT_MOST: Final = 1024 * 1024 * 1024
"""Bytes of address space. A book's text takes half of it, a photo as WebP 400 MB."""
CPU_AT_MOST_S: Final = 8
"""Of one job; people wait ten seconds for an answer."""
NICENESS: Final = 10
"""Everybody's lesson goes first."""
EXPORT_BYTES_AT_MOST: Final = 12 * 1024 * 1024
"""One message between the node's processes carries 16 MiB."""
MISSING_TOLD_AT_MOST: Final = 100
"""Characters without a glyph: who has so many needs a font, not their names."""
SEEN: Final = 1.0
PRINTED: Final = 2.0
"""Pixels of a picture for one of the page, on a screen and on paper."""

Page = Sequence[Mapping[str, Any]]
Pictures = Mapping[str, tuple[str, bytes]]
File = tuple[bytes, Sequence[str]]
"""And the characters that are boxes in it."""


def export(job: Parcel) -> Parcel:
    """B28: pages as a file. ``format``, ``pictures`` (id and media type of each); parts: contents, then pages."""
    from pydantic_core import from_json

    known = job.values["pictures"]
    pictures = {
        asset_id: (media_type, content) for (asset_id, media_type), content in zip(known, job.parts, strict=False)
    }
    pages = [from_json(page) for page in job.parts[len(known) :]]
    data, missing = _FORMATS[job.values["format"]](pages, pictures)
    if len(data) > EXPORT_BYTES_AT_MOST:
        limit = {"bytes_at_most": EXPORT_BYTES_AT_MOST}
        raise TooLarge("The file would be too large. Export one page, or fewer elements or pictures.", details=limit)
    return Parcel({"missing": list(missing[:MISSING_TOLD_AT_MOST])}, [data])


def _scene(pages: Sequence[Page], pictures: Pictures) -> File:
    from pydantic_core import to_json

    from tutorwamp.board.excalidraw import to_scene

    return to_json(to_scene(pages[0], pictures)), []


def _svg(pages: Sequence[Page], pictures: Pictures) -> File:
    from tutorwamp.board.drawing import svg

    return svg(pages[0], pictures).encode(), []


def _png(pages: Sequence[Page], pictures: Pictures) -> File:
    from tutorwamp.board.printing import face_of, png

    files = _drawn(pages[:1], pictures, sharper=SEEN)
    face = face_of(files)
    return png(files[0], face), face.missing


def _pdf(pages: Sequence[Page], pictures: Pictures) -> File:
    from tutorwamp.board.printing import face_of, pdf

    files = _drawn(pages, pictures, sharper=PRINTED)
    face = face_of(files)
    return pdf(files, face), face.missing


def _drawn(pages: Sequence[Page], pictures: Pictures, *, sharper: float) -> list[str]:
    """The pages as SVG files to be printed. Each picture is decoded once, and is as large as it is shown."""
    from tutorwamp.board import drawing, effort, imaging

    more: Any = {"coarser": effort.affordable} if sharper == SEEN else {}  # paper has lines, no pixels
    sheets = [drawing.draw(page, pictures, sized=True, **more) for page in pages]
    shown = [size for sheet in sheets for size in sheet.shown]
    finer = sharper * imaging.coarseness(_times(size, sharper) for _, size in shown)
    sizes: dict[str, set[imaging.Size]] = {}
    for (asset_id, *_), size in shown:
        sizes.setdefault(asset_id, set()).add(_times(size, finer))
    exact = sharper == SEEN
    made = {
        asset_id: imaging.fitted(pictures[asset_id][1], wanted, enlarge=exact) for asset_id, wanted in sizes.items()
    }
    return [
        sheet.file({use: made[use[0]][_times(size, finer)] for use, size in sheet.shown if made[use[0]]}, fitted=exact)
        for sheet in sheets
    ]


def _times(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


_FORMATS: Final[Mapping[str, Callable[[Sequence[Page], Pictures], File]]] = {
    "svg": _svg, "png": _png, "pdf": _pdf, "excalidraw": _scene
}  # fmt: skip


def recognise(job: Parcel) -> Parcel:
    """What a picture is; part: its content. Part of the answer: the same without notes of places and people (B43)."""
    from tutorwamp.board import imaging

    seen = imaging.recognise(job.parts[0])
    return Parcel(vars(seen), [imaging.without_notes(job.parts[0], seen.media_type)])


def scene_pictures(job: Parcel) -> Parcel:
    """B29: the pictures in a scene, ``bytes_at_most`` each; part: the scene. Parts of the answer: their contents."""
    from tutorwamp.board import excalidraw, imaging

    pictures, left_out = excalidraw.pictures_in(json.loads(job.parts[0]))
    refused = [one.plain() for one in left_out]
    seen, contents = [], []
    for file_id, (_, content) in pictures.items():
        try:
            if len(content) > job.values["bytes_at_most"]:
                raise TooLarge("The picture is too large.")
            known = imaging.recognise(content)
            clean = imaging.without_notes(content, known.media_type)
            seen.append({"file_id": file_id, "sha256": hashlib.sha256(content).hexdigest(), **vars(known)})
            contents.append(clean)
        except TutorwampError as error:
            refused.append({"id": file_id, "kind": "file", "reason": error.message})
    return Parcel({"pictures": seen, "left_out": refused}, contents)


def scene_elements(job: Parcel) -> Parcel:
    """B29: a scene's elements for ``page``, with ``asset_ids`` and ids from a ``seed``. Parts: the scene; elements.

    Without ``locks`` nothing is locked any more (B40).
    """
    from pydantic_core import to_json

    from tutorwamp.board import excalidraw

    page, seed, asset_ids = (job.values[name] for name in ("page", "seed", "asset_ids"))
    scene = json.loads(job.parts[0])
    near = excalidraw.within_reach(scene)
    read = excalidraw.from_scene(near, page=page, new_id=_ids(seed), asset_ids=asset_ids)
    elements, moved = excalidraw.fitted(read.elements, source=scene.get("source"), was_moved=near is not scene)
    left_out = [one.plain() for one in [*moved, *read.left_out]]
    if not job.values["locks"] and sum([element.pop("locked", False) for element in elements]):
        left_out.append({"id": "", "kind": "", "reason": "Nothing is locked any more: only the lesson's tutor locks."})
    return Parcel({"left_out": left_out}, [to_json(elements)])


def _ids(seed: str | None) -> Callable[[], str]:
    """Ids for new elements; with the same seed the same ones."""
    if seed is None:
        from tutorwamp.kernel.contracts import new_id

        return new_id
    counted = count()
    return lambda: str(UUID(bytes=hashlib.sha256(f"{seed}|{next(counted)}".encode()).digest()[:16], version=5))


def pdf_pages(job: Parcel) -> Parcel:
    """B44: pages ``first`` to ``last`` of a PDF, as many as go into one job; part: the PDF. Parts: their pictures."""
    from contextlib import closing

    from tutorwamp.board.sheets import Document, Sheet

    with closing(Document(job.parts[0])) as document:
        made = list(document.sheets(job.values["first"], job.values["last"]))
        values = {"pages": document.pages, "done": [{**vars(one), "content": isinstance(one, Sheet)} for one in made]}
    return Parcel(values, [one.content for one in made if isinstance(one, Sheet)])


JOBS: Final[Mapping[str, Callable[[Parcel], Parcel]]] = {
    job.__name__: job for job in (export, recognise, scene_pictures, scene_elements, pdf_pages)
}
SHUT: Final[Mapping[str, str]] = {pdf_pages.__name__: "tutorwamp.board.sheets"}
"""Jobs that are done without files, and the module to be loaded before."""


def main() -> None:
    """Do the job that standard input holds."""
    _be_bounded(parent=int(sys.argv[1]))
    job = Parcel.unpack(sys.stdin.buffer.read())
    if (needed := SHUT.get(job.values["job"])) is not None:
        import_module(needed)
        _be_shut()
    try:
        answer = JOBS[job.values["job"]](job)
    except TutorwampError as error:
        answer = Parcel({"error": error.uri, "message": error.message, "details": error.details})
    sys.stdout.buffer.writelines(answer.pack())
    sys.stdout.buffer.flush()
    os._exit(0)  # the system tidies up faster


_PR_SET_PDEATHSIG: Final = 1
"""Linux, prctl(2)."""


def _be_bounded(*, parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it was gone before
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_AT_MOST, MEMORY_AT_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_AT_MOST_S, CPU_AT_MOST_S))


def _be_shut() -> None:
    """From now on no file, no socket and no process can be opened, whatever a job is talked into."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    main()
