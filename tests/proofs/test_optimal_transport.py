"""The duality's certificates against a linear-programming solver that knows nothing of walks."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from gancheck import content
from gancheck.theory import ENGINES, LinearAlgebra, at_least, equal
from gancheck.theory.claims import Domain
from gancheck.theory.engines import Context
from gancheck.theory.justifications import RationalSign

content.theorems()
FINITE = sys.modules["gancheck.content.proofs.wasserstein_duality_is_exact_on_finite_spaces"]


@st.composite
def spaces(draw) -> tuple[np.ndarray, list[int], list[int]]:
    """A metric space of integer distances, and two laws in whole parts of the same mass."""
    n = draw(st.integers(2, 6))
    weights = draw(st.lists(st.integers(1, 9), min_size=n * n, max_size=n * n))
    distance = np.array(weights).reshape(n, n)
    distance = np.minimum(distance, distance.T)
    np.fill_diagonal(distance, 0)
    for middle in range(n):
        distance = np.minimum(distance, distance[:, [middle]] + distance[[middle], :])
    mass = draw(st.integers(1, 12))
    first, second = (
        np.bincount(
            draw(st.lists(st.integers(0, n - 1), min_size=mass, max_size=mass)), minlength=n
        )
        for _ in range(2)
    )
    return distance, first.tolist(), second.tolist()


def solved(
    distance: np.ndarray, first: list[int], second: list[int]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The least cost, its plan, and the price of each point that the solver's dual gives."""
    n = len(first)
    rows = np.kron(np.eye(n), np.ones(n))
    columns = np.kron(np.ones(n), np.eye(n))
    found = linprog(
        distance.ravel().astype(float),
        A_eq=np.vstack([rows, columns]),
        b_eq=[*first, *second],
        method="highs-ds",
    )
    assert found.status == 0
    # The duals of points without mass are not pinned down: the critic is the sinks' transform,
    # 1-Lipschitz by construction; what it earns shows whether the dual was right.
    sinks = found.eqlin.marginals[n:]
    prices = (distance - sinks[None, :]).min(axis=1)
    return float(found.fun), found.x.reshape(n, n), prices


def decided(claim, by) -> str:
    return Context(ENGINES).decide(claim, Domain(), by).status


@given(space=spaces())
def test_a_solver_s_plan_and_the_critic_by_walks_are_an_exact_certificate(space) -> None:
    distance, first, second = space
    least, plan, _ = solved(*space)
    mass = sum(first)
    exact_plan = sp.Matrix(plan.round().astype(int)) / mass
    charged = [(i, j) for i, j in zip(*np.nonzero(plan.round()), strict=True)]
    exact = [[Fraction(int(d)) for d in row] for row in distance]
    critic = sp.Matrix([[sp.Rational(f) for f in FINITE.least_walks(exact, charged)]])
    metric = sp.Matrix(distance)
    cost = FINITE.cost(exact_plan, metric)
    margins = sp.Matrix.hstack(
        exact_plan * sp.ones(len(first), 1), exact_plan.T * sp.ones(len(first), 1)
    )
    laws = sp.Matrix.hstack(sp.Matrix(first), sp.Matrix(second)) / mass
    assert decided(equal(margins, laws), LinearAlgebra()) == "proved"
    assert decided(at_least(min(exact_plan), 0), RationalSign()) == "proved"
    assert decided(at_least(min(FINITE.gaps(metric, critic)), 0), RationalSign()) == "proved"
    assert decided(equal(FINITE.earned(exact_plan, critic), cost), LinearAlgebra()) == "proved"
    assert float(cost) * mass == pytest.approx(least, abs=1e-9)


@given(space=spaces())
def test_the_solver_s_own_dual_earns_the_cost_as_a_one_lipschitz_critic(space) -> None:
    distance, first, second = space
    least, _, prices = solved(*space)
    steepest = prices[:, None] - prices[None, :] - distance
    assert steepest.max() <= 1e-9  # the solver's feasibility tolerance is 1e-7, on integers 0
    assert prices @ (np.array(first) - np.array(second)) == pytest.approx(least, abs=1e-9)


def test_the_walks_refuse_a_plan_that_is_not_the_cheapest() -> None:
    """Two points that swap their mass: the exchange saves both distances."""
    with pytest.raises(ValueError, match="not a cheapest one"):
        FINITE.least_walks([[0, 1], [1, 0]], [(0, 1), (1, 0)])


@given(space=spaces())
def test_no_critic_earns_the_cost_of_a_dearer_plan(space) -> None:
    """Weak duality bites: the independent coupling is certified only where it is the cheapest."""
    distance, first, second = space
    least, _, _ = solved(*space)
    product = np.outer(first, second) / sum(first)
    charged = [(i, j) for i, j in zip(*np.nonzero(product), strict=True)]
    exact = [[Fraction(int(d)) for d in row] for row in distance]
    if (product * distance).sum() > least + 1e-9:
        with pytest.raises(ValueError, match="not a cheapest one"):
            FINITE.least_walks(exact, charged)
    else:
        FINITE.least_walks(exact, charged)
