"""Is the point an equilibrium, and does the game's flow contract there?

Two questions in this order. Whether it is an equilibrium is a question about the expected field
(`measures.equilibrium`). Then the flow theta' = -v contracts locally iff every eigenvalue of J has
positive real part (Hurwitz); what one batch proves about that stands in `measures.local_spectrum`.
A batch's extreme eigenvalues are biased outwards, so what is claimed of the game must also hold on
batches that did not choose the directions: for growth the eigenvalue of the expected Jacobian is
estimated to first order by y^H J x / y^H x on fresh batches, with the right and left vectors of the
first one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.measures.equilibrium import field_norm, field_norm_on
from gancheck.measures.figures import (
    DISCRIMINATOR,
    FAILING,
    GENERATOR,
    MUTED,
    WASH,
    WIDE,
    label,
    new_figure,
    number_text,
    page_style,
    symlog,
    x_title,
    y_title,
)
from gancheck.measures.forecast import Forecast, timed
from gancheck.measures.local_spectrum import (
    FORMED,
    NOISE_FLOOR,
    LocalSpectrum,
    Outcome,
    examine,
)
from gancheck.measures.spectrum import FRESH_BATCHES
from gancheck.measures.stability_on_batches import (
    LEAST_FRESH,
    numbers,
    on_fresh_batches,
    on_other_batches,
)
from gancheck.measures.step_bounds import alternating_bound, scaled, simultaneous_bound
from gancheck.operators import GameJacobian
from gancheck.operators.admission import admit_game
from gancheck.operators.budget import Budget
from gancheck.operators.krylov_schur import krylov_schur

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from gancheck.games.game import Batch, Game
    from gancheck.operators import LinearOperator

__all__ = ["LocalStability", "Outcome", "field_norm", "local_stability"]

_Z = 2.326  # one-sided 99 %
_FIRST_BATCH = 250  # products usual on a trained game, for the forecast
_FURTHER_BATCH = 60
_BASIS = 61


@dataclass(frozen=True, kw_only=True)
class LocalStability(Measurement):
    """The equilibrium question and the contraction question, answered apart.

    Attributes:
        equilibrium: False where a player's expected gradient is certainly not zero (99 %), True
            where it is zero exactly (analytic games, a given batch), None where it cannot be told
            from zero.
        verdict: whether the linearised flow contracts.
        because: what decided it, in a sentence.
        eigenvalues: those found on the first batch, complex, ascending in real part; the whole
            spectrum where `complete`.
        discs: how far each may be from an eigenvalue of the batch's J, to first order; the residual
            alone where its condition number was not computed.
        in_generator: share of each eigenvector's squared norm in the generator's coordinates.
        box: Bendixson's box (low, high, imag): every eigenvalue of the batch's J lies in
            [low, high] x [-imag, imag]; imag is infinite where it was not computed.
        complete: whether every eigenvalue of the batch's J is among them.
        step_known: whether the step bounds are those of the optimiser's own preconditioned field.
        alternating: whether the optimiser is known to alternate.
        stopped: whether the budget ended the measurement.
    """

    equilibrium: bool | None
    verdict: Outcome
    because: str
    eigenvalues: np.ndarray
    discs: np.ndarray
    in_generator: np.ndarray
    box: tuple[float, float, float]
    complete: bool
    step_known: bool
    alternating: bool
    stopped: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """Eigenvalues in the complex plane with their discs, in Bendixson's box.

        Colour: the player that holds the vector. A disc smaller than a dot is drawn as the dot.
        """
        _, ax = new_figure(width_px, 300)
        real, imag = np.real(self.eigenvalues), np.imag(self.eigenvalues)
        low, high, side = self.box
        reach = max(abs(low), abs(high), float(np.abs(real).max(initial=0.0)), 1e-12)
        found = float(np.abs(imag).max(initial=0.0))
        boxed = np.isfinite(side)
        tall = max(1.35 * (side if boxed else 1.1 * found), reach * 1e-3)
        linear = reach / 100.0
        half = side if boxed else tall
        ax.fill_between([low, high], -half, half, color=WASH, zorder=0)
        for mine, colour in ((True, GENERATOR), (False, DISCRIMINATOR)):
            of = (self.in_generator >= 0.5) == mine
            ax.plot(real[of], imag[of], "o", color=colour, markersize=5)
        for x, y, r in zip(real, imag, np.minimum(self.discs, reach + tall), strict=True):
            turn = np.linspace(0.0, 2.0 * np.pi, 60)
            ax.plot(x + r * np.cos(turn), y + r * np.sin(turn), color=FAILING, linewidth=0.8)
        ax.axvline(0.0, color=MUTED, linewidth=1)
        ax.axhline(0.0, color=MUTED, linewidth=1)
        symlog(ax, "x", low=-1.6 * reach, high=1.6 * reach, linear=linear)
        ax.set_ylim(-tall, tall)
        label(ax, 0.0, -0.9 * tall, "grows", MUTED, dx=-6, bold=False, align="right")
        label(ax, 0.0, -0.9 * tall, "decays", MUTED, dx=6, bold=False)
        label(ax, -1.6 * reach, 0.9 * tall, "vector mostly in G", GENERATOR, dx=4)
        label(ax, 1.6 * reach, 0.9 * tall, "mostly in D", DISCRIMINATOR, dx=-4, align="right")
        y_title(ax, "imaginary part")
        x_title(ax, f"real part (linear within ±{number_text(linear, 2)})")
        return ax


def local_stability(
    game: Game,
    batch: Batch | None = None,
    *,
    plan: Plan | None = None,
    eta: float = 1e-3,
    budget: Budget | None = None,
    announce: Callable[[str], None] | None = None,
) -> LocalStability:
    """Answer both questions with errors.

    Args:
        game: any game.
        batch: measured on it alone where given, as a game of its own; otherwise on the plan's
            batches, and what is claimed is claimed of the game.
        plan: batch size, number of batches, seed.
        eta: accepted chance of a wrong `stable`, where Lanczos decides.
        budget: products (one of the symmetric part counts as one) or seconds; where it is gone the
            measurement ends with what it has, `undetermined` unless that was enough.
        announce: told what is planned (parameters, memory, products, seconds) before the first
            long computation.

    Returns:
        Quantities `field_norm` (squared; see `field_norm`) and its two parts; `min_real` (leftmost
        real part found on the first batch; numerical error: condition number times residual and
        rounding, doubled; sampling error: standard deviation over batches), `min_real_fresh` (the
        Rayleigh quotient of its vector on fresh batches), `min_real_expected` (the same eigenvalue
        of the expected Jacobian, to first order), `bendixson_low`, `bendixson_high`,
        `bendixson_imag` (no eigenvalue of the batch's J lies outside), `bendixson_low_fresh`, where
        the flow contracts in a norm that weighs the players `bendixson_low_scaled`,
        `spectral_radius`, and where every resolved eigenvalue above the noise floor decays
        `largest_step` and `largest_step_alternating`. Fewer where the budget ended.

    Raises:
        ValueError: eta not in (0, 1).

    Cost: some 250 products of J on the first batch, up to 800 more where positive definiteness is
    near enough to be certified; 60 on each further batch and 3 on each fresh one.
    """
    if not 0.0 < eta < 1.0:
        raise ValueError(f"eta must be between 0 and 1, got {eta}")
    plan = plan or Plan()
    budget = budget or Budget.of(plan)
    start = time.perf_counter()
    alone = batch is not None or game.analytic
    first = game.sample(plan.batch_size, seed=plan.seed) if batch is None else batch
    admitted = admit_game(game, first)
    quantities = (
        field_norm_on(game, first)
        if alone
        else field_norm(game, minibatch=plan.gradient_batch, count=64, seed=plan.seed)
    )
    jacobian = GameJacobian(game, first)
    if announce is not None:
        announce(str(_forecast(jacobian, plan, alone=alone)))
    local = examine(game, jacobian, first, eta=eta, seed=plan.seed, budget=budget)
    radius = 0.0 if local is None else local.radius
    stopped = local is None or local.stopped
    if local is not None:
        others = (
            np.zeros((0, 3)) if alone else on_other_batches(game, plan, local.contraction, budget)
        )
        fresh = np.zeros((0, 3)) if alone else on_fresh_batches(game, plan, local, budget)
        stopped = stopped or not (alone or (len(others) and len(fresh) >= LEAST_FRESH))
        quantities.update(numbers(local, others, fresh, alone=alone))
        quantities.update(_steps(game, jacobian, local, plan.seed, budget))
    outcome, because = _outcome(local, quantities, alone=alone)
    return LocalStability(
        quantities=quantities,
        rows=_rows(local),
        provenance={
            "batch_size": first.size,
            "batches": 1 if alone else plan.batches,
            "minibatch": 0 if alone else plan.gradient_batch,
            "fresh_batches": 0 if alone else FRESH_BATCHES,
            "noise_floor": NOISE_FLOOR,
            "eta": eta,
            **_how(local),
            **admitted.as_provenance(),
            "products": jacobian.products,
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        equilibrium=_is_equilibrium(quantities, radius, exact=alone),
        verdict=outcome,
        because=because,
        eigenvalues=np.zeros(0, dtype=complex) if local is None else local.values,
        discs=np.zeros(0) if local is None else _discs(local),
        in_generator=np.zeros(0) if local is None else _shares(local, jacobian.split),
        box=(0.0, 0.0, 0.0) if local is None else (local.low, local.high, local.a_norm),
        complete=local is not None and local.complete,
        step_known=game.step is not None,
        alternating=game.step is not None and game.step.alternating,
        stopped=stopped,
    )


def _forecast(jacobian: GameJacobian, plan: Plan, *, alone: bool) -> Forecast:
    n = jacobian.shape[0]
    first = n if n <= FORMED else _FIRST_BATCH
    further = 0 if alone else _FURTHER_BATCH * (plan.batches - 1) + 3 * FRESH_BATCHES
    return timed(
        jacobian,
        what="local stability",
        products=first + further,
        vectors=n if n <= FORMED else 2 * _BASIS,
    )


def _steps(
    game: Game,
    jacobian: GameJacobian,
    local: LocalSpectrum,
    seed: int,
    budget: Budget | None,
) -> dict[str, Quantity]:
    """The steps that contract on the resolved spectrum; none where some of it does not decay.

    Where the optimiser's step is known the spectrum is that of diag(step) J and the bounds are
    multiples of the step in use; momentum is left out.
    """
    operator: LinearOperator = jacobian
    values, matrix = local.values[local.converged], local.matrix
    unit = "step"
    if game.step is not None:
        unit, operator = "steps in use", scaled(jacobian, game.step.scale)
        if matrix is not None:
            matrix = game.step.scale.double().cpu().numpy()[:, None] * matrix
            values = np.linalg.eigvals(matrix)
        else:
            found = krylov_schur(operator, ("SR", "LM"), k=6, tol=1e-2, seed=seed, budget=budget)
            values = found.values[found.converged]
    if not len(values):
        return {}
    floor = NOISE_FLOOR * float(np.abs(values).max())
    bound = simultaneous_bound(values, floor=floor)
    if bound is None:
        return {}
    whole = local.complete and matrix is not None
    out = {"largest_step": Quantity(value=bound, unit=unit, kind="estimate" if whole else "upper")}
    alternating = alternating_bound(
        operator,
        split=jacobian.split,
        start=bound,
        floor=floor,
        matrix=matrix,
        seed=seed,
        budget=budget,
    )
    if alternating is not None:
        step, width = alternating
        out["largest_step_alternating"] = Quantity(
            value=step, error=width, unit=unit, kind="estimate" if whole else "upper"
        )
    return out


def _is_equilibrium(quantities: dict[str, Quantity], radius: float, *, exact: bool) -> bool | None:
    """Each player is asked for itself: one player's noise must not hide the other's force."""
    if exact:
        return quantities["field_norm"].value <= (NOISE_FLOOR * max(radius, 1.0)) ** 2
    parts = ("field_norm_generator", "field_norm_discriminator")
    return False if any(quantities[p].interval[0] > 0.0 for p in parts) else None


def _outcome(
    local: LocalSpectrum | None, quantities: dict[str, Quantity], *, alone: bool
) -> tuple[Outcome, str]:
    """What one batch proves, kept only where the other batches bear it out."""
    if local is None:
        return Outcome.undetermined, "the budget ended before an eigenvalue was found"
    if alone or local.outcome is Outcome.undetermined:
        return local.outcome, local.because
    floor = NOISE_FLOOR * local.radius
    if local.outcome is Outcome.unstable:
        expected = quantities.get("min_real_expected")
        if expected is None:
            return Outcome.undetermined, f"{local.because}; fresh batches could not be asked"
        if expected.value + _Z * (expected.sampling_error or 0.0) < -floor:
            return Outcome.unstable, f"{local.because}; fresh batches confirm it"
        return Outcome.undetermined, (
            f"{local.because}, on its own batch; fresh batches do not confirm it"
        )
    low = quantities.get("bendixson_low_scaled", quantities["bendixson_low"])
    # Stability is claimed only where no batch has a direction of growth: the fresh quotient of one
    # direction says nothing about the others.
    spread = low.sampling_error
    if spread is not None and low.value - low.error - _Z * spread > floor:
        return Outcome.stable, f"{local.because}; so it is on every batch within their spread"
    return Outcome.undetermined, (
        f"{local.because}, on its own batch; the symmetric part is not positive beyond its spread "
        "over batches"
    )


def _shares(local: LocalSpectrum, split: int) -> np.ndarray:
    weight = np.abs(local.vectors) ** 2
    return weight[:split].sum(0) / weight.sum(0)


def _discs(local: LocalSpectrum) -> np.ndarray:
    """Radius about each value: an examined pair's own error, elsewhere the residual."""
    discs = local.residuals.copy()
    for pair in (local.leftmost, local.witness):
        if pair is not None and np.isfinite(pair.error):
            discs[int(np.argmin(np.abs(local.values - pair.value)))] = pair.error
    return discs


def _rows(local: LocalSpectrum | None) -> list[dict[str, Any]]:
    if local is None:
        return []
    scale = local.radius or 1.0
    return [
        {
            "real": float(v.real),
            "imag": float(v.imag),
            "residual": float(r),
            "real_relative": float(v.real) / scale,
            "sign_known": bool(abs(v.real) > NOISE_FLOOR * scale),
            "converged": bool(c),
        }
        for v, r, c in zip(local.values, local.residuals, local.converged, strict=True)
    ]


def _how(local: LocalSpectrum | None) -> dict[str, Any]:
    if local is None:
        return {}
    converged, run, needed = local.steps
    return {
        "eigenvalue_condition": None if local.leftmost is None else local.leftmost.condition,
        "spectral_radius": local.radius,
        "whole_spectrum": local.complete,
        "no_real_part_below": local.low_bound,
        "weight_between_players": None if local.contraction is None else local.contraction.t,
        "steps_that_converged": converged,
        "steps_run": run,
        "steps_that_certify": needed,
    }
