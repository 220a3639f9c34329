"""Each diagnostic fires, stays quiet, is undecided and is not applicable, on quantities alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.audit import diagnose
from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity, Verdict
from gancheck.games import analytic, latents
from gancheck.games.data import ring8
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.coverage import coverage
from gancheck.measures.density_ratio import density_ratio
from gancheck.measures.distances import distances
from gancheck.measures.figures import figure_of
from gancheck.measures.gradients import gradient_ratio
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.local_dimension import local_dimension
from gancheck.measures.memorisation import memorisation
from gancheck.measures.rotation import rotation
from gancheck.measures.spectrum import hessian_spectrum
from gancheck.measures.stability import Outcome, local_stability
from gancheck.operators.budget import Budget
from tests.oracles import tiny_game

PLAN = Plan(batch_size=32, batches=4, samples=200, gradient_batch=16, probes=8)
CODES = (
    "GC001",
    "GC002",
    "GC003",
    "GC004",
    "GC005",
    "GC006",
    "GC007",
    "GC008",
    "GC009",
    "GC010",
    "GC011",
)


@cache
def measured(code: str) -> Any:
    """A real measurement of a tiny GAN, whose quantities the tests then set."""
    if code == "GC005":
        rng = np.random.default_rng(0)
        x = np.concatenate([rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 30])
        return bridge_mass(x, x[::2] + 0.01)
    if code == "GC006":
        labels = np.repeat(np.arange(2), 200)
        rng = np.random.default_rng(0)
        x = rng.standard_normal((400, 2)) + 30 * labels[:, None]
        return coverage(x, x[::2] + 0.01, labels=labels, logits=rng.standard_normal(400))
    if code == "GC007":
        rng = np.random.default_rng(0)
        return distances(rng.standard_normal((200, 2)), rng.standard_normal((100, 2)))
    if code == "GC008":
        return memorisation(*np.random.default_rng(0).standard_normal((3, 400, 2)))
    if code == "GC009":
        critic = Game(
            nn.Linear(2, 2), nn.Linear(2, 1), loss="wgan-gp", latent=latents.normal(2),
            data=torch.randn(100, 2, generator=torch.Generator().manual_seed(0)),
        )  # fmt: skip
        return lipschitz(critic, PLAN)
    measure = {
        "GC001": hessian_spectrum,
        "GC002": lambda game, plan: local_stability(game, plan=plan),
        "GC003": lambda game, plan: rotation(game, plan=plan),
        "GC004": gradient_ratio,
        "GC010": local_dimension,
        "GC011": density_ratio,
    }[code]
    return measure(tiny_game(), PLAN)


def with_values(code: str, fields: dict[str, Any] | None = None, **values: Quantity) -> Measurement:
    found = measured(code)
    return replace(found, quantities={**found.quantities, **values}, **(fields or {}))


def about(value: float, spread: float) -> Quantity:
    return Quantity(value=value, sampling_error=spread)


def verdict(code: str, found: Measurement) -> Verdict:
    finding = content.diagnostics()[code].judge(found)
    assert finding.code == code
    assert finding.because
    return finding.verdict


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
        ((0.001, 0.0, 0.01), "minimax", Verdict.sound),
        ((0.9, 0.85, 0.95), "minimax", Verdict.failing),
        ((0.9, 0.85, 0.95), "non-saturating", Verdict.warning),
        ((0.25, 0.2, 0.3), "minimax", Verdict.undecided),
    ],
)
def test_gc004_is_milder_where_the_loss_keeps_its_gradient(
    hits: tuple[float, float, float], loss: str, expected: Verdict
) -> None:
    share = Quantity(value=hits[0], sampling_error=0.0, low=hits[1], high=hits[2])
    assert verdict("GC004", with_values("GC004", {"loss": loss}, saturated_share=share)) is expected


def _two_clusters(n: int, seed: int, *, between: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2)) * 0.2
    x[: n // 2] += 10.0
    on = rng.random(n) < between
    x[on] = 5.0 + 0.2 * rng.standard_normal((int(on.sum()), 2))
    return x


@pytest.mark.parametrize(
    ("between", "expected"),
    [(0.0, Verdict.sound), (0.02, Verdict.warning), (0.2, Verdict.failing)],
)
def test_gc005_fails_only_beyond_its_effect_size(between: float, expected: Verdict) -> None:
    found = bridge_mass(_two_clusters(2000, 0), _two_clusters(2000, 1, between=between))
    assert verdict("GC005", found) is expected
    finding = content.diagnostics()["GC005"].judge(found)
    assert "nan" not in finding.because


def test_gc005_is_undecided_without_a_gap() -> None:
    rng = np.random.default_rng(0)
    found = bridge_mass(rng.standard_normal((400, 2)), rng.standard_normal((400, 2)))
    assert verdict("GC005", found) is Verdict.undecided


CALM = dict.fromkeys(
    ("missing", "under_represented", "imbalance", "shrinkage", "coverage", "near_duplicates"), 0.5
)


@pytest.mark.parametrize(
    ("p_values", "values", "expected"),
    [
        ({}, {}, Verdict.sound),
        ({"missing": 1e-4}, {}, Verdict.failing),
        ({"missing": 5e-3}, {}, Verdict.sound),  # six tests: 0.03 after Holm
        ({"under_represented": 1e-4}, {}, Verdict.warning),
        ({"shrinkage": 1e-4}, {"within_mode_ratio": Quantity(value=0.8)}, Verdict.sound),
        ({"shrinkage": 1e-4}, {"within_mode_ratio": Quantity(value=0.4)}, Verdict.warning),
        ({"shrinkage": 1e-4}, {"within_mode_ratio": Quantity(value=0.04)}, Verdict.failing),
        ({"coverage": 1e-4}, {"knn_coverage": Quantity(value=0.2)}, Verdict.warning),
        ({"coverage": 1e-4}, {"knn_coverage": Quantity(value=0.9)}, Verdict.sound),
        ({"near_duplicates": 1e-4}, {"near_duplicates": Quantity(value=400.0)}, Verdict.warning),
    ],
)
def test_gc006_flags_what_is_significant_after_holm_and_beyond_its_effect(
    p_values: dict[str, float], values: dict[str, Quantity], expected: Verdict
) -> None:
    known = {
        "knn_coverage_real": Quantity(value=0.96),
        "near_duplicates_real": Quantity(value=5.0),
        **values,
    }
    found = with_values("GC006", {"p_values": {**CALM, **p_values}}, **known)
    assert verdict("GC006", found) is expected
    assert "nan" not in content.diagnostics()["GC006"].judge(found).because


def test_gc006_counts_the_tests_of_the_other_diagnostics_of_a_report() -> None:
    found = with_values("GC006", {"p_values": {**CALM, "missing": 1e-3}})
    judge: Any = content.diagnostics()["GC006"].judge
    assert judge(found).verdict is Verdict.failing
    assert judge(found, beside=[0.5] * 6).p_values["missing"].corrected == pytest.approx(0.012)
    assert judge(found, beside=[0.5] * 6).verdict is not Verdict.failing


@pytest.mark.parametrize(
    ("p", "excess", "expected"),
    [
        (1e-4, Quantity(value=0.7, low=0.6, high=0.8), Verdict.failing),
        (1e-4, Quantity(value=0.5, low=0.4, high=0.6), Verdict.warning),
        (1e-4, Quantity(value=0.02, low=-0.1, high=0.14), Verdict.sound),
        (0.3, Quantity(value=0.01, low=-0.01, high=0.03), Verdict.sound),
        (0.3, Quantity(value=0.2, low=-0.1, high=0.5), Verdict.undecided),
        (6e-3, Quantity(value=0.7, low=0.6, high=0.8), Verdict.undecided),  # 0.012 after Holm
    ],
)
def test_gc007_needs_a_significant_test_and_an_excess(
    p: float, excess: Quantity, expected: Verdict
) -> None:
    tests = {"mmd": p, "sliced_w1": 0.5}
    found = with_values("GC007", {"p_values": tests}, relative_excess=excess)
    assert verdict("GC007", found) is expected
    finding = content.diagnostics()["GC007"].judge(found)
    assert "nan" not in finding.because
    assert finding.to_dict()["p_values"]["mmd"] == {"raw": p, "corrected": 2 * p}


NO_COPIES = {"rank": 0.5, "exchange": 0.5}
FEW = Quantity(value=0.01, low=0.0, high=0.05)


@pytest.mark.parametrize(
    ("p_values", "values", "expected"),
    [
        ({}, {}, Verdict.sound),
        ({}, {"copied_share": Quantity(value=0.05, low=0.0, high=0.2)}, Verdict.undecided),
        ({}, {"held_out_copies": Quantity(value=0.02)}, Verdict.undecided),
        ({"exchange": 1e-3}, {}, Verdict.warning),
        (
            {"exchange": 1e-3},
            {"copied_share": Quantity(value=0.3, low=0.2, high=0.4)},
            Verdict.failing,
        ),
        ({"exchange": 6e-3}, {}, Verdict.sound),  # 0.012 after Holm
        ({"rank": 1e-3}, {"closer_share": Quantity(value=0.7)}, Verdict.warning),
        ({"rank": 1e-3}, {"closer_share": Quantity(value=0.55)}, Verdict.sound),
    ],
)
def test_gc008_calls_copies_what_is_tied_to_the_training_samples(
    p_values: dict[str, float], values: dict[str, Quantity], expected: Verdict
) -> None:
    found = with_values(
        "GC008", {"p_values": {**NO_COPIES, **p_values}}, **{"copied_share": FEW, **values}
    )
    assert verdict("GC008", found) is expected
    assert "nan" not in content.diagnostics()["GC008"].judge(found).because


def test_gc008_is_not_applicable_without_held_out_samples_and_says_what_to_give() -> None:
    parts = {"loss": "minimax", "latent": latents.normal(2)}
    game = Game(nn.Linear(2, 2), nn.Linear(2, 1), data=torch.randn(400, 2), **parts)
    finding = diagnose(game, codes=["GC008"], plan=PLAN)["GC008"]
    assert finding.verdict is Verdict.not_applicable
    assert "held_out=" in finding.because
    law = Game(nn.Linear(2, 2), nn.Linear(2, 1), data=ring8(), held_out=ring8(), **parts)
    assert "never runs out" in diagnose(law, codes=["GC008"], plan=PLAN)["GC008"].because
    few = Game(
        nn.Linear(2, 2), nn.Linear(2, 1), data=torch.randn(400, 2), held_out=torch.randn(19, 2),
        **parts,
    )  # fmt: skip
    assert "400 and 19; give more" in diagnose(few, codes=["GC008"], plan=PLAN)["GC008"].because


def test_gc008_runs_on_a_game_with_held_out_samples() -> None:
    game = Game(
        nn.Linear(2, 2), nn.Linear(2, 1), loss="minimax", latent=latents.normal(2),
        data=torch.randn(400, 2), held_out=torch.randn(300, 2), labels=torch.arange(400) % 2,
    )  # fmt: skip
    finding = diagnose(game, codes=["GC008"], plan=PLAN)["GC008"]
    assert finding.verdict is not Verdict.not_applicable
    assert finding.measurement.strata_from == "labels"
    assert finding.measurement.provenance["held_out"] == 200  # as many as the plan has samples


@pytest.mark.parametrize("code", ["GC006", "GC007"])
def test_few_real_samples_are_not_applicable_with_the_way_out(code: str) -> None:
    game = Game(
        nn.Linear(2, 2), nn.Linear(2, 1), loss="minimax", latent=latents.normal(2),
        data=torch.randn(39, 2),
    )  # fmt: skip
    finding = diagnose(game, codes=[code], plan=PLAN)[code]
    assert finding.verdict is Verdict.not_applicable
    assert "give more data" in finding.because


def test_an_analytic_game_leaves_sample_questions_not_applicable() -> None:
    report = diagnose(analytic.dirac("r1", gamma=2.0), plan=PLAN)
    assert report["GC004"].verdict is Verdict.not_applicable
    assert report["GC005"].verdict is Verdict.not_applicable
    assert report["GC006"].verdict is Verdict.not_applicable
    assert report["GC007"].verdict is Verdict.not_applicable
    assert report["GC008"].verdict is Verdict.not_applicable
    assert report["GC009"].verdict is Verdict.not_applicable
    assert report["GC010"].verdict is Verdict.not_applicable
    assert report["GC011"].verdict is Verdict.not_applicable
    assert "needs samples" in report["GC004"].because
    assert report["GC002"].verdict is Verdict.sound


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("width", [690, 340])
def test_every_figure_draws_at_both_widths(code: str, width: int) -> None:
    assert content.diagnostics()[code].caption
    figure = figure_of(measured(code).plot(width))
    assert round(figure.get_figwidth() * 72) == width
    figure.canvas.draw()


def test_figures_draw_for_exact_and_empty_measurements() -> None:
    for measure in (hessian_spectrum, local_stability, rotation):
        figure_of(measure(analytic.bilinear()).plot()).canvas.draw()
    rng = np.random.default_rng(0)
    blob = bridge_mass(rng.standard_normal((100, 9)), rng.standard_normal((50, 9)))
    figure_of(blob.plot(340)).canvas.draw()


def test_a_measurement_without_a_picture_says_so() -> None:
    with pytest.raises(NotApplicable, match=r"no picture"):
        Measurement(quantities={}).plot()


@pytest.mark.parametrize("code", CODES)
def test_names_of_quantities_are_documented_and_labelled(code: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "quantities.md").read_text()
    documented = {row.split("`")[1] for row in text.splitlines() if row.startswith(f"| {code} | `")}
    diagnostic = content.diagnostics()[code]
    assert documented == set(diagnostic.labels)
    assert set(measured(code).quantities) <= documented
    assert diagnostic.headline in documented


@pytest.mark.parametrize("code", CODES)
def test_every_theorem_a_diagnostic_names_is_on_the_shelf(code: str) -> None:
    assert set(content.diagnostics()[code].theorems) <= set(content.theorems())


class _Breaks(nn.Module):
    """A discriminator that changes its own state and then raises, as a user's module may."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 1)
        self.register_buffer("calls", torch.zeros(1))
        self.limit = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        self.last = x
        self.limit -= 1
        if self.limit == 0:
            raise RuntimeError("out of order")
        return self.a(x)


def test_the_game_is_bit_identical_after_a_diagnosis_and_after_one_that_raised() -> None:
    game = tiny_game(norm=True)
    p = game.parameters("generator")[0]
    p.grad = torch.full_like(p, 3.0)
    game.modules["discriminator"].eval()
    before = _state(game)
    diagnose(game, plan=PLAN)
    assert _same(before, _state(game))

    broken = Game(
        nn.Linear(2, 2),
        _Breaks(),
        loss="minimax",
        latent=latents.normal(2),
        data=torch.randn(100, 2),
    )
    before = _state(broken)
    with pytest.raises(RuntimeError, match="out of order"):
        diagnose(broken, plan=PLAN)
    assert _same(before, _state(broken))
    assert not hasattr(broken.modules["discriminator"], "last")
    assert broken.modules["discriminator"].limit == 3


def _state(game: Game) -> list[Any]:
    out: list[Any] = [torch.random.get_rng_state()]
    for module in game.modules.values():
        out += [m.training for m in module.modules()]
        for t in (*module.parameters(), *module.buffers()):
            out += [t.detach().clone(), t.requires_grad, None if t.grad is None else t.grad.clone()]
    return out


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor) else x == y
        for x, y in zip(a, b, strict=True)
    )
