"""The tests behind alarms at a line: exact, or of their level, with the true value on the line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gancheck.diagnosis import PValue, Quantity
from gancheck.measures.density_ratio import calibration
from gancheck.measures.line_tests import (
    calibration_beyond,
    in_words,
    mean_above,
    mean_outside,
    share_above,
    suspected,
)
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from collections.abc import Callable


@settings(max_examples=50)
@given(n=st.integers(1, 400), part=st.floats(0.0, 1.0), line=st.floats(0.01, 0.99))
def test_a_share_has_scipy_s_binomial_test_and_its_interval_agrees(
    n: int, part: float, line: float
) -> None:
    hits = round(part * n)
    p = share_above(share(hits, n), n, line)
    assert p == pytest.approx(stats.binomtest(hits, n, line, alternative="greater").pvalue)
    if abs(p - 0.025) > 1e-9:
        assert (p < 0.025) == (share(hits, n).interval[0] > line)


@settings(max_examples=50)
@given(seed=st.integers(0, 999), n=st.integers(2, 60), line=st.floats(-2.0, 2.0))
def test_a_mean_has_scipy_s_one_sided_student_test(seed: int, n: int, line: float) -> None:
    x = np.random.default_rng(seed).standard_normal(n)
    error = float(stats.sem(x))
    expected = stats.ttest_1samp(x, line, alternative="greater").pvalue
    assert mean_above(float(x.mean()), error, line, df=n - 1) == pytest.approx(expected)


def test_a_value_within_two_lines_is_told_from_them_at_the_level_and_no_oftener_inside() -> None:
    """For a normal estimate by quadrature over all outcomes, on the line and inside."""
    error, df = 0.05, 10**6
    z = np.linspace(-9.0, 9.0, 20_001)
    weights = stats.norm.pdf(z) * (z[1] - z[0])
    for truth, chance in ((0.1, 0.01), (-0.1, 0.01), (0.05, None), (0.0, None)):
        ps = np.array([mean_outside(truth + error * t, error, 0.1, df=df) for t in z])
        rejected = float(weights[ps < 0.01].sum())
        assert rejected <= 0.0101
        if chance is not None:
            assert rejected == pytest.approx(chance, abs=2e-4)  # the grid's step at the edge


@pytest.mark.parametrize("test", [mean_above, mean_outside])
def test_what_is_no_number_or_has_no_error_proves_nothing_or_everything(
    test: Callable[..., float],
) -> None:
    for value, error in ((math.nan, 0.1), (5.0, math.nan), (5.0, math.inf), (0.1, 0.0)):
        assert test(value, error, 0.1, df=9) >= 0.5
    assert test(5.0, 0.1, 0.1, df=0) == 1.0
    assert test(0.2, 0.0, 0.1, df=9) == 0.0


def test_a_share_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"n >= 1, got 0\.5 of n 0"):
        share_above(Quantity(value=0.5), 0, 0.25)
    with pytest.raises(ValueError, match=r"share in 0\.\.1"):
        share_above(Quantity(value=math.nan), 5, 0.25)


def _of_bins(bins: np.ndarray, line: float) -> float:
    return calibration_beyond(bins[:, 0], bins[:, 1], bins[:, 4], line)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 999),
    n=st.integers(1, 600),
    slope=st.floats(0.1, 3.0),
    line=st.floats(0.0, 0.3),
)
def test_calibration_is_beyond_its_line_where_its_own_interval_is(
    seed: int, n: int, slope: float, line: float
) -> None:
    rng = np.random.default_rng(seed)
    error, bins = calibration(slope * rng.normal(1.0, 1.0, n), slope * rng.normal(-1.0, 1.0, n))
    low = error.interval[0]
    p = _of_bins(bins, line)
    assert 0.0 < p <= 1.0
    if abs(low - line) > 1e-9:
        assert (p < 0.01) == (low > line)
    assert p <= _of_bins(bins, line + 0.01)  # further out is no likelier


def test_one_bin_far_off_has_the_two_sided_exact_p_value() -> None:
    for hits in (190, 200):
        seen, counts = np.array([hits / 200]), np.array([200.0])
        p = calibration_beyond(np.array([0.5]), seen, counts, 0.4)
        assert p == pytest.approx(2.0 * stats.binom.sf(hits - 1, 200, 0.9), rel=1e-9)
    # 0.5**4000 is nearest to nothing: it is not looked for below 1e-16
    assert calibration_beyond(np.array([0.4]), np.array([1.0]), np.array([4000.0]), 0.1) == (
        pytest.approx(1e-16, rel=1e-9)
    )
    assert calibration_beyond(*np.empty((3, 0)), 0.1) == 1.0


@pytest.mark.parametrize("n", [100, 1000])
def test_a_logit_exactly_a_tenth_off_is_rarely_called_further_off(n: int) -> None:
    """Real and generated points fall right with chance 0.8; the logit of the right says 0.7."""
    rng, stated, alarms = np.random.default_rng(n), math.log(0.7 / 0.3), 0
    for _ in range(300):
        real, fake = (np.where(rng.random(n) < part, stated, -stated) for part in (0.8, 0.2))
        alarms += _of_bins(calibration(real, fake)[1], 0.1) < 0.01
    assert alarms <= int(stats.binom.ppf(0.999, 300, 0.01))


def test_only_what_is_no_alarm_and_nearly_one_is_suspected() -> None:
    assert suspected(PValue(raw=0.02, corrected=0.04), 0.01)
    assert suspected(PValue(raw=1e-4, corrected=0.011), 0.01)
    assert not suspected(PValue(raw=1e-5, corrected=1e-4), 0.01)
    assert not suspected(PValue(raw=0.03, corrected=0.03), 0.01)
    assert "p = 0.02, corrected for the tests beside it 0.04;" in in_words(
        PValue(raw=0.02, corrected=0.04), 0.01
    )
