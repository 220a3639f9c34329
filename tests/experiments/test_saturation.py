"""The hand-made start is the training's own, the page says what its rows say."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from experiments.own_training import discriminator_update, game_of, one_update, players_of
from experiments.saturation import perform, planned
from experiments.saturation_page import page
from gancheck.games.zoo import recipe
from gancheck.rendering.experiment_page import Agreement
from gancheck.training.run_directory import RunDirectory
from gancheck.training.train import train

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["ring8", "ring8-wgan"])
def test_a_training_by_hand_is_the_training(name: str, tmp_path: Path) -> None:
    chosen = replace(recipe(name), batch_size=16)
    train(chosen, tmp_path / "run", seed=5, steps=3, device="cpu")
    end = RunDirectory(tmp_path / "run").load(3)
    players = players_of(chosen, 5)
    for _ in range(3):
        one_update(chosen, players)
    for letter, module in (("G", players.generator), ("D", players.discriminator)):
        for key, value in module.state_dict().items():
            assert torch.equal(value, end[f"{letter}.{key}"])


def test_training_the_discriminator_alone_leaves_the_generator() -> None:
    players = players_of(replace(recipe("ring8"), batch_size=16), 0)
    before = copy.deepcopy(players.generator.state_dict())
    losses = [discriminator_update(players) for _ in range(30)]
    assert all(torch.equal(v, before[k]) for k, v in players.generator.state_dict().items())
    assert losses[-1] < losses[0]


def test_the_game_of_players_is_a_copy_in_float64() -> None:
    players = players_of(recipe("ring8"), 0)
    assert game_of(players).dtype == torch.float64
    assert next(players.generator.parameters()).dtype == torch.float32


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Six seeds of the same measured numbers: enough for an interval, made once."""
    out: list[dict[str, Any]] = []
    made = {c["loss"] + c["optimiser"]: perform(c) for c in planned(1, 12)}
    for c in planned(6, 12):
        measured = copy.deepcopy(made[c["loss"] + c["optimiser"]])
        measured["free"] = 2 + c["seed"] + 4 * (c["loss"] == "minimax")
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


def test_both_losses_begin_with_the_same_state(rows: list[dict[str, Any]]) -> None:
    assert len({str(r["measured"]["looks"][0]) for r in rows}) == 1
    assert len({str(r["measured"]["looks"][-1]) for r in rows}) == 4


def test_a_single_sample_has_the_ratio_by_numpy_too(rows: list[dict[str, Any]]) -> None:
    pairs = np.array([p for r in rows for look in r["measured"]["looks"] for p in look["singles"]])
    # rows keep four digits of each
    assert pairs[:, 1] == pytest.approx((1.0 - pairs[:, 0]) / pairs[:, 0], rel=5e-3)


def test_the_page_counts_steps_and_a_sample_that_is_off(rows: list[dict[str, Any]]) -> None:
    made = page(rows, "x")
    assert [p.agreement for p in made.parts] == [Agreement.supported] * 3
    assert made.headline == "From a bad start minimax loses 4 steps of plain descent."
    rows = copy.deepcopy(rows)
    rows[3]["measured"]["looks"][0]["off"] = 1e-3
    made = page(rows, "x")
    assert made.parts[0].agreement is Agreement.contradicted
    assert made.agreement is Agreement.partly


def test_an_interval_that_reaches_zero_supports_nothing(rows: list[dict[str, Any]]) -> None:
    rows = copy.deepcopy(rows)
    same = next(r for r in rows if r["configuration"]["optimiser"] == "sgd")
    same["measured"]["free"] = 2  # as the other loss of this seed
    made = page(rows, "x")
    assert made.parts[2].agreement is Agreement.open
    assert "whether that costs steps is not shown" in made.conclusion[0]


def test_a_generator_that_never_comes_free_counts_as_free_at_the_end(
    rows: list[dict[str, Any]],
) -> None:
    rows = copy.deepcopy(rows)
    for r in rows:
        if r["configuration"]["loss"] == "minimax":
            r["measured"]["free"] = None
    made = page(rows, "x")
    assert "6 of 6 minimax generators had not come free" in made.parts[2].lead
    assert made.result["steps_lost_by_minimax"]["sgd"] == [12 - (2 + s) for s in range(6)]
