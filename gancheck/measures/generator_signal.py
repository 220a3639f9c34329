"""Does the generator's gradient point anywhere, or is it the noise of its minibatches?

The squared norm of a minibatch's gradient is never zero, so it cannot say that a gradient has
vanished. From disjoint minibatches the squared norm of the *expected* gradient is estimated without
bias (`equilibrium.u_statistic`), with a one-sided limit; divided by the mean squared norm of one
minibatch's gradient it is the share of what a step follows that all minibatches agree on, which has
no scale and so compares losses and networks.

Apart from that, float32 has an end: above a score of about 16.6 sigmoid(s) is 1 and below about
-88.7 it is 0; below about -104 the saturating loss, written with softplus, has the derivative 0.
Both shares are counted by evaluating sigmoid and the loss in use in float32 at the scores, not by
comparing with those figures.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.admitted import finite_derivative
from gancheck.games.batch import Batch
from gancheck.games.losses import LOSSES, Loss
from gancheck.measures.equilibrium import dealt, u_statistic
from gancheck.measures.figures import (
    GENERATOR,
    INK,
    REAL,
    WIDE,
    label,
    new_figure,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.proportions import share
from gancheck.operators.linear_operator import flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from gancheck.games.game import Game

__all__ = [
    "MINIBATCHES",
    "GeneratorSignal",
    "generator_signal",
    "logits",
    "numerical_shares",
    "own_minibatches",
    "signal",
    "times_fitting",
]

MINIBATCHES = 64
LEVEL = 0.99  # of the one-sided limit: support for "there is a direction" errs in 1 %
_CHUNK = 1000
_HELD = 2**28  # gradient entries kept at once, 1 GiB in float32: more parameters, fewer minibatches


@dataclass(frozen=True, kw_only=True)
class GeneratorSignal(Measurement):
    """What the generator hears from a discriminator whose score need be no log-odds.

    Attributes:
        loss: name of the generator's loss in use.
        fake_scores: [samples].
        real_scores: [samples].
        alignment: [minibatches] cosine of each minibatch's gradient with the sum of the others'.
    """

    loss: str
    fake_scores: np.ndarray
    real_scores: np.ndarray
    alignment: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Scores of real and generated samples; below, how far minibatch gradients agree."""
        _, (top, bottom) = new_figure(width_px, 340, rows=2, height_ratios=(3, 2))
        everything = np.concatenate([self.fake_scores, self.real_scores])
        bins = np.histogram_bin_edges(everything, bins=60)
        for scores, colour, name, dy in (
            (self.real_scores, REAL, "real", 10),
            (self.fake_scores, GENERATOR, "generated", 24),
        ):
            heights, _ = np.histogram(scores, bins=bins, density=True)
            top.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
            top.stairs(heights, bins, color=colour, linewidth=1.6)
            peak = int(heights.argmax())
            label(top, float(bins[peak]), float(heights[peak]), name, colour, dy=dy)
        top.set_ylim(0, 1.3 * top.get_ylim()[1])
        top.set_yticks([])
        y_title(top, "density of the discriminator's score")
        x_title(top, "score")
        heights, edges = np.histogram(self.alignment, bins=np.linspace(-1.0, 1.0, 41))
        bottom.stairs(heights, edges, color=GENERATOR, fill=True, alpha=0.5)
        reference(bottom, 0.0, text="no common direction", color=INK)
        bottom.set_xlim(-1.0, 1.0)
        set_ticks(bottom, "x", [-1.0, -0.5, 0.0, 0.5, 1.0])
        y_title(bottom, "minibatches")
        x_title(bottom, "cosine of a minibatch's gradient with the sum of the others'")
        return np.array([top, bottom])


def generator_signal(game: Game, plan: Plan | None = None) -> GeneratorSignal:
    """Measure the expected gradient of the generator's own loss against its minibatch noise.

    Returns:
        `generator_gradient` (squared norm of the expected gradient, unbiased, so it may be
        negative), `gradient_signal` (that over the mean squared norm of one minibatch's gradient);
        for a named loss that is a mean over samples `silent_share` (generated samples at which its derivative in the score is
        exactly zero in float32).

    Raises:
        NotApplicable: an analytic game; or a loss of the user's own on data that hold fewer than
            four minibatches.
        NotFinite: a sample, a score, a loss or a gradient is NaN or infinite.

    Cost: one evaluation of both losses and one gradient for each of 64 minibatches (fewer where
    64 gradients have more than 2^28 entries), and one pass over twice `plan.samples` samples.
    """
    plan = plan or Plan()
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    start = time.perf_counter()
    with game.untouched():
        with torch.no_grad():
            fake = logits(game, "fake", plan.samples, plan.seed)
            real = logits(game, "real", plan.samples, plan.seed)
        vectors = _own_gradients(game, plan)
    quantities = signal(vectors)
    shares = numerical_shares(game, fake)
    if "silent_share" in shares:
        quantities["silent_share"] = shares["silent_share"]
    cosines = _alignment(vectors)
    return GeneratorSignal(
        quantities=quantities,
        rows=[{"minibatch": i, "alignment": float(c)} for i, c in enumerate(cosines)],
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
        fake_scores=fake,
        real_scores=real,
        alignment=cosines,
    )


def signal(vectors: Tensor) -> dict[str, Quantity]:
    """`generator_gradient` and `gradient_signal` of independent minibatch gradients [m, n], m >= 4.

    The interval of each begins at a one-sided 99 % limit (jackknife, Student's t).

    Raises:
        ValueError: fewer than 4 gradients.

    Example:
        >>> q = signal(torch.ones(8, 3))
        >>> q["generator_gradient"].value, q["gradient_signal"].value
        (3.0, 1.0)
    """
    m = len(vectors)
    if m < 4:
        raise ValueError(f"vectors must hold at least 4 independent gradients, got {m}")
    v = vectors.double()
    value, error = u_statistic(v)
    half = float(stdtrit(m - 1, LEVEL))
    squares = v.square().sum(1).numpy(force=True)
    inner = (v @ v.sum(0)).numpy(force=True)
    common, error_of_common, lower = _common_share(squares, inner, half)
    return {
        "generator_gradient": _from_below(value, error, half),
        "gradient_signal": Quantity(
            value=common,
            sampling_error=error_of_common,
            unit="share",
            low=lower,
            high=min(1.0, common + 2.0 * error_of_common),
        ),
    }


def _common_share(
    squares: np.ndarray, inner: np.ndarray, half: float
) -> tuple[float, float, float]:
    """U over the mean square, its jackknife error and its lower limit.

    One minus the share is the noise's part, positive and skewed, so its limit is taken of its
    logarithm: taken of the share itself, the 99 % limit was too high in 4 % of samples in which
    nearly all was signal; of the logarithm, in under 2 %.

    Args:
        squares: [m] squared norm of each gradient.
        inner: [m] inner product of each with the sum of all.
        half: quantile of Student's t.
    """
    m, everything = len(squares), float(squares.sum())
    if everything == 0.0:
        return 0.0, 0.0, 0.0
    total = float(inner.sum())
    value = (total - everything) / (m - 1) / everything
    rest = everything - squares
    if not (rest > 0.0).all() or value >= 1.0:  # all but one are zero, or all are one vector
        return value, 0.0, min(value, 0.0) if value < 1.0 else 1.0
    dropped = (total - 2.0 * inner + squares - rest) / (m - 2) / rest

    def spread(x: np.ndarray) -> float:
        return float(((x - x.mean()) ** 2).sum() * (m - 1) / m) ** 0.5

    noise = np.maximum(1.0 - dropped, np.finfo(float).eps)
    lower = 1.0 - (1.0 - value) * float(np.exp(half * spread(np.log(noise))))
    return value, spread(dropped), lower


def numerical_shares(game: Game, fake: np.ndarray) -> dict[str, Quantity]:
    """Shares of generated samples at which float32 has no number left, from their scores [n].

    Returns:
        For a named loss that is a mean over samples `silent_share`: the derivative of the generator's loss in the score is
        exactly 0. For log-odds also `rounded_share`: d = sigmoid(s) is exactly 0 or 1, so that a
        loss written with log d or log(1 - d) has no gradient or an infinite one. A discriminator
        that ends in a sigmoid counts in both where its output lies within the dtype's rounding of
        0 or 1, because its logit cannot be recovered there.
    """
    s = torch.as_tensor(fake, dtype=torch.float32)
    clipped = torch.zeros_like(s, dtype=torch.bool)
    if game.discriminator_output == "probability":
        edge = float(torch.logit(torch.tensor(torch.finfo(game.dtype).eps, dtype=torch.float64)))
        clipped = s.abs() >= abs(edge) * (1.0 - 1e-6)  # the two ends differ by their own rounding
    out: dict[str, Quantity] = {}
    if isinstance(game.loss, Loss) and game.loss.separable:
        slope = _slopes(game, s)
        out["silent_share"] = share(int(((slope == 0.0) | clipped).sum()), len(s))
    if game.loss.probabilistic:
        d = torch.sigmoid(s)
        out["rounded_share"] = share(int(((d == 0.0) | (d == 1.0) | clipped).sum()), len(s))
    return out


def logits(game: Game, which: str, n: int, seed: int) -> np.ndarray:
    """Scores of n generated samples, or of n real ones (all there are, if fewer), in float64."""
    if which == "real":
        limit = game.data.size
        x = game.draw_real(n if limit is None else min(n, limit), seed=seed)
        parts = [game.score(chunk) for chunk in x.split(_CHUNK)]
    else:
        z = game.draw_latent(n, seed=seed)
        parts = [game.score(game.generate(chunk)) for chunk in z.split(_CHUNK)]
    return torch.cat(parts).detach().double().cpu().numpy()


def times_fitting(game: Game) -> int:
    """How many minibatch gradients of the generator are kept at once: 64, fewer for large ones."""
    return max(8, min(MINIBATCHES, _HELD // max(1, game.sizes()[0])))


def own_minibatches(game: Game, plan: Plan) -> list[Batch]:
    """Disjoint minibatches for the generator's loss, latents fresh.

    Few generators' losses look at real samples, so where the data hold too few for disjoint
    minibatches one real minibatch serves them all.

    Raises:
        NotApplicable: too few real samples for a generator's loss that may look at them.
    """
    count = times_fitting(game)
    limit = game.data.size
    if limit is None or limit >= count * plan.gradient_batch:
        return dealt(game, plan.gradient_batch, count, plan.seed + 1)
    if game.loss.generator_sees_real:
        if limit < 4 * plan.gradient_batch:
            raise NotApplicable(
                f"the generator's loss may look at real samples, and {limit} of them hold no four "
                f"disjoint minibatches of {plan.gradient_batch}; give more data or a smaller "
                "gradient batch"
            )
        return dealt(game, plan.gradient_batch, count, plan.seed + 1)
    return _reusing_real(game, plan, count, limit)


def _reusing_real(game: Game, plan: Plan, count: int, limit: int) -> list[Batch]:
    real = game.draw_real(min(plan.gradient_batch, limit), seed=plan.seed + 1)
    latent = game.draw_latent(count * plan.gradient_batch, seed=plan.seed + 2)
    return [
        Batch(real=real, latent=z, seed=plan.seed + 1 + i)
        for i, z in enumerate(latent.split(plan.gradient_batch))
    ]


def _own_gradients(game: Game, plan: Plan) -> Tensor:
    """[minibatches, n] gradients of the generator's loss in use, in the game's dtype."""
    theta_g, theta_d = game.snapshot()
    out: list[Tensor] = []
    for batch in own_minibatches(game, plan):
        loss, _ = game.losses(theta_g, theta_d, batch)
        grads: Sequence[Tensor] = torch.autograd.grad(
            loss, theta_g, allow_unused=True, materialize_grads=True
        )
        out.append(finite_derivative(flatten(list(grads)), "the generator's loss"))
    return torch.stack(out)


def _alignment(vectors: Tensor) -> np.ndarray:
    """[m] cosine of each gradient with the sum of the others; 0 where one of them is zero."""
    v = vectors.double()
    others = v.sum(0) - v
    lengths = v.norm(dim=1) * others.norm(dim=1)
    cosine = (v * others).sum(1) / torch.where(lengths > 0.0, lengths, torch.ones_like(lengths))
    return cosine.numpy(force=True)


def _slopes(game: Game, s: Tensor) -> Tensor:
    """Derivative of a named generator's loss in each score [n], in float32 as training has it."""
    s = s.detach().clone().requires_grad_()
    with torch.enable_grad():
        # the loss is a mean over samples: times n it is the sum, and no share underflows for n
        loss = len(s) * LOSSES[game.loss.name].generator(lambda x: x, s, s)
        (slope,) = torch.autograd.grad(loss, s)
    return slope


def _from_below(value: float, error: float, half: float, *, unit: str = "1") -> Quantity:
    return Quantity(
        value=value,
        sampling_error=error,
        unit=unit,
        low=value - half * error,
        high=value + 2.0 * error,
    )
