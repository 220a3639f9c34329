"""How sharply does each player's own loss curve, and is that curvature the game's or the batch's?

The extreme eigenvalues of a Hessian on one batch belong to that batch: on a published GAN the top
eigenvalue moves by a third between batches of 256 while its residual is 1e-9. So beside each
resolved eigenvalue stands the Rayleigh quotient of its vector on fresh batches. By Courant-Fischer
that quotient bounds the extreme eigenvalue of the expected Hessian from inside: curvature that
vanishes on fresh data was the batch's. What lies between the ends is given by its density, its
trace and the share of it that is negative.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.measures.batch_growth import SETTLED
from gancheck.measures.diversity import along_diversity
from gancheck.measures.figures import (
    DISCRIMINATOR,
    GENERATOR,
    MUTED,
    WIDE,
    label,
    new_figure,
    number_text,
    page_style,
    reference,
    set_ticks,
    symlog,
    x_title,
    y_title,
)
from gancheck.measures.parameter_groups import group_rows
from gancheck.measures.player_hessian import PlayerHessian, mean_and_error
from gancheck.operators.admission import admit_game
from gancheck.operators.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

    from gancheck.games.game import Game, Player
    from gancheck.measures.batch_growth import Growth
    from gancheck.operators.quadrature import SpectralDensity

__all__ = ["HessianSpectrum", "fresh_seeds", "hessian_spectrum", "mean_and_error"]

_FRESH = 10_000  # seeds of fresh batches begin here, apart from those of evaluation batches
_PLAYERS: tuple[Player, Player] = ("generator", "discriminator")
_COLOUR = {"generator": GENERATOR, "discriminator": DISCRIMINATOR}
FRESH_BATCHES = 32  # a standard error of a quotient known to 13 %
_WIDTH = 0.15  # of a drawn eigenvalue; a power of ten is 2.3 of these units long
_FLOOR = 0.3  # eigenvalues, below which nothing is drawn


@dataclass(frozen=True, kw_only=True)
class HessianSpectrum(Measurement):
    """Both players' Hessians: resolved ends, density between, and what of it is the batch's.

    Attributes:
        resolved: player -> eigenvalues found on the first batch, ascending.
        settled: player -> whether every one of them converged and none was missed.
        density: player -> all eigenvalues of the first batch as a measure; absent once a budget is
            spent.
        growth: player -> the ends by batch size, ascending; empty for an analytic game.
        size: player -> number of parameters.
        stopped: whether the budget ended the measurement before its end.
    """

    resolved: Mapping[str, np.ndarray]
    settled: Mapping[str, bool]
    density: Mapping[str, SpectralDensity]
    growth: Mapping[str, tuple[Growth, ...]]
    size: Mapping[str, int]
    stopped: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Both densities with the resolved ends as ticks; below, the batch's part by batch size."""
        grown = any(self.growth.values())
        heights = [1.0, 1.0, 0.9] if grown else [1.0, 1.0]
        _, axes = new_figure(
            width_px, 390 if grown else 270, rows=len(heights), height_ratios=heights
        )
        every = [v for values in self.resolved.values() for v in values]
        low, high = 1.5 * min(*every, -1e-300), 1.5 * max(*every, 1e-300)
        linear = max(-low, high) / 1000.0
        for ax, player in zip(axes, _PLAYERS, strict=False):
            self._draw_density(ax, player, (low, high), linear)
        x_title(axes[1], f"eigenvalue (linear within ±{number_text(linear, 2)})")
        if grown:
            self._draw_growth(axes[2])
        return axes

    def _draw_density(
        self, ax: Axes, player: Player, reach: tuple[float, float], linear: float
    ) -> None:
        """How many eigenvalues lie around each value, on logarithmic scales."""
        colour, n = _COLOUR[player], self.size[player]
        low, high = reach
        if player in self.density:
            # Widened evenly on the axis as it is drawn, where a power of ten has one length.
            nodes, weights = self.density[player].points
            grid = np.linspace(np.arcsinh(low / linear), np.arcsinh(high / linear), 400)
            z = (grid[:, None] - np.arcsinh(nodes / linear)) / _WIDTH
            count = n * np.exp(-0.5 * z * z) @ weights / np.sqrt(2.0 * np.pi)
            ax.fill_between(
                linear * np.sinh(grid), _FLOOR, np.maximum(count, _FLOOR), color=colour, alpha=0.3
            )
        values = self.resolved[player]
        ax.vlines(values, _FLOOR, 1.0, color=colour, linewidth=1.6)
        ax.set_yscale("log")
        ax.set_ylim(_FLOOR, 4.0 * n)
        set_ticks(ax, "y", [1.0] if n < 10 else [1.0, 10.0 ** np.floor(np.log10(n))])
        symlog(ax, "x", low=low, high=high, linear=linear)
        label(ax, low, 2.0 * n, player, colour, dx=6)
        note = "resolved" if self.settled[player] else "not all resolved"
        label(ax, high, 2.0 * n, f"{len(values)} ends {note}", MUTED, bold=False, size=11.5,
              dx=-6, align="right")  # fmt: skip
        ax.axvline(0.0, color=MUTED, linewidth=1, zorder=0)
        if player == _PLAYERS[0]:
            y_title(ax, "number of eigenvalues")

    def _draw_growth(self, ax: Axes) -> None:
        highest, sizes = 2.0 * SETTLED, set[int]()
        for player, growths in self.growth.items():
            if not growths:
                continue
            x = [g.size for g in growths]
            parts = np.array([g.gap for g in growths]) / max(growths[-1].scale, 1e-300)
            ax.errorbar(x, parts[:, 0], parts[:, 1], color=_COLOUR[player], marker="o",
                        markersize=5, linewidth=1.6)  # fmt: skip
            highest = max(highest, float(parts.sum(1).max()))
            sizes.update(x)
        ax.set_xscale("log")
        ax.set_xlim(0.9 * min(sizes), 1.5 * max(sizes))
        set_ticks(ax, "x", sorted(sizes))
        ax.set_ylim(min(0.0, -0.1 * highest), 1.15 * highest)
        reference(ax, SETTLED, axis="y", text="settled")
        y_title(ax, "the batch's part of the larger end")
        x_title(ax, "samples a batch")


def fresh_seeds(plan: Plan, count: int = FRESH_BATCHES) -> range:
    """Seeds of batches that share no draw with the evaluation batches."""
    return range(plan.seed + _FRESH, plan.seed + _FRESH + count)


def hessian_spectrum(
    game: Game,
    plan: Plan | None = None,
    *,
    each: int = 5,
    groups: Mapping[str, Sequence[str]] | None = None,
    budget: Budget | None = None,
    announce: Callable[[str], None] | None = None,
) -> HessianSpectrum:
    """Measure both players' Hessians.

    Args:
        game: any game.
        plan: batch size, number of batches, seed.
        each: eigenvalues resolved at each end on the first batch.
        groups: parts of a player that are measured alone too, such as `{"G.block1": []}` or
            `{"D.norms": ["*.weight"]}`; see `gancheck.measures.parameter_groups`.
        budget: products or seconds for everything together; where it is gone the measurement ends
            with what it has, and names that it did not reach are absent.
        announce: told for each player what is planned (parameters, memory, products, seconds)
            before the long computations begin.

    Returns:
        For each player: `top_`, `bottom_` (numerical error: residual; sampling error: standard
        deviation over batches) and the same with `_fresh` (mean Rayleigh quotient over fresh
        batches; sampling error: its standard error); `trace_` and `negative_share_` of the first
        batch (error: half a 95 % interval); `batch_part_` (how much of the larger end is the
        batch's) and `settling_batch_` (the batch size at which that would be 5 %). For the
        generator `diversity_curvature` and `diversity_slope`, see `gancheck.measures.diversity`.
        The table has a row for each resolved pair, of a group too, with its quotient on fresh
        batches and the 95 % interval of that.

    Raises:
        ValueError: each below 1, or a batch size above the size of finite data.
        OperatorError: products that are not those of a Hessian.

    Cost: about 700 products a player at the defaults, half of them on smaller or fresh batches.
    """
    if each < 1:
        raise ValueError(f"each must be at least 1, got {each}")
    plan = plan or Plan()
    budget = budget or Budget.of(plan)
    start = time.perf_counter()
    admitted = admit_game(game, game.sample(plan.batch_size, seed=plan.seed))
    parts = {
        player: PlayerHessian(
            game, player, plan, each=each, fresh=fresh_seeds(plan), budget=budget, announce=announce
        )
        for player in _PLAYERS
    }
    for step in ("on_fresh_batches", "on_other_sizes", "between_the_ends"):
        for part in parts.values():
            getattr(part, step)()
    along = _along_diversity(game, plan, budget)
    of_groups = group_rows(game, plan, groups or {}, fresh_seeds(plan), each=each, budget=budget)
    stopped = budget is not None and not all(part.finished for part in parts.values())
    return HessianSpectrum(
        quantities={k: q for part in parts.values() for k, q in part.quantities().items()} | along,
        rows=[row for part in parts.values() for row in part.rows()] + of_groups,
        provenance={
            "batch_size": plan.batch_size,
            "batches": 1 if game.analytic else plan.batches,
            "fresh_batches": 0 if game.analytic else FRESH_BATCHES,
            **admitted.as_provenance(),
            "seed": plan.seed,
            "products_on_the_first_batch": sum(part.products for part in parts.values()),
            "dtype": str(game.dtype),
            "stopped": stopped,
            "seconds": time.perf_counter() - start,
        },
        resolved={p: part.pairs.values for p, part in parts.items()},
        settled={p: bool(part.pairs.converged.all()) for p, part in parts.items()},
        density={p: part.density for p, part in parts.items() if part.density is not None},
        growth={p: part.growth for p, part in parts.items()},
        size={p: part.size for p, part in parts.items()},
        stopped=stopped,
    )


def _along_diversity(game: Game, plan: Plan, budget: Budget | None) -> dict[str, Quantity]:
    """Slope and curvature along the gradient of diversity, where there is one."""
    first = game.sample(plan.batch_size, seed=plan.seed)
    found = along_diversity(game, first, plan.batch_size, fresh_seeds(plan), budget=budget)
    if found is None:
        return {}
    out = {}
    for name, values in (("slope", found.slope), ("curvature", found.curvature)):
        mean, error = mean_and_error(values)
        out[f"diversity_{name}"] = Quantity(value=mean, sampling_error=error)
    return out
