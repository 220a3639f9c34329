"""Do the codes -1, 1, 0 of a least-squares GAN lose modes that the codes 0, 1, 1 keep?

Claim
    Theorem `centred-least-squares-drops-modes`: with the codes -1, 1, 0 and an optimal
    discriminator the generator's step follows no divergence, and the flow that moves mass to where
    the loss is lower can empty a mode. With the codes 0, 1, 1 it follows a convex f
    (`least-squares-optimum-and-value`) and every mode that has mass gets its due.

Predicted
    Free weights: a mixture of the data's own normals with free weights is the theorem's setting.
    With a discriminator that is trained instead of optimal, 0, 1, 1 keeps every mode, -1, 1, 0
    loses some, and they are those that the exact flow loses from the same start.
    Networks: the theorem says nothing of samples that are transported. If its mechanism decided
    the training of networks, -1, 1, 0 would cover fewer modes.

How it is measured
    Recipes ring8 and grid25 of the zoo, both codings, at the recipe's step and with the
    generator's step a quarter of it, which lets the discriminator come nearer to its optimum.
    Both codings of a seed share initial weights, data and latents. A mode counts as
    covered (`experiments.mode_coverage`) unless it surely gets less than a tenth of its due, by
    exact binomial bounds from 10,000 samples, the modes of the real data given. Beside it, as a
    second look that forgives blur, the modes reached: the same rule on the share of samples that
    are nearer to a mode than to any other. Free weights are known exactly, so there a mode counts
    when it has a tenth of its due. A run that diverges covers none.
    Per seed the difference of the two codings; of the differences the median with the interval of
    the sign test, which needs nothing but independent seeds (no symmetry as Wilcoxon's, no large
    numbers as a bootstrap) and is only wider under ties. Four comparisons a part, each at 98.75 %,
    so that all four hold together with 95 %.

What would refute it
    Free weights: an interval that reaches zero. Networks: the popular reading of the theorem, that
    such codes drop modes in training, is supported where the interval lies below zero and
    contradicted where it lies above; an interval that holds zero supports neither.

Seeds, steps and settings were fixed before any outcome was seen: the recipes' own steps, and 12
seeds because that many fit into an hour of one core and let one of them disagree.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from experiments.command import Experiment, at_least_one, run
from experiments.free_weights import exact_flow, learned_flow, start
from experiments.least_squares_codes_page import page
from experiments.mode_coverage import DUE, mode_coverage, not_missed
from gancheck.games.data import grid25, ring8
from gancheck.games.zoo import recipe
from gancheck.runner import load_run
from gancheck.training.outcomes import Diverged
from gancheck.training.train import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from gancheck.games.recipe import Recipe

__all__ = ["main", "perform", "planned"]

CODES = ("lsgan", "lsgan-centred")
DATA = {"ring8": ring8, "grid25": grid25}  # the data of the recipes of these names
SETTINGS = ("recipe", "slow")
SEEDS = 12
SAMPLES = 10_000  # that a run is judged by
SHOWN = 500  # of them kept for a picture
FLOW = {"rate": 0.05, "steps": 1000, "warm_up": 500}  # time 50: by then the exact flow stands still
ANSWERS = {"recipe": 1, "slow": 4}  # discriminator steps to one of the weights
SLOWER = 4.0
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def planned(*, seeds: int = SEEDS, steps: int | None = None) -> list[dict[str, Any]]:
    """Configurations of all runs, seed by seed, so that a stop leaves whole pairs.

    Args:
        seeds: how many, counted from 0.
        steps: of every run, in place of the recipes' and the flow's own.
    """
    at_least_one(seeds, steps)
    return [
        make(data, setting, loss, seed, steps)
        for seed in range(seeds)
        for make in (_weights_run, _network_run)
        for data in DATA
        for setting in SETTINGS
        for loss in CODES
    ]


def _weights_run(
    data: str, setting: str, loss: str, seed: int, steps: int | None
) -> dict[str, Any]:
    own = recipe(data)
    return {
        "part": "weights",
        "data": data,
        "setting": setting,
        "loss": loss,
        "seed": seed,
        **FLOW,
        **({} if steps is None else {"steps": steps, "warm_up": steps}),
        "answers": ANSWERS[setting],
        "batch_size": own.batch_size,
        "discriminator_lr": own.discriminator_optimiser.lr,
    }


def _network_run(
    data: str, setting: str, loss: str, seed: int, steps: int | None
) -> dict[str, Any]:
    chosen = _recipe(data, setting)
    return {
        "part": "networks",
        "data": data,
        "setting": setting,
        "loss": loss,
        "seed": seed,
        "steps": chosen.steps if steps is None else steps,
        "updates": chosen.updates,
        "batch_size": chosen.batch_size,
        "generator_lr": chosen.generator_optimiser.lr,
        "discriminator_lr": chosen.discriminator_optimiser.lr,
        "samples": SAMPLES,
    }


def _recipe(data: str, setting: str) -> Recipe:
    own = recipe(data)
    if setting == "recipe":
        return own
    slower = replace(own.generator_optimiser, lr=own.generator_optimiser.lr / SLOWER)
    return replace(own, generator_optimiser=slower)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs that are not there yet, then the page from all of them."""
    experiment = Experiment(
        name="least_squares_codes",
        about=__doc__ or "",
        seeds=SEEDS,
        planned=lambda seeds, steps: planned(seeds=seeds, steps=steps),
        perform=perform,
        describe=_words,
        page=lambda rows, command: page(rows, command=command),
    )
    return run(experiment, arguments)


def _words(c: Mapping[str, Any]) -> str:
    return f"{c['part']} {c['data']} {c['setting']} {c['loss']} seed {c['seed']}"


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run, of `planned`; returns what was measured, as JSON."""
    if configuration["part"] == "weights":
        return _perform_weights(configuration)
    with TemporaryDirectory() as folder:
        return _perform_network(configuration, Path(folder) / "run")


def _perform_weights(c: Mapping[str, Any]) -> dict[str, Any]:
    data = DATA[c["data"]]()
    learned = learned_flow(
        recipe(c["data"]),
        data,
        c["loss"],
        seed=c["seed"],
        rate=c["rate"],
        steps=c["steps"],
        answers=c["answers"],
        warm_up=c["warm_up"],
    )
    exact = exact_flow(
        c["loss"], start(data.components, c["seed"]), rate=c["rate"], steps=c["steps"]
    )
    kept, predicted = (q >= DUE / data.components for q in (learned, exact))
    return {
        "modes": data.components,
        "covered": int(kept.sum()),
        "predicted": int(predicted.sum()),
        "agree": int((kept == predicted).sum()),
        "weights": _rounded(learned),
        "exact": _rounded(exact),
    }


def _perform_network(c: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    chosen = _recipe(c["data"], c["setting"])
    try:
        train(
            chosen,
            folder,
            seed=c["seed"],
            steps=c["steps"],
            loss=c["loss"],
            device="cpu",
            checkpoint_every=c["steps"],
        )
        return _judge(folder, chosen, c)
    except Diverged as ending:
        nothing = {"covered": 0, "surely": 0, "reached": 0}
        modes = DATA[c["data"]]().components
        return {"modes": modes, **nothing, "ended": str(ending)}


def _judge(folder: Path, chosen: Recipe, c: Mapping[str, Any]) -> dict[str, Any]:
    """Which modes a trained generator covers."""
    data = DATA[c["data"]]()
    rng = torch.Generator().manual_seed(_EVALUATION + c["seed"])
    real, labels = data.labelled(c["samples"], rng)
    game = load_run(folder, recipe=chosen).game()
    generated = game.draw_samples(c["samples"], seed=_EVALUATION + c["seed"]).double()
    found = mode_coverage(real, labels, generated, seed=c["seed"])
    modes: Any = data.modes
    nearest = torch.cdist(generated, modes).argmin(dim=1)
    cells = torch.bincount(nearest, minlength=data.components).tolist()
    return {
        "modes": data.components,
        "covered": found.covered,
        "surely": found.surely,
        "reached": sum(not_missed(hits, c["samples"], data.components) for hits in cells),
        "off_data": found.off_data,
        "bridge": found.bridge,
        "shares": _rounded(found.shares),
        "cells": [hits / c["samples"] for hits in cells],
        "generated": [_rounded(point, 3) for point in generated[:SHOWN].numpy()],
        "real": [_rounded(point, 3) for point in real[:SHOWN].numpy()],
    }


def _rounded(values: np.ndarray, digits: int = 6) -> list[float]:
    return [round(float(value), digits) for value in values]


if __name__ == "__main__":
    raise SystemExit(main())
