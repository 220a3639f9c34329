"""Must one generator bridge the gaps of its data, and does a mixture leave them empty?

Claim
    Theorem `connected-latent-connected-support`: a continuous generator on a latent law of
    connected support has an output of connected support, so where it reaches two components of the
    data it leaves mass between them, at least what `gap-mass-isoperimetry` says. A latent with a
    choice of expert has a support in pieces, and a mixture of generators need leave nothing.

Predicted
    One generator: bridged in every training, by samples, and every latent path from one component
    to another crosses a gap. An oracle mixture, each expert of which makes one mode and which is
    not trained: never bridged. A trained mixture: the theorem says what it can do, not what
    training does; it is bridged where its table of experts against components shows an expert in
    two components, and not where it shows none. Digits: nothing is predicted where held-out real
    images fill the gaps in every space.

How it is measured
    Recipes ring8 and ring8-mixture, moons and a mixture of two, digits and a mixture of ten, all of
    the zoo's losses, steps and updates; mixtures have smaller experts. Of each trained generator
    10,000 samples are tested against held-out real ones (`measures.bridge_mass`, one-sided exact
    test at 1 %), up to 200 latent paths are followed, the experts of 2,000 latents are counted by
    component. Digits: the label-defined test in five spaces that are fixed before, see
    `experiments.digit_spaces`.

What would refute it
    One generator that is not bridged, or a path that reaches another component without a gap. An
    oracle that is bridged. A trained mixture whose test and table disagree, in either direction.

Six seeds of ring8, as many as a claim of "every training" needs to exclude half of them; three of
moons and two of digits, which cost more. The prediction is older than every run; these words for it
were set down after a first look at the same seeds, for which nothing was changed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from experiments.command import Experiment, at_least_one, run
from experiments.one_generator_or_many_measured import measured_on_digits, measured_on_planar
from experiments.one_generator_or_many_page import page
from gancheck.games import latents
from gancheck.games.architectures import MixtureOf, Perceptron
from gancheck.games.data import ring8
from gancheck.games.game import Game
from gancheck.games.networks import Mixture
from gancheck.games.zoo import recipe
from gancheck.runner import load_run
from gancheck.training.train import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.games.recipe import Recipe

__all__ = ["main", "oracle", "perform", "planned", "recipe_of"]

KINDS = {"ring8": ("one", "many", "oracle"), "moons": ("one", "many"), "digits": ("one", "many")}
SEEDS = {"ring8": 6, "moons": 3, "digits": 2}
STEPS = {"digits": 2000}  # a third of the recipe's: ten experts cost a minute
SAMPLES = {"ring8": 10_000, "moons": 10_000, "digits": 2000}
PATHS = 200


def recipe_of(data: str, kind: str) -> Recipe:
    """The zoo's recipe of one generator, or the mixture that is put beside it."""
    if kind == "one":
        return recipe(data)
    if data == "ring8":
        return recipe("ring8-mixture")
    own = recipe(data)
    experts, expert = {
        "moons": (2, Perceptron(widths=(2, 48, 48, 2))),
        "digits": (10, Perceptron(widths=(16, 64, 64, 64), output="tanh")),
    }[data]
    return replace(
        own,
        name=f"{data}-mixture",
        description=f"The same by {experts} smaller generators.",
        latent=latents.product(latents.categorical(experts), own.latent),
        generator=MixtureOf(experts=experts, expert=expert),
    )


class _Mode(torch.nn.Module):
    """z -> centre + spread z: one mode of ring8, exactly."""

    def __init__(self, centre: torch.Tensor, spread: float) -> None:
        super().__init__()
        self.centre, self.spread = torch.nn.Parameter(centre.clone()), spread

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.centre + self.spread * z


def oracle() -> Game:
    """A mixture that nobody trained: each expert is one mode of ring8."""
    data = ring8()
    modes: Any = data.modes
    return Game(
        Mixture([_Mode(centre, data.spread) for centre in modes]),
        torch.nn.Linear(2, 1).double(),
        loss="minimax",
        latent=latents.product(latents.categorical(data.components), latents.normal(2)),
        data=data,
    )


def planned(*, seeds: int | None = None, steps: int | None = None) -> list[dict[str, Any]]:
    """Configurations of all runs.

    Args:
        seeds: of each, counted from 0, in place of the planned numbers.
        steps: of every training, in place of the planned numbers.
    """
    at_least_one(seeds, steps)
    return [
        _run(data, kind, seed, steps)
        for data, kinds in KINDS.items()
        for seed in range(seeds or SEEDS[data])
        for kind in kinds
    ]


def _run(data: str, kind: str, seed: int, steps: int | None) -> dict[str, Any]:
    out = {
        "data": data,
        "kind": kind,
        "seed": seed,
        "samples": SAMPLES[data],
        "paths": PATHS,
    }
    if kind == "oracle":
        return out
    chosen = recipe_of(data, kind)
    return {
        **out,
        "recipe": {**chosen.written(), "steps": steps or STEPS.get(data, chosen.steps)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs that are not there yet, then the page from all of them."""
    experiment = Experiment(
        name="one_generator_or_many",
        about=__doc__ or "",
        seeds=None,
        planned=lambda seeds, steps: planned(seeds=seeds, steps=steps),
        perform=perform,
        describe=lambda c: f"{c['data']} {c['kind']} seed {c['seed']}",
        page=lambda rows, command: page(rows, command=command),
    )
    return run(experiment, arguments)


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train and measure one run of `planned`; returns what was measured, as JSON."""
    c = configuration
    measured = measured_on_digits if c["data"] == "digits" else measured_on_planar
    if c["kind"] == "oracle":
        return measured(oracle(), c)
    chosen = recipe_of(c["data"], c["kind"])
    steps = c["recipe"]["steps"]
    with TemporaryDirectory() as folder:
        run_at = Path(folder) / "run"
        train(chosen, run_at, seed=c["seed"], steps=steps, device="cpu", checkpoint_every=steps)
        return measured(load_run(run_at, recipe=chosen).game(), c)


if __name__ == "__main__":
    raise SystemExit(main())
