"""Files as the service keeps them: on both databases, in a folder and in a bucket."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.files.bag import Bag
from tests.files.clamd import EICAR, Clamd
from tests.kernel.media.test_notes import taken, tells
from tests.support.cast import one_lesson, under_way
from tests.support.machine import HeardGate, Stage, set_stage
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.chat.contracts import EditMessage
from tutorwamp.files.contracts import SendFile
from tutorwamp.files.tables import files
from tutorwamp.kernel.blobs.port import BlobStore, MissingBlobError
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, RateLimited, TooLarge, Unavailable
from tutorwamp.lessons.contracts import CancelLesson
from tutorwamp.lessons.errors import WrongState


def blobs_of(bag: Bag) -> BlobStore:
    return bag.machine.files._blobs  # what is stored is no business of the service's callers


async def stored(bag: Bag, file_id: str) -> bool:
    try:
        await blobs_of(bag).fetch(file_id)
    except MissingBlobError:
        return False
    return True


async def gone(bag: Bag, file_id: str) -> None:
    async def is_gone() -> bool:
        return not await stored(bag, file_id)

    await until(lambda: Deferred.fromCoroutine(is_gone()), f"the bytes of {file_id} to go")


def rows(bag: Bag) -> Deferred[int]:
    return bag.machine.database.read(
        "test.rows", lambda connection: connection.execute(select(func.count()).select_from(files)).scalar_one()
    )


async def test_F1_F5_a_file_is_kept_and_a_message_shows_it_everywhere_the_same(bag: Bag) -> None:
    first = await bag.upload(
        bag.anna, b"%PDF-1.7 homework", "Aufgabe \N{LATIN SMALL LETTER A}\N{COMBINING DIAERESIS}.pdf"
    )
    second = await bag.upload(bag.anna, b"words", "notes.exe")
    assert (first.name, first.media_type, first.size) == ("Aufgabe ä.pdf", "application/pdf", 17)
    assert (second.media_type, second.lesson_id) == ("text/plain", bag.lesson.id)
    said = await bag.send(bag.anna, "", file_ids=[second.id, first.id])
    shown = [
        {"id": one.id, "name": one.name, "media_type": one.media_type, "size": one.size} for one in (second, first)
    ]
    assert [one.plain() for one in said.files] == shown
    assert said.body == ""
    assert (await bag.history(bag.ben)).items == [said]
    (event,) = await bag.stored()
    assert event.data == said.plain()
    assert await bag.search(bag.ben, "words") == []
    reacted = await bag.react(bag.ben, said)
    assert reacted.files == said.files
    edited = await bag.machine.chat.edit_message(bag.anna, EditMessage(message_id=said.id, body="see there"))
    assert edited.files == said.files
    assert all(one.data["files"] == shown for one in await bag.stored())
    assert await bag.download(bag.ben, first.id) == b"%PDF-1.7 homework"


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\tb", "a\0b", "x" * 201, "../etc/passwd", "a\\b", ".", "..", "a\u202egnp.exe"]
)
def test_F2_a_name_is_text_and_no_place(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        SendFile.model_validate({"lesson_id": new_id(), "name": name})


async def test_F7_what_nobody_has_sent_on_is_its_senders_and_then_the_members(bag: Bag) -> None:
    sent = await bag.upload(bag.anna, b"words")
    outsider = await bag.stage.given.caller()
    assert await bag.download(bag.anna, sent.id) == b"words"
    for nobody in (bag.ben, bag.tutor, outsider):
        await refused(NotFound, bag.download(nobody, sent.id))
    await bag.send(bag.anna, "here", file_ids=[sent.id])
    assert await bag.download(bag.ben, sent.id) == await bag.download(bag.tutor, sent.id) == b"words"
    await refused(NotFound, bag.download(outsider, sent.id))
    await refused(NotFound, bag.download(bag.anna, new_id()))
    other = bag.in_lesson(await bag.stage.given.lesson(bag.tutor, bag.anna))
    await refused(NotFound, other.download(bag.anna, sent.id))
    await bag.remove(bag.ben)
    await refused(NotFound, bag.download(bag.ben, sent.id))


async def test_F3_who_may_not_write_may_not_send_a_file(bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    await refused(NotFound, bag.upload(await bag.stage.given.caller(), b"x"))
    await bag.machine.lessons.get(bag.ben, one_lesson(bag.lesson.id))  # it is remembered that Ben belongs to it
    admit = bag.machine.lessons.admit_writer

    async def removed_meanwhile(caller: Caller, lesson_id: str, **more: Any) -> Any:
        admission = await admit(caller, lesson_id, **more)
        monkeypatch.undo()
        await bag.remove(bag.ben)
        return admission

    monkeypatch.setattr(bag.machine.lessons, "admit_writer", removed_meanwhile)
    await refused(NotFound, bag.upload(bag.ben, b"x"))
    sent = await bag.upload(bag.anna, b"x", client_id="one")
    await bag.machine.lessons.cancel(bag.tutor, CancelLesson(lesson_id=bag.lesson.id))
    await refused(WrongState, bag.upload(bag.anna, b"x"))
    assert await bag.upload(bag.anna, b"x", client_id="one") == sent
    assert await rows(bag) == 1


async def test_F6_the_same_request_again_keeps_one_file(bag: Bag, packed_stage: Stage) -> None:
    first = await bag.upload(bag.anna, b"words", client_id="one")
    again = await gatherResults([under_way(bag.upload(bag.anna, b"words", client_id="one")) for _ in range(4)])
    assert again == [first] * 4
    at_once = await gatherResults([under_way(bag.upload(bag.anna, b"others", client_id="two")) for _ in range(4)])
    assert at_once == [at_once[0]] * 4
    await refused(Conflict, bag.upload(bag.anna, b"other words", client_id="one"))
    await refused(Conflict, bag.upload(bag.anna, b"words", "another.txt", client_id="one"))
    assert (await bag.upload(bag.ben, b"words", client_id="one")).id != first.id
    assert await rows(bag) == 3


async def test_C17_a_file_is_of_its_senders_message_in_its_lesson_and_of_one_only(bag: Bag) -> None:
    mine, bens = await bag.upload(bag.anna, b"mine"), await bag.upload(bag.ben, b"his")
    other = bag.in_lesson(await bag.stage.given.lesson(bag.tutor, bag.anna))
    for sender, wrong in ((bag.anna, [bens.id]), (bag.anna, [mine.id, new_id()]), (bag.tutor, [mine.id])):
        error = await refused(Invalid, bag.send(sender, "x", file_ids=wrong))
        assert error.details[0]["loc"] == ["file_ids"]
    await refused(Invalid, other.send(bag.anna, "x", file_ids=[mine.id]))
    outcomes = await gatherResults([under_way(bag.send(bag.anna, f"{n}", file_ids=[mine.id])) for n in range(5)])
    assert [isinstance(one, Invalid) for one in outcomes].count(True) == 4
    await refused(Invalid, bag.send(bag.anna, "again", file_ids=[mine.id]))
    assert [event.seq for event in await bag.stored()] == [1]


async def test_C17_a_repetition_is_answered_and_a_refusal_leaves_the_files(bag: Bag) -> None:
    mine, more = await bag.upload(bag.anna, b"mine"), await bag.upload(bag.anna, b"more")
    await refused(Invalid, bag.send(bag.anna, "x", file_ids=[mine.id], reply_to=new_id(), client_id="no"))
    said = await bag.send(bag.anna, "x", file_ids=[mine.id], client_id="one")
    again = [under_way(bag.send(bag.anna, "x", file_ids=[mine.id], client_id="one")) for _ in range(3)]
    assert await gatherResults(again) == [said] * 3
    for other in ({"file_ids": [more.id]}, {"file_ids": [mine.id, more.id]}, {}):
        await refused(Conflict, bag.send(bag.anna, "x", client_id="one", **other))
    twice = [under_way(bag.send(bag.anna, "y", file_ids=[more.id], client_id="two")) for _ in range(3)]
    outcomes = await gatherResults(twice)
    assert outcomes == [outcomes[0]] * 3
    assert outcomes[0].files[0].id == more.id
    deleted = await bag.delete(bag.anna, said)
    assert await bag.send(bag.anna, "x", file_ids=[mine.id], client_id="one") == deleted


async def test_F8_a_deleted_messages_files_are_gone_everywhere(bag: Bag) -> None:
    sent = await bag.upload(bag.anna, b"regretted")
    said = await bag.send(bag.anna, "here", file_ids=[sent.id])
    await bag.react(bag.ben, said)
    deleted = await bag.delete(bag.tutor, said)
    assert deleted.files == []
    assert await rows(bag) == 0
    assert all(event.data["files"] == [] for event in await bag.stored())
    assert (await bag.history(bag.ben)).items[0].files == []
    for one in (bag.anna, bag.ben, bag.tutor):
        await refused(NotFound, bag.download(one, sent.id))
    await gone(bag, sent.id)
    assert (await bag.delete(bag.tutor, said)).files == []


@pytest.mark.settings(TUTORWAMP_FILE_BYTES_A_LESSON="1000")
async def test_F4_a_lesson_has_room_for_so_many_bytes_however_many_come_at_once(bag: Bag) -> None:
    outcomes = await gatherResults([under_way(bag.upload(bag.anna, bytes([n]) * 300)) for n in range(6)])
    refusals = [one for one in outcomes if isinstance(one, TooLarge)]
    assert (len(refusals), await rows(bag)) == (3, 3)
    error = await refused(TooLarge, bag.upload(bag.ben, b"x" * 101))
    assert error.details == {"bytes_at_most": 1000, "bytes_left": 100}
    last = await bag.upload(bag.ben, b"x" * 100)
    said = await bag.send(bag.ben, "full", file_ids=[last.id])
    await refused(TooLarge, bag.upload(bag.anna, b"x"))
    await bag.delete(bag.ben, said)
    assert (await bag.upload(bag.anna, b"x")).size == 1


async def test_F4_a_person_sends_half_a_gigabyte_and_then_slowly(bag: Bag) -> None:
    limits = bag.machine.files._limits  # nobody sends half a gigabyte in a test
    assert limits is not None
    limits.charge(bag.anna.user_id, 512 * 1024 * 1024)
    error = await refused(RateLimited, bag.upload(bag.anna, b"x" * 2048))
    assert error.retry_after_s == pytest.approx(2048 / 1024 / 1024, abs=0.001)
    assert await bag.upload(bag.ben, b"x" * 2048)


async def test_F10_pictures_are_kept_without_places_and_a_broken_one_is_refused(bag: Bag) -> None:
    sent = taken("JPEG", 6)
    kept = await bag.upload(bag.anna, sent, "photo.jpg")
    assert kept.media_type == "image/jpeg"
    content = await bag.download(bag.anna, kept.id)
    assert len(content) == kept.size < len(sent)
    assert not tells(content)
    await refused(Invalid, bag.upload(bag.anna, sent[:200], "photo.jpg"))
    await refused(Invalid, bag.upload(bag.anna, b"", "empty"))
    assert await rows(bag) == 1


async def test_F11_what_no_message_has_is_swept_after_a_day_and_bytes_that_are_no_files(bag: Bag) -> None:
    kept, unsent = await bag.upload(bag.anna, b"kept"), await bag.upload(bag.anna, b"unsent")
    await bag.send(bag.anna, "here", file_ids=[kept.id])
    loose = new_id()
    await blobs_of(bag).save_file(loose, BytesIO(b"loose"), "text/plain")
    await bag.machine.files.sweep()
    assert all([await stored(bag, one) for one in (kept.id, unsent.id, loose)])
    bag.stage.clock.turn(hours=23)
    young = await bag.upload(bag.ben, b"young")
    # Bytes are as old as the storage says, by its own clock.
    bag.stage.clock.turn(days=3650)
    await gatherResults([Deferred.fromCoroutine(one.machine.files.sweep()) for one in (bag, bag)])
    assert [await stored(bag, one) for one in (kept.id, unsent.id, young.id, loose)] == [True, False, False, False]
    await refused(NotFound, bag.download(bag.anna, unsent.id))
    await refused(Invalid, bag.send(bag.anna, "late", file_ids=[unsent.id]))
    assert await bag.download(bag.ben, kept.id) == b"kept"
    assert await rows(bag) == 1


async def test_F11_a_database_that_knows_no_file_sweeps_nothing(bag: Bag) -> None:
    await blobs_of(bag).save_file(somebodys := new_id(), BytesIO(b"another's"), "text/plain")
    bag.stage.clock.turn(days=3650)
    await bag.machine.files.sweep()
    assert await stored(bag, somebodys)


async def test_F6_a_file_that_was_entered_though_its_answer_was_lost_has_its_bytes(
    bag: Bag, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = bag.machine.files.store.add

    async def lost(*asked: Any) -> Any:
        await add(*asked)
        raise Unavailable("The database does not answer just now.")

    with monkeypatch.context() as patched:
        patched.setattr(bag.machine.files.store, "add", lost)
        await refused(Unavailable, bag.upload(bag.anna, b"words", client_id="k"))
    again = await bag.upload(bag.anna, b"words", client_id="k")
    assert await bag.download(bag.anna, again.id) == b"words"
    assert await rows(bag) == 1


async def test_a_file_that_could_not_be_entered_leaves_no_bytes(bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    save = blobs_of(bag).save_file

    async def noted(key: str, file: Any, media_type: str) -> None:
        await save(key, file, media_type)
        saved.append(key)

    async def no_room(*_: object) -> Any:
        raise TooLarge("There is no room for this file in the lesson.")

    monkeypatch.setattr(blobs_of(bag), "save_file", noted)
    monkeypatch.setattr(bag.machine.files.store, "add", no_room)  # as if another were entered just before
    await refused(TooLarge, bag.upload(bag.anna, b"x"))
    await gone(bag, saved[0])


async def test_a_store_that_is_away_keeps_nothing_and_says_so(bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise Unavailable("There is no room for files just now.", retry_after_s=60.0)

    monkeypatch.setattr(blobs_of(bag), "save_file", full)
    error = await refused(Unavailable, bag.upload(bag.anna, b"x"))
    assert error.retry_after_s == 60
    assert await rows(bag) == 0


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, stop = set_stage(tmp_path)
    try:
        bag = await Bag.meets(made)

        def full(_descriptor: int) -> None:
            raise OSError(28, os.strerror(28))

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            blob = blobs_of(bag).save_file(new_id(), BytesIO(b"x"), "text/plain")
            error = await refused(Unavailable, blob)
        assert error.message == "There is no room for files just now."
        assert list((tmp_path / "files" / "drafts").iterdir()) == []
    finally:
        stop()


# A scanner


@pytest.fixture(params=[0, 1], ids=["path", "port"])
def watched(request: pytest.FixtureRequest, tmp_path: Path, clamd: Clamd) -> Any:
    made, stop = set_stage(tmp_path, None, TUTORWAMP_FILE_SCANNER=clamd.urls[request.param])
    yield made
    stop()


async def test_F12_a_file_is_looked_at_before_it_is_kept(watched: Stage, clamd: Clamd) -> None:
    bag = await Bag.meets(watched)
    large = os.urandom(700_000)
    await bag.upload(bag.anna, large)
    photo = await bag.upload(bag.anna, taken("PNG"), "photo.png")
    assert clamd.heard == [large, await bag.download(bag.anna, photo.id)], "what is kept is what it has seen"
    error = await refused(Invalid, bag.upload(bag.anna, b"harmless? " + EICAR))
    assert error.details == [{"loc": ["content"], "msg": "must not be infected"}]
    assert "Eicar" not in error.message
    assert await rows(bag) == 2
    assert len(await blobs_of(bag).keys("", watched.clock(), 10)) <= 2


@pytest.mark.parametrize(
    "answer", [None, b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK, mostly\0", b"\xff" * 10_000]
)
async def test_F12_what_nobody_has_looked_at_is_not_kept(watched: Stage, clamd: Clamd, answer: bytes | None) -> None:
    bag = await Bag.meets(watched)
    clamd.answer = lambda _: answer
    error = await refused(Unavailable, bag.upload(bag.anna, b"x"))
    assert error.message == "Files cannot be looked at just now."
    assert await rows(bag) == 0


async def test_F12_a_scanner_that_is_away_lets_nothing_in(tmp_path: Path) -> None:
    made, stop = set_stage(tmp_path, None, TUTORWAMP_FILE_SCANNER=f"unix://{tmp_path}/nowhere")
    try:
        bag = await Bag.meets(made)
        await refused(Unavailable, bag.upload(bag.anna, b"x"))
    finally:
        stop()


async def test_two_processes_share_files(bag: Bag) -> None:
    settings, clock = bag.machine.settings, bag.stage.clock
    other: Machine = assemble(settings, reactor, clock=clock, now_s=clock.seconds, gate=HeardGate())
    other.start()
    try:
        elsewhere = bag.on(other)
        sent = await bag.upload(bag.anna, b"words")
        both = [under_way(one.send(bag.anna, "x", file_ids=[sent.id], client_id="k")) for one in (bag, elsewhere) * 3]
        outcomes = await gatherResults(both)
        assert outcomes == [outcomes[0]] * 6
        assert await elsewhere.download(bag.ben, sent.id) == b"words"
    finally:
        other.stop()
