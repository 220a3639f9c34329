"""What a basis says of residuals, and what confirms it: against dense products."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancheck.operators.confirmation import confirmed
from gancheck.operators.krylov_basis import KrylovBasis
from gancheck.operators.linear_operator import LinearOperator


def dense(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        len(a), lambda v: a @ v, lambda v: a @ v, dtype=a.dtype, device=torch.device("cpu")
    )


def symmetric(n: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=rng, dtype=torch.float64)
    return a + a.T


def grown(a: torch.Tensor, steps: int, *, capacity: int, seed: int = 0) -> KrylovBasis:
    space = KrylovBasis(dense(a), capacity, seed=seed)
    for _ in range(steps):
        space.step()
    return space


def left_over(space: KrylovBasis, a: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residual vectors of all Ritz pairs: as the basis tells, as the matrix does; estimated norms."""
    values, y, estimates = space.ritz()
    told = space.residuals(y)
    assert told is not None
    part, directions = told
    x = space.rows[: space.size].T.numpy() @ y
    true = a.numpy() @ x / space.scale - x * values
    return directions.numpy().T @ part, true, estimates


def test_residual_vectors_are_known_through_all_that_happens_to_a_basis() -> None:
    a = symmetric(90, 1)
    space = grown(a, 20, capacity=30)
    moves = {
        "grown": lambda: None,
        "compressed": lambda: space.compress(space.ritz()[1][:, [0, 1, 2, 10, 18, 19]]),
        "begun again": space.renew,
        "grown again": lambda: [space.step() for _ in range(8)],
        "thinned": lambda: space.thin(
            6, np.linalg.eigh(space.projection[6:14, 6:14])[1][:, [0, 1, 6, 7]]
        ),
        "grown once more": lambda: [space.step() for _ in range(5)],
        "compressed once more": lambda: space.compress(space.ritz()[1][:, [0, 1, 13, 14]]),
        "begun a third time": lambda: space.renew(torch.ones(90, dtype=torch.float64)),
        "grown a third time": lambda: [space.step() for _ in range(6)],
        "cut back": lambda: space.thin(4, np.zeros((space.size - 4, 0))),
    }
    for name, move in moves.items():
        move()
        if name == "cut back":  # the rows that are left are Ritz vectors, whatever came after
            assert space.size == 4
        told, true, estimates = left_over(space, a)
        assert np.allclose(told, true, atol=1e-12), name
        assert np.allclose(np.linalg.norm(true, axis=0), estimates, atol=1e-7), name


def test_rows_stay_orthonormal_where_few_of_them_are_met_twice() -> None:
    d = torch.cat([torch.linspace(-1.0, 1.0, 3000), torch.logspace(0.1, 4.0, 12)])
    operator = LinearOperator(
        len(d), lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=torch.device("cpu")
    )
    space = KrylovBasis(operator, 40, seed=0)
    for _ in range(5):
        while space.size < 40:
            space.step()
        rows = space.rows[:40]
        # a few float32 roundings, though the largest values have long converged
        assert float((rows @ rows.T - torch.eye(40)).abs().max()) <= 2e-6
        space.compress(space.ritz()[1][:, [0, 1, *range(25, 40)]])


@pytest.mark.parametrize("pairs", [2, 5, 9])
def test_a_residual_at_its_tolerance_is_confirmed_as_none_with_chance_1e_3(pairs: int) -> None:
    """The claim that nothing is left over, where for one pair it is false by its tolerance."""
    a = symmetric(60, 2)
    space = grown(a, 12, capacity=12)
    values, y, estimates = space.ritz()
    at = np.arange(12 - pairs, 12)
    limits = np.full(pairs, 1e6)
    limits[0] = estimates[at[0]]
    space.compress(y[:, at])
    part, nothing = np.zeros((1, pairs)), torch.zeros(1, 60, dtype=torch.float64)
    passed = sum(
        confirmed(space, values[at], limits, part, nothing) is not None for _ in range(400)
    )
    assert passed <= 3  # of 400 at 1e-3: more in one run of 1,300


def test_what_is_true_is_confirmed_by_one_product_in_float64() -> None:
    a = symmetric(60, 3)
    space = grown(a, 20, capacity=30)
    values, y, estimates = space.ritz()
    at = np.arange(14, 20)
    told = space.residuals(y[:, at])
    assert told is not None
    space.compress(y[:, at])
    before = space.operator.products
    residuals = confirmed(space, values[at], 1.1 * estimates[at], *told)
    assert space.operator.products == before + 1
    assert residuals is not None
    assert np.allclose(residuals, estimates[at], atol=1e-10)
