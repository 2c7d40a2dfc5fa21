"""Pictures lose what they tell of places and people, and nothing of what one sees."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageSequence, features
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from tutorwamp.kernel.media.exif import UPRIGHT, BrokenPictureError, note_of, orientation_in
from tutorwamp.kernel.media.notes import CLEANED, cleaned
from tutorwamp.kernel.media.types import recognise

SECRET = "Elm Street 13"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def photo() -> Image.Image:
    made = Image.new("RGB", (160, 120))
    made.putdata([(n % 256, n // 160 * 2, n * 7 % 251) for n in range(160 * 120)])
    return made


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[Base.Orientation] = orientation
    told[Base.Make] = SECRET
    told[Base.Artist] = SECRET
    gps = told.get_ifd(IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    gps[GPS.GPSAreaInformation] = SECRET
    return told


def taken(kind: str, orientation: int = 6, **more: Any) -> bytes:
    """A picture as a telephone makes it: Exif with a place, XMP, a colour profile, comments."""
    file = BytesIO()
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()
    if kind == "JPEG":
        more = {"comment": SECRET.encode(), "xmp": xmp, "quality": 92, **more}
    elif kind == "PNG":
        info = PngInfo()
        info.add_text("Comment", SECRET)
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        info.add_text("Raw profile type exif", SECRET, zip=True)
        more = {"pnginfo": info, **more}
    elif kind == "WEBP":
        more = {"xmp": xmp, "lossless": True, **more}
    photo().save(file, kind, exif=exif(orientation), icc_profile=PROFILE, **more)
    return file.getvalue()


def tells(content: bytes) -> bool:
    """Whether the secret is in it, as it is or packed."""
    pieces = [content]
    place = -1
    while (place := content.find(b"zTXt", place + 1)) >= 0:
        (size,) = struct.unpack(">I", content[place - 4 : place])
        pieces.append(zlib.decompress(content[place + 4 : place + 4 + size].split(b"\0\0", 1)[1]))
    return any(SECRET.encode() in piece or b"GPS" in piece for piece in pieces)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photo_keeps_its_pixels_its_colours_and_its_way_up_and_tells_nothing_else(
    kind: str, orientation: int
) -> None:
    sent = taken(kind, orientation)
    assert tells(sent)
    kept = cleaned(sent, KINDS[kind])
    assert not tells(kept)
    with Image.open(BytesIO(sent)) as before, Image.open(BytesIO(kept)) as after:
        assert after.tobytes() == before.tobytes()
        assert after.info["icc_profile"] == PROFILE
        assert dict(after.getexif()) == ({} if orientation == 1 else {Base.Orientation: orientation})
        assert not after.getexif().get_ifd(IFD.GPSInfo)
    assert cleaned(kept, KINDS[kind]) == kept, "once is enough"


@pytest.mark.parametrize("more", [{"progressive": True}, {"restart_marker_blocks": 4}, {"optimize": True}])
def test_every_way_to_write_a_jpeg_is_understood(more: dict[str, Any]) -> None:
    sent = taken("JPEG", **more)
    kept = cleaned(sent, "image/jpeg")
    with Image.open(BytesIO(sent)) as before, Image.open(BytesIO(kept)) as after:
        assert after.tobytes() == before.tobytes()
    assert not tells(kept)


def test_a_preview_and_what_stands_behind_the_end_of_a_jpeg_are_gone() -> None:
    plain = BytesIO()
    photo().save(plain, "JPEG")
    jfif = b"\xff\xe0" + struct.pack(">H", 16 + 3 * 4) + b"JFIF\0\1\2\0\0\1\0\1\2\2" + SECRET[:12].encode()
    extension = b"\xff\xe0" + struct.pack(">H", 8 + len(SECRET)) + b"JFXX\0\x10" + SECRET.encode()
    motion = b"\xff\xed" + struct.pack(">H", 2 + len(SECRET)) + SECRET.encode()
    sent = b"\xff\xd8" + jfif + extension + motion + plain.getvalue()[20:] + b"a film " + SECRET.encode()
    kept = cleaned(sent, "image/jpeg")
    assert SECRET[:12].encode() not in kept
    assert kept.endswith(b"\xff\xd9")
    with Image.open(BytesIO(kept)) as after, Image.open(plain) as before:
        assert after.tobytes() == before.tobytes()


def test_a_jpeg_that_was_cut_off_keeps_what_there_is_and_tells_nothing() -> None:
    sent = taken("JPEG")
    kept = cleaned(sent[: len(sent) - 500], "image/jpeg")
    assert not tells(kept)
    assert recognise(BytesIO(kept)) == "image/jpeg"


def test_what_is_cut_off_or_goes_on_as_nothing_does_ends_there_and_tells_nothing() -> None:
    for end in (b"\xb0\0\0\0\0IEN ", b""):
        kept = cleaned(taken("PNG")[:-12] + end + SECRET.encode(), "image/png")
        assert not tells(kept)
        with Image.open(BytesIO(kept)) as after:
            after.load()
    with Image.open(BytesIO(cleaned(taken("PNG")[:-500], "image/png"))) as after:
        assert after.size == (160, 120)
    slip = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f8cfc0000003010100"
        "18dd8db00000000049454e44ae426082"
    )  # whose pixels are a byte longer than they say
    with Image.open(BytesIO(cleaned(slip, "image/png"))) as after:
        after.load()
    with pytest.raises(BrokenPictureError):
        cleaned(taken("PNG")[:60], "image/png")
    gif = dict(_samples())["image/gif"]
    assert cleaned(gif[:-1], "image/gif") == cleaned(gif, "image/gif")


def test_a_film_of_pngs_and_one_of_webps_stay_films() -> None:
    frames = [photo(), photo().transpose(Image.Transpose.ROTATE_180)]
    for kind in ("PNG", "WEBP"):
        file = BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100, exif=exif(1), lossless=True)
        kept = cleaned(file.getvalue(), KINDS[kind])
        assert not tells(kept)
        with Image.open(BytesIO(kept)) as after, Image.open(file) as before:
            seen = [[one.tobytes() for one in ImageSequence.Iterator(which)] for which in (before, after)]
            assert len(seen[0]) == 2
            assert seen[0] == seen[1]


def test_a_gif_loses_comments_and_notes_and_goes_on_moving() -> None:
    file = BytesIO()
    frames = [photo().convert("P"), photo().transpose(Image.Transpose.ROTATE_180).convert("P")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=3, duration=80, comment=SECRET.encode())
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET.encode() + b"\0"
    sent = file.getvalue()[:-1] + xmp + b"\x3bbehind " + SECRET.encode()
    kept = cleaned(sent, "image/gif")
    assert SECRET.encode() not in kept
    with Image.open(BytesIO(kept)) as after, Image.open(file) as before:
        assert (after.info["loop"], getattr(after, "n_frames", 0)) == (3, 2)
        assert [one.tobytes() for one in ImageSequence.Iterator(after)] == [
            one.tobytes() for one in ImageSequence.Iterator(before)
        ]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads and writes no AVIF")
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_avif_keeps_its_pixels_and_its_way_up(orientation: int) -> None:
    file = BytesIO()
    photo().save(file, "AVIF", exif=exif(orientation), xmp=f"<x>{SECRET}</x>".encode())
    assert tells(file.getvalue())
    assert recognise(file) == "image/avif"
    kept = cleaned(file.getvalue(), "image/avif")
    assert len(kept) == len(file.getvalue())
    assert SECRET.encode() not in kept
    with Image.open(BytesIO(kept)) as after, Image.open(file) as before:
        assert after.tobytes() == before.tobytes()
        assert not after.getexif().get_ifd(IFD.GPSInfo)
        assert after.getexif().get(Base.Orientation, 1) == orientation  # of what says how it is turned, not of Exif


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _heic(place: Callable[[int], int], *, method: int = 0, length: int = len(SECRET)) -> bytes:
    """A list of one note, whose bytes stand where ``place`` says of the data's own place."""

    def made(data_at: int) -> bytes:
        located = struct.pack(">HHHHII", 7, method, 0, 1, place(data_at), length)
        iloc = _box(b"iloc", b"\1\0\0\0\x44\0" + struct.pack(">H", 1) + located)
        infe = _box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 7, 0, b"Exif") + b"\0")
        iinf = _box(b"iinf", b"\0\0\0\0\0\1" + infe)
        idat = _box(b"idat", SECRET.encode() if method == 1 else b"")
        meta = _box(b"meta", bytes(4) + iinf + iloc + idat)
        return _box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta + _box(b"mdat", SECRET.encode() if method == 0 else b"")

    return made(len(made(0)) - len(SECRET))


def test_a_heic_has_zeros_where_its_notes_stood() -> None:
    for method, place in ((0, lambda at: at), (1, lambda _: 0)):
        sent = _heic(place, method=method)
        assert recognise(BytesIO(sent)) == "image/heic"
        assert SECRET.encode() in sent
        assert SECRET.encode() not in cleaned(sent, "image/heic")


@pytest.mark.parametrize(
    "sent",
    [
        _heic(lambda at: at + 1),
        _heic(lambda at: at, length=0),
        _heic(lambda at: at, method=2),
        _heic(lambda at: at)[:60],
        _box(b"ftyp", b"heic\0\0\0\0"),
        _box(b"ftyp", b"heic\0\0\0\0") + struct.pack(">I4s", 4, b"meta"),
        _box(b"ftyp", b"heic\0\0\0\0") + _box(b"meta", b""),
        _box(b"ftyp", b"heic\0\0\0\0") * 3_000,
        _heic(lambda at: at) + _box(b"moov", b""),
    ],
)
def test_a_heic_that_says_where_nothing_is_is_refused(sent: bytes) -> None:
    with pytest.raises(BrokenPictureError):
        cleaned(sent, "image/heic")


def _listing(notes: bytes, iloc: bytes) -> bytes:
    """A HEIC of two million bytes with this list of items and of where they stand."""
    meta = _box(b"meta", bytes(4) + _box(b"iinf", bytes(4) + notes) + _box(b"iloc", bytes(4) + iloc))
    return _box(b"ftyp", b"heic\0\0\0\0heic") + meta + _box(b"mdat", bytes(2_000_000))


def test_a_heic_whose_list_costs_more_than_its_bytes_is_refused_soon() -> None:
    # Parts that take no byte of the list each: 20,000 items of them took its thread twenty minutes.
    parts = b"\0\0" + struct.pack(">H", 20_000) + struct.pack(">HHH", 5, 0, 65_535) * 20_000
    # The same note 65,535 times, in a file of 25 MiB some terabyte to be written.
    note = struct.pack(">H", 1) + _box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"Exif\0")
    again = b"\x44\0" + struct.pack(">HHHH", 1, 1, 0, 65_535) + struct.pack(">II", 0, 2_000_000) * 65_535
    items = b"\0\0" + struct.pack(">H", 20_001) + bytes(6) * 20_001
    for sent in (_listing(b"\0\0", parts), _listing(note, again), _listing(b"\0\0", items)):
        with pytest.raises(BrokenPictureError):
            cleaned(sent, "image/heic")


def _samples() -> Iterator[tuple[str, bytes]]:
    for kind, media_type in KINDS.items():
        yield media_type, taken(kind)
    file = BytesIO()
    photo().convert("P").save(file, "GIF", comment=SECRET.encode())
    yield "image/gif", file.getvalue()
    yield "image/heic", _heic(lambda at: at)


SAMPLES = dict(_samples())


@pytest.mark.parametrize(("media_type", "content"), SAMPLES.items(), ids=SAMPLES)
def test_whatever_is_done_to_a_picture_it_is_refused_or_clean(media_type: str, content: bytes) -> None:
    dice = random.Random(media_type)
    for _ in range(400):
        broken = bytearray(content[: dice.randrange(len(content))] if dice.random() < 0.3 else content)
        for _ in range(dice.randrange(1, 5)):
            if broken:
                broken[dice.randrange(min(len(broken), 600) if dice.random() < 0.8 else len(broken))] = dice.randrange(
                    256
                )
        try:
            kept = cleaned(bytes(broken), media_type)
        except BrokenPictureError:
            continue
        assert len(kept) <= len(broken) + 100


@pytest.mark.parametrize("filling", [1, 2, 65_535, 65_536, 65_537, 200_000])
def test_what_fills_up_before_a_marker_of_a_jpeg_is_read_past(filling: int) -> None:
    sent = taken("JPEG")
    kept = cleaned(sent, "image/jpeg")
    for place in (2, 4 + int.from_bytes(sent[4:6])):  # before the first two markers
        filled = sent[:place] + b"\xff" * filling + sent[place:]
        assert cleaned(filled, "image/jpeg") == kept
    with pytest.raises(BrokenPictureError):
        cleaned(b"\xff\xd8" + b"\xff" * filling, "image/jpeg")


def test_pieces_without_end_are_refused_soon() -> None:
    png = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I4s", 0, b"IHDR")
        + bytes(4)
        + struct.pack(">I4sI", 0, b"tEXt", 0) * 200_000
    )
    jpeg = b"\xff\xd8" + b"\xff\xfe\0\2" * 50_000
    gif = b"GIF89a" + bytes(7) + b"\x21\xfe" + b"\1x" * 700_000
    webp = b"RIFF" + struct.pack("<I", 8 * 200_000 + 4) + b"WEBP" + struct.pack("<4sI", b"VP8X", 0) * 200_000
    empty = b"GIF89a" + bytes(7) + b"\x21\xfe\0" * 700_000
    samples = (("png", png), ("jpeg", jpeg), ("gif", gif), ("webp", webp), ("gif", empty))
    for media_type, content in samples:
        with pytest.raises(BrokenPictureError):
            cleaned(content, f"image/{media_type}")


def test_an_orientation_is_read_in_either_order_of_bytes_and_nothing_odd_is_one() -> None:
    for value in range(2, 9):
        assert orientation_in(note_of(value)) == value
        assert orientation_in(b"Exif\0\0II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, value, 0)) == value
    assert orientation_in(note_of(9)) == orientation_in(note_of(0)) == UPRIGHT
    for odd in (b"", b"MM\0*", b"MM\0*" + bytes(4), b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"Exif\0\0"):
        assert orientation_in(odd) == UPRIGHT


def test_every_kind_that_is_cleaned_is_one_that_is_recognised() -> None:
    assert {media_type for media_type, content in SAMPLES.items() if recognise(BytesIO(content)) == media_type} == {
        *CLEANED
    } - {"image/avif"}
