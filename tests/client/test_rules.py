from __future__ import annotations

import pytest

from tutorwamp.client.rules import CEILING_CAP_S, Backoff

GRACE_S = 30.0
"""The contract's default time a lost session keeps its place in a lesson."""


def test_the_ceiling_doubles_until_the_cap() -> None:
    backoff = Backoff(first_ceiling_s=0.5, growth=2, ceiling_cap_s=5)
    assert [backoff.ceiling_s(tries) for tries in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]


@pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 0.0), (0.25, 0.5), (1.0, 2.0)])
def test_the_jitter_is_full(chance: float, pause_s: float) -> None:
    assert Backoff(first_ceiling_s=0.5, growth=2, ceiling_cap_s=5).pause_s(3, chance) == pause_s


def test_the_servers_wish_is_a_minimum_and_the_jitter_comes_on_top() -> None:
    assert Backoff(first_ceiling_s=0.5).pause_s(1, 0.5, at_least_s=7) == 7.25


def test_a_night_offline_does_not_overflow() -> None:
    assert Backoff().ceiling_s(1_000_000) == CEILING_CAP_S


def test_the_longest_pause_keeps_ones_place_in_a_lesson() -> None:
    assert Backoff().pause_s(100, 1.0) < GRACE_S
