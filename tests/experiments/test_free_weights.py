"""The flows of free weights against scipy: prices by minimisation, time by an ODE solver."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from experiments.free_weights import EXACT_PRICE, exact_flow, learned_flow, start
from gancheck.games.data import moons, ring8
from gancheck.games.zoo import recipe
from gancheck.theory.losses import SCORE_LOSSES, s
from gancheck.training.state import State

if TYPE_CHECKING:
    from torch import nn

LOSSES = list(EXACT_PRICE)
SETTINGS: dict[str, Any] = {"rate": 0.1, "answers": 4, "warm_up": 300}


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("p", "q"), [(0.3, 0.3), (0.6, 0.01), (0.1, 0.8), (0.2, 0.0)])
def test_a_price_is_the_generators_loss_where_the_discriminators_is_least(
    loss: str, p: float, q: float
) -> None:
    real, fake, generator = (
        sp.lambdify(s, getattr(SCORE_LOSSES[loss], name)) for name in ("real", "fake", "generator")
    )
    found = minimize_scalar(lambda x: p * real(x) + q * fake(x), options={"xtol": 1e-12})
    price = EXACT_PRICE[loss](np.array([p]), np.array([q]))[0]
    assert price == pytest.approx(generator(found.x), abs=1e-7)  # a minimum is known to a root


@pytest.mark.parametrize("loss", LOSSES)
def test_the_exact_flow_is_the_theorems_differential_equation(loss: str) -> None:
    first = start(5, seed=3)
    p = np.full(5, 0.2)

    def slope(_: float, q: np.ndarray) -> np.ndarray:
        price = EXACT_PRICE[loss](p, q)
        return q * ((q * price).sum() - price)

    wanted = solve_ivp(slope, (0, 8), softmax(first), rtol=1e-9, atol=1e-12).y[:, -1]
    got = exact_flow(loss, first, rate=0.001, steps=8000)
    np.testing.assert_allclose(got, wanted, atol=2e-3)  # Euler's error, of the order of the rate


def test_the_exact_flow_keeps_every_mode_with_0_1_1_and_levels_the_survivors_of_the_other() -> None:
    for seed in range(6):
        first = start(8, seed)
        kept = exact_flow("lsgan", first, rate=0.05, steps=4000)
        np.testing.assert_allclose(kept, 1 / 8, atol=1e-3)
        dropped = exact_flow("lsgan-centred", first, rate=0.05, steps=4000)
        survivors = dropped[dropped > 0.1 / 8]
        assert 1 <= len(survivors) < 8
        np.testing.assert_allclose(survivors, 1 / len(survivors), rtol=1e-2)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_learned_discriminator_keeps_and_loses_the_modes_of_the_exact_flow(loss: str) -> None:
    steps, seed = 300, 4
    learned = learned_flow(recipe("ring8"), ring8(), loss, seed=seed, steps=steps, **SETTINGS)
    exact = exact_flow(loss, start(8, seed), rate=SETTINGS["rate"], steps=steps)
    assert ((learned >= 0.1 / 8) == (exact >= 0.1 / 8)).sum() >= 7
    assert learned.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_discriminator_is_the_one_that_a_training_of_this_seed_begins_with() -> None:
    made: list[nn.Module] = []
    own = recipe("ring8")

    def build(generator: torch.Generator) -> nn.Module:
        made.append(own.discriminator(generator))
        return made[-1]

    learned_flow(
        replace(own, discriminator=build), ring8(), "lsgan", seed=5, rate=0.1, steps=0,
        answers=1, warm_up=0,
    )  # fmt: skip
    wanted = State.fresh(own, seed=5, device=torch.device("cpu")).discriminator
    for a, b in zip(made[0].parameters(), wanted.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_seed_decides_everything_and_the_global_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    small: dict[str, Any] = {"rate": 0.1, "steps": 3, "answers": 1, "warm_up": 2}
    first, again, other = (
        learned_flow(recipe("ring8"), ring8(), "lsgan", seed=seed, **small) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_step_the_weights_are_the_first_ones() -> None:
    got = learned_flow(
        recipe("ring8"), ring8(), "lsgan", seed=7, rate=0.1, steps=0, answers=1, warm_up=3
    )
    np.testing.assert_allclose(got, softmax(start(8, 7)), rtol=1e-12)


def test_data_without_point_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="moons has none"):
        learned_flow(recipe("moons"), moons(), "lsgan", seed=0, rate=0.1, steps=1, answers=1, warm_up=0)  # fmt: skip
