"""Is a mode missing, is the mix of modes wrong, has a mode shrunk? Exact tests on counts and points.

Three tests, each valid at every sample size:

`ratio_test` asks whether a mode's generated share lies below a given part of its real share. Given
both counts together, the generated ones are binomial (Przyborowski and Wilenski 1940): exact for
Poisson counts, and sure enough for binomial ones, which spread less about the same mean. It answers
the question of two separate limits, one for each share, with fewer samples.

`distance_test` asks whether the total variation of the two mixes exceeds a declared effect. The set
of modes that gets too little is chosen on one half of the samples, and its two shares are compared
by exact limits on the other half, so that nothing is tested on what chose it.

`shrinkage` asks whether generated samples of a mode stand closer together than real ones: the
median distance to the nearest neighbour, by relabelling the pooled samples within each mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancheck.measures.medians import median_interval
from gancheck.measures.pairwise import distances
from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RELABELLINGS",
    "Shrinkage",
    "distance_limit",
    "distance_test",
    "ratio_interval",
    "ratio_test",
    "shrinkage",
]

RELABELLINGS = 1999  # smallest p-value 1/2000, so that twenty corrected tests can still speak
_SMALLEST_P = 1e-12
_FEWEST = 20  # points of each kind in a mode, below which a median distance says little
_MOST = 100  # points of each kind in a mode
_DEPTH = 24  # neighbours looked at first; the rest only where none of them has the same label
_CHUNK = 250  # relabellings at a time


def ratio_test(hits: int, n: int, real_hits: int, m: int, *, factor: float) -> float:
    """One-sided p-value of "the generated share is at least `factor` times the real share".

    Small values say that it is less.

    Args:
        hits: generated samples in the mode, of n.
        n: generated samples.
        real_hits: real samples in the mode, of m.
        m: real samples.
        factor: at most 1, for which a binomial count is no wider than the Poisson one it is
            taken for.

    Raises:
        ValueError: counts that do not fit, or a factor outside 0..1.

    Example:
        >>> f"{ratio_test(0, 1000, 50, 400, factor=0.1):.1e}"
        '1.4e-05'
    """
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    if not 0.0 < factor <= 1.0:
        raise ValueError(f"factor must lie in 0..1, got {factor}")
    if n < 1 or m < 1 or not 0 <= hits <= n or not 0 <= real_hits <= m:
        raise ValueError(f"need 0 <= hits <= n, got {hits} of {n} and {real_hits} of {m}")
    at = factor * n / (factor * n + m)
    return float(stats.binom.cdf(hits, hits + real_hits, at))


def ratio_interval(
    hits: int, n: int, real_hits: int, m: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Where the generated over the real share lies, from the same conditional law."""
    if hits + real_hits == 0:
        return 0.0, float("inf")
    low, high = clopper_pearson(hits, hits + real_hits, level=level)
    odds = [p / (1.0 - p) if p < 1.0 else float("inf") for p in (low, high)]
    return odds[0] * m / n, odds[1] * m / n


def distance_test(
    generated: np.ndarray, real: np.ndarray, *, effect: float, rng: np.random.Generator
) -> tuple[float, tuple[int, int, int, int]]:
    """p-value of "the two mixes of modes differ by at most `effect` in total variation".

    Args:
        generated: [n] mode of each sample, from 0.
        real: [m] the same.
        effect: declared, 0..1.
        rng: halves both samples.

    Returns:
        The p-value, and (hits, n, real hits, m) of the chosen modes on the second halves.

    Raises:
        ValueError: fewer than 2 samples of either kind.
    """
    if min(len(generated), len(real)) < 2:
        raise ValueError(
            f"needs 2 samples of each kind to halve, got {len(generated)} and {len(real)}"
        )
    g, x = rng.permutation(generated), rng.permutation(real)
    modes = int(max(g.max(), x.max())) + 1
    half_g, half_x = len(g) // 2, len(x) // 2
    first = np.bincount(g[:half_g], minlength=modes) / half_g
    lacking = first < np.bincount(x[:half_x], minlength=modes) / half_x
    counts = (
        int(lacking[g[half_g:]].sum()),
        len(g) - half_g,
        int(lacking[x[half_x:]].sum()),
        len(x) - half_x,
    )
    return _smallest_level(counts, effect), counts


def distance_limit(counts: tuple[int, int, int, int], *, alpha: float = 0.025) -> float:
    """Lower limit, sure to 1 - alpha, of the total variation from what `distance_test` counted."""
    hits, n, real_hits, m = counts
    below = clopper_pearson(real_hits, m, level=1.0 - alpha)[0]
    return max(0.0, below - clopper_pearson(hits, n, level=1.0 - alpha)[1])


def _smallest_level(counts: tuple[int, int, int, int], effect: float) -> float:
    """The smallest alpha at which the lower limit still exceeds the effect, by bisection."""
    if distance_limit(counts, alpha=1.0 - 1e-9) <= effect:
        return 1.0
    if distance_limit(counts, alpha=_SMALLEST_P) > effect:
        return _SMALLEST_P
    low, high = np.log(_SMALLEST_P), 0.0
    for _ in range(50):
        middle = (low + high) / 2
        if distance_limit(counts, alpha=min(float(np.exp(middle)), 1.0 - 1e-9)) > effect:
            high = middle
        else:
            low = middle
    return float(np.exp(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """How close generated samples stand within the modes, against real ones.

    Attributes:
        p_value: that no mode has shrunk; over all modes together.
        modes: which modes had enough samples, by their index.
        ratio: [modes] median nearest-neighbour distance, generated over real.
        low: [modes] lower end of its interval: from order statistics of both medians at 99 %
            each, which leaves room for the dependence of distances that share a point.
        high: [modes] upper end.
        samples: [modes] points of each kind.
    """

    p_value: float
    modes: tuple[int, ...]
    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    samples: np.ndarray


def shrinkage(
    generated: Sequence[np.ndarray],
    real: Sequence[np.ndarray],
    *,
    rng: np.random.Generator,
    relabellings: int = RELABELLINGS,
) -> Shrinkage | None:
    """Compare nearest-neighbour distances within each mode, equal numbers of both kinds.

    Args:
        generated: points [n_k, d] of each mode.
        real: held-out points [m_k, d] of each mode.
        rng: draws the subsamples and the relabellings.
        relabellings: the smallest p-value is 1 over one more.

    Returns:
        None where no mode has 20 points of each kind.

    Cost: distances among at most 200 points a mode, and a pass over them a relabelling.
    """
    logs: list[np.ndarray] = []
    found: list[tuple[float, float, float]] = []
    modes: list[int] = []
    counts: list[int] = []
    for k, (g, x) in enumerate(zip(generated, real, strict=True)):
        c = min(len(g), len(x), _MOST)
        if c < _FEWEST:
            continue
        pool = np.concatenate([g[rng.permutation(len(g))[:c]], x[rng.permutation(len(x))[:c]]])
        labels = np.zeros((relabellings + 1, 2 * c), dtype=bool)
        labels[0, :c] = True
        labels[1:] = rng.permuted(np.broadcast_to(labels[0], (relabellings, 2 * c)), axis=1)
        near, medians = _medians(pool, labels)
        logs.append(np.log(medians[0]) - np.log(medians[1]))
        found.append(_ratio(near[:c], near[c:]))
        modes.append(k)
        counts.append(c)
    if not modes:
        return None
    table = np.stack(logs)  # [modes, 1 + relabellings], the first column as observed
    # a median of c distances has an error like 1/sqrt(c): so weighted, every mode counts alike
    worst = (-table * np.sqrt(np.array(counts))[:, None]).max(axis=0)
    return Shrinkage(
        # an ulp of slack, so that equal values count as equal however they were summed
        p_value=float((1 + (worst[1:] >= worst[0] - 1e-12).sum()) / (relabellings + 1)),
        modes=tuple(modes),
        ratio=np.array(found)[:, 0],
        low=np.array(found)[:, 1],
        high=np.array(found)[:, 2],
        samples=np.array(counts),
    )


def _medians(pool: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest-neighbour distances [points] under the first labels; medians [2, labels] under all."""
    apart = distances(pool, pool)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")[:, :-1]
    ranked = np.take_along_axis(apart, order, axis=1)
    size = int(labels[0].sum())
    first, out = np.empty(0), []
    for begin in range(0, len(labels), _CHUNK):
        own = labels[begin : begin + _CHUNK]
        near = _same_label(own, order, ranked)
        first = first if begin else near[0]
        sides = (near[side].reshape(len(own), size) for side in (own, ~own))
        tiny = np.finfo(float).tiny  # copies are at distance 0: then the ratio is 1 or extreme
        out.append([np.maximum(np.median(side, axis=1), tiny) for side in sides])
    return first, np.concatenate(out, axis=1)


def _ratio(generated: np.ndarray, real: np.ndarray) -> tuple[float, float, float]:
    """Ratio of two medians and its interval; of copies alone, 1."""
    g, x = (median_interval(a.tolist(), level=0.99) for a in (generated, real))
    value, low, high = (
        top / bottom if bottom > 0.0 else (math.inf if top > 0.0 else 1.0)
        for top, bottom in ((g.value, x.value), (max(g.low, 0.0), x.high), (g.high, x.low))
    )
    return value, low, high


def _same_label(own: np.ndarray, order: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Distance [relabellings, points] to the nearest point of the same label."""
    same = own[:, order[:, :_DEPTH]] == own[:, :, None]
    near = ranked[np.arange(order.shape[0])[None, :], same.argmax(axis=2)]
    for which, point in zip(*np.nonzero(~same.any(axis=2)), strict=True):
        every = own[which, order[point]] == own[which, point]
        near[which, point] = ranked[point, every.argmax()]
    return near
