"""Every recipe is complete, builds without global state, and ring8 is learnt."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional

from gancheck.audit import diagnose
from gancheck.diagnosis import Plan, Verdict
from gancheck.games import data
from gancheck.games.data import ArrayData, Synthetic
from gancheck.games.losses import LOSSES
from gancheck.games.zoo import RECIPES, recipe
from gancheck.runner import load_run
from gancheck.training.train import train
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.games.recipe import Recipe


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(r: Recipe) -> Recipe:
    """The same recipe with networks that a test can afford and no data that must be installed."""
    changes: dict[str, Any] = {"batch_size": min(r.batch_size, 16)}
    for part in ("generator", "discriminator"):
        made: Any = getattr(r, part)
        if made.kind in ("dcgan", "residual"):
            changes[part] = replace(made, width=2)
            changes["batch_size"] = 8
        if made.kind == "residual":
            changes |= {"critic_steps": 1, "batch_size": 4}
    source: Any = r.data
    if source.kind == "fashion-mnist":
        size = source.size
        values = torch.rand(40, 1, size, size, generator=rng()) * 2.0 - 1.0
        changes["data"] = lambda: ArrayData(values=values)
    return replace(r, **changes)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_parts_fit_together(name: str) -> None:
    if "digits" in name:
        pytest.importorskip("sklearn")
    r, before = small(recipe(name)), torch.get_rng_state()
    g, d, data = r.generator(rng()), r.discriminator(rng()), r.data()
    fake = g(r.latent.sample(5, rng()).float())
    assert fake.shape[1:] == data.shape
    assert d(fake).numel() == 5
    assert d(data.draw(5, rng()).float()).numel() == 5
    assert torch.equal(torch.get_rng_state(), before)
    assert r.name == name
    assert r.losses().name in LOSSES
    assert r.updates in UPDATES
    assert r.steps % r.checkpoint_every == 0
    assert data.size is None or r.batch_size <= data.size
    assert len(recipe(name).description.splitlines()) <= 2
    assert recipe(name).declared


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_200_steps_and_its_game_is_measured(name: str, tmp_path: Path) -> None:
    if "digits" in name:
        pytest.importorskip("sklearn")
    r = small(recipe(name))
    train(r, tmp_path / "run", steps=200, checkpoint_every=200, device="cpu")
    run, begun = (load_run(tmp_path / "run", step=step, recipe=r) for step in (200, 0))
    for player in ("generator", "discriminator"):
        now, then = (list(getattr(x, player).parameters()) for x in (run, begun))
        assert all(p.isfinite().all() for p in now)
        assert any(not torch.equal(p, q) for p, q in zip(now, then, strict=True))
    assert [row["step"] for row in run.history] == [1, *range(10, 201, 10)]
    plan = Plan(batch_size=8, samples=64, gradient_batch=4, probes=8, products=30)
    report = diagnose(run.game(), plan=plan, codes=["GC001", "GC004"])
    assert [f.code for f in report.findings] == ["GC001", "GC004"]
    assert report.complete
    for finding in report.findings:
        assert finding.verdict is not Verdict.not_applicable, finding.because
        assert finding.quantities
        assert all(math.isfinite(q.value) for q in finding.quantities.values())


def test_every_loss_and_every_update_has_a_recipe() -> None:
    assert {r.loss for r in RECIPES.values()} == set(LOSSES)
    assert {r.updates for r in RECIPES.values()} == set(UPDATES)


def test_an_unknown_recipe_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"ring8, ring8-minimax, .*digits.*, got 'celeba'"):
        recipe("celeba")


@pytest.mark.slow
def test_the_dcgan_of_digits_makes_all_ten_of_them_within_five_minutes(tmp_path: Path) -> None:
    start = time.process_time()
    train(recipe("digits-dcgan"), tmp_path / "run", seed=0, device="cpu")
    assert time.process_time() - start < 300.0
    found = data.digits()
    assert found.labels is not None
    neighbours = KNeighborsClassifier(5).fit(found.values.numpy(), found.labels.numpy())

    def agreed(step: int) -> tuple[float, float]:
        """Share of samples whose neighbours agree but for one, and of the rarest class."""
        run = load_run(tmp_path / "run", step=step)
        with torch.no_grad():
            fake = run.generator(run.latent.sample(1000, rng()).float())
        small = functional.avg_pool2d(fake, 4).flatten(1).double().numpy()
        votes = neighbours.predict_proba(small)
        rarest = np.bincount(votes.argmax(axis=1), minlength=10).min() / 1000
        return float((votes.max(axis=1) >= 0.8).mean()), float(rarest)

    sure, rarest = agreed(4000)
    # 0.95 of held-out real digits; 0.83 was measured on one seed, its standard error 0.012
    assert sure > 0.75
    assert rarest > 0.02
    assert agreed(0)[1] == 0.0  # untrained: all are called the same few


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_ring8_learns_at_least_seven_of_its_eight_modes_in_forty_seconds(
    seed: int, tmp_path: Path
) -> None:
    start = time.process_time()
    train(recipe("ring8"), tmp_path / "run", seed=seed, device="cpu")
    assert time.process_time() - start < 40.0
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
    assert int((share >= 0.2 / 8).sum()) >= 7
    assert share.sum() > 0.5
    angles = torch.atan2(fake[:, 1], fake[:, 0])
    assert (angles.max() - angles.min()).item() > 1.5 * math.pi
