"""The rates of `docs/error_rates_weights.md`, with fewer networks; all of them when calibrating."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy import stats

from tests.weights.error_rates import (
    GENERATORS,
    LAWS,
    OPTIMIZERS,
    OTHER_LAWS,
    TRAINED_LAWS,
    bells,
    fresh,
    trained,
)

FULL = pytest.mark.slow


def most(draws: int, rate: float) -> int:
    """Events that 999 of 1000 repetitions do not exceed."""
    return int(stats.binom.ppf(0.999, draws, rate))


@pytest.mark.parametrize("count", [4, pytest.param(100, marks=FULL)])
def test_a_fresh_generator_of_a_known_law_is_missed_once_in_a_hundred(count: int) -> None:
    found = Counter[str]()
    for _, _, tally in fresh(GENERATORS, LAWS, count):
        found.update(tally)
    missed = found.total() - found["untrained"]
    assert missed <= most(found.total(), 0.01)


@pytest.mark.parametrize("count", [4, pytest.param(100, marks=FULL)])
def test_a_law_that_is_not_on_the_list_is_called_none_that_is(count: int) -> None:
    for name, law, tally in fresh(GENERATORS, OTHER_LAWS, count):
        assert tally["untrained"] == 0, (name, law)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=FULL)])
def test_bells_of_any_spread_are_seldom_taken_for_a_law(count: int) -> None:
    found = bells(count)
    assert found["untrained"] + found["in part"] <= most(count, 2e-3)


@pytest.mark.parametrize(
    ("laws", "optimizers", "count"),
    [
        (["torch's default"], ["Adam 2e-4"], 1),
        pytest.param(list(TRAINED_LAWS), list(OPTIMIZERS), 4, marks=FULL),
    ],
)
def test_after_a_hundred_steps_no_player_is_called_untrained_and_nothing_else_alarms(
    laws: list[str], optimizers: list[str], count: int
) -> None:
    tallies, others = trained(
        {law: TRAINED_LAWS[law] for law in laws}, count, optimizers=optimizers
    )
    for (optimizer, law, steps), tally in tallies.items():
        if steps == 100:
            assert tally["untrained"] == 0, (optimizer, law)
            if law == "torch's default":
                assert tally["in part"] == 0, optimizer
    # batch norm in a critic is no part of these networks, clipping neither
    assert all(alarms == 0 for alarms, _ in others.values()), others
    assert {"GC101", "GC103", "GC104", "GC105", "GC106", "GC109", "GC110"} <= set(others)
