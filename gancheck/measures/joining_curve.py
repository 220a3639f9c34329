"""At which scale do the samples hang together, and would as many real ones do so there?

The number of heavy pieces of a cloud, as single linkage joins it at growing scales, falls from many
to one. It depends on the number of points, so the curve of generated samples is drawn within the
range of curves of as many real ones: random thirds of the real sample, drawn again and again, with
which no generated sample has to do. A picture and no verdict: the range is that of each scale alone
and its thirds overlap from draw to draw.

Source: see `merge_curve` and `spanning_tree`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import NotApplicable
from gancheck.measures.merge_curve import heavy_components, merges
from gancheck.measures.spanning_tree import emst

if TYPE_CHECKING:
    from gancheck.measures.data_gaps import DataGaps

__all__ = ["JoiningCurve", "joining_curve"]

HEAVY = 0.01  # of the points: a lighter piece is a stray and is not counted
_POINTS = 1000  # of each cloud: a spanning tree in many dimensions costs their square
_FEWEST = 100  # points, below which a hundredth of them is no piece
_DRAWS = 8  # of thirds: 24 curves, so that one more real one seldom leaves their range
_SCALES = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningCurve:
    """Pieces of at least a hundredth of the points, by scale.

    Attributes:
        scale: [s] lengths, ascending; steps up to it join points.
        generated: [s] heavy pieces of the generated sample.
        real: [r, s] the same of each third of the real sample.
        points: of each cloud.
    """

    scale: np.ndarray
    generated: np.ndarray
    real: np.ndarray
    points: int


def joining_curve(gaps: DataGaps, generated: np.ndarray, *, seed: int = 0) -> JoiningCurve:
    """The curve of generated samples and those of as many real ones.

    Args:
        gaps: whose real samples, all three parts of them, give the null.
        generated: [n, k] samples in the space of the gaps.
        seed: of the thirds.

    Raises:
        NotApplicable: fewer than 300 real or 100 generated samples.

    Cost: 25 spanning trees of at most 1,000 points.
    """
    real = np.concatenate([gaps.reference, gaps.tube, gaps.null])
    points = min(len(real) // 3, len(generated), _POINTS)
    if points < _FEWEST:
        raise NotApplicable(
            f"a curve of pieces needs {3 * _FEWEST} real and {_FEWEST} generated samples, "
            f"got {len(real)} and {len(generated)}"
        )
    rng = np.random.default_rng(seed)
    thirds = [
        real[rows]
        for _ in range(_DRAWS)
        for rows in rng.permutation(len(real))[: 3 * points].reshape(3, points)
    ]
    found = [merges(emst(x)) for x in (generated[:points], *thirds)]
    least = HEAVY * points
    pieces = [heavy_components(m, least) for m in found]
    scale = _scales([m.heights[p > 0] for m, p in zip(found, pieces, strict=True)])
    # A curve is what it is after the last merge up to a scale.
    at = [
        np.concatenate([[0], p])[np.searchsorted(m.heights, scale, side="right")]
        for m, p in zip(found, pieces, strict=True)
    ]
    return JoiningCurve(scale=scale, generated=at[0], real=np.stack(at[1:]), points=points)


def _scales(heights: list[np.ndarray]) -> np.ndarray:
    """From the first heavy piece of any cloud to where all are one, in equal ratios."""
    together = np.concatenate(heights)
    high = float(together.max())
    if not high > 0.0:  # all points of all clouds coincide
        return np.array([1.0])
    low = max(float(together.min()), 1e-4 * high)
    return np.geomspace(low, 1.2 * high, _SCALES)
