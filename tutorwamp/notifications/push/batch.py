"""What is put into the queue together: when each goes out, and what is told with another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select, update

from tutorwamp.kernel.contracts import new_id
from tutorwamp.notifications.contracts import Addressed, Channel
from tutorwamp.notifications.push.tables import deliveries
from tutorwamp.notifications.push.turns import HOUR, MAILS, PUSHES, STRANGERS, Turns

WAITS_S: Final = 5.0
"""Before it is sent: who is there reads it, or comes back from a blip."""
TAKEN_FOR: Final = timedelta(minutes=1)
"""Longer than the questions between taking and sending last; who is late finds it taken by somebody else."""
KEPT: Final = timedelta(days=1)
"""Then it is given up; nobody wants to be told of yesterday's lesson."""
EMAIL: Final = "email"
"""The target of a delivery by e-mail."""

Target = tuple[str, str]
"""A person and one of their targets."""


class Batch:
    """P8: within one transaction, which holds the people's streams. ``rows`` are those to be written."""

    def __init__(self, connection: Connection, addressed: Sequence[Addressed], now: datetime, *, limited: bool) -> None:
        self.rows: list[dict[str, Any]] = []
        self._connection = connection
        self._now = now
        self._limited = limited
        self._sent: dict[Target, list[datetime]] = defaultdict(list)
        self._late: dict[Target, dict[str, Any]] = {}
        """What waits for its turn still, and can tell of more."""
        self._turns: dict[Target, Turns] = {}
        self._strangers: dict[str, Turns] = {}
        if limited:
            self._read(sorted({one.user_id for one in addressed}))

    def put(self, one: Addressed, channel: Channel, target: str) -> None:
        """Send it when it may be; where that is later and something waits for the person already, tell it with that."""
        earliest = self._now + timedelta(seconds=WAITS_S)
        row = {
            "id": new_id(), "notification_id": one.id, "target": target, "channel": channel.value, "state": "waiting",
            "due_at": earliest, "queued_at": self._now, "tries": 0, "user_id": one.user_id, "tutor_id": None, "more": 0,
        }  # fmt: skip
        if self._limited:
            turns = [self._of_target(one, channel, target)]
            if channel is Channel.EMAIL and one.tutor_id is not None and not one.is_known:
                row["tutor_id"] = one.tutor_id
                turns.append(self._of_tutor(one.tutor_id))
            row["due_at"] = due = max(each.next(earliest) for each in turns)
            if due > earliest:
                if self._is_told_with_another(row) or due >= self._now + KEPT:
                    return
                self._late[one.user_id, target] = row
            for each in turns:
                each.take(due)
        self.rows.append(row)

    def _read(self, user_ids: Sequence[str]) -> None:
        counted = select(deliveries).where(
            deliveries.c.user_id.in_(user_ids), deliveries.c.due_at > self._now - HOUR, deliveries.c.state != "unsent"
        )
        for row in self._connection.execute(counted).mappings():
            place = row["user_id"], row["target"]
            self._sent[place].append(row["due_at"])
            # What is about to be sent, or is tried again, is left alone.
            if row["state"] == "waiting" and row["tries"] == 0 and row["due_at"] > self._now + TAKEN_FOR:
                self._late[place] = dict(row)

    def _of_target(self, one: Addressed, channel: Channel, target: str) -> Turns:
        place = one.user_id, target
        if place not in self._turns:
            self._turns[place] = Turns(MAILS if channel is Channel.EMAIL else PUSHES, self._sent[place])
        return self._turns[place]

    def _of_tutor(self, tutor_id: str) -> Turns:
        if tutor_id not in self._strangers:
            mine = select(deliveries.c.due_at).where(deliveries.c.tutor_id == tutor_id, deliveries.c.state != "unsent")
            last = mine.order_by(deliveries.c.due_at.desc()).limit(STRANGERS)
            self._strangers[tutor_id] = Turns(STRANGERS, self._connection.execute(last).scalars())
        return self._strangers[tutor_id]

    def _is_told_with_another(self, row: dict[str, Any]) -> bool:
        late = self._late.get((row["user_id"], row["target"]))
        if late is None:
            return False
        late["notification_id"], late["more"] = row["notification_id"], late["more"] + 1
        if late in self.rows:
            return True
        changed = {"notification_id": late["notification_id"], "more": late["more"]}
        is_waiting = (deliveries.c.id == late["id"]) & (deliveries.c.due_at == late["due_at"])
        done = self._connection.execute(update(deliveries).where(is_waiting).values(**changed)).rowcount
        return done == 1
