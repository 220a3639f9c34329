"""What does one player's Hessian hold, on the batch that was drawn and on batches that were not?

The parts from which `gancheck.measures.spectrum` puts its measurement together, in the order in
which a budget is best spent: the ends, their vectors on fresh batches, the ends on other batches and
sizes, and last what lies between them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.diagnosis import Quantity
from gancheck.measures.batch_growth import growth_at, quotients, settling
from gancheck.measures.forecast import Forecast
from gancheck.operators import Hessian
from gancheck.operators.lanczos import lanczos
from gancheck.operators.quadrature import spectral_density
from gancheck.operators.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gancheck.diagnosis import Plan
    from gancheck.games.game import Game, Player
    from gancheck.measures.batch_growth import Growth
    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs
    from gancheck.operators.quadrature import SpectralDensity
    from gancheck.operators.trace import Estimate

__all__ = ["PlayerHessian", "mean_and_error"]

_INNER_BATCHES = (
    8  # for pairs that are not extreme: an interval wider by two, at a quarter the cost
)
_TOL = 1e-3  # a thousandth of an eigenvalue; batches differ by far more
_TRACE_PRODUCTS = 30
_DENSITY_STEPS = 30  # with the ends taken out, 100 steps change a density by less than its error
_DENSITY_PROBES = 4
_SMALLEST = 4  # samples of the smallest batch in the growth


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error of independent values; infinite error for a single one."""
    if len(values) < 2:
        return float(values[0]), float("inf")
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


class PlayerHessian:
    """One player's Hessian, examined step by step.

    Args:
        game: any game.
        player: whose.
        plan: batch size, number of batches, seed.
        each: eigenvalues to resolve at each end on the first batch.
        fresh: seeds of batches that share no draw with the plan's.
        budget: ends every step.
        announce: told what is planned.

    Attributes:
        pairs: of the first batch.
        fresh: for each pair, its vector's quotients on fresh batches.
        growth: the ends by batch size, ascending.
        density: of the first batch; None where the budget did not reach it.
        trace: of the first batch; None likewise.
        finished: whether every step came to its end.
    """

    def __init__(
        self,
        game: Game,
        player: Player,
        plan: Plan,
        *,
        each: int,
        fresh: Sequence[int],
        budget: Budget | None,
        announce: Callable[[str], None] | None,
    ) -> None:
        self._game, self._plan, self._budget = game, plan, budget
        self._player: Player = player
        self._seeds = list(fresh)
        self._operator = Hessian(game, player, game.sample(plan.batch_size, seed=plan.seed))
        self.size = self._operator.shape[0]
        if announce is not None:
            announce(str(self._forecast(each)))
        self.pairs: Eigenpairs = lanczos(
            self._operator, top=each, bottom=each, tol=_TOL, seed=plan.seed, budget=budget
        )
        self.fresh: list[np.ndarray] = []
        self.growth: tuple[Growth, ...] = ()
        self.density: SpectralDensity | None = None
        self.trace: Estimate | None = None
        self.finished = bool(self.pairs.converged.all())

    @property
    def products(self) -> int:
        """With the Hessian of the first batch."""
        return self._operator.products

    def on_fresh_batches(self) -> None:
        """Quotients of every pair's vector; the two extreme ones on all fresh batches."""
        if self._game.analytic:
            self.fresh = [np.array([v]) for v in self.pairs.values]
            return
        k = len(self.pairs.values)
        found: list[list[float]] = [[] for _ in range(k)]
        for i, seed in enumerate(self._seeds):
            which = range(k) if i < _INNER_BATCHES else sorted({0, k - 1})
            if self._short(len(which)):
                self.finished = False
                break
            on = quotients(
                self._game,
                self._player,
                self._plan.batch_size,
                seed,
                self.pairs.vectors[:, list(which)],
                budget=self._budget,
            )
            for j, value in zip(which, on, strict=True):
                found[j].append(float(value))
        self.fresh = [np.array(values) for values in found]

    def on_other_sizes(self) -> None:
        """Both ends on the plan's other batches, then on batches of half and a quarter the size."""
        if self._game.analytic:
            return
        size, seed, count = self._plan.batch_size, self._plan.seed, self._plan.batches
        sizes = [s for s in (size, size // 2, size // 4) if s >= min(size, _SMALLEST)]
        out: list[Growth] = []
        for s in sizes:
            # Other seeds for other sizes: a small batch shall not be the beginning of a large one.
            seeds = [seed + i + (0 if s == size else 100 * (size // s)) for i in range(count)]
            first = self.pairs if s == size else None
            grown = growth_at(self._game, self._player, s, seeds, first=first, budget=self._budget)
            if grown is None:
                self.finished = False
                break
            out.insert(0, grown)
        self.growth = tuple(out)

    def between_the_ends(self) -> None:
        """Trace and density of the first batch, with the resolved pairs taken out."""
        seed = self._plan.seed
        if self._short(4):
            self.finished = False
            return
        self.trace = trace(
            self._operator,
            known=self.pairs,
            products=_TRACE_PRODUCTS,
            seed=seed,
            budget=self._budget,
        )
        if self._short(2):
            self.finished = False
            return
        self.density = spectral_density(
            self._operator,
            known=self.pairs,
            steps=_DENSITY_STEPS,
            probes=_DENSITY_PROBES,
            seed=seed,
            budget=self._budget,
        )

    def quantities(self) -> dict[str, Quantity]:
        """What was reached, by name."""
        player, out = self._player, dict[str, Quantity]()
        for i, end in ((0, "bottom"), (-1, "top")):
            out[f"{end}_{player}"] = Quantity(
                value=float(self.pairs.values[i]),
                error=float(self.pairs.residuals[i]),
                sampling_error=self._spread(i),
                kind=self._kind(i, end),
            )
            values = self.fresh[i] if self.fresh else np.zeros(0)
            if self._game.analytic:
                out[f"{end}_{player}_fresh"] = Quantity(
                    value=float(values[0]), error=float(self.pairs.residuals[i])
                )
            elif len(values) >= 2:
                mean, error = mean_and_error(values)
                out[f"{end}_{player}_fresh"] = Quantity(
                    value=mean, sampling_error=error, kind="upper" if end == "bottom" else "lower"
                )
        if self.trace is not None:
            out[f"trace_{player}"] = Quantity(value=self.trace.value, error=self.trace.error)
        if self.density is not None:
            share, error = self.density.share_negative()
            out[f"negative_share_{player}"] = Quantity(
                value=share,
                error=error,
                unit="share",
                low=max(share - error, 0.0),
                high=min(share + error, 1.0),
            )
        if self.growth and self.growth[-1].scale > 0.0:
            last = self.growth[-1]
            gap, error = (x / last.scale for x in last.gap)
            out[f"batch_part_{player}"] = Quantity(value=gap, sampling_error=error, unit="share")
            out[f"settling_batch_{player}"] = settling(self.growth)
        return out

    def rows(self) -> list[dict[str, Any]]:
        """One a resolved pair, with the 95 % interval of its quotient on fresh batches."""
        rows: list[dict[str, Any]] = []
        nothing = [np.zeros(0)] * len(self.pairs.values)
        for value, residual, converged, fresh in zip(
            self.pairs.values,
            self.pairs.residuals,
            self.pairs.converged,
            self.fresh or nothing,
            strict=True,
        ):
            mean, error = mean_and_error(fresh) if len(fresh) else (float("nan"), float("inf"))
            exact = self._game.analytic
            half = 0.0 if exact else error * float(stdtrit(max(len(fresh) - 1, 1), 0.975))
            rows.append(
                {
                    "player": self._player,
                    "group": "all",
                    "eigenvalue": float(value),
                    "residual": float(residual),
                    "converged": bool(converged),
                    "fresh": mean,
                    "fresh_low": mean - half,
                    "fresh_high": mean + half,
                    "fresh_batches": 0 if exact else len(fresh),
                }
            )
        return rows

    def _spread(self, i: int) -> float | None:
        """Standard deviation over batches; not known, hence infinite, where none was reached."""
        if self._game.analytic:
            return None
        full = [g for g in self.growth if g.size == self._plan.batch_size]
        return float(full[0].own[:, i].std(ddof=1)) if full else float("inf")

    def _kind(self, i: int, end: str) -> Any:
        """A value that did not converge still bounds the batch's extreme from inside."""
        if self.pairs.converged[i]:
            return "estimate"
        return "upper" if end == "bottom" else "lower"

    def _short(self, products: int) -> bool:
        budget = self._budget
        return budget is not None and (budget.exhausted or budget.left < products)

    def _forecast(self, each: int) -> Forecast:
        """What all steps are expected to cost, from one timed product."""
        v = torch.ones(self.size, dtype=self._operator.dtype, device=self._operator.device)
        self._operator.matvec(v)
        began = time.perf_counter()
        self._operator.matvec(v).sum().item()  # reads the result: on a device, waits for it
        one = time.perf_counter() - began
        count = 0 if self._game.analytic else self._plan.batches
        at_a_size = 25 * count + 2 * count * count
        fresh = 0 if self._game.analytic else 2 * len(self._seeds) + _INNER_BATCHES * 2 * (each - 1)
        full = 12 * each + at_a_size + fresh + _TRACE_PRODUCTS + _DENSITY_STEPS * _DENSITY_PROBES
        rows = min(max(60, 6 * each) + 1, self.size)
        return Forecast(
            what=f"the {self._player}'s Hessian",
            parameters=self.size,
            memory=rows * self.size * self._operator.dtype.itemsize,
            products=full + 2 * at_a_size,
            seconds=one * (full + 0.75 * at_a_size),
        )
