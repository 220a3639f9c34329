"""What do the first paths that cross a gap look like from end to end?

For a picture: the first paths, not the best. Each is sampled evenly; a gap that lies whole between
two neighbouring positions is looked for on the straight line between them, so that no change of
component on the picture lacks the gap it crosses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancheck.measures.crossings import POINTS, along, follow
from gancheck.measures.data_gaps import GAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.measures.data_gaps import DataGaps
    from gancheck.measures.latent_curves import Curve

__all__ = ["Strip", "strip_of"]

_SHOWN = 6  # paths
_BACKDROP = 800


@dataclass(frozen=True, slots=True)
class Strip:
    """The first six paths that cross a gap.

    Attributes:
        t: [65] positions on a path, 0..1.
        labels: [paths, 65] component there, `GAP` in the middle of a gap.
        between: [gaps, 3] path, begin and end of each gap between two neighbouring positions.
        speed: [paths, 64] length of the step of the sample over that of t, between positions.
        track: [paths, 65, 2] the samples there; no rows where they are no points of a plane.
        backdrop: [at most 800, 2] real points for behind it; no rows likewise.
    """

    t: np.ndarray
    labels: np.ndarray
    between: np.ndarray
    speed: np.ndarray
    track: np.ndarray
    backdrop: np.ndarray


def strip_of(
    sample: Callable[[np.ndarray], np.ndarray],
    gaps: DataGaps,
    curve: Curve,
    a: np.ndarray,
    b: np.ndarray,
) -> Strip:
    """The first paths from each row of a to that of b [paths, d].

    Args:
        sample: latents [n, d] -> samples [n, ...], float64.
        gaps: of the data.
        curve: on which the paths run.
        a: latents at their begin.
        b: latents at their end.

    Cost: 65 samples a path and up to 245 for each gap between neighbouring positions.
    """
    a, b = a[:_SHOWN], b[:_SHOWN]
    t = np.linspace(0.0, 1.0, POINTS)
    if len(a) == 0:
        none = np.empty((0, POINTS, 2))
        labels = np.empty((0, POINTS), dtype=np.int64)
        return Strip(t, labels, np.empty((0, 3)), none[:, 1:, 0], none, none[:, 0])
    z = along(curve, a, b, np.tile(t, (len(a), 1)))
    made = sample(z.reshape(-1, z.shape[-1]))
    flat = made.reshape(len(a), POINTS, -1)
    labels = gaps.label(made).reshape(len(a), POINTS)
    planar = flat.shape[-1] == 2
    behind = _BACKDROP if planar and gaps.space.name == "pixels" else 0
    return Strip(
        t=t,
        labels=labels,
        between=_between(lambda x: gaps.label(sample(x)), z, labels, t),
        speed=np.linalg.norm(np.diff(flat, axis=1), axis=2) * (POINTS - 1),
        track=flat if planar else np.empty((0, POINTS, 2)),
        backdrop=gaps.reference[:behind, :2],
    )


def _between(
    label: Callable[[np.ndarray], np.ndarray], z: np.ndarray, labels: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Gaps [gaps, 3] that lie whole between two neighbouring positions of different components."""
    here, there = labels[:, :-1], labels[:, 1:]
    row, k = np.nonzero((here != there) & (here != GAP) & (there != GAP))
    leave, arrive, _ = follow(label, _line, z[row, k], z[row, k + 1], labels[row, k])
    step = t[k + 1] - t[k]
    found = np.stack([row, t[k] + step * leave, t[k] + step * arrive], axis=1)
    return found[np.isfinite(leave)]


def _line(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    return a + t[:, None] * (b - a)
