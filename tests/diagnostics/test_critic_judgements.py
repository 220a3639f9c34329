"""GC004 and GC009 to GC011 fire, stay quiet and are undecided, on quantities alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gancheck import content
from gancheck.diagnosis import Quantity, Verdict
from gancheck.measures.density_ratio import calibration
from gancheck.measures.generator_signal import generator_signal
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.proportions import share
from tests.diagnostics.measured import PLAN, about, measured, of_samples, verdict, with_values
from tests.oracles import tiny_game

SAME = about(2.0, 0.05)  # a dimension


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
def test_gc004_fails_where_float32_leaves_no_derivative_whatever_the_loss(loss: str) -> None:
    found = with_values("GC004", {"loss": loss}, silent_share=share(180, 200))
    assert verdict("GC004", of_samples(found, 200)) is Verdict.failing
    for silent, expected in ((50, Verdict.sound), (64, Verdict.undecided)):  # p = 0.53 and 0.014
        shares = {"silent_share": share(silent, 200), "saturated_share": share(0, 200)}
        found = of_samples(with_values("GC004", {"loss": loss}, **shares), 200)
        assert verdict("GC004", found) is expected


@pytest.mark.parametrize(
    ("low", "silent", "expected"),
    [
        (0.5, 0, Verdict.sound),
        (-0.5, 0, Verdict.undecided),
        (0.5, 180, Verdict.failing),
        (0.5, 64, Verdict.undecided),
    ],
)
def test_gc004_judges_a_critic_by_the_direction_its_minibatches_share(
    low: float, silent: int, expected: Verdict
) -> None:
    found = generator_signal(tiny_game(), PLAN)
    values = {
        **found.quantities,
        "generator_gradient": Quantity(value=1.0, sampling_error=0.1, low=low, high=2.0),
        "silent_share": share(silent, 200),
    }
    assert verdict("GC004", of_samples(replace(found, quantities=values), 200)) is expected


@pytest.mark.parametrize(
    ("flat", "mismatch", "expected"),
    [
        (0, about(0.01, 0.02), Verdict.sound),
        (0, about(-0.2, 0.02), Verdict.warning),
        (0, about(0.2, 0.02), Verdict.warning),
        (0, about(0.142, 0.02), Verdict.undecided),  # p = 0.018: beyond two standard errors
        (0, about(0.09, 0.02), Verdict.undecided),
        (0, about(float("nan"), 0.02), Verdict.undecided),
        (120, about(0.01, 0.02), Verdict.failing),
        (64, about(0.01, 0.02), Verdict.undecided),
        (50, about(0.01, 0.02), Verdict.undecided),
        (50, about(0.2, 0.02), Verdict.undecided),
    ],
)
def test_gc009_looks_for_flat_places_before_the_penalty_s_condition(
    flat: int, mismatch: Quantity, expected: Verdict
) -> None:
    found = with_values("GC009", flat_share=share(flat, 200), slope_mismatch=mismatch)
    assert verdict("GC009", of_samples(found, 200)) is expected


def test_gc009_asks_no_slope_of_a_loss_without_a_penalty() -> None:
    found = lipschitz(tiny_game(), PLAN)
    assert verdict("GC009", found) is Verdict.sound


@pytest.mark.parametrize(
    ("generated", "real", "flat", "expected"),
    [
        (SAME, SAME, 0, Verdict.sound),
        (about(0.8, 0.025), SAME, 0, Verdict.warning),
        (about(1.0, 0.05), SAME, 0, Verdict.undecided),
        (about(0.91, 0.03), SAME, 0, Verdict.undecided),  # p = 0.0155
        (SAME, SAME, 20, Verdict.warning),
        (SAME, SAME, 14, Verdict.undecided),  # p = 0.0196
        (SAME, SAME, 8, Verdict.undecided),
    ],
)
def test_gc010_warns_of_thin_samples_and_of_latents_that_move_nothing(
    generated: Quantity, real: Quantity, flat: int, expected: Verdict
) -> None:
    dimensions = {"dimension_generated": generated, "dimension_real": real}
    found = with_values("GC010", **dimensions, deficient_share=share(flat, 32))
    assert verdict("GC010", of_samples(found, 32)) is expected


def test_gc010_does_not_judge_a_rank_where_batch_norm_mixes_samples() -> None:
    values = {"dimension_generated": SAME, "dimension_real": SAME}
    found = with_values("GC010", {"mixes": True}, **values, deficient_share=share(2, 2))
    assert verdict("GC010", found) is Verdict.sound
    assert set(content.diagnostics()["GC010"].judge(found).p_values) == {"thin"}


def test_gc010_is_undecided_without_a_dimension_or_a_jacobian() -> None:
    found = measured("GC010")
    for name in ("dimension_real", "deficient_share"):
        kept = {k: q for k, q in found.quantities.items() if k != name}
        skipped = "too large" if name == "deficient_share" else ""
        judged = replace(found, quantities=kept, skipped=skipped)
        assert verdict("GC010", judged) is Verdict.undecided


@pytest.mark.parametrize(
    ("rate", "n", "fresh", "expected"),
    [
        (0.5, 4000, True, Verdict.sound),
        (0.5, 4000, False, Verdict.undecided),
        (0.62, 1000, True, Verdict.undecided),
        (0.70, 1000, True, Verdict.warning),
        (0.70, 1000, False, Verdict.warning),
        (0.64, 1000, True, Verdict.undecided),  # p = 0.016
    ],
)
def test_gc011_is_never_sound_on_data_the_discriminator_may_have_seen(
    rate: float, n: int, fresh: bool, expected: Verdict
) -> None:
    """The logit states 1/2 twice; in one bin that share of the samples is real, in one the rest."""
    hits = round(rate * n)
    ratio = np.concatenate([np.full(hits, 1e-9), np.full(n - hits, -1e-9)])
    error, bins = calibration(ratio, -ratio)
    fields = dict(zip(("predicted", "observed", "low", "high", "counts"), bins.T, strict=True))
    found = with_values("GC011", {"fresh": fresh, **fields}, calibration_error=error)
    assert verdict("GC011", found) is expected


@pytest.mark.parametrize(
    ("code", "name", "values"),
    [
        ("GC004", "saturated", {"saturated_share": share(70, 200)}),
        ("GC009", "flat", {"flat_share": share(70, 200), "slope_mismatch": about(0.0, 0.01)}),
        ("GC009", "mismatch", {"flat_share": share(0, 200), "slope_mismatch": about(0.16, 0.02)}),
        ("GC010", "deficient", {"deficient_share": share(74, 200)}),
        ("GC010", "thin", {"dimension_generated": about(0.85, 0.03), "dimension_real": SAME}),
    ],
)
def test_an_alarm_that_the_report_s_other_tests_take_back_is_undecided(
    code: str, name: str, values: dict[str, Quantity]
) -> None:
    judge: Any = content.diagnostics()[code].judge
    found = of_samples(with_values(code, **values), 200)
    alone, beside = judge(found), judge(found, beside=[0.5] * 200)
    assert alone.verdict in (Verdict.warning, Verdict.failing)
    assert alone.p_values[name].corrected < 0.01 <= beside.p_values[name].corrected
    assert beside.verdict is Verdict.undecided
    assert f"--only {code}" in beside.remedy
    assert "an alarm needs less than 0.01" in beside.because
    assert "an alarm needs" not in alone.because
