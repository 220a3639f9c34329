"""A law's density is that of its samples, and that of quadrature and closed forms of others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gancheck.games import data, parametric_laws

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.data import Synthetic

LAWS: dict[str, Callable[[], Synthetic]] = {
    "ring8": data.ring8,
    "grid25": data.grid25,
    "moons": data.moons,
    "swiss-roll": parametric_laws.swiss_roll,
    "two-discs": lambda: parametric_laws.two_discs(0.7),
}


def density(law: Synthetic, points: np.ndarray) -> np.ndarray:
    assert law.log_density is not None
    return law.log_density(torch.from_numpy(points)).exp().numpy()


@pytest.mark.parametrize("name", LAWS)
def test_the_density_of_a_box_is_the_share_of_samples_in_it(name: str) -> None:
    law, n = LAWS[name](), 40_000
    rng = np.random.default_rng(0)
    samples = law.sample(n, torch.Generator().manual_seed(0)).numpy()
    side = 4.0 * law.spread
    grid = (np.arange(30) + 0.5) / 30 - 0.5
    cell = side * np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    for middle in samples[rng.integers(n, size=8)]:
        expected = density(law, middle + cell).mean() * side**2
        share = (np.abs(samples - middle) < side / 2).all(axis=1).mean()
        # five standard errors, and half the cells that the edge of a disc may cut
        edge = side**2 / 30.0 if name == "two-discs" else 0.0
        assert abs(share - expected) < 5.0 * math.sqrt(expected / n) + edge


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_a_mixture_of_normals_has_the_density_of_scipys(name: str) -> None:
    law = LAWS[name]()
    assert law.modes is not None
    points = law.sample(50, torch.Generator().manual_seed(1)).numpy()
    parts = [
        stats.multivariate_normal(m, law.spread**2 * np.eye(2)).pdf(points)
        for m in law.modes.numpy()
    ]
    assert density(law, points) == pytest.approx(np.mean(parts, axis=0), rel=1e-9)


@pytest.mark.parametrize("name", ["moons", "swiss-roll"])
def test_a_noisy_curve_has_the_density_of_an_adaptive_quadrature(name: str) -> None:
    law = LAWS[name]()
    low, high = (0.0, math.pi) if name == "moons" else (1.5 * math.pi, 4.5 * math.pi)

    def at(t: float) -> list[np.ndarray]:
        c, s = math.cos(t), math.sin(t)
        if name == "moons":
            return [np.array([c, s]), np.array([1.0 - c, 0.5 - s])]
        return [t * np.array([c, s]) / 15.0]

    points = law.sample(6, torch.Generator().manual_seed(2)).numpy()
    for point, found in zip(points, density(law, points), strict=True):

        def normal(t: float, point: np.ndarray = point) -> float:
            squared = [((point - c) ** 2).sum() for c in at(t)]
            level = 2.0 * math.pi * law.spread**2 * len(squared)
            return sum(math.exp(-d / (2.0 * law.spread**2)) for d in squared) / level

        near = sorted({*np.linspace(low, high, 60)[1:-1]})
        value, error = integrate.quad(normal, low, high, points=near, limit=500)
        assert found == pytest.approx(value / (high - low), rel=1e-7, abs=2.0 * error)


def test_where_nothing_is_the_density_is_zero_and_without_area_there_is_none() -> None:
    discs = parametric_laws.two_discs(1.0)
    assert discs.log_density is not None
    there = torch.tensor([[1.0, 0.0], [-1.2, 0.3], [0.0, 0.0], [1.0, 0.51]])
    assert discs.log_density(there).tolist() == [-math.log(math.pi / 2.0)] * 2 + [-math.inf] * 2
    for law in (
        parametric_laws.parallel_lines(1.0),
        parametric_laws.point(),
        parametric_laws.swiss_roll(0.0),
    ):
        assert law.log_density is None
