"""How people who are not connected are told."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class PushSettings:
    """What is not configured is not sent, and not queued."""

    web_push_subject: str | None = setting(
        "WEB_PUSH_SUBJECT", None, "Unset: no Web Push. Whom push services may write to: mailto:admin@school.example."
    )
    smtp_url: str | None = setting(
        "SMTP_URL",
        None,
        "Unset: no e-mail. smtp:// (STARTTLS where offered) or smtps://USER:PASSWORD@HOST:PORT?from=ADDRESS.",
    )
    push_log: bool = setting(
        "PUSH_LOG", default=False, reason="Write what would be sent into the log and send nothing: for development."
    )
