"""What do the eigenvalues of one batch's game Jacobian say about its flow theta' = -v?

A small game's matrix is formed and its whole spectrum decides, also where the symmetric part is
indefinite. A large one is searched from four sides (`operators.krylov_schur`): a leftmost pair
certifies growth, checked in float64, the symmetric part's smallest eigenvalue certifies decay except
with a given chance, in the plain norm or in one that weighs the players (`measures.scaled_players`),
and otherwise nothing is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.measures.certificates import Pair, growing, inertia, lower_end
from gancheck.measures.scaled_players import Contraction, contraction, contraction_of
from gancheck.operators import GameJacobian
from gancheck.operators.conditioning import condition_number
from gancheck.operators.krylov_basis import rounding
from gancheck.operators.krylov_schur import krylov_schur
from gancheck.operators.lanczos import spectral_norm

if TYPE_CHECKING:
    from gancheck.games.game import Batch, Game
    from gancheck.measures.certificates import LowerEnd
    from gancheck.operators.budget import Budget
    from gancheck.operators.eigenpairs import Eigenpairs

__all__ = ["FORMED", "NOISE_FLOOR", "LocalSpectrum", "Outcome", "examine"]

# The sign of an eigenvalue is read only above this share of the spectral radius: wide networks have
# hundreds of eigenvalues that are zero up to rounding, of either sign.
NOISE_FLOOR = 1e-6
FORMED = 400  # parameters up to which the matrix is formed: n products, 30 n^3 multiplications
_SIDES = ("SR", "LR", "LM", "LI")
_EACH = 3
_TOL = 1e-4
_RESTARTS = 15  # a disc of eigenvalues has no outermost ones worth more; they stay unconverged


class Outcome(StrEnum):
    """What the evidence says, in the measure's own words."""

    unstable = "unstable"
    stable = "stable"
    undetermined = "undetermined"


@dataclass(frozen=True, kw_only=True)
class LocalSpectrum:
    """The resolved spectrum of J on one batch, and what it proves.

    Attributes:
        outcome: of this batch's game.
        because: what proves it, in a sentence.
        values: eigenvalues found, ascending in real part; all of them where `complete`.
        vectors: [n, k] of unit length.
        residuals: [k].
        converged: [k].
        leftmost: the leftmost pair with its left vector and error; None where no left vector was
            found.
        witness: the pair whose growth is surest: another one where the leftmost's eigenvalue is
            badly conditioned.
        low: smallest eigenvalue of the symmetric part found.
        high: largest.
        low_error: residual of the smallest.
        low_vector: its vector [n].
        low_bound: no real part lies below it, except with chance eta.
        a_norm: ||A||_2 found.
        a_bound: no imaginary part lies above it, except with chance 1e-3.
        radius: largest modulus found.
        steps: Lanczos steps on S after which its ends had converged, that were run, and that a
            certificate would need; zeros where the matrix was formed.
        complete: whether the whole spectrum was seen.
        matrix: J [n, n] in float64 where it was formed.
        contraction: in another norm, looked for where there is none in the plain one.
        stopped: whether the budget ended the search.
    """

    outcome: Outcome
    because: str
    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    leftmost: Pair | None
    witness: Pair | None
    low: float
    high: float
    low_error: float
    low_vector: np.ndarray
    low_bound: float
    a_norm: float
    a_bound: float
    radius: float
    steps: tuple[int, int, int]
    complete: bool
    matrix: np.ndarray | None
    contraction: Contraction | None
    stopped: bool


def examine(
    game: Game,
    jacobian: GameJacobian,
    batch: Batch,
    *,
    eta: float,
    seed: int = 0,
    budget: Budget | None = None,
    formed: int = FORMED,
) -> LocalSpectrum | None:
    """Resolve the spectrum of one batch's Jacobian from its sides, and look for a proof.

    Args:
        game: the game.
        jacobian: its Jacobian on the batch.
        batch: for a second Jacobian in float64 where the game's is float32.
        eta: accepted chance of a wrong `stable`.
        seed: of every random start.
        budget: ends the search, with what there is.
        formed: games up to this size are formed.

    Returns:
        None where the budget had no room for a first pair.
    """
    n = jacobian.shape[0]
    affordable = budget is None or (not budget.exhausted and budget.left >= n + 4)
    if n <= formed and affordable:
        precise = _precise(game, jacobian, batch)
        if precise.dtype == torch.float64:
            return _by_matrix(precise, budget)
    return _by_products(game, jacobian, batch, eta=eta, seed=seed, budget=budget)


def _precise(game: Game, jacobian: GameJacobian, batch: Batch) -> GameJacobian:
    """The Jacobian of the same batch in float64; the same one where a module cannot be copied."""
    if jacobian.dtype == torch.float64:
        return jacobian
    try:
        twin = game.in_float64()
    except RuntimeError:
        return jacobian
    real, latent = (None if x is None else x.double() for x in (batch.real, batch.latent))
    return GameJacobian(twin, replace(batch, real=real, latent=latent))


def _by_matrix(jacobian: GameJacobian, budget: Budget | None) -> LocalSpectrum:
    """The whole spectrum of a matrix that is formed."""
    before = jacobian.products
    matrix = jacobian.dense().cpu().numpy()
    values, right = np.linalg.eig(matrix)
    values = values.astype(complex)
    order = np.lexsort((-np.imag(values), np.real(values)))
    values, right = values[order], right[:, order]
    radius = float(np.abs(values).max())
    ends, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    a_norm = float(np.linalg.norm(0.5 * (matrix - matrix.T), 2))
    norm = float(np.linalg.norm(matrix, 2))
    leftmost, witness = _of_whole(jacobian, right, values, norm, NOISE_FLOOR * radius)
    outcome, because = _from_whole(matrix, witness, NOISE_FLOOR * radius)
    weighed = None
    if outcome is Outcome.stable and ends[0] <= NOISE_FLOOR * radius:
        weighed = contraction_of(matrix, jacobian.split, floor=NOISE_FLOOR * radius)
        because += "" if weighed is None else f"; {weighed.because}"
    if budget is not None:
        budget.spend(jacobian.products - before)
    return LocalSpectrum(
        outcome=outcome,
        because=because,
        values=values,
        vectors=right,
        residuals=np.linalg.norm(matrix @ right - values * right, axis=0),
        converged=np.ones(len(values), dtype=bool),
        leftmost=leftmost,
        witness=witness,
        low=float(ends[0]),
        high=float(ends[-1]),
        low_error=float(np.finfo(float).eps) * len(matrix) * norm,
        low_vector=vectors[:, 0],
        low_bound=float(ends[0]),
        a_norm=a_norm,
        a_bound=a_norm,
        radius=radius,
        steps=(0, 0, 0),
        complete=True,
        matrix=matrix,
        contraction=weighed,
        stopped=False,
    )


def _of_whole(
    jacobian: GameJacobian, right: np.ndarray, values: np.ndarray, norm: float, floor: float
) -> tuple[Pair | None, Pair | None]:
    """The leftmost pair, and of several below the noise floor the one that growth is surest of."""
    try:
        left = np.linalg.inv(right).conj().T
    except np.linalg.LinAlgError:  # defective: no basis of eigenvectors, no left vectors
        return None, None
    if not np.isfinite(left).all():
        return None, None
    kappa = np.linalg.norm(left, axis=0) * np.linalg.norm(right, axis=0)
    rounding = float(np.finfo(float).eps) * norm * len(values)
    surest = int(np.argmin(np.real(values) + kappa * rounding))
    first = growing(jacobian, right[:, 0], left[:, 0], norm=norm)
    if surest == 0 or np.real(values)[surest] >= -floor:
        return first, first
    return first, growing(jacobian, right[:, surest], left[:, surest], norm=norm)


def _from_whole(matrix: np.ndarray, witness: Pair | None, floor: float) -> tuple[Outcome, str]:
    shift = floor * np.eye(len(matrix))
    if floor == 0.0:
        return Outcome.undetermined, "the Jacobian is zero"
    right = inertia(matrix - shift)
    if right is not None and right.negative == 0:
        return Outcome.stable, "every eigenvalue of the whole spectrum has positive real part"
    left = inertia(matrix + shift)
    if left is not None and left.negative > 0:
        return Outcome.unstable, (
            f"{left.negative} of {len(matrix)} eigenvalues of the whole spectrum have negative real "
            "part"
        )
    if witness is not None and witness.value.real + witness.error < -floor:
        return Outcome.unstable, _grows(witness)
    return Outcome.undetermined, (
        "an eigenvalue lies on the imaginary axis, as far as rounding and the noise floor can tell"
    )


def _by_products(
    game: Game,
    jacobian: GameJacobian,
    batch: Batch,
    *,
    eta: float,
    seed: int,
    budget: Budget | None,
) -> LocalSpectrum | None:
    """The outermost eigenvalues of a matrix that is not formed."""
    pairs = krylov_schur(
        jacobian,
        _SIDES,
        k=_EACH,
        tol=_TOL,
        seed=seed,
        split=jacobian.split,
        budget=budget,
        formed=0,
        restarts=_RESTARTS,
    )
    half = 0.5 * eta  # for each of two ways to be wrong, so that both together are no more than eta
    end = lower_end(jacobian.symmetric, eta=half, floor=NOISE_FLOOR, seed=seed, budget=budget)
    if end is None or not len(pairs.values):
        return None
    turning = None
    if budget is None or (not budget.exhausted and budget.left >= 4):
        turning = spectral_norm(jacobian.antisymmetric, seed=seed, budget=budget)
    a_norm, a_bound = (
        (turning.value, turning.upper) if turning is not None else (math.inf, math.inf)
    )
    radius = float(np.abs(pairs.values).max())
    norm = max(abs(end.low), abs(end.high)) + (a_norm if math.isfinite(a_norm) else radius)
    leftmost, witness = _of_sides(game, jacobian, batch, pairs, norm, radius, seed, budget)
    outcome, because = _from_sides(
        pairs,
        leftmost,
        witness,
        end,
        NOISE_FLOOR * radius,
        eta,
        # What is antisymmetric cancels in a product of the symmetric part, but not in its rounding.
        noise=2.0 * rounding(jacobian.dtype) * a_norm,
        double=jacobian.dtype == torch.float64,
    )
    weighed = None  # where the leftmost value found does not decay, no norm shows that all do
    if outcome is Outcome.undetermined and pairs.values[0].real > NOISE_FLOOR * radius >= end.low:
        weighed = contraction(
            jacobian,
            jacobian.split,
            eta=half,
            floor=NOISE_FLOOR * radius,
            seed=seed,
            budget=budget,
        )
    if weighed is not None:
        outcome, because = Outcome.stable, weighed.because
    return LocalSpectrum(
        outcome=outcome,
        because=because,
        values=pairs.values,
        vectors=pairs.vectors,
        residuals=pairs.residuals,
        converged=pairs.converged,
        leftmost=leftmost,
        witness=witness,
        low=end.low,
        high=end.high,
        low_error=end.residual,
        low_vector=end.vector,
        low_bound=end.bound,
        a_norm=a_norm,
        a_bound=a_bound,
        radius=radius,
        steps=(end.converged_at, end.steps, end.needed),
        complete=pairs.complete,
        matrix=None,
        contraction=weighed,
        stopped=turning is None
        or (budget is not None and not (pairs.converged.all() and end.converged_at > 0)),
    )


def _of_sides(
    game: Game,
    jacobian: GameJacobian,
    batch: Batch,
    pairs: Eigenpairs,
    norm: float,
    radius: float,
    seed: int,
    budget: Budget | None,
) -> tuple[Pair | None, Pair | None]:
    """The leftmost pair in float64, and a later one where that alone is certain to grow."""
    precise: GameJacobian | None = None
    first: Pair | None = None
    leftmost = complex(pairs.values[0])
    for i in range(min(_EACH, len(pairs.values))):
        value = complex(pairs.values[i])
        if value.imag < 0.0 or not pairs.converged[i]:
            continue
        if i > 0 and value.real >= -NOISE_FLOOR * radius:
            break
        _, left = condition_number(
            jacobian, value, pairs.vectors[:, i], k=_EACH, tol=_TOL, seed=seed, budget=budget
        )
        if left is None:
            continue
        precise = precise or _precise(game, jacobian, batch)
        pair = growing(precise, pairs.vectors[:, i], left, norm=norm)
        if value in (leftmost, leftmost.conjugate()):
            first = pair
        if pair.value.real + pair.error < -NOISE_FLOOR * radius:
            return first, pair
    return first, first


def _from_sides(
    pairs: Eigenpairs,
    leftmost: Pair | None,
    witness: Pair | None,
    end: LowerEnd,
    floor: float,
    eta: float,
    *,
    noise: float,
    double: bool,
) -> tuple[Outcome, str]:
    if witness is not None and witness.value.real + witness.error < -floor:
        return Outcome.unstable, _grows(witness)
    if end.bound - noise > floor:
        certainty = "" if end.complete else f" with probability {1.0 - eta:.4g}"
        return Outcome.stable, (
            f"no real part lies below {end.bound - noise:.3g}{certainty}: the symmetric part's smallest "
            f"eigenvalue is {end.low:.4g} after {end.steps} steps (converged after "
            f"{end.converged_at})"
        )
    seen = pairs.complete and double  # in float32 rounding may have moved another across
    if seen and leftmost is not None and leftmost.value.real - leftmost.error > floor:
        return Outcome.stable, (
            "the Krylov space of a random start is exhausted, so every distinct eigenvalue was "
            f"seen, and the leftmost has real part {leftmost.value.real:.4g}"
        )
    if end.low > floor and end.needed > end.steps:
        return Outcome.undetermined, (
            f"the symmetric part's smallest eigenvalue looks positive ({end.low:.3g}), but that "
            f"would take {end.needed} steps to certify and {end.steps} were run"
        )
    if end.low > floor:
        return Outcome.undetermined, (
            f"the symmetric part's smallest eigenvalue looks positive ({end.low:.3g}), but not beyond "
            f"the rounding of its products ({noise:.1g})"
        )
    return Outcome.undetermined, (
        "the symmetric part is indefinite, also with the players weighed against each other, and no "
        "eigenvalue was found that surely grows"
    )


def _grows(pair: Pair) -> str:
    return (
        f"an eigenvalue with real part {pair.value.real:.4g} is certain to {pair.error:.1g} "
        f"(condition {pair.condition:.3g}, residual {pair.residual:.1g})"
    )
