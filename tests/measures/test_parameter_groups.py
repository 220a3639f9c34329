"""A group's curvature is that of the diagonal block of its parameters, on its batch and on fresh ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancheck.diagnosis import Plan
from gancheck.games import analytic
from gancheck.measures.parameter_groups import group_rows
from gancheck.measures.spectrum import fresh_seeds, hessian_spectrum
from gancheck.operators.budget import Budget
from tests.oracles import jacobian_by_autograd, tiny_game

PLAN = Plan(batch_size=32, seed=1)


def test_ends_are_those_of_the_dense_block() -> None:
    game = tiny_game()
    dense = jacobian_by_autograd(game, game.sample(32, seed=1))
    split = game.sizes()[0]
    blocks = {"G.0": slice(0, 24), "G.out": slice(24, split), "D.0": slice(split, split + 15)}
    rows = group_rows(
        game, PLAN, {"G.0": [], "G.out": ["2.weight", "2.bias"], "D.0": ["D.0"]},
        fresh_seeds(PLAN), each=2,
    )  # fmt: skip
    assert {row["group"] for row in rows} == set(blocks)
    for name, at in blocks.items():
        truth = np.linalg.eigvalsh(dense[at, at].numpy())
        found = [row["eigenvalue"] for row in rows if row["group"] == name]
        assert np.allclose(found, truth[[0, 1, -2, -1]], rtol=0, atol=1e-3 * np.abs(truth).max())


def test_fresh_quotients_are_those_of_the_expected_block_within_their_interval() -> None:
    game = tiny_game()
    rows = hessian_spectrum(game, PLAN, groups={"G.2": []}).rows
    own = [row for row in rows if row["group"] == "G.2"]
    assert len(own) == 10
    assert all(row["fresh_batches"] == 8 and row["converged"] for row in own)
    assert all(row["fresh_low"] <= row["fresh"] <= row["fresh_high"] for row in own)
    whole = [r["eigenvalue"] for r in rows if r["group"] == "all" and r["player"] == "generator"]
    ends = [r["eigenvalue"] for r in own]  # Cauchy: a block's ends lie inside the whole's
    slack = 1e-3 * max(map(abs, whole))
    assert min(whole) - slack <= min(ends)
    assert max(ends) <= max(whole) + slack


def test_an_analytic_game_has_one_exact_group_and_no_fresh_batches() -> None:
    row, *_ = group_rows(analytic.bilinear(), PLAN, {"G.theta": []}, [], each=1)
    assert (row["eigenvalue"], row["fresh"], row["fresh_batches"]) == (0.0, 0.0, 0)


def test_a_spent_budget_ends_between_groups() -> None:
    budget = Budget(products=1)
    budget.spend()
    assert group_rows(tiny_game(), PLAN, {"G.0": []}, [], each=1, budget=budget) == []


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"block1": []}, r"must begin with 'G\.' or 'D\.', got 'block1'"),
        ({"G.": []}, r"must begin with"),
        ({"G.block1": []}, r"no parameter is called 'block1'; there are 0\.weight"),
        ({"D.x": ["9.weight"]}, r"no parameter is called '9\.weight'"),
    ],
)
def test_bad_groups_are_one_sentence(groups: dict[str, list[str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        group_rows(tiny_game(dtype=torch.float64), PLAN, groups, [], each=1)
