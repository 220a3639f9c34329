"""GC001 to GC004 fire, stay quiet and are undecided, on quantities alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gancheck import content
from gancheck.diagnosis import Quantity, Verdict
from gancheck.games import analytic
from gancheck.games.batch import EarlierPoint
from gancheck.measures.proportions import share
from gancheck.measures.rotation import rotation
from gancheck.measures.stability import Outcome, local_stability
from gancheck.operators.budget import Budget
from tests.diagnostics.measured import PLAN, about, measured, of_samples, verdict, with_values
from tests.oracles import tiny_game


@pytest.mark.parametrize(
    ("bottom", "expected"),
    [
        (about(0.5, 0.1), Verdict.sound),
        (about(-5.0, 0.5), Verdict.warning),
        (about(-1.0, 0.5), Verdict.undecided),
    ],
)
def test_gc001_judges_by_fresh_curvature_alone(bottom: Quantity, expected: Verdict) -> None:
    flat = about(0.0, 0.01)
    found = with_values(
        "GC001",
        top_generator_fresh=about(100.0, 1.0),
        bottom_generator=about(-400.0, 1.0),  # of the batch: must not decide
        bottom_generator_fresh=bottom,
        top_discriminator_fresh=about(100.0, 1.0),
        bottom_discriminator_fresh=flat,
    )
    assert verdict("GC001", found) is expected


@pytest.mark.parametrize(
    ("bottom", "expected"),
    [(about(0.5, 0.1), Verdict.undecided), (about(-5.0, 0.5), Verdict.warning)],
)
def test_gc001_needs_the_whole_search_to_call_a_player_sound_and_none_to_warn(
    bottom: Quantity, expected: Verdict
) -> None:
    found = with_values(
        "GC001",
        {"settled": {"generator": False, "discriminator": True}},
        top_generator_fresh=about(100.0, 1.0),
        bottom_generator_fresh=bottom,
        top_discriminator_fresh=about(100.0, 1.0),
        bottom_discriminator_fresh=about(0.0, 0.01),
    )
    assert verdict("GC001", found) is expected


def test_gc001_is_undecided_where_no_fresh_batch_was_reached() -> None:
    found = measured("GC001")
    kept = {k: q for k, q in found.quantities.items() if not k.endswith("_fresh")}
    finding = content.diagnostics()["GC001"].judge(replace(found, quantities=kept))
    assert finding.verdict is Verdict.undecided
    assert "budget" in finding.because


@pytest.mark.parametrize(
    ("equilibrium", "outcome", "expected"),
    [
        (True, Outcome.stable, Verdict.sound),
        (True, Outcome.unstable, Verdict.failing),
        (None, Outcome.unstable, Verdict.failing),
        (True, Outcome.undetermined, Verdict.undecided),
        (False, Outcome.stable, Verdict.sound),
        (False, Outcome.unstable, Verdict.warning),
        (False, Outcome.undetermined, Verdict.undecided),
    ],
)
def test_gc002_never_fails_away_from_an_equilibrium(
    equilibrium: bool | None, outcome: Outcome, expected: Verdict
) -> None:
    found = with_values("GC002", {"equilibrium": equilibrium, "verdict": outcome})
    assert verdict("GC002", found) is expected


def test_gc002_warns_where_the_known_step_exceeds_its_bound() -> None:
    found = with_values(
        "GC002",
        {"equilibrium": True, "verdict": Outcome.stable, "step_known": True},
        largest_step=Quantity(value=0.5, kind="upper"),
        largest_step_alternating=Quantity(value=2.0),
    )
    assert verdict("GC002", found) is Verdict.warning
    alternates = replace(found, alternating=True)
    assert verdict("GC002", alternates) is Verdict.sound


def test_gc002_is_undecided_where_the_budget_left_nothing_to_judge_by() -> None:
    found = local_stability(tiny_game(), plan=PLAN, budget=Budget(products=3))
    assert found.stopped
    finding = content.diagnostics()["GC002"].judge(found)
    assert finding.verdict is Verdict.undecided
    assert "budget" in finding.because


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (about(0.1, 0.02), Verdict.sound),
        (about(0.7, 0.02), Verdict.warning),
        (about(0.99, 0.005), Verdict.failing),
        (about(0.5, 0.02), Verdict.undecided),
        (Quantity(value=0.4, error=0.2), Verdict.undecided),
    ],
)
def test_gc003_compares_within_both_errors(strength: Quantity, expected: Verdict) -> None:
    assert verdict("GC003", with_values("GC003", rotation_expected=strength)) is expected
    alone = rotation(tiny_game(), tiny_game().sample(32))
    judged = replace(alone, quantities={**alone.quantities, "rotation": strength})
    assert verdict("GC003", judged) is expected


def test_gc003_is_undecided_where_the_budget_left_one_noisy_batch_or_nothing() -> None:
    found = measured("GC003")
    one = {k: v for k, v in found.quantities.items() if not k.endswith("_expected")}
    for quantities in (one, {}):
        stopped = replace(found, quantities=quantities, stopped=True)
        finding = content.diagnostics()["GC003"].judge(stopped)
        assert finding.verdict is Verdict.undecided
        assert "budget" in finding.because


@pytest.mark.parametrize(
    ("hits", "loss", "expected"),
    [
        (1, "minimax", Verdict.sound),
        (180, "minimax", Verdict.failing),
        (180, "non-saturating", Verdict.warning),
        (50, "minimax", Verdict.undecided),
        (64, "minimax", Verdict.undecided),  # p = 0.014: its 95 % interval lies above the line
    ],
)
def test_gc004_is_milder_where_the_loss_keeps_its_gradient(
    hits: int, loss: str, expected: Verdict
) -> None:
    found = with_values("GC004", {"loss": loss}, saturated_share=share(hits, 200))
    assert verdict("GC004", of_samples(found, 200)) is expected


def test_gc003_tells_the_path_and_judges_without_it() -> None:
    j = torch.tensor([[0.05, 1.0], [-1.0, 0.05]], dtype=torch.float64)
    game = analytic.linear_quadratic(j, split=1, at=torch.tensor([0.0, 0.02]).double())
    bare = content.diagnostics()["GC003"].judge(rotation(game))
    game.earlier = EarlierPoint(parameters=torch.ones(2).double(), name="step 0")
    told = content.diagnostics()["GC003"].judge(rotation(game))
    assert told.verdict is bare.verdict is Verdict.failing
    assert told.because.startswith(bare.because)
    assert "On the line from step 0 to this point" in told.because
    assert "attracts" in told.because
    assert "a bump, as of a field that turns" in told.because
    assert "line from" not in bare.because


def test_gc003_sees_no_bump_on_a_straight_way_down() -> None:
    game = analytic.potential(at=(0.001, 0.0))
    game.earlier = EarlierPoint(parameters=torch.ones(2).double(), name="step 0")
    because = content.diagnostics()["GC003"].judge(rotation(game)).because
    assert "No bump stands out there" in because
