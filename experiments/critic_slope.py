"""How steep is a critic under a gradient penalty?

Claim
    `gradient-penalty-overshoots`: between point masses at distance r the best critic with penalty
    weight la is linear with slope 1 + r/(2 la), and its value is r + r^2/(4 la), not W1 = r. For any
    two laws a critic that cannot gain by being multiplied by a factor has
    E s^2 / E s = 1 + gap/(2 la E s), s its slope on the segments and gap E f(real) - E f(generated).

Predicted
    Two points, a network trained as critic: mean slope and value within 1 % of the theorem's, the
    slope above 1. ring8 against an untrained generator: the two sides of the condition agree to
    within 2 % of the right one.

How it is measured
    The project's loss with its penalty, a tanh perceptron trained by Adam against a fixed
    generator. Points: the slope averaged over the segment, exactly (f(r) - f(0)) / r, and the
    payoff with the penalty by quadrature. ring8: `measures.lipschitz` on 1,000 segments.
    1 % and 2 % are there because a training ends before its optimum; the slope 1 of a Lipschitz
    critic is 5 % away at the heaviest penalty.

What would refute it
    An interval over seeds that lies outside 1 %, or 2 %, or reaches below 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.command import Experiment, at_least_one, run
from experiments.critic_slope_page import page
from experiments.own_training import discriminator_update, game_of
from gancheck.diagnosis import Plan
from gancheck.games import data, latents
from gancheck.games.losses import resolve
from gancheck.games.networks import Position, mlp
from gancheck.games.parametric_laws import point
from gancheck.games.penalties import input_slopes
from gancheck.games.regularisation import Regularisation
from gancheck.measures.lipschitz import lipschitz
from gancheck.training.players import Players

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from gancheck.games.data import Sampler

__all__ = ["EXPERIMENT", "main", "perform", "planned"]

POINTS = ((1.0, 0.1), (1.0, 0.3), (1.0, 1.0), (1.0, 3.0), (1.0, 10.0), (0.25, 1.0), (4.0, 1.0))
WEIGHTS = (0.3, 1.0, 3.0, 10.0)
SEEDS, STEPS, BATCH, SAMPLES = 6, 800, 64, 1000
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs."""
    at_least_one(seeds, steps)
    rest = {"steps": STEPS if steps is None else steps, "batch_size": BATCH, "samples": SAMPLES}
    return [
        {**c, "seed": seed, **rest}
        for seed in range(seeds)
        for c in (
            *({"part": "points", "distance": r, "weight": la} for r, la in POINTS),
            *({"part": "ring8", "weight": la} for la in WEIGHTS),
        )
    ]


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train a critic against a fixed generator and measure how steep it is.

    Args:
        configuration: one of `planned`.

    Returns:
        Slopes and values, as JSON.
    """
    c = configuration
    weights = torch.Generator().manual_seed(c["seed"])
    if c["part"] == "points":
        players = _players(
            c, Position([c["distance"]]), mlp([1, 16, 1], generator=weights), point(), size=1
        )
    else:
        generator = mlp([2, 32, 32, 2], generator=weights)
        critic = mlp([2, 32, 32, 1], generator=weights)
        players = _players(c, generator, critic, data.ring8(), size=2)
    for step in range(c["steps"]):
        for group in players.discriminator_optimizer.param_groups:
            group["lr"] = 1e-2 * (1.0 - step / c["steps"])  # so that the end is no longer noise
        discriminator_update(players)
    return _between_points(players, c) if c["part"] == "points" else _on_segments(players, c)


def _players(
    c: Mapping[str, Any], generator: nn.Module, critic: nn.Module, real: Sampler, *, size: int
) -> Players:
    return Players(
        generator=generator,
        discriminator=critic,
        generator_optimizer=torch.optim.SGD(generator.parameters(), lr=0.0),
        discriminator_optimizer=torch.optim.Adam(critic.parameters(), lr=1e-2),
        loss=Regularisation(gradient_penalty=c["weight"]).applied_to(resolve("wgan")),
        latent=latents.normal(size),
        data=real,
        batch_size=c["batch_size"],
        rng=torch.Generator().manual_seed(_EVALUATION * 2 + c["seed"]),
    )


def _between_points(players: Players, c: Mapping[str, Any]) -> dict[str, Any]:
    """Mean slope over the segment, its spread, and the payoff, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    critic, r = players.discriminator.double(), c["distance"]
    with torch.no_grad():
        ends = critic(torch.tensor([[0.0], [r]], dtype=torch.float64)).reshape(-1).tolist()
    at = torch.tensor(0.5 * r * (nodes + 1.0)).reshape(-1, 1)
    slopes = input_slopes(critic, at).detach().numpy()
    gap = ends[0] - ends[1]
    penalty = float((weights / 2.0 * (slopes - 1.0) ** 2).sum())
    return {
        "slope": gap / r,
        "spread": float(slopes.max() - slopes.min()),
        "payoff": gap - c["weight"] * penalty,
        "gap": gap,
    }


def _on_segments(players: Players, c: Mapping[str, Any]) -> dict[str, Any]:
    q = lipschitz(
        game_of(players), Plan(samples=c["samples"], seed=_EVALUATION + c["seed"])
    ).quantities
    return {
        "left": q["slope_weighted"].value,
        "right": q["slope_predicted"].value,
        "error": q["slope_mismatch"].sampling_error,
        "gap": q["critic_gap"].value,
        "mean": q["slope_between"].value,
    }


EXPERIMENT = Experiment(
    name="critic_slope",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: f"{c['part']} weight {c['weight']:g} seed {c['seed']}",
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
