"""How sharply does each player's own loss curve, and is that curvature the game's or the batch's?

The extreme eigenvalues of a Hessian on one batch belong to that batch: on a published GAN the top
eigenvalue moves by a third between batches of 256 while its residual is 1e-9. So beside each
extreme eigenvalue stands the Rayleigh quotient of its vector on fresh batches. By Courant-Fischer
that quotient bounds the extreme eigenvalue of the expected Hessian from inside: curvature that
vanishes on fresh data was the batch's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    HAIRLINE,
    MUTED,
    WIDE,
    label,
    new_figure,
    number_text,
    page_style,
    symlog,
    x_title,
)
from gancheck.operators import Hessian
from gancheck.operators.eigenpairs import ends

if TYPE_CHECKING:
    from gancheck.games.game import Game, Player
    from gancheck.operators.eigenpairs import Eigenpairs

__all__ = ["HessianSpectra", "fresh_seeds", "hessian_spectra", "mean_and_error"]

_FRESH = 10_000  # seeds of fresh batches begin here, apart from those of evaluation batches
_PLAYERS: tuple[Player, Player] = ("generator", "discriminator")
_COLOUR = {"generator": GENERATOR, "discriminator": DISCRIMINATOR}
FRESH_BATCHES = 32  # a standard error of a quotient known to 13 %


@dataclass(frozen=True, kw_only=True)
class HessianSpectra(Measurement):
    """Extreme eigenvalues of both players' Hessians.

    Attributes:
        resolved: player -> eigenvalues found on the first batch, ascending.
        spread: player -> [batches, 2]: bottom and top on every batch, the first included.
        size: player -> number of parameters.
    """

    resolved: dict[str, np.ndarray]
    spread: dict[str, np.ndarray]
    size: dict[str, int]

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Resolved eigenvalues as ticks, other batches' extremes as dots above, the rest as a bar."""
        _, axes = new_figure(width_px, 250, rows=2, sharex=True)
        everything = [v for p in _PLAYERS for v in (*self.resolved[p], *self.spread[p].ravel())]
        low, high = min(*everything, -1.0), max(*everything, 1.0)
        linear = max(abs(low), high) / 100.0
        for ax, player in zip(axes, _PLAYERS, strict=True):
            colour, values, spread = _COLOUR[player], self.resolved[player], self.spread[player]
            rest = self.size[player] - len(values)
            half = len(values) // 2
            if rest > 0 and half:
                ax.fill_between([values[half - 1], values[half]], 0.25, 0.55, color=HAIRLINE)
            ax.vlines(values, 0.1, 0.7, color=colour, linewidth=1.6)
            ax.plot(spread.ravel(), [0.9] * spread.size, "o", color=colour, markersize=4)
            ax.set_ylim(0, 1.35)
            ax.set_yticks([])
            symlog(ax, "x", low=1.3 * low, high=1.3 * high, linear=linear)
            label(ax, 1.3 * low, 1.25, player, colour)
            note = f"{number_text(rest, 9)} not resolved" if rest > 0 else "all resolved"
            label(ax, 1.3 * high, 1.25, note, MUTED, bold=False, size=11.5, align="right")
            ax.axvline(0.0, color=MUTED, linewidth=1, zorder=0)
        x_title(axes[-1], f"eigenvalue (linear within ±{number_text(linear, 2)})")
        return axes


def fresh_seeds(plan: Plan, count: int = FRESH_BATCHES) -> range:
    """Seeds of batches that share no draw with the evaluation batches."""
    return range(plan.seed + _FRESH, plan.seed + _FRESH + count)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of independent values; infinite error for a single one."""
    if len(values) < 2:
        return float(values[0]), float("inf")
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def hessian_spectra(game: Game, plan: Plan | None = None, *, each: int = 5) -> HessianSpectra:
    """Measure both ends of both players' Hessians, with residuals, spread and fresh quotients.

    Args:
        game: any game.
        plan: batch size, number of batches, seed.
        each: eigenvalues resolved at each end on the first batch.

    Returns:
        Quantities `top_generator`, `bottom_generator`, `top_discriminator`,
        `bottom_discriminator` (numerical error: residual; sampling error: standard deviation over
        batches) and the same with `_fresh` (mean Rayleigh quotient over fresh batches; sampling
        error: its standard error).

    Raises:
        NotConverged: the eigensolver gave up.

    Cost: about (50 to 100) products a player and batch, plus one a fresh batch.
    """
    plan = plan or Plan()
    start = time.perf_counter()
    quantities: dict[str, Quantity] = {}
    rows: list[dict[str, Any]] = []
    resolved: dict[str, np.ndarray] = {}
    spread: dict[str, np.ndarray] = {}
    products = 0
    for player in _PLAYERS:
        first, extremes, spent = _on_batches(game, player, plan, each)
        products += spent
        resolved[player], spread[player] = first.values, extremes
        fresh = _fresh_quotients(game, player, plan, first.vectors[:, [0, -1]])
        products += fresh.size
        for end, index in (("bottom", 0), ("top", -1)):
            quantities[f"{end}_{player}"] = Quantity(
                value=float(first.values[index]),
                error=float(first.residuals[index]),
                sampling_error=None if game.analytic else float(extremes[:, index].std(ddof=1)),
            )
            mean, error = mean_and_error(fresh[:, index])
            quantities[f"{end}_{player}_fresh"] = Quantity(
                value=mean,
                error=float(first.residuals[index]) if game.analytic else 0.0,
                sampling_error=None if game.analytic else error,
                kind="upper" if end == "bottom" else "lower",
            )
        rows += [
            {"player": player, "eigenvalue": float(v), "residual": float(r)}
            for v, r in zip(first.values, first.residuals, strict=True)
        ]
    size_g, size_d = game.sizes()
    return HessianSpectra(
        quantities=quantities,
        rows=rows,
        provenance={
            "batch_size": plan.batch_size,
            "batches": 1 if game.analytic else plan.batches,
            "fresh_batches": 0 if game.analytic else FRESH_BATCHES,
            "seed": plan.seed,
            "products": products,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        resolved=resolved,
        spread=spread,
        size={"generator": size_g, "discriminator": size_d},
    )


def _on_batches(
    game: Game, player: Player, plan: Plan, each: int
) -> tuple[Eigenpairs, np.ndarray, int]:
    """Pairs on the first batch, extremes on every batch, products spent."""
    count = 1 if game.analytic else plan.batches
    first: Eigenpairs | None = None
    extremes, products = [], 0
    for s in range(count):
        operator = Hessian(game, player, game.sample(plan.batch_size, seed=plan.seed + s))
        # Further batches serve the spread, which is a thousand times wider than this tolerance.
        pairs = ends(
            operator,
            each=each if s == 0 else 1,
            seed=plan.seed + s,
            tol=1e-5 if s == 0 else 1e-3,
        )
        first = first or pairs
        extremes.append([pairs.values[0], pairs.values[-1]])
        products += pairs.products
    if first is None:  # count is at least 1
        raise ValueError("no batch was drawn")
    return first, np.array(extremes), products


def _fresh_quotients(game: Game, player: Player, plan: Plan, vectors: np.ndarray) -> np.ndarray:
    """Rayleigh quotients [batches, 2] of two vectors on batches they were not found on."""
    seeds = [plan.seed] if game.analytic else list(fresh_seeds(plan))
    out = []
    for seed in seeds:
        operator = Hessian(game, player, game.sample(plan.batch_size, seed=seed))
        vs = torch.as_tensor(vectors.copy(), dtype=operator.dtype, device=operator.device)
        out.append([float(v @ operator.matvec(v)) for v in vs.T])
    return np.array(out)
