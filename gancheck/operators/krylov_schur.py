"""Which eigenvalues of an operator that need not be symmetric lie outermost?

`krylov_schur` is the one entry point, for the smallest and the largest real part, the largest
modulus and the largest imaginary part, several of them from one basis. Krylov-Schur is Arnoldi's
method with a restart that keeps a Schur basis of the wanted part (Stewart 2001). Long vectors stay
flat on the operator's device and are orthogonalised by two matrix products, twice; the small matrix
is float64 on the host. A Ritz value is believed only where it survives four more products, and
every returned pair is multiplied once more.

The largest imaginary part has a trap of its own: the first Ritz values of a game Jacobian are all
real and have small residuals, so a plain stop rule ends with "no imaginary part". Here nothing is
accepted for it within 60 products, and an answer without imaginary part only after a second run from
another start of at least as many. It stays a bound from below: set it beside ||A||_2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.operators.eigenpairs import Eigenpairs
from gancheck.operators.krylov_basis import admit_precision, rounding
from gancheck.operators.krylov_search import FLOOR, Found, Search, gone, room
from gancheck.operators.linear_operator import OperatorError
from gancheck.operators.outermost import wanted_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.operators.budget import Budget
    from gancheck.operators.linear_operator import LinearOperator
    from gancheck.operators.outermost import Which

__all__ = ["krylov_schur", "start_vector"]

_FORMED = 400  # up to this size the matrix is formed: it costs little more and misses nothing
_RESTARTS = 40


def krylov_schur(
    operator: LinearOperator,
    which: Which | Sequence[Which] = "SR",
    *,
    k: int = 3,
    basis: int = 60,
    tol: float = 1e-4,
    seed: int = 0,
    start: np.ndarray | None = None,
    split: int | None = None,
    budget: Budget | None = None,
    formed: int = _FORMED,
    restarts: int = _RESTARTS,
) -> Eigenpairs:
    """The k outermost eigenpairs of a real operator in one or several directions.

    Args:
        operator: float32 or float64; only `matvec` is used.
        which: `SR`, `LR` smallest and largest real part, `LM` largest modulus, `LI` largest
            absolute imaginary part; or several of them, found from one basis.
        k: pairs for each; a conjugate pair is never torn apart, so there may be one more.
        basis: Krylov vectors held, raised to 4 k for each direction asked for.
        tol: residual asked for, relative to |l| or to 1 % of the operator's norm, whichever is
            larger.
        seed: of the start vector.
        start: first direction [n], where a better one than a random one is known.
        split: coordinates before it are one player's; a random start then has the same weight in
            both, however different their sizes.
        budget: what may be spent; where it ends first, what was found comes back with its
            `converged` mask. The check of the pairs is kept in reserve.
        formed: operators up to this size are formed and solved whole.
        restarts: at most so many; then as for the budget.

    Returns:
        Pairs ascending in real part, conjugates included, each with the residual of a true product
        (two for a complex pair, which its conjugate shares). `complete` where the matrix was
        formed, or where a random start exhausted its Krylov space: then no distinct eigenvalue was
        missed. Nothing at all where the budget has no room for one pair.

    Raises:
        ValueError: k, basis, tol or start out of range, or a tol that float32 cannot meet.
        TypeError: a half-precision operator.
        OperatorError: a product that is not finite.

    Cost: products as counted; memory basis + 1 vectors.

    Source: Stewart (2001), A Krylov-Schur algorithm for large eigenproblems, SIAM J. Matrix Anal.

    Example:
        >>> from gancheck.operators import LinearOperator
        >>> a = torch.tensor([[1.0, 2.0], [-2.0, 1.0]], dtype=torch.float64)
        >>> op = LinearOperator(2, lambda v: a @ v, lambda v: a.T @ v, dtype=a.dtype, device=a.device)
        >>> krylov_schur(op, "LI", k=1).values.round(6).tolist()
        [(1+2j), (1-2j)]
    """
    targets: tuple[Which, ...] = (which,) if isinstance(which, str) else tuple(which)
    n = operator.shape[0]
    _check(operator, targets, k, basis, tol, start)
    before = operator.products
    if n <= max(formed, 1) and room(budget) >= n + 2 * k * len(targets):
        return _whole(operator, targets, k, tol, budget)
    if room(budget) <= 2 * k * len(targets):
        return _nothing(n)
    search = Search(
        operator=operator,
        targets=targets,
        k=k,
        size=min(n, max(basis, 4 * k * len(targets))),
        tol=tol,
        budget=budget,
        restarts=restarts,
    )
    first = start_vector(operator, seed=seed, split=split) if start is None else start
    found = search.run(first, seed=seed, random=start is None)
    if "LI" in targets and not found.complete and not found.turns and not gone(budget, 2 * k):
        again = Search(
            operator=operator,
            targets=("LI",),
            k=k,
            size=search.size,
            tol=tol,
            budget=budget,
            restarts=restarts,
        ).run(start_vector(operator, seed=seed + 1, split=split), seed=seed + 1, random=True)
        found = again if again.turns and len(targets) == 1 else found.joined(again)
    return _verified(operator, found, tol, before, budget)


def start_vector(operator: LinearOperator, *, seed: int, split: int | None = None) -> np.ndarray:
    """A random direction [n]; with `split` of the same length in both players' coordinates."""
    rng = torch.Generator().manual_seed(seed)
    v = torch.randn(operator.shape[0], generator=rng, dtype=torch.float64)
    if split is not None and 0 < split < len(v):
        v = torch.cat([v[:split] / v[:split].norm(), v[split:] / v[split:].norm()])
    return v.numpy()


def _whole(
    operator: LinearOperator,
    targets: Sequence[Which],
    k: int,
    tol: float,
    budget: Budget | None,
) -> Eigenpairs:
    before = operator.products
    matrix = operator.dense().double().cpu().numpy()
    if budget is not None:
        budget.spend(operator.products - before)
    if not np.isfinite(matrix).all():
        raise OperatorError("a product is not finite: NaN or infinity came out of a basis vector")
    values, vectors = np.linalg.eig(matrix)
    wanted = wanted_values(values, targets, k)
    norm = float(np.linalg.norm(matrix, 2))
    chosen = torch.as_tensor(vectors[:, wanted].astype(complex), device=operator.device)
    found = Found(values[wanted], chosen, norm, complete=True, turns=True)
    return _verified(operator, found, tol, before, budget)


def _verified(
    operator: LinearOperator, found: Found, tol: float, before: int, budget: Budget | None
) -> Eigenpairs:
    """Sort, normalise and multiply once more; a conjugate shares its partner's residual."""
    order = np.lexsort((-np.imag(found.values), np.real(found.values)))
    values = found.values[order].astype(complex)
    x = found.vectors[:, torch.as_tensor(order, device=found.vectors.device)]
    x = (x / torch.linalg.vector_norm(x, dim=0)).to(
        torch.complex128 if operator.dtype == torch.float64 else torch.complex64
    )
    spent = operator.products
    residuals = np.zeros(len(values))
    for i, value in enumerate(values):
        if value.imag < 0.0 and i and values[i - 1] == np.conj(value):
            residuals[i] = residuals[i - 1]
            continue
        column = x[:, i]
        image = operator.matvec(column.real.contiguous()).to(torch.complex128)
        if value.imag:
            image = image + 1j * operator.matvec(column.imag.contiguous())
        residuals[i] = float(torch.linalg.vector_norm(image - complex(value) * column))
    if budget is not None:
        budget.spend(operator.products - spent)
    limits = np.maximum(np.abs(values), FLOOR * found.norm) * tol
    return Eigenpairs(
        values=values,
        vectors=x.cpu().numpy(),
        residuals=residuals,
        converged=residuals <= np.maximum(limits, rounding(operator.dtype) * found.norm),
        products=operator.products - before,
        complete=found.complete,
    )


def _nothing(n: int) -> Eigenpairs:
    empty = np.zeros(0)
    return Eigenpairs(
        values=empty.astype(complex),
        vectors=np.zeros((n, 0), dtype=complex),
        residuals=empty,
        converged=empty.astype(bool),
        products=0,
        complete=False,
    )


def _check(
    operator: LinearOperator,
    targets: Sequence[str],
    k: int,
    basis: int,
    tol: float,
    start: np.ndarray | None,
) -> None:
    n = operator.shape[0]
    if not targets or any(t not in ("SR", "LR", "LM", "LI") for t in targets):
        raise ValueError(f"which must be SR, LR, LM, LI or several of them, got {list(targets)}")
    if not 1 <= k <= max(n, 1):
        raise ValueError(f"k must be in 1..{n} (the operator's size), got {k}")
    if basis < 4:
        raise ValueError(f"basis must be at least 4 vectors, got {basis}")
    admit_precision(operator.dtype, tol)
    if start is not None and (
        start.shape != (n,) or not np.isfinite(start).all() or not np.any(start)
    ):
        raise ValueError(
            f"start must be a finite direction of shape ({n},) and not zero, "
            f"got shape {tuple(start.shape)}"
        )
