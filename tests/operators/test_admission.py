"""The probes let right games in and keep wrong ones out, each for its own reason."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.operators import OperatorError
from gancheck.operators.admission import admit_game
from tests.oracles import tiny_game


def game_with(layer: nn.Module, dtype: torch.dtype = torch.float32) -> Game:
    torch.manual_seed(0)
    return Game(
        nn.Linear(2, 3).to(dtype),
        nn.Sequential(nn.Linear(3, 4), layer, nn.Linear(4, 1)).to(dtype),
        loss="non-saturating",
        latent=latents.normal(2),
        data=torch.randn(60, 3),
    )


@pytest.mark.parametrize(
    "layer",
    [nn.Tanh(), nn.ReLU(), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.GroupNorm(2, 4)],
    ids=lambda m: type(m).__name__,
)
def test_ordinary_layers_are_let_in(layer: nn.Module) -> None:
    game = game_with(layer)
    found = admit_game(game, game.sample(32))
    assert found.repeats == 0.0
    assert found.symmetry <= 1e-5
    assert found.difference is not None
    assert found.difference <= 1e-6
    assert not found.notes


def test_analytic_games_are_let_in() -> None:
    for game in (analytic.dirac(), analytic.bilinear(), tiny_game(norm=True)):
        assert admit_game(game, game.sample(4)).difference <= 1e-6


class _Noisy(nn.Module):
    count = itertools.count()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1.0 + 0.01 * next(self.count))


def test_a_forward_pass_that_does_not_repeat_is_refused() -> None:
    game = game_with(_Noisy())
    with pytest.raises(OperatorError, match=r"does not repeat"):
        admit_game(game, game.sample(8))


class _Square(torch.autograd.Function):
    """x^2, whose gradient is right and whose second derivative is half of what it should be."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x + x.detach())


class _Wrong(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Square.apply(x)


def test_a_symmetric_but_wrong_second_derivative_is_refused() -> None:
    # Elementwise, so the Hessian stays symmetric and no symmetry probe can see it.
    game = game_with(_Wrong())
    with pytest.raises(OperatorError, match=r"off a difference of the gradients by"):
        admit_game(game, game.sample(8))


class _SingleOnly(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ torch.eye(4)


class _Uncopied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.held = torch.ones(4, requires_grad=True) * 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.held.detach()


@pytest.mark.parametrize(
    ("layer", "reason"), [(_SingleOnly(), "no float64"), (_Uncopied(), "cannot be copied")]
)
def test_what_cannot_be_probed_in_float64_is_said(layer: nn.Module, reason: str) -> None:
    game = game_with(layer)
    found = admit_game(game, game.sample(8))
    assert found.difference is None
    assert reason in found.notes[0]
    assert found.as_provenance()["notes"] == list(found.notes)
