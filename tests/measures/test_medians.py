"""The median's interval against scipy's binomial test, by enumeration and by simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gancheck.measures.medians import median_interval


@given(
    values=st.lists(st.integers(-4, 4), min_size=1, max_size=30),
    level=st.sampled_from([0.9, 0.95, 0.9875]),
)
def test_the_interval_holds_what_the_two_sided_sign_test_does_not_reject(
    values: list[int], level: float
) -> None:
    # scipy's own quantile test of every candidate between the values, where no value ties with it
    found = median_interval(values, level=level)
    for at in np.arange(-4.5, 5.0, 1.0):
        below = int((np.array(values) < at).sum())
        p = min(1.0, 2.0 * stats.binomtest(min(below, len(values) - below), len(values), 0.5, "less").pvalue)  # fmt: skip
        assert (found.low <= at <= found.high) == (p > 1.0 - level + 1e-12)


@given(n=st.integers(6, 25))
def test_it_is_scipys_interval_of_the_median(n: int) -> None:
    # quantile_test inverts two one-sided tests of half the error each; ties are none
    values = np.random.default_rng(n).normal(size=n)
    theirs = stats.quantile_test(values).confidence_interval(confidence_level=0.95)
    ours = median_interval(values.tolist())
    assert (ours.low, ours.high) == (theirs.low, theirs.high)


def test_the_level_is_the_exact_coverage_by_enumeration() -> None:
    # n = 7: the median 0 lies between the two order statistics in all but the listed sign patterns
    found = median_interval([-3.0, -2.0, -1.0, 0.5, 1.0, 2.0, 3.0], level=0.8)
    patterns = list(product([-1, 1], repeat=7))
    held = sum(2 <= p.count(-1) <= 5 for p in patterns)
    assert (found.low, found.high) == (-2.0, 2.0)
    assert found.level == pytest.approx(held / len(patterns), rel=1e-12)


def test_counts_are_covered_at_least_as_often_as_promised() -> None:
    # a lopsided law on integers whose median is 0 by a hair; 4,000 draws of 12
    rng = np.random.default_rng(0)
    draws = rng.choice([-5, -1, 0, 1], p=[0.3, 0.15, 0.1, 0.45], size=(4000, 12))
    held = sum(f.low <= 0 <= f.high for f in (median_interval(d.tolist()) for d in draws))
    assert held / 4000 > 0.95


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 2.0, 3.0, 3.0]])
def test_too_few_values_decide_nothing(values: list[float]) -> None:
    found = median_interval(values)
    assert (found.low, found.high, found.level) == (-math.inf, math.inf, 1.0)


@pytest.mark.parametrize(
    ("values", "level", "words"),
    [
        ([], 0.95, "one or more finite"),
        ([1.0, math.nan], 0.95, "one or more finite"),
        ([1.0], 1.0, "between 0 and 1"),
        ([1.0], 0.0, "between 0 and 1"),
    ],
)
def test_bad_values_and_levels_are_refused(values: list[float], level: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        median_interval(values, level=level)
