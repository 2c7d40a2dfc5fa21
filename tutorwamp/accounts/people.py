"""Who people are, from a memory of them: the ports ``People``, ``Addresses`` and ``Logins``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tutorwamp.accounts.contracts import Person, PersonChanged
from tutorwamp.accounts.store import AccountsStore
from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.memo import Memo

PEOPLE_AT_MOST: Final = 20_000
"""Names kept in memory (about 400 bytes each)."""
CHANGES_LOOKED_BACK: Final = timedelta(minutes=2)
"""Longer than a transaction may take to commit, and than clocks of machines that keep time disagree."""


class KnownPeople:
    """People as they were read last."""

    def __init__(self, store: AccountsStore, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._people: Memo[str, Person] = Memo(self._look_up_person, at_most=PEOPLE_AT_MOST)
        self._noticed: dict[str, datetime] = {}

    async def address_of(self, user_id: str) -> str | None:
        """See Addresses."""
        account = await self._store.by_id(user_id)
        reached = account is not None and account.active and account.user.email_confirmed
        return account.user.email if account is not None and reached else None

    async def reachable(self, user_ids: Collection[str]) -> set[str]:
        """See Addresses."""
        return await self._store.reachable(user_ids)

    async def ended_at(self, user_ids: Collection[str]) -> Mapping[str, datetime]:
        """See Logins."""
        return await self._store.revoked(user_ids)

    async def person(self, user_id: str) -> Person:
        """One person, from memory where known. Raises NotFound."""
        return await self._people.get(user_id)

    async def persons(self, user_ids: Sequence[str], *, active_only: bool = False) -> list[Person]:
        """Several people, in the order asked for; those who do not exist are left out.

        One query, or none where all are in memory: what changes is forgotten there within CHANGES_NOTICED_EVERY_S.
        Whether an account is active must be known to the instant, so ``active_only`` always asks.
        """
        found = {} if active_only else self._people.known(user_ids)
        unknown = [user_id for user_id in user_ids if user_id not in found]
        if unknown:
            for user_id, person in (await self._store.persons(unknown, active_only=active_only)).items():
                found[user_id] = person
                self._people.remember(user_id, person)
        return [found[user_id] for user_id in user_ids if user_id in found]

    async def notice_changes(self) -> None:
        """Forget of people what another process has changed. To be called every few seconds in each process."""
        changed = await self._store.changed_since(self._clock() - CHANGES_LOOKED_BACK)
        news = [user_id for user_id, at in changed.items() if self._noticed.get(user_id) != at]
        self._noticed = changed
        for user_id in news:
            self._forget(user_id)

    def _have_changed(self, person: Person) -> None:
        """Somebody is this person now: whoever listens has looked, without waiting, when this returns."""
        self._people.forget(person.id)
        self._people.remember(person.id, person)
        self._events.announce(PersonChanged(person.id))

    def _forget(self, user_id: str) -> None:
        self._people.forget(user_id)
        self._events.announce(PersonChanged(user_id))

    async def _look_up_person(self, user_id: str) -> Person:
        account = await self._store.by_id(user_id)
        if account is None:
            raise NotFound("There is no such person.")
        return account.user.person
