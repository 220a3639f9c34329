"""Which modes does a sample cover, by the rule that was fixed before the runs?

A sample belongs to the mode whose reference points are nearest, if it lies no farther from them
than 99 % of held-out real data do. A mode is covered unless it surely gets less than a tenth of its
real share, by the exact upper limit of Clopper and Pearson at 1 - 0.01/K; it is surely covered
where the lower limit says so. The library's own coverage (`gancheck.measures.connectivity`) was
this when the runs were planned and may be refined since; an experiment's measure stays what it was,
so that runs made at different times can stand in one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial import KDTree

from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DUE", "ERROR", "ModeCoverage", "mode_coverage", "not_missed"]

DUE: Final = 0.1  # a mode counts from this part of its due on
ERROR: Final = 0.01  # of the upper limits of all modes together
_TUBE: Final = 0.99
_MIDDLE: Final = 0.25  # a/(a+b) above this is the middle half of a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeCoverage:
    """What a sample of n covers.

    Attributes:
        covered: modes that are not surely missed.
        surely: modes that surely have a tenth of their due.
        shares: of samples on each mode [K].
        off_data: share of samples on no mode.
        bridge: share of samples in the middle of a gap and on no mode.
    """

    covered: int
    surely: int
    shares: np.ndarray
    off_data: float
    bridge: float


def mode_coverage(
    real: Tensor, labels: Tensor, generated: Tensor, *, seed: int = 0
) -> ModeCoverage:
    """Judge a sample by real data whose modes are known.

    Args:
        real: [N, d]; one half is the reference, a quarter bounds the tube around it.
        labels: mode of each [N], 0 to K - 1, each of them in the reference.
        generated: [n, d].
        seed: of the split.
    """
    x, g, kinds = real.numpy(), generated.numpy(), labels.numpy()
    order = np.random.default_rng(seed).permutation(len(x))
    half = len(x) // 2
    reference, held_out = order[:half], order[half : half + (len(x) - half) // 2]
    groups = [x[reference][kinds[reference] == k] for k in range(int(kinds.max()) + 1)]
    radius = float(np.quantile(_nearest_two(x[held_out], groups)[0], _TUBE))
    a, b, which = _nearest_two(g, groups)
    on = a <= radius
    hits = [int((on & (which == k)).sum()) for k in range(len(groups))]
    due = [len(group) / half for group in groups]
    level = 1.0 - 2.0 * ERROR / len(groups)
    limits = [clopper_pearson(h, len(g), level=level) for h in hits]
    return ModeCoverage(
        covered=sum(high >= DUE * share for (_, high), share in zip(limits, due, strict=True)),
        surely=sum(low >= DUE * share for (low, _), share in zip(limits, due, strict=True)),
        shares=np.array(hits) / len(g),
        off_data=float((~on).mean()),
        bridge=float(((a / np.maximum(a + b, np.finfo(float).tiny) > _MIDDLE) & ~on).mean()),
    )


def not_missed(hits: int, n: int, modes: int) -> bool:
    """Whether one of equal modes may have a tenth of its due, by the same limit."""
    return clopper_pearson(hits, n, level=1.0 - 2.0 * ERROR / modes)[1] >= DUE / modes


def _nearest_two(
    x: np.ndarray, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances [n] to the nearest and second-nearest group, and the index of the nearest."""
    distance = np.stack([KDTree(group).query(x)[0] for group in groups])
    order = np.argsort(distance, axis=0, kind="stable")
    columns = np.arange(len(x))
    return distance[order[0], columns], distance[order[1], columns], order[0]
