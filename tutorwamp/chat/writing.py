"""The files of messages, as they are written with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from tutorwamp.chat.contracts import KeptMessage
from tutorwamp.files.contracts import FilesOfMessages, MessageFile, Wanted
from tutorwamp.kernel.errors import Invalid
from tutorwamp.kernel.sql.streams import is_known
from tutorwamp.kernel.streams import Draft


@dataclass(frozen=True)
class Asking:
    """A message that is to have files. ``are_known``: all of them were found to be its author's, in its lesson."""

    draft: Draft
    wanted: Wanted
    are_known: bool


def without_files(files: FilesOfMessages, connection: Connection, asking: Mapping[int, Asking]) -> dict[int, Exception]:
    """C17: the refused of a batch, by their place: those that cannot have their files, and repeat nothing."""
    if not asking:
        return {}
    refused: dict[int, Exception] = {}
    before: set[tuple[str, str, str]] = set()
    are_free = files.free(connection, [one.wanted for one in asking.values()])
    for (index, one), is_free in zip(asking.items(), are_free, strict=True):
        key = (one.draft.stream, one.draft.actor_id, one.draft.key)
        if not (is_free and one.are_known) and key not in before and not is_known(connection, one.draft):
            fault = {"loc": ["file_ids"], "msg": "must be your own files of this lesson, in no other message"}
            refused[index] = Invalid("There are no such files.", details=[fault])
        before.add(key)
    return refused


def files_text(message: KeptMessage) -> str | None:
    """A message's files as its row has them; they never change."""
    return json.dumps([one.plain() for one in message.files], ensure_ascii=False) if message.files else None


def files_in(text: str | None) -> list[MessageFile]:
    """The same, read again."""
    return [MessageFile(**one) for one in json.loads(text)] if text else []
