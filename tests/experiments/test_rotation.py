"""The step maps against the updates themselves, the closed forms against numpy, the page's words."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from experiments.rotation import GAMES, LIMITS, perform, planned, trajectory
from experiments.rotation_page import page
from experiments.step_maps import RULES, proved_radius, step_map, told
from gancheck.rendering.experiment_page import Agreement


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("game", GAMES)
def test_an_update_moves_the_game_as_the_rules_own_matrix_does(game: str, rule: str) -> None:
    chosen, step, strength, steps = GAMES[game], 0.3, 0.4, 5
    start = 1.0 if chosen.linear else 1e-6
    measured = trajectory(
        chosen, rule, step=step, strength=strength, steps=steps, start=start, seed=3, cap=10.0
    )
    angle = 2.0 * np.pi * np.random.default_rng(3).random()
    z = start * np.array([np.cos(angle), np.sin(angle)])
    matrix = step_map(chosen.jacobian, rule, step, strength)
    if len(matrix) == 4:  # the first optimistic step is plain: as if the step before had been 0
        j = chosen.jacobian
        path = [z, z - step * j @ z]
        for _ in range(steps - 1):
            path.append((matrix @ np.concatenate([path[-1], path[-2]]))[:2])
    else:
        path = [z]
        for _ in range(steps):
            path.append(matrix @ path[-1])
    # curvature adds a part of |z|^2 = 1e-12 to a step, rounding less
    assert measured == pytest.approx(np.linalg.norm(path, axis=1), rel=1e-10)


@pytest.mark.parametrize("step", [0.1, 0.5, 0.9, 1.7])
@pytest.mark.parametrize("game", GAMES)
def test_a_closed_form_is_the_largest_eigenvalue_of_the_steps_matrix(
    game: str, step: float
) -> None:
    found = 0
    for rule in RULES:
        closed = proved_radius(GAMES[game], rule, step, 0.3)
        if closed is None:
            continue
        found += 1
        values = np.linalg.eigvals(step_map(GAMES[game].jacobian, rule, step, 0.3))
        assert closed[0] == pytest.approx(np.abs(values).max(), rel=1e-12)
    assert found == (1 if game == "r1" else 4)


def test_what_a_trajectory_can_tell_holds_for_every_start_and_is_not_loose() -> None:
    matrix = step_map(GAMES["bilinear"].jacobian, "alternating", 1.5, 0.0)
    known, power = told(matrix), np.linalg.matrix_power(matrix, 7)
    angles = np.linspace(0.0, np.pi, 500)
    growth = np.linalg.norm(power @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)
    factors = growth ** (1.0 / 7)
    assert known.radius == pytest.approx(1.0)
    assert factors.max() <= known.radius * known.within(7)
    assert factors.min() >= known.radius / known.within(7)
    assert factors.max() ** 7 > 0.5 * known.condition


def test_a_defective_step_is_refused() -> None:
    with pytest.raises(ValueError, match="nearly agree"):
        told(step_map(GAMES["bilinear"].jacobian, "alternating", 2.0, 0.0))


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="rule must be one of simultaneous"):
        step_map(np.eye(2), "adam", 0.1, 0.0)


@pytest.mark.parametrize(("rule", "game", "limit"), [(r, *g) for r, g in LIMITS.items()])
def test_the_limits_are_where_the_radius_passes_one(rule: str, game: str, limit: float) -> None:
    def radius(step: float) -> float:
        values = np.linalg.eigvals(step_map(GAMES[game].jacobian, rule, step, 0.0))
        return float(np.abs(values).max())

    assert radius(0.999 * limit) <= 1.0 + 1e-12  # rounding of a modulus that is 1
    assert radius(1.001 * limit) > 1.0 + 1e-5


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [
        {"configuration": c, "measured": perform(c), "versions": {"gancheck": "0"}}
        for c in planned(1, 12)
    ]


def test_short_runs_already_agree_and_the_page_says_so(rows: list[dict[str, Any]]) -> None:
    made = page(rows, "x")
    assert made.agreement is Agreement.supported
    assert made.headline.startswith("39 of 39 starts")


def test_one_start_with_another_factor_contradicts(rows: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(rows)
    row = next(r for r in changed if r["configuration"].get("rule") == "extragradient")
    row["measured"]["factor"] *= 1.0 + 1e-4
    made = page(changed, "x")
    assert made.agreement is Agreement.contradicted
    assert made.headline.startswith("38 of 39 starts")
    assert "extragradient steps (bilinear)" in made.conclusion[0]


def test_a_run_far_away_decides_nothing(rows: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(rows)
    for row in changed:
        if row["configuration"]["part"] == "far":
            row["measured"]["factor"] = 7.0
    made = page(changed, "x")
    assert made.agreement is Agreement.supported
    assert "in 0 of 1 starts" in made.conclusion[1]
