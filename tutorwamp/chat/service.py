"""What happens in chat: messages are sent, edited, deleted, reacted to, read and found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from tutorwamp.accounts.contracts import People, Person
from tutorwamp.chat import rules
from tutorwamp.chat.contracts import (
    CHAT_TOPIC,
    ChatChanged,
    EditMessage,
    MarkRead,
    Message,
    React,
    ReadAdvanced,
    ReadHistory,
    ReadMark,
    SearchMessages,
    SendMessage,
)
from tutorwamp.chat.settings import ChatSettings
from tutorwamp.chat.store import Changed, ChatStore, Record, Sending
from tutorwamp.kernel.contracts import Caller, Clock, Page, new_id
from tutorwamp.kernel.errors import NotFound, TooLarge, Unavailable
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import UNIT_S, CallLimits
from tutorwamp.kernel.sql.lanes import SEARCHES, OutOfTimeError
from tutorwamp.kernel.sql.streams import Draft, StaleGuardError, UnknownStreamError, digest_of, key_for
from tutorwamp.lessons.contracts import Admission, LessonAccessChecker
from tutorwamp.lessons.errors import WrongState

TRIES_AT_MOST: Final = 5
"""Of a send whose lesson changes at the same moment; each try has read the newest version."""


NO_GUARD: Final = -1
"""No lesson ever has this version: only what is known already passes."""


class ChatService:
    """Everything that happens in chat."""

    def __init__(
        self,
        store: ChatStore,
        access: LessonAccessChecker,
        people: People,
        events: Events,
        limits: CallLimits,
        *,
        settings: ChatSettings,
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._store = store
        self._access = access
        self._people = people
        self._events = events
        self._settings = settings
        self._clock = clock

    async def send_message(self, caller: Caller, asked: SendMessage) -> Message:
        """Say something. Raises NotFound, WrongState, Conflict (client_id) or Invalid (reply_to)."""
        message = _new_message(asked, await self._people.person(caller.user_id), self._clock())
        plain = message.plain()
        key, digest = key_for(asked.client_id), digest_of(asked.body, asked.reply_to)
        for tried in range(TRIES_AT_MOST):
            guard, closed = await self._guard(caller, asked)
            if not tried:
                self._limits.write_in(asked.lesson_id, len(asked.body.encode()))
            draft = Draft(
                stream=CHAT_TOPIC.of(asked.lesson_id),
                guard=guard,
                type="message.created",
                at=message.created_at,
                actor=plain["author"],
                key=key,
                digest=digest,
                subject=message.id,
                data=lambda seq: {**plain, "seq": seq},
            )
            try:
                sent = await self._store.send(Sending(draft, _record(message)))
            except (StaleGuardError, UnknownStreamError):
                if closed is not None:
                    raise closed from None
                self._access.forget(asked.lesson_id)
                continue
            if sent.event is None:
                return (await self._with_people([sent.record]))[0]
            message = message.model_copy(update={"seq": sent.event.seq})
            self._events.announce(ChatChanged(sent.event, message))
            return message
        raise Unavailable("The lesson is being changed just now.")

    async def _guard(self, caller: Caller, asked: SendMessage) -> tuple[int, WrongState | None]:
        """What the send shows its stream. Raises NotFound, or WrongState unless it may be a repetition.

        A repetition is answered like the first time, even when the lesson has ended meanwhile: then the guard is one
        that lets nothing new in, and the error to raise in its place comes with it.
        """
        try:
            return (await self._access.admit_writer(caller, asked.lesson_id)).guard, None
        except WrongState as closed:
            if asked.client_id is None:
                raise
            return NO_GUARD, closed

    async def edit_message(self, caller: Caller, asked: EditMessage, *, lesson_id: str | None = None) -> Message:
        """Mend one's own words. Raises NotFound, Forbidden, Conflict or EditWindow.

        ``lesson_id``: where the caller takes the message to be; in another lesson it is not found.
        """
        now = self._clock()
        return await self._change(
            caller,
            asked.message_id,
            lesson_id,
            "message.updated",
            lambda _: lambda record: rules.edit(record, caller.user_id, asked.body, now, self._settings.edit_window),
        )

    async def delete_message(self, caller: Caller, message_id: str, *, lesson_id: str | None = None) -> Message:
        """Take a message away; ``lesson_id`` as above. Raises NotFound or Forbidden."""
        now = self._clock()
        return await self._change(
            caller,
            message_id,
            lesson_id,
            "message.deleted",
            lambda admission: lambda record: rules.delete(record, caller.user_id, now, moderates=admission.moderates),
        )

    async def react(self, caller: Caller, asked: React) -> Message:
        """Put an emoji on, or take one's own off. Raises NotFound, WrongState, Conflict or TooLarge."""
        record, _ = await self._admitted(caller, asked.message_id)
        await self._access.admit_writer(caller, record.lesson_id)
        actor, message = await self._named(caller, record)
        draft = self._drafting("reaction.changed", actor, message)
        changed = await self._store.react(
            asked.message_id, caller.user_id, asked.emoji, self._clock(), draft, on=asked.on
        )
        return self._announced(caller, message, changed)

    async def history(self, caller: Caller, asked: ReadHistory) -> Page[Message]:
        """A lesson's messages, newest first. Raises NotFound or Invalid."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        records, next_cursor = await self._store.history(asked)
        return Page[Message](items=await self._with_people(records), next_cursor=next_cursor)

    async def search(self, caller: Caller, asked: SearchMessages) -> Page[Message]:
        """Messages from the caller's lessons, newest first. Raises NotFound, Invalid or TooLarge (to look through)."""
        lesson_ids: Sequence[str] | None
        if asked.lesson_id is not None:
            await self._access.admit(caller, asked.lesson_id, fresh=True)
            lesson_ids = [asked.lesson_id]
        else:
            lesson_ids = await self._access.lesson_ids(caller)
        try:
            found = await self._store.search(asked, lesson_ids)
        except OutOfTimeError as error:
            limit = {"seconds_at_most": SEARCHES.within_s}
            raise TooLarge("That is too much to search through. Search in one lesson.", details=limit) from error
        self._limits.charge(caller.user_id, writes=False, units=found.took_s / UNIT_S)
        return Page[Message](items=await self._with_people(found.records), next_cursor=found.next_cursor)

    async def mark_read(self, caller: Caller, asked: MarkRead) -> ReadMark:
        """Say how far one has read; never moves back. Raises NotFound."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        reader = await self._people.person(caller.user_id)
        stream, now = CHAT_TOPIC.of(asked.lesson_id), self._clock()
        key = key_for(None)  # one for all tries of the transaction

        def draft(seq: int) -> Draft:
            data = ReadAdvanced(person=reader, read_seq=seq).plain()
            return Draft(stream, None, "read.advanced", now, reader.plain(), key, "", reader.id, lambda _: data)

        mark, event = await self._store.mark_read(asked.lesson_id, caller.user_id, asked.seq, stream, draft)
        if event is not None:
            self._events.announce(ChatChanged(event, None))
        return mark

    async def _change(
        self,
        caller: Caller,
        message_id: str,
        lesson_id: str | None,
        event_type: str,
        deciding: Callable[[Admission], Callable[[Record], Record]],
    ) -> Message:
        record, admission = await self._admitted(caller, message_id, lesson_id)
        actor, message = await self._named(caller, record)
        changed = await self._store.change(message_id, deciding(admission), self._drafting(event_type, actor, message))
        return self._announced(caller, message, changed)

    async def _admitted(
        self, caller: Caller, message_id: str, lesson_id: str | None = None
    ) -> tuple[Record, Admission]:
        """A message of a lesson the caller belongs to. Raises NotFound, the same for all reasons."""
        record = await self._store.by_id(message_id)
        if record is None or lesson_id not in (None, record.lesson_id):
            raise NotFound("There is no such message.")
        try:
            return record, await self._access.admit(caller, record.lesson_id, fresh=True)
        except NotFound:
            raise NotFound("There is no such message.") from None

    async def _named(self, caller: Caller, record: Record) -> tuple[Person, Message]:
        actor = await self._people.person(caller.user_id)
        return actor, (await self._with_people([record]))[0]

    def _drafting(self, event_type: str, actor: Person, message: Message) -> Callable[[Record], Draft]:
        now = self._clock()
        key = key_for(None)  # one for all tries of the transaction

        def draft(after: Record) -> Draft:
            data = _message(after, message.author).plain()
            return Draft(
                stream=CHAT_TOPIC.of(after.lesson_id),
                guard=None,
                type=event_type,
                at=now,
                actor=actor.plain(),
                key=key,
                digest="",
                subject=after.id,
                data=lambda _seq: data,  # a message keeps its own number; the event's is in the event
            )

        return draft

    def _announced(self, caller: Caller, message: Message, changed: Changed) -> Message:
        self._limits.charge_written(caller.user_id, changed.rewritten_bytes)
        after = _message(changed.record, message.author)
        if changed.event is not None:
            self._events.announce(ChatChanged(changed.event, after))
        return after

    async def _with_people(self, records: Sequence[Record]) -> list[Message]:
        authors = list(dict.fromkeys(record.author_id for record in records))
        people = {person.id: person for person in await self._people.persons(authors)} if authors else {}
        return [_message(record, people[record.author_id]) for record in records]


def _record(message: Message) -> Record:
    values: dict[str, Any] = {name: getattr(message, name) for name in type(message).model_fields if name != "author"}
    return Record(**values, author_id=message.author.id)


def _new_message(asked: SendMessage, author: Person, now: datetime) -> Message:
    """A message that has no number yet."""
    return Message(
        id=new_id(),
        lesson_id=asked.lesson_id,
        seq=0,
        author=author,
        body=asked.body,
        reply_to=asked.reply_to,
        reactions={},
        created_at=now,
        edited_at=None,
        deleted_at=None,
        client_id=asked.client_id,
    )


def _message(record: Record, author: Person) -> Message:
    return Message(
        id=record.id,
        lesson_id=record.lesson_id,
        seq=record.seq,
        author=author,
        body=record.body,
        reply_to=record.reply_to,
        reactions=record.reactions,
        created_at=record.created_at,
        edited_at=record.edited_at,
        deleted_at=record.deleted_at,
        client_id=record.client_id,
    )
