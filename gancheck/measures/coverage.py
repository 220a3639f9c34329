"""Does the generator reach every mode of the data, in the right mix and with the right variety?

Modes are the labels of the data, known centres, or components found in a reference part of the real
sample. A sample belongs to the mode of the nearest reference point, if it lies no farther from it
than 99 % of real data do; generated and held-out real samples are assigned by one and the same
rule, so that tests of one against the other hold whatever the rule is worth. Shares are among the
samples that lie on the data: mass beside it is the matter of `connectivity`.

Six tests, each with an effect size that is declared here: a mode is missing (under a tenth of its
real share) or under-represented (under half of it), the mix of modes differs (by more than 0.05 in
total variation), modes have shrunk (nearest neighbours at under half the real distance), the
reference is covered worse than by held-out real data, samples repeat.

Where the discriminator's logit is known, its mean on the real samples of a mode stands beside
log(real share / generated share). For the optimal discriminator the logit is the log density ratio
(`logit-is-log-density-ratio`), so its mean over a mode is that logarithm plus the divergence
KL(real || generated) within the mode: never less. Where it is far less, D has not noticed.

Sources: Clopper and Pearson (1934); `mode_tests`, `fidelity` and `near_duplicates` for theirs.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.diagnosis import Measurement, Quantity
from gancheck.measures.features import as_array, as_features, fingerprint, of_one_shape
from gancheck.measures.fidelity import FOUR, fidelity
from gancheck.measures.figures import (
    GENERATOR,
    REAL,
    WIDE,
    interval,
    label,
    new_figure,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.mode_tests import (
    distance_limit,
    distance_test,
    ratio_interval,
    ratio_test,
    shrinkage,
)
from gancheck.measures.modes import assign, known_modes
from gancheck.measures.near_duplicates import near_duplicates, pair_count, support_size
from gancheck.measures.pairwise import nearest, sample_matrix, sample_pair
from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["EFFECT", "FEWEST_REAL", "MISSING", "UNDER", "Coverage", "coverage"]

MISSING = 0.1  # of its real share: a mode that gets less is missing
UNDER = 0.5  # of its real share: a mode that gets less is under-represented
EFFECT = 0.05  # total variation between the mixes that is let pass
FEWEST_REAL = 40
_REFERENCE = 5000
_TUBE = 0.99
_FEWEST_ON = 20  # generated samples on the data, below which shares say nothing
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Coverage(Measurement):
    """Shares of modes, variety within them, and the tests on both.

    Attributes:
        p_values: name -> raw p-value: `missing`, `under_represented`, `imbalance` (where there are
            modes and samples on them), `shrinkage`, `coverage`, `near_duplicates` (where there are
            samples enough).
        modes: name of each mode; one entry where no two modes could be told apart.
        modes_from: `labels`, `centres` or `components`.
        hits: [modes] generated samples in each mode.
        real_hits: [modes] held-out real samples in each mode.
        generated: how many generated samples there are, on the data or off it.
    """

    p_values: Mapping[str, float]
    modes: tuple[str, ...]
    modes_from: str
    hits: np.ndarray
    real_hits: np.ndarray
    generated: int

    @property
    def has_shares(self) -> bool:
        """Whether there are two modes, and generated samples on them."""
        return "missing" in self.p_values

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Shares of the modes with intervals and the real ones; below, the four beside their null."""
        bars = min(len(self.modes), _SHOWN) if self.has_shares else 0
        heights = (24 * bars + 50, 150) if bars else (40, 150)
        _, (top, bottom) = new_figure(width_px, sum(heights), rows=2, height_ratios=heights)
        if bars:
            _plot_modes(top, self)
        else:
            words = "no two modes told apart" if len(self.modes) < 2 else "no samples on the data"
            _only_words(top, words)
        _plot_four(bottom, self)
        return np.array([top, bottom])


def coverage(
    real: Any,
    generated: Any,
    *,
    labels: Any = None,
    centres: Any = None,
    logits: Any = None,
    features: Any = None,
    seed: int = 0,
) -> Coverage:
    """Compare the modes of generated samples with those of held-out real ones.

    Args:
        real: [N, ...] data; half of them (at most 5,000) are the reference, an eighth sets how far
            a sample may lie from it, the rest is held out.
        generated: [n, ...] samples of the same shape.
        labels: [N] class of each real sample, taken as its mode.
        centres: [modes, ...] known centres of the modes; not together with labels.
        logits: [N] the discriminator's logit on each real sample.
        features: space in which distances are taken, as for `bridge_mass`; principal components are
            those of the reference.
        seed: of the splits, subsamples and relabellings.

    Returns:
        `missing_modes`, `share_ratio` (generated over real share of the mode that lacks most),
        `mode_distance` (total variation of the mixes) and `mode_distance_real` (what the same
        numbers of samples of one mix would show), `worst_mode_logit` and `worst_mode_log_ratio`,
        `within_mode_ratio`; `precision`, `recall`, `density`, `knn_coverage`, each with `_real`;
        `near_duplicates`, `support_size`, each with `_real`. What has no samples is absent.

    Raises:
        ValueError: fewer than 40 real or 2 generated samples, NaN or infinity, shapes that do not
            fit, labels and centres together.

    Cost: a pass of distances to the reference, thrice among 2,000 samples; linkage to find modes.
    """
    start = time.perf_counter()
    real, generated = as_array(real, "real"), as_array(generated, "generated")
    of_one_shape(real, generated)
    space = as_features(features)
    if space.function is not None:
        real, generated = space.of(real, "real"), space.of(generated, "generated")
        centres = None if centres is None else space.of(centres, "centres")
    x, g = sample_pair(real, generated, least_real=FEWEST_REAL, least_generated=2)
    if labels is not None and centres is not None:
        raise ValueError("give labels or centres, not both: each says what the modes are")
    scores = None if logits is None else _logits(logits, len(x))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    half = min(len(x) // 2, _REFERENCE)
    cut = half + (len(x) - half) // 4
    reference, tube, held = order[:half], order[half:cut], order[cut:]
    if space.fit:
        onto = space.fitted(x[reference])
        x, g = onto(x), onto(g)
        centres = None if centres is None else onto(sample_matrix(centres, "centres", least=1))
    points, owner, names, source = known_modes(x, reference, labels=labels, centres=centres)
    radius = float(np.quantile(nearest(x[tube], points)[0], _TUBE))
    in_mode = [assign(a, points, owner, radius) for a in (g, x[held])]
    hits, real_hits = (np.bincount(m[m >= 0], minlength=len(names)) for m in in_mode)
    quantities: dict[str, Quantity] = {}
    p_values: dict[str, float] = {}
    rows: list[dict[str, Any]] = []
    if len(names) > 1 and int(hits.sum()) >= _FEWEST_ON:
        rows = _shares(names, hits, real_hits, quantities, p_values)
        _mix(in_mode, hits, real_hits, quantities, p_values, rng)
        if scores is not None:
            _beside_logits(rows, in_mode[1], scores[held], quantities)
    _within(g, x[held], in_mode, rows, quantities, p_values, rng)
    # what principal components were fitted to is no fair sample beside what they were not
    found = fidelity(x[order[half:]] if space.fit else x, g, rng=rng)
    if found is not None:
        p_values["coverage"] = found.p_value
        for name in FOUR:
            quantities[name] = found.generated[name]
            quantities[f"{name}_real"] = found.null[name]
    repeated = near_duplicates(g, x[held], x[reference], rng=rng)
    if repeated is not None:
        p_values["near_duplicates"] = repeated.p_value
        for suffix, pairs in (("", repeated.pairs), ("_real", repeated.real_pairs)):
            quantities[f"near_duplicates{suffix}"] = pair_count(pairs)
            quantities[f"support_size{suffix}"] = support_size(pairs, repeated.samples)
    return Coverage(
        quantities=quantities,
        rows=rows,
        provenance={
            "reference": len(reference),
            "held_out": len(held),
            "generated": len(g),
            "generated_on_the_data": int(hits.sum()),
            "features": space.name,
            "features_sha256": fingerprint(x[reference]),
            "modes_from": source,
            "radius": radius,
            "four_samples": found.samples if found else None,
            "duplicate_radius": repeated.radius if repeated else None,
            "duplicate_samples": repeated.samples if repeated else None,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
        p_values=p_values,
        modes=names,
        modes_from=source,
        hits=hits,
        real_hits=real_hits,
        generated=len(g),
    )


def _logits(logits: Any, n: int) -> np.ndarray:
    out = np.asarray(logits, dtype=np.float64)
    if out.shape != (n,) or not np.isfinite(out).all():
        raise ValueError(
            f"logits must be finite and have shape ({n},), one a real sample, got {out.shape}"
        )
    return out


def _shares(
    names: Sequence[str],
    hits: np.ndarray,
    real_hits: np.ndarray,
    quantities: dict[str, Quantity],
    p_values: dict[str, float],
) -> list[dict[str, Any]]:
    """Shares, their ratio, and the tests of every mode; corrected for the modes by Bonferroni."""
    n, m, k = int(hits.sum()), int(real_hits.sum()), len(names)
    rows: list[dict[str, Any]] = []
    for name, a, b in zip(names, hits.tolist(), real_hits.tolist(), strict=True):
        low, high = clopper_pearson(a, n, level=1.0 - 0.05 / k)
        ratio_low, ratio_high = ratio_interval(a, n, b, m, level=1.0 - 0.05 / k)
        rows.append(
            {
                "mode": name,
                "generated_share": a / n,
                "low": low,
                "high": high,
                "real_share": b / m,
                "ratio": a * m / (n * b) if b else math.inf,
                "ratio_low": ratio_low,
                "ratio_high": ratio_high,
                "p_missing": ratio_test(a, n, b, m, factor=MISSING),
                "p_under_represented": ratio_test(a, n, b, m, factor=UNDER),
            }
        )
    for name in ("missing", "under_represented"):
        p_values[name] = min(1.0, k * min(row[f"p_{name}"] for row in rows))
    gone = sum(k * row["p_missing"] < 0.01 for row in rows)
    unsure = sum(row["ratio_low"] < MISSING for row in rows)
    quantities["missing_modes"] = Quantity(
        value=float(gone), unit="modes", low=float(gone), high=float(max(gone, unsure))
    )
    worst = min(rows, key=lambda row: row["ratio"])
    quantities["share_ratio"] = Quantity(
        value=worst["ratio"], low=worst["ratio_low"], high=worst["ratio_high"]
    )
    return rows


def _mix(
    in_mode: Sequence[np.ndarray],
    hits: np.ndarray,
    real_hits: np.ndarray,
    quantities: dict[str, Quantity],
    p_values: dict[str, float],
    rng: np.random.Generator,
) -> None:
    """Total variation between the two mixes of modes, what chance alone makes of it, its test."""
    g, x = (m[m >= 0] for m in in_mode)
    n, m = len(g), len(x)
    if m < 2:
        return
    value = float(np.abs(hits / n - real_hits / m).sum() / 2)
    p_values["imbalance"], counts = distance_test(g, x, effect=EFFECT, rng=rng)
    # The estimate is above the truth on average; one draw moves it by 1/n or 1/m (McDiarmid 1989).
    slack = math.sqrt(math.log(40.0) / 2.0 * (1.0 / n + 1.0 / m))
    quantities["mode_distance"] = Quantity(
        value=value, low=min(value, distance_limit(counts)), high=min(1.0, value + slack)
    )
    chance = rng.multivariate_hypergeometric(hits + real_hits, n, size=400)
    null = np.abs(chance / n - (hits + real_hits - chance) / m).sum(axis=1) / 2
    low, high = np.quantile(null, [0.025, 0.975])
    quantities["mode_distance_real"] = Quantity(
        value=float(null.mean()), low=float(low), high=float(high)
    )


def _beside_logits(
    rows: Sequence[dict[str, Any]],
    in_mode: np.ndarray,
    logits: np.ndarray,
    quantities: dict[str, Quantity],
) -> None:
    """The mean logit on each mode's held-out real samples beside the log of the shares' ratio."""
    for k, row in enumerate(rows):
        own = logits[in_mode == k]
        row["mean_logit"] = float(own.mean()) if len(own) else None
        row["logit_error"] = float(own.std(ddof=1) / len(own) ** 0.5) if len(own) > 1 else None
        row["log_ratio"] = -math.log(row["ratio"]) if 0.0 < row["ratio"] < math.inf else None
    worst = min(rows, key=lambda row: row["ratio"])
    if worst["logit_error"] is None:
        return
    quantities["worst_mode_logit"] = Quantity(
        value=worst["mean_logit"], sampling_error=worst["logit_error"]
    )
    least = -math.log(worst["ratio_high"])
    most = -math.log(worst["ratio_low"]) if worst["ratio_low"] > 0.0 else math.inf
    quantities["worst_mode_log_ratio"] = (
        Quantity(value=least, kind="lower", low=least, high=most)
        if worst["log_ratio"] is None
        else Quantity(value=worst["log_ratio"], low=least, high=most)
    )


def _within(
    g: np.ndarray,
    x: np.ndarray,
    in_mode: Sequence[np.ndarray],
    rows: Sequence[dict[str, Any]],
    quantities: dict[str, Quantity],
    p_values: dict[str, float],
    rng: np.random.Generator,
) -> None:
    """Nearest-neighbour distances within the modes."""
    kinds = range(int(max(m.max() for m in in_mode)) + 1)
    both = [[a[m == k] for k in kinds] for a, m in zip((g, x), in_mode, strict=True)]
    found = shrinkage(both[0], both[1], rng=rng)
    if found is None:
        return
    p_values["shrinkage"] = found.p_value
    least = int(found.ratio.argmin())
    quantities["within_mode_ratio"] = Quantity(
        value=float(found.ratio[least]), low=float(found.low[least]), high=float(found.high[least])
    )
    for i, mode in enumerate(found.modes):
        if rows:
            rows[mode]["within_ratio"] = float(found.ratio[i])


def _only_words(ax: Axes, words: str) -> None:
    ax.text(0.0, 0.5, words, transform=ax.transAxes)
    ax.set_axis_off()


def _plot_modes(ax: Axes, found: Coverage) -> None:
    rows = list(found.rows)
    if len(rows) > _SHOWN:  # those that lack most
        rows = sorted(rows, key=lambda row: row["ratio"])[:_SHOWN]
    for i, row in enumerate(rows):
        interval(ax, row["low"], row["generated_share"], row["high"], i)
        ax.plot([row["real_share"]], [i], "|", color=REAL, markersize=16, markeredgewidth=2)
    set_ticks(ax, "y", range(len(rows)), [row["mode"][:16] for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    end = 1.05 * max(max(row["high"], row["real_share"]) for row in rows)
    ax.set_xlim(0.0, end)
    step = next(t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if end <= 5.0 * t or t == 0.5)
    ticks = np.arange(0.0, end, step)
    set_ticks(ax, "x", ticks, [f"{t:.0%}" for t in ticks])
    y_title(ax, "share of each mode: generated with interval, real as a stroke")


def _plot_four(ax: Axes, found: Coverage) -> None:
    present = [name for name in FOUR if name in found.quantities]
    if not present:
        _only_words(ax, "too few samples for neighbours")
        return
    for i, name in enumerate(present):
        for key, colour, y in ((f"{name}_real", REAL, i - 0.16), (name, GENERATOR, i + 0.16)):
            q = found.quantities[key]
            interval(ax, q.interval[0], q.value, q.interval[1], y, colour)
    set_ticks(ax, "y", range(len(present)), [name.removeprefix("knn_") for name in present])
    ax.set_ylim(len(present) - 0.4, -0.8)
    ax.set_xlim(left=0.0)
    label(ax, 0.0, -0.6, "held-out real", REAL, dx=4)
    label(ax, 0.0, -0.6, "generated", GENERATOR, dx=110)
    x_title(ax, "against a real reference, five neighbours")
