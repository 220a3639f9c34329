"""The products are those of the matrix: against autograd Hessians, differences, closed forms."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.operators import GameJacobian, Hessian, OperatorError
from gancheck.operators.linear_operator import LinearOperator, admit
from tests.oracles import jacobian_by_autograd, jacobian_by_differences, tiny_game


@pytest.mark.parametrize("norm", [False, True])
def test_products_equal_a_dense_jacobian_to_1e_12(norm: bool) -> None:
    game = tiny_game(norm=norm)
    batch = game.sample(32, seed=1)
    jacobian = GameJacobian(game, batch)
    truth = jacobian_by_autograd(game, batch)
    scale = float(truth.abs().max())
    assert float((jacobian.dense() - truth).abs().max()) <= 1e-12 * scale
    rng = torch.Generator().manual_seed(0)
    v = torch.randn(truth.shape[0], generator=rng, dtype=torch.float64)
    assert torch.allclose(jacobian.rmatvec(v), truth.T @ v, rtol=0, atol=1e-12 * scale * 100)
    assert torch.allclose(jacobian.symmetric.matvec(v), 0.5 * (truth + truth.T) @ v, atol=1e-11)
    assert torch.allclose(jacobian.antisymmetric.matvec(v), 0.5 * (truth - truth.T) @ v, atol=1e-11)
    assert torch.allclose(jacobian.antisymmetric.rmatvec(v), -jacobian.antisymmetric.matvec(v))


@pytest.mark.parametrize("norm", [False, True])
def test_products_agree_with_differences_of_a_field_written_by_hand(norm: bool) -> None:
    game = tiny_game(norm=norm)
    batch = game.sample(32, seed=1)
    # central differences of step 1e-6 in float64 carry about eps/step = 2e-10, times the scale
    assert torch.allclose(
        GameJacobian(game, batch).dense(), jacobian_by_differences(game, batch), atol=1e-7
    )


def test_the_hessian_is_the_players_diagonal_block() -> None:
    game = tiny_game()
    batch = game.sample(32, seed=2)
    j = jacobian_by_autograd(game, batch)
    split = game.sizes()[0]
    for player, block in (("generator", j[:split, :split]), ("discriminator", j[split:, split:])):
        assert torch.allclose(Hessian(game, player, batch).dense(), block, rtol=0, atol=1e-12)


def test_who_is_no_player_is_told_in_a_line_also_where_arguments_are_swapped() -> None:
    game = tiny_game()
    batch = game.sample(32, seed=2)
    for wrong, told in (("both", "'both'"), (batch, "a Batch")):
        with pytest.raises(ValueError, match=rf"'discriminator', got {told}$"):
            Hessian(game, wrong, batch)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["spectral", "old_spectral", "grid", "layer", "dropout"])
def test_operations_that_break_other_tools_have_symmetric_and_right_products(kind: str) -> None:
    torch.manual_seed(0)
    if kind == "spectral":
        first: nn.Module = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 5))
    elif kind == "old_spectral":
        first = nn.utils.spectral_norm(nn.Linear(2, 5))
    elif kind == "grid":
        first = _Sampled()
    elif kind == "layer":
        first = nn.Sequential(nn.Linear(2, 5), nn.LayerNorm(5))
    else:
        first = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.5))
    game = Game(
        nn.Linear(3, 2).double(),
        nn.Sequential(first, nn.Tanh(), nn.Linear(5, 1)).double(),
        loss="minimax",
        latent=latents.normal(3),
        data=torch.randn(50, 2, dtype=torch.float64),
    )
    batch = game.sample(20)
    h = Hessian(game, "discriminator", batch)
    dense = h.dense()
    assert torch.allclose(dense, dense.T, atol=1e-12)
    theta_g, theta_d = game.snapshot()
    v = torch.randn(h.shape[0], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = 1e-5
    moved = []
    for sign in (1.0, -1.0):
        shifted = [
            (p + sign * step * u).detach().requires_grad_()
            for p, u in zip(theta_d, h.parts(v), strict=True)
        ]
        loss = game.losses(theta_g, shifted, batch)[1]
        moved.append(torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, shifted)]))
    difference = (moved[0] - moved[1]) / (2 * step)
    assert torch.allclose(h.matvec(v), difference, atol=1e-8) or kind.endswith("spectral")
    if kind.endswith("spectral"):
        # u, v of a spectral norm are constants to autograd: the product is that of W/(u'Wv),
        # so it is symmetric but not the derivative of the re-converged norm.
        assert torch.isfinite(h.matvec(v)).all()


class _Sampled(nn.Module):
    """A discriminator stem that looks at its input through grid_sample."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = nn.Linear(2, 2)
        self.out = nn.Linear(1, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image = (x[:, :1, None, None] * torch.arange(9.0, dtype=x.dtype).reshape(1, 1, 3, 3)).sin()
        at = torch.tanh(self.grid(x))[:, None, None, :] * 0.8
        seen = nn.functional.grid_sample(image, at, align_corners=True)
        return self.out(seen.reshape(len(x), 1))


def test_an_operator_is_a_snapshot() -> None:
    game = tiny_game()
    batch = game.sample(16)
    jacobian = GameJacobian(game, batch)
    v = torch.ones(jacobian.shape[0], dtype=torch.float64)
    before = jacobian.matvec(v)
    with torch.no_grad():
        for player in ("generator", "discriminator"):
            for p in game.parameters(player):
                p.add_(1.0)
    assert torch.equal(jacobian.matvec(v), before)


@pytest.mark.parametrize("norm", [False, True])
def test_building_operators_leaves_the_modules_bit_identical(norm: bool) -> None:
    game = tiny_game(norm=norm)
    game.parameters("generator")[0].grad = torch.ones_like(game.parameters("generator")[0])
    states = {k: copy.deepcopy(m.state_dict()) for k, m in game.modules.items()}
    random = torch.random.get_rng_state()
    GameJacobian(game, game.sample(16))
    for k, m in game.modules.items():
        assert m.training
        assert all(torch.equal(m.state_dict()[n], t) for n, t in states[k].items())
    assert torch.equal(random, torch.random.get_rng_state())
    assert torch.equal(
        game.parameters("generator")[0].grad, torch.ones_like(game.parameters("generator")[0])
    )


@given(a=st.floats(-3, 3), b=st.floats(-3, 3), c=st.floats(-3, 3), seed=st.integers(0, 1000))
def test_a_planted_spectrum_comes_back(a: float, b: float, c: float, seed: int) -> None:
    game = analytic.planted([(a, b), (c, 0.5), (1.0, 0.0)], seed=seed)
    values = torch.linalg.eigvals(GameJacobian(game, game.sample(1)).dense())
    truth = torch.tensor(
        [complex(x, s * y) for x, y in ((a, b), (c, 0.5), (1.0, 0.0)) for s in (1, -1)],
        dtype=torch.complex128,
    )
    gap = (values[:, None] - truth).abs()
    # double eigenvalues (b = 0, or equal pairs) are known to the root of rounding
    assert float(gap.amin(0).max()) < 1e-6
    assert float(gap.amin(1).max()) < 1e-6


def test_asymmetric_products_are_refused() -> None:
    with pytest.raises(OperatorError, match="symmetry probe"):
        admit(1e-2, torch.float64, "this matrix")
    with pytest.raises(OperatorError):
        admit(float("nan"), torch.float64, "this matrix")


class _WrongSecond(torch.autograd.Function):
    """x^3 with a right derivative whose own derivative forgets a term: what a faulty kernel does."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return _WrongFirst.apply(g, x)


class _WrongFirst(torch.autograd.Function):
    @staticmethod
    def forward(ctx, g, x):
        ctx.save_for_backward(g, x)
        return 3 * x**2 * g

    @staticmethod
    def backward(ctx, h):
        g, x = ctx.saved_tensors
        return 3 * x**2 * h, 6 * x * g * h.roll(1, 0)


class _Faulty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _WrongSecond.apply(self.a(x))


def test_an_operation_with_a_wrong_second_derivative_is_caught_at_run_time() -> None:
    game = Game(
        nn.Linear(3, 2).double(),
        _Faulty().double(),
        loss="minimax",
        latent=latents.normal(3),
        data=torch.randn(50, 2, dtype=torch.float64),
    )
    with pytest.raises(OperatorError, match="discriminator's Hessian fails its symmetry probe"):
        Hessian(game, "discriminator", game.sample(20))


def test_a_network_that_is_not_finite_says_whose() -> None:
    game = tiny_game()
    with torch.no_grad():
        game.parameters("discriminator")[0].fill_(float("nan"))
    with pytest.raises(ValueError, match="discriminator's output must be finite"):
        Hessian(game, "generator", game.sample(8))


def test_bad_vectors_are_refused() -> None:
    game = analytic.bilinear()
    jacobian = GameJacobian(game, game.sample(1))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        jacobian.matvec(torch.ones(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="finite"):
        jacobian.matvec(torch.tensor([1.0, float("nan")], dtype=torch.float64))
    with pytest.raises(ValueError, match="player"):
        Hessian(game, "critic", game.sample(1))


def test_a_matrix_too_large_to_form_says_so() -> None:
    big = LinearOperator(
        20_000, lambda v: v, lambda v: v, dtype=torch.float32, device=torch.device("cpu")
    )
    with pytest.raises(ValueError, match="dense"):
        big.dense()


def test_scipy_sees_the_same_operator() -> None:
    game = tiny_game()
    jacobian = GameJacobian(game, game.sample(16))
    view = jacobian.to_scipy()
    v = torch.randn(
        jacobian.shape[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    assert torch.equal(torch.as_tensor(view.matvec(v.numpy())), jacobian.matvec(v))
    assert torch.equal(torch.as_tensor(view.rmatvec(v.numpy())), jacobian.rmatvec(v))
