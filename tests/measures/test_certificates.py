"""What a certificate claims is true of the dense matrix, and what it cannot know it does not claim."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancheck.measures.certificates import growing, inertia, lower_end
from gancheck.operators.budget import Budget
from gancheck.operators.linear_operator import LinearOperator


def as_operator(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        a.shape[0], lambda v: a @ v, lambda v: a.T @ v, dtype=a.dtype, device=a.device
    )


@given(seed=st.integers(0, 2**16), n=st.integers(1, 40), shear=st.floats(0.0, 3.0))
def test_a_proved_inertia_is_that_of_the_dense_eigenvalues(seed: int, n: int, shear: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n)) + np.triu(rng.standard_normal((n, n)), 1) * 10**shear
    found = inertia(a)
    values, vectors = np.linalg.eig(a)
    sure = np.linalg.cond(vectors) * np.finfo(float).eps * np.linalg.norm(a, 2) * 10
    if found is not None and np.abs(values.real).min() > sure:
        assert (found.positive, found.negative) == (
            (values.real > 0).sum(),
            (values.real < 0).sum(),
        )
    if shear < 0.5 and np.abs(values.real).min() > 1e-3:
        assert found is not None


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((3, 3)),
        np.array([[0.0, 1.0], [-1.0, 0.0]]),  # on the axis
        np.diag([1.0, 1e-17]),
        np.array([[1.0, 1e9], [0.0, 1e-9]]),  # a perturbation of 1e-18 moves it across
        np.full((2, 2), np.nan),
    ],
    ids=["zero", "axis", "tiny", "sheared", "nan"],
)
def test_nothing_is_proved_where_rounding_could_change_it(matrix: np.ndarray) -> None:
    assert inertia(matrix) is None


def test_a_pair_s_error_covers_its_distance_from_the_eigenvalue() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = 30
        a = rng.standard_normal((n, n)) + np.triu(rng.standard_normal((n, n)), 1) * 5
        values, right = np.linalg.eig(a)
        left = np.linalg.inv(right).conj().T
        at = int(np.argmin(values.real))
        blur = 10.0 ** -rng.uniform(6, 12)
        x, y = (
            v[:, at] / np.linalg.norm(v[:, at]) + blur * rng.standard_normal(n)
            for v in (right, left)
        )
        pair = growing(as_operator(torch.as_tensor(a)), x, y, norm=float(np.linalg.norm(a, 2)))
        assert abs(pair.value - values[at]) <= pair.error
        assert pair.error <= 1e3 * pair.condition * (blur + 1e-14) * n


def test_vectors_that_do_not_belong_together_certify_nothing() -> None:
    pair = growing(
        as_operator(torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))),
        np.array([1.0, 0.0]),
        np.array([0.0, 1.0]),
        norm=1.0,
    )
    assert pair.error == float("inf")


@pytest.mark.parametrize("low", [2.0, 0.1, 0.0, -0.01])
def test_the_certified_bound_lies_below_the_smallest_eigenvalue(low: float) -> None:
    """Level 1 %: of 30 random starts one may be wrong, and the bound is far from tight."""
    n = 200
    d = torch.cat([torch.linspace(1.0, 3.0, n - 1), torch.tensor([low])]).double()
    diagonal = LinearOperator(n, lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=d.device)
    wrong = claimed = 0
    for seed in range(30):
        end = lower_end(diagonal, eta=0.01, seed=seed)
        wrong += end.bound > float(d.min())
        claimed += end.bound > 0.0
        assert end.low >= float(d.min()) - 1e-12
    assert wrong <= 1
    assert claimed == 0 if low <= 0.0 else claimed >= 29


def test_more_steps_are_run_where_converged_is_not_yet_certain() -> None:
    d = torch.linspace(0.05, 10.0, 3000, dtype=torch.float64)
    operator = LinearOperator(
        3000, lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=d.device
    )
    end = lower_end(operator, eta=1e-6, tol=0.2)
    assert 0 < end.converged_at < end.needed <= end.steps
    assert 0.0 < end.bound <= 0.05
    assert end.residual < 0.1


def test_a_full_basis_is_exact_and_a_spent_budget_gives_what_there_is() -> None:
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(20, 20, generator=rng, dtype=torch.float64)
    a = a @ a.T
    end = lower_end(as_operator(a), eta=1e-3)
    assert end.complete
    assert end.bound == pytest.approx(float(torch.linalg.eigvalsh(a)[0]), rel=1e-9)
    big = torch.diag(torch.linspace(1.0, 2.0, 500, dtype=torch.float64))
    budget = Budget(products=7)
    short = lower_end(as_operator(big), eta=1e-3, budget=budget)
    assert short.steps == 6
    assert budget.spent == 7
    assert short.bound <= 1.0
    assert lower_end(as_operator(big), eta=1e-3, budget=Budget(products=1)) is None
