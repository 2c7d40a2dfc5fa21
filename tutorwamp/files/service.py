"""What happens to files: they are sent into a lesson, given out to its members, and swept away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import BinaryIO, Final

from twisted.internet.defer import Deferred

from tutorwamp.files import rules
from tutorwamp.files.contracts import LessonFile, MessageFile, OneFile, SendFile
from tutorwamp.files.looking import LookedAt, Looking
from tutorwamp.files.settings import FilesSettings
from tutorwamp.files.store import FilesStore, KeptFile, repeated
from tutorwamp.kernel.blobs.port import BlobStore, MissingBlobError
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.errors import NotFound, TutorwampError, Unavailable
from tutorwamp.kernel.limits import Allowance, Limits
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import StaleGuardError, UnknownStreamError, digest_of
from tutorwamp.lessons.contracts import STATE_TOPIC, Admission, LessonAccessChecker

log = get_logger(__name__)

TRIES_AT_MOST: Final = 5
"""Of keeping a file whose lesson changes at the same moment; each try has read the newest version."""
LOOSE_BYTES_KEPT: Final = timedelta(hours=24)
"""Bytes that are no file's: longer than any upload takes, until its file is entered."""
KEYS_AT_ONCE: Final = 500
SENT: Final = Allowance(per_s=1024 * 1024, burst=512 * 1024 * 1024)
"""Bytes of a person's files: as many at once as a lesson holds, then one of the largest every half a minute."""


class FilesService:
    """Everything that happens to files, but that messages take them: that is chat's."""

    def __init__(
        self,
        store: FilesStore,
        blobs: BlobStore,
        looking: Looking,
        access: LessonAccessChecker,
        *,
        limits: Limits | None,
        settings: FilesSettings,
        clock: Clock,
    ) -> None:
        """``limits`` count each person's bytes; null: nobody's are counted."""
        self.store = store
        """For chat's store: see FilesOfMessages."""
        self._blobs = blobs
        self._looking = looking
        self._access = access
        self._limits = limits
        self._settings = settings
        self._clock = clock
        self._swept_up_to = ""

    async def send(self, caller: Caller, asked: SendFile, body: BinaryIO, size: int) -> LessonFile:
        """Keep a file of so many bytes for a message to come.

        Raises NotFound, WrongState, Muted, Conflict (client_id), TooLarge, RateLimited, Unavailable, or Invalid where
        it is empty, a broken picture or infected.
        """
        repeating = asked.client_id is not None
        admission = await self._access.admit_writer(caller, asked.lesson_id, to="say", repeating=repeating)
        first = await self.store.first(caller.user_id, asked.lesson_id, asked.client_id)
        digest = digest_of(asked.name, await self._looking.digest(body))
        if first is not None:
            return repeated(first, digest).shown()
        if admission.closed is not None:
            raise admission.closed
        await self.store.require_room(asked.lesson_id, size)
        if self._limits is not None:
            self._limits.take(caller.user_id, size)
        looked_at = await self._looking.look(body)
        try:
            return await self._keep(caller, asked, admission, looked_at, digest)
        finally:
            looked_at.file.close()

    async def _keep(
        self, caller: Caller, asked: SendFile, admission: Admission, looked_at: LookedAt, digest: str
    ) -> LessonFile:
        file = KeptFile(
            id=new_id(),
            lesson_id=asked.lesson_id,
            owner_id=caller.user_id,
            name=asked.name,
            media_type=looked_at.media_type,
            size=looked_at.size,
            digest=digest,
            client_id=asked.client_id,
            created_at=self._clock(),
        )
        # The bytes first: what is entered can be served.
        await self._blobs.save_file(file.id, looked_at.file, file.media_type)
        try:
            kept = await self._entered(caller, file, admission)
        except Unavailable:
            raise  # perhaps it was entered, and only the answer was lost: what is loose is swept (F11)
        except TutorwampError:
            self.discard([file.id])
            raise
        if kept.id != file.id:
            self.discard([file.id])
        return kept.shown()

    async def _entered(self, caller: Caller, file: KeptFile, admission: Admission) -> KeptFile:
        """F3: proven when the file is entered, not only when it is asked for."""
        stream = STATE_TOPIC.of(file.lesson_id)
        for _ in range(TRIES_AT_MOST):
            try:
                return await self.store.add(file, stream, admission.guard)
            except (StaleGuardError, UnknownStreamError):
                self._access.forget(file.lesson_id)
                admission = await self._access.admit_writer(caller, file.lesson_id, to="say")
        raise Unavailable("The lesson is being changed just now.")

    async def one(self, caller: Caller, asked: OneFile) -> KeptFile:
        """F7: a file that the caller may see. Raises NotFound, the same for all reasons."""
        try:
            await self._access.admit(caller, asked.lesson_id, fresh=True)
        except NotFound:
            raise _no_file() from None
        file = (await self.store.by_ids([asked.file_id])).get(asked.file_id)
        if file is None or file.lesson_id != asked.lesson_id:
            raise _no_file()
        if not rules.may_see(caller, file.owner_id, file.message_id):
            raise _no_file()
        return file

    async def part(self, file: KeptFile, begin: int, count: int) -> bytes:
        """So many of a file's bytes from a place on. Raises NotFound or Unavailable."""
        try:
            return await self._blobs.fetch_part(file.id, begin, count)
        except MissingBlobError:
            raise _no_file() from None

    async def described(self, caller: Caller, lesson_id: str, file_ids: Sequence[str]) -> list[MessageFile]:
        """See LessonFiles."""
        found = await self.store.by_ids(file_ids)
        mine = [found[one] for one in file_ids if one in found]
        return [one.in_message() for one in mine if (one.lesson_id, one.owner_id) == (lesson_id, caller.user_id)]

    def discard(self, file_ids: Sequence[str]) -> None:
        """See LessonFiles."""
        for file_id in file_ids:
            Deferred.fromCoroutine(self._blobs.delete(file_id)).addErrback(
                lambda failure: log.warning("the bytes of a file are still there", error=repr(failure.value))
            )

    async def sweep(self) -> None:
        """F11: forget what no message refers to after a day, and bytes that are no file's. To be called every so often.

        Several processes may do so at once: a row is forgotten once, and bytes that are gone are no error.
        """
        now = self._clock()
        while unsent := await self.store.forget_unsent(now - self._settings.unsent):
            for file_id in unsent:
                await self._blobs.delete(file_id)
        keys = await self._blobs.keys(self._swept_up_to, now - LOOSE_BYTES_KEPT, KEYS_AT_ONCE)
        for key in await self.store.unknown(keys) if keys else []:
            await self._blobs.delete(key)
        self._swept_up_to = keys[-1] if len(keys) == KEYS_AT_ONCE else ""


def _no_file() -> NotFound:
    return NotFound("There is no such file.")
