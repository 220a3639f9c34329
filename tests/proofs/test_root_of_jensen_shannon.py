"""The root of JSD as a distance in a Hilbert space, against scipy's divergence and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon

from gancheck import content

THEOREM = content.theorems()["root-of-jensen-shannon-is-a-metric"]
laws = st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(any)


def law(counts: list[int]) -> np.ndarray:
    return np.array(counts) / sum(counts)


def integrated(x: float, y: float) -> float:
    """The theorem's own integrand, a and b put in as exponentials, over t > 0."""
    a, b, t = (next(s for s in THEOREM.parts["curves"].free_symbols if s.name == n) for n in "abt")

    def at(time: float) -> float:
        values = {a: np.exp(-x * time), b: np.exp(-y * time), t: time}
        return float(THEOREM.parts["curves"].xreplace(values))

    near, _ = quad(at, 0, 20, epsabs=1e-11, limit=200)
    far, _ = quad(lambda s: at(1 / s) / s**2, 0, 1 / 20, epsabs=1e-11, limit=200)
    return near + far


@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2, 3, 4], [4, 3, 2, 1]), ([1, 1, 0, 0], [0, 0, 1, 1]), ([1, 0, 0, 9], [5, 5, 0, 0])],
)
def test_the_integral_over_the_curves_is_scipy_s_divergence(
    first: list[int], second: list[int]
) -> None:
    p, q = law(first), law(second)
    curves = sum(integrated(x, y) for x, y in zip(p, q, strict=True) if x != y)
    # four integrals with an error of 1e-11 each in their two parts
    assert curves / 2 == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-10)


@given(points=st.lists(laws, min_size=2, max_size=7))
def test_the_divergences_of_some_laws_are_squared_distances_of_vectors(
    points: list[list[int]],
) -> None:
    """Centred and doubled, they must be a Gram matrix: no eigenvalue is negative."""
    squares = np.array([[jensenshannon(law(p), law(q)) ** 2 for q in points] for p in points])
    squares = np.nan_to_num(squares)  # scipy roots a rounding error below 0 at equal laws
    centre = np.eye(len(points)) - 1 / len(points)
    gram = -0.5 * centre @ squares @ centre
    assert np.linalg.eigvalsh(gram).min() >= -1e-14 * len(points) ** 2


def test_the_same_check_refutes_a_divergence_that_is_no_squared_distance() -> None:
    """Total variation is a distance, but not one of vectors: the check can fail."""
    points = [
        law(p) for p in ([1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1])
    ]
    squares = np.array([[np.abs(p - q).sum() ** 2 for q in points] for p in points])
    centre = np.eye(5) - 1 / 5
    assert np.linalg.eigvalsh(-0.5 * centre @ squares @ centre).min() < -1e-3
