"""Is the discriminator so sure that the generator hears nothing?

With d = sigmoid(s), the saturating loss ln(1 - d) has the gradient -d in the logit and the
non-saturating -ln d has -(1 - d): for one sample their norms stand as (1-d)/d in every
parametrisation (`gradient-ratio`). For a batch the ratio is one of averaged vectors and may be
anything, so it is measured, and E(1-d)/E d, its value if all directions agreed, is put beside it.

`gradient_ratio` asks this of log-odds; what applies to every discriminator, whether the expected
gradient is there at all and where float32 ends, comes from `generator_signal`, and `gradients`
takes whichever of the two the game's loss has a meaning for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import softplus

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.admitted import finite_derivative
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    REAL,
    WIDE,
    label,
    new_figure,
    page_style,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.generator_signal import (
    GeneratorSignal,
    generator_signal,
    logits,
    numerical_shares,
    signal,
    times_fitting,
)
from gancheck.measures.proportions import share
from gancheck.measures.spectrum import mean_and_error
from gancheck.operators.linear_operator import flatten

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.games.game import Game

__all__ = ["GradientRatio", "gradient_ratio", "gradients", "logits", "per_sample_ratios"]

SATURATED = 0.01  # d at which the ratio is 99: the saturating loss gives one per cent of the signal
_SINGLE = 64


@dataclass(frozen=True, kw_only=True)
class GradientRatio(Measurement):
    """Saturation of the discriminator and what it does to the generator's gradient.

    Attributes:
        loss: name of the generator's loss in use.
        fake_logits: [samples].
        real_logits: [samples].
        single_d: [64] d of single generated samples.
        single_ratio: [64] measured ratio of the two gradient norms for each of them.
    """

    loss: str
    fake_logits: np.ndarray
    real_logits: np.ndarray
    single_d: np.ndarray
    single_ratio: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Logits of real and generated samples; below, single-sample ratios on the theorem's line."""
        _, (top, bottom) = new_figure(width_px, 400, rows=2, sharex=True, height_ratios=(1, 1))
        everything = np.concatenate([self.fake_logits, self.real_logits])
        low, high = np.quantile(everything, [0.001, 0.999])
        low, high = float(low) - 0.5, float(high) + 0.5
        bins = np.linspace(low, high, 61)
        for values, colour, name in (
            (self.real_logits, REAL, "real"),
            (self.fake_logits, GENERATOR, "generated"),
        ):
            heights, _ = np.histogram(values, bins=bins, density=True)
            top.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
            top.stairs(heights, bins, color=colour, linewidth=1.6)
            peak = int(heights.argmax())
            label(top, float(bins[peak]), float(heights[peak]), name, colour, dy=10)
        top.set_yticks([])
        y_title(top, "density of the discriminator's logit")
        s = np.log(self.single_d) - np.log1p(-self.single_d)
        grid = np.linspace(low, high, 50)
        bottom.semilogy(grid, np.exp(-grid), color=INK, linewidth=1)
        bottom.semilogy(s, self.single_ratio, "o", color=GENERATOR, markersize=5, alpha=0.7)
        bottom.set_xlim(low, high)
        powers = [p for p in range(-12, 13, 2) if low * 0.4343 <= -p <= high * 0.4343]
        set_ticks(bottom, "y", [10.0**p for p in powers] or [1.0])
        label(bottom, high, float(np.exp(-high)), "(1 − d)/d", INK, dx=-8, dy=16, align="right")
        y_title(bottom, "non-saturating / saturating gradient norm, one sample each")
        x_title(bottom, "the discriminator's logit")
        return np.array([top, bottom])


def gradients(game: Game, plan: Plan | None = None) -> GradientRatio | GeneratorSignal:
    """`gradient_ratio` where the score is a log-odds, else `generator_signal`; raises as they do."""
    if game.analytic or game.loss.probabilistic:
        return gradient_ratio(game, plan)
    return generator_signal(game, plan)


def gradient_ratio(game: Game, plan: Plan | None = None) -> GradientRatio:
    """Measure saturation on many samples and gradient norms on minibatches as in training.

    Returns:
        `gradient_ratio` (mean norm of the non-saturating over the saturating gradient of
        minibatches), `ratio_of_means` (E(1-d)/E d), `median_ratio` (median of the per-sample
        (1-d)/d), `mean_d_fake`, `mean_d_real`, `saturated_share` (generated samples with
        d < 0.01), `theorem_deviation` (largest relative distance of measured single-sample ratios
        from (1-d)/d), `generator_gradient` and `gradient_signal` of the loss in use (see
        `generator_signal.signal`), `silent_share` and `rounded_share` (see
        `generator_signal.numerical_shares`).

    Raises:
        NotApplicable: an analytic game, or a discriminator whose score is no log-odds.
        NotFinite: a sample, a score or a gradient is NaN or infinite.

    Cost: two gradients for each of 64 minibatches (fewer where 64 gradients have more than 2^28
    entries) and 64 single samples, and one pass over twice `plan.samples` samples.
    """
    plan = plan or Plan()
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    if not game.loss.probabilistic:
        raise NotApplicable(
            f"the score of a {game.loss.name} discriminator is no log-odds, so d = sigmoid(score) "
            "means nothing; train with minimax or non-saturating to ask this"
        )
    start = time.perf_counter()
    with game.untouched(), torch.no_grad():
        fake = logits(game, "fake", plan.samples, plan.seed)
        real = logits(game, "real", plan.samples, plan.seed)
    d = _sigmoid(fake)
    norms, vectors = _minibatch_gradients(game, plan)
    single_d, single_ratio = per_sample_ratios(game, count=_SINGLE, seed=plan.seed)
    quantities = {
        "gradient_ratio": _ratio_of_means(norms[:, 0], norms[:, 1]),
        "ratio_of_means": _ratio_of_means(_sigmoid(-fake), d),
        "median_ratio": _median(np.exp(-fake)),
        "mean_d_fake": _mean(d),
        "mean_d_real": _mean(_sigmoid(real)),
        "saturated_share": share(int((d < SATURATED).sum()), len(d)),
        "theorem_deviation": _deviation(single_d, single_ratio),
        **signal(vectors),
        **numerical_shares(game, fake),
    }
    return GradientRatio(
        quantities=quantities,
        rows=[
            {"d": float(x), "measured_ratio": float(r), "theorem": float((1 - x) / x)}
            for x, r in zip(single_d, single_ratio, strict=True)
        ],
        provenance={
            "generated_samples": len(fake),
            "real_samples": len(real),
            "minibatch": plan.gradient_batch,
            "minibatches": len(vectors),
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        loss=game.loss.name,
        fake_logits=fake,
        real_logits=real,
        single_d=single_d,
        single_ratio=single_ratio,
    )


def per_sample_ratios(game: Game, *, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Measure d and ||grad(-ln d)|| / ||grad ln(1-d)|| of single generated samples, both [count].

    The samples are made in one pass, so that batch norm in training mode has its batch; the two
    gradients are those of one sample's loss.
    """
    theta_g, theta_d = game.snapshot()
    z = game.draw_latent(count, seed=seed)
    ds, ratios = [], []
    with game.untouched():
        score = game.score(game.generate(z, theta_g), theta_d)
        for s in score:
            sat, ns = _gradient_norms(s, theta_g)
            ds.append(float(torch.sigmoid(s.detach())))
            ratios.append(ns / sat if sat > 0.0 else float("nan"))
    return np.array(ds), np.array(ratios)


def _two_gradients(s: Tensor, theta: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The gradients [n] of mean ln(1-d) and of mean -ln d, from stable logits."""
    out: list[Tensor] = []
    for loss in (-softplus(s).mean(), softplus(-s).mean()):
        grads = torch.autograd.grad(
            loss, theta, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        out.append(finite_derivative(flatten(list(grads)), "the generator's loss"))
    return out[0], out[1]


def _gradient_norms(s: Tensor, theta: list[Tensor]) -> tuple[float, float]:
    """Norms of the saturating and of the non-saturating gradient."""
    sat, ns = _two_gradients(s, theta)
    return float(sat.double().norm()), float(ns.double().norm())


def _minibatch_gradients(game: Game, plan: Plan) -> tuple[np.ndarray, Tensor]:
    """Norms of the non-saturating and saturating gradient [minibatches, 2]; the one in use [.., n].

    The minibatches' latents are fresh, so the gradients are independent.
    """
    theta_g, theta_d = game.snapshot()
    z = game.draw_latent(times_fitting(game) * plan.gradient_batch, seed=plan.seed + 1)
    norms: list[list[float]] = []
    vectors: list[Tensor] = []
    with game.untouched():
        for i, chunk in enumerate(z.split(plan.gradient_batch)):
            torch.manual_seed(plan.seed + 1 + i)  # dropout masks belong to the minibatch
            score = game.score(game.generate(chunk, theta_g), theta_d)
            sat, ns = _two_gradients(score, theta_g)
            norms.append([float(ns.double().norm()), float(sat.double().norm())])
            vectors.append(sat if game.loss.name == "minimax" else ns)
    return np.array(norms), torch.stack(vectors)


def _sigmoid(s: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -s))


def _mean(x: np.ndarray) -> Quantity:
    mean, error = mean_and_error(x)
    return Quantity(value=mean, sampling_error=error)


def _ratio_of_means(top: np.ndarray, bottom: np.ndarray) -> Quantity:
    """mean(top)/mean(bottom) with the delta method's standard error."""
    denominator = float(bottom.mean())
    if denominator == 0.0:
        return Quantity(value=float("inf"), sampling_error=float("inf"), kind="lower")
    ratio = float(top.mean()) / denominator
    residual = (top - ratio * bottom) / denominator
    return Quantity(value=ratio, sampling_error=float(residual.std(ddof=1) / len(top) ** 0.5))


def _median(x: np.ndarray) -> Quantity:
    """Median with the order-statistic 95 % interval, which assumes nothing of the law."""
    x = np.sort(x)
    n = len(x)
    half = 1.96 * n**0.5 / 2.0
    low = float(x[max(int(n / 2 - half) - 1, 0)])
    high = float(x[min(int(n / 2 + half), n - 1)])
    return Quantity(
        value=float(np.median(x)), sampling_error=(high - low) / 3.92, low=low, high=high
    )


def _deviation(d: np.ndarray, ratio: np.ndarray) -> Quantity:
    """Largest |measured/theorem - 1| where both are representable."""
    theory = (1.0 - d) / d
    fine = np.isfinite(ratio) & (d > 0.0) & (theory > 0.0)
    if not fine.any():
        return Quantity(value=float("nan"))
    return Quantity(value=float(np.abs(ratio[fine] / theory[fine] - 1.0).max()))
