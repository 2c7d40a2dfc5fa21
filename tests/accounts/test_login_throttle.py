"""A24 to A27: who guesses has to wait; a clock that is turned by hand."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tutorwamp.accounts.login_throttle import ATTACKED_AFTER, LoginThrottle
from tutorwamp.kernel import limits
from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.limits import Failures, LimitSettings

ADA = "ada@school.example"
SCHOOL, HOME = "192.0.2.7", "198.51.100.1"


class Attempts(LoginThrottle):
    """With a clock to turn and the words a test needs."""

    def __init__(self, *, on: bool = True) -> None:
        self.clock = Clock()
        super().__init__(LimitSettings(rate_limits=on), self.clock.seconds)

    def wait_s(self, email: str = ADA, address: str | None = HOME) -> float:
        """Seconds until a try is let through; where it is, it has failed."""
        try:
            self.begin(email, address)
        except RateLimited as error:
            return error.retry_after_s
        return 0.0

    def get_in(self, email: str, address: str) -> None:
        self.begin(email, address)
        self.succeeded(email, address)

    def try_undecided(self, email: str, address: str) -> None:
        self.begin(email, address)
        self.take_back(email, address)


def kept(attempts: Attempts) -> tuple[Failures, ...]:
    return (attempts._here, attempts._accounts, attempts._addresses, attempts._sites)


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


def test_A24_ten_failures_are_free_then_the_wait_doubles_up_to_fifteen_minutes(attempts: Attempts) -> None:
    assert [attempts.wait_s() for _ in range(10)] == [0] * 10
    waits = list[float]()
    for _ in range(12):
        waits.append(attempts.wait_s())
        assert attempts.wait_s() == waits[-1], "being refused costs nothing"
        attempts.clock.advance(waits[-1])
        assert attempts.wait_s() == 0
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert max(waits) == 900


def test_A24_a_patient_guesser_has_about_a_hundred_tries_a_day(attempts: Attempts) -> None:
    tries = 0
    while attempts.clock.seconds() < 24 * 3600:
        wait_s = attempts.wait_s()
        tries += wait_s == 0
        attempts.clock.advance(wait_s)
    assert 90 <= tries <= 130


def test_A24_who_gets_in_starts_afresh(attempts: Attempts) -> None:
    for _ in range(50):
        for _ in range(9):
            assert attempts.wait_s() == 0
        attempts.get_in(ADA, HOME)
        attempts.clock.advance(9 * 900)


def test_A24_many_at_once_are_no_way_around(attempts: Attempts) -> None:
    assert sum(attempts.wait_s() == 0 for _ in range(1_000)) == 10


def test_A24_an_undecided_attempt_does_not_count(attempts: Attempts) -> None:
    for _ in range(1_000):
        attempts.try_undecided(ADA, HOME)


def test_A25_guessing_from_elsewhere_makes_nobody_wait(attempts: Attempts) -> None:
    for attacker in range(1_000):
        for _ in range(10):
            attempts.wait_s(ADA, f"10.0.{attacker // 256}.{attacker % 256}")
    assert attempts.wait_s(ADA, SCHOOL) == 0, "the person has a try at once"
    attempts.succeeded(ADA, SCHOOL)
    assert attempts.wait_s(ADA, SCHOOL) == 0
    assert attempts.wait_s(ADA, SCHOOL) == 60, "and mistyping costs a minute"


def test_A25_an_account_under_attack_gives_an_address_one_try_before_it_waits(attempts: Attempts) -> None:
    for attacker in range(ATTACKED_AFTER):
        assert attempts.wait_s(ADA, f"10.0.0.{attacker}") == 0
    assert [attempts.wait_s(), attempts.wait_s()] == [0, 60]
    assert [attempts.wait_s("ben@school.example") for _ in range(10)] == [0] * 10, "another account is not attacked"
    attempts.clock.advance(86_400)
    assert [attempts.wait_s() for _ in range(10)] == [0] * 10, "a day later it is over"


def test_A26_a_class_of_thirty_in_which_everybody_mistypes_does_not_meet_the_limits(attempts: Attempts) -> None:
    for student in range(30):
        attempts.register(SCHOOL)
        assert [attempts.wait_s(f"s{student}@school.example", SCHOOL) for _ in range(9)] == [0] * 9
        attempts.get_in(f"s{student}@school.example", SCHOOL)


def test_A26_one_password_tried_on_many_accounts_has_to_wait_longer_and_longer(attempts: Attempts) -> None:
    names = iter(range(10_000))

    def wait_s() -> float:
        return attempts.wait_s(f"{next(names)}@school.example", HOME)

    assert [wait_s() for _ in range(300)] == [0] * 300
    waits = list[float]()
    for _ in range(4):
        waits.append(wait_s())
        attempts.clock.advance(waits[-1])
        assert wait_s() == 0
    assert waits == [1, 2, 4, 8]
    assert attempts.wait_s(ADA, SCHOOL) == 0, "others are not concerned"
    tries, until_s = 0, attempts.clock.seconds() + 3600
    while attempts.clock.seconds() < until_s:
        pause_s = wait_s()
        tries += pause_s == 0
        attempts.clock.advance(pause_s)
    assert 150 <= tries <= 250, "two hundred an hour"


def test_A26_good_logins_cost_an_address_nothing(attempts: Attempts) -> None:
    for student in range(1_000):
        attempts.get_in(f"s{student}@school.example", SCHOOL)


def test_A26_where_somebody_guesses_a_good_login_makes_nobody_wait_again(attempts: Attempts) -> None:
    for guess in range(310):
        attempts.clock.advance(attempts.wait_s(f"{guess}@school.example", SCHOOL))
    wait_s = attempts.wait_s("s0@school.example", SCHOOL)
    assert wait_s > 1
    attempts.clock.advance(wait_s)
    for student in range(30):
        attempts.get_in(f"s{student}@school.example", SCHOOL)


def test_A24_an_undecided_attempt_makes_nobody_wait_again(attempts: Attempts) -> None:
    waits = [attempts.wait_s() for _ in range(11)]
    attempts.clock.advance(waits[-1])
    for _ in range(3):
        attempts.try_undecided(ADA, HOME)


def test_what_never_failed_is_not_remembered(attempts: Attempts) -> None:
    for student in range(10):
        attempts.try_undecided(f"s{student}@school.example", "2001:db8::1")
    assert [len(failures._failed) for failures in kept(attempts)] == [0, 0, 0, 0]


def test_A26_an_account_of_ones_own_does_not_wash_the_address_clean(attempts: Attempts) -> None:
    refused = 0
    for victim in range(400):
        refused += attempts.wait_s(f"{victim}@school.example", HOME) > 0
        if attempts.wait_s("eve@school.example", HOME) == 0:
            attempts.succeeded("eve@school.example", HOME)
    assert refused == 100


def test_A26_all_addresses_of_one_subscriber_are_one(attempts: Attempts) -> None:
    tries = [attempts.wait_s(ADA, f"2001:db8:0:1::{host:x}") for host in range(1, 12)]
    assert tries == [0] * 10 + [1]
    assert attempts.wait_s(ADA, "2001:db8:0:2::1") == 0


def test_A25_a_guesser_with_a_whole_48_has_to_wait_and_others_do_not(attempts: Attempts) -> None:
    networks = iter(range(65_536))

    def wait_s(email: str = ADA) -> float:
        return attempts.wait_s(email, f"2001:db8:0:{next(networks):x}::1")

    assert [wait_s() for _ in range(100)] == [0] * 100
    waits = list[float]()
    for _ in range(8):
        waits.append(wait_s())
        attempts.clock.advance(waits[-1])
        assert wait_s() == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_s("ben@school.example") == 0, "another account of the same site"
    assert attempts.wait_s(ADA, "2001:db8:1:1::1") == 0, "the same account from another site"
    assert attempts.wait_s(ADA, SCHOOL) == 0


def test_A25_good_logins_cost_a_site_nothing(attempts: Attempts) -> None:
    for network in range(1_000):
        attempts.get_in(ADA, f"2001:db8:0:{network:x}::1")


def test_A27_registering_is_counted_by_address(attempts: Attempts) -> None:
    for _ in range(200):
        attempts.register(SCHOOL)
    with pytest.raises(RateLimited) as refused:
        attempts.register(SCHOOL)
    assert refused.value.retry_after_s == 18
    attempts.register(HOME)
    attempts.clock.advance(18)
    attempts.register(SCHOOL)


def test_our_own_code_is_not_counted_and_off_lifts_all() -> None:
    for attempts, address in ((Attempts(), None), (Attempts(on=False), HOME)):
        for _ in range(1_000):
            attempts.register(address)
            attempts.begin(ADA, address)


def test_what_is_remembered_is_bounded(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 50)
    for number in range(200):
        attempts.wait_s(f"{number}@school.example", f"2001:db8:{number:x}::1")
    assert [len(failures._failed) for failures in kept(attempts)] == [50, 50, 50, 50]
