"""Files on a real node: with the Python client, over bare WAMP in JSON, and 500 MiB of them at once."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.http_headers import Headers

from tests.kernel.media.test_notes import taken, tells
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import bare, couple, planned_lesson, register
from tests.support.refused import refused
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.client import Client
from tutorwamp.gate.settings import GateSettings

LARGEST = GateSettings().file_bytes
AT_ONCE = 20
GROWS_AT_MOST = 32 * 1024 * 1024
"""Bytes that any process of the node takes more at its highest, while half a gigabyte goes through: less than two of
the files. It is some 15 MB each: buffers of sockets, and of what is copied."""


async def test_a_lesson_with_files(node: Node, tmp_path: Path) -> None:
    tutor, student, lesson_id = await couple(node)
    topic = CHAT_TOPIC.of(lesson_id)
    (tmp_path / "photo.jpg").write_bytes(taken("JPEG", 6))
    photo = await tutor.client.upload(lesson_id, tmp_path / "photo.jpg")
    sheet = await tutor.client.upload(lesson_id, b"%PDF-1.7 " + os.urandom(3_000_000), name="Übung 1.pdf")
    assert [(one["name"], one["media_type"]) for one in (photo, sheet)] == [
        ("photo.jpg", "image/jpeg"),
        ("Übung 1.pdf", "application/pdf"),
    ]
    await refused("tutorwamp.error.not_found", student.client.download(lesson_id, sheet["id"]))
    lesson = await tutor.client.join(lesson_id)
    said = await lesson.send("", file_ids=[photo["id"], sheet["id"]])
    await student.heard_until(lambda: bool(student.heard[topic]))
    (event,) = student.heard[topic]
    assert event["data"] == said
    assert [one["id"] for one in said["files"]] == [photo["id"], sheet["id"]]
    assert not tells(await student.client.download(lesson_id, photo["id"]))
    await student.client.download(lesson_id, sheet["id"], tmp_path / "copy.pdf")
    url = f"{node.url}/api/lessons/{lesson_id}/files/{sheet['id']}"
    token = f"Bearer {await student.client.login.access_token()}"
    for method, asked, status, length in (("HEAD", "", 200, sheet["size"]), ("GET", "bytes=10-19", 206, 10)):
        headers = Headers({"Authorization": [token], **({"Range": [asked]} if asked else {})})
        answer = await treq.request(method, url, headers=headers)
        assert (answer.code, answer.headers.getRawHeaders("accept-ranges")) == (status, ["bytes"])
        assert len(await answer.content()) == (length if method == "GET" else 0)
        if method == "HEAD":
            assert answer.headers.getRawHeaders("content-length") == [str(length)]
    assert (tmp_path / "copy.pdf").stat().st_size == sheet["size"]
    assert not {"files", "pictures"} - {path.name for path in node.data_dir.iterdir()}
    await lesson.delete(said["id"])
    await student.heard_until(lambda: len(student.heard[topic]) > 1)
    assert student.heard[topic][1]["data"]["files"] == []
    for person in (tutor, student):
        await refused("tutorwamp.error.not_found", person.client.download(lesson_id, sheet["id"]))
    replayed = await student.call("tutorwamp.lesson.replay", lesson_id=lesson_id)
    told = [one["data"]["files"] for one in replayed["items"] if one["stream"] == topic]
    assert told == [[], []]
    for person in (tutor, student):
        await person.close()


async def test_a_message_with_a_file_in_plain_json(node: Node) -> None:
    email, _ = await register(node, "Tina", "tutor")
    client = Client(node.url)
    await client.log_in(email, PASSWORD)
    session = await bare(node, email, "json")
    lesson = await planned_lesson(session.ask, (await register(node, "Stan", "student"))[1])
    file = await client.upload(lesson["id"], b"hello", name="hello.txt")
    here = {"lesson_id": lesson["id"], "body": ""}
    wrongs: list[Any] = [[], [file["id"], file["id"]], "x", [7], [lesson["id"]], None, {}]
    for wrong in wrongs:
        await refused("tutorwamp.error.invalid", session.ask_raw("tutorwamp.chat.send", {**here, "file_ids": wrong}))
    said = await session.ask("tutorwamp.chat.send", **here, file_ids=[file["id"]])
    assert said["files"] == [{"id": file["id"], "name": "hello.txt", "media_type": "text/plain", "size": 5}]
    session.leave()
    await session.left


async def test_a_file_is_sent_again_when_its_token_is_spent(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the chaos harness: what had been refused once was closed, and could not be sent again."""
    tutor, _, lesson_id = await couple(node)
    path = tmp_path / "notes.txt"
    path.write_bytes(b"hello")
    contents: list[Path | bytes] = [path, b"hello"]

    async def spent() -> str:
        return "spent"

    monkeypatch.setattr(tutor.client.login, "access_token", spent)
    for content in contents:
        kept = await tutor.client.upload(lesson_id, content)
        assert await tutor.client.download(lesson_id, kept["id"]) == b"hello"


async def test_memory_stays_flat_while_half_a_gigabyte_comes_in_and_goes_out(node: Node, tmp_path: Path) -> None:
    (email, _), (_, student) = await register(node, "Tina", "tutor"), await register(node, "Stan", "student")
    client = Client(node.url)
    await client.log_in(email, PASSWORD)
    session = await bare(node, email)
    lesson_id = (await planned_lesson(session.ask, student))["id"]
    piece = random.Random(1).randbytes(1024 * 1024)
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for number in range(LARGEST // len(piece)):
            file.write(bytes([number]) + piece[1:])
    await client.upload(lesson_id, b"what is imported when it is used first")
    await client.upload(lesson_id, taken("PNG"))
    processes = node.pids()
    before = {name: _forget_peak(pid) for name, pid in processes.items()}
    lessons = [
        lesson_id,
        (await planned_lesson(session.ask, student, begins=datetime.now(UTC) + timedelta(days=2)))["id"],
    ]
    sending = [Deferred.fromCoroutine(client.upload(lessons[n % 2], path)) for n in range(AT_ONCE)]
    sent = await gatherResults(sending)
    assert {one["size"] for one in sent} == {LARGEST}
    digests = await gatherResults(
        [Deferred.fromCoroutine(_digest(client, lessons[n % 2], sent[n]["id"], tmp_path / f"{n}")) for n in range(4)]
    )
    assert set(digests) == {hashlib.sha256(path.read_bytes()).hexdigest()}
    grown = {name: _peak(pid) - before[name] for name, pid in processes.items()}
    print("grown by bytes:", grown)  # noqa: T201  # the figure in docs/rules/files.md
    assert grown.keys() == {"router", "container"}
    assert max(grown.values()) < GROWS_AT_MOST, grown
    for file_id in sent:
        assert (node.data_dir / "files" / file_id["id"]).stat().st_size == LARGEST
    session.leave()
    await session.left


async def _digest(client: Client, lesson_id: str, file_id: str, into: Path) -> str:
    await client.download(lesson_id, file_id, into)
    return hashlib.sha256(into.read_bytes()).hexdigest()  # noqa: ASYNC240  # 25 MiB, and nothing else happens


def _forget_peak(pid: int) -> int:
    """From now on the peak is counted anew (proc(5), clear_refs); what it is now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _peak(pid)


def _peak(pid: int) -> int:
    """Bytes of memory at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
