"""What a plan allows holds inside a measure: products, seconds, memory; and it is announced."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.audit import _within, diagnose, parse_bytes
from gancheck.diagnosis import Plan, Verdict
from gancheck.games import analytic, data, latents, networks
from gancheck.games.game import Game
from gancheck.measures.rotation import rotation
from gancheck.operators import GameJacobian
from gancheck.operators.budget import Budget
from gancheck.operators.memory import admit_jacobian

CURVATURE = ("GC001", "GC002", "GC003")


def game(*, width: int = 24, **options: object) -> Game:
    rng = torch.Generator().manual_seed(0)
    return Game(
        networks.mlp((2, width, width, 2), generator=rng, dtype=torch.float64),
        networks.mlp((2, width, width, 1), generator=rng, dtype=torch.float64),
        loss="non-saturating",
        latent=latents.normal(2),
        data=data.ring8(),
        **options,
    )


@pytest.mark.parametrize("limit", [{"products": 20}, {"seconds": 1e-6}])
def test_a_spent_plan_ends_undecided_and_never_sound(limit: dict[str, float]) -> None:
    report = diagnose(game(), codes=CURVATURE, plan=Plan(batch_size=32, **limit))
    assert report.complete  # every diagnostic ran; what they lacked was products
    for code in CURVATURE:
        assert report[code].verdict in (Verdict.undecided, Verdict.not_applicable), code


def test_time_that_is_ample_changes_no_number() -> None:
    """A limit in seconds alone leaves infinitely many products, and half of that is still infinite."""
    whole = analytic.bilinear(c=2.0)
    free, timed = (diagnose(whole, codes=CURVATURE, budget=budget) for budget in (None, "10m"))
    for code in CURVATURE:
        assert timed[code].quantities == free[code].quantities
    probed = game(width=8)
    free, timed = (
        rotation(probed, probed.sample(16), plan=Plan(probes=8), budget=budget)
        for budget in (None, Budget(seconds=600.0))
    )
    assert timed.quantities == free.quantities
    assert timed.provenance["pairs"] == 8
    assert not timed.stopped


def test_what_is_left_of_the_reports_budget_is_the_next_measures() -> None:
    assert _within(Plan(), 10.0, 7.0).seconds == 3.0
    assert _within(Plan(seconds=1.0), 10.0, 7.0).seconds == 1.0
    assert _within(Plan(seconds=1.0), None, 7.0).seconds == 1.0
    assert _within(Plan(), 10.0, 11.0).seconds > 0.0


def test_each_measure_of_curvature_announces_its_plan() -> None:
    told: list[str] = []
    diagnose(game(), codes=CURVATURE, plan=Plan(batch_size=32, products=40), progress=told.append)
    for words in ("the generator's Hessian", "the discriminator's Hessian"):
        assert any(line.startswith(f"{words}: 1,") or words in line for line in told)
    plans = [line for line in told if "products" in line]
    assert len(plans) >= 4
    assert all("parameters" in line and " s" in line for line in plans)


def test_the_semantics_and_the_probes_stand_in_the_provenance() -> None:
    torch.manual_seed(0)
    normed = Game(
        nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double(),
        nn.Linear(2, 1).double(),
        loss="minimax",
        latent=latents.normal(2),
        data=data.ring8(),
    )
    for code in CURVATURE:
        finding = diagnose(normed, codes=[code], plan=Plan(batch_size=16))[code]
        run = finding.measurement.provenance
        assert run["semantics"]["generator"] == [
            "batch norm on batch statistics (1 of 1 layers)"
        ], code
        assert run["repeats"] == 0.0
        assert run["difference_in_float64"] <= 1e-6
        json.dumps(run, default=str)


def test_a_games_memory_limit_is_its_operators() -> None:
    limited = game(max_memory=200_000)
    batch = limited.sample(256)
    parted = GameJacobian(limited, batch)
    assert parted._graphs.chunks > 1
    assert torch.allclose(parted.field, GameJacobian(game(), batch).field, rtol=0, atol=1e-13)


@pytest.mark.parametrize("text", ["2 parsecs", "", "-3", "0GB", "GB"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must look like 2GiB, 500MB"):
        parse_bytes(text)


@pytest.mark.parametrize("limit", [{"products": 0}, {"products": -3}, {"seconds": 0.0}])
def test_a_limit_that_allows_nothing_is_refused_by_the_plan_itself(limit: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(limit))} must be .*, got .*; leave it out"):
        Plan(**limit)


@pytest.mark.parametrize("code", CURVATURE)
def test_memory_for_less_than_one_sample_is_refused_before_anything_is_measured(code: str) -> None:
    told: list[str] = []
    with pytest.raises(ValueError, match=r"max_memory must hold 4 graphs of a sample, .* bytes"):
        diagnose(game(max_memory=2_000), codes=["GC004", code], progress=told.append)
    assert told == []


def test_a_batch_that_may_not_be_cut_and_does_not_fit_is_refused_at_once() -> None:
    told: list[str] = []
    normed = Game(
        nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double(),
        nn.Linear(2, 1).double(),
        loss="minimax",
        latent=latents.normal(2),
        data=data.ring8(),
        max_memory=20_000,
    )
    with pytest.raises(ValueError, match=r"batch of 256 needs .* bytes and cannot be cut"):
        diagnose(normed, codes=["GC004", "GC003"], progress=told.append)
    assert told == []


def test_the_early_look_passes_from_the_very_limit_at_which_the_operator_does() -> None:
    low, high = 1, 10**7
    while high - low > 1:
        limit = (low + high) // 2
        try:
            admit_jacobian(game(max_memory=limit), Plan(batch_size=12))
            high = limit
        except ValueError:
            low = limit
    batch = game().sample(12)
    assert GameJacobian(game(), batch, max_memory=high)._graphs.chunks > 1
    with pytest.raises(ValueError, match="max_memory must hold 4 graphs of a sample"):
        GameJacobian(game(), batch, max_memory=low)


def test_only_measures_of_curvature_announce() -> None:
    shelf = content.diagnostics()
    assert {code for code, d in shelf.items() if d.announces} == set(CURVATURE)
