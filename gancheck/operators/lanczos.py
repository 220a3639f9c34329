"""Which eigenvalues lie at the two ends of a symmetric operator, and is one of them missing?

Thick-restart Lanczos (Wu and Simon 2000): one Krylov basis serves both ends, is kept orthogonal in
full, and is compressed to its best Ritz vectors when it is full. Two things that other solvers leave
out are done before a pair is called converged. One more random direction comes in, and the search
goes on where that finds something (`missed_pairs`). And the residuals, as the products made so far
leave them, are put to the test of a few further products, of random combinations of all pairs; where
those disagree, every pair is multiplied for itself (`confirmation`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.operators.confirmation import confirmed, true_residuals
from gancheck.operators.eigenpairs import Eigenpairs
from gancheck.operators.krylov_basis import KrylovBasis, admit_precision, rounding
from gancheck.operators.linear_operator import LinearOperator
from gancheck.operators.missed_pairs import moves
from gancheck.operators.wanted_pairs import Wanted

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.operators.budget import Budget

__all__ = ["SpectralNorm", "lanczos", "probable_excess", "spectral_norm"]

_BASIS = 60  # vectors; 200 save up to 12 % of the products and cost three times the memory
_TEST_EVERY = 4  # steps; the small eigenproblem of 60 rows costs a tenth of a small product
_NEAR = 100.0  # times its tolerance: a residual from which each step is tested
_CYCLES = 100  # compressions before the search gives up
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
        budget: ends the search; a product for each pair is held back for the final residuals.
        strict: measure residuals against |l| alone, so that small eigenvalues are resolved too; a
            cluster near zero can then cost more than all the rest.
        basis_device: where the basis is kept, (basis + 1) n numbers, and n more for each check that
            begins, up to four; the operator's where not given.

    Returns:
        All pairs where top + bottom reaches n. A pair is marked converged when its residual is
        within the tolerance and the check for missed pairs came to its end. Two chances of 1e-3 are
        taken: that the check passes although an eigenvalue lies further out than the last wanted
        one by more than its tolerance, and that the residual of some pair is out of tolerance
        although the products of random combinations agreed. A residual is made of products: those
        of the search, whose combination it is, and those that confirmed it, by how much they
        disagreed. What neither can tell is whether the products are those of the matrix that was
        meant. A search that stops early returns what it has, unmarked. `complete` where the basis
        filled the space, so that the whole spectrum was seen.

    Raises:
        ValueError: counts, basis or tolerance out of range.
        TypeError: a half-precision operator.
        OperatorError: a product that is not finite.

    Cost: some 20 to 50 products for ten well-separated pairs, 3 to 30 for the check and more where
    the next eigenvalue is near, 1 in float64 or 2 to 4 in float32 to confirm (one for each pair where
    they disagree or there are one or two); per product 2 to 4 basis n multiplications.

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
    wanted = Wanted(top=top, bottom=bottom, tol=tol, strict=strict, dtype=operator.dtype)
    before = operator.products
    space = KrylovBasis(operator, m, seed=seed, budget=budget, device=basis_device)
    if budget is not None:
        space.reserve = min(top + bottom, n, int(min(budget.left, 2 * n)) // 2)
    settled = _search(space, wanted)
    found = operator.products - before
    ended = settled and _nothing_missed(space, wanted)
    looked = operator.products - before
    pairs = _verified(space, wanted, before, ended=ended)
    return replace(pairs, steps=min(found, m), found=found, verified=pairs.products - looked)


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


def _search(space: KrylovBasis, wanted: Wanted) -> bool:
    """Extend and compress until the wanted pairs' estimated residuals are small enough.

    Returns:
        False where the budget or the number of cycles ended it.
    """
    for _ in range(_CYCLES):
        wait = 0
        while space.size < space.capacity:
            if space.spent and space.size > 0:
                return False
            space.step()
            if space.complete:
                return True
            wait -= 1
            # Where the basis can fill the space it does: then nothing can be missed.
            if space.capacity < space.n and wait <= 0 and space.size >= wanted.count:
                far = _distance(space, wanted)
                if far <= 1.0:
                    return True
                wait = 1 if far <= _NEAR else _TEST_EVERY
        if _distance(space, wanted) <= 1.0:
            return True
        _, y, _ = space.ritz()
        extra = (space.capacity - wanted.count) // 3
        space.compress(y[:, wanted.indices(space.size, extra=extra)])
    return False


def _distance(space: KrylovBasis, wanted: Wanted) -> float:
    """The largest estimated residual of a wanted pair, in units of what it may be."""
    values, _, residuals = space.ritz()
    at = wanted.indices(space.size)
    norm = float(np.abs(values).max())
    limits = wanted.thresholds(values[at], norm)
    # a zero operator has nothing to converge
    return float((residuals[at] / np.maximum(limits, np.finfo(float).tiny)).max())


def _nothing_missed(space: KrylovBasis, wanted: Wanted) -> bool:
    """Bring in one more random direction, and search on, until no wanted pair has to make room.

    Returns:
        False where the budget ended it, or something was found every time.
    """
    for _ in range(_CHECKS):
        if space.complete:
            return True
        moved = moves(space, wanted)
        if moved is None:
            return False
        if not moved:
            return True
        if not _search(space, wanted):
            return False
    return False


def _verified(space: KrylovBasis, wanted: Wanted, before: int, *, ended: bool) -> Eigenpairs:
    """Residuals that further products confirm; where one is too large, search on from it."""
    space.reserve = 0
    complete = space.complete
    repairs = 0
    while True:
        values, y, estimates = space.ritz()
        at = wanted.indices(space.size)
        norm = float(np.abs(values).max())
        # The recurrence and the product round apart by no more than rounding.
        limits = wanted.thresholds(values[at], norm) + rounding(wanted.dtype) * norm
        left = space.residuals(y[:, at])
        space.compress(y[:, at])
        residuals = None if left is None else confirmed(space, values[at], limits, *left)
        worst = None
        if residuals is None:
            found, worst = true_residuals(space, values[at])
            multiplied = np.isfinite(found)
            residuals = np.where(multiplied, found, estimates[at])
            good = multiplied & (residuals <= limits)
        else:
            good = residuals <= limits
        if good.all() or not ended or space.spent or repairs == _REPAIRS:
            return Eigenpairs(
                values=values[at] * space.scale,
                vectors=space.rows[: len(at)].T.cpu().numpy(),
                residuals=residuals * space.scale,
                converged=good & ended,
                products=space.operator.products - before,
                complete=complete,
            )
        if worst is None and left is not None:
            i = int((residuals / limits).argmax())
            space.renew(torch.as_tensor(left[0][:, i]).to(left[1]) @ left[1])
        elif worst is not None:
            space.begin_at(worst, residuals)
        ended = _search(space, wanted)
        repairs += 1
