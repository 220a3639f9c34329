"""Parts of a batch give the matrix of the whole, or are refused; blocks are blocks of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.operators import GameJacobian, Hessian, OperatorError
from tests.oracles import jacobian_by_autograd, tiny_game


def plain_game(loss: str = "wgan-gp") -> Game:
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    return Game(
        nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)).double(),
        nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double(),
        loss=loss,
        latent=latents.normal(2),
        data=torch.randn(90, 2, generator=rng, dtype=torch.float64),
    )


@pytest.mark.parametrize(("loss", "limit"), [("non-saturating", 20_000), ("wgan-gp", 40_000)])
def test_parts_with_unequal_sizes_give_the_matrix_of_the_whole_batch(loss: str, limit: int) -> None:
    game = plain_game(loss)
    batch = game.sample(61, seed=3)
    whole, parted = GameJacobian(game, batch), GameJacobian(game, batch, max_memory=limit)
    assert parted._graphs.chunks > 4
    assert 1 <= parted._graphs.stored < parted._graphs.chunks
    assert torch.allclose(parted.dense(), whole.dense(), rtol=0, atol=1e-12)
    v = torch.randn(whole.shape[0], generator=torch.Generator().manual_seed(1)).double()
    assert torch.allclose(parted.rmatvec(v), whole.rmatvec(v), rtol=0, atol=1e-12)
    assert torch.allclose(parted.field, whole.field, rtol=0, atol=1e-13)
    assert parted.losses == pytest.approx(whole.losses, rel=1e-12)
    one, many = (
        Hessian(game, "discriminator", batch, max_memory=m).matmat(torch.eye(17).double())
        for m in (None, limit)
    )
    assert torch.allclose(one, many, rtol=0, atol=1e-12)


def test_a_batch_that_fits_is_not_cut_even_where_it_could_not_be() -> None:
    game = tiny_game(norm=True)
    assert Hessian(game, "generator", game.sample(32), max_memory=10**8)._graphs.chunks == 1


def test_batch_norm_on_batch_statistics_is_never_cut() -> None:
    game = tiny_game(norm=True)
    with pytest.raises(
        ValueError, match=r"generator has batch norm on the statistics of the batch"
    ):
        Hessian(game, "generator", game.sample(64), max_memory=10_000)


def test_a_loss_of_the_users_own_is_not_cut() -> None:
    game = Game(
        nn.Linear(2, 2).double(),
        nn.Linear(2, 1).double(),
        loss=(
            lambda score, real, fake: -(score(fake).mean() ** 2),
            lambda score, real, fake: score(fake).mean() - score(real).mean(),
        ),
        latent=latents.normal(2),
        data=torch.randn(90, 2, dtype=torch.float64),
    )
    with pytest.raises(ValueError, match=r"custom loss need not be a mean over samples"):
        GameJacobian(game, game.sample(64), max_memory=3000)


def test_a_limit_below_one_sample_says_what_is_needed() -> None:
    game = plain_game()
    with pytest.raises(ValueError, match=r"max_memory must hold 4 graphs of a sample, .* bytes"):
        Hessian(game, "generator", game.sample(8), max_memory=100)


def test_blocks_are_blocks_of_the_dense_jacobian() -> None:
    game = tiny_game()
    batch = game.sample(32, seed=1)
    truth, split = jacobian_by_autograd(game, batch), game.sizes()[0]
    jacobian = GameJacobian(game, batch)
    for rows, columns, r, c in (
        ("G", "D", slice(0, split), slice(split, None)),
        ("D", "G", slice(split, None), slice(0, split)),
        ("G.0", "*", slice(0, 24), slice(None)),
        (["G.2.bias", "D.0.weight"], "D", slice(split - 2, split + 10), slice(split, None)),
    ):
        block = jacobian.block(rows, columns)
        assert torch.allclose(block.dense(), truth[r, c], rtol=0, atol=1e-12)
        assert torch.allclose(block.transposed.dense(), truth[r, c].T, rtol=0, atol=1e-12)
    layer = Hessian(game, "generator", batch).block("2")
    assert torch.allclose(layer.dense(), truth[24:split, 24:split], rtol=0, atol=1e-12)


def test_an_unknown_parameter_is_named_with_those_there_are() -> None:
    game = tiny_game()
    with pytest.raises(ValueError, match=r"'block1'; there are 0\.weight, 0\.bias"):
        Hessian(game, "generator", game.sample(4)).block("block1")


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 2.0 * ctx.saved_tensors[0] * g


class _Squared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Once.apply(self.linear(x))


def test_an_operation_without_a_second_derivative_is_refused_by_its_name() -> None:
    # torch itself gives a zero second derivative here, without a word.
    game = Game(
        nn.Linear(2, 2), _Squared(), loss="wgan", latent=latents.normal(2), data=torch.randn(9, 2)
    )
    for build in (
        lambda: GameJacobian(game, game.sample(4)),
        lambda: Hessian(game, "generator", game.sample(4)),
    ):
        with pytest.raises(OperatorError, match=r"_Once is marked once_differentiable"):
            build()


def test_half_precision_is_refused_with_the_way_out() -> None:
    game = Game(
        nn.Linear(2, 2).bfloat16(),
        nn.Linear(2, 1).bfloat16(),
        loss="wgan",
        latent=latents.normal(2),
        data=torch.randn(9, 2),
    )
    with pytest.raises(ValueError, match=r"in bfloat16, .*\.float\(\) or \.double\(\)"):
        Hessian(game, "generator", game.sample(4))


class _Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.out = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.reshape(len(x), 2, 4)
        seen, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.out(seen.mean(1))


def test_attention_goes_through_the_math_backend_and_says_so() -> None:
    torch.manual_seed(0)
    game = Game(
        nn.Linear(2, 8).double(),
        _Attends().double(),
        loss="non-saturating",
        latent=latents.normal(2),
        data=torch.randn(30, 8, dtype=torch.float64),
    )
    jacobian = GameJacobian(game, game.sample(6))
    assert jacobian.symmetry_defect <= 1e-12
    assert game.semantics()["discriminator"] == ["attention on the math backend"]
