"""Does the generator reproduce its training samples?

Two questions, both against held-out samples of the same law, and both exact at every size.

*Rank*: do generated samples lie closer to the training set than held-out ones do? Compared within
strata, the classes or components of the training set, by the one of the nearest training sample: a
generator that draws more from a sparse class looks farther from the training set as a whole though
it copies in every class. The statistic is the chance that a generated sample is closer than a
held-out one, 1/2 for equal laws, averaged over strata by their held-out share (Meehan et al. 2020);
its p-value is by relabelling generated and held-out samples within strata. A generator that merely
avoids the edges of the data is closer, too.

*Exchange*: are generated samples tied to the training samples more than to other samples of the
law? Of each generated sample the nearest real one is found, among training and held-out together.
Had the generator not seen which are which, the labels could be exchanged, whatever law it has: good
or bad, narrow or wide. The p-value is by exchanging them; a generated sample counts for the log of
its second-nearest over its nearest distance (at most a factor of 10), since a copy is near one real
sample and a new sample is about as near to several. Of T training and H held-out samples a share
T/(T + H) of nearest ones is training by chance, and more than that is the share that was copied; it
is counted among samples that are twice as near to one real sample as to the next.

Held-out samples that are copies of training samples spoil both, so they are counted first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.diagnosis import Measurement, Quantity
from gancheck.measures.features import as_array, as_features, fingerprint, of_one_shape
from gancheck.measures.figures import (
    GENERATOR,
    REAL,
    WIDE,
    label,
    new_figure,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.mode_tests import RELABELLINGS
from gancheck.measures.modes import known_modes
from gancheck.measures.pairwise import nearest, sample_matrix, sample_pair, two_nearest
from gancheck.measures.proportions import clopper_pearson, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

__all__ = ["FEWEST", "TRAINING", "Memorisation", "memorisation"]

FEWEST = 20  # of each kind
_MOST = 2000  # generated and held-out samples
TRAINING = 10_000
_REFERENCE = 2000  # training samples in which components are looked for
_FITTED = 1000  # real samples that principal components are fitted to
_IN_STRATUM = 5  # of generated and held-out samples, for a stratum to be compared
_CLOSE = 0.01
_CLEAR = 2.0  # nearest real sample at under half the distance of the next
_MOST_CLEAR = 10.0  # nearer than that counts no more
_CHUNK = 250


@dataclass(frozen=True, kw_only=True)
class Memorisation(Measurement):
    """Distances to the training set, and two tests on them.

    Attributes:
        p_values: raw: `rank` (absent where no stratum has samples enough) and `exchange`.
        generated: [n] distance of each generated sample to its nearest training sample.
        held_out: [m] the same of held-out samples.
        strata_from: `labels`, `components`, or `one` stratum.
    """

    p_values: Mapping[str, float]
    generated: np.ndarray
    held_out: np.ndarray
    strata_from: str

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """Share of samples within a distance of the training set, generated and held-out."""
        _, ax = new_figure(width_px, 260)
        both = np.concatenate([self.generated, self.held_out])
        top = float(np.quantile(both, 0.995)) or 1.0
        for values, colour, name, at in (
            (self.held_out, REAL, "held-out", 0.35),
            (self.generated, GENERATOR, "generated", 0.65),
        ):
            ordered = np.sort(values)
            heights = np.arange(1, len(ordered) + 1) / len(ordered)
            ax.step(np.append(0.0, ordered), np.append(0.0, heights), where="post", color=colour)
            label(
                ax, min(float(np.quantile(values, at)), 0.7 * top), at, name, colour, dx=14, dy=-8
            )
        ax.set_xlim(0.0, top)
        ax.set_ylim(0.0, 1.02)
        set_ticks(ax, "y", [0.0, 0.5, 1.0], ["0", "50 %", "100 %"])
        y_title(ax, "share of samples within this distance of a training sample")
        x_title(ax, "distance to the nearest training sample")
        return ax


def memorisation(
    training: Any,
    generated: Any,
    held_out: Any,
    *,
    labels: Any = None,
    features: Any = None,
    seed: int = 0,
) -> Memorisation:
    """Test whether generated samples are tied to the training set.

    Args:
        training: [T, ...] samples that the generator was trained on, or a random part of them.
        generated: [n, ...] of the same shape.
        held_out: [m, ...] samples of the data's law that were not trained on.
        labels: [T] class of each training sample: the strata; components where not given.
        features: space in which distances are taken, as for `bridge_mass`; principal components are
            those of a tenth of the real samples, drawn from both kinds alike and then left out.
        seed: of subsamples and relabellings.

    Returns:
        `closer_share` (chance that a generated sample is closer to the training set than a held-out
        one, by strata) and `closer_share_pooled`; `training_nearest` and
        `training_nearest_expected`; `copied_share`; `near_copies` (generated share closer than
        99 % of held-out samples are); `held_out_copies`.

    Raises:
        ValueError: fewer than 20 samples of a kind, shapes that differ, NaN or infinity, labels of
            the wrong shape.

    Cost: distances of at most 2,000 generated and 2,000 held-out samples to 10,000 training ones.
    """
    start = time.perf_counter()
    training, generated, held_out = (
        as_array(a, what)
        for a, what in (
            (training, "training"),
            (generated, "generated"),
            (held_out, "held_out"),
        )
    )
    of_one_shape(training, generated, ("training", "generated"))
    of_one_shape(training, held_out, ("training", "held-out"))
    space = as_features(features)
    if space.function is not None:
        training, generated, held_out = (
            space.of(a, what)
            for a, what in (
                (training, "training"),
                (generated, "generated"),
                (held_out, "held_out"),
            )
        )
    x, g = sample_pair(training, generated, least_real=FEWEST, least_generated=FEWEST)
    h = sample_matrix(held_out, "held_out", least=FEWEST)
    if h.shape[1] != x.shape[1]:
        raise ValueError(
            f"held-out and training samples differ in size: {h.shape[1]} against {x.shape[1]}"
        )
    rng = np.random.default_rng(seed)
    kept = rng.permutation(len(x))
    total = len(x)
    if space.fit:
        pool = np.concatenate([x, h])
        aside = rng.permutation(len(pool))[: min(_FITTED, len(pool) // 10)]
        onto = space.fitted(pool[aside])
        kept = np.setdiff1d(kept, aside, assume_unique=True)
        h = np.delete(h, aside[aside >= total] - total, axis=0)
        x, g, h = onto(x), onto(g), onto(h)
    kept = kept[:TRAINING]
    owner, names, source = _strata(x, kept, labels)
    x = x[kept]
    g, h = (a[rng.permutation(len(a))[:_MOST]] for a in (g, h))
    to_g, at_g = nearest(g, x)
    to_h, at_h = nearest(h, x)
    quantities: dict[str, Quantity] = {}
    p_values: dict[str, float] = {}
    rows = _rank((to_g, to_h), (owner[at_g], owner[at_h]), names, quantities, p_values, rng)
    _exchange(g, np.concatenate([x, h]), len(x), quantities, p_values, rng)
    close = float(np.quantile(to_h, _CLOSE, method="lower"))
    quantities["near_copies"] = share(int((to_g < close).sum()), len(g))
    quantities["held_out_copies"] = share(int((to_h == 0.0).sum()), len(h))
    return Memorisation(
        quantities=quantities,
        rows=rows,
        provenance={
            "training": len(x),
            "training_given": total,
            "generated": len(g),
            "held_out": len(h),
            "features": space.name,
            "features_sha256": fingerprint(x),
            "strata_from": source,
            "strata": len(names),
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
        p_values=p_values,
        generated=to_g,
        held_out=to_h,
        strata_from=source,
    )


def _strata(
    x: np.ndarray, kept: np.ndarray, labels: Any
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Stratum of each kept training sample, names of the strata, where they come from."""
    if labels is not None:
        _, owner, names, source = known_modes(x, kept, labels=labels)
        return owner, names, source
    points, owner, names, source = known_modes(x, kept[:_REFERENCE])
    if len(names) < 2:
        return np.zeros(len(kept), dtype=int), ("all",), "one"
    return owner[nearest(x[kept], points)[1]], names, source


def _rank(
    distance: tuple[np.ndarray, np.ndarray],
    stratum: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...],
    quantities: dict[str, Quantity],
    p_values: dict[str, float],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Chance of being closer, by strata and pooled, and its p-value by relabelling within strata."""
    rows: list[dict[str, Any]] = []
    parts: list[np.ndarray] = []
    weights: list[int] = []
    for k, name in enumerate(names):
        a, b = (d[s == k] for d, s in zip(distance, stratum, strict=True))
        if min(len(a), len(b)) < _IN_STRATUM:
            continue
        parts.append(_relabelled_chances(a, b, rng))
        weights.append(len(b))
        rows.append(
            {
                "stratum": name,
                "generated": len(a),
                "held_out": len(b),
                "closer_share": float(parts[-1][0]),
            }
        )
    quantities["closer_share_pooled"] = _with_spread(_relabelled_chances(*distance, rng))
    if parts:
        values = np.average(np.stack(parts), axis=0, weights=np.array(weights, dtype=float))
        quantities["closer_share"] = _with_spread(values)
        p_values["rank"] = _at_least(values)
    return rows


def _with_spread(values: np.ndarray) -> Quantity:
    """The first value with the standard deviation of the others, which are under equal laws."""
    return Quantity(
        value=float(values[0]), sampling_error=float(values[1:].std(ddof=1)), unit="share"
    )


def _at_least(values: np.ndarray) -> float:
    """p-value of the first value among all; equal to rounding counts as equal."""
    return float((1 + (values[1:] >= values[0] - 1e-12).sum()) / len(values))


def _relabelled_chances(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """P(a < b) + P(a = b)/2 as observed, and for each relabelling of the pool."""
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    n, m = len(a), len(b)
    ranks = stats.rankdata(np.concatenate([a, b]))
    labels = np.zeros((RELABELLINGS + 1, n + m), dtype=bool)
    labels[:, :n] = True
    labels[1:] = rng.permuted(labels[1:], axis=1)
    sums = np.concatenate([labels[i : i + _CHUNK] @ ranks for i in range(0, len(labels), _CHUNK)])
    return 1.0 - (sums - n * (n + 1) / 2.0) / (n * m)


def _exchange(
    g: np.ndarray,
    real: np.ndarray,
    t: int,
    quantities: dict[str, Quantity],
    p_values: dict[str, float],
    rng: np.random.Generator,
) -> None:
    """Whose nearest real sample is one of the first t, the training ones, among all exchanges."""
    near, which = two_nearest(g, real)
    tiny = np.finfo(float).tiny  # of two copies neither is the nearer: ratio 1, weight 0
    first, second = np.maximum(near, tiny).T
    ratio = np.minimum(second, _MOST_CLEAR * first) / first  # of a copy nothing overflows
    kinds = np.stack([np.ones(len(g)), np.log(ratio), (ratio > _CLEAR).astype(float)])
    used, place = np.unique(which, return_inverse=True)
    weights = np.zeros((3, len(used)))  # real samples nearest to no generated one do not matter
    for kind, weight in zip(kinds, weights, strict=True):
        np.add.at(weight, place, kind)
    labels = np.empty((RELABELLINGS + 1, len(used)))
    labels[0] = used < t
    for i in range(1, len(labels)):
        labels[i] = rng.permutation(len(real))[: len(used)] < t
    nearest_share, tied, clear = weights @ labels.T / len(g)
    p_values["exchange"] = _at_least(tied)
    expected = t / len(real)
    quantities["training_nearest"] = _with_spread(nearest_share)
    quantities["training_nearest_expected"] = Quantity(value=expected, unit="share", kind="exact")
    every = float(kinds[2].mean())
    copied = (clear - expected * every) / (1.0 - expected)
    spread = 2.0 * float(copied[1:].std(ddof=1))
    value = float(copied[0])
    quantities["copied_share"] = Quantity(
        value=value,
        sampling_error=spread / 2.0,
        unit="share",
        low=min(max(0.0, value - spread), 1.0),
        # where no sample is clearly near to one, the spread is 0, but n samples show no more
        high=min(max(clopper_pearson(0, len(g))[1], value + spread), 1.0),
    )
