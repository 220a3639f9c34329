"""Coverage: how often it alarms on real against real, and how surely a dropped mode is found.

The whole null, with every other verdict, is in `test_error_rates`; here a part of it, with modes that
are found by linkage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from scipy import stats

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.games import data
from gancheck.measures.coverage import coverage

if TYPE_CHECKING:
    import numpy as np

LAWS = {"ring8": data.ring8(), "moons": data.moons(), "grid25": data.grid25()}


def draw(law: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x, labels = LAWS[law].labelled(n, torch.Generator().manual_seed(seed))
    return x.numpy(), labels.numpy()


def judged(found: Any) -> Any:
    return content.diagnostics()["GC006"].judge(found)


def most(draws: int, alpha: float = 0.01) -> int:
    """Alarms that 999 of 1000 repetitions of a test of this size do not exceed."""
    return int(stats.binom.ppf(0.999, draws, alpha))


@pytest.mark.parametrize(("law", "n", "draws"), [("ring8", 300, 20), ("moons", 300, 20)])
def test_real_against_real_alarms_no_more_often_than_stated(law: str, n: int, draws: int) -> None:
    raw: dict[str, int] = {}
    alarms = 0
    for seed in range(draws):
        found = coverage(draw(law, n, 2 * seed)[0], draw(law, n, 2 * seed + 1)[0], seed=seed)
        for name, p in found.p_values.items():
            raw[name] = raw.get(name, 0) + (p < 0.01)
        alarms += judged(found).verdict in (Verdict.warning, Verdict.failing)
    assert alarms <= most(draws)
    assert max(raw.values()) <= most(draws), raw


MANY = pytest.param(20, marks=pytest.mark.slow)


@pytest.mark.parametrize("draws", [4, MANY])
@pytest.mark.parametrize("modes", ["components", "labels", "centres"])
def test_a_dropped_mode_of_an_eighth_is_found_every_time(modes: str, draws: int) -> None:
    seen = 0
    for seed in range(draws):
        x, labels = draw("ring8", 1000, 2 * seed)
        g, of = draw("ring8", 1400, 2 * seed + 1)
        given: dict[str, Any] = {
            "components": {},
            "labels": {"labels": labels},
            "centres": {"centres": LAWS["ring8"].modes.numpy()},
        }[modes]
        found = coverage(x, g[of != seed % 8][:1000], seed=seed, **given)
        seen += found.p_values["missing"] < 0.01
        assert found.quantities["missing_modes"].value == 1.0
    print(f"\n| a mode of mass 0.125 dropped, {modes} | 1000 | alone | {seen} of {draws} |")
    assert seen == draws


@pytest.mark.parametrize("draws", [4, MANY])
def test_a_dropped_mode_is_failing_after_holm_at_1500_every_time(draws: int) -> None:
    """After Holm over the 17 tests of the largest report: six of these, eleven beside them."""
    judge: Any = content.diagnostics()["GC006"].judge
    seen = 0
    for seed in range(draws):
        x, _ = draw("ring8", 1500, 2 * seed)
        g, of = draw("ring8", 2100, 2 * seed + 1)
        found = coverage(x, g[of != seed % 8][:1500], seed=seed)
        finding = judge(found, beside=[0.5] * 11)
        seen += finding.verdict is Verdict.failing
        assert finding.title == "A mode of the data is missing"
        assert finding.p_values["missing"].raw <= finding.p_values["missing"].corrected < 0.01
    print(
        f"\n| a mode of mass 0.125 dropped | 1500 | after Holm over 17 tests | {seen} of {draws} |"
    )
    assert seen == draws
