"""Curves between latents: their ends, and the law of their points, for every law of a latent."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gancheck.games.latents import (
    Latent,
    categorical,
    normal,
    product,
    truncated_normal,
    uniform,
)
from gancheck.measures.latent_curves import KINDS, curve_of

LAWS = {
    "normal": (normal(6), stats.norm.cdf),
    "uniform": (uniform(6, low=-3.0, high=1.0), lambda x: (x + 3.0) / 4.0),
    "truncated": (
        truncated_normal(6, threshold=0.7),
        lambda x: (stats.norm.cdf(x) - stats.norm.cdf(-0.7)) / (1.0 - 2.0 * stats.norm.cdf(-0.7)),
    ),
}


def two(latent: Latent, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = torch.Generator().manual_seed(seed)
    return latent.sample(n, rng).numpy(), latent.sample(n, rng).numpy()


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
def test_every_point_of_a_quarter_turn_has_the_latent_s_law(name: str, t: float) -> None:
    latent, cdf = LAWS[name]
    a, b = two(latent, 2000, 0)
    z = curve_of(latent)(a, b, np.full(2000, t))
    assert stats.kstest(z.ravel(), cdf).pvalue > 1e-3  # 12,000 independent coordinates
    across = np.corrcoef(z.T)[np.triu_indices(6, 1)]
    assert np.abs(across).max() < 4.5 / math.sqrt(2000)  # fifteen of them, each at 1/sqrt(n)
    straight = curve_of(latent, "straight")(a, b, np.full(2000, t))
    assert stats.kstest(straight.ravel(), cdf).pvalue < 1e-3


@given(seed=st.integers(0, 999), name=st.sampled_from([*LAWS, "mixed"]))
def test_a_curve_begins_and_ends_at_its_ends_and_stays_in_the_support(seed: int, name: str) -> None:
    latent = product(normal(2), uniform(2)) if name == "mixed" else LAWS[name][0]
    a, b = two(latent, 20, seed)
    for kind in KINDS:
        curve = curve_of(latent, kind)
        # through both distribution functions and back: near an edge a few roundings of it
        assert np.allclose(curve(a, b, np.zeros(20)), a, atol=1e-12)
        assert np.allclose(curve(a, b, np.ones(20)), b, atol=1e-12)
        inside = curve(a, b, np.linspace(0.0, 1.0, 20))
        begin = 0
        for part in latent.coordinates:
            own = inside[:, begin : begin + part.size]
            assert (part.low <= own).all()
            assert (own <= part.high).all()
            begin += part.size


@given(seed=st.integers(0, 999), d=st.integers(2, 200))
def test_ends_of_one_norm_at_right_angles_are_joined_by_slerp(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
    a, b = 3.0 * basis[:1], 3.0 * basis[1:]
    t = rng.random(1)
    angle = np.arccos(np.clip((a * b).sum() / 9.0, -1.0, 1.0))
    slerp = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    found = curve_of(normal(d))(a, b, t)
    assert np.allclose(found, slerp, atol=1e-12)
    assert np.linalg.norm(found) == pytest.approx(3.0)


def test_the_middle_of_a_straight_line_is_where_no_latent_is_and_of_a_turn_it_is_not() -> None:
    latent = normal(128)
    a, b = two(latent, 2000, 1)
    least = np.linalg.norm(a, axis=1).min()
    half = np.full(2000, 0.5)
    assert (np.linalg.norm(curve_of(latent, "straight")(a, b, half), axis=1) < least).mean() > 0.8
    turned = np.linalg.norm(curve_of(latent)(a, b, half), axis=1)
    assert (turned < least).mean() < 0.01


def test_a_class_is_kept_and_a_coordinate_on_the_edge_has_a_way_too() -> None:
    latent = product(categorical(3), uniform(2))
    a = np.array([[0.0, 1.0, 0.0, -1.0, 1.0]])
    b = np.array([[0.0, 1.0, 0.0, 1.0, 0.3]])
    for t in (0.0, 0.3, 1.0):
        z = curve_of(latent)(a, b, np.array([t]))
        assert z[0, :3].tolist() == [0.0, 1.0, 0.0]
        assert np.isfinite(z).all()


def test_what_has_no_curve_says_so() -> None:
    own = Latent(2, "mine", normal(2).draw, connected_support=True)
    with pytest.raises(ValueError, match=r"'mine' does not say.*kind='straight'"):
        curve_of(own)
    assert curve_of(own, "straight")(np.zeros((1, 2)), np.ones((1, 2)), np.ones(1)).sum() == 2.0
    with pytest.raises(ValueError, match="kind must be one of spherical, straight, got 'round'"):
        curve_of(normal(2), "round")  # type: ignore[arg-type]
