"""What the school's mail server was given, for tests of mail about accounts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.machine import Stage
from tutorwamp.accounts.contracts import Posted


@dataclass
class Mailbox:
    """A mailer that keeps what it is given; ``answers`` are given first, then SENT."""

    answers: list[Posted | Exception] = field(default_factory=list)
    mails: list[tuple[str, str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, stage: Stage) -> Mailbox:
        """This stage's: it sends mail from now on."""
        made = cls()
        stage.machine.recovery._mailer = made
        stage.machine.accounts._sends_mail = True
        return made

    async def post(self, address: str, subject: str, text: str, at: datetime) -> Posted:
        assert at.tzinfo is not None
        self.mails.append((address, subject, text))
        answer = self.answers.pop(0) if self.answers else Posted.SENT
        if isinstance(answer, Exception):
            raise answer
        return answer

    def token(self) -> str:
        """Of the last mail."""
        return token_in(self.mails[-1][2])


def token_in(text: str) -> str:
    """The one that a mail's link has."""
    (found,) = re.findall(r"^https?://[^#\s]+/#(?:reset|confirm)=([A-Za-z0-9_-]{43})$", text, re.MULTILINE)
    return str(found)
