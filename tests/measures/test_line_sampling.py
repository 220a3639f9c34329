"""Line sampling against gaps whose mass is known exactly, in coverage, width and cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr

from gancheck.diagnosis import NotApplicable
from gancheck.games.latents import (
    Latent,
    categorical,
    normal,
    product,
    truncated_normal,
    uniform,
)
from gancheck.measures.figures import figure_of
from gancheck.measures.line_sampling import GAP, gap_mass
from tests.drawn import references

if TYPE_CHECKING:
    from collections.abc import Callable

    Label = Callable[[torch.Tensor], torch.Tensor]

ALWAYS = 10**9  # hits that no count reaches: lines are drawn whatever the mass


def ramp(slope: float) -> Label:
    """G(z) = slope z_1, modes beyond +-1.5: the gap's mass is 2 Phi(1.5/slope) - 1."""

    def label(z: torch.Tensor) -> torch.Tensor:
        y = slope * z[:, 0]
        return torch.where(y.abs() < 1.5, GAP, (y > 0).long())

    return label


def repeats(d: int, slope: float, count: int, lines: int) -> tuple[float, float, float]:
    """Share of intervals that cover, their width against the ideal, Monte Carlo's calls per call.

    The ideal width is that of the normal interval with the estimator's true standard deviation,
    itself estimated from the repeats.
    """
    truth = float(2.0 * ndtr(1.5 / slope) - 1.0)
    found = [
        gap_mass(ramp(slope), normal(d), draws=10_000, lines=lines, enough=ALWAYS, seed=r)
        for r in range(count)
    ]
    ends = np.array([f.quantities["gap_mass"].interval for f in found])
    values = np.array([f.quantities["gap_mass"].value for f in found])
    sd = float(values.std(ddof=1))
    covered = float(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean())
    width = float((ends[:, 1] - ends[:, 0]).mean()) / (2.0 * 1.96 * sd)
    calls = float(np.mean([f.calls for f in found]))
    return covered, width, truth * (1.0 - truth) / sd**2 / calls


@pytest.mark.parametrize("d", [2, 16, 128])
def test_the_interval_covers_the_exact_ramp_in_forty_repeats(d: int) -> None:
    covered, width, _ = repeats(d, 1e3, 40, lines=500)
    # 95 % intervals: 34 of 40 or fewer cover with chance 0.014; the width's own error is 11 %
    assert covered >= 34 / 40
    assert width <= 1.3 * 1.25


@pytest.mark.slow
@pytest.mark.parametrize("slope", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("d", [2, 16, 128])
def test_the_interval_covers_and_is_hardly_wider_than_it_must_be(d: int, slope: float) -> None:
    covered, width, _ = repeats(d, slope, 200, lines=2000)
    print(f"\n| {d} | {slope:g} | {covered:.3f} | {width:.2f} |")
    assert covered >= 0.92
    assert width <= 1.3


@pytest.mark.parametrize("d", [2, 16, 128])
def test_a_mass_of_a_millionth_costs_a_five_hundredth_of_monte_carlo(d: int) -> None:
    *_, ratio = repeats(d, 1.2e6, 40, lines=500)
    print(f"\n| {d} | 1e-6 | {ratio:,.0f} |")
    assert ratio >= 500.0


@pytest.mark.parametrize(
    ("latent", "mass"),
    [
        (normal(3), lambda h: 2 * ndtr(h) - 1),
        (uniform(3), lambda h: h),
        (truncated_normal(3, threshold=0.8), lambda h: (2 * ndtr(h) - 1) / (2 * ndtr(0.8) - 1)),
        (product(normal(2), uniform(2)), lambda h: 2 * ndtr(h) - 1),
    ],
    ids=lambda v: v.law if isinstance(v, Latent) else "",
)
def test_every_line_law_gives_its_own_exact_mass(
    latent: Latent, mass: Callable[[float], float]
) -> None:
    slope = 1e5
    found = gap_mass(ramp(slope), latent, draws=2000, lines=2000)
    q = found.quantities["gap_mass"]
    assert found.method == "lines"
    assert found.jumps == 0
    # four standard errors: a false alarm of one in 16,000, with a fixed seed
    assert abs(q.value - mass(1.5 / slope)) < 4 * q.sampling_error
    assert q.sampling_error < 0.1 * q.value


def test_lines_stay_in_their_class_and_average_over_classes() -> None:
    """Class 0 bridges, class 1 has one mode: the mass is half of the ramp's."""
    slope = 1e4
    inner = ramp(slope)

    def label(z: torch.Tensor) -> torch.Tensor:
        return torch.where(z[:, 2] > 0.5, inner(z), 7)

    found = gap_mass(label, product(normal(2), categorical(2)), draws=2000, lines=4000)
    q = found.quantities["gap_mass"]
    truth = 0.5 * float(2 * ndtr(1.5 / slope) - 1)
    assert abs(q.value - truth) < 4 * q.sampling_error
    assert (found.per_line == 0.0).mean() > 0.4
    apart = gap_mass(lambda z: (z[:, 2] > 0.5).long(), product(normal(2), categorical(2)))
    assert apart.method == "counting"  # the classes are apart, and no class spans two components
    assert "of one component" in apart.because
    assert apart.quantities["gap_mass"].interval[0] == 0.0


def test_two_gaps_and_wide_ones_add_up_on_every_line() -> None:
    def label(z: torch.Tensor) -> torch.Tensor:
        x = z[:, 0]
        thin = (x + 1.0).abs() < 1e-5
        wide = (x - 1.0).abs() < 0.7
        kind = (x > -1.0).long() + (x > 1.0).long()
        return torch.where(thin | wide, GAP, kind)

    found = gap_mass(label, normal(2), draws=500, lines=2000, enough=ALWAYS)
    q = found.quantities["gap_mass"]
    truth = stats.norm.cdf(1.7) - stats.norm.cdf(0.3) + 2e-5 * stats.norm.pdf(1.0)
    assert abs(q.value - truth) < 4 * q.sampling_error


def test_one_line_in_one_dimension_is_exact() -> None:
    """In one dimension every line is the whole latent space, so each of them is the answer."""
    found = gap_mass(ramp(50.0), normal(1), draws=100, lines=30, enough=ALWAYS)
    truth = 2 * ndtr(1.5 / 50.0) - 1
    # both ends to a thousandth of the width
    assert np.allclose(found.per_line, truth, rtol=2e-3)


def test_enough_hits_are_counted() -> None:
    found = gap_mass(ramp(2.0), normal(4), draws=1000)
    assert found.method == "counting"
    assert found.calls == 1000
    q = found.quantities["gap_mass"]
    assert q.value == found.hits / 1000
    assert q.interval[0] < 2 * ndtr(0.75) - 1 < q.interval[1]
    with pytest.raises(NotApplicable, match="enough to count"):
        found.plot()


def test_a_generator_that_jumps_is_found_out() -> None:
    found = gap_mass(lambda z: (z[:, 0] > 0).long(), normal(3), draws=500, lines=200)
    assert found.jumps > 50
    assert found.quantities["gap_mass"].value == 0.0


def test_a_law_without_lines_is_counted_and_says_so() -> None:
    own = Latent(2, "mine", normal(2).draw, connected_support=True)
    found = gap_mass(ramp(1e5), own, draws=500)
    assert found.method == "counting"
    assert "'mine' does not say" in found.because
    high = found.quantities["gap_mass"].interval[1]
    assert 3.0 / 500 < high < 4.0 / 500  # the rule of three at 97.5 %


def test_the_same_seed_gives_the_same_lines_and_the_picture_draws() -> None:
    first, second = (gap_mass(ramp(1e4), normal(5), draws=500, lines=300, seed=3) for _ in "ab")
    assert np.array_equal(first.per_line, second.per_line)
    ax = first.plot(340)
    figure_of(ax).canvas.draw()
    assert sum(p.get_height() for p in ax.patches) == (first.per_line > 0).sum()
    assert references(ax) == [math.log10(first.quantities["gap_mass"].value)]
    assert len(first.table) == int((first.per_line > 0).sum())
    assert math.isclose(first.per_line.mean(), first.quantities["gap_mass"].value)


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        (lambda z: z[:, 0], {}, "one integer a latent"),
        (lambda z: torch.zeros(3).long(), {}, "one integer a latent"),
        (ramp(1.0), {"draws": 1}, "draws must be at least 2"),
        (ramp(1.0), {"lines": 1}, "lines must be at least 2"),
    ],
)
def test_labels_that_are_none_are_named(label: Label, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gap_mass(label, normal(2), **options)
