"""Both ends of a symmetric operator: against planted spectra, a dense solve and ARPACK."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh

from gancheck.operators import Hessian
from gancheck.operators.budget import Budget
from gancheck.operators.krylov_basis import KrylovBasis
from gancheck.operators.lanczos import lanczos, probable_excess, spectral_norm
from gancheck.operators.linear_operator import LinearOperator, OperatorError
from tests.oracles import tiny_game


def diagonal(d: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        len(d), lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=torch.device("cpu")
    )


def dense(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        a.shape[0], lambda v: a @ v, lambda v: a @ v, dtype=a.dtype, device=torch.device("cpu")
    )


def general(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        a.shape[0], lambda v: a @ v, lambda v: a.T @ v, dtype=a.dtype, device=torch.device("cpu")
    )


def symmetric(n: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=rng, dtype=torch.float64)
    return a + a.T


def expected(d: torch.Tensor, *, top: int, bottom: int) -> np.ndarray:
    values = np.sort(d.double().numpy())
    n = len(values)
    return values if top + bottom >= n else np.r_[values[:bottom], values[n - top :]]


REPEATED = [5.0, 5.0, 5.0, 4.0, 4.0, -3.0, -3.0, -3.0]
CLUSTERED = [2.0, 2.0 - 1e-4, 2.0 - 2e-4, 1.9, -1.5, -1.5 + 1e-4, -1.4]


def spectrum(name: str, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    bulk = np.random.default_rng(seed).uniform(-1.0, 1.0, 400)
    ends = {"repeated": REPEATED, "clustered": CLUSTERED}[name]
    return torch.as_tensor(np.r_[bulk, ends], dtype=dtype)


@given(
    n=st.integers(1, 90),
    top=st.integers(0, 6),
    bottom=st.integers(0, 6),
    seed=st.integers(0, 2**16),
)
def test_values_are_those_of_a_dense_solve(n: int, top: int, bottom: int, seed: int) -> None:
    if top + bottom == 0:
        top = 1
    a = symmetric(n, seed)
    pairs = lanczos(dense(a), top=top, bottom=bottom, tol=1e-9, seed=seed)
    truth = torch.linalg.eigvalsh(a)
    # a residual r moves an isolated eigenvalue by r^2 over its gap, and never by more than r
    assert np.abs(pairs.values - expected(truth, top=top, bottom=bottom)).max() <= 1e-7 * n
    assert pairs.converged.all()
    assert pairs.complete == (n <= 60)
    true = a.numpy() @ pairs.vectors - pairs.values * pairs.vectors
    assert np.allclose(np.linalg.norm(true, axis=0), pairs.residuals, atol=1e-12 * n)
    assert np.allclose(pairs.vectors.T @ pairs.vectors, np.eye(len(pairs.values)), atol=1e-10)


@pytest.mark.parametrize(("top", "bottom"), [(4, 0), (0, 4), (3, 5)])
def test_a_basis_filled_many_times_over_finds_what_arpack_finds(top: int, bottom: int) -> None:
    d = torch.linspace(-1.0, 1.0, 1500, dtype=torch.float64) ** 3
    pairs = lanczos(diagonal(d), top=top, bottom=bottom, tol=1e-7, basis=30)
    view = diagonal(d).to_scipy()
    truth = [
        eigsh(view, k=k, which=which, ncv=120, return_eigenvectors=False)
        for k, which in ((bottom, "SA"), (top, "LA"))
        if k
    ]
    assert np.allclose(pairs.values, np.sort(np.concatenate(truth)), rtol=0, atol=1e-10)
    assert pairs.products > 60


@pytest.mark.parametrize("name", ["repeated", "clustered"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [pytest.param(5), pytest.param(50, marks=pytest.mark.slow)])
def test_no_copy_is_missed_and_none_invented(name: str, dtype: torch.dtype, count: int) -> None:
    for seed in range(count):
        d = spectrum(name, seed, dtype)
        top, bottom = (5, 3) if name == "repeated" else (4, 3)
        pairs = lanczos(diagonal(d), top=top, bottom=bottom, seed=seed)
        assert pairs.converged.all()
        # tolerance 1e-3 of each value bounds the residual, hence the value's error
        assert np.allclose(pairs.values, expected(d, top=top, bottom=bottom), rtol=1e-3, atol=0)
        assert np.allclose(
            pairs.vectors.T @ pairs.vectors, np.eye(len(pairs.values)), atol=1e-4
        )  # float32 rounding of a compressed basis


def drawn(seed: int) -> tuple[torch.Tensor, dict]:
    """A spectrum of a kind that breaks searches, and what is asked of it."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(61, 800))
    edge = rng.uniform(1.0, 1.1, 3)
    d = [
        lambda: rng.standard_normal(n),
        lambda: np.sign(rng.standard_normal(n)) * 10.0 ** rng.uniform(-10, 0, n),
        lambda: np.r_[
            np.repeat(rng.uniform(1, 2, 4), rng.integers(1, 9, 4)), rng.uniform(-1, 1, n)
        ],
        lambda: np.r_[rng.uniform(-1, 1, n), -np.repeat(edge, 3), np.repeat(edge, 3)],
        lambda: rng.choice([-2.0, -1.0, 0.0, 1.0, 3.0], n),
        lambda: rng.standard_t(1.5, n),
    ][rng.integers(6)]()
    top = int(rng.integers(0, 9))
    options = {"top": top, "bottom": int(rng.integers(0 if top else 1, 9)), "seed": seed}
    options["tol"] = 10.0 ** rng.uniform(-4, -2)
    return torch.as_tensor(d, dtype=[torch.float32, torch.float64][rng.integers(2)]), options


@pytest.mark.parametrize(
    "seeds", [range(16), pytest.param(range(16, 2000), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_on_spectra_made_to_break_searches_nothing_converged_is_wrong(seeds: range) -> None:
    """With a check of 6 products that trusted what it saw, one in 40 of these was wrong."""
    open_ = 0
    for seed in seeds:
        d, options = drawn(seed)
        pairs = lanczos(diagonal(d), **options)
        truth = expected(d, top=options["top"], bottom=options["bottom"])
        size = np.maximum(np.abs(truth), 0.01 * np.abs(d.double().numpy()).max())
        wrong = np.abs(pairs.values - truth) > options["tol"] * size + 1e-5 * np.abs(truth).max()
        assert not (pairs.converged & wrong).any(), f"seed {seed}"
        open_ += not pairs.converged.all()
    assert open_ <= 0.05 * len(seeds)


def test_the_share_of_an_unseen_eigenvector_is_carried_exactly() -> None:
    """Each row's component along an eigenvector is the start's, times what the recurrence says."""
    d = torch.linspace(-1.0, 2.0, 300, dtype=torch.float64)
    space = KrylovBasis(diagonal(d), 20, seed=3)
    space.watch(np.array([2.0, -1.0]))
    start = space.rows[0, [-1, 0]].numpy().copy()
    for _ in range(3):
        while space.size < 20:
            space.step()
        components = space.rows[:20, [-1, 0]].numpy()
        whole = np.linalg.norm(components, axis=0)
        assert (np.abs(start) * space.seen >= whole * (1 - 1e-6)).all()
        assert np.allclose(components, start * space._shares[:20], atol=1e-8)
        _, y, _ = space.ritz()
        space.compress(y[:, [0, 1, 2, 17, 18, 19]])


def test_without_the_check_the_copies_would_be_missed() -> None:
    """The check is what finds them: in exact arithmetic one Krylov space holds one copy."""
    d = spectrum("repeated", 0)
    space = KrylovBasis(diagonal(d), 60, seed=0)
    copies = np.zeros(2)
    while copies.min() < 1:
        space.step()
        values, _, residuals = space.ritz()
        found = space.scale * values[residuals < 1e-3 * np.abs(values)]
        copies = np.array([np.isclose(found, x, atol=1e-3).sum() for x in (5.0, -3.0)])
    assert copies.tolist() == [1, 1]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_scale_of_the_operator_changes_nothing(scale: float, dtype: torch.dtype) -> None:
    d = spectrum("repeated", 1, dtype) * scale
    pairs = lanczos(diagonal(d), top=5, bottom=3)
    assert pairs.converged.all()
    assert np.allclose(pairs.values / scale, expected(d / scale, top=5, bottom=3), rtol=1e-3)


@pytest.mark.parametrize(
    "d",
    [
        torch.zeros(100),
        torch.ones(100),
        torch.full((100,), -2.0, dtype=torch.float64),
        torch.tensor([3.0]),
        torch.tensor([3.0, -1.0]),
        torch.cat([torch.zeros(500), torch.arange(1.0, 8.0)]),
    ],
    ids=["zero", "identity", "minus two", "one", "two", "rank seven"],
)
def test_degenerate_operators_end_with_exact_values(d: torch.Tensor) -> None:
    pairs = lanczos(diagonal(d), top=3, bottom=3)
    assert pairs.converged.all()
    assert np.allclose(pairs.values, expected(d, top=3, bottom=3), atol=1e-5)  # float32 rounding
    assert pairs.products <= 60


def test_small_eigenvalues_are_resolved_where_that_is_asked_for() -> None:
    d = torch.cat([torch.linspace(1.0, 100.0, 300), torch.tensor([1e-3, 2e-3])]).double()
    loose, strict = (
        lanczos(diagonal(d), top=0, bottom=2, strict=strict) for strict in (False, True)
    )
    assert np.allclose(strict.values, [1e-3, 2e-3], rtol=1e-3)
    assert (strict.residuals <= 1e-3 * strict.values).all()
    assert loose.products < strict.products


def test_a_budget_ends_the_search_and_nothing_is_called_converged() -> None:
    d = torch.linspace(-1.0, 1.0, 2000)
    for limit in (1, 7, 30):
        budget = Budget(products=limit)
        pairs = lanczos(diagonal(d), top=5, bottom=3, budget=budget)
        assert pairs.products == budget.spent <= limit
        assert not pairs.converged.any()
        true = d.numpy()[:, None] * pairs.vectors - pairs.values * pairs.vectors
        # a residual that could not be multiplied is the recurrence's, which rounds apart
        assert np.allclose(np.linalg.norm(true, axis=0), pairs.residuals, atol=1e-5)
    plenty = lanczos(diagonal(d), top=5, bottom=3, budget=Budget(products=1000))
    assert plenty.converged.all()


@pytest.mark.parametrize("seed", range(12))
def test_residuals_are_those_of_a_product_with_each_pair(seed: int) -> None:
    d, options = drawn(seed)
    pairs = lanczos(diagonal(d), **options)
    assert pairs.verified > 0
    true = d.double().numpy()[:, None] * pairs.vectors.astype(float) - pairs.values * pairs.vectors
    rounding = 50.0 * torch.finfo(d.dtype).eps * float(d.abs().max())  # 25 eps seen on 300 of these
    assert np.abs(np.linalg.norm(true, axis=0) - pairs.residuals).max() <= rounding


def test_ten_pairs_are_confirmed_by_fewer_products_than_pairs() -> None:
    for dtype, most in ((torch.float64, 1), (torch.float32, 4)):
        d = torch.cat([torch.linspace(-1.0, 1.0, 500), torch.arange(2.0, 12.0)]).to(dtype)
        pairs = lanczos(diagonal(d), top=10, bottom=0)
        assert pairs.converged.all()
        assert pairs.verified <= most


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("when", [5, 20, 33, 40])
@pytest.mark.parametrize("kind", ["drifts", "lies once", "turns"])
def test_an_operator_that_changes_between_products_is_not_called_converged(
    kind: str, when: int, dtype: torch.dtype
) -> None:
    """Or it is, with values and residuals of the operator that it has become."""
    d = torch.cat([torch.linspace(-1.0, 1.0, 300), torch.arange(2.0, 12.0)]).to(dtype)
    shift = torch.zeros_like(d)
    shift[-10:] = 0.2  # ten to a hundred times the tolerance
    calls = [0]

    def at_call(call: int, v: torch.Tensor) -> torch.Tensor:
        if call > when if kind == "drifts" else call == when and kind == "lies once":
            return (d + shift) * v
        if kind == "turns" and call > when:
            return d * v + 0.1 * torch.roll(v, 1) - 0.1 * torch.roll(v, -1)
        return d * v

    def product(v: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        return at_call(calls[0], v)

    operator = LinearOperator(len(d), product, product, dtype=dtype, device=torch.device("cpu"))
    pairs = lanczos(operator, top=10, bottom=0, tol=1e-3, budget=Budget(products=200))
    x, values = torch.as_tensor(pairs.vectors.copy()), torch.as_tensor(pairs.values)
    last = calls[0] + 1 if kind == "lies once" else calls[0]
    now = torch.stack([at_call(last, v) for v in x.T], dim=1).double() - values * x
    true = np.linalg.norm(now.numpy(), axis=0)
    assert (true[pairs.converged] <= 1.1e-3 * pairs.values[pairs.converged]).all()


def test_a_search_that_cannot_end_is_not_called_converged() -> None:
    d = torch.logspace(-12.0, 0.0, 400, dtype=torch.float64)
    pairs = lanczos(diagonal(d), top=1, bottom=3, tol=1e-10, basis=8, strict=True)
    wrong = np.abs(pairs.values - expected(d, top=1, bottom=3)) > 1e-10
    assert not (pairs.converged & wrong).any()


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_the_ends_of_a_gan_s_hessian_are_those_of_its_matrix(player: str) -> None:
    game = tiny_game()
    hessian = Hessian(game, player, game.sample(64))
    truth = torch.linalg.eigvalsh(hessian.dense())
    for seed in range(3):
        pairs = lanczos(hessian, top=4, bottom=4, tol=1e-6, seed=seed)
        assert pairs.converged.all()
        assert (
            np.abs(pairs.values - expected(truth, top=4, bottom=4)) <= pairs.residuals + 1e-14
        ).all()


def test_a_basis_kept_elsewhere_gives_the_same() -> None:
    d = spectrum("clustered", 2)
    here, there = (lanczos(diagonal(d), basis_device=device) for device in (None, "cpu"))
    assert np.array_equal(here.values, there.values)


def test_a_product_that_is_not_finite_is_one_clear_error() -> None:
    calls = [0]

    def product(v: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        return v * (float("nan") if calls[0] > 5 else 1.0 + torch.arange(len(v)))

    broken = LinearOperator(100, product, product, dtype=torch.float32, device=torch.device("cpu"))
    with pytest.raises(OperatorError, match="not finite"):
        lanczos(broken)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top": 0, "bottom": 0}, ValueError, "top and bottom"),
        ({"top": -1}, ValueError, "top and bottom"),
        ({"basis": 4}, ValueError, "basis must be at least 8"),
        ({"tol": 0.0}, ValueError, "tol must be between"),
        ({"tol": float("nan")}, ValueError, "tol must be between"),
        ({"tol": 1e-6}, ValueError, "float64"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        lanczos(diagonal(torch.linspace(0.0, 1.0, 100)), **options)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_with_the_way_out(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="float32"):
        lanczos(diagonal(torch.ones(10, dtype=dtype)))


@pytest.mark.parametrize("n", [3, 40, 500])
def test_the_spectral_norm_is_numpy_s_and_its_upper_bound_holds(n: int) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        a = torch.as_tensor(rng.standard_normal((n, n)))
        operator = general(a)
        found = spectral_norm(operator, tol=1e-3, seed=seed)
        truth = float(np.linalg.norm(a.numpy(), 2))
        assert found.converged
        assert found.value - 1e-12 * n <= truth <= found.upper + 1e-12 * n
        assert abs(found.value - truth) <= found.error + 1e-12 * n
        assert found.products == operator.products
        assert np.linalg.norm(a.numpy() @ found.vector) == pytest.approx(found.value, rel=1e-6)
    assert spectral_norm(general(torch.zeros(n, n))).value == 0.0


def test_the_bound_with_a_probability_holds_over_random_starts() -> None:
    """The excess over the Ritz value stays below its bound; at chance 1e-3 none of 200 may fail."""
    d = torch.cat([torch.linspace(0.0, 1.0, 999), torch.tensor([1.05])]).double()
    steps = 25
    excess = probable_excess(1000, steps)
    assert excess < 0.1
    for seed in range(200):
        space = KrylovBasis(diagonal(d), steps, seed=seed)
        for _ in range(steps):
            space.step()
        values, _, _ = space.ritz()
        assert 1.05 - space.scale * values[-1] <= excess * 1.05
