"""Is a sampled quantity beyond its line, or did chance alone put it there?

Where a verdict compares a sampled quantity with a line, the alarm rests on a one-sided test of "the
true value is not beyond the line". Each p-value here is valid with the true value on the line
itself, where false alarms are most frequent, so it joins the tests of a report that Holm's
procedure corrects (`holm`). That a value is surely on the good side of its line is no alarm and
needs no such test: there an interval is read, which errs at its own rate.

Shares have the exact binomial test, means and ratios of means Student's, and the calibration of a
logit the one that belongs to its bins' exact limits: the smallest alpha at which they put it beyond
the line.

Source: Clopper and Pearson (1934); Student (1908); Welch (1947).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from gancheck.diagnosis import PValue, Quantity

__all__ = [
    "calibration_beyond",
    "in_words",
    "mean_above",
    "mean_outside",
    "share_above",
    "suspected",
]

_SUSPECT = 0.025  # what a 95 % interval just beyond its line comes to
_SMALLEST = 1e-16  # a p-value of nested limits is not looked for below it


def share_above(share: Quantity, n: int, line: float) -> float:
    """The chance of as many hits among n independent samples where the true share is the line.

    Exact, and at most as large where the true share is smaller. It is below 2.5 % just where
    Clopper and Pearson's 95 % interval lies above the line.

    Raises:
        ValueError: n below 1, or a share outside 0..1.

    Example:
        >>> from gancheck.measures.proportions import share
        >>> share_above(share(4, 4), 4, 0.25) == 0.25**4
        True
    """
    if n < 1 or not 0.0 <= share.value <= 1.0:
        raise ValueError(f"need a share in 0..1 of n >= 1, got {share.value} of n {n}")
    return float(stats.binom.sf(round(share.value * n) - 1, n, line))


def mean_above(value: float, error: float, line: float, *, df: int) -> float:
    """Student's test of a true value not above the line.

    Args:
        value: a mean, or a ratio of means.
        error: its standard error; 0 where every sample says the same, which decides.
        line: the largest value that is no alarm.
        df: degrees of freedom of the error.

    Returns:
        1 where value or error is not a number, which proves nothing.

    Example:
        >>> round(mean_above(2.0, 1.0, 0.0, df=1000), 4), mean_above(0.0, 0.0, 0.0, df=9)
        (0.0229, 1.0)
    """
    if math.isnan(value) or math.isnan(error) or df < 1:
        return 1.0
    if error == 0.0:
        return 0.0 if value > line else 1.0
    return float(stats.t.sf((value - line) / error, df))


def mean_outside(value: float, error: float, line: float, *, df: int) -> float:
    """The same of a true value within plus and minus the line.

    Its distance from zero is tested, and both tails are counted that lead as far out from the line;
    no true value within has more in them.
    """
    far = abs(value)
    return min(1.0, mean_above(far, error, line, df=df) + mean_above(far, error, -line, df=df))


def calibration_beyond(
    stated: np.ndarray, seen: np.ndarray, counts: np.ndarray, line: float
) -> float:
    """The smallest alpha at which the bins' limits put the mean distance above the line.

    The limits are those of `density_ratio.calibration`, which hold for all bins together at
    1 - alpha and are nested, so this is the p-value of "the mean distance is at most the line". It
    is below 1 % just where the interval of `calibration_error` lies above the line.

    Args:
        stated: [bins] mean probability that the logit states.
        seen: [bins] share of real samples.
        counts: [bins] samples.
        line: the largest mean distance that is no alarm.

    Returns:
        At least 1e-16.
    """
    if not len(counts) or _least(stated, seen, counts, 1.0) <= line:
        return 1.0
    low, high = math.log(_SMALLEST), 0.0
    for _ in range(60):  # of 37 logarithmic units: to the last digit
        middle = (low + high) / 2.0
        if _least(stated, seen, counts, math.exp(middle)) > line:
            high = middle
        else:
            low = middle
    return math.exp(high)


def suspected(p: PValue, alpha: float) -> bool:
    """No alarm, and yet beyond what a 95 % interval of this one quantity would allow."""
    return p.corrected >= alpha and p.raw <= _SUSPECT


def in_words(p: PValue, alpha: float) -> str:
    """Why what is suspected is no alarm, in a sentence."""
    return (
        f"Chance alone goes as far beyond the line with p = {p.raw:.2g}, corrected for the tests "
        f"beside it {p.corrected:.2g}; an alarm needs less than {alpha:g}."
    )


def _least(stated: np.ndarray, seen: np.ndarray, counts: np.ndarray, alpha: float) -> float:
    """The smallest mean distance within limits that hold for all bins together at 1 - alpha."""
    hits, tail = np.rint(seen * counts), alpha / (2.0 * len(counts))
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, stats.beta.ppf(tail, hits, counts - hits + 1), 0.0)
        high = np.where(hits < counts, stats.beta.isf(tail, hits + 1, counts - hits), 1.0)
    apart = np.maximum(0.0, np.maximum(low - stated, stated - high))
    return float((counts * apart).sum() / counts.sum())
