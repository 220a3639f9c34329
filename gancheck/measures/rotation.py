"""How much of the game turns instead of descends?

J = S + A, symmetric and antisymmetric part. A potential game has A = 0, a purely rotational one
S = 0 (Balduzzi et al. 2018). The strength is ||A||_F / ||J||_F, in [0, 1]. On one batch it comes
from a shared basis and probes (`operators.frobenius`); of the game it comes from pairs of
independent batches (`measures.cross_batch`), because a batch's own noise turns too. Beside it stand
||A||_2, above which no imaginary part can lie (Bendixson 1902), and the largest imaginary part
found, a bound from below. Where an earlier point of training is known, the field is followed on the
way from there to here (`measures.path`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.measures.cross_batch import BATCHES, CrossBatch, cross_batch
from gancheck.measures.figures import (
    GENERATOR,
    MUTED,
    NARROW,
    WIDE,
    interval,
    label,
    new_figure,
    number_text,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.forecast import Forecast, timed
from gancheck.measures.path import PathAngle, of_the_way, way_here
from gancheck.operators import GameJacobian
from gancheck.operators.admission import admit_game
from gancheck.operators.budget import Budget
from gancheck.operators.frobenius import (
    compressed,
    measured_parts,
    pairs_for,
    probes,
    share_of,
    shared_basis,
)
from gancheck.operators.krylov_schur import krylov_schur, start_vector
from gancheck.operators.lanczos import spectral_norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from torch import Tensor

    from gancheck.games.game import Batch, Game
    from gancheck.operators.lanczos import SpectralNorm

__all__ = ["Rotation", "rotation"]

_FORMED = 400  # parameters up to which the matrix is formed, where probes would cost as much
_KEPT = 3  # singular directions on each side kept for other batches
_CROSS_PROBES = 6
_CROSS = 30_000  # seeds of cross batches begin here, apart from those of every other batch
_SMALLER = (4, 2)  # parts of the batch size at which the growth is measured too
_SMALLER_BATCHES = 4
_SEARCHES = 180  # products usual for the norm and the imaginary part, for the forecast
_IMAGINARY = 4  # pairs a search for the largest imaginary part resolves


@dataclass(frozen=True, kw_only=True)
class Rotation(Measurement):
    """Rotational strength of one batch, of the game, and its growth with the batch size.

    Attributes:
        growth: [sizes, 2]: batch size and mean share that one batch shows; empty where only one
            batch was measured.
        curve: [points, 2]: the same by expectation plus noise over size.
        path: the field on the way from an earlier point of training; None where none is known, or
            the budget left nothing for it.
        stopped: whether the budget ended the measurement of the share, the norm or the field.
    """

    growth: np.ndarray
    curve: np.ndarray
    path: PathAngle | None
    stopped: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes | np.ndarray:
        """The share on one batch and of the game, its growth with the size, and the way here."""
        panels = 1 + (len(self.growth) > 0) + (0 if self.path is None else 2)
        if panels == 1:
            _, ax = new_figure(width_px, 130)
            self._draw_shares(ax)
            return ax
        columns = 1 if width_px <= NARROW or panels % 2 else 2
        rows = panels // columns
        _, grid = new_figure(
            width_px, (180 if columns == 1 else 220) * rows, rows=rows, columns=columns
        )
        axes = np.ravel(grid)
        self._draw_shares(axes[0])
        if len(self.growth):
            self._draw_growth(axes[1])
        if self.path is not None:
            self.path.draw(axes[-2:])
        return axes

    def _draw_shares(self, ax: Axes) -> None:
        shares = [("one batch", "rotation"), ("expected", "rotation_expected")]
        drawn = [
            (words, self.quantities[name]) for words, name in shares if name in self.quantities
        ]
        for row, (words, q) in enumerate(reversed(drawn)):
            low, high = max(q.interval[0], 0.0), min(q.interval[1], 1.0)
            interval(ax, low, q.value, high, row, GENERATOR)
            label(ax, 0.0, row, f"{words}: {q.value:.3f}", GENERATOR, dx=4, dy=16)
        reference(ax, 0.5, text="warns")
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(-0.6, max(len(drawn), 1) - 0.2)
        ax.set_yticks([])
        set_ticks(ax, "x", [0.0, 0.25, 0.5, 0.75, 1.0])
        x_title(ax, "0 descends, 1 circles")

    def _draw_growth(self, ax: Axes) -> None:
        expected = self.quantities["rotation_expected"]
        low, high = expected.interval
        ax.axhspan(low, high, color=GENERATOR, alpha=0.15, linewidth=0)
        ax.axhline(expected.value, color=GENERATOR, linewidth=1)
        ax.plot(self.curve[:, 0], self.curve[:, 1], color=MUTED)
        ax.plot(self.growth[:, 0], self.growth[:, 1], "o", color=GENERATOR, markersize=6)
        ax.set_xscale("log")
        sizes = sorted({int(s) for s in self.growth[:, 0]})
        set_ticks(ax, "x", sizes, [number_text(s) for s in sizes])
        top = max(float(self.curve[:, 1].max()), high)
        ax.set_ylim(0.0, min(1.05, 1.25 * top + 0.02))
        label(ax, self.curve[-1, 0], expected.value, "the game", GENERATOR, dy=10, align="right")
        y_title(ax, "share that one batch shows")
        x_title(ax, "samples a batch")


def rotation(
    game: Game,
    batch: Batch | None = None,
    *,
    plan: Plan | None = None,
    budget: Budget | None = None,
    announce: Callable[[str], None] | None = None,
) -> Rotation:
    """Measure the antisymmetric share of the game Jacobian.

    Args:
        game: any game.
        batch: measured on it alone where given; otherwise on the plan's first batch, and of the
            game on batches that share no draw with it.
        plan: batch size, seed, and `probes`: pairs of products on the first batch.
        budget: products or seconds; where it is gone the measurement ends with what it has.
        announce: told what is planned (parameters, memory, products, seconds) before the first
            long computation.

    Returns:
        `rotation` (numerical error: half a 95 % interval over probes; sampling error: standard
        deviation over batches), `rotation_expected` (of the expected game, by cross-batch
        products), `a_squared_expected` and `s_squared_expected` (squared Frobenius norms of its
        parts), `settling_batch_rotation` (batch size at which one batch's share is within 5 % of
        it), `a_norm` (||A||_2), `max_imag` (largest imaginary part found, a lower bound),
        `rotation_along_field` (||A v||/||J v|| at the field); where `game.earlier` is known,
        `path_angle_at_end`, `path_norm_at_end`, `path_bump` and `path_sign_change` as in
        `measures.path_angle`. Fewer where the budget ended.

    Raises:
        ValueError: a batch size above the size of finite data.

    Cost: 2 `probes` products, 20 to 60 for the norm, 130 or more for the imaginary part; of the
    game 24 on each of 20 batches; of the way 67 evaluations of the field on each of the plan's
    batches.
    """
    plan = plan or Plan()
    budget = budget or Budget.of(plan)
    start = time.perf_counter()
    alone = batch is not None or game.analytic
    first = game.sample(plan.batch_size, seed=plan.seed) if batch is None else batch
    admitted = admit_game(game, first)
    jacobian = GameJacobian(game, first)
    quantities: dict[str, Quantity] = {}
    crossed: CrossBatch | None = None
    growth: list[CrossBatch] = []
    pairs = _pairs(jacobian, plan, budget)
    if announce is not None:
        announce(str(_forecast(jacobian, plan, alone=alone)))
    if pairs:
        quantities["rotation"], basis, exact = _on_one(jacobian, pairs, plan.seed, budget)
        if not alone:
            w = probes(jacobian, _CROSS_PROBES, seed=plan.seed + 501)
            crossed, growth = _of_the_game(game, plan, basis, w, budget)
        if crossed is not None:
            quantities.update(_expected(crossed, quantities["rotation"]))
    else:
        exact = False
    turning = _norm(jacobian, plan.seed, budget)
    if turning is not None:
        quantities["a_norm"] = Quantity(
            value=turning.value, error=turning.error, low=turning.value, high=turning.upper
        )
        quantities["max_imag"] = _largest_imaginary(jacobian, turning, plan.seed, budget)
    if budget is None or budget.left >= 2:
        quantities["rotation_along_field"] = _along(jacobian, budget)
    if not alone:  # what is exact for the first batch is another number on the next
        quantities = {
            name: replace(q, kind="estimate") if q.kind == "exact" else q
            for name, q in quantities.items()
        }
    complete = {"rotation", "a_norm", "rotation_along_field"} <= set(quantities)
    path = way_here(game, batch, plan, budget)
    if path is not None:
        quantities.update((f"path_{name}", q) for name, q in path.quantities.items())
    return Rotation(
        quantities=quantities,
        rows=[{"batch_size": c.size, "rotation": float(c.each().mean())} for c in growth],
        provenance={
            "batch_size": first.size,
            "batches": 0 if crossed is None else crossed.batches,
            "pairs": 0 if exact else pairs,
            "formed": exact,
            **admitted.as_provenance(),
            "products": jacobian.products,
            "path": of_the_way(game, path),
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        growth=np.array([[c.size, c.each().mean()] for c in growth]).reshape(len(growth), 2),
        curve=_curve(growth, crossed),
        path=path,
        stopped=not complete or (not alone and crossed is None),
    )


def _forecast(jacobian: GameJacobian, plan: Plan, *, alone: bool) -> Forecast:
    wide = 2 * _KEPT + _CROSS_PROBES
    batches = 0 if alone else BATCHES + _SMALLER_BATCHES * len(_SMALLER)
    return timed(
        jacobian,
        what="rotation",
        products=2 * plan.probes + 2 * wide * batches + _SEARCHES,
        vectors=max(2 * plan.probes, 2 * wide * (0 if alone else BATCHES), 61),
    )


def _pairs(jacobian: GameJacobian, plan: Plan, budget: Budget | None) -> int:
    """Pairs of products for the first batch: the plan's, fewer where the budget has less, or 0."""
    if budget is None:
        return plan.probes
    if budget.exhausted:
        return 0
    left = int(min(budget.left, 2 * plan.probes)) // 2  # `left` is infinite without a limit
    return left if left >= 7 or jacobian.shape[0] <= 2 * left else 0


def _on_one(
    jacobian: GameJacobian, pairs: int, seed: int, budget: Budget | None
) -> tuple[Quantity, Tensor, bool]:
    """The share on one batch, the directions kept for others, and whether it is exact."""
    n, before = jacobian.shape[0], jacobian.products
    exact = n <= min(2 * pairs, _FORMED)
    if exact:
        j = jacobian.dense().double()
        squares = [float((0.5 * x).square().sum()) for x in (j - j.T, j + j.T)]
        quantity = Quantity(value=share_of(np.array(squares)), kind="exact")
        u, _, v = np.linalg.svd(j.cpu().numpy())
        both = np.concatenate([u[:, :_KEPT], v[:_KEPT].T], axis=1)
        basis = jacobian.field.new_tensor(np.linalg.qr(both)[0])
    else:
        k, m = pairs_for(pairs)
        wide = shared_basis(jacobian, k, seed=seed)
        parts = measured_parts(jacobian, wide, probes(jacobian, m, seed=seed + 500))
        value, error = parts.inner(parts).share()
        quantity = Quantity(value=value, error=error)
        basis = compressed(wide, parts, _KEPT)
    if budget is not None:
        budget.spend(jacobian.products - before)
    return quantity, basis, exact


def _of_the_game(
    game: Game, plan: Plan, basis: Tensor, w: Tensor, budget: Budget | None
) -> tuple[CrossBatch | None, list[CrossBatch]]:
    """Independent batches of the plan's size, and a few smaller ones for the growth."""
    first = plan.seed + _CROSS
    seeds = range(first, first + BATCHES)
    crossed = cross_batch(game, plan.batch_size, seeds, basis, w, budget=budget)
    if crossed is None:
        return None, []
    growth = []
    for i, part in enumerate(_SMALLER):
        size, begin = plan.batch_size // part, first + 1000 * (i + 1)
        if size >= 2:
            smaller = cross_batch(
                game, size, range(begin, begin + _SMALLER_BATCHES), basis, w, budget=budget
            )
            growth += [] if smaller is None else [smaller]
    return crossed, [*growth, crossed]


def _expected(crossed: CrossBatch, on_one: Quantity) -> dict[str, Quantity]:
    a, s = crossed.squares()
    return {
        "rotation": Quantity(
            value=on_one.value,
            error=on_one.error,
            sampling_error=float(crossed.each().std(ddof=1)),
        ),
        "rotation_expected": crossed.share(),
        "a_squared_expected": a,
        "s_squared_expected": s,
        "settling_batch_rotation": crossed.settles(),
    }


def _curve(growth: list[CrossBatch], crossed: CrossBatch | None) -> np.ndarray:
    if crossed is None or not growth:
        return np.zeros((0, 2))
    sizes = np.geomspace(0.8 * growth[0].size, 4.0 * growth[-1].size, 40)
    return np.array([[s, crossed.predicted(s)] for s in sizes])


def _norm(jacobian: GameJacobian, seed: int, budget: Budget | None) -> SpectralNorm | None:
    if budget is not None and (budget.exhausted or budget.left < 4):
        return None
    return spectral_norm(jacobian.antisymmetric, tol=1e-4, seed=seed, budget=budget)


def _largest_imaginary(
    jacobian: GameJacobian, turning: SpectralNorm, seed: int, budget: Budget | None
) -> Quantity:
    """The largest imaginary part that two searches find; none found is a bound, not an answer.

    One starts where A is largest, which finds a rotation that hides inside the spectrum; the other
    at random with the same weight in both players.
    """
    near = turning.vector.astype(np.float64)
    noise = start_vector(jacobian, seed=seed)
    near = near + 1e-3 * noise / np.linalg.norm(noise)
    value = error = 0.0
    complete = False
    for start in (near, None):
        pairs = krylov_schur(
            jacobian,
            "LI",
            k=min(_IMAGINARY, jacobian.shape[0]),
            tol=1e-3,
            seed=seed,
            start=start,
            split=jacobian.split,
            budget=budget,
            restarts=10,
        )
        sizes = np.abs(np.imag(pairs.values))
        if len(sizes) and sizes.max() >= value:
            best = int(np.argmax(sizes))
            value, error = float(sizes[best]), float(pairs.residuals[best])
        complete = complete or pairs.complete
        if complete:
            break
    return Quantity(
        value=value,
        error=error,
        kind="exact" if complete else "lower",
        low=value,
        high=value if complete else turning.upper,
    )


def _along(jacobian: GameJacobian, budget: Budget | None) -> Quantity:
    """||A v||/||J v|| at the field itself; zero at an equilibrium, where there is no direction."""
    v = jacobian.field
    norm = float(v.norm())
    if norm == 0.0:
        return Quantity(value=0.0, kind="exact")
    v = v / norm
    forward, backward = jacobian.matvec(v), jacobian.rmatvec(v)
    if budget is not None:
        budget.spend(2)
    size = float(forward.norm())
    turned = float((0.5 * (forward - backward)).norm())
    return Quantity(value=turned / size if size > 0.0 else 0.0, kind="exact")
