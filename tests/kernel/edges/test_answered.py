"""Each error that is answered is a line, and a flood of them is not."""

from __future__ import annotations

import structlog

from tutorwamp.kernel.edges.answered import AnsweredErrors
from tutorwamp.kernel.errors import Internal, Invalid, NotFound, Unavailable
from tutorwamp.kernel.log.requests import ERRORS


def test_a_flood_of_one_kind_is_counted_and_the_other_kind_still_told() -> None:
    now_s = 0.0
    errors = AnsweredErrors(lambda: now_s)
    with structlog.testing.capture_logs() as lines:
        for number in range(ERRORS.burst + 100):
            errors.note(Invalid("No."), f"id{number}")
        errors.note(Unavailable("Later."), "later")
        errors.note(Internal("Ours."), "ours")
        now_s = 1.0
        errors.note(NotFound("No."), "next")
    assert [line["request_id"] for line in lines[: ERRORS.burst]] == [f"id{number}" for number in range(ERRORS.burst)]
    assert [(line["log_level"], line["request_id"], line.get("left_out")) for line in lines[ERRORS.burst :]] == [
        ("warning", "later", None),
        ("warning", "ours", None),
        ("info", "next", 100),
    ]
