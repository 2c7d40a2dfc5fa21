"""Storms on the board: whatever happens on the way, all see the same board in the end, and the stream tells it again.

A seed that fails says how to run it again, and all that happened. ``TUTORWAMP_TEST_FUZZ_SEEDS`` runs more of them or
fewer, ``TUTORWAMP_TEST_FUZZ_FIRST`` begins elsewhere.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.board.fuzz import Storm
from tests.board.fuzz_process import World
from tests.conftest import TEMPLATE
from tests.support.postgres import Postgres

FIRST = int(os.environ.get("TUTORWAMP_TEST_FUZZ_FIRST", "1"))
SEEDS = int(os.environ.get("TUTORWAMP_TEST_FUZZ_SEEDS", "50"))
KEPT = (
    (1, "an event whose commit was answered with an error was written by the second try, and never told"),
    (4, "who cleared an empty board at the moment somebody else cleared it brought that one's elements back by undo"),
    (6, "a call overtook the one before: its lesson was looked up anew, and reads run side by side"),
)
"""Seeds that failed once, and what was wrong then. Found again wherever the storm itself is changed."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("storms"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def storm(world: World) -> Callable[[int], Storm]:
    """The storm of a seed, which blows once."""

    @cache
    def blown(seed: int) -> Storm:
        made = Storm(world, seed)
        made.run()
        return made

    return blown


@pytest.fixture(scope="module")
def postgres_world(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("storms"), postgres.create_database("storms", template=TEMPLATE))
    yield made
    made.close()


@pytest.mark.parametrize("seed", sorted({*range(FIRST, FIRST + SEEDS), *(seed for seed, _ in KEPT)}))
def test_B18_all_see_the_same_board_after_a_storm(storm: Callable[[int], Storm], seed: int) -> None:
    storm(seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_B18_all_see_the_same_board_after_a_storm_on_postgresql(postgres_world: World, seed: int) -> None:
    Storm(postgres_world, seed).run()


def test_a_seed_decides_everything(world: World, storm: Callable[[int], Storm]) -> None:
    again = Storm(world, 7)
    again.run()
    assert again.log == storm(7).log != storm(8).log


def test_a_storm_is_one(storm: Callable[[int], Storm]) -> None:
    """Nothing that should go wrong is left out."""
    storms = [storm(seed) for seed in range(1, 6)]
    happened = Counter(outcome for one in storms for drawer in one.drawers for outcome in drawer.outcomes)
    no = "tutorwamp.error."
    assert {
        *("put done", "replace done", "restore done", "delete done", "submit done", "finish done", "undo done"),
        *("clear done", "add_page done", "remove_page done", "pen done", "call done"),
        *(f"put {no}board.no_pen", f"put {no}board.full", f"replace {no}board.stale", f"finish {no}board.stale"),
        *(f"add_page {no}board.full", f"remove_page {no}conflict"),
    } <= happened.keys()
    assert all(sum(count) for count in zip(*(one.hardships() for one in storms), strict=True))
