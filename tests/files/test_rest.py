"""Files over REST, on a site of our own: what comes in, what goes out, and in which parts."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.chat.room import Room
from tests.kernel.edges.loopback import Answered, Loopback
from tests.support.asking import Asking, told
from tests.support.cast import under_way
from tests.support.machine import Stage
from tests.support.waiting import until
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.edges.admission import FILES_AT_ONCE
from tutorwamp.kernel.edges.downloads import PORTION_BYTES, attachment

CONTENT = bytes(range(256)) * 4 * 1024
"""A mebibyte of no type."""


@pytest.fixture
def as_anna(stage: Stage, site: Loopback, room: Room) -> Asking:
    return asking_as(stage, site, room, room.anna)


def asking_as(stage: Stage, site: Loopback, room: Room, caller: Caller) -> Asking:
    return Asking(stage, site, caller, f"/api/lessons/{room.lesson.id}")


async def sent(asking: Asking, content: bytes = CONTENT, name: str = "a%20b.bin", **headers: str) -> Answered:
    given = {"Content_Type": "application/octet-stream", **headers}
    return await asking("POST", f"/files?name={name}", raw=content, **given)


async def test_F1_a_file_goes_in_and_comes_out_to_be_kept_and_never_to_be_run(
    stage: Stage, site: Loopback, room: Room, as_anna: Asking
) -> None:
    answered = await sent(as_anna, name="Gr%C3%BC%C3%9Fe%20%22%20.html")
    assert answered.status == 201
    file = answered.json
    assert file == {
        "id": file["id"],
        "name": 'Grüße " .html',
        "media_type": "application/octet-stream",
        "size": len(CONTENT),
        "lesson_id": room.lesson.id,
        "created_at": "2026-11-23T09:00:00.000Z",
    }
    assert (await as_anna("POST", "/messages", {"body": "", "file_ids": [file["id"]]})).status == 201
    as_ben = asking_as(stage, site, room, room.ben)
    whole = await as_ben("GET", f"/files/{file['id']}")
    assert (whole.status, whole.body) == (200, CONTENT)
    said = "attachment; filename=\"Gru_e _ .html\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22%20.html"
    assert whole.headers["content-disposition"] == said
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert whole.headers["cache-control"] == "private, no-cache"
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(len(CONTENT)))
    head = await as_ben("HEAD", f"/files/{file['id']}")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(CONTENT)))
    etag = whole.headers["etag"]
    known = await as_ben("GET", f"/files/{file['id']}", If_None_Match=etag)
    assert (known.status, known.body, known.headers["etag"]) == (304, b"", etag)


async def test_F9_a_part_is_given_as_it_is_asked_for(as_anna: Asking) -> None:
    file_id, size = (await sent(as_anna)).json["id"], len(CONTENT)
    etag = (await as_anna("HEAD", f"/files/{file_id}")).headers["etag"]
    for asked, begin, end in (
        ("bytes=0-0", 0, 1),
        (f"bytes=5-{PORTION_BYTES + 5}", 5, PORTION_BYTES + 6),
        ("bytes=1000000-", 1_000_000, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=9-{size * 2}", 9, size),
        (f"bytes=-{size * 2}", 0, size),
        ("bytes=0-9,5-19", 0, 20),
    ):
        part = await as_anna("GET", f"/files/{file_id}", Range=asked)
        assert (part.status, part.body) == (206, CONTENT[begin:end]), asked
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        assert part.headers["content-length"] == str(end - begin)
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}"):
        beyond = await as_anna("GET", f"/files/{file_id}", Range=asked)
        assert (beyond.status, beyond.body, beyond.headers["content-range"]) == (416, b"", f"bytes */{size}")
    for whole in ("bytes=9-1", "lines=1-2", "bytes=", "bytes=0-1,9-10", "bytes=\xff"):
        assert (await as_anna("GET", f"/files/{file_id}", Range=whole)).status == 200
    assert (await as_anna("GET", f"/files/{file_id}", Range="bytes=0-9", If_Range=etag)).status == 206
    assert (await as_anna("GET", f"/files/{file_id}", Range="bytes=0-9", If_Range='"another"')).status == 200
    assert (await as_anna("GET", f"/files/{file_id}", Range="bytes=0-9", If_None_Match=etag)).status == 304


async def test_F6_an_idempotency_key_makes_a_retry_safe(as_anna: Asking) -> None:
    first = await sent(as_anna, Idempotency_Key="once")
    again = await sent(as_anna, Idempotency_Key="once")
    assert (first.json, again.status) == (again.json, 201)
    assert told(await sent(as_anna, CONTENT[1:], Idempotency_Key="once")) == (409, "conflict")


async def test_what_is_asked_wrongly_is_told(stage: Stage, site: Loopback, room: Room, as_anna: Asking) -> None:
    for path in ("/files", "/files?name=", "/files?name=a%2Fb", "/files?name=a&name=b", "/files?name=a&lesson_id=x"):
        assert told(await as_anna("POST", path, raw=b"x", Content_Type="text/plain")) == (422, "invalid"), path
    assert told(await sent(as_anna, b"")) == (422, "invalid")
    assert told(await sent(as_anna, Content_Type="multipart/form-data; boundary=x")) == (415, "unsupported_media_type")
    for fine in ("application/x-www-form-urlencoded", "text/html", "", "\xe4"):
        assert (await sent(as_anna, Content_Type=fine)).status == 201
    assert told(await sent(as_anna, Content_Encoding="gzip")) == (415, "unsupported_media_type")
    assert told(await as_anna("GET", "/files/x")) == (422, "invalid")
    assert told(await as_anna("GET", f"/files/{new_id()}")) == (404, "not_found")
    assert told(await as_anna("PUT", f"/files/{new_id()}")) == (405, "method_not_allowed")
    outsider = asking_as(stage, site, room, await stage.given.caller())
    assert told(await sent(outsider)) == (404, "not_found")
    assert told(await site.ask("POST", f"/api/lessons/{room.lesson.id}/files?name=x", raw=b"x")) == (
        401,
        "unauthenticated",
    )
    for bad in ("x", ["x"], [new_id()] * 2, [new_id() for _ in range(11)], [None], [new_id()]):
        assert told(await as_anna("POST", "/messages", {"body": "x", "file_ids": bad})) == (422, "invalid")
    assert told(await as_anna("POST", "/messages", {"body": "", "file_ids": []})) == (422, "invalid")


async def test_F4_only_this_address_takes_what_is_larger_and_nothing_takes_more(stage: Stage, as_anna: Asking) -> None:
    gate = stage.machine.settings.gate
    beyond = b"x" * (gate.request_body_limit + 1)
    assert (await sent(as_anna, beyond)).status == 201
    assert told(await as_anna("POST", "/messages", raw=beyond)) == (413, "too_large")
    answered = await sent(as_anna, b"x" * (gate.file_bytes + 1))
    assert told(answered) == (413, "too_large")
    assert answered.json["details"] == {"bytes_at_most": gate.file_bytes}


async def test_H15_so_many_of_ones_files_are_on_their_way_and_who_goes_makes_room(
    stage: Stage, site: Loopback, room: Room, as_anna: Asking
) -> None:
    token = as_anna._headers["Authorization"]  # a request that is not ended is made by hand
    path = f"/api/lessons/{room.lesson.id}/files?name=x"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 2000000\r\n\r\n"
    slow = [await site.open() for _ in range(FILES_AT_ONCE)]
    for one in slow:
        one.transport.write(head.encode() + b"x" * 1000)  # type: ignore[union-attr]  # it is connected

    async def is_full() -> Answered | None:
        answered = await sent(as_anna)
        return answered if answered.status == 429 else None

    answered: Any = await until(lambda: Deferred.fromCoroutine(is_full()), "too many files at once")
    assert told(answered) == (429, "rate_limited")
    assert answered.json["details"] == {"retry_after_s": 5.0}
    assert (await sent(asking_as(stage, site, room, room.ben))).status == 201
    for one in slow:
        one.transport.abortConnection()  # type: ignore[union-attr]  # as above
    await gatherResults([one.ended for one in slow])

    async def has_room() -> bool:
        return (await sent(as_anna)).status == 201

    await until(lambda: Deferred.fromCoroutine(has_room()), "room again")


async def test_a_body_that_ends_too_soon_or_lies_about_its_length_leaves_nothing(
    stage: Stage, site: Loopback, room: Room, as_anna: Asking
) -> None:
    token = as_anna._headers["Authorization"]  # as above
    path = f"/api/lessons/{room.lesson.id}/files?name=x"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    for body in (b"Content-Length: 500000\r\n\r\n" + b"x" * 400_000, b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"):
        one = await site.open()
        one.transport.write(head.encode() + body)  # type: ignore[union-attr]  # as above
        one.transport.loseConnection()  # type: ignore[union-attr]  # as above
        await one.ended
    folder = stage.machine.settings.node.data_dir / "files"
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    more = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(CONTENT), CONTENT) for _ in range(3)) + b"0\r\n\r\n"
    answered = await site.ask("POST", path, raw=chunks, headers={"Authorization": token, **more})
    assert (answered.status, answered.json["size"]) == (201, 3 * len(CONTENT))


async def test_a_file_that_goes_while_it_is_sent_is_no_whole_one(stage: Stage, as_anna: Asking) -> None:
    file_id = (await sent(as_anna)).json["id"]
    blobs = stage.machine.files._blobs  # it is to fail in the middle
    fetch, portions = blobs.fetch_part, 0

    async def failing(key: str, begin: int, count: int) -> bytes:
        nonlocal portions
        portions += 1
        if portions == 3:
            await blobs.delete(key)
        return await fetch(key, begin, count)

    blobs.fetch_part = failing  # type: ignore[method-assign]  # as above
    outcome: Any = await under_way(as_anna("GET", f"/files/{file_id}"))
    assert not isinstance(outcome, Answered) or len(outcome.body) < len(CONTENT)
    assert told(await as_anna("GET", f"/files/{file_id}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.txt", "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"),
        ("größe.pdf", "attachment; filename=\"gro_e.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf"),
        ("宿題.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E5%AE%BF%E9%A1%8C.pdf"),
        ('a"; x=%41.txt', "attachment; filename=\"a_; x=_41.txt\"; filename*=UTF-8''a%22%3B%20x%3D%2541.txt"),
        ("．．／a.txt", "attachment; filename=\".._a.txt\"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fa.txt"),
        ("．．", "attachment; filename=\"_\"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E"),
    ],
)
def test_F9_a_name_is_told_in_both_forms(name: str, said: str) -> None:
    assert attachment(name) == said
    assert said.isascii()
