"""Which function a network is can be chosen, is held in every pass, and leaves the module alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancheck.games import latents
from gancheck.games.game import Game


def game_with(discriminator: nn.Module, **choices: object) -> Game:
    return Game(
        nn.Linear(2, 3).double(),
        discriminator.double(),
        loss="minimax",
        latent=latents.normal(2),
        data=torch.randn(30, 3, dtype=torch.float64),
        **choices,
    )


def normalised() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    for _ in range(5):  # running statistics that differ from any batch's
        net(3.0 + torch.randn(20, 3, dtype=torch.float64))
    return net


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_follows_the_choice_whatever_the_flag_says(training: bool) -> None:
    net = normalised().train(training)
    x = torch.randn(8, 3, dtype=torch.float64)
    kept = {k: v.clone() for k, v in net.state_dict().items()}
    scores = {
        mode: game_with(net, batch_norm=mode).score(x) for mode in ("as-set", "batch", "running")
    }
    assert torch.equal(scores["as-set"], scores["batch" if training else "running"])
    assert not torch.allclose(scores["batch"], scores["running"])
    net.eval()
    assert torch.equal(scores["running"], net(x).squeeze(1))
    net.train(training)
    assert net[1].training is training
    assert all(torch.equal(v, kept[k]) for k, v in net.state_dict().items())


def test_running_statistics_that_are_not_kept_cannot_be_chosen() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(ValueError, match=r"needs running statistics, and 1 keeps none"):
        game_with(net, batch_norm="running")
    with pytest.raises(ValueError, match=r"one of as-set, batch, running, got 'eval'"):
        game_with(net, batch_norm="eval")


@pytest.mark.parametrize("old", [True, False])
def test_spectral_norm_is_that_of_the_stored_vectors(old: bool) -> None:
    torch.manual_seed(0)
    wrap = nn.utils.spectral_norm if old else nn.utils.parametrizations.spectral_norm
    net = nn.Sequential(wrap(nn.Linear(3, 1))).train()
    game = game_with(net)
    x = torch.randn(8, 3, dtype=torch.float64)
    first, again = game.score(x), game.score(x)
    assert torch.equal(first, again)
    net.eval()
    assert torch.allclose(first, net(x).squeeze(1), rtol=0, atol=1e-15)
    net.train()
    assert game.semantics()["discriminator"] == [
        "spectral norm with u, v constant, as trained (1 layers)"
    ]


def test_every_kind_of_layer_that_matters_is_said() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    assert game_with(net.train()).semantics() == {
        "generator": [],
        "discriminator": [
            "batch norm on batch statistics (1 of 1 layers)",
            "dropout with one mask, fixed by the seed",
        ],
    }
    assert game_with(net.eval()).semantics()["discriminator"] == [
        "batch norm on running statistics (1 layers)"
    ]


def test_a_parameter_of_both_players_is_refused_by_its_names() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(
        ValueError, match=r"generator\.0\.weight and discriminator\.1\.weight are one"
    ):
        Game(
            nn.Sequential(shared),
            nn.Sequential(nn.Linear(3, 3), shared, nn.Linear(3, 1)),
            loss="minimax",
            latent=latents.normal(3),
            data=torch.randn(9, 3),
        )


def test_frozen_parameters_are_measured_like_the_others() -> None:
    net = nn.Sequential(nn.Linear(3, 1)).requires_grad_(requires_grad=False)
    game = game_with(net)
    assert game.sizes()[1] == 4
    assert game.snapshot()[1][0].requires_grad
    assert not net[0].weight.requires_grad
