"""How much generated mass lies between the components of the data?

"Is the support connected" cannot be answered from samples: a continuous generator's support always
is, and a steep one hides the bridge in as little mass as it likes (`connected-latent-connected-
support`). What samples do answer is how much mass lies in the middle of the gaps, against a null of
held-out real data. Three numbers are kept apart: bridge mass, mass off the data, and coverage of
the components.

Components of the data: density-filtered single linkage on the reference half, or given labels.
Where the data shows no two separate components there is no gap to speak of, and the answer is that
the question cannot be decided.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import KDTree

from gancheck.diagnosis import Measurement, Quantity
from gancheck.measures.figures import (
    FAILING,
    GENERATOR,
    REAL,
    WIDE,
    label,
    new_figure,
    page_style,
    reference,
    x_title,
    y_title,
)
from gancheck.measures.proportions import clopper_pearson, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["BridgeMass", "Outcome", "bridge_mass", "components"]

ALPHA = 0.01  # one-sided level of the test against held-out real data
_MIDDLE = 0.25  # a/(a+b) above this is the middle half of a gap
_TUBE = 0.99  # quantile of held-out real distances that bounds the tube around the data
_NULL_SHARE = 0.01  # more held-out real data than this in the middle: there is no gap
_SMALLEST = 0.01  # a component holds at least this share of the reference
_OUTLIERS = 0.05  # sparsest share put aside before linkage
_NEIGHBOURS = 10
_STRETCH = 2.0  # a gap is this many times the longest merge seen inside components
_REFERENCE = 5000  # linkage keeps n^2/2 distances: 100 MB at 5,000
_MISSING = 0.1  # a component is missed where it surely gets less than this part of its share
_SHOWN = 3000  # points of each kind in the picture
_KD_TREE_DIMENSION = 12  # above it a blockwise distance matrix beats a tree


class Outcome(StrEnum):
    """What the sample says of the gaps."""

    bridged = "bridged"
    not_detected = "not_detected"
    not_decidable = "not_decidable"


@dataclass(frozen=True, kw_only=True)
class BridgeMass(Measurement):
    """Mass in the gaps of the data, with a null and a test.

    Attributes:
        verdict: `bridged` (more than held-out real data, p < 0.01), `not_detected` (read the upper
            limit), or `not_decidable`.
        because: the reason in a sentence.
        count: components of the data that were established.
        p_value: one-sided Fisher exact test against held-out real data; None where undecidable.
        ambiguity: [n] a/(a+b) of each generated sample; empty with fewer than two components.
        null_ambiguity: [m] the same of held-out real samples.
        bridging: [n] whether a generated sample lies in the bridge region.
        generated: [n, d] the samples, for a picture.
        real: [m, d] held-out real samples.
    """

    verdict: Outcome
    because: str
    count: int
    p_value: float | None
    ambiguity: np.ndarray
    null_ambiguity: np.ndarray
    bridging: np.ndarray
    generated: np.ndarray
    real: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """Samples in the plane with bridging ones marked, or the ambiguity a/(a+b) of each sample."""
        if self.generated.shape[1] == 2:
            _, ax = new_figure(width_px, min(width_px, 440))
            _scatter(ax, self)
        else:
            _, ax = new_figure(width_px, 240)
            _ambiguity(ax, self)
        return ax


def bridge_mass(real: Any, generated: Any, *, labels: Any = None, seed: int = 0) -> BridgeMass:
    """Measure the generated mass in the middle of the gaps between components of the data.

    With a and b the distances to the nearest and second-nearest component, a sample is in the
    bridge region where a/(a+b) > 1/4 and a exceeds the 99 % quantile of held-out real distances.

    Args:
        real: [N, ...] data, not the generated law's training noise; split in two halves, reference
            and held out (half of that for the tube, half for the null).
        generated: [n, ...] samples of the same shape.
        labels: [N] classes of the data, used as its components instead of linkage.
        seed: of the split.

    Returns:
        `bridge_mass`, `off_tube_mass` (shares with exact intervals), `coverage` (share of the
        components not surely missed), `real_in_gap` (held-out real share with a/(a+b) > 1/4).

    Raises:
        ValueError: fewer than 40 real or 1 generated sample, shapes that differ, NaN or infinity.

    Cost: linkage of at most 5,000 reference points and one pass of distances; 1 s at n = 10,000 in
    the plane.
    """
    start = time.perf_counter()
    x, g = _matrix(real, "real", least=40), _matrix(generated, "generated", least=1)
    if x.shape[1] != g.shape[1]:
        raise ValueError(
            f"real and generated samples differ in size: {x.shape[1]} against {g.shape[1]} numbers"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    half = min(len(x) // 2, _REFERENCE)
    quarter = half + (len(x) - half) // 2
    reference, tube, null = order[:half], order[half:quarter], order[quarter:]
    if labels is None:
        kinds = components(x[reference])
    else:
        kinds = _from_labels(np.asarray(labels), len(x))[reference]
    names = [k for k in np.unique(kinds) if k >= 0]
    provenance: dict[str, Any] = {
        "reference": len(reference),
        "held_out": len(tube) + len(null),
        "generated": len(g),
        "components": len(names),
        "components_from": "labels" if labels is not None else "density-filtered single linkage",
        "dimension": x.shape[1],
        "seed": seed,
    }
    groups = [x[reference][kinds == k] for k in names]
    if len(names) < 2:
        result = _without_gap(x, g, reference, tube, null)
    else:
        result = _with_gap(x, g, groups, tube, null)
    provenance["seconds"] = time.perf_counter() - start
    return BridgeMass(provenance=provenance, count=len(names), generated=g, real=x[null], **result)


def components(x: np.ndarray) -> np.ndarray:
    """Component of each row of x [n, d] by density-filtered single linkage; -1 for none.

    The sparsest 5 % (by distance to the tenth neighbour) are put aside, the rest is linked, and the
    tree is cut at twice the 99.9 % quantile of the merge heights at which less than 1 % of the mass
    joins: merges inside a component look like that. Components below 1 % are dropped.
    """
    n = len(x)
    k = min(_NEIGHBOURS, n - 1)
    sparse = (
        KDTree(x).query(x, k=k + 1)[0][:, -1]
        if x.shape[1] <= _KD_TREE_DIMENSION
        else (np.partition(_distances(x, x), k, axis=1)[:, k])
    )
    kept = np.flatnonzero(sparse <= np.quantile(sparse, 1.0 - _OUTLIERS))
    out = np.full(n, -1)
    if len(kept) < 2:
        return out
    tree = linkage(x[kept], method="single")
    sizes = np.concatenate([np.ones(len(kept)), tree[:, 3]])
    smaller = np.minimum(sizes[tree[:, 0].astype(int)], sizes[tree[:, 1].astype(int)])
    minor = tree[smaller < _SMALLEST * len(kept), 2]
    cut = _STRETCH * float(np.quantile(minor, 0.999)) if len(minor) else 0.0
    found = fcluster(tree, t=cut, criterion="distance")
    for kind, size in zip(*np.unique(found, return_counts=True), strict=True):
        if size >= _SMALLEST * len(kept):
            out[kept[found == kind]] = kind
    return out


def _with_gap(
    x: np.ndarray, g: np.ndarray, groups: Sequence[np.ndarray], tube: np.ndarray, null: np.ndarray
) -> dict[str, Any]:
    """Everything that needs at least two components."""
    near_tube = _nearest_two(x[tube], groups)
    near_null = _nearest_two(x[null], groups)
    near = _nearest_two(g, groups)
    radius = float(np.quantile(near_tube[0], _TUBE))

    def split(found: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        a, b, _ = found
        ambiguity = a / np.maximum(a + b, np.finfo(float).tiny)
        return ambiguity, (ambiguity > _MIDDLE) & (a > radius)

    ambiguity, bridging = split(near)
    null_ambiguity, null_bridging = split(near_null)
    hits, null_hits = int(bridging.sum()), int(null_bridging.sum())
    in_gap = share(int((null_ambiguity > _MIDDLE).sum()), len(null))
    p = _fisher(hits, len(g), null_hits, len(null))
    mass = share(hits, len(g))
    verdict, because = _decide(mass, in_gap, p, hits, null_hits, len(g), len(null))
    quantities = {
        "bridge_mass": mass,
        "coverage": _coverage(groups, near, radius),
        "off_tube_mass": share(int((near[0] > radius).sum()), len(g)),
        "real_in_gap": in_gap,
    }
    rows = [
        {
            "component": i,
            "real_share": len(group) / sum(map(len, groups)),
            "generated_share": float(((near[2] == i) & (near[0] <= radius)).mean()),
        }
        for i, group in enumerate(groups)
    ]
    return {
        "quantities": quantities,
        "rows": rows,
        "verdict": verdict,
        "because": because,
        "p_value": None if verdict is Outcome.not_decidable else p,
        "ambiguity": ambiguity,
        "null_ambiguity": null_ambiguity,
        "bridging": bridging,
    }


def _without_gap(
    x: np.ndarray, g: np.ndarray, reference: np.ndarray, tube: np.ndarray, null: np.ndarray
) -> dict[str, Any]:
    """One component: there is mass off the data, but no gap that it could bridge."""
    del null
    radius = float(np.quantile(_nearest(x[tube], x[reference]), _TUBE))
    away = _nearest(g, x[reference])
    nothing = np.empty(0)
    return {
        "quantities": {"off_tube_mass": share(int((away > radius).sum()), len(g))},
        "rows": [],
        "verdict": Outcome.not_decidable,
        "because": (
            "the data shows a single component in this space, so there is no gap between components "
            "to look into; give labels, or features in which the classes are apart"
        ),
        "p_value": None,
        "ambiguity": nothing,
        "null_ambiguity": nothing,
        "bridging": np.zeros(len(g), dtype=bool),
    }


def _decide(
    mass: Quantity, in_gap: Quantity, p: float, hits: int, null_hits: int, n: int, m: int
) -> tuple[Outcome, str]:
    if in_gap.value > _NULL_SHARE:
        return Outcome.not_decidable, (
            f"{in_gap.value:.1%} of held-out real data already lies where a gap should be (at most "
            f"{_NULL_SHARE:.0%} is allowed): in this space the components have no gap between them"
        )
    if p < ALPHA:
        return Outcome.bridged, (
            f"{hits} of {n} generated samples lie in the middle of a gap, {null_hits} of {m} "
            f"held-out real ones (one-sided Fisher p = {p:.1e})"
        )
    needed = _detectable(null_hits, n, m)
    if needed is None:
        return Outcome.not_decidable, (
            f"with {n} generated and {m} held-out real samples no number of hits would be "
            f"significant at {ALPHA}; draw more"
        )
    return Outcome.not_detected, (
        f"{hits} of {n} generated samples lie in the middle of a gap, {null_hits} of {m} held-out "
        f"real ones (p = {p:.2f}); the bridge mass is at most {mass.interval[1]:.2e}, and {needed} "
        "hits would have been noticed"
    )


def _fisher(hits: int, n: int, null_hits: int, m: int) -> float:
    """One-sided p of `hits` of n against `null_hits` of m."""
    found: Any = stats.fisher_exact(
        [[hits, n - hits], [null_hits, m - null_hits]], alternative="greater"
    )
    return float(found.pvalue)


def _detectable(null_hits: int, n: int, m: int) -> int | None:
    """Fewest hits that the test would call significant; None where not even n of n would."""
    low, high = 0, n + 1
    while low < high:
        mid = (low + high) // 2
        if mid > n:
            break
        if _fisher(mid, n, null_hits, m) < ALPHA:
            high = mid
        else:
            low = mid + 1
    return low if low <= n else None


def _coverage(
    groups: Sequence[np.ndarray], near: tuple[np.ndarray, ...], radius: float
) -> Quantity:
    """Share of components not surely missed; `low` counts only those surely reached."""
    a, _, which = near
    n, total, k = len(a), sum(map(len, groups)), len(groups)
    kept, reached = 0, 0
    for i, group in enumerate(groups):
        hits = int(((which == i) & (a <= radius)).sum())
        low, high = clopper_pearson(hits, n, level=1.0 - 2.0 * ALPHA / k)
        threshold = _MISSING * len(group) / total
        kept += high >= threshold
        reached += low >= threshold
    return Quantity(value=kept / k, unit="share", low=reached / k, high=kept / k)


def _nearest_two(
    x: np.ndarray, groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances [n] to the nearest and second-nearest group, and the index of the nearest."""
    d = np.stack([_nearest(x, group) for group in groups])
    order = np.argsort(d, axis=0, kind="stable")
    columns = np.arange(len(x))
    return d[order[0], columns], d[order[1], columns], order[0]


def _nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance [n] of each row of x to the nearest row of y."""
    if x.shape[1] <= _KD_TREE_DIMENSION:
        return KDTree(y).query(x)[0]
    return np.concatenate(
        [_distances(x[i : i + 1000], y).min(axis=1) for i in range(0, len(x), 1000)]
    )


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    centre = y.mean(axis=0)  # products of far-off points cancel; about the mean they do not
    return torch.cdist(torch.from_numpy(x - centre), torch.from_numpy(y - centre)).numpy()


def _from_labels(labels: np.ndarray, n: int) -> np.ndarray:
    if labels.shape != (n,):
        raise ValueError(f"labels must have shape ({n},), one a real sample, got {labels.shape}")
    return np.unique(labels, return_inverse=True)[1]


def _matrix(x: Any, name: str, *, least: int) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().numpy()
    out = np.asarray(x, dtype=np.float64)
    if out.ndim < 1 or len(out) < least:
        raise ValueError(f"{name} must hold at least {least} samples, got shape {out.shape}")
    out = np.ascontiguousarray(out.reshape(len(out), -1))
    if not np.isfinite(out).all():
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    return out


def _scatter(ax: Axes, found: BridgeMass) -> None:
    real, fake, on = found.real[:_SHOWN], found.generated[:_SHOWN], found.bridging[:_SHOWN]
    for points, colour, size in (
        (real, REAL, 3),
        (fake[~on], GENERATOR, 3),
        (fake[on], FAILING, 5),
    ):
        ax.plot(*points.T, "o", color=colour, markersize=size, alpha=0.5, markeredgewidth=0)
    ax.set_aspect("equal", adjustable="datalim")
    for i, (name, colour) in enumerate(
        (("real", REAL), ("generated", GENERATOR), ("in a gap", FAILING))
    ):
        ax.text(0.0, 1.0 - 0.06 * i, name, color=colour, transform=ax.transAxes, weight="bold")


def _ambiguity(ax: Axes, found: BridgeMass) -> None:
    bins = np.linspace(0.0, 0.5, 51)
    if not len(found.ambiguity):
        ax.text(0.5, 0.5, "one component: no gap", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
        return
    for values, colour, name, dy in (
        (found.null_ambiguity, REAL, "held-out real", 12),
        (found.ambiguity, GENERATOR, "generated", 26),
    ):
        heights, _ = np.histogram(values, bins=bins, density=True)
        ax.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
        ax.stairs(heights, bins, color=colour, linewidth=1.6)
        peak = int(heights.argmax())
        label(ax, float(bins[peak]), float(heights[peak]), name, colour, dy=dy, align="right")
    reference(ax, 0.25, text="middle half of a gap begins")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.set_yticks([])
    y_title(ax, "density")
    x_title(ax, "a/(a+b): nearest against second-nearest component (0.5 = halfway)")
