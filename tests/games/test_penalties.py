"""Gradient penalties against slopes known by hand and against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancheck.games.penalties import input_slopes, interpolate, interpolated_penalty, r1


@pytest.fixture
def critic() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 1)).double()


def samples(n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slope_by_hand(critic: nn.Sequential, x: np.ndarray) -> float:
    """|W1' (w2 * (1 - tanh^2))| of a two-layer perceptron, in numpy."""
    w1, b1 = (p.detach().numpy() for p in critic[0].parameters())
    w2 = critic[2].weight.detach().numpy()[0]
    return float(np.linalg.norm(w1.T @ (w2 * (1 - np.tanh(w1 @ x + b1) ** 2))))


def test_slopes_are_those_of_the_chain_rule_written_out(critic: nn.Sequential) -> None:
    x = samples(5)
    by_hand = [slope_by_hand(critic, row) for row in x.numpy()]
    np.testing.assert_allclose(input_slopes(critic, x).detach().numpy(), by_hand, rtol=1e-13)


def test_the_penalty_is_the_mean_squared_excess_of_slopes_at_the_drawn_points(
    critic: nn.Sequential,
) -> None:
    real, fake = samples(6), samples(4, seed=2)
    weight = torch.rand(4, generator=torch.Generator().manual_seed(9), dtype=torch.float64).numpy()
    points = real.numpy()[:4] + weight[:, None] * (fake.numpy() - real.numpy()[:4])
    expected = np.mean([(slope_by_hand(critic, x) - 1) ** 2 for x in points])
    value = interpolated_penalty(critic, real, fake, rng=torch.Generator().manual_seed(9))
    assert value.item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("of", ["weights", "fake"])
def test_the_penalty_differentiates_through_both_players_like_a_finite_difference(
    critic: nn.Sequential, of: str
) -> None:
    real, fake = samples(4), samples(4, seed=2).requires_grad_()
    target = critic[0].weight if of == "weights" else fake
    (gradient,) = torch.autograd.grad(interpolated_penalty(critic, real, fake), target)
    direction = torch.randn(
        target.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64
    )
    h, ends = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            target += sign * h * direction
            ends.append(interpolated_penalty(critic, real, fake).item())
            target -= sign * h * direction
    # the error of a central difference is of the order eps / h + h^2
    assert (gradient * direction).sum().item() == pytest.approx(
        (ends[0] - ends[1]) / (2 * h), abs=1e-8
    )


def test_r1_of_a_linear_discriminator_is_half_its_squared_slope_and_smooth_at_slope_zero() -> None:
    a = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert r1(lambda x: x @ a, samples(3)).item() == pytest.approx(12.5, rel=1e-14)
    flat = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    value = r1(lambda x: x @ flat, samples(3))
    (first,) = torch.autograd.grad(value, flat, create_graph=True)
    second = torch.stack([torch.autograd.grad(f, flat, retain_graph=True)[0] for f in first])
    assert torch.equal(second, torch.eye(3, dtype=torch.float64))


def test_at_a_vanishing_gradient_the_penalty_is_one_and_nothing_becomes_nan() -> None:
    flat = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    value = interpolated_penalty(lambda x: x @ flat, samples(3), samples(3, seed=2))
    (gradient,) = torch.autograd.grad(value, flat, create_graph=True)
    assert value.item() == 1.0
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_without_a_generator_the_points_are_the_same_at_every_call() -> None:
    real, fake = samples(8), samples(8, seed=2)
    before = torch.get_rng_state()
    assert torch.equal(interpolate(real, fake), interpolate(real, fake))
    assert torch.equal(torch.get_rng_state(), before)
    rng = torch.Generator().manual_seed(5)
    assert not torch.equal(interpolate(real, fake, rng=rng), interpolate(real, fake, rng=rng))


def test_every_point_lies_on_the_segment_between_its_real_and_its_fake_sample() -> None:
    real, fake = samples(50), samples(40, seed=2)
    points = interpolate(real, fake)
    share = (points - real[:40]) / (fake - real[:40])
    assert points.shape == (40, 3)
    assert torch.allclose(share, share[:, :1].expand(40, 3), rtol=1e-9)
    assert ((share >= 0) & (share <= 1)).all()


def test_float32_and_float64_see_the_same_points_up_to_rounding() -> None:
    real, fake = samples(20), samples(20, seed=2)
    single = interpolate(real.float(), fake.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), interpolate(real, fake), atol=1e-6)


def test_the_penalty_can_be_read_off_without_gradients(critic: nn.Sequential) -> None:
    real, fake = samples(4), samples(4, seed=2)
    with torch.no_grad():
        value = interpolated_penalty(critic, real, fake)
    assert not value.requires_grad
    assert value.item() == interpolated_penalty(critic, real, fake).item()


def test_samples_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(4, 3\) and \(4, 2\)"):
        interpolate(samples(4), samples(4)[:, :2])
