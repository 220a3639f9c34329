"""Every recipe is complete, builds without global state, and ring8 is learnt."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.games.data import Synthetic
from gancheck.games.losses import LOSSES
from gancheck.games.zoo import RECIPES, recipe
from gancheck.training.run_directory import RunDirectory
from gancheck.training.train import train
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from pathlib import Path


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_parts_fit_together(name: str) -> None:
    if name == "digits":
        pytest.importorskip("sklearn")
    r, before = recipe(name), torch.get_rng_state()
    g, d, data = r.generator(rng()), r.discriminator(rng()), r.data()
    fake = g(r.latent.sample(5, rng()).float())
    assert fake.shape[1:] == data.shape
    assert d(fake).shape == (5, 1)
    assert d(data.draw(5, rng()).float()).shape == (5, 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert r.name == name
    assert r.loss in LOSSES
    assert r.updates in UPDATES
    assert r.steps % r.checkpoint_every == 0
    assert data.size is None or r.batch_size <= data.size


@pytest.mark.parametrize("name", ["ring8", "grid25", "moons"])
def test_every_named_loss_trains_every_planar_recipe_for_a_few_steps(
    name: str, tmp_path: Path
) -> None:
    for loss in LOSSES:
        small = replace(recipe(name), batch_size=16)
        assert train(small, tmp_path / loss, loss=loss, steps=2, device="cpu").exists()


def test_an_unknown_recipe_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(
        ValueError, match="ring8, ring8-mixture, grid25, moons, digits, got 'celeba'"
    ):
        recipe("celeba")


def test_a_mixture_starts_with_experts_that_differ_and_moves_all_of_them(tmp_path: Path) -> None:
    r = recipe("ring8-mixture")
    train(replace(r, checkpoint_every=1), tmp_path / "run", steps=1, device="cpu")
    before, after = (RunDirectory(tmp_path / "run").load(step) for step in (0, 1))
    weights = [f"G.experts.{k}.0.weight" for k in range(8)]
    assert len({tuple(before[name].flatten().tolist()) for name in weights}) == 8
    assert not any(torch.equal(before[name], after[name]) for name in weights)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_ring8_learns_at_least_six_of_its_eight_modes(seed: int, tmp_path: Path) -> None:
    from gancheck.runner import load_run

    train(recipe("ring8"), tmp_path / "run", seed=seed, device="cpu")
    run = load_run(tmp_path / "run")
    assert isinstance(run.data, Synthetic)
    assert run.data.modes is not None
    with torch.no_grad():
        fake = run.generator(run.latent.sample(10_000, rng()).float()).double()
    distance, nearest = torch.cdist(fake, run.data.modes).min(dim=1)
    near = nearest[distance < 3 * run.data.spread]
    share = torch.bincount(near, minlength=8) / len(fake)
    # a mode is found where it has a fifth of its due within three deviations, of which the law
    # itself has 1 - e^-4.5 = 0.989
    assert int((share >= 0.2 / 8).sum()) >= 6
    assert share.sum() > 0.5
    angles = torch.atan2(fake[:, 1], fake[:, 0])
    assert (angles.max() - angles.min()).item() > 1.5 * math.pi
