"""The law along a line against draws from the latent itself, and against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gancheck.games.latents import (
    Latent,
    categorical,
    normal,
    product,
    truncated_normal,
    uniform,
)

CONTINUOUS = [
    normal(3),
    uniform(3),
    uniform(2, low=3.0, high=3.5),
    truncated_normal(3, threshold=0.7),
    product(normal(2), uniform(2)),
    product(normal(2), categorical(4)),
    product(categorical(2), truncated_normal(2, threshold=1.0), uniform(1)),
]


def directions(latent: Latent, m: int, seed: int) -> np.ndarray:
    u = np.random.default_rng(seed).standard_normal((m, latent.size))
    u[:, ~latent.along_lines().free] = 0.0
    return u / np.linalg.norm(u, axis=1, keepdims=True)


@pytest.mark.parametrize("latent", CONTINUOUS, ids=lambda v: v.law)
def test_where_a_draw_lies_on_its_line_is_uniform_in_the_law_s_own_measure(latent: Latent) -> None:
    """A draw stands at t = 0; given its line it has the line's law, so P(t <= 0) is uniform."""
    z = latent.sample(4000, torch.Generator().manual_seed(1)).numpy()
    lines = latent.along_lines().lines(z, directions(latent, 4000, 2))
    every, start = np.arange(4000), lines.grid(2)[:, 0]
    below = lines.mass(every, start, np.zeros(4000))
    assert stats.kstest(below, "uniform").pvalue > 1e-3  # fixed seed


@pytest.mark.parametrize("latent", CONTINUOUS, ids=lambda v: v.law)
def test_the_mass_of_an_interval_is_the_integral_of_the_joint_density(latent: Latent) -> None:
    z = latent.sample(5, torch.Generator().manual_seed(3)).numpy()
    u = directions(latent, 5, 4)
    lines = latent.along_lines().lines(z, u)
    grid = lines.grid(5)
    gaussian = np.repeat(
        [c.kind == "normal" for c in latent.coordinates], [c.size for c in latent.coordinates]
    )
    for i in range(5):

        def density(t: float, i: int = i) -> float:
            x = (z[i] + t * u[i])[gaussian]
            return float(np.exp(-0.5 * x @ x))

        whole = integrate.quad(density, grid[i, 0], grid[i, -1], epsabs=0.0)[0]
        part = integrate.quad(density, grid[i, 1], grid[i, 3], epsabs=0.0)[0]
        found = lines.mass(np.array([i]), grid[i, 1:2], grid[i, 3:4])[0]
        assert found == pytest.approx(part / whole, rel=1e-8)


def test_a_thin_interval_far_out_keeps_its_digits() -> None:
    z = np.zeros((2, 1))
    lines = normal(1).along_lines().lines(z, np.array([[1.0], [-1.0]]))
    for t in (-6.0, 6.0):
        found = lines.mass(np.arange(2), np.full(2, t), np.full(2, t) + 1e-9)
        assert found == pytest.approx(stats.norm.pdf(t) * 1e-9, rel=1e-5)  # 1e-9 is not a double


def test_no_line_leaves_its_class_and_laws_that_say_nothing_have_none() -> None:
    law = product(normal(2), categorical(3)).along_lines()
    assert law.free.tolist() == [True, True, False, False, False]
    with pytest.raises(ValueError, match="zero where a class is"):
        law.lines(np.zeros((1, 5)), np.ones((1, 5)))
    with pytest.raises(ValueError, match="not zero elsewhere"):
        law.lines(np.zeros((1, 5)), np.zeros((1, 5)))
    with pytest.raises(ValueError, match="it has no lines"):
        categorical(3).along_lines()
    weighted = product(categorical(2, weights=[0.9, 0.1]), normal(1)).along_lines()
    assert weighted.free.tolist() == [False, False, True]
    own = Latent(2, "mine", normal(2).draw, connected_support=True)
    with pytest.raises(ValueError, match="'mine' does not say"):
        own.along_lines()
    with pytest.raises(ValueError, match="does not say"):
        product(own, normal(1)).along_lines()
