"""One false alarm in a hundred reports: verdicts are corrected for all tests of a report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gancheck import audit, content
from gancheck.diagnosis import Plan, Quantity, Verdict
from gancheck.measures.coverage import coverage
from gancheck.measures.distances import distances
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.mode_tests import RELABELLINGS
from gancheck.measures.proportions import share
from tests.diagnostics.measured import measured, of_samples, with_values
from tests.oracles import tiny_game

PLAN = Plan(batch_size=32, batches=4, samples=300, gradient_batch=16, probes=8)


def test_a_report_corrects_for_the_tests_of_all_its_diagnostics() -> None:
    codes = ["GC004", "GC006", "GC007", "GC009", "GC010", "GC011"]
    report = audit.diagnose(tiny_game(), codes=codes, plan=PLAN)
    assert [f.code for f in report.findings] == codes
    raw = {(f.code, name): p.raw for f in report.findings for name, p in f.p_values.items()}
    together = holm({f"{code} {name}": p for (code, name), p in raw.items()})
    assert {code for code, _ in raw} == set(codes)
    assert len(raw) >= 10
    for code, name in raw:
        assert report[code].p_values[name] == together[f"{code} {name}"]
    assert report["GC006"].seconds > 0.0
    alone = audit.diagnose(tiny_game(), codes=["GC007"], plan=PLAN)["GC007"].p_values
    assert alone == holm({name: p.raw for name, p in report["GC007"].p_values.items()})


def test_a_verdict_that_one_diagnostic_alone_would_give_is_taken_back() -> None:
    """0.004 is below 1 % after two tests of its own, and not after all of a report."""
    shelf = content.diagnostics()
    x, y = np.random.default_rng(0).standard_normal((2, 400, 2))
    far = distances(x, y)
    far = replace(
        far,
        p_values={"mmd": 0.004, "sliced_w1": 0.9},
        quantities={**far.quantities, "relative_excess": Quantity(value=0.3, low=0.2, high=0.4)},
    )
    alone = [shelf["GC007"].judge(far), shelf["GC006"].judge(coverage(x, y))]
    assert alone[0].verdict is Verdict.warning
    together = audit._for_the_whole_report(alone)
    assert together[0].verdict is Verdict.undecided
    assert together[0].p_values["mmd"].raw == 0.004
    assert together[0].p_values["mmd"].corrected >= 0.012
    assert [f.code for f in together] == ["GC007", "GC006"]


def test_a_share_beyond_its_line_is_taken_back_by_the_tests_beside_it() -> None:
    """69 of 200 against a quarter: p = 0.002, an alarm for two tests and not for nine."""
    shelf = content.diagnostics()
    starved = with_values("GC004", {"loss": "minimax"}, saturated_share=share(69, 200))
    x, y = np.random.default_rng(0).standard_normal((2, 400, 2))
    alone = [
        shelf["GC004"].judge(of_samples(starved, 200)),
        shelf["GC006"].judge(coverage(x, y)),
        shelf["GC007"].judge(distances(x, y)),
        shelf["GC010"].judge(measured("GC010")),
    ]
    assert alone[0].verdict is Verdict.failing
    together = audit._for_the_whole_report(alone)
    saturated = together[0].p_values["saturated"]
    assert saturated.raw == alone[0].p_values["saturated"].raw < 0.005
    family = sum(len(f.p_values) for f in alone)
    assert family == 9
    assert saturated.corrected == pytest.approx(family * saturated.raw)
    assert saturated.corrected > 0.01
    assert together[0].verdict is Verdict.undecided
    assert "--only GC004" in together[0].remedy


def test_the_smallest_p_value_of_a_relabelling_is_an_alarm_among_all_tests_of_the_shelf() -> None:
    family = sum(len(d.tests) for d in content.diagnostics("game").values())
    smallest = 1.0 / (RELABELLINGS + 1)
    corrected = holm({"smallest": smallest}, beside=[0.5] * (family - 1))["smallest"].corrected
    assert family >= 18
    assert corrected == pytest.approx(family * smallest)
    assert corrected < ALPHA
