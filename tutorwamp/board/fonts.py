"""Which fonts a page is printed with, and which of its characters none of them has.

Typst brings fonts for Latin, Cyrillic, Greek and mathematics. Noto's are packages beside it: one for most scripts and
emoji, one for Chinese, Japanese and Korean. What these do not have, the system's fonts may. Each step is taken only
for a page that needs it, and works without the packages.

Typst draws a box for what no font has, and says nothing. So each character that is not usual is drawn on a page of its
own, as SVG, where the box has the same name whatever it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import typst

PACKAGES: Final = ("manimgx_fonts", "noto_cjk_sans_otc")
"""Folders of fonts: 7 MB, and 19 MB. Nothing of them is run."""
CHARACTERS_TRIED_AT_MOST: Final = 10_000
"""Different ones in one file, ten times a textbook's: each takes 80 microseconds and 10 kilobytes."""
FAMILY: Final = "Libertinus Serif"
"""What is drawn first with; inside Typst."""

_USUAL: Final = re.compile(r"[\x00-\u017f\u0391-\u03a1\u03a3-\u03c9\u0400-\u045f]")
"""Those which Typst's own fonts have, of the scripts that most pages are in; and what is never drawn."""
_SAME_GLYPHS: Final = re.compile(r"Noto Sans CJK (HK|JP|KR|TC)")
"""Beside SC; each takes 19 MB of memory."""
_NOWHERE: Final = "\U0010ffff"
"""A character that there will never be."""
_DRAWN: Final = re.compile(r'<use xlink:href="(#\w+)"')
_PROBE: Final = """
#set page(width: 100pt, height: 20pt, margin: 0pt)
#set text(font: sys.inputs.families.split("\\n"))
#for character in sys.inputs.text.codepoints() { page(text(character)) }
"""
_PROBE_OF_ONE: Final = f"#set text(fallback: false)\n{_PROBE}"


@dataclass(frozen=True)
class Face:
    """What a page is printed with."""

    fonts: typst.Fonts
    families: Sequence[str] = (FAMILY,)
    """Those to be asked first, in this order; then any."""
    missing: Sequence[str] = ()
    """Characters of the page that are boxes, in the order in which they first appear."""
    foreign: frozenset[str] = frozenset()
    """Characters of the page that ``FAMILY`` does not have."""


def face_for(text: str) -> Face:
    """The fewest fonts that have all of a text's characters, or all fonts there are."""
    unusual = list(dict.fromkeys(_USUAL.sub("", text)))[:CHARACTERS_TRIED_AT_MOST]
    fonts = typst.Fonts(include_system_fonts=False)
    missing = foreign = _boxes(unusual, fonts, _PROBE_OF_ONE)
    own, families = fonts.families(), [FAMILY]
    if missing:
        missing = _boxes(missing, fonts, _PROBE)
    for folders, system in _steps():
        if not missing:
            break
        fonts = typst.Fonts(include_system_fonts=system, font_paths=folders)
        missing = _boxes(missing, fonts, _PROBE)
        if not system:
            new = {*fonts.families()} - {*own}
            families = [FAMILY, *sorted(name for name in new if not _SAME_GLYPHS.fullmatch(name))]
    return Face(fonts, families, missing, frozenset(foreign))


def _steps() -> Iterator[tuple[list[str], bool]]:
    """Folders of fonts, and whether the system's are asked too: each time those of before, and more."""
    found = [find_spec(name) for name in PACKAGES]
    folders = [folder for spec in found if spec for folder in spec.submodule_search_locations or ()]
    yield from ((folders[: count + 1], False) for count in range(len(folders)))
    yield folders, True


def _boxes(characters: Sequence[str], fonts: typst.Fonts, probe: str) -> list[str]:
    """Those of the characters that are drawn as a box."""
    if not characters:
        return []
    (box,), *drawn = map(_DRAWN.findall, pages(probe, _NOWHERE + "".join(characters), fonts))
    return [character for character, parts in zip(characters, drawn, strict=True) if box in parts]


def pages(document: str, text: str, fonts: typst.Fonts, families: Sequence[str] = (FAMILY,)) -> list[str]:
    """The pages that a document in Typst's language has for a text, as SVG files."""
    inputs = {"text": text, "families": "\n".join(families)}
    compiler = typst.Compiler(document.encode(), font_paths=fonts, ignore_system_fonts=True, sys_inputs=inputs)
    made = compiler.compile(format="svg") or []
    return [page.decode() for page in (made if isinstance(made, list) else [made])]
