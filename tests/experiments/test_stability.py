"""Proved eigenvalues against numpy and quadrature, the Dirac runs, the page's words."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from experiments.stability import DIRAC, perform, planned
from experiments.stability_figures import SETTLES
from experiments.stability_page import REFUSED, VERDICTS, page
from gancheck.rendering.experiment_page import Agreement


def test_the_eigenvalues_are_those_of_the_matrices_with_noise_by_quadrature() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    weights = weights / weights.sum()
    # -d2/dpsi2 of E[f(psi z) + f(-psi z)] at psi = 0, f(t) = -log(1 + exp(-t)), f'' = -1/4
    curvature = float((weights * 2.0 * 0.25 * nodes**2).sum())
    matrices = {
        "minimax": [[0.0, -0.5], [0.5, 0.0]],
        "non-saturating": [[0.0, -0.5], [0.5, 0.0]],
        "r1": [[0.0, -0.5], [0.5, 0.5]],
        "noise": [[0.0, -0.5], [0.5, curvature]],
        "wgan": [[0.0, -1.0], [1.0, 0.0]],
    }
    for name, matrix in matrices.items():
        values = sorted(np.linalg.eigvals(np.array(matrix)), key=np.imag)
        assert DIRAC[name].eigenvalues == pytest.approx(values, abs=1e-12)
    assert DIRAC["wgan-gp"].eigenvalues is None


@pytest.fixture(scope="module")
def dirac() -> list[dict[str, Any]]:
    """One short run of each Dirac game, as six seeds with the ends that were predicted."""
    made = {c["method"]: perform(c) for c in planned(1, 20) if c["part"] == "dirac"}
    out: list[dict[str, Any]] = []
    for c in planned(6, 20):
        if c["part"] == "dirac":
            measured = copy.deepcopy(made[c["method"]])
            measured["end"] = 0.01 if SETTLES.get(c["method"]) else 1.0
            if c["method"] == "noise":
                for value in measured["eigenvalues"]:
                    value[0] = 0.25 + 0.001 * (c["seed"] - 2)
                    value[1] = float(np.sign(value[1])) * (0.433 + 0.001 * (c["seed"] - 2))
        else:
            measured = {
                "verdict": "unstable", "because": "", "equilibrium": False, "field_norm": 1.0,
                "field_error": 0.1, "min_real": -0.1, "early": 1.0, "late": 0.5, "eigenvalues": [],
            }  # fmt: skip
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


def test_the_measured_verdicts_and_eigenvalues_are_the_predicted_ones(
    dirac: list[dict[str, Any]],
) -> None:
    for row in dirac[:6]:
        method, m = row["configuration"]["method"], row["measured"]
        assert m["verdict"] == VERDICTS[method]
        proved = DIRAC[method].eigenvalues
        if proved is not None:
            found = [complex(*v) for v in m["eigenvalues"]]
            # noise: a batch of 4,096 and the shift of the fixture
            assert found == pytest.approx(list(proved), abs=0.02 if method == "noise" else 1e-12)


def test_a_penalised_critic_is_refused_with_the_operators_reason(
    dirac: list[dict[str, Any]],
) -> None:
    row = next(r for r in dirac if r["configuration"]["method"] == "wgan-gp")
    assert row["measured"]["verdict"] == REFUSED
    assert "second derivative" in row["measured"]["because"]


def test_end_points_that_are_no_equilibria_leave_the_theorem_alone(
    dirac: list[dict[str, Any]],
) -> None:
    made = page(dirac, "x")
    assert [p.agreement for p in made.parts] == [
        Agreement.supported,
        Agreement.supported,
        Agreement.open,
    ]
    assert made.agreement is Agreement.partly
    assert "of 12 regularised runs on ring8 none ends at an equilibrium" in made.headline


@pytest.mark.parametrize(
    ("verdict", "agreement"),
    [
        ("unstable", Agreement.contradicted),
        ("undetermined", Agreement.open),
        ("stable", Agreement.supported),
    ],
)
def test_an_end_point_with_r1_that_may_be_at_rest_decides_where_its_verdict_does(
    verdict: str, agreement: Agreement, dirac: list[dict[str, Any]]
) -> None:
    rows = copy.deepcopy(dirac)
    row = next(
        r
        for r in rows
        if (r["configuration"]["part"], r["configuration"]["method"]) == ("ring8", "r1")
    )
    row["measured"] |= {"equilibrium": None, "verdict": verdict}
    assert page(rows, "x").parts[2].agreement is agreement


@pytest.mark.parametrize("method", ["r1", "wgan"])
def test_one_start_on_the_other_side_contradicts(method: str, dirac: list[dict[str, Any]]) -> None:
    rows = copy.deepcopy(dirac)
    row = next(r for r in rows if r["configuration"]["method"] == method)
    row["measured"]["end"] = 1.0 if SETTLES[method] else 0.01
    made = page(rows, "x")
    assert made.parts[1].agreement is Agreement.contradicted
    assert made.headline.startswith("On the Dirac-GAN something is not as it was proved")


def test_noise_is_held_against_the_interval_over_seeds(dirac: list[dict[str, Any]]) -> None:
    rows = copy.deepcopy(dirac)
    for row in rows:
        if row["configuration"]["part"] == "dirac" and row["configuration"]["method"] == "noise":
            for value in row["measured"]["eigenvalues"]:
                value[0] += 0.01
    assert page(rows, "x").parts[0].agreement is Agreement.partly
