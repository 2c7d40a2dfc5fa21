"""What a picture is, by its content: which bytes are one, and how large it is."""

from __future__ import annotations

import random
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tutorwamp.board.imaging import PIXELS_AT_MOST, SCANS_AT_MOST, SIDE_AT_MOST, Picture, recognise
from tutorwamp.kernel.errors import Invalid, TooLarge, UnsupportedMediaType


def _drawn(file_format: str, mode: str = "RGB", size: tuple[int, int] = (70, 50), **options: Any) -> bytes:
    """A picture of noise: what is cut off is missed."""
    noise = random.Random(7).randbytes(size[0] * size[1] * 4)
    file = BytesIO()
    Image.frombytes("RGBA", size, noise).convert("RGB").convert(mode).save(file, file_format, **options)
    return file.getvalue()


def _animated(file_format: str) -> bytes:
    frames = [Image.new("RGB", (70, 50), color) for color in ("red", "green", "blue")]
    file = BytesIO()
    frames[0].save(file, file_format, save_all=True, append_images=frames[1:])
    return file.getvalue()


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _drawn("JPEG", exif=exif)


PICTURES = {
    "png": _drawn("PNG"),
    "png, grey": _drawn("PNG", "L"),
    "png, palette": _drawn("PNG", "P"),
    "png, black and white": _drawn("PNG", "1"),
    "png, transparent": _drawn("PNG", "RGBA"),
    "png, animated": _animated("PNG"),
    "jpeg": _drawn("JPEG"),
    "jpeg, grey": _drawn("JPEG", "L"),
    "jpeg, for print": _drawn("JPEG", "CMYK"),
    "jpeg, progressive": _drawn("JPEG", progressive=True),
    "jpeg, two in one": _animated("MPO"),
    "gif": _drawn("GIF", "P"),
    "gif, animated": _animated("GIF"),
    "webp": _drawn("WEBP"),
    "webp, lossless": _drawn("WEBP", "RGBA", lossless=True),
    "webp, animated": _animated("WEBP"),
}
for_each_picture = pytest.mark.parametrize("name", PICTURES)
for_each_format = pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp"])


@for_each_picture
def test_a_picture_is_known_by_its_content(name: str) -> None:
    assert recognise(PICTURES[name]) == Picture(f"image/{name.partition(',')[0]}", 70, 50)


@for_each_picture
def test_a_picture_that_is_cut_off_is_refused(name: str) -> None:
    whole = PICTURES[name]
    first_frame = len(whole) // (4 if "animated" in name or "two" in name else 2)
    with pytest.raises(Invalid) as refused:
        recognise(whole[:first_frame])
    assert refused.value.details == [{"loc": ["content"], "msg": "must be a whole picture"}]


@for_each_format
@pytest.mark.parametrize("length", [0, 1, 3, 4, 8, 12])
def test_the_beginning_of_a_picture_is_no_picture(name: str, length: int) -> None:
    with pytest.raises((UnsupportedMediaType, Invalid)):
        recognise(PICTURES[name][:length])


PAGE = b"<!doctype html><script>alert(1)</script>" * 100


@for_each_format
@pytest.mark.parametrize("length", [4, 8, 12, 16, 33])
def test_a_page_that_begins_like_a_picture_is_refused(name: str, length: int) -> None:
    with pytest.raises((UnsupportedMediaType, Invalid)):
        recognise(PICTURES[name][:length] + PAGE)


@pytest.mark.parametrize(
    "content",
    [
        PAGE,
        b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7\n",
        _drawn("BMP"),
        _drawn("TIFF"),
        _drawn("ICO"),
        _drawn("PPM"),
    ],
)
def test_nothing_but_the_four_formats_is_a_picture(content: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        recognise(content)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_width_and_height_are_those_a_browser_shows(orientation: int) -> None:
    upright = orientation <= 4
    assert recognise(_turned(orientation)) == Picture("image/jpeg", *((70, 50) if upright else (50, 70)))


@pytest.mark.filterwarnings("ignore")  # Pillow tells on standard error
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01", b"Exif\0\0rubbish" * 9]
)
def test_a_broken_note_about_a_picture_does_not_break_the_picture(exif: bytes) -> None:
    assert recognise(_drawn("JPEG", exif=exif)) == Picture("image/jpeg", 70, 50)


# Pictures that are larger than they look


def _claiming(name: str, width: int, height: int) -> bytes:
    """A tiny file that says it is of this size."""
    picture = bytearray(PICTURES[name])
    if name == "png":
        picture[16:24] = width.to_bytes(4) + height.to_bytes(4)
        picture[29:33] = zlib.crc32(picture[12:29]).to_bytes(4)
    elif name == "jpeg":
        size = picture.index(b"\xff\xc0") + 5
        picture[size : size + 4] = height.to_bytes(2) + width.to_bytes(2)
    else:
        picture[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return bytes(picture)


@pytest.mark.filterwarnings("ignore")  # as it is in production
@pytest.mark.parametrize("name", ["png", "jpeg", "gif"])
@pytest.mark.parametrize(
    ("width", "height"),
    [(SIDE_AT_MOST + 1, 1), (1, SIDE_AT_MOST + 1), (5_001, 5_000), (8_192, 8_192), (65_535, 65_535)],
)
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, width: int, height: int) -> None:
    with pytest.raises(TooLarge) as refused:  # unpacked, it would be cut off and so Invalid
        recognise(_claiming(name, width, height))
    assert refused.value.details == {"side_at_most": 8_192, "pixels_at_most": 25_000_000}


@pytest.mark.parametrize("width", [10_000, 65_535])
def test_a_bomb_is_refused_the_same_where_warnings_are_errors(width: int) -> None:
    with pytest.raises(TooLarge):
        recognise(_claiming("png", width, 10_000))


def test_a_webp_bomb_is_refused() -> None:
    with pytest.raises(TooLarge):
        recognise(_drawn("WEBP", size=(SIDE_AT_MOST + 1, 1)))


def test_a_frame_beyond_the_screen_of_a_gif_counts() -> None:
    picture = bytearray(_drawn("GIF", "P"))
    place = picture.index(b"\x2c\0\0\0\0" + (70).to_bytes(2, "little")) + 5
    picture[place : place + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(TooLarge):
        recognise(bytes(picture))


def test_a_picture_may_be_as_large_as_the_limits() -> None:
    height = PIXELS_AT_MOST // SIDE_AT_MOST
    file = BytesIO()
    Image.new("1", (SIDE_AT_MOST, height)).save(file, "PNG")
    assert recognise(file.getvalue()) == Picture("image/png", SIDE_AT_MOST, height)


def test_words_that_unpack_to_megabytes_are_refused() -> None:
    words = b"comment\0\0" + zlib.compress(bytes(10_000_000))
    chunk = len(words).to_bytes(4) + b"zTXt" + words + zlib.crc32(b"zTXt" + words).to_bytes(4)
    picture = PICTURES["png"]
    with pytest.raises(Invalid):
        recognise(picture[:33] + chunk + picture[33:])


def _with_scans(more: int) -> bytes:
    """A progressive JPEG with its last pass over and over again."""
    picture = PICTURES["jpeg, progressive"]
    return picture[:-2] + picture[picture.rindex(b"\xff\xda") : -2] * more + picture[-2:]


def test_a_jpeg_that_makes_endless_passes_is_refused() -> None:
    usual = PICTURES["jpeg, progressive"].count(b"\xff\xda")
    assert recognise(_with_scans(SCANS_AT_MOST - usual)) == Picture("image/jpeg", 70, 50)
    with pytest.raises(Invalid):
        recognise(_with_scans(SCANS_AT_MOST - usual + 1))


def test_what_only_looks_like_a_pass_does_not_count() -> None:
    marks = b"\xff\xda\0\2" * (SCANS_AT_MOST + 1)
    picture = _drawn("JPEG", comment=marks)
    assert picture.count(marks) == 1
    assert recognise(picture + marks[2:]) == Picture("image/jpeg", 70, 50)  # a telephone's film lies behind its photo


def _outcome(content: bytes) -> None:
    try:
        picture = recognise(content)
    except (UnsupportedMediaType, Invalid, TooLarge):
        return
    assert 1 <= picture.width <= SIDE_AT_MOST
    assert 1 <= picture.height <= SIDE_AT_MOST


@given(
    st.sampled_from(["", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xe0", "GIF89a", "RIFF\x40\0\0\0WEBPVP8 "]),
    st.binary(max_size=300),
)
def test_any_bytes_are_a_picture_or_one_of_three_errors(magic: str, rest: bytes) -> None:
    _outcome(magic.encode("latin-1") + rest)


@given(st.sampled_from(sorted(PICTURES)), st.floats(0, 1), st.binary(max_size=12), st.integers(0, 12))
def test_any_broken_picture_is_a_picture_or_one_of_three_errors(
    name: str, place: float, instead: bytes, without: int
) -> None:
    whole = PICTURES[name]
    begin = int(place * len(whole))
    _outcome(whole[:begin] + instead + whole[begin + without :])
