"""A page as an SVG file: every kind is drawn, all of it is in view, and no text gets out of its place."""

from __future__ import annotations

import math
import re
import unicodedata
from base64 import b64decode
from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base as ExifTag
from pydantic import TypeAdapter

from tutorwamp.board.drawing import AREA_AT_MOST, MARGIN, SIDE_AT_MOST, svg
from tutorwamp.board.elements import Element

SVG: Final = "{http://www.w3.org/2000/svg}"
PAGE_ID: Final = "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31"
ASSET_IDS: Final = ["01a20a15-05e3-76a3-9f7a-0000000000a1", "01a20a15-05e3-76a3-9f7a-0000000000a2"]
BOX: Final = {"x": 10, "y": 20, "width": 100, "height": 50}

ALLOWED: Final = {
    "svg": {"width", "height", "viewBox"},
    "defs": set(),
    "image": {"id", "width", "height", "preserveAspectRatio", "href"},
    "use": {"href", "transform", "opacity"},
    "rect": {"x", "y", "width", "height", "fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity"},
    "ellipse": {"cx", "cy", "rx", "ry", "fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity"},
    "circle": {"cx", "cy", "r", "fill", "fill-opacity"},
    "path": {
        "d",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-opacity",
        "fill-opacity",
    },
    "text": {*("fill", "font-family", "font-size", "fill-opacity"), "{http://www.w3.org/XML/1998/namespace}space"},
    "tspan": {"x", "y"},
}
NUMBER: Final = r"-?\d+(?:\.\d{1,2})?"
NUMBERS: Final = {
    *("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "font-size"),
    *("opacity", "fill-opacity", "stroke-opacity", "stroke-width"),
}

NASTY: Final = [
    "</text></svg><script>alert(1)</script>",
    "<![CDATA[ ]]><script>alert(1)</script>]]>",
    '"><image href="https://example.org/x.png"/><text x="',
    "' onload='alert(1)",
    "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>&x;",
    "&#0; &amp; &lt;b&gt; &",
    "<!-- -- --> <?xml-stylesheet href='x.css'?>",
    "javascript:alert(1) url(https://example.org/#x)",
    "שלום \u202eمرحبا\u202c 日本語 👩‍👩‍👧 e\u0301",
    "  two  spaces \t and a tab ",
    "\u2028line\u2029paragraph\x85next",
]


def element(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": PAGE_ID, "page": PAGE_ID, "kind": kind, "version": 1, "color": "#cc0033", **more}


def drawn(*elements: dict[str, Any], pictures: Mapping[str, tuple[str, bytes]] = MappingProxyType({})) -> ET.Element:
    return ET.fromstring(svg(elements, pictures))  # noqa: S314 - our own file


def on_page(root: ET.Element) -> list[ET.Element]:
    """What is drawn, without the pictures' contents and the background."""
    definitions, background, *rest = root
    assert (definitions.tag, background.tag) == (f"{SVG}defs", f"{SVG}rect")
    return rest


def text_of(root: ET.Element) -> list[str | None]:
    return [line.text for line in root.iter(f"{SVG}tspan")]


def view(root: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    return left, top, left + width, top + height


@pytest.mark.parametrize(
    ("kind", "look", "tag", "paint"),
    [
        ("stroke", {"points": [[0, 0], [10, 0, 0.5], [10, 10, 1]], "width": 3}, "path", "stroke"),
        ("stroke", {"points": [[5, 5]], "width": 3}, "circle", "fill"),
        ("line", {"points": [[0, 0], [10, 0]], "width": 3}, "path", "stroke"),
        ("arrow", {"points": [[0, 0], [10, 0]], "width": 3}, "path", "stroke"),
        ("rect", BOX, "rect", "stroke"),
        ("ellipse", BOX, "ellipse", "stroke"),
        ("text", {"x": 0, "y": 0, "text": "Hello", "size": 20}, "text", "fill"),
        ("image", {**BOX, "asset_id": ASSET_IDS[0]}, "path", "stroke"),
    ],
)
def test_B28_every_kind_is_drawn_in_its_colour(kind: str, look: dict[str, Any], tag: str, paint: str) -> None:
    (solid,) = on_page(drawn(element(kind, **look)))
    assert solid.tag == SVG + tag
    assert solid.attrib[paint] == "#cc0033"
    assert not {"opacity", "fill-opacity", "stroke-opacity"} & set(solid.attrib)
    (pale,) = on_page(drawn(element(kind, **look, opacity=0.25)))
    assert pale.attrib[f"{paint}-opacity"] == "0.25"


def test_B28_elements_lie_on_each_other_in_their_order() -> None:
    colors = ["#000001", "#000002", "#000003"]
    root = drawn(*({**element("rect", **BOX), "color": color} for color in colors))
    assert [one.attrib["stroke"] for one in on_page(root)] == colors


@pytest.mark.parametrize("text", NASTY)
def test_B28_a_text_is_shown_as_it_was_written_and_is_nothing_else(text: str) -> None:
    root = drawn(element("text", x=0, y=0, text=text, size=20))
    assert text_of(root) == [text]
    assert [one.tag for one in root.iter()] == [SVG + tag for tag in ("svg", "defs", "rect", "text", "tspan")]
    assert {name: set(one.attrib) for one in root.iter() if (name := one.tag.removeprefix(SVG))} == {
        **{name: ALLOWED[name] for name in ("svg", "defs", "tspan")},
        "rect": {"x", "y", "width", "height", "fill"},
        "text": ALLOWED["text"] - {"fill-opacity"},
    }


@pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1b", "\r", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_B28_a_character_that_no_xml_file_can_have_is_replaced(character: str) -> None:
    assert text_of(drawn(element("text", x=0, y=0, text=f"a{character}b", size=20))) == ["a\ufffdb"]


def test_B28_an_attribute_is_not_left_whatever_stands_in_it() -> None:
    hostile = '#fff"/><script>alert("&")</script>\0'
    root = drawn(element("rect", **BOX, fill=hostile))
    (rect,) = on_page(root)
    assert rect.attrib["fill"] == hostile.replace("\0", "\ufffd")


def test_B28_a_text_of_64_kib_is_drawn_to_its_end() -> None:
    text = "<&\"'>" * (64 * 1024 // 5)
    assert text_of(drawn(element("text", x=0, y=0, text=text, size=20))) == [text]


def test_B28_lines_of_a_text_keep_their_places_and_their_spaces() -> None:
    root = drawn(element("text", x=7, y=100, text="  one\n\nthree", size=10))
    lines = [(line.attrib["x"], line.attrib["y"], line.text) for line in root.iter(f"{SVG}tspan")]
    assert lines == [("7", "109.5", "  one"), ("7", "133.5", "three")]
    (text,) = on_page(root)
    assert text.attrib["{http://www.w3.org/XML/1998/namespace}space"] == "preserve"


def test_B28_a_stroke_is_a_smooth_curve_from_its_first_point_to_its_last() -> None:
    (path,) = on_page(drawn(element("stroke", points=[[1.5, -2], [11.5, -2], [11.5, 8.25], [0, 8]], width=3)))
    # to the middles of the two inner pieces, bent towards the points between them, then straight on
    assert path.attrib["d"] == "M1.5-2q10 0 10 5.12q0 5.13-5.75 5l-5.75-0.12"
    assert path.attrib["stroke-width"] == "3"
    assert path.attrib["fill"] == "none"
    assert path.attrib["stroke-linecap"] == path.attrib["stroke-linejoin"] == "round"


def test_B28_rounding_does_not_add_up_along_a_stroke() -> None:
    points = [[number * 0.333, number * 0.777] for number in range(500)]
    (path,) = on_page(drawn(element("stroke", points=points, width=3)))
    x = y = 0.0
    for command, numbers in re.findall(r"([Mql])([^Mql]*)", path.attrib["d"]):
        values = [float(number) for number in re.findall(NUMBER, numbers)]
        x, y = (x * (command != "M") + values[-2], y * (command != "M") + values[-1])
    assert (x, y) == pytest.approx(tuple(points[-1]), abs=0.006)


@pytest.mark.parametrize("points", [[[5, 6]], [[5, 6], [5, 6, 0.5], [5.001, 6]]])
def test_B28_a_stroke_that_does_not_move_is_a_dot(points: list[list[float]]) -> None:
    (dot,) = on_page(drawn(element("stroke", points=points, width=4)))
    assert {name: dot.attrib[name] for name in ("cx", "cy", "r")} == {"cx": "5", "cy": "6", "r": "2"}


@pytest.mark.parametrize("tip", [(100, 0), (0, -100), (-60, 80)])
@pytest.mark.parametrize(("width", "length"), [(1, 12), (10, 40), (100, 100)])
def test_B28_an_arrow_has_a_head_at_its_second_point(tip: tuple[float, float], width: float, length: float) -> None:
    (path,) = on_page(drawn(element("arrow", points=[[0, 0], tip], width=width)))
    left, middle, right = re.findall(rf"[ML]({NUMBER}) ({NUMBER})", path.attrib["d"])[1:]
    assert tuple(map(float, middle)) == tip
    for side in (left, right):
        x, y = (float(number) for number in side)
        assert math.dist((x, y), tip) == pytest.approx(length, abs=0.02)
        back = (tip[0] - x) * tip[0] / 100 + (tip[1] - y) * tip[1] / 100
        assert back == pytest.approx(length * math.cos(math.pi / 6), abs=0.02)
    assert math.dist(tuple(map(float, left)), tuple(map(float, right))) == pytest.approx(length, abs=0.02)


def test_B28_an_arrow_to_where_it_starts_is_a_dot() -> None:
    (dot,) = on_page(drawn(element("arrow", points=[[5, 6], [5, 6]], width=4)))
    assert dot.tag == f"{SVG}circle"


def test_B28_shapes_have_their_place_border_and_fill() -> None:
    rect, ellipse = on_page(
        drawn(element("rect", **BOX, fill="#00ff00", stroke_width=7), element("ellipse", **BOX, opacity=0.5))
    )
    assert rect.attrib == {**{name: str(value) for name, value in BOX.items()}, **rect.attrib}
    assert (rect.attrib["fill"], rect.attrib["stroke-width"]) == ("#00ff00", "7")
    assert [ellipse.attrib[name] for name in ("cx", "cy", "rx", "ry")] == ["60", "45", "50", "25"]
    assert (ellipse.attrib["fill"], ellipse.attrib["stroke-width"]) == ("none", "2")
    assert (ellipse.attrib["fill-opacity"], ellipse.attrib["stroke-opacity"]) == ("0.5", "0.5")


def test_B28_a_picture_is_inside_the_file_once_however_often_it_is_shown() -> None:
    shown = element("image", **BOX, asset_id=ASSET_IDS[0])
    other = element("image", **BOX, asset_id=ASSET_IDS[1])
    root = drawn(
        *(other, shown, {**shown, "x": 500, "opacity": 0.5}),
        pictures={ASSET_IDS[0]: ("image/png", b"\x00\xff"), ASSET_IDS[1]: ("image/gif", b"gif")},
    )
    kept = {one.attrib["id"]: one.attrib["href"].split(",") for one in root[0]}
    assert {start: b64decode(data) for start, data in kept.values()} == {
        "data:image/gif;base64": b"gif",
        "data:image/png;base64": b"\x00\xff",
    }
    uses = on_page(root)
    assert [kept[use.attrib["href"].removeprefix("#")][0][5:14] for use in uses] == ["image/gif", *["image/png"] * 2]
    assert [use.attrib["transform"] for use in uses[1:]] == [
        "translate(10 20) scale(100 50)",
        "translate(500 20) scale(100 50)",
    ]
    assert [use.attrib.get("opacity") for use in uses] == [None, None, "0.5"]


def photo(mode: str, orientation: int) -> bytes:
    """Sixteen pixels wide and eight high, its left half blue and its right half red, with a camera's note."""
    image = Image.new("RGB", (16, 8), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[ExifTag.Orientation] = orientation
    file = BytesIO()
    image.convert(mode).save(file, "JPEG", exif=exif, quality=100, subsampling=0)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "orientation", "size", "blue_at"),
    [
        ("RGB", 1, (16, 8), (1, 1)),
        ("RGB", 6, (8, 16), (6, 1)),
        ("RGB", 3, (16, 8), (14, 6)),
        ("CMYK", 1, (16, 8), (1, 1)),
    ],
)
def test_B28_a_photo_is_upright_and_in_colours_of_screens(
    mode: str, orientation: int, size: tuple[int, int], blue_at: tuple[int, int]
) -> None:
    content = photo(mode, orientation)
    page = element("image", **BOX, asset_id=ASSET_IDS[0])
    (kept,) = drawn(page, pictures={ASSET_IDS[0]: ("image/jpeg", content)})[0]
    inside = b64decode(kept.attrib["href"].removeprefix("data:image/jpeg;base64,"))
    assert (inside == content) == (mode == "RGB" and orientation == 1)  # what is right stays as it is
    shown = Image.open(BytesIO(inside))
    assert (shown.mode, shown.size, shown.getexif().get(ExifTag.Orientation, 1)) == ("RGB", size, 1)
    assert shown.getpixel(blue_at) == pytest.approx((0, 0, 255), abs=40)
    assert shown.getpixel((size[0] - 1 - blue_at[0], size[1] - 1 - blue_at[1])) == pytest.approx((255, 0, 0), abs=40)


def test_B28_a_broken_photo_is_left_as_it_is() -> None:
    content = photo("CMYK", 6)[:-60]
    page = element("image", **BOX, asset_id=ASSET_IDS[0])
    (kept,) = drawn(page, pictures={ASSET_IDS[0]: ("image/jpeg", content)})[0]
    assert b64decode(kept.attrib["href"].removeprefix("data:image/jpeg;base64,")) == content


@pytest.mark.parametrize(
    "pictures", [{}, {ASSET_IDS[1]: ("image/png", b"")}, {ASSET_IDS[0]: ("image/svg+xml", b"<svg/>")}]
)
def test_B28_a_picture_that_is_missing_or_could_name_files_is_a_crossed_out_frame(
    pictures: dict[str, tuple[str, bytes]],
) -> None:
    root = drawn(element("image", **BOX, asset_id=ASSET_IDS[0]), pictures=pictures)
    (frame,) = on_page(root)
    assert frame.attrib["d"] == "M10 20L110 20L110 70L10 70zL110 70M110 20L10 70"
    assert not list(root.iter(f"{SVG}image"))


def test_B28_an_empty_page_is_a_white_screen() -> None:
    root = drawn()
    assert not on_page(root)
    assert root.attrib == {"width": "1280", "height": "720", "viewBox": "0 0 1280 720"}
    assert root[1].attrib == {"x": "0", "y": "0", "width": "1280", "height": "720", "fill": "#ffffff"}


def test_B28_the_view_is_what_is_drawn_and_a_margin() -> None:
    root = drawn(
        element("stroke", points=[[-100, 5], [0, 50], [30, -20.5]], width=10),
        element("rect", x=200, y=100, width=50, height=25, stroke_width=4),
    )
    left, top, right, bottom = view(root)
    assert (left, top, right, bottom) == (-105 - MARGIN, -25.5 - MARGIN, 252 + MARGIN, 127 + MARGIN)
    assert [float(root[1].attrib[name]) for name in ("x", "y")] == [left, top]
    assert [float(root[1].attrib[name]) for name in ("width", "height")] == [right - left, bottom - top]


def test_B28_the_view_has_an_arrows_head_in_it() -> None:
    left, top, right, bottom = view(drawn(element("arrow", points=[[0, 0], [1000, 0]], width=50)))
    assert (bottom - MARGIN - 25) == -(top + MARGIN + 25) == pytest.approx(100, abs=0.01)
    assert (left, right) == (-25 - MARGIN, 1025 + MARGIN)


@pytest.mark.parametrize(("text", "squares"), [("W" * 10, 10), ("日本", 2), ("a\nW" * 3, 1.65), ("i" * 100, 65)])
def test_B28_the_view_has_room_for_wide_letters(text: str, squares: float) -> None:
    left, top, right, bottom = view(drawn(element("text", x=100, y=200, text=text, size=50)))
    assert (left, top) == (100 - MARGIN, 200 - MARGIN)
    assert right == pytest.approx(100 + squares * 50 + MARGIN)
    assert bottom == pytest.approx(200 + (text.count("\n") + 1) * 60 + MARGIN)


@pytest.mark.parametrize(
    ("far", "wide", "high"), [((1_000_000, 1_000_000), 2828, 2828), ((999_948, 0), 4000, 1), ((3000, 600), 3052, 652)]
)
def test_B28_the_file_is_no_larger_than_can_be_shown(far: tuple[float, float], wide: int, high: int) -> None:
    root = drawn(element("line", points=[[0, 0], far], width=12))
    assert (int(root.attrib["width"]), int(root.attrib["height"])) == (wide, high)
    left, top, right, bottom = view(root)
    assert (right - left, bottom - top) == (far[0] + 52, far[1] + 52)


coordinates: Final = st.floats(-1_000_000, 1_000_000) | st.integers(-1_000_000, 1_000_000) | st.floats(-300, 300)
extents: Final = st.floats(0, 10_000, exclude_min=True) | st.floats(0.5, 50)
lengths: Final = st.floats(0, 1_000_000) | st.integers(0, 300)
shares: Final = st.floats(0, 1)
colors: Final = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)
ends: Final = st.lists(st.tuples(coordinates, coordinates).map(list), min_size=2, max_size=2)
texts: Final = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=80)
    | st.sampled_from(NASTY[:-1])
).map(lambda text: unicodedata.normalize("NFC", text))
points: Final = st.tuples(coordinates, coordinates).map(list) | st.tuples(coordinates, coordinates, shares).map(list)
box: Final[dict[str, Any]] = {"x": coordinates, "y": coordinates, "width": lengths, "height": lengths}


def any_of(*kinds: str, optional: Mapping[str, Any] = MappingProxyType({}), **look: Any) -> Any:
    """Elements of these kinds, as the contracts allow them."""
    fixed = {name: st.just(value) for name, value in element("").items()}
    needed: dict[str, Any] = {**fixed, "kind": st.sampled_from(kinds), "color": colors, **look}
    return st.fixed_dictionaries(needed, optional={"opacity": shares, **optional})


any_element: Final = st.one_of(
    any_of("stroke", points=st.lists(points, min_size=1, max_size=12), width=extents),
    any_of("line", "arrow", points=ends, width=extents),
    any_of("rect", "ellipse", **box, optional={"stroke_width": st.floats(0, 10_000), "fill": colors}),
    any_of("text", x=coordinates, y=coordinates, text=texts, size=extents),
    any_of("image", **box, asset_id=st.sampled_from(ASSET_IDS)),
)


def corners(one: dict[str, Any]) -> list[tuple[float, float]]:
    """What has to be in view of it, without its width."""
    if "points" in one:
        return [(point[0], point[1]) for point in one["points"]]
    x, y = one["x"], one["y"]
    return [(x, y), (x + one.get("width", 0), y + one.get("height", one.get("size")))]


@settings(deadline=None)
@given(page=st.lists(any_element, max_size=8))
def test_B28_any_page_gives_a_sound_file_that_names_nothing_outside(page: list[dict[str, Any]]) -> None:
    for one in page:
        TypeAdapter(Element).validate_python(one)
    root = drawn(*page, pictures={ASSET_IDS[0]: ("image/png", b"png")})
    for tag in root.iter():
        assert set(tag.attrib) <= ALLOWED[tag.tag.removeprefix(SVG)]
        assert re.fullmatch(r"#picture-0|data:image/png;base64,cG5n", tag.attrib.get("href", "#picture-0"))
        assert all(re.fullmatch(NUMBER, tag.attrib[name]) for name in NUMBERS & set(tag.attrib))
        assert re.fullmatch(rf"(?:[MLqlz -]|{NUMBER})*", tag.attrib.get("d", ""))
    assert len(on_page(root)) == len(page)
    assert text_of(root) == [line for one in page if one["kind"] == "text" for line in one["text"].split("\n") if line]
    left, top, right, bottom = view(root)
    assert all(left <= x <= right and top <= y <= bottom for one in page for x, y in corners(one))
    wide, high = int(root.attrib["width"]), int(root.attrib["height"])
    assert 1 <= wide <= SIDE_AT_MOST
    assert 1 <= high <= SIDE_AT_MOST
    assert wide * high <= AREA_AT_MOST


def test_B28_the_same_page_gives_the_same_file() -> None:
    page = [element("image", **BOX, asset_id=asset_id) for asset_id in ASSET_IDS]
    pictures = dict.fromkeys(ASSET_IDS, ("image/png", b"png"))
    assert svg(page, pictures) == svg(page, dict(reversed(pictures.items())))
