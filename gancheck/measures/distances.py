"""How far is the generated law from the data, beyond what two samples of one law show?

A distance between samples is not 0 for equal laws: W1 of two samples of 250 points of one plane
normal is 0.3, a Frechet distance grows with the square of the dimension. So each distance is taken
twice at the same numbers of samples: generated against real, and held-out real against the same
real. The difference is what the generator adds.

Both are measured on eight disjoint blocks of samples, each block with its own generated, real and
held-out real part, so that the spread over blocks is one between independent draws, and the
interval is Student's. The Frechet distance needs all samples at once; its spread is over four
random splits, which overlap, and its interval Student's for four values: of 600 draws of one normal
law in 2, 16 and 64 dimensions it left out 0, the true excess, 16 times.

Two tests at 1 % ask whether there is any difference at all: MMD and sliced W1 among relabellings of
generated and real samples. How much it matters is the excess of sliced W1 over the null, in units
of the data's own spread: the distance from the data to their best single point, so that 1 is total
collapse.

Sources: see `transport` and `discrepancies`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from gancheck.diagnosis import Measurement, Quantity
from gancheck.measures.discrepancies import (
    directions,
    frechet,
    mmd,
    relabelled_mmd,
    relabelled_sliced,
    sliced,
)
from gancheck.measures.features import as_array, as_features, fingerprint, of_one_shape
from gancheck.measures.figures import (
    GENERATOR,
    REAL,
    WIDE,
    interval,
    label,
    new_figure,
    page_style,
    reference,
    set_ticks,
    x_title,
)
from gancheck.measures.pairwise import distances as pairwise
from gancheck.measures.pairwise import sample_pair
from gancheck.measures.transport import assignment, sinkhorn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["FEWEST_GENERATED", "FEWEST_REAL", "NAMES", "Distances", "distances"]

NAMES = ("w1", "sliced_w1", "sinkhorn", "mmd", "frechet")
FEWEST_GENERATED = 64
FEWEST_REAL = 160
_BLOCKS = 8
_SPLITS = 4
_W1 = 300  # samples a block: an assignment costs 0.05 s
_SINKHORN = 100
_OTHERS = 1000
_TESTED = 500
_MOST_FEATURES = 1024  # an eigenvalue problem of this size takes a second
_EPSILON = (
    0.05  # of the median distance between real samples: the bias left is measured by the null
)


@dataclass(frozen=True, kw_only=True)
class Distances(Measurement):
    """Five distances, each beside its null, and two tests.

    Attributes:
        p_values: `mmd` and `sliced_w1`, raw, from relabelling.
        feature: name of the space in which all of it was measured.
        not_measured: name -> why.
        block: samples of each kind in a block.
    """

    p_values: Mapping[str, float]
    feature: str
    not_measured: Mapping[str, str]
    block: int

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Each distance beside its null, and what is left of it when the null is taken off."""
        shown = [name for name in NAMES if name in self.quantities]
        height = 60 + 46 * len(shown)
        if width_px < WIDE:
            _, axes = new_figure(width_px, 2 * height, rows=2)
        else:
            _, axes = new_figure(width_px, height, columns=2, width_ratios=(3, 2))
        _plot_both(axes[0], self.quantities, shown)
        _plot_excess(axes[1], self.quantities, shown)
        return axes


_WORDS = {
    "w1": "W1",
    "sliced_w1": "sliced W1",
    "sinkhorn": "Sinkhorn",
    "mmd": "MMD, squared",
    "frechet": "Fréchet",
}


def _plot_both(ax: Axes, q: Mapping[str, Quantity], shown: Sequence[str]) -> None:
    """Generated above the null, in units of the larger of the two."""
    for i, name in enumerate(shown):
        for key, colour, y in ((name, GENERATOR, i + 0.16), (f"{name}_real", REAL, i - 0.16)):
            low, high = (end / _unit(q, name) for end in q[key].interval)
            interval(ax, max(low, -1.0), q[key].value / _unit(q, name), min(high, 2.5), y, colour)
    _frame(ax, shown, (-1.05, 2.6))
    label(ax, -1.0, -0.7, "real against real", REAL)
    label(ax, 0.9, -0.7, "generated", GENERATOR)
    x_title(ax, "in units of the larger of the two")


def _plot_excess(ax: Axes, q: Mapping[str, Quantity], shown: Sequence[str]) -> None:
    """Generated minus null in the same units; an interval that holds zero is hollow."""
    for i, name in enumerate(shown):
        excess, unit = q[f"{name}_excess"], _unit(q, name)
        low, high = (end / unit for end in excess.interval)
        hollow = low <= 0.0 <= high
        interval(
            ax, max(low, -1.5), excess.value / unit, min(high, 1.9), i, GENERATOR, hollow=hollow
        )
    _frame(ax, shown, (-1.55, 1.95))
    label(ax, -1.5, -0.7, "generated minus real", GENERATOR)
    x_title(ax, "in the same units; 0: as real data")


def _unit(q: Mapping[str, Quantity], name: str) -> float:
    return max(abs(q[name].value), abs(q[f"{name}_real"].value)) or 1.0


def _frame(ax: Axes, shown: Sequence[str], ends: tuple[float, float]) -> None:
    set_ticks(ax, "y", range(len(shown)), [_WORDS[name] for name in shown])
    ax.set_ylim(len(shown) - 0.4, -0.9)
    ax.set_xlim(*ends)
    set_ticks(ax, "x", [-1, 0, 1, 2] if ends[1] > 2 else [-1, 0, 1])
    reference(ax, 0.0)


def distances(
    real: Any,
    generated: Any,
    *,
    features: Any = None,
    seed: int = 0,
) -> Distances:
    """Measure five distances between generated and real samples, each with its null.

    Args:
        real: [N, ...] data. A tenth sets the units (kernel bandwidth, entropy weight, spread).
        generated: [n, ...] samples of the same shape.
        features: space in which everything is measured, and whose name stands with every number:
            `pixels` (the samples as they are), `pca` (of the tenth that sets the units),
            `module:function`, a callable, or what `gancheck.measures.features` makes.
        seed: of blocks, directions, relabellings and splits.

    Returns:
        `w1`, `sliced_w1`, `sinkhorn`, `mmd` (squared, unbiased) and `frechet` (squared), each with
        `_real` (its null) and `_excess` (the difference); `w1_violation`, `relative_excess`.

    Raises:
        ValueError: fewer than 160 real or 64 generated samples, shapes that differ, NaN or
            infinity, real samples that coincide, features that do not give one row a sample.

    Cost: sixteen assignments of at most 300 points, two products with 2,000 relabellings, and four
    eigenvalue problems of the size of the features.
    """
    start = time.perf_counter()
    real, generated = as_array(real, "real"), as_array(generated, "generated")
    of_one_shape(real, generated)
    space = as_features(features)
    if space.function is not None:
        real, generated = space.of(real, "real"), space.of(generated, "generated")
    x, g = sample_pair(real, generated, least_real=FEWEST_REAL, least_generated=FEWEST_GENERATED)
    rng = np.random.default_rng(seed)
    x, g = x[rng.permutation(len(x))], g[rng.permutation(len(g))]
    own = len(x) // 10
    units, x = x[: min(own, _TESTED)], x[own:]
    onto = space.fitted(units)
    units, x, g = onto(units), onto(x), onto(g)
    scale = float(np.median(pairwise(units, units)[np.triu_indices(len(units), 1)]))
    u = directions(x.shape[1], rng)
    projected = units @ u.T
    spread = float(np.abs(projected - np.median(projected, axis=0)).mean())
    if not (scale > 0.0 and spread > 0.0):
        raise ValueError(
            "half or more of the real samples coincide, so there is no unit to measure in; "
            "leave out the copies"
        )
    block = min(len(x) // (2 * _BLOCKS), len(g) // _BLOCKS)
    rows = [
        _block(
            g[i * block : (i + 1) * block],
            x[2 * i * block : (2 * i + 1) * block],
            x[(2 * i + 1) * block : (2 * i + 2) * block],
            u,
            scale,
        )
        for i in range(_BLOCKS)
    ]
    quantities = _over_blocks(rows, spread)
    not_measured = _whole(x, g, quantities, rng)
    n = min(len(x), len(g), _TESTED)
    p_values = {
        "mmd": relabelled_mmd(g[:n], x[:n], scale, rng),
        "sliced_w1": relabelled_sliced(g[:n], x[:n], u, rng),
    }
    return Distances(
        quantities=quantities,
        rows=rows,
        provenance={
            "features": space.name,
            "features_sha256": fingerprint(units),
            "dimension": x.shape[1],
            "blocks": _BLOCKS,
            "block_samples": {
                "w1": min(block, _W1),
                "sinkhorn": min(block, _SINKHORN),
                "sliced_w1": min(block, _OTHERS),
                "mmd": min(block, _OTHERS),
            },
            "tested_samples": n,
            "directions": len(u),
            "bandwidth": scale,
            "entropy_weight": _EPSILON * scale,
            "spread": spread,
            "null": "held-out real data of the same number against the same real data",
            "not_measured": not_measured,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
        p_values=p_values,
        feature=space.name,
        not_measured=not_measured,
        block=block,
    )


def _block(
    g: np.ndarray, x: np.ndarray, held: np.ndarray, u: np.ndarray, scale: float
) -> dict[str, float]:
    """All distances of one block, generated and held-out real against the same real samples."""
    row: dict[str, float] = {}
    for suffix, a in (("", g), ("_real", held)):
        exact = assignment(a[:_W1], x[:_W1])
        row[f"w1{suffix}"] = exact.value
        row[f"w1{suffix}_gap"] = exact.gap
        row[f"w1{suffix}_violation"] = exact.violation
        blurred = sinkhorn(a[:_SINKHORN], x[:_SINKHORN], epsilon=_EPSILON * scale)
        row[f"sinkhorn{suffix}"] = blurred.value
        row[f"sinkhorn{suffix}_error"] = blurred.error
        row[f"sliced_w1{suffix}"] = float(sliced(a[:_OTHERS], x[:_OTHERS], u).mean())
        row[f"mmd{suffix}"] = mmd(a[:_OTHERS], x[:_OTHERS], scale)
    return row


def _over_blocks(rows: Sequence[Mapping[str, float]], spread: float) -> dict[str, Quantity]:
    """Means over blocks with Student's interval; numerical errors are the largest of a block."""

    def of(values: np.ndarray, error: float, unit: str = "1") -> Quantity:
        mean, deviation = float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
        half = error + deviation * float(stdtrit(len(values) - 1, 0.975))
        return Quantity(
            value=mean,
            error=error,
            sampling_error=deviation,
            low=mean - half,
            high=mean + half,
            unit=unit,
        )

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows])

    out: dict[str, Quantity] = {}
    for name, kind in (("w1", "gap"), ("sliced_w1", ""), ("sinkhorn", "error"), ("mmd", "")):
        errors = [
            float(np.abs(column(f"{name}{suffix}_{kind}")).max()) if kind else 0.0
            for suffix in ("", "_real")
        ]
        both = column(name), column(f"{name}_real")
        out[name] = of(both[0], errors[0])
        out[f"{name}_real"] = of(both[1], errors[1])
        out[f"{name}_excess"] = of(both[0] - both[1], sum(errors))
    out["relative_excess"] = of((column("sliced_w1") - column("sliced_w1_real")) / spread, 0.0)
    worst = max(column("w1_violation").max(), column("w1_real_violation").max())
    out["w1_violation"] = Quantity(value=float(worst), kind="upper")
    return out


def _whole(
    x: np.ndarray, g: np.ndarray, quantities: dict[str, Quantity], rng: np.random.Generator
) -> dict[str, str]:
    """The Frechet distance, from as many samples as there are; or why not."""
    d, n = x.shape[1], min(len(x) // 2, len(g))
    if d > _MOST_FEATURES:
        return {"frechet": f"{d} features exceed {_MOST_FEATURES}; give features of fewer numbers"}
    try:
        pairs: list[tuple[float, float]] = []
        for _ in range(_SPLITS):
            order, fake = rng.permutation(len(x)), rng.permutation(len(g))[:n]
            a, b = x[order[:n]], x[order[n : 2 * n]]
            pairs.append((frechet(a, g[fake]), frechet(a, b)))
    except ValueError as reason:
        return {"frechet": str(reason)}
    values = np.array(pairs)
    for suffix, column in (
        ("", values[:, 0]),
        ("_real", values[:, 1]),
        ("_excess", values[:, 0] - values[:, 1]),
    ):
        mean, spread = float(column.mean()), float(column.std(ddof=1))
        half = spread * float(stdtrit(_SPLITS - 1, 0.975))
        quantities[f"frechet{suffix}"] = Quantity(
            value=mean, sampling_error=spread, low=mean - half, high=mean + half
        )
    return {}
