"""XTrace against traces that are known, its interval against how often it holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancheck.operators.budget import Budget
from gancheck.operators.lanczos import lanczos
from gancheck.operators.linear_operator import LinearOperator, OperatorError
from gancheck.operators.trace import trace


def operator(a: np.ndarray, dtype: torch.dtype = torch.float64) -> LinearOperator:
    matrix = torch.as_tensor(a, dtype=dtype)
    return LinearOperator(
        len(a),
        lambda v: matrix @ v,
        lambda v: matrix.T @ v,
        dtype=dtype,
        device=torch.device("cpu"),
    )


def matrix(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    n = 200
    if name == "general":
        return rng.standard_normal((n, n))
    values = {
        "few large": np.r_[30.0, 12.0, -9.0, 0.01 * rng.standard_normal(n - 3)],
        "slow decay": 1.0 / np.sqrt(np.arange(1.0, n + 1)),
        "both signs": rng.standard_normal(n),
    }[name]
    turn, _ = np.linalg.qr(rng.standard_normal((n, n)))
    return turn * values @ turn.T


@pytest.mark.parametrize("name", ["few large", "slow decay", "both signs", "general"])
@pytest.mark.parametrize("repeats", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_the_interval_holds_the_trace_as_often_as_it_says(name: str, repeats: int) -> None:
    a = matrix(name)
    found = [trace(operator(a), products=30, seed=seed) for seed in range(repeats)]
    inside = sum(abs(e.value - np.trace(a)) <= e.error for e in found)
    # 95 % is meant, 90 to 99 % is held to, with two binomial errors of slack for the repeats
    assert inside >= 0.90 * repeats - 2 * np.sqrt(0.09 * repeats)
    assert inside <= 0.99 * repeats + 2 * np.sqrt(0.0099 * repeats)
    values = np.array([e.value for e in found])
    # unbiased: the mean over repeats within four of its standard errors
    assert abs(values.mean() - np.trace(a)) <= 4 * values.std(ddof=1) / np.sqrt(repeats)


def test_it_is_far_better_than_hutchinson_where_few_eigenvalues_are_large() -> None:
    a = matrix("few large")
    errors = [trace(operator(a), products=30, seed=s).value - np.trace(a) for s in range(40)]
    rng = np.random.default_rng(1)
    plain = []
    for _ in range(40):
        w = rng.choice([-1.0, 1.0], (30, len(a)))
        plain.append(((w @ a) * w).sum(1).mean() - np.trace(a))
    assert np.std(errors) < 0.05 * np.std(plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [0, 1, 5])
def test_a_range_that_fits_the_sketch_gives_the_trace_itself(dtype: torch.dtype, rank: int) -> None:
    rng = np.random.default_rng(2)
    left, right = rng.standard_normal((2, 300, max(rank, 1)))
    a = left @ right.T * (rank > 0)
    found = trace(operator(a, dtype), products=30)
    scale = np.abs(left * right).sum()
    assert abs(found.value - np.trace(a)) <= found.error <= 1e-3 * scale
    assert found.products <= 15 + rank


@pytest.mark.parametrize("n", [1, 3, 29])
def test_a_matrix_smaller_than_the_products_is_summed(n: int) -> None:
    a = np.random.default_rng(n).standard_normal((n, n))
    found = trace(operator(a), products=30)
    assert found.value == pytest.approx(np.trace(a), abs=1e-12)
    assert found.products == n


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scale_changes_nothing(scale: float) -> None:
    a = matrix("both signs")
    one = trace(operator(a, torch.float32))
    other = trace(operator(a * scale, torch.float32))
    assert other.value == pytest.approx(one.value * scale, rel=1e-3)
    assert other.error == pytest.approx(one.error * scale, rel=1e-2)


def test_a_budget_is_kept() -> None:
    budget = Budget(products=11)
    found = trace(operator(matrix("general")), products=30, budget=budget)
    assert found.products == budget.spent == 10
    with pytest.raises(ValueError, match="at least 4"):
        trace(operator(matrix("general")), budget=budget)
    with pytest.raises(ValueError, match="at least 4"):
        trace(operator(matrix("general")), products=2)


def test_a_product_that_is_not_finite_is_one_clear_error() -> None:
    with pytest.raises(OperatorError, match="not finite"):
        trace(operator(np.full((100, 100), np.nan)))


def test_known_pairs_are_taken_out_and_make_the_rest_sharper() -> None:
    a = matrix("both signs")
    known = lanczos(operator(a), top=15, bottom=15, tol=1e-2)
    errors = []
    for seed in range(20):
        found = trace(operator(a), known=known, seed=seed)
        assert abs(found.value - np.trace(a)) <= 2 * found.error
        errors.append([found.error, trace(operator(a), seed=seed).error])
    deflated, plain = np.mean(errors, axis=0)
    assert deflated < 0.8 * plain
