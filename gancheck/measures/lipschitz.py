"""How steep is the discriminator, and is it what its penalty asks for?

Slopes, the norms of the score's gradient in its input, on real and generated samples and on the
segments between them. A gradient penalty of weight la does not make them 1: for point masses at
distance r the best critic has the slope 1 + r/(2 la) (`gradient-penalty-overshoots`). For any two
laws the same argument, that a best critic cannot gain by being multiplied by a factor, gives

    E s^2 / E s  =  1 + gap / (2 la E s),      gap = E f(real) - E f(generated),

with s the slope on the segments: both sides are measured, and how far they lie apart says how far
the critic is from the optimum of its own loss. Where a slope is everywhere the same the left side
is that slope, and gap / s the distance r of the theorem.

The largest slope found is a lower bound of the Lipschitz constant, the product of the layers' norms
(`layer_norms`) an upper one. Source: Gulrajani et al. (2017).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.admitted import finite_derivative
from gancheck.games.penalties import input_slopes, interpolate
from gancheck.games.semantics import on_batch_statistics
from gancheck.games.streams import stream
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    INK,
    MUTED,
    REAL,
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
from gancheck.measures.layer_norms import LayerNorm, discriminator_layers, not_a_chain
from gancheck.measures.player_hessian import mean_and_error
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from gancheck.games.game import Game

__all__ = ["Steepness", "lipschitz"]

_POINTS = 1000  # of each kind: a mean slope is then known to 3 % of the spread
_CHUNK = 250
_SHOWN = 16  # layers for which the picture has room


@dataclass(frozen=True, kw_only=True)
class Steepness(Measurement):
    """Slopes of the discriminator and the norms of its layers.

    Attributes:
        loss: name of the loss in use.
        slopes: `real`, `generated`, `between` -> [points].
        layers: in the order of the pass.
        no_product: why the product of the norms is no bound; "" where it is given.
        mixes: the slopes are of a sum over a batch, which batch norm mixes.
    """

    loss: str
    slopes: dict[str, np.ndarray]
    layers: list[LayerNorm]
    no_product: str
    mixes: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Slopes on the three kinds of points; below, the norm of each layer."""
        rows = max(1, min(len(self.layers), _SHOWN))
        heights = (220, 60 + 22 * rows)
        _, (top, bottom) = new_figure(width_px, sum(heights), rows=2, height_ratios=heights)
        self._slopes(top)
        self._norms(bottom)
        return np.array([top, bottom])

    def _slopes(self, ax: Axes) -> None:
        everything = np.concatenate(list(self.slopes.values()))
        bins = np.histogram_bin_edges(everything, bins=50)
        for kind, colour, at in (
            ("real", REAL, 0),
            ("generated", GENERATOR, 45),
            ("between", DISCRIMINATOR, 130),
        ):
            heights, _ = np.histogram(self.slopes[kind], bins=bins, density=True)
            ax.stairs(heights, bins, color=colour, fill=True, alpha=0.15)
            ax.stairs(heights, bins, color=colour, linewidth=1.6)
            label(ax, bins[0], 0.0, kind, colour, dx=at, dy=128)
        if "slope_predicted" in self.quantities:
            reference(ax, 1.0, color=MUTED)
            reference(ax, self.quantities["slope_predicted"].value, text="optimum", color=INK)
        ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
        ax.set_yticks([])
        y_title(ax, "density of the slope")
        x_title(ax, "norm of the score's gradient in its input")

    def _norms(self, ax: Axes) -> None:
        shown = self.layers[:_SHOWN]
        for i, layer in enumerate(shown):
            high = layer.upper if np.isfinite(layer.upper) else layer.norm
            interval(ax, layer.norm, layer.norm, high, -i, DISCRIMINATOR)
            label(ax, layer.norm, -i, layer.name, MUTED, dx=9, bold=False)
        if not shown:
            ax.text(0.5, 0.5, "no linear or convolution layer met", transform=ax.transAxes)
        reference(ax, 1.0, text="1")
        ax.set_ylim(-len(shown) + 0.4, 0.9)
        set_ticks(ax, "y", [])
        ax.margins(x=0.25)
        more = len(self.layers) - len(shown)
        x_title(ax, "norm of each layer as a map" + (f", {more} more in the table" if more else ""))


def lipschitz(game: Game, plan: Plan | None = None) -> Steepness:
    """Measure slopes on at most 1000 points of each kind, and the norm of every layer.

    Returns:
        `slope_real`, `slope_generated`, `slope_between` (means), `slope_largest` (found, so a lower
        bound of the Lipschitz constant), `flat_share` (generated samples of slope exactly zero),
        `layer_norm_largest`; `product_bound` where the discriminator is a chain of such layers with
        1-Lipschitz ones between; for wgan and wgan-gp `critic_gap`; for wgan-gp, whose weight here
        is 10, `slope_weighted` (E s^2 / E s on the segments), `slope_predicted` (what it is at the
        optimum) and `slope_mismatch` (their difference).

    Raises:
        NotApplicable: an analytic game.
        NotFinite: a sample, a score or a slope is NaN or infinite.

    Cost: five passes of at most 1000 samples and three gradients; 20 to 60 products with each layer.
    """
    plan = plan or Plan()
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    start = time.perf_counter()
    limit = game.data.size
    n = min(plan.samples, _POINTS if limit is None else min(_POINTS, limit))
    real = game.draw_real(n, seed=plan.seed)
    fake = game.draw_samples(n, seed=plan.seed)
    between = interpolate(real, fake, rng=stream(plan.seed, "penalty"))
    points = {"real": real, "generated": fake, "between": between}
    with game.untouched(), torch.no_grad():
        slopes = {kind: _slopes(game, x, plan.seed) for kind, x in points.items()}
        gaps = _scores(game, real, plan.seed) - _scores(game, fake, plan.seed)
    layers = discriminator_layers(game, seed=plan.seed)
    reason = not_a_chain(game)
    quantities = {f"slope_{kind}": _mean(s) for kind, s in slopes.items()}
    largest = max(float(s.max()) for s in slopes.values())
    quantities["slope_largest"] = Quantity(value=largest, kind="lower", low=largest)
    quantities["flat_share"] = share(int((slopes["generated"] == 0.0).sum()), n)
    quantities |= _of_layers(layers, reason) | _of_critic(game, slopes["between"], gaps)
    return Steepness(
        quantities=quantities,
        rows=[
            {
                "layer": x.name,
                "kind": x.kind,
                "outputs": x.shape[0],
                "inputs": x.shape[1],
                "norm": x.norm,
                "upper": x.upper,
            }
            for x in layers
        ],
        provenance={
            "points": n,
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "no_product_bound": reason,
            "semantics": game.semantics()["discriminator"],
            "seconds": time.perf_counter() - start,
        },
        loss=game.loss.name,
        slopes=slopes,
        layers=layers,
        no_product=reason,
        mixes=on_batch_statistics(game.modules["discriminator"], game.batch_norm),
    )


def _of_layers(layers: list[LayerNorm], reason: str) -> dict[str, Quantity]:
    if not layers:
        return {}
    steepest = max(layers, key=lambda x: x.norm)
    out = {
        "layer_norm_largest": Quantity(
            value=steepest.norm,
            error=1e-6 * steepest.norm,  # half the relative residual of the square, and rounding
            low=steepest.norm,
            high=max(x.upper for x in layers),
        )
    }
    if not reason:
        found = float(np.prod([x.norm for x in layers]))
        bound = float(np.prod([x.upper for x in layers]))
        out["product_bound"] = Quantity(value=bound, kind="upper", low=found, high=bound)
    return out


def _of_critic(game: Game, s: np.ndarray, gaps: np.ndarray) -> dict[str, Quantity]:
    """The critic's gap, and both sides of the optimum's condition where a penalty is in the loss.

    All three means are over the same pairs of a real and a generated sample, so the difference of
    the two sides is one ratio of means and has the delta method's standard error.
    """
    if game.loss.name not in ("wgan", "wgan-gp"):
        return {}
    out = {"critic_gap": _mean(gaps)}
    if not game.loss.gradient_penalty or not s.mean() > 0.0 or len(s) < 2:
        return out
    pull = gaps / (2.0 * game.loss.gradient_penalty)
    out["slope_weighted"] = _ratio(s * s, s)
    out["slope_predicted"] = _ratio(pull, s, plus=1.0)
    out["slope_mismatch"] = _ratio(s * s - pull, s, plus=-1.0)
    return out


def _slopes(game: Game, points: Tensor, seed: int) -> np.ndarray:
    torch.manual_seed(seed)  # dropout masks; the caller restores the global state

    def score(x: Tensor) -> Tensor:
        return game.score(x.to(points.dtype))

    # the slopes of points in float64 are float64, in which their squares neither over- nor underflow
    parts = [input_slopes(score, chunk) for chunk in points.double().split(_CHUNK)]
    return finite_derivative(torch.cat(parts), "D's score in its input").numpy(force=True)


def _scores(game: Game, points: Tensor, seed: int) -> np.ndarray:
    torch.manual_seed(seed)
    scores = torch.cat([game.score(chunk) for chunk in points.split(_CHUNK)])
    return scores.double().numpy(force=True)


def _mean(x: np.ndarray) -> Quantity:
    mean, error = mean_and_error(x)
    return Quantity(value=mean, sampling_error=error)


def _ratio(top: np.ndarray, bottom: np.ndarray, *, plus: float = 0.0) -> Quantity:
    """mean(top)/mean(bottom) + plus, with the delta method's standard error."""
    ratio = float(top.mean() / bottom.mean())
    residual = (top - ratio * bottom) / bottom.mean()
    error = float(residual.std(ddof=1) / len(top) ** 0.5)
    return Quantity(value=ratio + plus, sampling_error=error)
