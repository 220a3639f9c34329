"""Verdicts on games whose answer is known, and step bounds against the iteration itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancheck import content
from gancheck.diagnosis import Plan
from gancheck.games import analytic, latents
from gancheck.games.game import Game, StepRule
from gancheck.measures.local_spectrum import examine
from gancheck.measures.stability import Outcome, local_stability
from gancheck.measures.step_bounds import alternating_bound, simultaneous_bound
from gancheck.operators import GameJacobian
from gancheck.operators.budget import Budget
from tests.measures.random_games import known_games
from tests.oracles import jacobian_by_autograd, tiny_game

PLAN = Plan(batch_size=64, batches=4, samples=500, gradient_batch=16, probes=32)


def _judged(count: int, *, seed: int, sizes: tuple[int, int], formed: int) -> Counter:
    verdicts: Counter = Counter()
    for known in known_games(count, seed=seed, sizes=sizes):
        batch = known.game.sample(1)
        found = examine(known.game, GameJacobian(known.game, batch), batch, eta=1e-3, formed=formed)
        verdicts[known.stable, found.outcome] += 1
    return verdicts


def _no_wrong_certificate(verdicts: Counter, *, decided: float) -> None:
    assert verdicts[True, Outcome.unstable] == verdicts[False, Outcome.stable] == 0
    right = verdicts[True, Outcome.stable] + verdicts[False, Outcome.unstable]
    assert right >= decided * verdicts.total()


def test_forty_small_games_are_judged_without_a_wrong_certificate() -> None:
    _no_wrong_certificate(_judged(40, seed=1, sizes=(4, 60), formed=400), decided=0.8)


@pytest.mark.slow
@pytest.mark.parametrize("formed", [400, 0])
def test_two_hundred_small_games_are_judged_without_a_wrong_certificate(formed: int) -> None:
    """Whether the matrix is formed, or its Krylov space exhausted."""
    _no_wrong_certificate(_judged(200, seed=0, sizes=(4, 60), formed=formed), decided=0.8)


def test_games_too_large_to_be_formed_are_judged_without_a_wrong_certificate() -> None:
    """Those with an indefinite symmetric part must stay open: nothing cheap decides them."""
    _no_wrong_certificate(_judged(3, seed=5, sizes=(401, 420), formed=400), decided=0.5)


@given(
    a=st.floats(0.05, 3.0),
    b=st.floats(-3.0, 3.0),
    c=st.floats(0.05, 3.0),
    seed=st.integers(0, 100),
)
def test_step_bounds_are_those_at_which_the_iteration_itself_begins_to_grow(
    a: float, b: float, c: float, seed: int
) -> None:
    game = analytic.planted([(a, b), (c, 0.5)], seed=seed)
    q = local_stability(game).quantities
    j = GameJacobian(game, game.sample(1)).dense().numpy()
    for name, alternating in (("largest_step", False), ("largest_step_alternating", True)):
        h = q[name].value
        assert _grows(j, 2, 0.97 * h, alternating=alternating) < 1.0
        assert _grows(j, 2, 1.03 * (h + q[name].error), alternating=alternating) > 1.0


def _grows(j: np.ndarray, split: int, h: float, *, alternating: bool) -> float:
    """Growth a step of plain descent, player by player: ||M^N||^(1/N) for N = 2^30 (Gelfand)."""
    columns = []
    for before in np.eye(len(j)):
        theta = before.copy()
        theta[split:] -= h * (j @ before)[split:]
        theta[:split] -= h * (j @ (theta if alternating else before))[:split]
        columns.append(theta)
    power, log = np.stack(columns, axis=1), 0.0
    for _ in range(30):
        size = np.linalg.norm(power)
        power, log = (power / size) @ (power / size), 2.0 * (log + np.log(size))
    return float(np.exp((log + np.log(np.linalg.norm(power))) / 2.0**30))


def test_the_step_bound_is_the_one_that_the_theorem_derives() -> None:
    assert "step-bound-of-a-rotating-game" in content.theorems()
    for a, b in ((0.3, 1.0), (1.0, 0.0), (0.01, 2.0)):
        found = simultaneous_bound(np.array([a + 1j * b, a - 1j * b]), floor=1e-9)
        assert found == pytest.approx(2 * a / (a * a + b * b))


def test_alternating_bears_every_step_below_two_over_c_of_a_bilinear_game() -> None:
    """The circle |mu| = 1 that bilinear-step-radii derives, seen through a trace of damping."""
    assert "bilinear-step-radii" in content.theorems()
    j = np.array([[1e-5, 2.0], [-2.0, 1e-5]])
    game = analytic.linear_quadratic(torch.as_tensor(j), split=1)
    jacobian = GameJacobian(game, game.sample(1))
    found = alternating_bound(jacobian, split=1, start=1e-5, floor=0.0, matrix=j)
    assert found[0] == pytest.approx(2.0 / 2.0, rel=0.02)


def test_the_composed_map_by_products_has_the_bound_of_the_formed_one() -> None:
    game = analytic.planted([(0.1 + 0.01 * i, 1.0) for i in range(40)], seed=1)
    jacobian = GameJacobian(game, game.sample(1))
    options = {"split": 40, "start": 0.2, "floor": 1e-6}
    formed = alternating_bound(jacobian, matrix=jacobian.dense().numpy(), **options)
    free = alternating_bound(jacobian, **options)
    assert free[0] == pytest.approx(formed[0], rel=0.03)


def test_the_known_step_rescales_the_bounds_by_player() -> None:
    game = analytic.planted([(0.5, 1.0)])
    plain = local_stability(game).quantities
    game.step = StepRule(name="sgd", scale=torch.full((2,), 0.1, dtype=torch.float64))
    scaled = local_stability(game)
    assert scaled.step_known
    for name in ("largest_step", "largest_step_alternating"):
        q = scaled.quantities[name]
        assert q.unit == "steps in use"
        assert q.value == pytest.approx(10 * plain[name].value, rel=0.02)


def test_the_dirac_gan_s_verdicts_are_those_of_its_theorem() -> None:
    assert "dirac-gan-eigenvalues" in content.theorems()
    assert local_stability(analytic.dirac()).verdict is Outcome.undetermined
    assert local_stability(analytic.dirac("r1", gamma=0.5)).verdict is Outcome.stable
    assert local_stability(analytic.dirac("r1", gamma=-0.5)).verdict is Outcome.unstable


def test_a_batch_given_is_a_game_of_its_own() -> None:
    game = tiny_game()
    batch = game.sample(64, seed=3)
    found = local_stability(game, batch)
    truth = np.linalg.eigvals(jacobian_by_autograd(game, batch).numpy())
    assert found.complete
    assert len(found.eigenvalues) == len(truth)
    assert found.quantities["min_real"].value == pytest.approx(truth.real.min(), abs=1e-9)
    assert found.quantities["min_real"].sampling_error is None
    low, high, side = found.box
    assert low - 1e-12 <= truth.real.min() <= truth.real.max() <= high + 1e-12
    assert np.abs(truth.imag).max() <= side + 1e-12
    assert found.equilibrium is False
    assert len(found.discs) == len(found.eigenvalues)


def test_float32_games_are_judged_in_float64() -> None:
    double = tiny_game()
    single = tiny_game(dtype=torch.float32)
    batch = single.sample(64, seed=0)
    exact = replace(batch, real=batch.real.double(), latent=batch.latent.double())
    found = local_stability(single, batch).quantities["min_real"].value
    for p, q in zip(
        [*double.parameters("generator"), *double.parameters("discriminator")],
        [*single.parameters("generator"), *single.parameters("discriminator")],
        strict=True,
    ):
        p.data = q.detach().double()
    assert found == pytest.approx(
        local_stability(double, exact).quantities["min_real"].value, abs=1e-12
    )


def test_a_module_that_cannot_be_copied_is_judged_by_products_in_its_own_precision() -> None:
    game = tiny_game(dtype=torch.float32)

    def refuse() -> Game:
        raise RuntimeError("cannot be copied")

    batch = game.sample(64)
    exact = local_stability(game, batch)
    game.in_float64 = refuse
    found = local_stability(game, batch)
    assert found.quantities["min_real"].value == pytest.approx(
        exact.quantities["min_real"].value, abs=1e-4
    )
    assert found.verdict in (exact.verdict, Outcome.undetermined)


class _Bias(nn.Module):
    """x -> a number, or samples: one matrix of parameters and no more."""

    def __init__(self, matrix: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(matrix)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T


def test_growth_that_only_its_own_batch_shows_is_not_claimed_of_the_game() -> None:
    """E J is positive definite; one batch's Jacobian has a negative direction by noise alone."""
    n = 6

    def curved(score: object, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        # 0.5 g'(1 + noise) g with g read off the generator's output on a basis, noise from the data
        g = fake[0]
        noise = (real.T @ real) / len(real) - torch.eye(n, dtype=real.dtype)
        return 0.5 * g @ (0.3 * torch.eye(n, dtype=real.dtype) + noise) @ g

    def held(score: object, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return 0.5 * (score(torch.ones(1, n, dtype=real.dtype)) ** 2).sum()

    class Vector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.g = nn.Parameter(torch.zeros(n, dtype=torch.float64))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.g.expand(len(z), n)

    game = Game(
        Vector(),
        _Bias(torch.zeros(1, n, dtype=torch.float64)),
        loss=(curved, held),
        latent=latents.normal(1),
        data=lambda count, rng: torch.randn(count, n, generator=rng, dtype=torch.float64),
    )
    plan = Plan(batch_size=12, batches=4, gradient_batch=8)
    claimed = on_batch = 0
    for seed in range(12):
        batch = game.sample(12, seed=100 * seed)
        on_batch += local_stability(game, batch).verdict is Outcome.unstable
        claimed += (
            local_stability(game, plan=replace(plan, seed=100 * seed)).verdict is Outcome.unstable
        )
    assert on_batch >= 6
    assert claimed == 0


def test_a_budget_ends_the_measurement_with_what_there_is() -> None:
    game = analytic.planted([(0.5 + 0.001 * i, 1.0) for i in range(300)])
    for products in (1, 30, 100, 300):
        budget = Budget(products=products)
        found = local_stability(game, budget=budget)
        assert budget.spent <= products
        assert found.verdict is not Outcome.unstable
        assert found.because
        if products <= 30:
            assert found.stopped
        if products == 1:
            assert found.verdict is Outcome.undetermined
    assert local_stability(game).verdict is Outcome.stable
    sampled = local_stability(tiny_game(), plan=PLAN, budget=Budget(products=80))
    assert sampled.stopped


def test_the_page_of_steps_tells_what_converged_from_what_certifies() -> None:
    found = local_stability(analytic.planted([(0.5 + 0.001 * i, 1.0) for i in range(300)]))
    said = found.provenance
    assert 0 < said["steps_that_converged"] <= said["steps_run"]
    assert said["steps_that_certify"] > 0
    assert 0.0 < said["no_real_part_below"] <= 0.5
    assert "probability 0.999" in found.because


def test_the_plan_is_announced_before_the_long_computation() -> None:
    told: list[str] = []
    local_stability(tiny_game(), plan=PLAN, announce=told.append)
    assert len(told) == 1
    assert told[0].startswith("local stability: 59 parameters")


def test_eta_must_be_a_chance() -> None:
    with pytest.raises(ValueError, match="eta must be between 0 and 1"):
        local_stability(analytic.dirac(), eta=0.0)


@pytest.mark.parametrize("width", [690, 340])
def test_the_figure_draws_for_whole_partial_and_empty_spectra(width: int) -> None:
    big = analytic.planted([(0.5 + 0.001 * i, 1.0) for i in range(300)])
    for found in (
        local_stability(tiny_game(), plan=PLAN),
        local_stability(analytic.bilinear()),
        local_stability(big, budget=Budget(products=60)),
        local_stability(big, budget=Budget(products=1)),
    ):
        found.plot(width).get_figure().canvas.draw()
