"""Lines, slopes and curvatures against dense algebra, differences and the proof; events by hand.

A little over 400 lines: what is measured and what the page says of it are asked of one set of runs.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import nn

from experiments import mode_collapse
from experiments.mode_collapse import perform, planned
from experiments.mode_collapse_conclusion import closed_form, conclusion
from experiments.mode_collapse_events import Event, events_in, first_event, held_and_lost
from experiments.mode_collapse_lines import (
    along,
    at_random,
    likeness,
    moved,
    pulled_back,
    spread_out,
    towards,
)
from experiments.mode_collapse_page import page
from experiments.mode_collapse_statements import STATEMENTS, judged
from experiments.mode_collapse_theorem import ExactLogit, PeakedLogit, split_curvature
from gancheck import content
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.games.networks import mlp
from gancheck.measures.proportions import clopper_pearson
from gancheck.rendering.experiment_page import Agreement, render_experiment_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.games.game import Batch

N = 2000


def small_game(loss: str = "non-saturating") -> Game:
    weights = torch.Generator().manual_seed(3)
    return Game(
        mlp([2, 4, 2], generator=weights, dtype=torch.float64),
        mlp([2, 6, 1], generator=weights, dtype=torch.float64),
        loss=loss,
        latent=latents.normal(2),
        data=torch.randn(64, 2, generator=weights, dtype=torch.float64),
    )


def vector_to(game: Game, theta: Tensor) -> list[Tensor]:
    own = game.parameters("generator")
    pieces = theta.split([p.numel() for p in own])
    return [x.reshape(p.shape) for x, p in zip(pieces, own, strict=True)]


def here(game: Game) -> Tensor:
    return torch.cat([p.detach().flatten() for p in game.parameters("generator")])


def dense_jacobian(game: Game, batch: Batch) -> Tensor:
    def samples(theta: Tensor) -> Tensor:
        assert batch.latent is not None
        return game.generate(batch.latent, vector_to(game, theta)).flatten()

    return torch.autograd.functional.jacobian(samples, here(game))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
@pytest.mark.parametrize("k", [0.5, 2.0, 8.0])
def test_the_split_has_the_curvature_of_the_shelfs_theorem(loss: str, k: float) -> None:
    part = {"minimax": "saturating", "non-saturating": "non_saturating"}[loss]
    theorem = content.theorems()["collapse-direction-is-exponentially-flat"]
    at = {sp.Symbol("k"): sp.Rational(k), sp.Symbol("w"): sp.exp(-sp.Rational(k))}
    proved = float(theorem.parts[part].subs(at).evalf(30))
    assert closed_form(loss, k) == pytest.approx(proved, rel=1e-13)
    # two derivatives of exponentials of size one, which cancel down to e^-k
    assert split_curvature(ExactLogit(k), loss) == pytest.approx((proved, proved), abs=1e-13 * k**2)


def test_a_peak_at_the_collapse_turns_the_sign_as_the_witness_says() -> None:
    assert split_curvature(PeakedLogit(3.0), "non-saturating")[0] == pytest.approx(1.5, abs=1e-12)


def test_moved_is_the_dense_jacobian_times_v() -> None:
    game = small_game()
    batch = game.sample(16, seed=1)
    v = torch.randn(here(game).numel(), dtype=torch.float64, generator=torch.Generator())
    expected = dense_jacobian(game, batch) @ v
    assert torch.allclose(moved(game, batch, v).flatten(), expected, rtol=0, atol=1e-13)


def test_pulled_back_is_the_least_squares_solution_at_unit_motion() -> None:
    game = small_game()  # 22 parameters, so that 40 steps of LSMR come to the end
    batch = game.sample(32, seed=1)
    assert batch.latent is not None
    u = spread_out(game.generate(batch.latent).detach())
    v = pulled_back(game, batch, u)
    assert float(moved(game, batch, v).square().sum(1).mean()) == pytest.approx(1.0, abs=1e-12)
    dense = dense_jacobian(game, batch).numpy()
    best = np.linalg.lstsq(dense, u.flatten().numpy(), rcond=None)[0]
    # not v itself, which a nearly singular J leaves open, but how like u its motion is
    nearest = torch.as_tensor(dense @ best).reshape(u.shape)
    assert likeness(moved(game, batch, v), u) == pytest.approx(likeness(nearest, u), abs=1e-4)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wgan"])
def test_slope_curvature_and_the_discriminators_part_are_differences_of_the_loss(
    loss: str,
) -> None:
    game = small_game(loss)
    (v,) = at_random(game, game.sample(32, seed=1), 1, seed=0)
    found = along(game, [v], 32, [7])
    batch = game.sample(32, seed=7)
    assert batch.latent is not None
    assert batch.real is not None
    start, way = game.generate(batch.latent).detach(), moved(game, batch, v)
    theta_d = list(game.parameters("discriminator"))

    def on_the_line(t: float) -> float:
        return game.losses(vector_to(game, here(game) + t * v), theta_d, batch)[0].item()

    def straight(t: float) -> float:
        assert batch.real is not None
        return game.loss.generator(game.score, batch.real, start + t * way).item()

    # step^2/12 times a fourth derivative of order one to a thousand, rounding 4e-16/step^2
    assert float(found.slope[0, 0]) == pytest.approx(first_difference(on_the_line), abs=1e-5)
    assert float(found.curvature[0, 0]) == pytest.approx(second_difference(on_the_line), abs=1e-4)
    assert float(found.of_samples[0, 0]) == pytest.approx(second_difference(straight), abs=1e-4)


def first_difference(f: Callable[[float], float], step: float = 1e-4) -> float:
    return (f(step) - f(-step)) / (2 * step)


def second_difference(f: Callable[[float], float], step: float = 1e-3) -> float:
    return (f(step) - 2 * f(0.0) + f(-step)) / step**2


def test_both_ways_of_a_line_have_one_curvature_and_opposite_slopes() -> None:
    game = small_game()
    (v,) = at_random(game, game.sample(32, seed=1), 1, seed=0)
    found = along(game, [v, -v], 32, [7, 8])
    assert np.allclose(found.curvature[0], found.curvature[1], rtol=1e-12, atol=0)
    assert np.allclose(found.slope[0], -found.slope[1], rtol=1e-12, atol=0)
    assert (np.abs(found.slope) > 1e-6).all()


class Bowl(nn.Module):
    """A critic -|x - a|^2/2, so that a WGAN's generator has the mean squared distance to a."""

    def __init__(self) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([0.5, -2.0], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return -0.5 * (x - self.at).square().sum(1)


def test_at_unit_motion_a_bowl_has_curvature_one_and_the_generators_bend_beside_it() -> None:
    plain = small_game()
    game = Game(
        plain.modules["generator"], Bowl(), loss="wgan", latent=plain.latent, data=plain.data
    )
    batch = game.sample(64, seed=5)
    v = at_random(game, batch, 3, seed=0)
    found = along(game, v, 64, [5])  # the batch that scaled the directions
    assert np.allclose(found.of_samples, 1.0, rtol=0, atol=1e-12)
    assert (np.abs(found.curvature - 1.0) > 1e-3).all()


def test_the_due_share_nearest_to_a_mode_moves_and_no_other() -> None:
    samples = torch.arange(16, dtype=torch.float64)[:, None].repeat(1, 2)
    way = torch.tensor([1.0, 0.0], dtype=torch.float64)
    u = towards(samples, torch.tensor([3.0, 3.0], dtype=torch.float64), way, share=3 / 16)
    assert u.any(1).nonzero().flatten().tolist() == [2, 3, 4]
    assert u[3].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("share", [0.0, 1.5, math.nan])
def test_a_share_outside_is_refused(share: float) -> None:
    samples = torch.zeros(4, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
        towards(samples, samples[0], samples[0], share=share)


def test_lines_without_samples_motion_or_batches_are_refused() -> None:
    game = small_game()
    batch = game.sample(8, seed=0)
    with pytest.raises(ValueError, match="move the samples"):
        pulled_back(game, batch, torch.zeros(8, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="finite"):
        pulled_back(game, batch, torch.full((8, 2), math.nan, dtype=torch.float64))
    with pytest.raises(ValueError, match="at least one direction and one batch"):
        along(game, [], 8, [0])
    toy = analytic.bilinear()
    with pytest.raises(ValueError, match="no latents"):
        moved(toy, toy.sample(1), torch.ones(1, dtype=torch.float64))


def table(*columns: str) -> np.ndarray:
    """One word a mode: h held, l lost, u undecided, by the limits of 2,000 samples and 8 modes."""
    hits = {"h": 250, "l": 0, "u": 25}
    modes = [[hits[c] for c in word] for word in columns]
    looks = len(modes[0])
    return np.array(modes + [[250] * looks] * (8 - len(modes))).T


def test_the_limits_are_those_of_the_exact_binomial() -> None:
    held, lost = held_and_lost(np.array([range(80)] * 8).T, N)
    for hits in range(80):
        low, high = clopper_pearson(hits, N, level=1 - 0.02 / 8)
        assert bool(held[hits, 0]) == (low >= 0.1 / 8)
        assert bool(lost[hits, 0]) == (high < 0.1 / 8)
    assert held[79, 0]
    assert lost[0, 0]
    assert not (held & lost).any()


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("hhhllhhh", Event(mode=0, before=2, during=4, after=6)),
        ("hhuullluhh", Event(mode=0, before=1, during=5, after=9)),
        ("hhhlllll", Event(mode=0, before=2, during=4, after=None)),
        ("hhllhlhh", Event(mode=0, before=1, during=3, after=7)),
        ("hhhlhhhh", None),  # one odd look
        ("hhuhuuhh", None),  # nowhere surely lost
        ("hlhlhlll", None),  # never held at two looks running
        ("llllllhh", None),  # not lost: never there before
        ("h", None),
    ],
)
def test_an_event_is_held_twice_running_then_lost_twice_running(
    word: str, event: Event | None
) -> None:
    assert first_event(table(word), N) == event


def test_every_loss_is_an_event_and_the_largest_of_a_look_comes_first() -> None:
    hits = table("hhllhhll", "hhllllll", "hhhhhhhh")
    hits[:2, 1] = 300
    found = events_in(hits, N)
    assert [(e.mode, e.during, e.after) for e in found] == [(1, 3, None), (0, 3, 5), (0, 7, None)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """One gentle run of three updates, and events made of it that are as the account has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mode_collapse, "BATCHES", 2)
        patch.setattr(mode_collapse, "NULLS", 3)
        patch.setattr(mode_collapse, "SIZE", 32)
        patch.setattr(mode_collapse, "REAL", 400)
        plan = planned(16, 3)
        gentle = perform(next(c for c in plan if c.get("way") == "gentle"))
    out: list[dict[str, Any]] = []
    for c in plan:
        if c["part"] == "proved":
            measured = perform(c)
        elif c["part"] == "trained":
            near = closed_form("non-saturating", c["sharpness"]) + 0.001 * (c["seed"] - 3.5)
            measured = {"minimax": near, "non-saturating": near}
        else:
            measured = copy.deepcopy(gentle)
            if c["way"] != "gentle":
                as_told(measured, c["seed"])
        out.append({"configuration": c, "measured": measured, "versions": {"gancheck": "0"}})
    return out


def as_told(measured: dict[str, Any], seed: int) -> None:
    """Write an event into what was measured, with all six statements true."""
    measured["events"] = 1
    for look, slope, curvature in (("before", 1, 2), ("during", -1, -0.1), ("after", 0, 1)):
        part = measured["looks"][look]
        part["lost"]["slope"] = [slope * (1 + 0.01 * seed), 0.01]
        part["lost"]["curvature"] = [curvature * (1 + 0.01 * seed), 0.01]
        part["random"]["curvature"] = [5.0, -5.0, 6.0]


def event_rows(rows: list[dict[str, Any]], way: str) -> list[dict[str, Any]]:
    return [r for r in rows if r["configuration"].get("way") == way]


def test_a_run_measures_every_line_at_every_look(rows: list[dict[str, Any]]) -> None:
    looks = event_rows(rows, "gentle")[0]["measured"]["looks"]
    assert set(looks) == {"before", "during", "after", "caught up"}
    for look in looks.values():
        assert {"lost", "spread", "random"} <= set(look)
        assert look["lost"]["curvature"][1] > 0
        assert len(look["random"]["curvature"]) == 3


def test_a_page_of_what_was_told_says_so(rows: list[dict[str, Any]]) -> None:
    made = page(rows, "x")
    assert [p.agreement for p in made.parts] == [Agreement.supported] * 5
    assert "put to 32 events, 12 of 12 statements hold" in made.headline
    assert "as told, in both ways to collapse: a, b, c, d, e, f" in made.conclusion[1].lower()
    assert len(render_experiment_page(made).encode()) < 500_000


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.letter)
def test_each_statement_turned_round_is_contradicted_by_itself(
    statement: Any, rows: list[dict[str, Any]]
) -> None:
    turned = copy.deepcopy(event_rows(rows, "frozen D"))
    for row in turned:
        looks = row["measured"]["looks"]
        if statement.letter == "a":
            looks["during"]["random"]["curvature"] = [0.01, -0.01, 0.02]
        elif statement.letter in "bf":
            what = "curvature" if statement.letter == "b" else "slope"
            looks["during"]["lost"][what][0] *= -1
        elif statement.letter == "c":
            looks["before"]["lost"]["curvature"][0] = -3.0
        elif statement.letter == "d":
            looks["after"]["lost"]["curvature"][0] = -3.0
        else:
            looks["before"]["lost"]["slope"][0] *= -1
    found = {s.letter: judged(s, turned)[2] for s in STATEMENTS}
    assert found.pop(statement.letter) is Agreement.contradicted
    assert set(found.values()) == {Agreement.supported}


def test_fewer_than_eight_events_decide_nothing_and_none_is_a_page(
    rows: list[dict[str, Any]],
) -> None:
    few = copy.deepcopy(rows)
    for way, keep in (("large steps", 7), ("frozen D", 0)):
        for row in event_rows(few, way)[keep:]:
            row["measured"] |= {"event": None, "events": 0, "looks": {}}
    made = page(few, "x")
    assert made.parts[2].agreement is Agreement.open
    assert made.parts[3].agreement is Agreement.open
    assert "7 of 16 pairs lose a mode" in made.parts[2].lead
    assert "Fewer than eight events decide nothing" in made.parts[3].lead
    assert made.parts[3].draw(340).axes


def test_a_mode_that_is_never_found_again_leaves_out_that_look_alone(
    rows: list[dict[str, Any]],
) -> None:
    own = copy.deepcopy(event_rows(rows, "frozen D"))
    for row in own[:10]:
        row["measured"]["event"]["after"] = None
        del row["measured"]["looks"]["after"]
    counts = {s.letter: len(judged(s, own)[0]) for s in STATEMENTS}
    assert counts == {"a": 16, "b": 16, "c": 16, "d": 6, "e": 16, "f": 16}


def test_a_curvature_off_the_proof_and_an_interval_without_it_are_told(
    rows: list[dict[str, Any]],
) -> None:
    off = copy.deepcopy(rows)
    off[0]["measured"]["curvature"] += 1e-9
    for row in off:
        if row["configuration"]["part"] == "trained":
            row["measured"]["non-saturating"] += 0.01 * (row["configuration"]["sharpness"] == 8.0)
    made = page(off, "x")
    assert made.parts[0].agreement is Agreement.contradicted
    assert made.parts[1].agreement is Agreement.partly
    assert "is not what is measured" in made.headline


def test_a_pair_left_alone_that_loses_a_mode_is_told(rows: list[dict[str, Any]]) -> None:
    lossy = copy.deepcopy(rows)
    event_rows(lossy, "gentle")[0]["measured"]["events"] = 2
    assert page(lossy, "x").parts[4].agreement is Agreement.contradicted


def test_without_an_event_nothing_is_concluded_of_training(rows: list[dict[str, Any]]) -> None:
    none = [r for r in copy.deepcopy(rows) if r["configuration"].get("way") != "gentle"]
    for row in none:
        row["measured"] |= {"event": None, "events": 0, "looks": {}}
    trained = [r for r in none if r["configuration"]["part"] == "trained"]
    events = [r for r in none if r["configuration"]["part"] == "events"]
    assert conclusion(trained, events)[-1].startswith("**No pair lost a mode,**")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (-1.0, "makes the curvature 10 times larger"),
        (0.01, "makes it 10 times smaller"),
        (None, "does not surely change the size"),
    ],
)
def test_what_training_d_on_did_is_told_where_it_is_sure(
    after: float | None, words: str, rows: list[dict[str, Any]]
) -> None:
    own = copy.deepcopy([r for r in rows if r["configuration"]["part"] in ("trained", "events")])
    for row in own:
        if row["configuration"]["part"] == "events":
            looks = row["measured"]["looks"]
            looks["during"]["lost"]["curvature"][0] = -0.1
            odd = row["configuration"]["seed"] % 2
            looks["caught up"]["lost"]["curvature"][0] = after or (1.0 if odd else 0.01)
    trained = [r for r in own if r["configuration"]["part"] == "trained"]
    told = conclusion(trained, [r for r in own if r["configuration"]["part"] == "events"])
    assert words in told[2]
