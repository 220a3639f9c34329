"""Does a generator's loss curve down, and is it flat, where a mode is being lost?

Claim
    `collapse-direction-is-exponentially-flat`: two modes at +-1 of variance s^2, k = 2/s^2,
    w = e^-k, all generated mass on one of them, blurred alike, D exact. Splitting the mass has the
    curvature -3 k^2 w/(3 + w)^2 (minimax) and -2 k^2 w (3 - w^2)/((1 + w)^2 (3 + w)^2)
    (non-saturating): collapse is no minimum, and the way out is exponentially flat. Where D is not
    exact the theorem says nothing: its own counter-example is a D with a peak at the collapse. The
    popular account says more: in training too the direction of diversity is flat, that of collapse
    curves down. The two are one line, since v and -v have one curvature; the slope tells them apart.

Predicted
    On the theorem's game the measure gives the proved curvatures, and with the peaked D e/2. With a
    D that is trained there the interval over seeds holds the proved value. For collapse in training
    the popular account is put to the test, along the line towards the lost mode: (a) lost, the
    curvature is smaller in size than along random directions that move the samples as far; (b) it
    is negative; (c) it is lower than before the loss; (d) it rises again when the mode is found.
    Of the slope: (e) before the loss descent leaves the mode, (f) while it is lost descent goes
    back.

How it is measured
    Pairs trained gently on a ring of eight, each then goes on in three ways: with steps of a factor
    6, with D frozen until a mode is lost, and gently, where nothing should happen. Events by the rule
    of `mode_collapse_events`, lines and their scale as in `mode_collapse_lines`: chosen on one
    batch, slope and curvature on 16 others. One event a run. Beside it the same line of a mode that
    is kept, the line that spreads all samples from their mean, and the gentle runs at looks fixed
    beforehand. Medians over events with the interval of the sign test; those of the six statements
    hold together with 95 %, so fewer than eight events decide none of them. Unjudged, since no theorem
    speaks of it: the same lines once D has been trained on against the generator as it was.

What would refute it
    A measured curvature off the closed form; an interval over seeds without the proved value; of a
    popular statement, an interval on the other side of zero. One that holds zero leaves it open.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.command import Experiment, at_least_one, run
from experiments.mode_collapse_events import Event, events_in, held_and_lost
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
from experiments.mode_collapse_theorem import LOSSES, proved, trained
from experiments.mode_coverage import mode_coverage
from experiments.own_training import discriminator_update, game_of, one_update, players_of
from gancheck.games.architectures import Perceptron
from gancheck.games.data import Synthetic, ring8
from gancheck.games.recipe import adam
from gancheck.games.zoo import recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from gancheck.games.game import Batch, Game
    from gancheck.games.recipe import Recipe

__all__ = ["EXPERIMENT", "main", "perform", "planned"]

SHARPNESS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
PEAKS = (0.5, 2.0)
TRAINED_AT = (1.0, 2.0, 4.0, 8.0)
LOOKS = ("before", "during", "after")
WAYS = ("large steps", "frozen D", "gentle")
SEEDS, TRAINED_SEEDS = 16, 8
STEPS = {"trained": 1500, "longer": 6000, "gently": 1200, "on": 400, "caught up": 500}
WIDTH, BATCH, GENTLE, LARGE = 16, 128, 4e-3, 6.0
SPREAD = 0.2  # of a mode; with the 0.02 of ring8 a mode that is a little off counts as lost
LOOK_EVERY, LOOKED_AT, REAL = 5, 2000, 4000
SIZE, BATCHES, NULLS = 512, 16, 16
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs; the ways of a seed are neighbours."""
    at_least_one(seeds, steps)
    own = {k: STEPS[k] if steps is None else steps for k in STEPS}
    exact = [
        *({"part": "proved", "d": "exact", "sharpness": k, "loss": lo} for k in SHARPNESS for lo in LOSSES),
        *({"part": "proved", "d": "peaked", "sharpness": e, "loss": "non-saturating"} for e in PEAKS),
    ]  # fmt: skip
    with_trained = [
        {"part": "trained", "sharpness": k, "seed": seed, "length": length, "steps": own[length]}
        for seed in range(min(seeds, TRAINED_SEEDS))
        for k, length in (*((k, "trained") for k in TRAINED_AT), (TRAINED_AT[-1], "longer"))
    ]
    events = [
        {
            "part": "events",
            "way": way,
            "seed": seed,
            "gently": own["gently"],
            "on": own["on"],
            "caught_up": own["caught up"],
            "step": GENTLE,
            "factor": LARGE if way == "large steps" else 1.0,
            "spread": SPREAD,
            "look_every": LOOK_EVERY,
            "width": WIDTH,
            "batch_size": BATCH,
            "looked_at": LOOKED_AT,
            "size": SIZE,
            "batches": BATCHES,
            "random": NULLS,
        }
        for seed in range(seeds)
        for way in WAYS
    ]
    return [*exact, *with_trained, *events]


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run.

    Args:
        configuration: one of `planned`.

    Returns:
        What was measured, as JSON.
    """
    return {"proved": proved, "trained": trained, "events": _events}[configuration["part"]](
        configuration
    )


def _recipe(c: Mapping[str, Any]) -> Recipe:
    return replace(
        recipe("ring8"),
        data=lambda: _ring(c["spread"]),
        generator=Perceptron(widths=(2, c["width"], c["width"], 2)),
        discriminator=Perceptron(widths=(2, c["width"], c["width"], 1)),
        batch_size=c["batch_size"],
        generator_optimiser=adam(c["step"]),
        discriminator_optimiser=adam(c["step"]),
    )


def _centres() -> Tensor:
    """Of the modes, counted from angle 0 [8, 2]."""
    centres = ring8().modes
    if centres is None:
        raise ValueError("ring8 must have centres, got none")
    return centres


def _ring(spread: float) -> Synthetic:
    """The modes of ring8, wider."""
    centres = _centres()

    def labelled(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        label = torch.randint(len(centres), (n,), generator=rng)
        noise = torch.randn(n, 2, generator=rng, dtype=torch.float64)
        return centres[label] + spread * noise, label

    return Synthetic(
        name="ring of eight", shape=(2,), labelled=labelled, components=len(centres),
        modes=centres, spread=spread,
    )  # fmt: skip


def _set_step(optimizer: torch.optim.Optimizer, step: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = step


def _events(c: Mapping[str, Any]) -> dict[str, Any]:
    """Train gently, go on in this way, look, and measure at the looks of the first event."""
    chosen = _recipe(c)
    players = players_of(chosen, c["seed"])
    for _ in range(c["gently"]):
        one_update(chosen, players)
    _set_step(players.generator_optimizer, c["step"] * c["factor"])
    frozen = c["way"] == "frozen D"
    _set_step(players.discriminator_optimizer, 0.0 if frozen else c["step"] * c["factor"])
    ring = _ring(c["spread"])
    real, labels = ring.labelled(REAL, torch.Generator().manual_seed(_EVALUATION - 1))
    games: list[Game] = []
    counts: list[np.ndarray] = []
    for step in range(c["on"] + 1):
        if step % c["look_every"] == 0:
            games.append(game_of(players))
            samples = games[-1].draw_samples(c["looked_at"], seed=_EVALUATION + c["seed"])
            shares = mode_coverage(real, labels, samples).shares
            counts.append(np.rint(shares * c["looked_at"]).astype(np.int64))
            if frozen and events_in(np.stack(counts), c["looked_at"]):
                _set_step(players.discriminator_optimizer, c["step"])
                frozen = False
        one_update(chosen, players)
    hits = np.stack(counts)
    found = events_in(hits, c["looked_at"])
    looked = _placebo(c["seed"], len(hits)) if c["way"] == "gentle" else next(iter(found), None)
    held, _ = held_and_lost(hits, c["looked_at"])
    return {
        "events": len(found),
        "covered": held.sum(1).tolist(),
        "event": None
        if looked is None
        else {
            "mode": looked.mode,
            **{name: getattr(looked, name) for name in LOOKS},
        },
        "looks": {} if looked is None else _at_looks(games, hits, held, looked, c),
    }


def _placebo(seed: int, looks: int) -> Event:
    """Looks and a mode fixed beforehand, for a run in which nothing should happen."""
    return Event(mode=seed % 8, before=looks // 8, during=looks // 6, after=looks // 3)


def _kept(mode: int, held: np.ndarray, event: Event) -> int | None:
    """The mode farthest round the ring from the lost one that is surely held before and during."""
    order = sorted(
        (m for m in range(len(held[0])) if m != mode),
        key=lambda m: (-min((m - mode) % 8, (mode - m) % 8), m),
    )
    return next((m for m in order if held[event.before, m] and held[event.during, m]), None)


def _way(mode: int, hits: np.ndarray) -> Tensor:
    """Unit vector [2] to a mode from that neighbour on the ring that has more samples."""
    centres = _centres()
    neighbour = max(((mode - 1) % 8, (mode + 1) % 8), key=lambda m: int(hits[m]))
    out = centres[mode] - centres[neighbour]
    return out / out.norm()


def _at_looks(
    games: Sequence[Game], hits: np.ndarray, held: np.ndarray, event: Event, c: Mapping[str, Any]
) -> dict[str, Any]:
    """Slopes and curvatures along every line, at each look of an event."""
    lines = {"lost": event.mode}
    kept = _kept(event.mode, held, event)
    if kept is not None:
        lines["kept"] = kept
    ways = {line: (mode, _way(mode, hits[event.during])) for line, mode in lines.items()}
    out: dict[str, Any] = {}
    for name in LOOKS:
        look = getattr(event, name)
        if look is not None:
            out[name] = {
                "update": look * c["look_every"],
                "hits": hits[look].tolist(),
                **_along_lines(games[look], ways, c),
            }
    out["caught up"] = _along_lines(_caught_up(games[event.during], c), ways, c)
    return out


def _along_lines(
    game: Game, ways: Mapping[str, tuple[int, Tensor]], c: Mapping[str, Any]
) -> dict[str, Any]:
    """Slopes and curvatures at one point.

    Args:
        game: at that point.
        ways: line -> (mode, unit vector [2]) of those towards a mode; that of spread is added.
        c: configuration of the run.
    """
    chooser = game.sample(c["size"], seed=2 * _EVALUATION + c["seed"])
    unseen = game.sample(c["size"], seed=3 * _EVALUATION + c["seed"])
    wanted = _displacements(game, chooser, ways)
    asked = _displacements(game, unseen, ways)
    v = {line: pulled_back(game, chooser, u) for line, u in wanted.items()}
    random = at_random(game, chooser, c["random"], seed=4 * _EVALUATION + c["seed"])
    first = 5 * _EVALUATION + c["batches"] * c["seed"]
    found = along(game, [*v.values(), *random], c["size"], range(first, first + c["batches"]))
    return {
        **{
            line: {
                "slope": _summary(found.slope[i]),
                "curvature": _summary(found.curvature[i]),
                "of_samples": _summary(found.of_samples[i]),
                "norm": float(v[line].norm()),
                "likeness": likeness(moved(game, unseen, v[line]), asked[line]),
            }
            for i, line in enumerate(v)
        },
        "random": {
            "curvature": found.curvature[len(v) :].mean(1).tolist(),
            "slope": found.slope[len(v) :].mean(1).tolist(),
            "norm": [float(r.norm()) for r in random],
        },
    }


def _displacements(
    game: Game, batch: Batch, ways: Mapping[str, tuple[int, Tensor]]
) -> dict[str, Tensor]:
    """What each line is to do with a batch's samples, [n, 2] each."""
    if batch.latent is None:
        raise ValueError("batch holds no latents; draw it from a game with samples")
    samples = game.generate(batch.latent).detach()
    centres = _centres()
    out = {
        line: towards(samples, centres[mode], way, share=1.0 / len(centres))
        for line, (mode, way) in ways.items()
    }
    return {**out, "spread": spread_out(samples)}


def _caught_up(game: Game, c: Mapping[str, Any]) -> Game:
    """The same generator, D trained on against it."""
    chosen = _recipe(c)
    players = players_of(chosen, c["seed"] + 2 * _EVALUATION)
    for player in ("generator", "discriminator"):
        here = players.generator if player == "generator" else players.discriminator
        here.load_state_dict(game.modules[player].state_dict())
    for _ in range(c["caught_up"]):
        discriminator_update(players)
    return game_of(players)


def _summary(values: np.ndarray) -> list[float]:
    """Mean over batches and its standard error."""
    return [float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))]


EXPERIMENT = Experiment(
    name="mode_collapse",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: " ".join(
        str(c[k]) for k in ("part", "way", "d", "sharpness", "loss", "seed") if k in c
    ),
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
