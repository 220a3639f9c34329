"""The bound against the clamp that attains it, a tiny training, the page's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.gap import mass_between, perform, planned
from experiments.gap_page import page
from gancheck.rendering.experiment_page import Agreement


@pytest.mark.parametrize(("lipschitz", "distance"), [(1.0, 0.5), (4.0, 2.0), (3.0, 0.1)])
def test_a_clamped_line_attains_the_bound(lipschitz: float, distance: float) -> None:
    z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    x = np.clip(lipschitz * z, -distance / 2.0, distance / 2.0)
    left = float((x <= -distance / 2.0).mean())
    between = float((np.abs(x) < distance / 2.0).mean())
    # a grid of 200,000 quantiles is right to 1e-5
    assert mass_between(left, distance, lipschitz) == pytest.approx(between, abs=2e-5)


def test_a_share_of_nothing_or_all_demands_nothing() -> None:
    assert mass_between(0.0, 1.0, 1.0) == mass_between(1.0, 1.0, 1.0) == 0.0


def test_a_short_training_is_counted_and_bounded() -> None:
    one, many = (perform(c) for c in planned(1, 20)[:2])
    for m in (one, many):
        assert m["left"] + m["right"] + m["between"] == pytest.approx(1.0)
        assert m["low"] <= m["between"] <= m["high"]
    assert one["slope"] <= one["lipschitz"]
    assert one["bound"] <= one["high"]
    assert "bound" not in many


def rows_with(*, between: float, many: float) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for c in planned(8, 3):
        share = between if c["kind"] == "one" else many
        measured = {
            "left": 0.5, "right": 0.5 - share, "between": share, "low": 0.9 * share,
            "high": 1.1 * share,
        }  # fmt: skip
        if c["kind"] == "one":
            measured |= {"lipschitz": 9.0, "slope": 4.0, "bound": 0.02, "estimate": 0.04}
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


@pytest.mark.parametrize(
    ("between", "many", "agreements"),
    [
        (0.05, 0.01, [Agreement.supported, Agreement.supported]),
        (0.05, 0.05, [Agreement.supported, Agreement.open]),
        (0.05, 0.07, [Agreement.supported, Agreement.contradicted]),
        (0.01, 0.0, [Agreement.contradicted, Agreement.supported]),
    ],
)
def test_the_page_says_what_the_rows_say(
    between: float, many: float, agreements: list[Agreement]
) -> None:
    made = page(rows_with(between=between, many=many), "x")
    assert [p.agreement for p in made.parts] == agreements
    count = 32 if between > 0.02 else 0
    assert made.headline.startswith(f"{count} of 32 single generators")


def test_a_generator_that_reaches_one_side_owes_nothing() -> None:
    rows = rows_with(between=0.05, many=0.01)
    for row in rows:
        if row["configuration"]["kind"] == "one":
            row["measured"] |= {"left": 0.0, "low": 0.0, "high": 0.0}
    assert page(rows, "x").parts[0].agreement is Agreement.open
