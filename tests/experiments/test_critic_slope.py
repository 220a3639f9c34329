"""The two optima against scipy, a trained critic against the theorem, the page's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from experiments.critic_slope import perform, planned
from experiments.critic_slope_page import best_slope, best_value, page, wrong_slope
from gancheck.rendering.experiment_page import Agreement


@pytest.mark.parametrize(("r", "la"), [(1.0, 0.1), (1.0, 3.0), (4.0, 1.0), (0.25, 1.0)])
def test_the_two_optima_are_those_that_scipy_finds(r: float, la: float) -> None:
    def loss(a: float) -> float:
        return -(r * a - la * (abs(a) - 1.0) ** 2)

    up = optimize.minimize_scalar(loss, bounds=(0.0, 50.0), method="bounded")
    assert up.x == pytest.approx(best_slope(r, la), abs=1e-4)
    assert -up.fun == pytest.approx(best_value(r, la), abs=1e-6)
    down = optimize.minimize_scalar(loss, bounds=(-5.0, -1e-9), method="bounded")
    wrong = wrong_slope(r, la)
    if wrong is None:  # the payoff only rises towards 0: no maximum on that side
        assert down.x == pytest.approx(0.0, abs=1e-3)
    else:
        assert down.x == pytest.approx(wrong, abs=1e-4)


def test_a_critic_ends_at_one_of_the_two_optima() -> None:
    for seed in range(2):
        c = next(c for c in planned(2, 300) if c["seed"] == seed and c["weight"] == 3.0)
        m = perform(c)
        wrong = wrong_slope(c["distance"], 3.0)
        assert wrong is not None
        off = min(abs(m["slope"] - best_slope(1.0, 3.0)), abs(m["slope"] - wrong))
        assert off < 0.05  # 300 steps instead of 800
        # the payoff is that of the mean slope less what its spread costs
        at_mean = m["gap"] - 3.0 * (abs(m["slope"]) - 1.0) ** 2
        assert at_mean - 3.0 * m["spread"] ** 2 <= m["payoff"] <= at_mean + 1e-9


def rows_with(stuck: int, ratio: float = 1.0) -> list[dict[str, Any]]:
    """Rows as they were predicted, the first seeds of r = la = 1 with the wrong sign."""
    out: list[dict[str, Any]] = []
    for c in planned(6, 3):
        if c["part"] == "points":
            r, la = c["distance"], c["weight"]
            slope, value = best_slope(r, la), best_value(r, la)
            if c["seed"] < stuck and (r, la) == (1.0, 1.0):
                slope = wrong_slope(r, la) or np.nan
                value = r * slope - la * (abs(slope) - 1.0) ** 2
            measured = {"slope": slope, "spread": 0.0, "payoff": value, "gap": r * slope}
        else:
            measured = {"left": 2.0 * ratio, "right": 2.0, "error": 0.01, "gap": 1.0, "mean": 1.9}
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


@pytest.mark.parametrize(
    ("stuck", "agreements"),
    [
        (0, [Agreement.supported, Agreement.supported]),
        (3, [Agreement.partly, Agreement.supported]),
        (6, [Agreement.partly, Agreement.supported]),
    ],
)
def test_critics_with_the_wrong_sign_are_counted_and_count_against(
    stuck: int, agreements: list[Agreement]
) -> None:
    made = page(rows_with(stuck), "x")
    assert [p.agreement for p in made.parts] == agreements
    assert made.headline.endswith(f"{stuck} are stuck with the wrong sign.")
    assert f"{42 - stuck} of 42" in made.headline
    assert len(made.conclusion) == 1 + (stuck > 0)


def test_a_condition_that_is_off_by_more_than_two_per_cent_contradicts() -> None:
    assert page(rows_with(0, ratio=1.03), "x").parts[1].agreement is Agreement.contradicted
    assert page(rows_with(0, ratio=1.01), "x").parts[1].agreement is Agreement.supported
