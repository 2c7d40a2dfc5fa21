"""The wait after failed logins: it slows down guessing, and nobody can make another person wait from elsewhere.

Every login counts as failed from its beginning until it is known to be none, so that many at once are no way around.
What is counted is in this process's memory and bounded; it says nothing about which accounts there are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Final

from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.limits import Allowance, Backoff, Failures, Limits, LimitSettings, network_of, site_of

HERE: Final = Backoff(free=10, first_s=1.0, at_most_s=900.0)
"""One account from one address: a person who mistypes does not notice; 15 minutes are the longest wait."""
HERE_FORGIVEN_S: Final = 900.0
"""So that a patient guesser has about a hundred tries a day (NIST SP 800-63B section 5.2.2 wants no more in a row)."""

ATTACKED_AFTER: Final = 100
"""Failures of one account from all addresses together (the hundred of NIST SP 800-63B section 5.2.2)."""
ATTACKED_FORGIVEN_S: Final = 864.0
"""A hundred a day."""
NEVER: Final = Backoff(free=sys.maxsize, first_s=0.0, at_most_s=0.0)
"""An account is never closed by guesses."""
HERE_UNDER_ATTACK: Final = Backoff(free=1, first_s=60.0, at_most_s=900.0)
"""Every address has one try at once even then: who knows the password is let in, wherever the guesses come from."""

SITE: Final = Backoff(free=100, first_s=1.0, at_most_s=60.0)
"""One account from one IPv6 /48, which anybody gets from a tunnel broker; where neighbours share one, a minute."""

ADDRESS: Final = Backoff(free=300, first_s=1.0, at_most_s=60.0)
"""All accounts from one address: a class of thirty in which everybody uses up their ten does not meet it."""
ADDRESS_FORGIVEN_S: Final = 18.0
"""Two hundred an hour."""
REGISTRATIONS: Final = Allowance(per_s=1 / 18, burst=200)
"""From one address: several classes may register together; who looks for taken addresses learns 200 an hour."""
ASKED: Final = REGISTRATIONS
"""Mails, and tries with what is in one, from one address: a class that forgot over the holidays does not meet it."""
MAILED: Final = Allowance(per_s=3 / 3600, burst=3)
"""To one mailbox, whoever asks: enough for who looks in the wrong folder, too little to be a nuisance."""


class LoginThrottle:
    """Failed logins and registrations of late, and mails about accounts. ``now_s`` is a clock that never goes back."""

    def __init__(self, settings: LimitSettings, now_s: Callable[[], float]) -> None:
        self._on = settings.rate_limits
        self._here = Failures(HERE_FORGIVEN_S, now_s)
        self._accounts = Failures(ATTACKED_FORGIVEN_S, now_s)
        self._sites = Failures(ATTACKED_FORGIVEN_S, now_s)
        self._addresses = Failures(ADDRESS_FORGIVEN_S, now_s)
        self._registrations = Limits(REGISTRATIONS, now_s)
        self._asked = Limits(ASKED, now_s)
        self._mailed = Limits(MAILED, now_s)

    def register(self, address: str | None) -> None:
        """Count an attempt to register. Raises RateLimited. An ``address`` of None is our own code: never counted."""
        if self._on and address is not None:
            self._registrations.take(network_of(address))

    def ask(self, address: str | None) -> None:
        """Count a mail that is asked for, or a try with what is in one. Raises RateLimited. ``address`` as above."""
        if self._on and address is not None:
            self._asked.take(network_of(address))

    def mail(self, email: str) -> None:
        """Count a mail to this address. Raises RateLimited."""
        if self._on:
            self._mailed.take(email)

    def begin(self, email: str, address: str | None) -> None:
        """Count a login as failed. Raises RateLimited, which costs nothing, with the seconds to wait."""
        if not self._on or address is None:
            return
        wait_s = max(kept.wait_s(name, backoff) for kept, name, backoff in self._counted(email, address))
        if wait_s > 0:
            raise RateLimited("Too many failed logins. Wait a little.", retry_after_s=math.ceil(wait_s * 1000) / 1000)
        for kept, name, _ in self._counted(email, address):
            kept.add(name)

    def succeeded(self, email: str, address: str | None) -> None:
        """The login begun was a good one: what failed before it, from here, was this person mistyping."""
        if self._on and address is not None:
            self.take_back(email, address)
            self.forgive(email, address)

    def forgive(self, email: str, address: str | None) -> None:
        """Whoever is there is this person, as a mail has shown: what failed from here was them mistyping."""
        if address is not None:
            self._here.forget(_pair(email, network_of(address)))

    def take_back(self, email: str, address: str | None) -> None:
        """The login begun was not decided."""
        if self._on and address is not None:
            for kept, name, _ in self._counted(email, address):
                kept.take_back(name)

    def _counted(self, email: str, address: str) -> list[tuple[Failures, str, Backoff]]:
        """Where a login counts, under which name, and how long one waits there."""
        network, site = network_of(address), site_of(address)
        attacked = self._accounts.count(email) >= ATTACKED_AFTER
        counted = [
            (self._here, _pair(email, network), HERE_UNDER_ATTACK if attacked else HERE),
            (self._accounts, email, NEVER),
            (self._addresses, network, ADDRESS),
        ]
        return counted if site is None else [*counted, (self._sites, _pair(email, site), SITE)]


def _pair(email: str, network: str) -> str:
    return f"{network} {email}"  # an address has no space
