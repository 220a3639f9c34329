"""Each feature space against what it should compute, and a function of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from gancheck import content
from gancheck.cli import app
from gancheck.diagnosis import Plan
from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.measures.connectivity import Outcome, bridge_mass
from gancheck.measures.features import as_features, discriminator
from tests.oracles import tiny_game

if TYPE_CHECKING:
    from pathlib import Path


def two_classes(n: int, seed: int, *, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Far apart in the first of forty coordinates, noise in the others."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(2, size=n)
    x = noise * rng.standard_normal((n, 40))
    x[:, 0] = 12.0 * kind + 0.2 * rng.standard_normal(n)
    return x, kind


def test_the_discriminator_s_features_go_into_its_last_layer() -> None:
    rng = torch.Generator().manual_seed(0)
    first, last = nn.Linear(3, 7).double(), nn.Linear(7, 1).double()
    game = Game(
        nn.Linear(2, 3).double(),
        nn.Sequential(first, nn.Tanh(), last),
        loss="minimax",
        latent=latents.normal(2),
        data=torch.randn(50, 3, generator=rng, dtype=torch.float64),
    )
    x = torch.randn(2500, 3, generator=rng, dtype=torch.float64)
    before = {k: v.clone() for k, v in game.modules["discriminator"].state_dict().items()}
    found = discriminator(game).of(x, "x")
    truth = torch.tanh(x @ first.weight.T + first.bias).detach().numpy()
    assert np.allclose(found, truth, rtol=1e-12, atol=1e-14)
    after = game.modules["discriminator"].state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())
    assert not any(m._forward_pre_hooks for m in game.modules["discriminator"].modules())


def test_principal_components_are_those_of_the_reference_alone() -> None:
    x, _ = two_classes(600, 0, noise=0.05)
    last = as_features("pca").fitted(x)
    kept = last(x)
    values, directions = np.linalg.eigh(np.cov(x.T))
    assert kept.shape == (600, 1)  # one direction holds more than 95 % of the variance
    truth = (x - x.mean(axis=0)) @ directions[:, -1:]
    assert np.allclose(np.abs(kept), np.abs(truth), atol=1e-9)
    assert values[-1] / values.sum() > 0.95
    far = last(x + 1e6 * directions[:, -2])  # another cloud moves nothing but itself
    assert np.allclose(far, kept, atol=1e-6)
    with pytest.raises(ValueError, match="all are equal"):
        as_features("pca").fitted(np.ones((50, 4)))


def test_a_bridge_is_seen_in_the_space_where_the_classes_are_apart() -> None:
    x, _ = two_classes(4000, 0, noise=3.0)
    g, _ = two_classes(2000, 1, noise=3.0)
    g[:80, 0] = 6.0
    in_pixels = bridge_mass(x, g)
    assert in_pixels.verdict is Outcome.not_decidable
    found = bridge_mass(x, g, features=lambda z: z[:, :1])
    assert found.verdict is Outcome.bridged
    assert found.provenance["dimension"] == 1
    assert "lambda" in found.provenance["features"]
    assert int(found.bridging[:80].sum()) >= 78
    clean, _ = two_classes(2000, 2, noise=3.0)
    assert bridge_mass(x, clean, features=lambda z: z[:, :1]).verdict is Outcome.not_detected


def test_a_function_of_the_user_s_is_imported_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_features.py").write_text("def first(x):\n    return x[:, :1]\n")
    monkeypatch.chdir(tmp_path)
    x, _ = two_classes(400, 0)
    assert as_features("my_features:first").of(x, "x").shape == (400, 1)
    with pytest.raises(ValueError, match="has no function 'second'"):
        as_features("my_features:second")
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        as_features("not_there:first")


def test_the_diagnostic_measures_in_the_space_of_its_plan() -> None:
    measure = content.diagnostics()["GC005"].measure
    game = tiny_game()
    for name in ("pixels", "pca", "discriminator"):
        found = measure(game, Plan(samples=200, features=name))
        assert found.provenance["features"] == name
        because = content.diagnostics()["GC005"].judge(found).because
        assert (f"features {name!r}" in because) == (name != "pixels")
        assert ("trained against this generator" in because) == (name == "discriminator")
    assert found.provenance["dimension"] != game.draw_real(2).shape[1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("pixel", "must be one of pixels, pca"),
        (3, "a name or a callable"),
        ("discriminator", "needs a game"),
        (lambda x: x[:5], "one row a sample"),
        (lambda x: np.full((len(x), 2), np.nan), "NaN"),
        (lambda x: np.array(["a"] * len(x)), "real numbers"),
        (lambda x: np.zeros((len(x), 1 + len(x) % 7)), "differ in size"),
    ],
)
def test_features_that_are_none_are_named(features: object, message: str) -> None:
    x, _ = two_classes(100, 0)
    with pytest.raises(ValueError, match=message):
        bridge_mass(x, x[:50], features=features)


def test_a_plan_names_the_features_it_knows() -> None:
    with pytest.raises(ValueError, match="module:function, got 'vgg'"):
        Plan(features="vgg")


@pytest.mark.parametrize("command", ["diagnose", "audit"])
def test_the_command_line_refuses_a_space_it_does_not_know(command: str, tmp_path: Path) -> None:
    files = [str(tmp_path)] if command == "diagnose" else ["g.pth", "d.pth"]
    result = CliRunner().invoke(app, [command, *files, "--features", "vgg"])
    assert result.exit_code == 2
    assert "features must be pixels, pca, discriminator or module:function" in result.output
