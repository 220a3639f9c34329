"""The density of eigenvalues against the eigenvalues themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from gancheck.operators.budget import Budget
from gancheck.operators.lanczos import lanczos
from gancheck.operators.linear_operator import LinearOperator
from gancheck.operators.quadrature import spectral_density


def diagonal(values: np.ndarray, dtype: torch.dtype = torch.float64) -> LinearOperator:
    d = torch.as_tensor(values, dtype=dtype)
    return LinearOperator(
        len(d), lambda v: d * v, lambda v: d * v, dtype=dtype, device=torch.device("cpu")
    )


def like_a_gan(n: int = 300) -> np.ndarray:
    """A few large eigenvalues of both signs, and most of them near zero."""
    bulk = 0.02 * np.random.default_rng(0).standard_normal(n - 8)
    return np.r_[14.0, 10.0, 8.0, 3.0, 1.0, -0.5, -0.8, -1.1, bulk]


def negative(values: np.ndarray) -> float:
    return float(-values[values < 0].sum() / np.abs(values).sum())


def test_deflation_takes_most_of_the_error_out() -> None:
    values = like_a_gan()
    operator, reach = diagonal(values), float(np.ptp(values))
    known = lanczos(operator, top=5, bottom=3)
    errors = []
    for seed in range(5):
        plain, deflated = (
            spectral_density(operator, known=k, steps=60, seed=seed) for k in (None, known)
        )
        distances = []
        for found in (plain, deflated):
            nodes, weights = found.points
            assert weights.sum() == pytest.approx(1.0, abs=1e-9)
            assert (np.diff(nodes) >= 0.0).all()
            assert found.products <= 240
            distances.append(wasserstein_distance(values, nodes, None, weights) / reach)
        errors.append(distances)
    plain, deflated = np.mean(errors, axis=0)
    assert deflated <= 2e-4
    assert plain > 5 * deflated


@pytest.mark.parametrize("repeats", [40, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("deflated", [False, True])
def test_the_share_of_negative_curvature_is_covered_by_its_interval(
    repeats: int, deflated: bool
) -> None:
    values = like_a_gan()
    operator = diagonal(values)
    known = lanczos(operator, top=3, bottom=3) if deflated else None
    found = [
        spectral_density(operator, known=known, steps=20, seed=s).share_negative()
        for s in range(repeats)
    ]
    inside = sum(abs(share - negative(values)) <= error for share, error in found)
    assert inside >= 0.90 * repeats - 2 * np.sqrt(0.09 * repeats)
    assert inside <= 0.99 * repeats + 2 * np.sqrt(0.0099 * repeats)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_probes_that_span_the_space_leave_nothing_to_chance(n: int) -> None:
    values = np.array([-1.0, 1.0, 1.0, 5.0])[:n]
    found = spectral_density(diagonal(values), probes=50)
    assert found.exact
    assert found.share_negative()[0] == pytest.approx(negative(values), abs=1e-12)
    assert found.share_negative()[1] == 0.0
    nodes, weights = found.points
    assert wasserstein_distance(values, nodes, None, weights) <= 1e-12


def test_a_spectrum_known_in_full_needs_no_product() -> None:
    values = like_a_gan(20)
    operator = diagonal(values)
    found = spectral_density(operator, known=lanczos(operator, top=10, bottom=10))
    assert found.products == 0
    assert found.exact
    assert found.share_negative() == (pytest.approx(negative(values)), 0.0)


def test_pairs_that_did_not_converge_are_left_to_the_probes() -> None:
    values = like_a_gan()
    operator = diagonal(values)
    early = lanczos(operator, top=5, bottom=3, budget=Budget(products=9))
    assert not early.converged.any()
    assert len(spectral_density(operator, known=early, steps=5).resolved) == 0


@pytest.mark.parametrize("values", [np.zeros(50), np.full(50, -2.0)])
def test_a_single_eigenvalue_is_one_point(values: np.ndarray) -> None:
    found = spectral_density(diagonal(values), probes=3)
    nodes, weights = found.points
    assert np.allclose(nodes, values[0], atol=1e-12)
    assert weights.sum() == pytest.approx(1.0)
    assert found.share_negative()[0] == (1.0 if values[0] < 0 else 0.0)
    assert found.products == 3


def test_the_smooth_density_integrates_to_one() -> None:
    found = spectral_density(diagonal(like_a_gan()))
    grid = np.linspace(-8.0, 20.0, 4001)
    assert np.trapezoid(found.density(grid, 0.3), grid) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="width"):
        found.density(grid, 0.0)


def test_a_budget_leaves_whole_probes() -> None:
    operator = diagonal(like_a_gan())
    found = spectral_density(operator, steps=20, budget=Budget(products=50))
    assert [len(x) for x in found.nodes] == [20, 20]
    assert found.products == 50
    short = spectral_density(operator, steps=20, budget=Budget(products=7))
    assert [len(x) for x in short.nodes] == [7]
    assert short.share_negative()[1] == float("inf")


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        spectral_density(diagonal(np.ones(3)), steps=0)
    with pytest.raises(ValueError, match="probes"):
        spectral_density(diagonal(np.ones(3)), probes=0)
    with pytest.raises(TypeError, match="float32"):
        spectral_density(diagonal(np.ones(3), torch.bfloat16))
