"""The line between two points of games whose field is linear, so that every cosine is known."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancheck.games import analytic
from gancheck.games.game import Game
from gancheck.measures.path import Passage, path_angle
from gancheck.operators.budget import Budget
from tests.oracles import field_by_hand, tiny_game

PLAYERS = ("generator", "discriminator")


def linear(a: float, b: float, at: list[float]) -> Game:
    """The field J theta of one player each, J = [[a, b], [-b, a]]."""
    j = torch.tensor([[a, b], [-b, a]], dtype=torch.float64)
    return analytic.linear_quadratic(j, split=1, at=torch.tensor(at, dtype=torch.float64))


@given(
    a=st.floats(-2.0, 2.0),
    b=st.floats(-2.0, 2.0),
    begin=st.floats(0.5, 3.0),
    beside=st.floats(-0.2, 0.2),
)
def test_angle_and_norm_are_those_of_the_linear_field(
    a: float, b: float, begin: float, beside: float
) -> None:
    if abs(a) + abs(b) < 1e-3:
        return
    start, end = np.array([begin, 0.3]), np.array([0.0, beside])
    found = path_angle(linear(a, b, list(start)), linear(a, b, list(end)))
    j, line = np.array([[a, b], [-b, a]]), end - start
    for alpha, angle, norm in zip(found.alphas, found.angles[0], found.norms[0], strict=True):
        v = j @ (start + alpha * line)
        assert norm == pytest.approx(float(np.linalg.norm(v)), abs=1e-12)
        if norm > 1e-9:
            expected = float(v @ line) / (norm * float(np.linalg.norm(line)))
            assert angle == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "passage"),
    [
        (1.0, 0.0, Passage.attracted),
        (-1.0, 0.0, Passage.repelled),
        (0.0, 1.0, Passage.bump),
        (0.5, 2.0, Passage.attracted_bump),
        (-0.5, 2.0, Passage.repelled_bump),
    ],
)
def test_attraction_changes_the_sign_and_a_turn_beside_the_end_makes_a_bump(
    a: float, b: float, passage: Passage
) -> None:
    found = path_angle(linear(a, b, [1.0, 0.05]), linear(a, b, [0.0, 0.05]))
    assert found.verdict is passage
    assert ("sign_change" in found.quantities) == (a != 0.0)
    if a == 0.0:  # <u, J d>/(|u| |J(d + s u)|) peaks at the foot of the perpendicular with 1
        plateau = 0.05 / np.hypot(0.05, 0.25)
        assert found.quantities["bump"].value == pytest.approx(1.0 - plateau, abs=0.02)


def test_a_line_through_a_turning_point_itself_sees_no_angle_at_all() -> None:
    found = path_angle(linear(0.0, 1.0, [1.0, 0.0]), linear(0.0, 1.0, [0.0, 0.0]))
    assert found.verdict is Passage.unclear
    assert np.nanmax(np.abs(found.angles)) < 1e-12
    assert np.isnan(found.angles[0, np.argmin(np.abs(found.alphas - 1.0))])


def test_a_bump_needs_no_rotation_as_the_module_says() -> None:
    j = torch.diag(torch.tensor([1.0, 10.0], dtype=torch.float64))
    start, end = (
        analytic.linear_quadratic(j, split=1, at=torch.tensor(x, dtype=torch.float64))
        for x in ([1.0, 1.0], [0.0, 0.05])
    )
    found = path_angle(start, end, alphas=np.linspace(0.5, 1.5, 401))
    assert found.verdict is Passage.attracted_bump


def _moved(game: Game, by: float) -> Game:
    """The same game earlier: both networks changed at random."""
    twin = copy.deepcopy(game)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for player in ("generator", "discriminator"):
            for p in twin.parameters(player):
                p.add_(by * torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return twin


@pytest.mark.parametrize("norm", [False, True])
def test_a_gan_s_line_is_walked_with_the_same_samples_and_leaves_both_games_alone(
    norm: bool,
) -> None:
    end = tiny_game(norm=norm)
    start = _moved(end, 0.3)
    states = [copy.deepcopy(m.state_dict()) for g in (start, end) for m in g.modules.values()]
    alphas = [0.0, 0.5, 0.9, 1.0, 1.1, 1.3]
    found = path_angle(start, end, alphas=alphas, batch_size=32, batches=2, seed=3)
    for game, state in zip((start, start, end, end), states, strict=True):
        kept = [m.state_dict() for m in game.modules.values()]
        assert any(
            all(torch.equal(k[n], state[n]) for n in state) for k in kept if set(k) == set(state)
        )
    flat = [
        torch.cat(
            [
                p.detach().reshape(-1)
                for q in ("generator", "discriminator")
                for p in g.parameters(q)
            ]
        )
        for g in (start, end)
    ]
    line = flat[1] - flat[0]
    for s in range(2):
        batch = end.sample(32, seed=3 + s)
        for i, alpha in enumerate(alphas):
            v = field_by_hand(end, batch, flat[0] + alpha * line)
            assert found.norms[s, i] == pytest.approx(float(v.norm()), rel=1e-9)
            assert found.angles[s, i] == pytest.approx(
                float(v @ line / (v.norm() * line.norm())), abs=1e-9
            )
    assert found.quantities["angle_at_end"].sampling_error > 0.0


def _walled(at: float) -> Game:
    """-log(1.22 - x): no number beyond 1.22."""
    return Game.from_losses(
        lambda x, y: -torch.log(1.22 - x).sum() + 0.0 * y.sum(),
        lambda x, y: (y**2).sum() + 0.0 * x.sum(),
        torch.tensor([at], dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
    )


def test_where_the_game_is_no_number_beyond_the_end_the_line_has_a_gap_and_the_rest_stands() -> (
    None
):
    found = path_angle(_walled(0.0), _walled(1.0))
    gone = np.isnan(found.norms[0])
    assert np.array_equal(gone, np.isnan(found.angles[0]))
    assert np.array_equal(gone, found.alphas > 1.22)
    assert found.quantities["angle_at_end"].value == pytest.approx(1.0)
    found.plot()[0].get_figure().canvas.draw()
    with pytest.raises(ValueError, match="loss must be one finite number, got nan"):
        path_angle(_walled(0.0), _walled(2.0))


def test_state_dicts_serve_as_the_start() -> None:
    end = tiny_game()
    start = _moved(end, 0.3)
    by_game = path_angle(start, end, batch_size=16, batches=2)
    states = tuple(start.modules[p].state_dict() for p in PLAYERS)
    by_state = path_angle(states, end, batch_size=16, batches=2)
    assert np.array_equal(by_game.angles, by_state.angles)
    flat = torch.cat(
        [p.detach().reshape(-1) for q in PLAYERS for p in start.modules[q].parameters()]
    )
    assert np.array_equal(by_game.angles, path_angle(flat, end, batch_size=16, batches=2).angles)
    with pytest.raises(ValueError, match=r"start has shape \(58,\) and end has 59 parameters"):
        path_angle(flat[1:], end)
    states[0].pop(next(iter(states[0])))
    with pytest.raises(ValueError, match="generator has no parameter"):
        path_angle(states, end)


def test_a_budget_ends_between_two_walks() -> None:
    end = tiny_game()
    start = _moved(end, 0.3)
    budget = Budget(products=150)
    found = path_angle(start, end, batch_size=16, batches=4, budget=budget)
    assert len(found.angles) == 2
    assert budget.spent == 2 * len(found.alphas) <= 150
    assert found.stopped
    nothing = path_angle(start, end, batch_size=16, budget=Budget(products=1))
    assert nothing.verdict is Passage.unclear
    assert not nothing.quantities


def test_two_points_that_make_no_line_are_refused() -> None:
    end = tiny_game()
    with pytest.raises(ValueError, match="same point"):
        path_angle(end, end)
    with pytest.raises(ValueError, match="same networks"):
        path_angle(analytic.bilinear(), end)
    other = tiny_game()
    other.modules["generator"][0] = nn.Linear(3, 7).double()
    with pytest.raises(ValueError, match=r"generator.0.weight has shape"):
        path_angle(other, end)
    bad = _moved(end, float("nan"))
    with pytest.raises(ValueError, match="finite"):
        path_angle(bad, end)
    for alphas in ([0.0, 0.5, 1.0], [0.0, 0.1, 0.2, 0.3, 0.4], [2.0, 1.5, 1.0, 0.5, 0.0]):
        with pytest.raises(ValueError, match="alphas"):
            path_angle(_moved(end, 0.1), end, alphas=alphas)


@pytest.mark.parametrize("width", [690, 340])
def test_the_figure_draws_walks_and_none(width: int) -> None:
    end = tiny_game()
    start = _moved(end, 0.3)
    for found in (
        path_angle(start, end, batch_size=16, batches=2),
        path_angle(start, end, budget=Budget(products=1)),
    ):
        found.plot(width)[0].get_figure().canvas.draw()
