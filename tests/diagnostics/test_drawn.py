"""What a figure shows is what was measured: read back from its artists, in data units."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import same_color
from matplotlib.patches import Rectangle, StepPatch
from scipy import stats
from torch import nn

from gancheck.games import latents
from gancheck.games.batch import EarlierPoint
from gancheck.games.game import Game
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.data_gaps import data_gaps
from gancheck.measures.figures import (
    DISCRIMINATOR,
    FAILING,
    GENERATOR,
    MUTED,
    PAPER,
    REAL,
    WASH,
)
from gancheck.measures.generator_signal import generator_signal
from gancheck.measures.joining_curve import joining_curve
from gancheck.measures.lipschitz import lipschitz
from gancheck.measures.path import path_angle
from gancheck.measures.rotation import rotation
from gancheck.measures.spectrum import _WIDTH
from gancheck.operators import Hessian
from tests.diagnostics.measured import PLAN, measured
from tests.drawn import assert_density, dots, ends, intervals, lines, ordered, panels, references
from tests.oracles import tiny_game


def test_a_spectrum_is_drawn_with_its_ends_where_the_formed_matrix_has_them() -> None:
    found, game = measured("GC001"), tiny_game()
    axes = panels(found.plot(690))
    for ax, player in zip(axes, ("generator", "discriminator"), strict=False):
        matrix = Hessian(game, player, game.sample(PLAN.batch_size, seed=PLAN.seed)).dense()
        truth = np.linalg.eigvalsh(matrix.numpy())
        (ticks,) = (c for c in ax.collections if isinstance(c, LineCollection))
        drawn = np.array([float(s[0][0]) for s in ticks.get_segments()])
        off = np.abs(drawn[:, None] - truth).min(axis=1)
        assert (off <= 1e-3 * np.abs(truth).max()).all()  # the tolerance of the search
        assert drawn[[0, -1]] == pytest.approx(truth[[0, -1]], rel=1e-3)
        (shade,) = (c for c in ax.collections if isinstance(c, PolyCollection))
        x, y = shade.get_paths()[0].vertices.T
        at = np.unique(x)
        count = np.array([y[x == here].max() for here in at])
        linear = float(ax.xaxis.get_transform().linthresh)
        nodes, weights = found.density[player].points
        assert (len(truth), weights.sum()) == (found.size[player], pytest.approx(1.0))
        away = (np.arcsinh(at / linear)[:, None] - np.arcsinh(nodes / linear)) / _WIDTH
        expected = len(truth) * stats.norm.pdf(away) @ weights
        assert np.allclose(count, np.maximum(expected, y.min()), rtol=1e-9)


def test_the_batch_s_part_is_drawn_at_the_sizes_it_was_measured_at_with_its_error() -> None:
    found = measured("GC001")
    ax = panels(found.plot(690))[2]
    for player, colour in (("generator", GENERATOR), ("discriminator", DISCRIMINATOR)):
        growths = found.growth[player]
        truth = [(g.size, g.gap[0] / growths[-1].scale) for g in growths]
        assert np.allclose(dots(ax, colour), truth)
        (bar,) = (
            c
            for c in ax.collections
            if isinstance(c, LineCollection) and same_color(c.get_color(), colour)
        )
        tall = [float(s[1][1] - s[0][1]) for s in bar.get_segments()]
        assert np.allclose(tall, [2.0 * g.gap[1] / growths[-1].scale for g in growths])


def test_eigenvalues_of_the_game_are_dots_in_their_discs_and_bendixson_s_box() -> None:
    found = measured("GC002")
    ax = found.plot(690)
    mine = found.in_generator >= 0.5
    for of, colour in ((mine, GENERATOR), (~mine, DISCRIMINATOR)):
        values = found.eigenvalues[of]
        assert np.array_equal(
            dots(ax, colour), ordered(np.column_stack([values.real, values.imag]))
        )
    circles = lines(ax, FAILING)
    assert len(circles) == len(found.eigenvalues)
    for circle, value, radius in zip(circles, found.eigenvalues, found.discs, strict=True):
        away = np.hypot(circle[:, 0] - value.real, circle[:, 1] - value.imag)
        assert np.allclose(away, radius, rtol=1e-9, atol=1e-12)
    (box,) = (c for c in ax.collections if same_color(c.get_facecolor()[0], WASH))
    low, high, side = found.box
    extent = box.get_paths()[0].get_extents()
    assert (extent.x0, extent.x1, extent.y0, extent.y1) == pytest.approx((low, high, -side, side))


def test_the_share_of_rotation_its_growth_and_the_way_here_are_drawn_as_measured() -> None:
    found = measured("GC003")
    shares, growth = panels(found.plot(690))
    q = found.quantities
    drawn = intervals(shares, GENERATOR)
    truth = [ends(q[name]) for name in ("rotation_expected", "rotation")]
    assert drawn == [(max(a, 0.0), value, min(b, 1.0)) for a, value, b in truth]
    assert references(shares) == [0.5]
    assert np.array_equal(dots(growth, GENERATOR), found.growth)
    assert any(np.array_equal(line, found.curve) for line in lines(growth, MUTED))


def test_the_way_here_is_drawn_walk_by_walk_with_its_mean() -> None:
    end, start = tiny_game(), tiny_game(seed=1)
    walked = path_angle(start, end, batch_size=16, batches=4)
    for ax, each in zip(panels(walked.plot(690)), (walked.angles, walked.norms), strict=True):
        drawn = lines(ax, GENERATOR)
        assert len(drawn) == len(each) + 1
        for line, values in zip(drawn, [*each, each.mean(0)], strict=True):
            assert np.array_equal(line[:, 0], walked.alphas)
            assert np.array_equal(line[:, 1], values)
        assert references(ax) == [1.0]
    ends_of = walked.angles[:, np.argmin(np.abs(walked.alphas - 1.0))]
    assert walked.quantities["angle_at_end"].value == pytest.approx(ends_of.mean())


def test_a_game_with_an_earlier_point_shows_the_way_beside_the_share() -> None:
    game = tiny_game()
    here = [p.detach().reshape(-1) for q in ("generator", "discriminator") for p in game.parameters(q)]  # fmt: skip
    game.earlier = EarlierPoint(parameters=torch.cat(here) * 0.9, name="step 0")
    found = rotation(game, game.sample(16), plan=PLAN)
    _, angle, norm = panels(found.plot(690))
    assert np.array_equal(lines(angle, GENERATOR)[0][:, 1], found.path.angles[0])
    assert np.array_equal(lines(norm, GENERATOR)[0][:, 1], found.path.norms[0])


def test_logits_are_histograms_and_single_samples_stand_at_their_ratio() -> None:
    found = measured("GC004")
    top, bottom = panels(found.plot(690))
    assert_density(top, GENERATOR, found.fake_logits)
    assert_density(top, REAL, found.real_logits)
    logit = np.log(found.single_d / (1.0 - found.single_d))
    drawn = dots(bottom, GENERATOR)
    assert np.allclose(drawn, ordered(np.column_stack([logit, found.single_ratio])), rtol=1e-9)
    # on the theorem's line, as the quantity beside the figure says
    off = np.abs(drawn[:, 1] / np.exp(-drawn[:, 0]) - 1.0).max()
    assert off == pytest.approx(found.quantities["theorem_deviation"].value, rel=1e-6, abs=1e-12)


def test_scores_of_a_critic_and_the_alignment_of_its_minibatches_are_counted() -> None:
    torch.manual_seed(0)
    game = Game(
        nn.Linear(2, 2), nn.Linear(2, 1), loss="wgan", latent=latents.normal(2),
        data=torch.randn(200, 2, generator=torch.Generator().manual_seed(0)),
    )  # fmt: skip
    found = generator_signal(game, PLAN)
    top, bottom = panels(found.plot(690))
    assert_density(top, GENERATOR, found.fake_scores)
    assert_density(top, REAL, found.real_scores)
    (counts,) = (p.get_data() for p in bottom.patches if isinstance(p, StepPatch))
    assert counts.values.sum() == len(found.alignment)
    middles = 0.5 * (counts.edges[1:] + counts.edges[:-1])
    mean = float((counts.values * middles).sum() / counts.values.sum())
    assert mean == pytest.approx(found.alignment.mean(), abs=np.diff(counts.edges).max() / 2)


def bridged() -> Any:
    """Three blobs, of which the first two are joined by samples."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 30.0]])
    real = np.concatenate([c + rng.standard_normal((300, 2)) for c in centres])
    between = np.linspace([3.0, 0.0], [27.0, 0.0], 60) + 0.1 * rng.standard_normal((60, 2))
    fake = np.concatenate([*(c + rng.standard_normal((80, 2)) for c in centres), between])
    return bridge_mass(real, fake)


def test_bridging_samples_are_the_red_ones_and_squares_are_the_masses_of_their_gaps() -> None:
    found = bridged()
    scatter, pairs, *_ = panels(found.plot(690))
    assert 0 < found.bridging.sum() < len(found.bridging)
    assert np.array_equal(dots(scatter, FAILING), ordered(found.generated[found.bridging]))
    assert np.array_equal(dots(scatter, GENERATOR), ordered(found.generated[~found.bridging]))
    assert np.array_equal(dots(scatter, REAL), ordered(found.real))
    said = [float(x) for x in re.findall(r"[\d.]+", scatter.get_title(loc="left"))]
    low, mass, high = (100.0 * x for x in ends(found.quantities["bridge_mass"]))
    assert said == pytest.approx([mass, low, high], rel=0.06)  # two digits
    squares = [p for p in pairs.patches if isinstance(p, Rectangle)]
    where = np.argwhere(found.pairs > 0.0)
    assert len(squares) == len(where) > 0
    for square, (i, j) in zip(squares, where.tolist(), strict=True):
        assert square.get_x() + square.get_width() / 2 == pytest.approx(j)
        share = max(found.pairs[i, j] / found.pairs.max(), 0.01)
        assert (square.get_width() / 0.8) ** 2 == pytest.approx(share)
        filled = same_color(square.get_facecolor(), FAILING)
        assert filled == bool(found.joined[i, j])
        assert filled != same_color(square.get_facecolor(), PAPER)


def test_the_curve_of_joining_is_the_measured_one_within_the_range_of_thirds() -> None:
    found = bridged()
    curve = joining_curve(
        data_gaps(np.concatenate([found.real, found.real + 0.01])), found.generated
    )
    ax = panels(replace(found, curve=curve).plot(690))[-1]
    (line,) = lines(ax, GENERATOR)
    assert np.array_equal(line, np.column_stack([curve.scale, curve.generated]))
    assert len(set(curve.generated.tolist())) > 1
    low, high = lines(ax, REAL)
    assert np.array_equal(low[:, 1], curve.real.min(axis=0))
    assert np.array_equal(high[:, 1], curve.real.max(axis=0))


def test_shares_of_modes_and_the_four_comparisons_stand_beside_the_real_ones() -> None:
    found = measured("GC006")
    modes, four = panels(found.plot(690))
    assert intervals(modes, GENERATOR) == [
        (row["low"], row["generated_share"], row["high"]) for row in found.rows
    ]
    strokes = sorted(dots(modes, REAL, "|").tolist(), key=lambda at: at[1])
    assert [x for x, _ in strokes] == [row["real_share"] for row in found.rows]
    names = ("precision", "recall", "density", "knn_coverage")
    assert intervals(four, GENERATOR) == [ends(found.quantities[name]) for name in names]
    assert intervals(four, REAL) == [ends(found.quantities[f"{name}_real"]) for name in names]


def test_distances_stand_in_units_of_the_larger_and_are_hollow_where_zero_is_possible() -> None:
    found = measured("GC007")
    both, excess = panels(found.plot(690))
    q = found.quantities
    shown = [n for n in ("w1", "sliced_w1", "sinkhorn", "mmd", "frechet") if n in q]
    unit = {n: max(abs(q[n].value), abs(q[f"{n}_real"].value)) for n in shown}
    for colour, suffix in ((GENERATOR, ""), (REAL, "_real")):
        drawn = [value for _, value, _ in intervals(both, colour)]
        assert np.allclose(drawn, [q[f"{n}{suffix}"].value / unit[n] for n in shown])
    rows = intervals(excess, GENERATOR)
    marks = [x for x in excess.lines if x.get_marker() == "o"]
    for name, (low, value, high), mark in zip(shown, rows, marks, strict=True):
        a, middle, b = (x / unit[name] for x in ends(q[f"{name}_excess"]))
        assert (low, value, high) == pytest.approx((max(a, -1.5), middle, min(b, 1.9)))
        assert same_color(mark.get_markerfacecolor(), PAPER) == (a <= 0.0 <= b)


def test_the_curve_of_nearest_distances_is_their_distribution() -> None:
    found = measured("GC008")
    ax = found.plot(690)
    for values, colour in ((found.generated, GENERATOR), (found.held_out, REAL)):
        ((x, y),) = (line.T for line in lines(ax, colour))
        for at in np.quantile(values, [0.1, 0.5, 0.9]):
            drawn = y[np.searchsorted(x, at, side="right") - 1]
            assert drawn == pytest.approx((values <= at).mean(), abs=1e-12)


def test_slopes_of_the_discriminator_are_histograms_and_layers_stand_at_their_norm() -> None:
    torch.manual_seed(0)
    bent = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))  # steep here and flat there
    data = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    game = Game(nn.Linear(2, 2), bent, loss="wgan-gp", latent=latents.normal(2), data=data)
    found = lipschitz(game, PLAN)
    top, bottom = panels(found.plot(690))
    kinds = (("real", REAL), ("generated", GENERATOR), ("between", DISCRIMINATOR))
    for kind, colour in kinds:
        assert_density(top, colour, found.slopes[kind])
    assert references(top) == pytest.approx([1.0, found.quantities["slope_predicted"].value])
    drawn = intervals(bottom, DISCRIMINATOR)[::-1]  # the first layer stands above the others
    assert drawn == [(x.norm, x.norm, x.upper) for x in found.layers]


def test_singular_values_are_median_and_range_and_dimensions_their_intervals() -> None:
    found = measured("GC010")
    top, bottom = panels(found.plot(690))
    s = found.spectra
    assert (s > 0.0).all()
    drawn = dots(top, GENERATOR)
    assert np.allclose(drawn[:, 1], np.median(s, axis=0))
    (band,) = (c for c in top.collections if isinstance(c, PolyCollection))
    edge = band.get_paths()[0].vertices
    for index in range(s.shape[1]):
        at = edge[edge[:, 0] == index + 1, 1]
        assert (at.min(), at.max()) == pytest.approx((s[:, index].min(), s[:, index].max()))
    for name, colour in (("real", REAL), ("generated", GENERATOR)):
        assert intervals(bottom, colour) == [ends(found.quantities[f"dimension_{name}"])]
    assert references(bottom) == [found.latent]


def test_the_reliability_diagram_is_red_where_the_stated_odds_leave_the_interval() -> None:
    found = measured("GC011")
    top, bottom = panels(found.plot(690))
    assert np.array_equal(
        dots(top, DISCRIMINATOR), ordered(np.column_stack([found.predicted, found.observed]))
    )
    off = ~((found.low <= found.predicted) & (found.predicted <= found.high))
    for colour, of in ((FAILING, off), (DISCRIMINATOR, ~off)):
        spans = [line for line in lines(top, colour) if len(line) == 2]
        truth = zip(found.predicted[of], found.low[of], found.high[of], strict=True)
        for span, (x, low, high) in zip(spans, truth, strict=True):
            assert span.tolist() == [[x, low], [x, high]]
    assert references(bottom) == pytest.approx([np.log(2.0)])
    names = [n for n in ("jsd_bound_rescaled", "jsd_bound") if n in found.quantities]
    drawn = intervals(bottom, DISCRIMINATOR)
    q = found.quantities
    assert drawn == [(q[n].interval[0], q[n].value, q[n].value) for n in names]
