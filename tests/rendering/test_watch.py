"""What was seen while a game was trained becomes panels with errors, and samples of a few moments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gancheck import content
from gancheck.diagnosis import Gallery, Report
from gancheck.rendering import render_report
from gancheck.rendering.on_the_way import few, samples_on_the_way
from gancheck.rendering.watch import looks_figure, series

if TYPE_CHECKING:
    from collections.abc import Mapping


def seen(code: str, quantity: str, values: Mapping[int, float | None]) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "code": code,
            "verdict": "sound",
            "quantity": quantity,
            "value": value,
            "low": None if value is None else value - 0.5,
            "high": None if value is None else value + 0.25,
        }
        for step, value in values.items()
    ]


def test_both_ends_of_a_spectrum_share_a_panel_and_every_point_has_its_interval() -> None:
    looks = [
        *seen("GC001", "top_generator_fresh", {20: 3.0, 10: 2.0}),
        *seen("GC001", "bottom_generator_fresh", {10: -1.0, 20: math.nan, 30: -2.0}),
        *seen("GC001", "trace_generator", {10: 9.0, 20: 9.0}),
    ]
    ((title, curves),) = series(looks, content.diagnostics("game")).items()
    assert title == "GC001 G, largest and smallest curvature on fresh data"
    assert curves == [
        [(10.0, 2.0, 1.5, 2.25), (20.0, 3.0, 2.5, 3.25)],
        [(10.0, -1.0, -1.5, -0.75), (30.0, -2.0, -2.5, -1.75)],
    ]


def test_what_a_shelf_follows_is_what_it_measures_and_names() -> None:
    followed = [
        (diagnostic, name)
        for diagnostic in content.diagnostics("game").values()
        for names in diagnostic.followed.values()
        for name in names
    ]
    assert {d.code for d, _ in followed} == {"GC001", "GC004"}
    assert all(name in d.labels for d, name in followed)


def test_seen_once_or_never_is_no_curve_and_what_is_unknown_is_drawn_by_its_name() -> None:
    known = content.diagnostics("game")
    assert series(seen("GC005", "bridge_mass", {10: 0.2}), known) == {}
    assert series([{"step": 10, "code": "GC005", "because": "NaN"}] * 2, known) == {}
    stranger = series(seen("GC999", "some_number", {1: 1.0, 2: 2.0}), known)
    assert list(stranger) == ["GC999 some number"]
    # the number that stands in on the card where its own was not measured
    alone = series(seen("GC003", "rotation", {1: 0.5, 2: 0.4}), known)
    assert list(alone) == [f"GC003 {known['GC003'].labels['rotation']}"]


def test_a_ratio_over_many_decades_is_drawn_on_a_logarithmic_scale() -> None:
    wide = {"a": [[(1.0, 1.0, 0.9, 1.1), (2.0, 5000.0, 4000.0, 6000.0)]]}
    crossing = {"a": [[(1.0, 0.0, -1.0, 1.0), (2.0, 5000.0, 4000.0, 6000.0)]]}
    assert looks_figure(wide, 690).axes[0].get_yscale() == "log"
    assert looks_figure(crossing, 690).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 7, 100])
def test_few_moments_hold_the_first_and_the_last(n: int) -> None:
    steps = list(range(0, 10 * n, 10))
    chosen = few(steps)
    assert len(chosen) == len(set(chosen)) == min(n, 5)
    assert (chosen[0], chosen[-1]) == (steps[0], steps[-1])


def points(shift: float) -> Gallery:
    rng = np.random.default_rng(0)
    return Gallery(kind="points", generated=rng.normal(size=(9, 2)) + shift, real=np.eye(2))


def images() -> Gallery:
    rng = np.random.default_rng(0)
    return Gallery(kind="images", generated=rng.random((30, 8, 8)), real=rng.random((3, 8, 8)))


def test_samples_of_five_moments_stand_on_the_page_by_step() -> None:
    report = Report(findings=[], sampled=[(s, points(0.01 * s)) for s in range(60, -1, -10)])
    page = render_report(report)
    assert "Samples on the way" in page
    assert "No training metrics came" not in page  # something of the way is there
    found = [f"step {s}" for s in range(0, 61, 10) if f">step {s}<" in page]
    assert found == ["step 0", "step 20", "step 30", "step 40", "step 60"]
    ids = [part.split('"')[0] for part in page.split('id="')[1:]]
    assert len(ids) == len(set(ids))
    rows = str(samples_on_the_way([(1, images()), (5, images())]))
    assert rows.count("<img ") == 24
    assert "Generated at step 5" in rows


def test_one_moment_is_no_way() -> None:
    assert samples_on_the_way([]) == samples_on_the_way([(3, images())]) == ""
    assert "Samples on the way" not in render_report(Report(findings=[], sampled=[(3, images())]))
