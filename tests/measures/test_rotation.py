"""Rotation against dense matrices, closed forms, and games whose expected Jacobian is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from gancheck import content
from gancheck.diagnosis import Plan
from gancheck.games import analytic
from gancheck.games.batch import EarlierPoint
from gancheck.measures.cross_batch import BATCHES, cross_batch
from gancheck.measures.path import path_angle
from gancheck.measures.rotation import rotation
from gancheck.operators import GameJacobian
from gancheck.operators.budget import Budget
from gancheck.operators.frobenius import probes, share_of, shared_basis
from tests.measures.rotating_games import POPULATIONS, population
from tests.oracles import jacobian_by_autograd, tiny_game

if TYPE_CHECKING:
    from gancheck.games.game import Game

PLAN = Plan(batch_size=64, batches=4, samples=500, gradient_batch=16, probes=32)


def _cross_batch_covers(name: str, repeats: int) -> None:
    """At 64 samples a batch: unbiased, and 90 to 99 % of the intervals hold the truth."""
    known = POPULATIONS[name]()
    truth = [*known.squares, share_of(known.squares)]
    covered, found, one = np.zeros(3), [], []
    for r in range(repeats):
        seed = 100_000 * r
        first = GameJacobian(known.game, known.game.sample(64, seed=seed))
        basis = shared_basis(first, 3, seed=r)
        w = probes(first, 6, seed=r + 77_777)
        crossed = cross_batch(known.game, 64, range(seed + 1, seed + 1 + BATCHES), basis, w)
        numbers = [*crossed.squares(), crossed.share()]
        covered += [
            q.interval[0] <= t <= q.interval[1] for q, t in zip(numbers, truth, strict=True)
        ]
        found.append([q.value for q in numbers])
        one.append(crossed.one_batch())
    values = np.array(found)
    error = values.std(0) / repeats**0.5
    assert (np.abs(values[:, :2].mean(0) - truth[:2]) <= 3.5 * error[:2]).all()
    # 30 repeats: below 0.75 with 0.3 % where 93 % is true; all 30 may cover
    low, high = (0.90, 0.99) if repeats >= 200 else (0.75, 1.0)
    assert (covered / repeats >= low).all()
    assert (covered / repeats <= high).all()
    if name != "little noise":
        assert float(np.mean(one, 0).sum()) > 1.5 * known.squares.sum()


def test_products_between_batches_are_unbiased_where_one_batch_is_off_by_a_factor() -> None:
    _cross_batch_covers("noise that turns", 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", POPULATIONS)
def test_intervals_of_the_expected_game_cover_in_two_hundred_repeats(name: str) -> None:
    _cross_batch_covers(name, 200)


def test_the_expected_jacobian_of_the_population_is_the_one_written_down() -> None:
    known = population(4, turn=3.0, pull=1.0, noise=1e-9)
    j = GameJacobian(known.game, known.game.sample(4)).dense()
    assert torch.allclose(j, known.expected, atol=1e-7)


def test_noise_falls_like_one_over_the_size_and_the_settling_size_follows_from_it() -> None:
    known = POPULATIONS["noise that turns"]()
    found = rotation(known.game, plan=replace(PLAN, batch_size=64, probes=64))
    q = found.quantities
    # noise in closed form: each entry of the blocks has variance noise^2/size
    k, noise = 25, 3.0
    upper, lower = 2 * noise**2 / 64, noise**2 / 64  # of (M + N)' and of -M
    shared = noise**2 / 64  # their covariance, with the sign of A
    a = known.squares[0] + k * k * (upper + lower + 2 * shared) / 2
    s = known.squares[1] + k * k * (upper + lower - 2 * shared) / 2
    assert found.growth[-1, 1] == pytest.approx((a / (a + s)) ** 0.5, abs=0.02)
    assert q["rotation_expected"].value < q["rotation"].value - 0.05
    # solved by hand for the size at which the share of one batch is 1.05 of the expected one
    x, y = known.squares
    share, over = x / (x + y), 1.05**2 * x / (x + y)
    noise_a, noise_s = 64 * (a - x), 64 * (s - y)
    size = (noise_a - over * (noise_a + noise_s)) / ((over - share) * (x + y))
    low, high = q["settling_batch_rotation"].interval
    assert low <= size <= high


def test_the_share_of_a_small_gan_is_the_dense_one_exactly() -> None:
    game = tiny_game()
    batch = game.sample(64, seed=0)
    found = rotation(game, batch, plan=PLAN)
    j = jacobian_by_autograd(game, batch)
    a = 0.5 * (j - j.T)
    q = found.quantities
    assert q["rotation"].value == pytest.approx(float(a.norm() / j.norm()), rel=1e-12)
    assert q["rotation"].sampling_error is None
    assert "rotation_expected" not in q
    assert q["a_norm"].value == pytest.approx(float(torch.linalg.matrix_norm(a, 2)), rel=1e-4)
    assert q["max_imag"].value == pytest.approx(float(torch.linalg.eigvals(j).imag.max()), abs=1e-9)
    assert q["max_imag"].kind == "exact"
    v = GameJacobian(game, batch).field
    assert q["rotation_along_field"].value == pytest.approx(float((a @ v).norm() / (j @ v).norm()))


def test_probes_on_a_larger_game_cover_the_dense_share() -> None:
    game = analytic.planted([(1.0 / (1 + i), 0.4 / (1 + i)) for i in range(60)], seed=2)
    truth = 0.4 / (1.0 + 0.16) ** 0.5
    q = rotation(game, plan=replace(PLAN, probes=20)).quantities["rotation"]
    assert q.kind == "estimate"
    assert 0.0 < q.error < 0.05
    assert abs(q.value - truth) <= 2 * q.error


@pytest.mark.parametrize("hidden", [0.4, 3.0])
def test_a_rotation_inside_a_wide_spectrum_is_found(hidden: float) -> None:
    """A pair 250 +- i b among 500 real eigenvalues: no search from the sides would meet it."""
    pairs = [(float(i), 0.0) for i in range(250)]
    pairs[125] = (125.0, hidden)
    found = rotation(analytic.planted(pairs, seed=1), plan=replace(PLAN, probes=8)).quantities
    assert found["max_imag"].value == pytest.approx(hidden, rel=1e-3)
    low, high = found["max_imag"].interval
    assert low <= hidden <= high * (1 + 1e-6)


def test_what_is_exact_for_one_batch_is_not_called_exact_for_the_game() -> None:
    """Two seeds give two numbers: a comparison of their reports must not call that a change."""
    found = [rotation(tiny_game(), plan=replace(PLAN, seed=s)).quantities for s in (0, 1)]
    along = [q["rotation_along_field"] for q in found]
    assert along[0].value != along[1].value
    assert {(q.kind, q.sampling_error) for q in along} == {("estimate", None)}


@pytest.mark.parametrize(
    ("game", "share", "imag"),
    [
        (analytic.bilinear(c=2.0), 1.0, 2.0),
        (analytic.potential(), 0.0, 0.0),
        (analytic.dirac(), 1.0, 0.5),
    ],
)
def test_games_of_the_theory_have_the_share_that_their_theorem_derives(
    game: Game, share: float, imag: float
) -> None:
    assert "game-jacobian-splits" in content.theorems()
    q = rotation(game).quantities
    assert q["rotation"].value == pytest.approx(share, abs=1e-12)
    assert q["rotation"].kind == "exact"
    assert q["max_imag"].value == pytest.approx(imag, abs=1e-12)


def test_a_budget_ends_the_measurement_with_what_there_is() -> None:
    game = tiny_game()
    for products in (1, 10, 50, 150, 400):
        budget = Budget(products=products)
        found = rotation(game, plan=PLAN, budget=budget)
        assert budget.spent <= products
        assert found.stopped
        assert ("rotation" in found.quantities) == (products > 30)
    assert not rotation(game, plan=PLAN).stopped
    late = rotation(game, plan=PLAN, budget=Budget(seconds=1e-9))
    assert late.stopped
    assert "rotation" not in late.quantities


def test_the_plan_is_announced_before_the_long_computation() -> None:
    told: list[str] = []
    rotation(tiny_game(), plan=PLAN, announce=told.append)
    assert len(told) == 1
    assert "products" in told[0]


@pytest.mark.parametrize("width", [690, 340])
def test_the_figure_draws_with_and_without_growth_and_where_nothing_was_measured(
    width: int,
) -> None:
    game = tiny_game()
    for found in (
        rotation(game, plan=PLAN),
        rotation(analytic.bilinear()),
        rotation(game, plan=PLAN, budget=Budget(products=1)),
    ):
        axes = np.atleast_1d(np.array(found.plot(width), dtype=object))
        axes[0].get_figure().canvas.draw()


def _with_earlier(game: Game, by: float) -> Game:
    here = torch.cat(
        [p.detach().reshape(-1) for q in ("generator", "discriminator") for p in game.parameters(q)]
    )
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(here.shape, generator=rng, dtype=here.dtype)
    game.earlier = EarlierPoint(parameters=here + by * noise, name="step 0")
    return game


def test_the_way_from_an_earlier_point_is_walked_where_one_is_known() -> None:
    game = _with_earlier(tiny_game(), 0.3)
    found = rotation(game, plan=replace(PLAN, probes=8))
    walked = path_angle(game.earlier.parameters, game, batch_size=64, batches=4)
    assert np.array_equal(found.path.angles, walked.angles)
    assert {k: found.quantities[f"path_{k}"] for k in walked.quantities} == walked.quantities
    assert found.provenance["path"]["from"] == "step 0"
    assert found.provenance["path"]["buffers"] == "of the end, frozen"
    for width in (690, 340):
        axes = found.plot(width)
        assert len(axes) == 4
        axes[0].get_figure().canvas.draw()


def test_without_another_earlier_point_or_budget_there_is_no_path_and_the_reason_is_given() -> None:
    plan = replace(PLAN, probes=8)
    for game, budget, reason in (
        (tiny_game(), None, "no earlier point"),
        (_with_earlier(tiny_game(), 0.0), None, "is this one"),
        (_with_earlier(tiny_game(), 0.3), Budget(products=60), "no room"),
    ):
        found = rotation(game, game.sample(16), plan=plan, budget=budget)
        assert found.path is None
        assert reason in found.provenance["path"]
        assert not [name for name in found.quantities if name.startswith("path_")]


def test_a_path_beside_one_batch_alone_is_on_that_batch() -> None:
    game = _with_earlier(tiny_game(), 0.3)
    batch = game.sample(16, seed=9)
    found = rotation(game, batch, plan=replace(PLAN, probes=8))
    assert np.array_equal(
        found.path.angles, path_angle(game.earlier.parameters, game, batch=batch).angles
    )
    assert found.quantities["path_angle_at_end"].sampling_error is None
    found.plot(690)[0].get_figure().canvas.draw()
