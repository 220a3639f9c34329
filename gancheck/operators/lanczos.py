"""Which eigenvalues lie at the two ends of a symmetric operator, and is one of them missing?

Thick-restart Lanczos (Wu and Simon 2000): one Krylov basis serves both ends, is orthogonalised in
full by two passes of classical Gram-Schmidt (two matrix products a pass, one host read a step), and
is compressed to its best Ritz vectors when it is full. Two things that other solvers leave out are
done before a pair is called converged. A Krylov space of one vector holds a single direction of a
repeated eigenvalue, and may have had too little of another, so the search begins once more from a
random vector orthogonal to what was found and goes on where that finds something; where it does
not, it ends when the recurrence itself says that a random vector would have shown what is missing,
except with chance 1e-3. And every pair returned is multiplied once more: its residual is that of a
true product, not of the recurrence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.operators.eigenpairs import Eigenpairs
from gancheck.operators.krylov_basis import KrylovBasis, admit_precision, rounding
from gancheck.operators.linear_operator import LinearOperator

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.budget import Budget

__all__ = ["SpectralNorm", "lanczos", "probable_excess", "spectral_norm"]

_BASIS = 60  # vectors; 200 save 12 % of the products and cost three times the memory
_TEST_EVERY = 4  # steps; the small eigenproblem of 60 rows costs a tenth of a small product
_CYCLES = 100  # compressions before the search gives up
_MINOR = 0.01  # residuals of eigenvalues below this share of the largest are measured against it
_UNSEEN = 1e-3  # accepted chance that a check passes although an eigenvalue lies outside
_CHECK_FILLS = 8  # of the basis, after which a check gives up without an answer
_CHECKS = 40  # each finds something or is the last: a higher multiplicity ends unmarked
_REPAIRS = 4  # searches begun again from true residuals that came out too large


def lanczos(
    operator: LinearOperator,
    *,
    top: int = 3,
    bottom: int = 3,
    tol: float = 1e-3,
    basis: int | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    strict: bool = False,
    basis_device: torch.device | str | None = None,
) -> Eigenpairs:
    """The `bottom` smallest and `top` largest eigenpairs of a symmetric operator, ascending.

    Args:
        operator: symmetric, of size n; float32 or float64.
        top: pairs at the upper end.
        bottom: pairs at the lower end; together with `top` at least 1.
        tol: a pair has converged when its residual ||A x - l x|| is at most
            tol max(|l|, 0.01 ||A||), or within rounding, 16 machine epsilons of ||A||.
        basis: vectors kept, at most n; max(60, 3 (top + bottom)) where not given.
        seed: of the random vectors.
        budget: ends the search; the products of the final residuals are held back from it.
        strict: measure residuals against |l| alone, so that small eigenvalues are resolved too; a
            cluster near zero can then cost more than all the rest.
        basis_device: where the basis is kept, (basis + 1) n numbers; the operator's where not given.

    Returns:
        All pairs where top + bottom reaches n. A pair is marked converged when its residual, by a
        true product, is within the tolerance and the check for missed pairs came to its end. A
        search that stops early returns what it has, unmarked. `complete` where the basis filled
        the space, so that the whole spectrum was seen.

    Raises:
        ValueError: counts, basis or tolerance out of range.
        TypeError: a half-precision operator.
        OperatorError: a product that is not finite.

    Cost: some 20 to 50 products for ten well-separated pairs, 6 to 30 for the check and more where
    the next eigenvalue is near, one for each pair; per product 4 basis n multiplications.

    Source: Wu and Simon (2000), SIAM J. Matrix Anal. Appl. 22, 602.

    Example:
        >>> from gancheck.operators.linear_operator import LinearOperator
        >>> d = torch.arange(1.0, 101.0, dtype=torch.float64)
        >>> a = LinearOperator(100, lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=d.device)
        >>> lanczos(a, top=1, bottom=1, tol=1e-8).values.round(6).tolist()
        [1.0, 100.0]
    """
    n = operator.shape[0]
    m = _admit(operator, top, bottom, tol, basis)
    wanted = _Wanted(top=top, bottom=bottom, tol=tol, strict=strict, dtype=operator.dtype)
    before = operator.products
    space = KrylovBasis(operator, m, seed=seed, budget=budget, device=basis_device)
    if budget is not None:
        space.reserve = min(top + bottom, n, int(min(budget.left, 2 * n)) // 2)
    settled = _search(space, wanted)
    found = operator.products - before
    ended = settled and _nothing_missed(space, wanted)
    pairs = _verified(space, wanted, before, ended=ended)
    return replace(pairs, steps=min(found, m), found=found)


def probable_excess(n: int, steps: int, *, eta: float = 1e-3) -> float:
    """How far the true end may lie beyond the Ritz value after so many steps, except with chance eta.

    In units of the spread lmax - lmin; of the largest eigenvalue where none is negative. The start
    vector must be uniform on the sphere, the Krylov space unbroken. 1 where the bound says nothing.

    Args:
        n: size of the operator.
        steps: products from one random start.
        eta: accepted chance of being wrong.

    Source: Kuczynski and Wozniakowski (1992), SIAM J. Matrix Anal. Appl. 13, 1094: the chance is at
    most 1.648 sqrt(n) exp(-sqrt(excess) (2 steps - 1)).

    Example:
        >>> round(probable_excess(100_000, 67), 3)
        0.01
    """
    if steps < 1:
        return 1.0
    return min(1.0, (math.log(1.648 * math.sqrt(n) / eta) / (2 * steps - 1)) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralNorm:
    """The spectral norm of an operator, by its square.

    Attributes:
        value: found, a lower bound up to rounding: a vector grows by this factor.
        error: an eigenvalue of A^T A lies so near the square of the value, by its residual.
        upper: the norm is not above this, except with chance 1e-3; equal to the value where the
            whole space was seen.
        vector: right singular vector [n].
        converged: the residual is within tolerance and the check for missed pairs ended.
        products: with A and with A^T together.
    """

    value: float
    error: float
    upper: float
    vector: np.ndarray
    converged: bool
    products: int


def spectral_norm(
    operator: LinearOperator, *, tol: float = 1e-3, seed: int = 0, budget: Budget | None = None
) -> SpectralNorm:
    """||A||_2 by Lanczos on A^T A.

    Args:
        operator: any operator, square or not.
        tol: residual of the square, relative.
        seed: of the random vectors.
        budget: a step spends one of its products, being two with the operator.

    Cost: some 10 to 40 products with A and as many with A^T.
    """
    before = operator.products

    def squared(v: Tensor) -> Tensor:
        return operator.rmatvec(operator.matvec(v))

    n = operator.shape[1]
    gram = LinearOperator(n, squared, squared, dtype=operator.dtype, device=operator.device)
    pairs = lanczos(gram, top=1, bottom=0, tol=tol, seed=seed, budget=budget)
    square, residual = max(float(pairs.values[-1]), 0.0), float(pairs.residuals[-1])
    value = math.sqrt(square)
    excess = 0.0 if pairs.complete else probable_excess(n, pairs.steps)
    return SpectralNorm(
        value=value,
        error=math.sqrt(square + residual) - value,
        upper=math.sqrt((square + residual) / (1.0 - excess)) if excess < 1.0 else math.inf,
        vector=pairs.vectors[:, -1],
        converged=bool(pairs.converged.all()),
        products=operator.products - before,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which Ritz pairs are asked for, and how well."""

    top: int
    bottom: int
    tol: float
    strict: bool
    dtype: torch.dtype

    @property
    def count(self) -> int:
        return self.top + self.bottom

    def indices(self, size: int, *, extra: int = 0) -> np.ndarray:
        """Of `size` ascending values those at both ends, with `extra` more shared between them."""
        more = extra * self.top // self.count
        low = min(self.bottom + (extra - more if self.bottom else 0), size)
        high = min(self.top + (more if self.top else 0), size)
        return np.unique(np.r_[0:low, size - high : size])

    def thresholds(self, values: np.ndarray, norm: float) -> np.ndarray:
        """The residual each value may have."""
        size = np.abs(values) if self.strict else np.maximum(np.abs(values), _MINOR * norm)
        return np.maximum(self.tol * size, rounding(self.dtype) * norm)


def _admit(operator: LinearOperator, top: int, bottom: int, tol: float, basis: int | None) -> int:
    """The basis size, where the arguments make sense."""
    n = operator.shape[0]
    admit_precision(operator.dtype, tol)
    if top < 0 or bottom < 0 or top + bottom < 1:
        raise ValueError(
            f"top and bottom must not be negative and not both 0, got {top} and {bottom}"
        )
    asked = max(_BASIS, 3 * (top + bottom)) if basis is None else basis
    least = min(n, top + bottom + 2)
    if asked < least:
        raise ValueError(f"basis must be at least {least} for {top + bottom} pairs, got {asked}")
    return min(n, asked)


def _search(space: KrylovBasis, wanted: _Wanted) -> bool:
    """Extend and compress until the wanted pairs' estimated residuals are small enough.

    Returns:
        False where the budget or the number of cycles ended it.
    """
    for _ in range(_CYCLES):
        while space.size < space.capacity:
            if space.spent and space.size > 0:
                return False
            space.step()
            # Where the basis can fill the space it does: then nothing can be missed.
            test = space.capacity < space.n and space.size % _TEST_EVERY == 0
            if space.complete or (test and _settled(space, wanted)):
                return True
        if _settled(space, wanted):
            return True
        values, y, _ = space.ritz()
        keep = wanted.indices(space.size, extra=(space.capacity - wanted.count) // 3)
        space.compress(values[keep], y[:, keep])
    return False


def _settled(space: KrylovBasis, wanted: _Wanted) -> bool:
    if space.size < wanted.count:
        return False
    values, _, residuals = space.ritz()
    at = wanted.indices(space.size)
    norm = float(np.abs(values).max())
    return bool((residuals[at] <= wanted.thresholds(values[at], norm)).all())


def _nothing_missed(space: KrylovBasis, wanted: _Wanted) -> bool:
    """Begin again, orthogonal to the wanted pairs, until none of them has to make room.

    Returns:
        False where the budget ended it, or something was found every time.
    """
    for _ in range(_CHECKS):
        if space.complete:
            return True
        moved = _moves(space, wanted)
        if moved is None:
            return False
        if not moved:
            return True
        if not _search(space, wanted):
            return False
    return False


def _moves(space: KrylovBasis, wanted: _Wanted) -> bool | None:
    """Whether a wanted value moves when a random direction comes in; None where that stays open.

    Ritz values move outwards only. The check ends when one moved by more than its tolerance, or
    when an eigenvector outside, further than that from the last wanted value, could be unseen so
    far only if the random direction had less of it than it has except with chance 1e-3.
    """
    values, y, residuals = space.ritz()
    at = wanted.indices(space.size)
    norm = float(np.abs(values).max())
    old, limits = values[at], wanted.thresholds(values[at], norm)
    # What else has converged stays too: the random direction need not find it once more.
    good = np.flatnonzero(residuals <= wanted.thresholds(values, norm))
    keep = np.union1d(at, good) if len(good) <= space.capacity // 2 else at
    space.compress(values[keep], y[:, keep])
    space.renew()
    outside = [old[wanted.bottom - 1] - limits[wanted.bottom - 1]] if wanted.bottom else []
    outside += [old[wanted.bottom] + limits[wanted.bottom]] if wanted.top else []
    space.watch(space.scale * np.array(outside))
    # A unit vector's share of a random one in n dimensions is below d with chance 0.8 d sqrt(n).
    enough = 0.8 * np.sqrt(space.n) / _UNSEEN
    for p in range(1, _CHECK_FILLS * space.capacity + 1):
        if space.spent:
            return None
        space.step()
        if space.complete:
            return False
        full = space.size == space.capacity
        if p % 2 == 0 or full:
            new, y, _ = space.ritz()
            if (np.abs(new[wanted.indices(space.size)] - old) > limits).any():
                return True
            if (space.seen >= enough).all():
                return False
            if full:
                keep = wanted.indices(space.size, extra=(space.capacity - wanted.count) // 3)
                space.compress(new[keep], y[:, keep])
    return None


def _verified(space: KrylovBasis, wanted: _Wanted, before: int, *, ended: bool) -> Eigenpairs:
    """Multiply each pair once more; where a true residual is too large, search on from it."""
    space.reserve = 0
    complete = space.complete
    repairs = 0
    while True:
        values, y, estimates = space.ritz()
        at = wanted.indices(space.size)
        norm = float(np.abs(values).max())
        space.compress(values[at], y[:, at])
        space.renew()
        found, worst = _true_residuals(space, values[at])
        multiplied = np.isfinite(found)
        residuals = np.where(multiplied, found, estimates[at])
        # The recurrence and the product round apart by no more than rounding.
        limits = wanted.thresholds(values[at], norm) + rounding(wanted.dtype) * norm
        good = multiplied & (residuals <= limits)
        if good.all() or not ended or space.spent or repairs == _REPAIRS:
            return Eigenpairs(
                values=values[at] * space.scale,
                vectors=space.rows[: len(at)].T.cpu().numpy(),
                residuals=residuals * space.scale,
                converged=good & ended,
                products=space.operator.products - before,
                complete=complete,
            )
        space.stale[: len(at)] = residuals
        space.renew(worst)
        ended = _search(space, wanted)
        repairs += 1


def _true_residuals(space: KrylovBasis, values: np.ndarray) -> tuple[np.ndarray, Tensor | None]:
    """||A x - l x|| of each row by a product, infinite once nothing is left; the largest of them."""
    norms, worst = np.full(len(values), np.inf), None
    for i, value in enumerate(values):
        if space.spent:
            break
        x = space.rows[i]
        r = space.product(x) - float(value) * x
        norms[i] = float(torch.linalg.vector_norm(r, dtype=torch.float64))
        if worst is None or norms[i] >= norms[:i].max(initial=0.0):
            worst = r
    return norms, worst
