"""GC005 to GC008 fire, stay quiet, are undecided and are not applicable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.audit import diagnose
from gancheck.diagnosis import Quantity, Verdict
from gancheck.games import analytic, latents
from gancheck.games.data import ring8
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from tests.diagnostics.measured import PLAN, verdict, with_values


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


def test_gc005_takes_an_alarm_back_that_the_other_tests_of_a_report_correct_away() -> None:
    """Six hits of 1000 against none of 1500: p = C(1000, 6)/C(2500, 6), 0.4 % and four times that."""
    found = bridge_mass(_two_clusters(4000, 0), _with_hits(6))
    judge: Any = content.diagnostics()["GC005"].judge
    alone = judge(found)
    assert alone.verdict is Verdict.warning
    assert alone.p_values["bridge"].raw == alone.p_values["bridge"].corrected == found.p_value
    assert found.p_value == pytest.approx(math.comb(1000, 6) / math.comb(2500, 6))
    beside = judge(found, beside=[0.5] * 3)
    assert beside.verdict is Verdict.undecided
    assert beside.p_values["bridge"].corrected == pytest.approx(4 * found.p_value)
    assert "corrected for the 3 other tests" in beside.because
    assert "may be chance" in beside.title
    rng = np.random.default_rng(0)
    blob = bridge_mass(rng.standard_normal((400, 2)), rng.standard_normal((400, 2)))
    assert judge(blob, beside=[0.5] * 3).p_values == {}


def _with_hits(count: int) -> np.ndarray:
    x = _two_clusters(1000, 1)
    x[:count] = 5.0
    return x


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
