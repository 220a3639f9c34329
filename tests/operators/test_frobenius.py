"""Frobenius norms of both parts against the dense matrix, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancheck.operators.frobenius import (
    compressed,
    measured_parts,
    pairs_for,
    probes,
    share_of,
    shared_basis,
)
from gancheck.operators.linear_operator import LinearOperator


def as_operator(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        a.shape[0],
        lambda v: a @ v,
        lambda v: a.T @ v,
        matmat=lambda v: a @ v,
        dtype=a.dtype,
        device=a.device,
    )


def decaying(n: int, seed: int, *, turn: float = 0.3) -> torch.Tensor:
    """Singular values like those of a trained game: a few large, then a slow tail."""
    rng = torch.Generator().manual_seed(seed)
    sizes = 1.0 / torch.arange(1, n + 1, dtype=torch.float64) ** 1.2
    q, r = (
        torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0] for _ in range(2)
    )
    skew = q @ torch.diag(sizes) @ r.T
    return r @ torch.diag(sizes) @ r.T + turn * (skew - skew.T)


def truth(a: torch.Tensor) -> np.ndarray:
    return np.array([float((0.5 * x).square().sum()) for x in (a - a.T, a + a.T)])


@given(n=st.integers(1, 40), seed=st.integers(0, 1000))
def test_a_basis_of_the_whole_space_leaves_nothing_to_probes(n: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=rng, dtype=torch.float64)
    operator = as_operator(a)
    basis = shared_basis(operator, n, seed=seed)
    squares = measured_parts(operator, basis, probes(operator, 3, seed=seed)).inner(
        measured_parts(operator, basis, probes(operator, 3, seed=seed))
    )
    assert squares.totals == pytest.approx(truth(a), rel=1e-9)
    assert np.abs(squares.probed).max() <= 1e-18 * n * truth(a).sum() * 1e6


def test_the_estimate_is_unbiased_whatever_the_basis() -> None:
    a = decaying(60, 0)
    operator = as_operator(a)
    for k in (0, 1, 3):
        basis = shared_basis(operator, k, seed=5) if k else torch.zeros(60, 0, dtype=a.dtype)
        values = np.array(
            [
                measured_parts(operator, basis, w).inner(measured_parts(operator, basis, w)).totals
                for w in (probes(operator, 8, seed=s) for s in range(300))
            ]
        )
        error = values.std(0) / len(values) ** 0.5
        assert (np.abs(values.mean(0) - truth(a)) <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("pairs", [20, 32])
def test_the_reported_error_covers_the_share_in_two_hundred_repeats(pairs: int) -> None:
    a = decaying(200, 1)
    operator = as_operator(a)
    k, m = pairs_for(pairs)
    assert 3 * k + m == pairs
    exact = share_of(truth(a))
    covered, values = 0, []
    for seed in range(200):
        basis = shared_basis(operator, k, seed=seed)
        parts = measured_parts(operator, basis, probes(operator, m, seed=10_000 + seed))
        value, error = parts.inner(parts).share()
        covered += abs(value - exact) <= error
        values.append(value)
    assert 180 <= covered <= 198
    # Hutchinson's sd is 0.020 at 16 pairs of the tiny game; this matrix decays as slowly
    assert np.std(values) <= (0.007 if pairs == 20 else 0.003)


def test_products_are_those_that_were_planned() -> None:
    operator = as_operator(decaying(100, 0))
    k, m = pairs_for(20)
    basis = shared_basis(operator, k, seed=0)
    measured_parts(operator, basis, probes(operator, m, seed=1))
    assert operator.products == 2 * 20
    assert basis.shape[1] + m + k == 20


def test_the_directions_kept_are_the_largest() -> None:
    a = decaying(80, 2)
    operator = as_operator(a)
    basis = shared_basis(operator, 15, seed=0)
    parts = measured_parts(operator, basis, probes(operator, 2, seed=1))
    few = compressed(basis, parts, 3)
    assert few.shape == (80, 6)
    assert torch.allclose(few.T @ few, torch.eye(6, dtype=a.dtype), atol=1e-12)
    random = torch.linalg.qr(torch.randn(80, 6, dtype=a.dtype))[0]
    assert float((a @ few).norm()) > 2 * float((a @ random).norm())


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_share_does_not_depend_on_the_scale(scale: float, dtype: torch.dtype) -> None:
    a = decaying(60, 3).to(dtype)
    shares = []
    for matrix in (a, a * scale):
        operator = as_operator(matrix)
        basis = shared_basis(operator, 4, seed=0)
        parts = measured_parts(operator, basis, probes(operator, 8, seed=1))
        shares.append(parts.inner(parts).share()[0])
    assert shares[0] == pytest.approx(shares[1], rel=1e-4)


def test_a_zero_matrix_turns_nowhere() -> None:
    operator = as_operator(torch.zeros(50, 50, dtype=torch.float64))
    basis = shared_basis(operator, 3, seed=0)
    parts = measured_parts(operator, basis, probes(operator, 5, seed=1))
    assert parts.inner(parts).share() == (0.0, 0.0)


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs must be at least 7"):
        pairs_for(6)
    assert pairs_for(7) == (1, 4)
