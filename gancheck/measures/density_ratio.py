"""Is the discriminator's logit the log density ratio, and how far apart does it prove the laws?

At its optimum logit D = ln(p/q) plus the log odds of the prior (`logit-is-log-density-ratio`); with
targets alpha and beta for real and fake the ratio is (D - beta)/(alpha - D)
(`label-smoothing-tilts-the-optimum`). The densities are seldom known, but equal numbers of both
kinds tell whether P(real | logit) is sigmoid(logit): the reliability diagram, with exact intervals
that hold for all its bins together. It is necessary, not sufficient: a logit may be right on average
at each of its values and blind to the rest. Where the ratio is known, it is compared point by point.

For every D, trained or not, ln 2 + (E_p ln D + E_q ln(1 - D))/2 <= JSD(p, q), on samples that D was
not trained on. The training loss, read as a divergence, obeys no such inequality: it is too large by
what D has learnt by heart. So the bound is given only where real samples are fresh draws of a law,
with a one-sided limit that assumes nothing but the clipped range (Maurer and Pontil 2009), once as
D stands and once rescaled by a line that is fitted on other samples, which is another D.

Source: Goodfellow et al. (2014); Salimans et al. (2016) for smoothed targets; Platt (1999).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.data import Synthetic
from gancheck.measures.figures import (
    DISCRIMINATOR,
    FAILING,
    INK,
    MUTED,
    WIDE,
    interval,
    label,
    new_figure,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.generator_signal import logits
from gancheck.measures.player_hessian import mean_and_error
from gancheck.measures.proportions import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.games.game import Game

__all__ = ["DensityRatio", "calibration", "density_ratio", "jsd_bound", "log_ratio", "rescaling"]

ALPHA = 0.01  # chance that any bin's interval, or the one-sided limit, is wrong
_BINS = 10
_CLIP = 6.0  # of logits in the bound: a perfect D loses 0.0025 by it, and the range is 6
_OUTSIDE = 30.0  # log ratio given to a D beyond its targets, where the theorem has none
_FRESH = 0x2011  # apart from the seeds of training and of the other measures
_FEWEST = 100  # of each kind


@dataclass(frozen=True, kw_only=True)
class DensityRatio(Measurement):
    """Calibration of the logit and what it proves about the laws.

    Attributes:
        predicted: [bins] mean posterior that the logit states.
        observed: [bins] share of real samples.
        low: [bins] lower ends, for all bins together.
        high: [bins] upper ends.
        counts: [bins] samples.
        fresh: real samples were drawn anew from a law, so D cannot have seen them.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    fresh: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """The reliability diagram; below, the proven divergence between 0 and ln 2."""
        _, (top, bottom) = new_figure(width_px, 420, rows=2, height_ratios=(4, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=1)
        for x, lower, upper in zip(self.predicted, self.low, self.high, strict=True):
            off = not lower <= x <= upper
            top.plot([x, x], [lower, upper], color=FAILING if off else DISCRIMINATOR, linewidth=3,
                     alpha=0.5)  # fmt: skip
        top.plot(self.predicted, self.observed, "o", color=DISCRIMINATOR)
        label(top, 1.0, 1.0, "calibrated", MUTED, dx=-24, align="right")
        top.set_xlim(-0.02, 1.02)
        top.set_ylim(-0.02, 1.02)
        set_ticks(top, "x", [0, 0.25, 0.5, 0.75, 1])
        set_ticks(top, "y", [0, 0.5, 1])
        y_title(top, "share of real samples among those of the bin")
        x_title(top, "probability of being real that the logit states")
        names = [n for n in ("jsd_bound", "jsd_bound_rescaled") if n in self.quantities]
        for y, name in enumerate(reversed(names)):
            q = self.quantities[name]
            interval(bottom, q.interval[0], q.value, q.value, y, DISCRIMINATOR)
            words = "as it stands" if name == "jsd_bound" else "rescaled"
            label(bottom, max(q.value, 0.0), y, words, MUTED, dx=9, bold=False)
        if not names:
            bottom.text(0.5, 0.5, "no fresh real samples: no bound", transform=bottom.transAxes,
                        ha="center")  # fmt: skip
        reference(bottom, math.log(2.0), text="ln 2", color=INK)
        bottom.set_xlim(-0.02, 0.8)
        bottom.set_ylim(-0.6, 1.6)
        set_ticks(bottom, "y", [])
        x_title(bottom, "Jensen-Shannon divergence is at least (with its 99 % limit)")
        return np.array([top, bottom])


def density_ratio(
    game: Game,
    plan: Plan | None = None,
    *,
    fresh: bool | None = None,
    targets: tuple[float, float] | None = None,
    prior: float = 0.5,
    truth: Callable[[Tensor], Tensor] | None = None,
) -> DensityRatio:
    """Measure how well the logit is calibrated, and the divergence it proves.

    Args:
        game: with a discriminator that gives log-odds.
        plan: `samples` of each kind, and the seed.
        fresh: whether real samples are independent of D's training; by default only where the
            data are a law of `games.data`, since a function may deal out what D has seen. Say True
            for data that it has not.
        targets: what D was trained to say of real and of fake samples; by default what the loss
            says of its label smoothing.
        prior: share of real samples in D's training.
        truth: x [n, ...] -> ln(p/q) [n], where it is known.

    Returns:
        `calibration_error` (mean distance of P(real | bin) from the stated one, ten bins of equal
        number, interval for all bins together at 99 %), `calibration_slope` and
        `calibration_offset` (logistic fit of being real on the log ratio: 1 and 0 where
        calibrated; absent where the kinds do not overlap); for fresh samples `jsd_bound` and
        `jsd_bound_rescaled`; with `truth` `ratio_slope`, `ratio_offset`, `ratio_error`.

    Raises:
        NotApplicable: an analytic game, a score that is no log-odds, or fewer than 100 real samples.
        ValueError: `targets` or `prior` out of range, scores or true ratios that are not finite.

    Cost: one pass of `plan.samples` samples of each kind.
    """
    plan = plan or Plan()
    _refuse(game)
    targets = (1.0 - game.loss.label_smoothing, 0.0) if targets is None else targets
    start = time.perf_counter()
    limit = game.data.size
    n = plan.samples if limit is None else min(plan.samples, limit)
    if n < _FEWEST:
        raise NotApplicable(
            f"needs at least {_FEWEST} samples of each kind for a reliability diagram, got {n}; "
            "give more data or draw more (--samples)"
        )
    seed = plan.seed + _FRESH
    with game.untouched(), torch.no_grad():
        torch.manual_seed(seed)  # dropout masks
        scores = [logits(game, "real", n, seed), logits(game, "fake", n, seed)]
    real, fake = (log_ratio(s, targets=targets, prior=prior) for s in scores)
    error, bins = calibration(real, fake)
    quantities = {"calibration_error": error, **_line(real, fake)}
    fresh = isinstance(game.data, Synthetic) if fresh is None else fresh
    if fresh:
        half = n // 2
        quantities["jsd_bound"] = jsd_bound(real, fake)
        fit = rescaling(real[:half], fake[:half])
        slope, offset = (1.0, 0.0) if fit is None else (fit[0].value, fit[1].value)
        quantities["jsd_bound_rescaled"] = jsd_bound(
            offset + slope * real[half:], offset + slope * fake[half:]
        )
    if truth is not None:
        known = [_known(truth, x) for x in _points(game, n, seed)]
        quantities |= _against(np.concatenate([real, fake]), np.concatenate(known))
    return DensityRatio(
        quantities=quantities,
        rows=[
            {"predicted": p, "real_share": o, "low": lo, "high": hi}
            for p, o, lo, hi, _ in bins.tolist()
        ],
        provenance={
            "samples_of_each_kind": n,
            "targets": list(targets),
            "prior": prior,
            "fresh": fresh,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
        predicted=bins[:, 0],
        observed=bins[:, 1],
        low=bins[:, 2],
        high=bins[:, 3],
        counts=bins[:, 4],
        fresh=fresh,
    )


def log_ratio(
    logit: np.ndarray, *, targets: tuple[float, float] = (1.0, 0.0), prior: float = 0.5
) -> np.ndarray:
    """ln(p/q) where the optimal discriminator of these targets and prior has these logits.

    Where D lies outside its targets, which no optimal one does, plus or minus 30.

    Raises:
        ValueError: not 0 <= fake target < real target <= 1, or a prior outside 0..1.

    Example:
        >>> log_ratio(np.array([0.0]), targets=(0.9, 0.0)).round(4)  # D = 1/2: 0.5/0.4
        array([0.2231])
    """
    high, low = targets
    if not 0.0 <= low < high <= 1.0:
        raise ValueError(f"targets must be (real, fake) with 0 <= fake < real <= 1, got {targets}")
    if not 0.0 < prior < 1.0:
        raise ValueError(f"prior must lie between 0 and 1, got {prior}")
    s = np.asarray(logit, dtype=np.float64)
    shift = math.log(prior / (1.0 - prior))
    if (high, low) == (1.0, 0.0):
        return s - shift  # exact where sigmoid(s) would round
    d = np.exp(-np.logaddexp(0.0, -s))
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.log(d - low) - np.log(high - d)
    return np.where(d <= low, -_OUTSIDE, np.where(d >= high, _OUTSIDE, inside)) - shift


def calibration(real: np.ndarray, fake: np.ndarray) -> tuple[Quantity, np.ndarray]:
    """The binned calibration error of log ratios, and [bins, 5]: stated, observed, low, high, count.

    Bins hold equal numbers, ties stay together. The intervals are Clopper and Pearson's at a level
    that holds for all bins together at 99 %, and the error's own interval is what they allow.
    The numbers of both kinds are fixed and stated probabilities vary within a bin: both make the
    counts vary less than a binomial, so the level is kept.

    Raises:
        ValueError: different numbers of both kinds, or none.
    """
    if len(real) != len(fake) or not len(real):
        raise ValueError(
            f"real and fake must be equally many, at least one, got {len(real)} and {len(fake)}"
        )
    t = np.concatenate([real, fake])
    is_real = np.arange(len(t)) < len(real)
    edges = np.unique(np.quantile(t, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    which = np.searchsorted(edges, t, side="right")
    stated = np.exp(-np.logaddexp(0.0, -t))
    used = np.unique(which)
    bins: list[list[float]] = []
    ends = np.zeros(3)
    for b in used:
        inside = which == b
        count, hits = int(inside.sum()), int((inside & is_real).sum())
        p, seen = float(stated[inside].mean()), hits / count
        low, high = clopper_pearson(hits, count, level=1.0 - ALPHA / len(used))
        bins.append([p, seen, low, high, count])
        apart = max(0.0, low - p, p - high)
        ends += count / len(t) * np.array([abs(seen - p), apart, max(p - low, high - p)])
    value, least, most = map(float, ends)
    return Quantity(value=value, low=least, high=most), np.array(bins)


def jsd_bound(real: np.ndarray, fake: np.ndarray, *, alpha: float = ALPHA) -> Quantity:
    """A lower bound of JSD(p, q) in nats from log ratios of any fixed D on samples it has not seen.

    The value is the variational formula with logits clipped at +-6, the interval's lower end its
    one-sided limit at 1 - alpha by the empirical Bernstein bound, and at least 0.

    Raises:
        ValueError: fewer than 2 samples of a kind.
    """
    if min(len(real), len(fake)) < 2:
        raise ValueError(f"need at least 2 samples of each kind, got {len(real)} and {len(fake)}")
    parts = [-np.logaddexp(0.0, -np.clip(x, -_CLIP, _CLIP)) for x in (real, -fake)]
    log = math.log(4.0 / alpha)  # ln(2/delta) with half of alpha for each kind
    below = sum(
        math.sqrt(2.0 * x.var(ddof=1) * log / len(x)) + 7.0 * _CLIP * log / (3.0 * (len(x) - 1))
        for x in parts
    )
    means, errors = zip(*(mean_and_error(x) for x in parts), strict=True)
    value = math.log(2.0) + sum(means) / 2.0
    return Quantity(
        value=value,
        sampling_error=math.hypot(*errors) / 2.0,
        kind="lower",
        low=max(0.0, value - below / 2.0),
        high=math.log(2.0),
    )


def rescaling(real: np.ndarray, fake: np.ndarray) -> tuple[Quantity, Quantity] | None:
    """Slope and offset of the logistic fit of being real on the log ratio, by Newton's method.

    Returns:
        None where no finite line is best: the kinds do not overlap, or all values are one.
    """
    t = np.concatenate([real, fake])
    y = np.arange(len(t)) < len(real)
    if np.ptp(t) == 0.0 or real.min() > fake.max() or real.max() < fake.min():
        return None
    centre, scale = t.mean(), t.std()
    x = np.stack([(t - centre) / scale, np.ones_like(t)], axis=1)
    w = np.zeros(2)

    def loss(v: np.ndarray) -> float:
        return float(np.logaddexp(0.0, np.where(y, -1.0, 1.0) * (x @ v)).mean())

    information = np.eye(2)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0.0, -(x @ w)))
        information = (x * (p * (1.0 - p))[:, None]).T @ x / len(t)
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, x.T @ (y - p) / len(t))
        size = 1.0
        while size > 1e-6 and loss(w + size * step) > loss(w):
            size /= 2.0
        w = w + size * step
        if np.abs(step).max() < 1e-10 * (1.0 + np.abs(w).max()):
            break
    to_line = np.array([[1.0 / scale, 0.0], [-centre / scale, 1.0]])
    slope, offset = to_line @ w
    covariance = to_line @ np.linalg.inv(information * len(t)) @ to_line.T
    errors = np.sqrt(np.diag(covariance))
    return (
        Quantity(value=float(slope), sampling_error=float(errors[0])),
        Quantity(value=float(offset), sampling_error=float(errors[1])),
    )


def _refuse(game: Game) -> None:
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    game.modules["discriminator"]  # a generator alone has none, and says why
    if not game.loss.probabilistic:
        raise NotApplicable(
            f"the score of a {game.loss.name} discriminator is no log-odds, so it states no density "
            "ratio; train with minimax or non-saturating to ask this"
        )


def _line(real: np.ndarray, fake: np.ndarray) -> dict[str, Quantity]:
    fit = rescaling(real, fake)
    return {} if fit is None else {"calibration_slope": fit[0], "calibration_offset": fit[1]}


def _points(game: Game, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """The samples behind the logits: the same seeds, so row by row the same."""
    return game.draw_real(n, seed=seed), game.draw_samples(n, seed=seed)


def _known(truth: Callable[[Tensor], Tensor], x: Tensor) -> np.ndarray:
    values = truth(x).detach().double().numpy(force=True).reshape(-1)
    if len(values) != len(x) or not np.isfinite(values).all():
        raise ValueError(
            f"truth must return one finite log ratio a sample, got {len(values)} for {len(x)} "
            f"samples, {int((~np.isfinite(values)).sum())} of them not finite"
        )
    return values


def _against(stated: np.ndarray, truth: np.ndarray) -> dict[str, Quantity]:
    """Least squares of the stated on the true log ratio, and the root mean squared difference."""
    mean, error = mean_and_error((stated - truth) ** 2)
    rms = math.sqrt(mean)
    out = {
        "ratio_error": Quantity(value=rms, sampling_error=error / (2.0 * rms) if rms > 0.0 else 0.0)
    }
    spread = truth - truth.mean()
    if not spread.any():
        return out
    slope = float(spread @ stated / (spread @ spread))
    offset = float(stated.mean() - slope * truth.mean())
    rest = stated - offset - slope * truth
    # errors that hold where the scatter differs from point to point (White 1980)
    of_slope = spread / (spread @ spread)
    of_offset = 1.0 / len(truth) - truth.mean() * of_slope
    for name, value, weights in (
        ("ratio_slope", slope, of_slope),
        ("ratio_offset", offset, of_offset),
    ):
        error = float(np.sqrt(((weights * rest) ** 2).sum()))
        out[name] = Quantity(value=value, sampling_error=error)
    return out
