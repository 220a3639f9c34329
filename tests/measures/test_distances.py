"""Distances against closed forms, scipy on the line, POT where installed, and their own nulls."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.linalg import sqrtm
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.games import data
from gancheck.measures.discrepancies import (
    directions,
    frechet,
    frechet_of,
    mmd,
    relabelled_mmd,
    relabelled_sliced,
    sliced,
)
from gancheck.measures.distances import _whole, distances
from gancheck.measures.transport import _by_scaling, _in_logarithms, assignment, sinkhorn

LAWS = {"ring8": data.ring8(), "moons": data.moons()}


def draw(law: str, n: int, seed: int) -> np.ndarray:
    return LAWS[law].draw(n, torch.Generator().manual_seed(seed)).numpy()


def judged(found: Any) -> Any:
    return content.diagnostics()["GC007"].judge(found)


@given(n=st.integers(1, 40), d=st.integers(1, 5), seed=st.integers(0, 2**16))
def test_w1_is_closed_by_its_own_certificate(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), 2.0 * rng.standard_normal((n, d)) + 1.0
    if n > 3:
        y[:2] = x[0]  # ties and copies
    found = assignment(x, y)
    cost = cdist(x, y)
    # distances are sums of d squares: rounding of a few ulp of the largest
    slack = 1e-6 * cost.max()
    assert found.violation <= slack
    assert (found.u[:, None] + found.v[None, :] - cost).max() <= slack
    assert abs(found.gap) <= slack
    assert found.lower == pytest.approx(found.u.mean() + found.v.mean())


def test_the_certificate_tells_a_worse_plan_from_the_best() -> None:
    """The dual value is a bound for every plan, so a bad plan leaves a gap."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    found = assignment(x, y)
    cost = cdist(x, y)
    plans = [
        float(np.mean([cost[i, p[i]] for i in range(5)])) for p in itertools.permutations(range(5))
    ]
    assert found.value == pytest.approx(min(plans), rel=1e-7)
    assert sorted(plans)[1] - found.lower > 1e-4


def test_w1_is_the_linear_program_s() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal((12, 3))
    rows = np.kron(np.eye(12), np.ones(12))
    columns = np.kron(np.ones(12), np.eye(12))
    solved = linprog(cdist(x, y).ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.full(24, 1 / 12))
    assert assignment(x, y).value == pytest.approx(solved.fun, rel=1e-7)


@given(n=st.integers(2, 60), seed=st.integers(0, 2**16))
def test_on_the_line_every_w1_is_scipy_s(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, 1)), rng.exponential(size=(n, 1))
    truth = stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert assignment(x, y).value == pytest.approx(truth, rel=1e-5, abs=1e-9)
    assert sliced(x, y, np.ones((1, 1)))[0] == pytest.approx(truth, rel=1e-9, abs=1e-12)
    assert sliced(x, y, directions(1, rng)).mean() == pytest.approx(truth, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("theta", [0.0, 0.3, -2.0])
def test_parallel_lines_are_at_w1_theta(theta: float) -> None:
    height = np.linspace(0, 1, 200)
    x = np.stack([np.zeros(200), height], axis=1)
    y = np.stack([np.full(200, theta), height], axis=1)
    assert assignment(x, y).value == pytest.approx(abs(theta), abs=1e-9)
    u = directions(2, np.random.default_rng(0), 20_000)
    # mean of |cos| over the circle is 2/pi; its spread 0.31, over 20,000 directions
    assert sliced(x, y, u).mean() == pytest.approx(abs(theta) * 2 / np.pi, abs=4 * 0.31 / 141 * 2)
    assert frechet(x, y) == pytest.approx(theta**2, abs=1e-7)


@pytest.mark.parametrize("theta", [0.0, 0.5, 3.0])
def test_two_diracs_have_every_distance_in_closed_form(theta: float) -> None:
    x, y = np.zeros((20, 1)), np.full((20, 1), theta)
    assert assignment(x, y).value == pytest.approx(theta, abs=1e-12)
    found = sinkhorn(x, y, epsilon=0.1)
    assert found.value == pytest.approx(theta, abs=1e-9 + found.error)
    assert mmd(x, y, 1.0) == pytest.approx(2 - 2 * np.exp(-(theta**2) / 2), abs=1e-12)
    assert frechet(x, y) == pytest.approx(theta**2, abs=1e-12)


def test_the_frechet_distance_of_commuting_covariances_is_the_closed_form() -> None:
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    a, b = rng.uniform(0, 3, 6), rng.uniform(0, 3, 6)
    a[0] = 0.0  # singular
    shift = rng.standard_normal(6)
    found = frechet_of(np.zeros(6), (basis * a) @ basis.T, shift, (basis * b) @ basis.T)
    # the root of a rounding error of 1e-16 is 1e-8
    assert found == pytest.approx(shift @ shift + ((a**0.5 - b**0.5) ** 2).sum(), abs=1e-6)


def test_the_frechet_distance_of_general_covariances_is_that_of_matrix_roots() -> None:
    rng = np.random.default_rng(3)
    c1, c2 = (a @ a.T for a in rng.standard_normal((2, 5, 8)))
    m1, m2 = rng.standard_normal((2, 5))
    truth = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * np.real(sqrtm(c1 @ c2)))
    assert frechet_of(m1, c1, m2, c2) == pytest.approx(truth, rel=1e-9)


def test_the_frechet_null_is_biased_as_the_formula_says_and_small_samples_are_refused() -> None:
    rng = np.random.default_rng(4)
    d, n = 20, 2000
    values = [frechet(*rng.standard_normal((2, n, d))) for _ in range(5)]
    assert np.mean(values) == pytest.approx(d * (d + 5) / (2 * n), rel=0.1)
    with pytest.raises(ValueError, match=r"at least 40 samples of each kind, got 39 and 50"):
        frechet(rng.standard_normal((39, d)), rng.standard_normal((50, d)))


def test_the_interval_of_the_frechet_excess_holds_zero_for_one_law() -> None:
    missed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, g = rng.standard_normal((540, 16)), rng.standard_normal((300, 16))
        found: dict[str, Any] = {}
        assert _whole(x, g, found, rng) == {}
        low, high = found["frechet_excess"].interval
        missed += not low <= 0.0 <= high
    assert missed <= stats.binom.ppf(0.999, 40, 0.05)


def test_mmd_of_two_normals_is_unbiased_about_its_closed_form() -> None:
    """E exp(-|z|^2/(2 s^2)) for z ~ N(m, v I): (s^2/(s^2+v))^{d/2} exp(-|m|^2/(2 (s^2+v)))."""
    d, s, shift = 3, 1.5, 0.8
    ratio = (s**2 / (s**2 + 2.0)) ** (d / 2)
    truth = 2 * ratio - 2 * ratio * np.exp(-(shift**2) / (2 * (s**2 + 2.0)))
    values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 60, d))
        y[:, 0] += shift
        values.append(mmd(x, y, s))
    error = np.std(values) / 200**0.5
    assert abs(np.mean(values) - truth) < 4 * error


def _entropic_by_program(x: np.ndarray, y: np.ndarray, epsilon: float) -> float:
    """Scaling of exp(-c/epsilon) in long double, thousands of steps, and the primal value."""
    c = cdist(x, y).astype(np.longdouble)
    k = np.exp(-c / epsilon)
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    u, v = np.ones(len(x), dtype=np.longdouble), np.ones(len(y), dtype=np.longdouble)
    for _ in range(5000):
        u = a / (k @ v)
        v = b / (k.T @ u)
    p = u[:, None] * k * v[None, :]
    return float((p * c).sum() + epsilon * (p * np.log(p / np.outer(a, b))).sum())


def test_sinkhorn_is_within_its_bound_of_a_long_run() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((15, 2)), rng.standard_normal((20, 2)) + 0.5
    truth = (
        _entropic_by_program(x, y, 0.2)
        - _entropic_by_program(x, x, 0.2) / 2
        - _entropic_by_program(y, y, 0.2) / 2
    )
    for steps in (5, 20, 3000):
        found = sinkhorn(x, y, epsilon=0.2, tol=1e-10, steps=steps)
        assert abs(found.value - truth) <= found.error + 1e-8
    assert found.error < 1e-6
    assert sinkhorn(x, x, epsilon=0.2).value == pytest.approx(0.0, abs=1e-9)


@given(seed=st.integers(0, 2**16), far=st.sampled_from([0.0, 3.0]))
def test_scaling_and_logarithms_are_one_iteration(seed: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    cost = cdist(rng.standard_normal((9, 2)), far + rng.standard_normal((7, 2)))
    f, g = rng.standard_normal(9), rng.standard_normal(7)
    for one, other, given_ in zip(_by_scaling(cost), _in_logarithms(cost), (g, f), strict=True):
        assert np.allclose(one(given_), other(given_), rtol=1e-12, atol=1e-12)


def test_a_point_far_beyond_the_entropy_weight_does_not_overflow() -> None:
    x, y = np.zeros((5, 1)), np.zeros((5, 1))
    y[0] = 1e4
    found = sinkhorn(x, y, epsilon=0.1)
    assert found.value == pytest.approx(assignment(x, y).value, rel=1e-3)
    edge = sinkhorn(x, 29.9 + y / 1e6, epsilon=0.1)  # 299 weights away, the last that is scaled
    assert edge.value == pytest.approx(29.9, rel=1e-3)


@pytest.mark.peer
def test_w1_and_sinkhorn_agree_with_pot() -> None:
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((80, 4)), rng.standard_normal((80, 4)) + 0.3
    cost, a = cdist(x, y), np.full(80, 1 / 80)
    assert assignment(x, y).value == pytest.approx(ot.emd2(a, a, cost), rel=1e-6)
    parts = []
    for p, q in ((x, y), (x, x), (y, y)):
        c = cdist(p, q)
        plan = ot.sinkhorn(a, a, c, 0.3, method="sinkhorn_log", numItermax=20_000, stopThr=1e-12)
        keep = plan > 0
        entropy = (plan[keep] * np.log(plan[keep] * 80 * 80)).sum()
        parts.append((plan * c).sum() + 0.3 * entropy)
    found = sinkhorn(x, y, epsilon=0.3, tol=1e-9, steps=5000)
    assert found.value == pytest.approx(parts[0] - parts[1] / 2 - parts[2] / 2, abs=1e-6)


@pytest.mark.parametrize("test", ["mmd", "sliced"])
def test_relabelling_counts_what_the_statistic_itself_says(test: str) -> None:
    """The fast sums against the plain statistic of each division, on a few points."""
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 2)) + 1.2
    u, pool = directions(2, rng, 7), np.concatenate([x, y])

    def plain(rows: Any) -> float:
        a, b = pool[list(rows)], pool[[i for i in range(12) if i not in set(rows)]]
        return mmd(a, b, 1.0) if test == "mmd" else float(sliced(a, b, u).mean())

    every = [plain(rows) for rows in itertools.combinations(range(12), 6)]
    truth = np.mean([value >= plain(range(6)) - 1e-9 for value in every])
    found = relabelled_mmd(x, y, 1.0, rng) if test == "mmd" else relabelled_sliced(x, y, u, rng)
    # 1,999 random divisions of 924
    assert found == pytest.approx(truth, abs=4 * (truth * (1 - truth) / 1999) ** 0.5 + 1e-3)


@pytest.mark.parametrize(("law", "n", "draws"), [("moons", 300, 12)])
def test_real_against_real_alarms_no_more_often_than_stated(law: str, n: int, draws: int) -> None:
    raw = {"mmd": 0, "sliced_w1": 0}
    alarms = missed = 0
    for seed in range(draws):
        found = distances(draw(law, n, 2 * seed), draw(law, n, 2 * seed + 1), seed=seed)
        for name, p in found.p_values.items():
            raw[name] += p < 0.01
        alarms += judged(found).verdict in (Verdict.warning, Verdict.failing)
        low, high = found.quantities["sliced_w1_excess"].interval
        missed += not low <= 0.0 <= high
    most = stats.binom.ppf(0.999, draws, 0.01)
    assert alarms <= most
    assert max(raw.values()) <= most
    assert missed <= stats.binom.ppf(0.999, draws, 0.05)  # blocks are independent


def test_a_dropped_mode_a_far_law_and_a_single_point_are_told_apart() -> None:
    x = LAWS["ring8"].draw(4000, torch.Generator().manual_seed(0))
    g, of = LAWS["ring8"].labelled(4000, torch.Generator().manual_seed(1))
    dropped = judged(distances(x, g[of > 1]))
    assert dropped.verdict is Verdict.warning
    assert max(p.raw for p in dropped.p_values.values()) < 0.001
    point = judged(distances(x, np.zeros((1000, 2)) + 1e-3 * g[:1000].numpy()))
    assert point.verdict is Verdict.failing
    value = point.quantities["relative_excess"].value
    null = point.quantities["sliced_w1_real"].value
    scale = distances(x, g).provenance["spread"]
    assert value == pytest.approx(1.0 - null / scale, abs=0.1)  # a point is at 1, less the null


def test_ten_thousand_samples_of_one_law_are_sound() -> None:
    assert judged(distances(draw("ring8", 10_000, 0), draw("ring8", 10_000, 1))).verdict is (
        Verdict.sound
    )


def test_few_samples_are_undecided_with_how_many_more_are_needed() -> None:
    finding = judged(distances(draw("ring8", 200, 0), draw("ring8", 80, 1)))
    assert finding.verdict is Verdict.undecided
    assert "times as many" in finding.because


def test_too_many_features_leave_the_frechet_distance_out_with_the_reason() -> None:
    rng = np.random.default_rng(0)
    found = distances(rng.standard_normal((400, 300)), rng.standard_normal((400, 300)))
    assert "frechet" not in found.quantities
    assert "at least 600 samples" in found.not_measured["frechet"]
    assert "Not measured: frechet" in judged(found).because
    found.plot(340)


def first_coordinate(a: np.ndarray) -> np.ndarray:
    return a[:, :1]


def test_features_carry_their_name() -> None:
    x, g = draw("moons", 400, 0), draw("moons", 400, 1)
    found = distances(x, g, features=first_coordinate)
    assert found.provenance["features"] == "first_coordinate"
    assert found.provenance["dimension"] == 1
    assert "first_coordinate" in judged(found).because
    plain = distances(x[:, :1], g[:, :1])
    assert found.quantities == plain.quantities


def test_principal_components_come_from_real_samples_that_are_tested_nowhere() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((40, 40)))[0][:, :2]
    x, g = (draw("ring8", 800, seed) @ basis.T for seed in (0, 1))
    found = distances(x + 1e-6 * rng.standard_normal(x.shape), g, features="pca")
    assert found.provenance["dimension"] == 2
    assert found.provenance["features"] == "pca"


@pytest.mark.parametrize(
    ("real", "generated", "given", "says"),
    [
        (np.zeros((159, 2)), np.zeros((70, 2)), {}, "real must hold at least 160"),
        (np.zeros((200, 2)), np.zeros((63, 2)), {}, "generated must hold at least 64"),
        (np.zeros((200, 2)), np.zeros((70, 2)), {}, "coincide"),
        (np.zeros((200, 2)), np.zeros((70, 3)), {}, "differ in size"),
        (np.full((200, 2), np.nan), np.zeros((70, 2)), {}, "finite"),
        (np.zeros((200, 2)), np.zeros((70, 2)), {"features": "eyes"}, "features must be one of"),
        (np.zeros((200, 2)), np.zeros((70, 2)), {"features": np.sum}, "one row a sample|array"),
    ],
)
def test_bad_input_is_one_sentence(
    real: np.ndarray, generated: np.ndarray, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        distances(real, generated, **given)


def test_primitives_refuse_what_has_no_meaning() -> None:
    x = np.zeros((3, 2))
    for call, says in (
        (lambda: assignment(x, x[:2]), "one size"),
        (lambda: sliced(x, x[:2], np.ones((1, 2))), "one size"),
        (lambda: mmd(x, x[:2], 1.0), "one size"),
        (lambda: mmd(x, x, 0.0), "bandwidth must be positive"),
        (lambda: sinkhorn(x, x, epsilon=0.0), "epsilon must be positive"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
