"""A game is what it says, whichever way it is given; wrong ones are named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import gancheck as gc
from gancheck.games import analytic
from gancheck.games.batch import EarlierPoint
from gancheck.operators import GameJacobian


def _networks(dtype: torch.dtype = torch.float64) -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(1)
    g = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    d = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    return g.to(dtype), d.to(dtype)


def _game(**changes: object) -> gc.Game:
    g, d = _networks()
    options = {
        "loss": "non-saturating",
        "latent": gc.latents.normal(3),
        "data": torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
    }
    return gc.Game(g, d, **{**options, **changes})


def test_a_pair_of_callables_is_the_named_loss() -> None:
    def loss_g(score, real: Tensor, fake: Tensor) -> Tensor:
        del real
        return softplus(-score(fake)).mean()

    def loss_d(score, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-score(real)).mean() + softplus(score(fake)).mean()

    named, own = _game(), _game(loss=(loss_g, loss_d))
    for game in (named, own):
        assert game.sample(20, seed=4).size == 20
    a, b = (GameJacobian(game, game.sample(20, seed=4)).dense() for game in (named, own))
    assert torch.allclose(a, b, rtol=0, atol=1e-14)


def test_a_probability_is_turned_into_its_logit() -> None:
    g, d = _networks()
    ended = nn.Sequential(*d, nn.Sigmoid())
    as_probability = gc.Game(
        g, ended, loss="minimax", latent=gc.latents.normal(3), data=torch.randn(60, 2),
        discriminator_output="probability",
    )  # fmt: skip
    x = torch.randn(7, 2, dtype=torch.float64)
    assert torch.allclose(as_probability.score(x), d(x).reshape(-1), atol=1e-12)


def test_latents_and_data_follow_the_generator_and_are_the_same_draws() -> None:
    double = _game()
    g, d = _networks(torch.float32)
    single = gc.Game(
        g, d, loss="hinge", latent=gc.latents.normal(3), data=np.zeros((50, 2), dtype=np.float32)
    )
    a, b = double.sample(10, seed=2), single.sample(10, seed=2)
    assert (a.latent.dtype, b.latent.dtype) == (torch.float64, torch.float32)
    assert torch.equal(a.latent.float(), b.latent)
    assert b.real.dtype == torch.float32
    assert torch.equal(double.sample(10, seed=2).real, a.real)


def test_labels_come_with_their_rows() -> None:
    rows = torch.arange(60.0, dtype=torch.float64)[:, None].repeat(1, 2)
    game = _game(data=rows, labels=torch.arange(60))
    assert torch.equal(game.draw_real(20, seed=5)[:, 0].long(), game.draw_labels(20, seed=5))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"loss": "no-such-loss"}, "no-such-loss"),
        ({"discriminator_output": "sigmoid"}, "logit"),
        ({"labels": torch.zeros(3)}, r"shape \(60,\)"),
        ({"earlier": EarlierPoint(parameters=torch.zeros(3), name="x")}, r"earlier.*\(3,\)"),
        ({"earlier": EarlierPoint(parameters=torch.full((49,), float("nan")), name="x")}, "NaN"),
        ({"data": torch.zeros(0, 2)}, "."),
        ({"data": torch.full((5, 2), float("nan"))}, "."),
    ],
)
def test_wrong_games_are_named(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _game(**changes)


def test_wrong_sizes_are_named() -> None:
    game = _game()
    with pytest.raises(ValueError, match="at least 1"):
        game.sample(0)
    with pytest.raises(ValueError, match="60"):
        game.sample(61)
    with pytest.raises(ValueError, match="no parameters"):
        gc.Game(nn.Tanh(), nn.Linear(2, 1), loss="minimax", latent=gc.latents.normal(2), data=[])
    patch = gc.Game(
        nn.Linear(3, 2), nn.Linear(2, 4), loss="minimax", latent=gc.latents.normal(3),
        data=torch.zeros(9, 2),
    )  # fmt: skip
    with pytest.raises(ValueError, match="one number a sample"):
        patch.score(torch.zeros(5, 2))


@pytest.mark.parametrize(
    "theta", [torch.zeros(0), torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64)]
)
def test_plain_functions_need_vectors(theta: Tensor) -> None:
    with pytest.raises(ValueError, match="theta_g"):
        gc.Game.from_losses(lambda x, y: (x * y).sum(), lambda x, y: (x * y).sum(), theta, theta)


@pytest.mark.parametrize(
    ("matrix", "split", "says"),
    [
        (torch.zeros(2, 3), 1, "square"),
        (torch.zeros(2, 2), 2, r"1\.\.1"),
        (torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0, 0]]), 2, "symmetric"),
    ],
)
def test_impossible_quadratic_games_are_named(matrix: Tensor, split: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        analytic.linear_quadratic(matrix, split=split)


def test_a_diagnosis_of_plain_functions_saves_a_page(tmp_path) -> None:
    report = gc.diagnose(analytic.planted([(1.0, 2.0), (0.5, 0.1)]))
    page = report.save(tmp_path / "report.html")
    assert page.stat().st_size > 10_000
    assert report["GC002"].verdict is gc.Verdict.sound
    assert report["GC003"].quantities["max_imag"].value == pytest.approx(2.0)
