"""What does a discriminator that is too sure do to the two generator losses?

Claim
    `gradient-ratio`: of one generated sample with D(G(z)) = d the non-saturating gradient is
    (1 - d)/d times the saturating one, in every parametrisation.
    `saturating-gradient-vanishes-in-the-logit`: as d goes to 0 the saturating one vanishes and the
    other does not. `batch-ratio-is-not-the-mean-ratio`: a batch's ratio is the one of its samples'
    only where they all pull the same way.

Predicted
    Single samples: (1 - d)/d to rounding, at every moment of training. A bad start, D trained
    ahead until it is sure: the batch gradient of the non-saturating loss is the larger one in every
    seed. With plain gradient descent, whose steps are as long as the gradient, the minimax
    generator stays where D is sure of it for longer. Adam divides by the gradient's own size, so
    the theorem predicts nothing of it.

How it is measured
    Recipe ring8: D alone makes 400 updates, then both play, with both losses from the same state,
    G by plain descent or by the recipe's Adam. At some steps `measures.gradients` looks, in
    float64: 64 single samples and 64 minibatches. A generator is free at the first step at which
    D's mean on its samples is 0.1; one that is not when the run ends is counted as free then, which
    makes the difference smaller. Per seed the difference between the two losses; of the differences
    the median with the interval of the sign test at 95 %.

What would refute it
    One sample whose ratio is off by more than rounding; an interval of the batch ratio's logarithm
    at the bad start, or of the difference of steps with plain descent, that reaches zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.command import Experiment, at_least_one, run
from experiments.own_training import discriminator_update, game_of, one_update, players_of
from experiments.saturation_page import page
from gancheck.diagnosis import Plan
from gancheck.games.recipe import Optimiser, Recipe
from gancheck.games.zoo import recipe
from gancheck.measures.gradients import gradient_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.training.players import Players

__all__ = ["EXPERIMENT", "main", "perform", "planned"]

LOSSES = ("minimax", "non-saturating")
DESCENT = Optimiser(kind="sgd", lr=0.1)
SEEDS, STEPS, AHEAD, BATCH = 10, 600, 400, 128
LOOKS = (0, 10, 30, 100, 300, 600)  # steps at which gradients are measured
SAMPLES = 1000
FREE = 0.1  # mean of D on generated samples: the ratio of means is then 9
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs; both losses of a seed are neighbours."""
    at_least_one(seeds, steps)
    return [
        {
            "loss": loss,
            "optimiser": kind,
            "seed": seed,
            "ahead": AHEAD if steps is None else steps,
            "steps": STEPS if steps is None else steps,
            "batch_size": BATCH,
            "samples": SAMPLES,
            "lr": _recipe(loss, kind).generator_optimiser.lr,
        }
        for seed in range(seeds)
        for kind in ("sgd", "adam")
        for loss in LOSSES
    ]


def _recipe(loss: str, kind: str) -> Recipe:
    own = recipe("ring8")
    optimiser = DESCENT if kind == "sgd" else own.generator_optimiser
    return replace(own, loss=loss, generator_optimiser=optimiser, batch_size=BATCH)


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train D ahead, then both.

    Args:
        configuration: one of `planned`.

    Returns:
        What was seen at each look, the course of D's mean on generated samples, and the first step
        at which it is 0.1, as JSON.
    """
    c = configuration
    chosen = _recipe(c["loss"], c["optimiser"])
    players = players_of(chosen, c["seed"])
    for _ in range(c["ahead"]):
        discriminator_update(players)
    looks, course, free = [_look(players, 0, c)], [], None
    for step in range(1, c["steps"] + 1):
        mean = one_update(chosen, players)["d_fake"] or 0.0
        if free is None and mean >= FREE:
            free = step
        if step % 10 == 1:
            course.append(round(mean, 6))
        if step in LOOKS:
            looks.append(_look(players, step, c))
    return {"looks": looks, "course": course, "free": free}


def _look(players: Players, step: int, c: Mapping[str, Any]) -> dict[str, Any]:
    found = gradient_ratio(
        game_of(players), Plan(samples=c["samples"], seed=_EVALUATION + c["seed"])
    )
    q = found.quantities
    return {
        "step": step,
        "off": q["theorem_deviation"].value,
        "singles": [
            [float(f"{d:.4g}"), float(f"{r:.4g}")]
            for d, r in zip(found.single_d[:16], found.single_ratio[:16], strict=True)
        ],
        "mean_d": q["mean_d_fake"].value,
        "batch_ratio": q["gradient_ratio"].value,
        "ratio_of_means": q["ratio_of_means"].value,
        "median_ratio": q["median_ratio"].value,
    }


EXPERIMENT = Experiment(
    name="saturation",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: f"{c['loss']} {c['optimiser']} seed {c['seed']}",
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
