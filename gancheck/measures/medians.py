"""How sure is a median over seeds?

`median_interval` inverts the sign test: between two order statistics the median lies with a known
probability, whatever the law. Values need only be independent draws of one law; with atoms, such
as counts, the interval is only surer than it says. Neither symmetry (Wilcoxon's signed ranks) nor
many values (a bootstrap) are asked for, which suits ten seeds.

Source: Thompson (1936), "On confidence ranges for the median and other expectation distributions
for populations of unknown distribution form".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MedianInterval", "median_interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianInterval:
    """A median and where the law's own median lies.

    Attributes:
        value: median of the values.
        low: lower end; minus infinity where there are too few values for the level.
        high: upper end; infinity likewise.
        level: with which probability the interval holds the law's median, at least; it is the
            level that was reached, not the one that was asked for.
    """

    value: float
    low: float
    high: float
    level: float


def median_interval(values: Sequence[float], *, level: float = 0.95) -> MedianInterval:
    """The narrowest symmetric pair of order statistics that holds the median at this level.

    Args:
        values: independent draws, such as one a seed.
        level: between 0 and 1.

    Returns:
        The median and the interval; of n values none has a level above 1 - 2 / 2^n.

    Raises:
        ValueError: no value, one that is not finite, or a level outside 0..1.

    Example:
        >>> found = median_interval([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
        >>> found.value, found.low, found.high, round(found.level, 4)
        (3.5, 1.0, 6.0, 0.9785)
    """
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    ordered = sorted(float(value) for value in values)
    if not ordered or not all(map(math.isfinite, ordered)):
        raise ValueError(f"values must be one or more finite numbers, got {list(values)[:5]}")
    n = len(ordered)
    # The median lies below the rank-th smallest where fewer than rank of n fair coins show heads.
    reached = {rank: 1.0 - 2.0 * float(stats.binom.cdf(rank - 1, n, 0.5)) for rank in _ranks(n)}
    rank = max((r for r, held in reached.items() if held >= level), default=0)
    if rank == 0:
        return MedianInterval(value=median(ordered), low=-math.inf, high=math.inf, level=1.0)
    return MedianInterval(
        value=median(ordered), low=ordered[rank - 1], high=ordered[n - rank], level=reached[rank]
    )


def _ranks(n: int) -> range:
    """Ranks whose order statistic does not pass its mirror image."""
    return range(1, (n + 1) // 2 + 1)
