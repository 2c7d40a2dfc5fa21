"""Lines of text as outlines, where one font does not do.

What shows SVG inside Typst takes one font for a whole run of text, and gives up where a second one would shape it
into another number of glyphs: "office" and "नमस्ते" in one line are boxes. Typst's own lines mix fonts, scripts and
directions. So a line with a character that ``fonts.FAMILY`` lacks is set by Typst first, and put on the page as paths.
Chinese, Japanese and Korean stay text, beside Latin too: their fonts have both, and pages full of paths are too large.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from itertools import groupby
from typing import Final

from tutorwamp.board.fonts import Face, pages

_SIZE: Final = 100
"""Of the font that lines are set in, in points: the numbers of an outline have one decimal."""
_SETTING: Final = f"""
#set page(width: auto, height: auto, margin: 0pt, fill: none)
#set text(font: sys.inputs.families.split("\\n"), size: {_SIZE}pt, dir: ltr, cjk-latin-spacing: none)
#set text(top-edge: "baseline", bottom-edge: "baseline")
#set par(linebreaks: "simple")
#for line in sys.inputs.text.split("\\n") {{ page(text(line)) }}
"""
_SPACES: Final = re.compile(r"[\t\v\f\r\x85\u2028\u2029]")
"""A line stays one."""

_IN_ONE_FONT: Final = re.compile(
    r"[ -~\u2010-\u2027\u2030-\u203b\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]*"
)
_TEXT: Final = re.compile(
    r'<text fill="([^"]*)"[^>]*? font-size="([^"]*)"((?: fill-opacity="[^"]*")?)[^>]*>(.*?)</text>'
)
_SPAN: Final = re.compile(r'<tspan x="([^"]*)" y="([^"]*)">([^<]+)</tspan>')
_RUN: Final = re.compile(r'<g transform="(?:scale\(1 -1\)|matrix\(1 0 0 -1 (\S+) (\S+)\))">(.*?)</g>')
GLYPH: Final = re.compile(r'<use xlink:href="#(\w+)" x="([^"]*)" y="([^"]*)"')
"""Of a line: the name of its outline, and its place."""
_SYMBOL: Final = re.compile(r'<symbol id="(\w+)"[^>]*>(.*?)</symbol>', re.DOTALL)
_PATH: Final = re.compile(r'<path d="M 0 0([^"]*)"/>')


def outlined(svg: str, face: Face) -> str:
    """The file of ``drawing``, its lines with foreign characters as paths in the same places."""
    if not face.foreign:
        return svg
    lines = dict.fromkeys(unescape(line) for _, _, line in _SPAN.findall(svg))
    foreign = [line for line in lines if _needs_outlines(line, face)]
    if not foreign:
        return svg
    paths = dict(zip(foreign, map(_paths, set_lines(foreign, face)), strict=True))

    def placed(found: re.Match[str]) -> str:
        color, size, opacity, spans = found.groups()
        scale = float(size) / _SIZE
        drawn = [
            f'<g fill="{color}"{opacity} transform="translate({x} {y}) scale({scale:.6g})">{paths[line]}</g>'
            for x, y, written in _SPAN.findall(spans)
            if (line := unescape(written)) in paths
        ]
        kept = _SPAN.sub(lambda span: "" if unescape(span[3]) in paths else span[0], spans)
        return "".join(drawn) + (found[0].replace(spans, kept) if kept else "")

    return _TEXT.sub(placed, svg)


def set_lines(lines: Sequence[str], face: Face) -> list[str]:
    """Each line as an SVG file of Typst's."""
    text = "\n".join(_SPACES.sub(" ", line) for line in lines)
    return pages(_SETTING, text, face.fonts, face.families)


def _needs_outlines(line: str, face: Face) -> bool:
    if face.foreign.isdisjoint(line):
        return False
    return not _IN_ONE_FONT.fullmatch(line) or not frozenset(face.missing).isdisjoint(line)


def _paths(page: str) -> str:
    """The outlines of a line that was set; their baseline is at 0, 0."""
    symbols = dict(_SYMBOL.findall(page))
    return "".join(
        _run(float(x or 0), float(y or 0), GLYPH.findall(inside), symbols) for x, y, inside in _RUN.findall(page)
    )


def _run(x: float, y: float, glyphs: Sequence[tuple[str, str, str]], symbols: dict[str, str]) -> str:
    """Glyphs of one font: outlines as one path; what is a picture, as some emoji are, as it is."""
    parts = []
    for is_outline, some in groupby(glyphs, lambda glyph: _PATH.fullmatch(symbols[glyph[0]]) is not None):
        if is_outline:
            d = "".join(f"M{across} {up}{symbols[name][13:-3]}" for name, across, up in some)
            parts.append(f'<path d="{d}"/>')
        else:
            parts += [f'<g transform="translate({across} {up})">{symbols[name]}</g>' for name, across, up in some]
    return f'<g transform="matrix(1 0 0 -1 {x:.6g} {y:.6g})">{"".join(parts)}</g>' if parts else ""
