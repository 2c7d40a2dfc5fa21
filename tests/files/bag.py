"""The cast has files with them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from tests.chat.room import Room
from tutorwamp.files.contracts import LessonFile, OneFile, SendFile
from tutorwamp.kernel.contracts import Caller


class Bag(Room):
    """What people send into their lesson, and say with it."""

    async def upload(self, caller: Caller, content: bytes, name: str = "notes.txt", **more: Any) -> LessonFile:
        body = BytesIO(content)
        asked = SendFile.model_validate({"lesson_id": self.lesson.id, "name": name, **more})
        return await self.machine.files.send(caller, asked, body, body.seek(0, 2))

    async def download(self, caller: Caller, file_id: str, lesson_id: str | None = None) -> bytes:
        """All of a file's bytes."""
        files = self.machine.files
        file = await files.one(caller, OneFile(lesson_id=lesson_id or self.lesson.id, file_id=file_id))
        return await files.part(file, 0, file.size + 1)
