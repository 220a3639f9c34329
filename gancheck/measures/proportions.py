"""How sure is a share counted in a sample?

Clopper and Pearson (1934): the exact binomial interval, which covers at least its level at every
true share and is not empty at 0 of n.
"""

from __future__ import annotations

from gancheck.diagnosis import Quantity

__all__ = ["clopper_pearson", "share"]


def clopper_pearson(hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share.

    Raises:
        ValueError: n below 1, or hits outside 0..n.

    Example:
        >>> low, high = clopper_pearson(0, 10_000)
        >>> low, round(high, 6)
        (0.0, 0.000369)
    """
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"need 0 <= hits <= n with n >= 1, got hits {hits} of n {n}")
    tail = (1.0 - level) / 2.0
    low = float(stats.beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(1.0 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def share(hits: int, n: int) -> Quantity:
    """A counted share with its exact 95 % interval and binomial standard error."""
    low, high = clopper_pearson(hits, n)
    p = hits / n
    return Quantity(
        value=p, sampling_error=(p * (1.0 - p) / n) ** 0.5, unit="share", low=low, high=high
    )
