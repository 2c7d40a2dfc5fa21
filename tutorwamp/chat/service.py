"""What happens in chat: messages are sent, edited, deleted, reacted to, read and found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from tutorwamp.accounts.contracts import People, Person
from tutorwamp.chat import rules
from tutorwamp.chat.contracts import (
    CHAT_TOPIC,
    ChatChanged,
    DeleteMessage,
    EditMessage,
    KeptMessage,
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
from tutorwamp.chat.store import Changed, ChatStore, Sending
from tutorwamp.files.contracts import LessonFiles, MessageFile
from tutorwamp.kernel.contracts import Caller, Clock, Page, Stated, new_id
from tutorwamp.kernel.errors import NotFound, OutOfTime, TooLarge, Unavailable
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import UNIT_S, CallLimits
from tutorwamp.kernel.streams import Draft, StaleGuardError, UnknownStreamError, digest_of, key_for
from tutorwamp.lessons.contracts import Admission, LessonAccessChecker

TRIES_AT_MOST: Final = 5
"""Of a write whose lesson changes at the same moment; each try has read the newest version."""


class ChatService:
    """Everything that happens in chat."""

    def __init__(
        self,
        store: ChatStore,
        access: LessonAccessChecker,
        people: People,
        files: LessonFiles,
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
        self._files = files
        self._events = events
        self._settings = settings
        self._clock = clock

    async def send_message(self, caller: Caller, asked: SendMessage) -> Message:
        """Say something. Raises NotFound, WrongState, Muted, Conflict (client_id) or Invalid (reply_to, file_ids)."""
        said = await self.say(caller, asked)
        return said.value if isinstance(said, Stated) else said

    async def say(self, caller: Caller, asked: SendMessage) -> Message | Stated[Message]:
        """The same, for who wants it plain: as its event has it already."""
        author = await self._people.person(caller.user_id)
        files = await self._files.described(caller, asked.lesson_id, asked.file_ids) if asked.file_ids else []
        kept = _new_message(asked, author.id, self._clock(), files)
        message = kept.by(author)
        plain = message.plain()
        key, digest = key_for(asked.client_id), digest_of(asked.body, asked.reply_to, *asked.file_ids)
        for tried in range(TRIES_AT_MOST):
            repeating = asked.client_id is not None
            admission = await self._access.admit_writer(caller, asked.lesson_id, to="say", repeating=repeating)
            if not tried:
                self._limits.write_in(asked.lesson_id, len(asked.body.encode()))
            draft = Draft(
                stream=CHAT_TOPIC.of(asked.lesson_id),
                guard=admission.guard,
                type="message.created",
                at=kept.created_at,
                actor=plain["author"],
                key=key,
                digest=digest,
                subject=kept.id,
                data=lambda seq: {**plain, "seq": seq},
            )
            try:
                sent = await self._store.send(Sending(draft, kept, asked.file_ids))
            except (StaleGuardError, UnknownStreamError):
                if admission.closed is not None:
                    raise admission.closed from None
                self._access.forget(asked.lesson_id)
                continue
            if sent.event is None:
                return (await self._with_people([sent.message]))[0]
            said = Message.of_checked({**message.__dict__, "seq": sent.event.seq})
            self._events.announce(ChatChanged(sent.event, said))
            return Stated(said, sent.event.data)
        raise Unavailable("The lesson is being changed just now.")

    async def edit_message(self, caller: Caller, asked: EditMessage, *, lesson_id: str | None = None) -> Message:
        """Mend one's own words. Raises NotFound, Forbidden, Muted, Conflict or EditWindow.

        ``lesson_id``: where the caller takes the message to be; in another lesson it is not found.
        """
        now = self._clock()
        return await self._change(
            caller,
            asked.message_id,
            lesson_id,
            "message.updated",
            lambda _: lambda kept: rules.edit(kept, caller.user_id, asked.body, now, self._settings.edit_window),
            says=True,
        )

    async def delete_message(self, caller: Caller, asked: DeleteMessage, *, lesson_id: str | None = None) -> Message:
        """Take a message away; ``lesson_id`` as above. Raises NotFound or Forbidden."""
        now = self._clock()
        return await self._change(
            caller,
            asked.message_id,
            lesson_id,
            "message.deleted",
            lambda admission: lambda kept: rules.delete(kept, caller.user_id, now, moderates=admission.moderates),
        )

    async def react(self, caller: Caller, asked: React) -> Message:
        """Put an emoji on, or take one's own off. Raises NotFound, WrongState, Muted, Conflict or TooLarge."""
        for _ in range(TRIES_AT_MOST):
            kept, _admission = await self._admitted(caller, asked.message_id)
            admission = await self._access.admit_writer(caller, kept.lesson_id, to="say")
            actor, message = await self._named(caller, kept)
            draft = self._drafting("reaction.changed", actor, message, admission.guard)
            try:
                changed = await self._store.react(
                    asked.message_id, caller.user_id, asked.emoji, self._clock(), draft, on=asked.on
                )
            except StaleGuardError:
                continue
            self._files.discard(changed.dropped)
            return self._announced(caller, message, changed)
        raise Unavailable("The lesson is being changed just now.")

    async def history(self, caller: Caller, asked: ReadHistory) -> Page[Message]:
        """A lesson's messages, newest first. Raises NotFound or Invalid."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        kept, next_cursor = await self._store.history(asked)
        return Page[Message](items=await self._with_people(kept), next_cursor=next_cursor)

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
        except OutOfTime as error:
            limit = {"seconds_at_most": error.seconds_at_most}
            raise TooLarge("That is too much to search through. Search in one lesson.", details=limit) from error
        self._limits.charge(caller.user_id, writes=False, units=found.took_s / UNIT_S)
        return Page[Message](items=await self._with_people(found.messages), next_cursor=found.next_cursor)

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
        deciding: Callable[[Admission], Callable[[KeptMessage], KeptMessage]],
        *,
        says: bool = False,
    ) -> Message:
        """``says``: the lesson's rules count (C16), as they are when it is written."""
        for _ in range(TRIES_AT_MOST):
            kept, admission = await self._admitted(caller, message_id, lesson_id)
            if says and admission.muted is not None:
                raise admission.muted
            actor, message = await self._named(caller, kept)
            draft = self._drafting(event_type, actor, message, admission.guard if says else None)
            try:
                changed = await self._store.change(message_id, deciding(admission), draft)
            except StaleGuardError:
                continue
            self._files.discard(changed.dropped)
            return self._announced(caller, message, changed)
        raise Unavailable("The lesson is being changed just now.")

    async def _admitted(
        self, caller: Caller, message_id: str, lesson_id: str | None = None
    ) -> tuple[KeptMessage, Admission]:
        """A message of a lesson the caller belongs to. Raises NotFound, the same for all reasons."""
        kept = await self._store.by_id(message_id)
        if kept is None or lesson_id not in (None, kept.lesson_id):
            raise NotFound("There is no such message.")
        try:
            return kept, await self._access.admit(caller, kept.lesson_id, fresh=True)
        except NotFound:
            raise NotFound("There is no such message.") from None

    async def _named(self, caller: Caller, kept: KeptMessage) -> tuple[Person, Message]:
        actor = await self._people.person(caller.user_id)
        return actor, (await self._with_people([kept]))[0]

    def _drafting(
        self, event_type: str, actor: Person, message: Message, guard: int | None
    ) -> Callable[[KeptMessage], Draft]:
        now = self._clock()
        key = key_for(None)  # one for all tries of the transaction

        def draft(after: KeptMessage) -> Draft:
            data = after.by(message.author).plain()
            return Draft(
                stream=CHAT_TOPIC.of(after.lesson_id),
                guard=guard,
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
        after = changed.message.by(message.author)
        if changed.event is not None:
            self._events.announce(ChatChanged(changed.event, after))
        return after

    async def _with_people(self, kept: Sequence[KeptMessage]) -> list[Message]:
        authors = list(dict.fromkeys(one.author for one in kept))
        people = {person.id: person for person in await self._people.persons(authors)} if authors else {}
        return [one.by(people[one.author]) for one in kept]


def _new_message(asked: SendMessage, author_id: str, now: datetime, files: Sequence[MessageFile] = ()) -> KeptMessage:
    """A message that has no number yet, of what was checked when it came."""
    return KeptMessage.of_checked(
        {
            "id": new_id(),
            "lesson_id": asked.lesson_id,
            "seq": 0,
            "author": author_id,
            "body": asked.body,
            "reply_to": asked.reply_to,
            "files": [*files],
            "reactions": {},
            "created_at": now,
            "edited_at": None,
            "deleted_at": None,
            "client_id": asked.client_id,
        }
    )
