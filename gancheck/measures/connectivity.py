"""How much generated mass lies between the components of the data?

"Is the support connected" cannot be answered from samples: a continuous generator's support always
is, and a steep one hides the bridge in as little mass as it likes (`connected-latent-connected-
support`). What samples do answer is how much mass lies in the middle of the gaps, against a null of
held-out real data. Three quantities are kept apart: bridge mass; joined pairs, which components
the samples link at the scale at which the data hangs together (a picture, no verdict); and coverage
of the components. A count of components would confuse the first with the last.

Components of the data: density-filtered single linkage on the reference half, given labels, or a
classifier. Where fewer than two are established the answer is that it cannot be decided.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.diagnosis import Measurement, Quantity
from gancheck.measures import pairwise
from gancheck.measures.data_components import link_height, linked
from gancheck.measures.data_gaps import DataGaps, data_gaps
from gancheck.measures.features import as_array, fingerprint
from gancheck.measures.figures import WIDE, page_style
from gancheck.measures.gap_region import (
    LARGEST_THRESHOLD,
    MIDDLE,
    TUBE,
    Placed,
    Region,
    joined,
    nearest,
    place,
)
from gancheck.measures.proportions import clopper_pearson, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.measures.joining_curve import JoiningCurve
    from gancheck.measures.latent_paths import LatentPaths

__all__ = ["ALPHA", "BridgeMass", "Outcome", "bridge_mass", "bridge_mass_in", "components"]

ALPHA = 0.01  # one-sided level of the test against held-out real data
_PATIENCE = 1 << 20  # samples beyond which "draw more" is no advice
_MISSING = 0.1  # a component is missed where it surely gets less than this part of its share


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
        needed: samples (real ones, or generated ones where `because` says so) with which an
            undecidable question could be decided, by the reasoning of `because`; None where no
            number up to a million would help, or where it is decided.
        count: components of the data that were established.
        p_value: one-sided Fisher exact test against held-out real data; None where undecidable.
        threshold: of a/(a+b), above which the middle of a gap begins.
        ambiguity: [n] a/(a+b) of each generated sample; empty with fewer than two components.
        null_ambiguity: [m] the same of held-out real samples.
        bridging: [n] whether a generated sample lies in the bridge region.
        pairs: [K, K] generated mass in the gap of each pair of components, symmetric.
        joined: [K, K] whether the generated samples link the pair at the data's own scale.
        generated: [n, d] the samples, for a picture.
        real: [m, d] held-out real samples.
        paths: through the latent space, where the generator was looked into.
        curve: at which scales the samples hang together, where asked for.
    """

    verdict: Outcome
    because: str
    needed: int | None
    count: int
    p_value: float | None
    threshold: float
    ambiguity: np.ndarray
    null_ambiguity: np.ndarray
    bridging: np.ndarray
    pairs: np.ndarray
    joined: np.ndarray
    generated: np.ndarray
    real: np.ndarray
    paths: LatentPaths | None = None
    curve: JoiningCurve | None = None

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """The bridging samples in the plane, or each sample's a/(a+b); pairs; paths; the curve."""
        from gancheck.measures.support_figures import bridge_figure

        return bridge_figure(self, width_px)


def bridge_mass(
    real: Any, generated: Any, *, labels: Any = None, features: Any = None, seed: int = 0
) -> BridgeMass:
    """Measure the generated mass in the middle of the gaps between components of the data.

    With a and b the distances to the nearest and second-nearest component, a sample is in the
    bridge region where a/(a+b) exceeds 1/4 (or the 99 % quantile of held-out real data, where that
    is more) and a exceeds the 99 % quantile of held-out real distances.

    Args:
        real: [N, ...] data; split in two halves, reference and held out (half of that, at most 500,
            for the tube, the rest for the null).
        generated: [n, ...] samples of the same shape.
        labels: [N] classes of the data, or a classifier (samples -> classes), whose classes are
            the components instead of those found by linkage.
        features: the space in which distances are taken: `pixels` (the samples as they are), `pca`,
            `module:function`, a callable (samples -> [n, k]), or what `measures.features` makes.
        seed: of the split.

    Returns:
        `bridge_mass`, `off_tube_mass` (shares with exact intervals), `coverage` (share of the
        components not surely missed), `joined_pairs` (how many pairs the samples link),
        `real_in_gap` (held-out real share in the bridge region: the null of the test).

    Raises:
        ValueError: fewer than 40 real or 1 generated sample, shapes that differ, NaN or infinity,
            features that do not give one row a sample.

    Cost: a spanning tree of the reference and one pass of distances; 0.1 s at n = 10,000 in the
    plane.
    """
    return bridge_mass_in(
        data_gaps(real, labels=labels, features=features, seed=seed), generated, seed=seed
    )


def bridge_mass_in(gaps: DataGaps, generated: Any, *, seed: int = 0) -> BridgeMass:
    """`bridge_mass` where the gaps of the data are known already.

    Args:
        gaps: from `data_gaps`.
        generated: [n, ...] samples.
        seed: of the split, for the provenance.

    Raises:
        ValueError: no sample, samples of another shape, NaN or infinity.
    """
    start = time.perf_counter()
    generated = as_array(generated, "generated")
    if len(generated.shape) < 1 or len(generated) < 1:
        shape = tuple(generated.shape)
        raise ValueError(f"generated must hold at least 1 sample, got shape {shape}")
    g, found = gaps.seen(generated, "generated"), gaps.components
    result = _without_gap(gaps, g) if gaps.region is None else _with_gap(gaps, gaps.region, g)
    provenance = {
        "reference": len(gaps.reference),
        "held_out": len(gaps.tube) + len(gaps.null),
        "generated": len(g),
        "components": found.count,
        "components_from": found.source,
        "features": gaps.space.name,
        "features_note": gaps.space.note,
        "features_sha256": fingerprint(gaps.reference),
        "dimension": gaps.reference.shape[1],
        "seed": seed,
        "seconds": time.perf_counter() - start,
    }
    return BridgeMass(
        provenance=provenance, count=found.count, generated=g, real=gaps.null, **result
    )


def components(x: np.ndarray) -> np.ndarray:
    """Component of each row of x [n, d] by density-filtered single linkage; -1 for none."""
    return linked(x).labels


def _with_gap(gaps: DataGaps, region: Region, g: np.ndarray) -> dict[str, Any]:
    """Everything that needs at least two components."""
    found, groups = gaps.components, gaps.groups
    placed, real = place(g, groups), place(gaps.null, groups)
    bridging = region.holds(placed)
    hits, null_hits = int(bridging.sum()), int(region.holds(real).sum())
    n, m = len(g), len(gaps.null)
    mass, in_gap = share(hits, n), share(null_hits, m)
    p = fisher(hits, n, null_hits, m)
    if region.threshold > LARGEST_THRESHOLD:
        because, needed = _filled(gaps)
        verdict = Outcome.not_decidable
    else:
        verdict, because, needed = _decide(mass, p, (hits, n), (null_hits, m))
    height = found.height if math.isfinite(found.height) else link_height(gaps.reference)
    if verdict is Outcome.not_decidable:
        height = math.inf  # at what scale pieces hang together means nothing without a gap
    links = joined(g, placed, region, bridging, height, found.count)
    pairs = np.zeros((found.count, found.count))
    np.add.at(pairs, (placed.first[bridging], placed.second[bridging]), 1.0 / n)
    coverage, rows = _coverage(groups, placed, region.radius)
    linked_pairs = float(np.triu(links).sum())
    return {
        "quantities": {
            "bridge_mass": mass,
            "coverage": coverage,
            "off_tube_mass": share(int((placed.a > region.radius).sum()), n),
            "joined_pairs": Quantity(value=linked_pairs, low=linked_pairs, high=linked_pairs),
            "real_in_gap": in_gap,
        },
        "rows": rows,
        "verdict": verdict,
        "because": because,
        "needed": needed,
        "p_value": None if verdict is Outcome.not_decidable else p,
        "threshold": region.threshold,
        "ambiguity": placed.ambiguity,
        "null_ambiguity": real.ambiguity,
        "bridging": bridging,
        "pairs": pairs + pairs.T,
        "joined": links,
    }


def _without_gap(gaps: DataGaps, g: np.ndarray) -> dict[str, Any]:
    """No two components: there is mass off the data, but no gap that it could bridge."""
    found = gaps.components
    radius = float(np.quantile(nearest(gaps.tube, gaps.reference), TUBE))
    away = nearest(g, gaps.reference)
    way_out = (
        f"with about {2 * found.needed:,} real samples this could be told"
        if found.needed
        else "whether more would show others is not known: give labels, or features in which the "
        "classes are apart"
    )
    nothing = np.empty(0)
    return {
        "quantities": {"off_tube_mass": share(int((away > radius).sum()), len(g))},
        "rows": [],
        "verdict": Outcome.not_decidable,
        "because": (
            f"{found.doubt}, so no gap between components is established to look into; {way_out}"
        ),
        "needed": None if found.needed is None else 2 * found.needed,
        "p_value": None,
        "threshold": MIDDLE,
        "ambiguity": nothing,
        "null_ambiguity": nothing,
        "bridging": np.zeros(len(g), dtype=bool),
        "pairs": np.zeros((found.count, found.count)),
        "joined": np.zeros((found.count, found.count), dtype=bool),
    }


def _filled(gaps: DataGaps) -> tuple[str, int | None]:
    """Why held-out real data fill the gaps, and how many real samples would leave them empty.

    Three causes: chance, in a small held-out part; pieces of the data too small to have been made
    components, whose own points then lie between the others; or components that do overlap at this
    density of the reference. A denser reference brings a held-out point nearer to its own component,
    so the share in the middle falls with its size; the fall from half of the reference to all of it
    is taken for that of every further doubling. On digits, whose classes overlap, that share fell by
    a constant factor, 0.8 in pixels, from 75 to 1,200 images.
    """
    whole, half = (
        place(gaps.tube, [group[::step] for group in gaps.groups]).ambiguity > LARGEST_THRESHOLD
        for step in (1, 2)
    )
    hits, m = int(whole.sum()), len(gaps.tube)
    total = len(gaps.reference) + m + len(gaps.null)
    why = (
        f"{hits} of {m} held-out real samples ({hits / m:.1%}) lie about halfway between two "
        f"components (a/(a+b) above {LARGEST_THRESHOLD:g}), where at most 1 % may for a gap to be "
        "established"
    )
    if clopper_pearson(hits, m)[0] <= 1.0 - TUBE:
        return f"{why}; that may be chance, and twice as many real samples may tell", 2 * total
    if gaps.components.needed is not None:
        owner = gaps.components.labels[pairwise.nearest(gaps.tube[whole], gaps.reference)[1]]
        if (owner < 0).mean() > 0.5:
            needed = 2 * gaps.components.needed
            return (
                f"{why}; most of them belong to pieces of the data with too few points to count as "
                f"components, which about {needed:,} real samples would show"
            ), needed
    fewer = hits / max(1, int(half.sum()))
    doublings = math.log(hits / m / (1.0 - TUBE)) / -math.log(fewer) if fewer < 1.0 else math.inf
    trend = f"{why}; measured from half of the reference it is {half.mean():.1%}"
    if total * 2.0 ** min(doublings, 64.0) > _PATIENCE:
        return (
            f"{trend}, so no number of real samples up to {_PATIENCE:,} would do: measure in a "
            "feature space in which the components are apart, or give labels of which they are"
        ), None
    needed = math.ceil(total * 2.0**doublings)
    return f"{trend}; falling on like that it takes about {needed:,} real samples", needed


def _decide(
    mass: Quantity, p: float, sample: tuple[int, int], null: tuple[int, int]
) -> tuple[Outcome, str, int | None]:
    """The outcome, its reason, and how many samples would decide where it is open."""
    (hits, n), (null_hits, m) = sample, null
    counted = (
        f"{hits} of {n} generated samples lie in the middle of a gap, {null_hits} of {m} held-out "
        "real ones"
    )
    if p < ALPHA:
        return Outcome.bridged, f"{counted} (one-sided Fisher p = {p:.1e})", None
    if fisher(n, n, null_hits, m) >= ALPHA:
        needed = _samples_needed(null_hits, m)
        way_out = "more real ones" if needed is None else f"at least {needed} generated ones"
        return (
            Outcome.not_decidable,
            (
                f"with {n} generated and {m} held-out real samples no number of hits would be "
                f"significant at {ALPHA}; draw {way_out}"
            ),
            needed,
        )
    noticed = detectable(null_hits, n, m)
    return (
        Outcome.not_detected,
        (
            f"{counted} (p = {p:.2f}); the bridge mass is at most {mass.interval[1]:.2e}, and "
            f"{noticed} hits would have been noticed"
        ),
        None,
    )


def fisher(hits: int, n: int, null_hits: int, m: int) -> float:
    """One-sided p of `hits` of n against `null_hits` of m: Fisher's exact test.

    Given their sum, hits are hypergeometric where both samples have one law.
    """
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    return float(stats.hypergeom.sf(hits - 1, n + m, hits + null_hits, n))


def _samples_needed(null_hits: int, m: int) -> int | None:
    """Fewest generated samples of which some number of hits would be significant; None: 10^6."""
    high = 1
    while fisher(high, high, null_hits, m) >= ALPHA:
        high *= 2
        if high > _PATIENCE:
            return None
    return next(k for k in range(high // 2, high + 1) if fisher(k, k, null_hits, m) < ALPHA)


def detectable(null_hits: int, n: int, m: int) -> int:
    """Fewest hits of n that the test would call significant; n of n must be."""
    low, high = 0, n
    while low < high:
        mid = (low + high) // 2
        if fisher(mid, n, null_hits, m) < ALPHA:
            high = mid
        else:
            low = mid + 1
    return low


def _coverage(
    groups: Sequence[np.ndarray], placed: Placed, radius: float
) -> tuple[Quantity, list[dict[str, Any]]]:
    """Share of components not surely missed; `low` counts only those surely reached.

    A component is surely missed where the upper limit of its generated share lies below a tenth of
    the lower limit of its real share, all limits together right with probability 1 - ALPHA.
    """
    n, total, k = len(placed.a), sum(map(len, groups)), len(groups)
    level = 1.0 - ALPHA / k  # each two-sided: half of it for every one of the 2 k limits used
    kept, reached = 0, 0
    rows: list[dict[str, Any]] = []
    for i, group in enumerate(groups):
        hits = int(((placed.first == i) & (placed.a <= radius)).sum())
        low, high = clopper_pearson(hits, n, level=level)
        least, most = clopper_pearson(len(group), total, level=level)
        missed = high < _MISSING * least
        kept += not missed
        reached += low >= _MISSING * most
        rows.append(
            {
                "component": i,
                "real_share": len(group) / total,
                "generated_share": hits / n,
                "generated_low": low,
                "generated_high": high,
                "surely_missed": missed,
            }
        )
    return Quantity(value=kept / k, unit="share", low=reached / k, high=kept / k), rows
