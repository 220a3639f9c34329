"""GC004 and GC009 to GC011 fire, stay quiet and are undecided, on quantities alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gancheck.diagnosis import Quantity, Verdict
from gancheck.measures.generator_signal import generator_signal
from gancheck.measures.lipschitz import lipschitz
from tests.diagnostics.measured import PLAN, about, measured, verdict, with_values
from tests.oracles import tiny_game


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
def test_gc004_fails_where_float32_leaves_no_derivative_whatever_the_loss(loss: str) -> None:
    silent = Quantity(value=0.9, low=0.8, high=0.95, unit="share")
    found = with_values("GC004", {"loss": loss}, silent_share=silent)
    assert verdict("GC004", found) is Verdict.failing
    few = Quantity(value=0.1, low=0.05, high=0.3, unit="share")
    sound = Quantity(value=0.0, low=0.0, high=0.01, unit="share")
    found = with_values("GC004", {"loss": loss}, silent_share=few, saturated_share=sound)
    assert verdict("GC004", found) is Verdict.sound


@pytest.mark.parametrize(
    ("low", "silent", "expected"),
    [(0.5, 0.0, Verdict.sound), (-0.5, 0.0, Verdict.undecided), (0.5, 0.9, Verdict.failing)],
)
def test_gc004_judges_a_critic_by_the_direction_its_minibatches_share(
    low: float, silent: float, expected: Verdict
) -> None:
    found = generator_signal(tiny_game(), PLAN)
    values = {
        **found.quantities,
        "generator_gradient": Quantity(value=1.0, sampling_error=0.1, low=low, high=2.0),
        "silent_share": Quantity(value=silent, low=max(0.0, silent - 0.1), high=silent + 0.1),
    }
    assert verdict("GC004", replace(found, quantities=values)) is expected


def _share(low: float, high: float) -> Quantity:
    return Quantity(value=(low + high) / 2, low=low, high=high, unit="share")


@pytest.mark.parametrize(
    ("flat", "mismatch", "expected"),
    [
        (_share(0.0, 0.01), about(0.01, 0.02), Verdict.sound),
        (_share(0.0, 0.01), about(-0.2, 0.02), Verdict.warning),
        (_share(0.0, 0.01), about(0.2, 0.02), Verdict.warning),
        (_share(0.0, 0.01), about(0.09, 0.02), Verdict.undecided),
        (_share(0.0, 0.01), about(float("nan"), 0.02), Verdict.undecided),
        (_share(0.3, 0.4), about(0.01, 0.02), Verdict.failing),
        (_share(0.2, 0.3), about(0.01, 0.02), Verdict.undecided),
    ],
)
def test_gc009_looks_for_flat_places_before_the_penalty_s_condition(
    flat: Quantity, mismatch: Quantity, expected: Verdict
) -> None:
    found = with_values("GC009", flat_share=flat, slope_mismatch=mismatch)
    assert verdict("GC009", found) is expected


def test_gc009_asks_no_slope_of_a_loss_without_a_penalty() -> None:
    found = lipschitz(tiny_game(), PLAN)
    assert verdict("GC009", found) is Verdict.sound


def _between(low: float, high: float) -> Quantity:
    return Quantity(value=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("generated", "real", "flat", "expected"),
    [
        (_between(1.9, 2.1), _between(1.9, 2.1), _share(0.0, 0.1), Verdict.sound),
        (_between(0.8, 0.9), _between(1.9, 2.1), _share(0.0, 0.1), Verdict.warning),
        (_between(0.9, 1.1), _between(1.9, 2.1), _share(0.0, 0.1), Verdict.undecided),
        (_between(1.9, 2.1), _between(1.9, 2.1), _share(0.3, 0.5), Verdict.warning),
        (_between(1.9, 2.1), _between(1.9, 2.1), _share(0.2, 0.3), Verdict.undecided),
    ],
)
def test_gc010_warns_of_thin_samples_and_of_latents_that_move_nothing(
    generated: Quantity, real: Quantity, flat: Quantity, expected: Verdict
) -> None:
    found = with_values(
        "GC010", dimension_generated=generated, dimension_real=real, deficient_share=flat
    )
    assert verdict("GC010", found) is expected


def test_gc010_does_not_judge_a_rank_where_batch_norm_mixes_samples() -> None:
    same = _between(1.9, 2.1)
    values = {"dimension_generated": same, "dimension_real": same}
    found = with_values("GC010", {"mixes": True}, **values, deficient_share=_share(0.0, 0.9))
    assert verdict("GC010", found) is Verdict.sound


def test_gc010_is_undecided_without_a_dimension_or_a_jacobian() -> None:
    found = measured("GC010")
    for name in ("dimension_real", "deficient_share"):
        kept = {k: q for k, q in found.quantities.items() if k != name}
        skipped = "too large" if name == "deficient_share" else ""
        judged = replace(found, quantities=kept, skipped=skipped)
        assert verdict("GC010", judged) is Verdict.undecided


@pytest.mark.parametrize(
    ("error", "fresh", "expected"),
    [
        (_between(0.0, 0.05), True, Verdict.sound),
        (_between(0.0, 0.05), False, Verdict.undecided),
        (_between(0.05, 0.2), True, Verdict.undecided),
        (_between(0.15, 0.2), True, Verdict.warning),
        (_between(0.15, 0.2), False, Verdict.warning),
    ],
)
def test_gc011_is_never_sound_on_data_the_discriminator_may_have_seen(
    error: Quantity, fresh: bool, expected: Verdict
) -> None:
    assert verdict("GC011", with_values("GC011", {"fresh": fresh}, calibration_error=error)) is (
        expected
    )
