"""The public strategies draw what they promise, edge cases among it."""

import math

import numpy as np
from hypothesis import find, given, settings
from hypothesis import strategies as st

from gancheck.testing import (
    densities,
    density_pairs,
    discriminator_outputs,
    gaussian_mixtures,
)

quick = settings(max_examples=300, database=None, deadline=None)


@given(densities(2, 5))
def test_a_density_is_a_law(law):
    assert 2 <= len(law) <= 5
    assert min(law) >= 0
    assert abs(math.fsum(law) - 1) < 1e-12


@given(density_pairs())
def test_a_pair_lives_on_one_set(pair):
    assert len(pair[0]) == len(pair[1])
    assert all(abs(math.fsum(law) - 1) < 1e-12 for law in pair)


def test_zeros_near_ties_and_disjoint_supports_are_drawn():
    find(densities(2, 4), lambda law: 0.0 in law, settings=quick)
    pairs = density_pairs(2, 4)
    find(
        pairs, lambda d: 0 < max(abs(a - b) for a, b in zip(*d, strict=True)) < 1e-6, settings=quick
    )
    find(pairs, lambda d: all(a * b == 0 for a, b in zip(*d, strict=True)), settings=quick)


@given(st.integers(1, 5).flatmap(discriminator_outputs))
def test_outputs_are_strictly_inside(outputs):
    assert all(0 < d < 1 for d in outputs)


@settings(max_examples=25, deadline=None)
@given(gaussian_mixtures())
def test_a_mixture_integrates_to_one(mixture):
    grid = np.linspace(-30, 30, 12001)
    values = np.exp([mixture.log_density(float(x)) for x in grid])
    # The trapezoidal rule is exact to rounding for Gaussians wider than a few cells (here 50).
    assert abs(np.trapezoid(values, grid) - 1) < 1e-9


def test_a_sample_has_the_mixtures_mean():
    mixture = find(gaussian_mixtures(), lambda m: len(m.weights) > 1, settings=quick)
    n = 20000
    drawn = mixture.sample(n, np.random.default_rng(0))
    mean = sum(w * m for w, m in zip(mixture.weights, mixture.means, strict=True))
    assert abs(drawn.mean() - mean) < 5 * drawn.std() / math.sqrt(n)
