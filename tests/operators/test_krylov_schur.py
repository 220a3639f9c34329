"""Outermost eigenvalues against dense solves, closed forms and the cases that break Arnoldi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from gancheck import content
from gancheck.games import analytic
from gancheck.operators import GameJacobian, OperatorError
from gancheck.operators.budget import Budget
from gancheck.operators.conditioning import condition_number
from gancheck.operators.krylov_schur import krylov_schur
from gancheck.operators.linear_operator import LinearOperator

if TYPE_CHECKING:
    from gancheck.operators.outermost import Which

OUTERMOST = {
    "SR": lambda v: float(np.real(v).min()),
    "LR": lambda v: float(np.real(v).max()),
    "LM": lambda v: float(np.abs(v).max()),
    "LI": lambda v: float(np.abs(np.imag(v)).max()),
}


def as_operator(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        a.shape[0], lambda v: a @ v, lambda v: a.T @ v, dtype=a.dtype, device=a.device
    )


def dense_eig(a: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    out: Any = linalg.eig(a.numpy(), left=True)
    return out[0], out[1], out[2]


def random_matrix(n: int, seed: int, *, spread: float = 1.0) -> torch.Tensor:
    """Ginibre with `spread` decades of row scaling: not normal, spectrum in a disc."""
    rng = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=rng, dtype=torch.float64)
    return torch.logspace(0, -spread, n, dtype=torch.float64)[:, None] * a


@pytest.mark.parametrize("which", ["SR", "LR", "LM", "LI"])
@pytest.mark.parametrize(("n", "spread"), [(90, 0.0), (250, 2.0), (450, 1.0)])
def test_the_outermost_eigenvalue_is_that_of_a_dense_solve(
    which: Which, n: int, spread: float
) -> None:
    a = random_matrix(n, seed=n, spread=spread)
    operator = as_operator(a)
    pairs = krylov_schur(operator, which, k=3, tol=1e-8, formed=0)
    truth = OUTERMOST[which](np.linalg.eigvals(a.numpy()))
    scale = float(torch.linalg.matrix_norm(a, 2))
    assert pairs.converged.all()
    # residual 1e-8 times the condition of an outer eigenvalue of these, below 100
    assert OUTERMOST[which](pairs.values) == pytest.approx(truth, abs=1e-6 * scale)
    assert pairs.products == operator.products


@given(seed=st.integers(0, 2**16), n=st.integers(2, 150))
def test_every_residual_is_that_of_the_matrix_and_every_value_lies_near_an_eigenvalue(
    seed: int, n: int
) -> None:
    a = random_matrix(n, seed)
    pairs = krylov_schur(as_operator(a), ("SR", "LR"), k=min(2, n), tol=1e-6, formed=0, seed=seed)
    x = pairs.vectors
    assert np.linalg.norm(x, axis=0) == pytest.approx(1.0)
    true = np.linalg.norm(a.numpy() @ x - pairs.values * x, axis=0)
    scale = float(torch.linalg.matrix_norm(a, 2))
    assert pairs.residuals == pytest.approx(true, abs=1e-12 * scale)
    values, left, right = dense_eig(a)
    kappa = 1.0 / np.abs((left.conj() * right).sum(0)).min()
    gap = np.abs(pairs.values[:, None] - values).min(1)
    assert (gap <= 10 * kappa * (pairs.residuals + 1e-13 * scale)).all()
    turning = pairs.values[np.imag(pairs.values) != 0]
    assert np.allclose(np.sort_complex(turning), np.sort_complex(turning.conj()))


def test_a_search_from_several_sides_costs_less_than_one_for_each() -> None:
    a = random_matrix(500, 3, spread=1.0)
    together = krylov_schur(as_operator(a), ("SR", "LR", "LI"), k=2, tol=1e-6)
    values = np.linalg.eigvals(a.numpy())
    scale = float(torch.linalg.matrix_norm(a, 2))
    for which in ("SR", "LR", "LI"):
        alone = krylov_schur(as_operator(a), which, k=2, tol=1e-6)
        assert OUTERMOST[which](together.values) == pytest.approx(
            OUTERMOST[which](values), abs=1e-5 * scale
        )
        assert alone.products >= 60 or which != "LI"
    apart = sum(krylov_schur(as_operator(a), w, k=2, tol=1e-6).products for w in ("SR", "LR", "LI"))
    assert together.products < apart


@pytest.mark.parametrize("seed", range(12))
def test_a_small_rotation_behind_large_real_eigenvalues_is_not_reported_as_none(seed: int) -> None:
    """The trap: every Ritz value of the first dozens of products is real, with a small residual."""
    rng = torch.Generator().manual_seed(seed)
    n = 600
    real = torch.cat([torch.logspace(2.5, 0, 30), torch.rand(n - 32, generator=rng) * 0.05])
    block = torch.tensor([[0.0, 0.4], [-0.4, 0.0]])
    a = torch.block_diag(torch.diag(real), block).double()
    q = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64))[0]
    a = q @ a @ q.T
    pairs = krylov_schur(as_operator(a), "LI", k=4, tol=1e-3, seed=seed)
    assert OUTERMOST["LI"](pairs.values) == pytest.approx(0.4, abs=1e-6)


def test_no_imaginary_part_is_an_answer_only_after_two_patient_searches() -> None:
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(500, 500, generator=rng, dtype=torch.float64)
    a = a + a.T
    pairs = krylov_schur(as_operator(a), "LI", k=2, tol=1e-2)
    assert OUTERMOST["LI"](pairs.values) <= 1e-7 * float(torch.linalg.matrix_norm(a, 2))
    assert pairs.products >= 2 * 60


@pytest.mark.parametrize("formed", [0, 400])
@pytest.mark.parametrize(
    "matrix",
    [
        torch.zeros(1, 1),
        torch.tensor([[-3.0]]),
        torch.tensor([[0.0, 2.0], [-2.0, 0.0]]),
        torch.zeros(30, 30),
        torch.eye(30) * 4.0,
        torch.diag(torch.ones(19), 1),  # nilpotent: one Jordan block
        torch.diag(torch.ones(19), 1) + 2.0 * torch.eye(20),  # defective
        torch.diag(torch.tensor([1.0] * 20 + [-1.0] * 2)),  # repeated
    ],
    ids=["0", "-3", "turn", "zero", "4I", "nilpotent", "defective", "repeated"],
)
def test_degenerate_matrices_give_their_eigenvalues(matrix: torch.Tensor, formed: int) -> None:
    a = matrix.double()
    n = len(a)
    truth = np.linalg.eigvals(a.numpy())
    # an eigenvalue of a Jordan block of size 20 is defined to eps^(1/20) = 0.17 in float64
    slack = 0.3 if n == 20 else 1e-12
    for which, outermost in OUTERMOST.items():
        pairs = krylov_schur(as_operator(a), which, k=min(2, n), formed=formed)
        assert pairs.complete
        assert pairs.converged.all()
        assert outermost(pairs.values) == pytest.approx(outermost(truth), abs=slack)
        assert len(pairs.values) >= min(2, n)


def test_an_exhausted_krylov_space_has_every_distinct_eigenvalue() -> None:
    rng = torch.Generator().manual_seed(1)
    values = torch.tensor([5.0, 2.0, 1.0, 0.0, -1.0])[torch.randint(0, 5, (700,), generator=rng)]
    q = torch.linalg.qr(torch.randn(700, 700, generator=rng, dtype=torch.float64))[0]
    a = q @ torch.diag(values.double()) @ q.T
    pairs = krylov_schur(as_operator(a), "SR", k=2)
    assert pairs.complete
    assert pairs.values.real.min() == pytest.approx(-1.0, abs=1e-12)
    assert pairs.products < 30


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_answer_scales_with_the_matrix(scale: float, dtype: torch.dtype) -> None:
    a = random_matrix(120, 5, spread=1.5).to(dtype)
    one = krylov_schur(as_operator(a), "SR", k=2, formed=0)
    other = krylov_schur(as_operator(a * scale), "SR", k=2, formed=0)
    assert other.converged.all()
    assert other.values.real.min() / scale == pytest.approx(one.values.real.min(), rel=1e-3)


def test_a_product_that_is_not_finite_is_one_clear_error() -> None:
    def broken(v: torch.Tensor) -> torch.Tensor:
        return v * float("nan")

    for n in (5, 500):
        operator = LinearOperator(
            n, broken, broken, dtype=torch.float64, device=torch.device("cpu")
        )
        with pytest.raises(OperatorError, match="not finite"):
            krylov_schur(operator, "SR", k=1)


def test_a_budget_that_ends_leaves_what_there_is_and_says_that_it_has_not_converged() -> None:
    a = random_matrix(500, 0)
    for products in (1, 20, 40, 100):
        budget = Budget(products=products)
        operator = as_operator(a)
        pairs = krylov_schur(operator, "SR", k=3, tol=1e-8, budget=budget)
        assert operator.products == pairs.products == budget.spent <= products
        assert not pairs.converged.any()
    late = Budget(seconds=1e-9)
    assert len(krylov_schur(as_operator(a), "SR", budget=late).values) == 0


def test_what_is_flagged_converged_is_within_its_tolerance_in_both_precisions() -> None:
    for seed in range(10):
        a = random_matrix(450, seed, spread=2.0)
        for dtype, tol in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
            pairs = krylov_schur(as_operator(a.to(dtype)), "LM", k=4, tol=tol, seed=seed)
            x, scale = pairs.vectors, np.abs(pairs.values)
            true = np.linalg.norm(a.numpy() @ x - pairs.values * x, axis=0)
            assert pairs.converged.all()
            assert (true <= 1.5 * tol * scale).all()


def test_the_condition_number_is_that_of_the_dense_left_and_right_vectors() -> None:
    a = random_matrix(420, 2, spread=2.0)
    values, left, right = dense_eig(a)
    pairs = krylov_schur(as_operator(a), "LM", k=3, tol=1e-9)
    x, value = pairs.vectors[:, -1], complex(pairs.values[-1])
    kappa, y = condition_number(as_operator(a), value, x, which="LM", tol=1e-8)
    at = int(np.argmin(np.abs(values - value)))
    assert kappa == pytest.approx(1.0 / abs(np.vdot(left[:, at], right[:, at])), rel=1e-4)
    assert np.linalg.norm(a.numpy().T @ y - np.conj(value) * y) < 1e-5


def test_the_condition_of_a_defective_eigenvalue_is_beyond_use() -> None:
    a = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    pairs = krylov_schur(as_operator(a), "SR", k=1)
    kappa, _ = condition_number(as_operator(a), 1.0, pairs.vectors[:, 0], k=1)
    assert kappa > 1e7


@pytest.mark.parametrize(("kind", "gamma"), [("minimax", 1.0), ("r1", 0.5), ("r1", 3.0)])
def test_the_dirac_gan_has_the_eigenvalues_that_its_theorem_derives(
    kind: analytic.DiracKind, gamma: float
) -> None:
    assert "dirac-gan-eigenvalues" in content.theorems()
    game = analytic.dirac(kind, gamma=gamma)
    found = krylov_schur(GameJacobian(game, game.sample(1)), "LI", k=2).values
    g = gamma if kind == "r1" else 0.0
    root = np.sqrt(complex(g * g / 4 - 0.25))  # f'(0)^2 = 1/4
    assert np.sort_complex(found) == pytest.approx(np.sort_complex([g / 2 - root, g / 2 + root]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"which": "SM"}, "which must be"),
        ({"which": ()}, "which must be"),
        ({"k": 0}, r"k must be in 1\.\.30"),
        ({"k": 31}, r"k must be in 1\.\.30"),
        ({"basis": 2}, "basis"),
        ({"tol": 0.0}, "tol must be"),
        ({"tol": 1e-6}, "float64"),
        ({"tol": float("nan")}, "tol must be"),
        ({"start": np.zeros(30)}, "start"),
        ({"start": np.ones(29)}, "start"),
        ({"start": np.full(30, np.nan)}, "start"),
    ],
)
def test_bad_arguments_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        krylov_schur(as_operator(torch.eye(30)), **options)


def test_half_precision_is_refused() -> None:
    with pytest.raises(TypeError, match="float32 or float64"):
        krylov_schur(as_operator(torch.eye(3, dtype=torch.bfloat16)), "SR", k=1)


@pytest.mark.slow
@given(seed=st.integers(0, 2**20))
def test_nothing_outermost_is_missed_while_flagged_converged(seed: int) -> None:
    """Full count: random non-normal matrices with a random spectrum of clusters."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(420, 500))
    real = rng.choice([0.0, 1.0, 5.0, -0.3], n) + rng.choice([0.0, 1e-3, 1.0], n) * rng.random(n)
    a = np.diag(real) + rng.random() * rng.standard_normal((n, n)) / n**0.5
    truth = np.linalg.eigvals(a)
    for which in ("SR", "LR", "LM"):
        pairs = krylov_schur(as_operator(torch.as_tensor(a)), which, k=2, tol=1e-5, seed=seed)
        if pairs.converged.all():
            assert OUTERMOST[which](pairs.values) == pytest.approx(
                OUTERMOST[which](truth), abs=1e-2 * np.abs(truth).max()
            )
