"""Is the point an equilibrium, and does the game's flow contract there?

Two questions in this order. Whether it is an equilibrium is a question about the expected field:
the squared norm of a mean gradient is biased upwards by noise, so it is estimated from disjoint
minibatches, U = mean over i != j of <v_i, v_j>, which is zero on average where the expected field
is. Then the flow theta' = -v contracts locally iff every eigenvalue of J has positive real part
(Hurwitz); the symmetric part S gives the sufficient side, since no real part lies below its
smallest eigenvalue (Bendixson 1902).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.games.game import Batch
from gancheck.measures.figures import (
    DISCRIMINATOR,
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
from gancheck.measures.spectrum import FRESH_BATCHES, fresh_seeds, mean_and_error
from gancheck.operators import GameJacobian, LinearOperator
from gancheck.operators.eigenpairs import complex_product, condition, ends, general
from gancheck.operators.game_jacobian import field

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gancheck.games.game import Game

__all__ = ["LocalStability", "Outcome", "field_norm", "local_stability"]

# The sign of an eigenvalue is read only above this share of the spectral radius: wide networks have
# hundreds of eigenvalues that are zero up to rounding, of either sign.
NOISE_FLOOR = 1e-6
_Z = 2.326  # one-sided 99 %


class Outcome(StrEnum):
    """What the evidence says, in the measure's own words."""

    contracting = "contracting"
    expanding = "expanding"
    undetermined = "undetermined"


@dataclass(frozen=True, kw_only=True)
class LocalStability(Measurement):
    """The equilibrium question and the contraction question, answered apart.

    Attributes:
        equilibrium: False where a player's expected gradient is certainly not zero (99 %), True
            where it is zero exactly (analytic games), None where it cannot be told from zero.
        verdict: whether the linearised flow contracts.
        eigenvalues: extreme eigenvalues found on the first batch, complex.
        in_generator: share of each eigenvector's squared norm in the generator's coordinates.
        box: Bendixson's box (low, high, imag): every eigenvalue of the batch's J lies in
            [low, high] x [-imag, imag]; imag is None where it was not computed.
        step_known: whether the step bound is that of the optimiser's own preconditioned field.
    """

    equilibrium: bool | None
    verdict: Outcome
    eigenvalues: np.ndarray
    in_generator: np.ndarray
    box: tuple[float, float]
    step_known: bool

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """Extreme eigenvalues in the complex plane; colour: the player that holds the vector."""
        _, ax = new_figure(width_px, 280)
        real, imag = np.real(self.eigenvalues), np.imag(self.eigenvalues)
        low, high = self.box
        reach = max(abs(low), abs(high), float(np.abs(real).max()), 1e-12)
        tall = max(float(np.abs(imag).max()) * 1.4, reach * 1e-3)
        linear = reach / 100.0
        ax.fill_between([low, high], -tall * 0.93, tall * 0.93, color=WASH, zorder=0)
        for side, colour in ((True, GENERATOR), (False, DISCRIMINATOR)):
            of = (self.in_generator >= 0.5) == side
            ax.plot(real[of], imag[of], "o", color=colour, markersize=6)
        ax.axvline(0.0, color=MUTED, linewidth=1)
        ax.axhline(0.0, color=MUTED, linewidth=1)
        symlog(ax, "x", low=-1.6 * reach, high=1.6 * reach, linear=linear)
        ax.set_ylim(-tall, tall)
        label(ax, 0.0, -0.85 * tall, "grows", MUTED, dx=-6, bold=False, align="right")
        label(ax, 0.0, -0.85 * tall, "decays", MUTED, dx=6, bold=False)
        label(ax, -1.6 * reach, 0.85 * tall, "vector mostly in G", GENERATOR, dx=4)
        label(ax, 1.6 * reach, 0.85 * tall, "mostly in D", DISCRIMINATOR, dx=-4, align="right")
        y_title(ax, "imaginary part")
        x_title(ax, f"real part (linear within ±{number_text(linear, 2)})")
        return ax


def field_norm(game: Game, *, minibatch: int, count: int, seed: int = 0) -> dict[str, Quantity]:
    """Unbiased squared norm of the expected field, whole and by player, from disjoint minibatches.

    Finite data is dealt without replacement, so `count` is lowered to what it holds; latents are
    always fresh. The interval's lower end is a one-sided limit by the jackknife: 99 % for the whole
    field, 99.5 % for each player's part, so that both together err in 1 %.

    Args:
        game: any game; for an analytic one the field is exact.
        minibatch: samples in each.
        count: minibatches asked for.
        seed: of the deal.

    Returns:
        `field_norm`, `field_norm_generator`, `field_norm_discriminator`: squared norms.

    Raises:
        ValueError: fewer than 4 disjoint minibatches fit in the data.
    """
    names = ("field_norm", "field_norm_generator", "field_norm_discriminator")
    split = game.sizes()[0]
    if game.analytic:
        v = field(game, game.sample(1))
        exact = [float(x @ x) for x in (v, v[:split], v[split:])]
        return {
            n: Quantity(value=x, kind="exact", low=x, high=x)
            for n, x in zip(names, exact, strict=True)
        }
    vs = torch.stack([field(game, b) for b in _dealt(game, minibatch, count, seed)]).double()
    out = {}
    for name, part in zip(names, (vs, vs[:, :split], vs[:, split:]), strict=True):
        value, error = _u_statistic(part)
        level = 0.99 if name == "field_norm" else 0.995
        limit = float(stats.t.ppf(level, df=len(vs) - 1)) * error
        out[name] = Quantity(
            value=value, sampling_error=error, low=value - limit, high=value + 2.0 * error
        )
    return out


def local_stability(game: Game, plan: Plan | None = None) -> LocalStability:
    """Answer both questions with errors.

    Returns:
        Quantities `field_norm` (squared; see `field_norm`), `min_real` (leftmost real part on the
        first batch; numerical error: residual times eigenvalue condition number; sampling error:
        standard deviation over batches), `min_real_fresh` (its Rayleigh quotient on fresh
        batches), `bendixson_low` and `bendixson_low_fresh` (the same for the symmetric part), and
        `largest_step`: upper bound on the contracting step over the resolved spectrum, present
        where every resolved eigenvalue has positive real part.

    Raises:
        NotConverged: the eigensolver gave up.

    Cost: 100 to 400 products of J a batch.
    """
    plan = plan or Plan()
    start = time.perf_counter()
    quantities = field_norm(game, minibatch=plan.gradient_batch, count=64, seed=plan.seed)
    seeds = [plan.seed + s for s in range(1 if game.analytic else plan.batches)]
    jacobian = GameJacobian(game, game.sample(plan.batch_size, seed=seeds[0]))
    left = general(jacobian, "SR", k=3, seed=plan.seed, tol=1e-4)
    right = general(jacobian, "LM", k=6, seed=plan.seed, tol=1e-2)
    symmetric = ends(jacobian.symmetric, each=1, seed=plan.seed, tol=1e-4)
    kappa = condition(jacobian, complex(left.values[0]), left.vectors[:, 0], seed=plan.seed)
    others = [_leftmost(game, plan.batch_size, seed) for seed in seeds[1:]]
    spread = np.array([[complex(left.values[0]).real, symmetric.values[0]], *others])
    fresh = _fresh(game, plan, left.vectors[:, 0], symmetric.vectors[:, 0])
    radius = float(np.abs(right.values).max())
    sampled = not game.analytic
    errors = (kappa * float(left.residuals[0]), float(symmetric.residuals[0]))
    for i, name in enumerate(("min_real", "bendixson_low")):
        mean, error = mean_and_error(fresh[:, i])
        quantities[name] = Quantity(
            value=float(spread[0, i]),
            error=errors[i],
            sampling_error=float(spread[:, i].std(ddof=1)) if sampled else None,
            kind="estimate" if i == 0 or not sampled else "lower",
        )
        quantities[f"{name}_fresh"] = Quantity(
            value=mean,
            error=0.0 if sampled else errors[i],
            sampling_error=error if sampled else None,
        )
    values = np.concatenate([left.values, right.values])
    vectors = np.concatenate([left.vectors, right.vectors], axis=1)
    step = _largest_step(game, jacobian, values, plan.seed)
    if step is not None:
        quantities["largest_step"] = step
    return LocalStability(
        quantities=quantities,
        rows=[
            {"real": float(v.real), "imag": float(v.imag), "residual": float(r)}
            for v, r in zip(values, [*left.residuals, *right.residuals], strict=True)
        ],
        provenance={
            "batch_size": plan.batch_size,
            "batches": len(seeds),
            "minibatch": plan.gradient_batch,
            "fresh_batches": FRESH_BATCHES if sampled else 0,
            "eigenvalue_condition": kappa,
            "spectral_radius": radius,
            "symmetry_defect": jacobian.symmetry_defect,
            "products": jacobian.products,
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        equilibrium=_is_equilibrium(quantities, radius, exact=game.analytic),
        verdict=_outcome(quantities, radius),
        eigenvalues=values,
        in_generator=(np.abs(vectors[: jacobian.split]) ** 2).sum(0)
        / (np.abs(vectors) ** 2).sum(0),
        box=(float(symmetric.values[0]), float(symmetric.values[-1])),
        step_known=game.step is not None,
    )


def _u_statistic(v: torch.Tensor) -> tuple[float, float]:
    """Mean of <v_i, v_j> over i != j, and its jackknife standard error, for v [m, n]."""
    m = v.shape[0]
    total, squares = v.sum(0), (v * v).sum(1)
    inner = v @ total  # <v_i, sum>
    everything, own = float(total @ total), float(squares.sum())
    value = (everything - own) / (m * (m - 1))
    without = (everything - 2.0 * inner + squares) - (own - squares)
    dropped = without / ((m - 1) * (m - 2))
    error = float(((dropped - dropped.mean()) ** 2).sum() * (m - 1) / m) ** 0.5
    return value, error


def _dealt(game: Game, minibatch: int, count: int, seed: int) -> list[Batch]:
    """Disjoint minibatches: real data dealt without replacement, latents fresh."""
    limit = game.data.size
    fits = count if limit is None else min(count, limit // minibatch)
    if fits < 4:
        raise ValueError(
            f"the data must hold at least 4 disjoint minibatches of {minibatch} samples, "
            f"it holds {limit} samples"
        )
    real = game.draw_real(fits * minibatch, seed=seed)
    latent = game.draw_latent(fits * minibatch, seed=seed + 1)
    return [
        Batch(real=r, latent=z, seed=seed + i)
        for i, (r, z) in enumerate(zip(real.split(minibatch), latent.split(minibatch), strict=True))
    ]


def _leftmost(game: Game, batch_size: int, seed: int) -> list[float]:
    """Leftmost real part of J and of S on another batch."""
    jacobian = GameJacobian(game, game.sample(batch_size, seed=seed))
    left = general(jacobian, "SR", k=1, seed=seed, tol=1e-3)
    low = ends(jacobian.symmetric, each=1, seed=seed, tol=1e-3)
    return [float(left.values[0].real), float(low.values[0])]


def _fresh(game: Game, plan: Plan, x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Re x^H J x and s^T S s [batches, 2] on batches that chose neither vector."""
    out = []
    for seed in [plan.seed] if game.analytic else list(fresh_seeds(plan)):
        jacobian = GameJacobian(game, game.sample(plan.batch_size, seed=seed))
        out.append(
            [
                float(np.vdot(x, complex_product(jacobian, x)).real),
                float(s @ complex_product(jacobian, s)),
            ]
        )
    return np.array(out)


def _is_equilibrium(quantities: dict[str, Quantity], radius: float, *, exact: bool) -> bool | None:
    """Each player is asked for itself: one player's noise must not hide the other's force."""
    if exact:
        return quantities["field_norm"].value <= (NOISE_FLOOR * max(radius, 1.0)) ** 2
    parts = ("field_norm_generator", "field_norm_discriminator")
    return False if any(quantities[p].interval[0] > 0.0 for p in parts) else None


def _outcome(quantities: dict[str, Quantity], radius: float) -> Outcome:
    """Expanding or contracting only where fresh data says so beyond its error and the noise floor."""
    floor = NOISE_FLOOR * radius

    def bounds(name: str) -> tuple[float, float]:
        q = quantities[name]
        half = q.error + _Z * (q.sampling_error or 0.0)
        return q.value - half, q.value + half

    batch = quantities["min_real"]
    if bounds("min_real_fresh")[1] < -floor and batch.value + batch.error < -floor:
        return Outcome.expanding
    low = quantities["bendixson_low"]
    # Contraction is claimed only where no batch has a direction of growth: the fresh quotient of
    # one direction says nothing about the others.
    if low.value - low.error - _Z * (low.sampling_error or 0.0) > floor:
        return Outcome.contracting
    if low.sampling_error is None and batch.value - batch.error > floor:
        return Outcome.contracting
    return Outcome.undetermined


def _largest_step(
    game: Game, jacobian: GameJacobian, values: np.ndarray, seed: int
) -> Quantity | None:
    """Least 2 Re l / |l|^2 over the resolved spectrum, an upper bound; None where some Re l <= 0.

    Where the optimiser's step is known the spectrum is that of diag(step) J and the bound is a
    multiple of the step in use; momentum is left out.
    """
    unit = "step"
    if game.step is not None:
        scale = game.step.scale.to(dtype=jacobian.dtype, device=jacobian.device)
        scaled = LinearOperator(
            jacobian.shape[0],
            lambda v: scale * jacobian.matvec(v),
            lambda v: jacobian.rmatvec(scale * v),
            dtype=jacobian.dtype,
            device=jacobian.device,
        )
        values = np.concatenate(
            [general(scaled, which, k=6, seed=seed, tol=1e-2).values for which in ("SR", "LM")]
        )
        unit = "steps in use"
    real, radius = np.real(values), float(np.abs(values).max())
    if radius == 0.0 or real.min() <= NOISE_FLOOR * radius:
        return None
    bound = float((2.0 * real / np.abs(values) ** 2).min())
    return Quantity(value=bound, unit=unit, kind="upper")
