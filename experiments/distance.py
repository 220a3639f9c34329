"""What does the generator hear from afar: Jensen-Shannon against Wasserstein?

Claim
    `parallel-lines`: of two parallel segments at distance d the Jensen-Shannon divergence is ln 2
    whatever d is, and W1 is d. `disjoint-supports-stop-the-gradient`: with D at most e on generated
    samples, and its slope too, the minimax gradient is at most M e/(1 - e).
    `critic-has-unit-slope-on-transport-rays`, `gradient-penalty-overshoots`: the critic of W1 has
    slope 1 between the laws, a penalised one a little more.

Predicted
    A generator that can only shift its law. A trained D: the gradient of the minimax loss in the
    shift obeys the bound in every run, and at the largest distance it is below a hundredth of what
    exact transport gives. A penalised critic: the gradient is at least 1/2 at every distance (a
    finite critic need not be optimal). Exact transport: at least 0.9 at every distance, 1 but for
    the finite samples.

How it is measured
    Two segments at distance d, and two discs whose nearest points are d apart. D, or a critic with
    a penalty of weight 10, is trained against the fixed generator; then the gradient of the
    generator's loss in the shift, by autograd on 2,000 samples, of the non-saturating loss too.
    Transport: the mean of the unit vectors of the best one-to-one plan of 200 samples.

What would refute it
    One run above the bound; an interval over seeds on the wrong side of 1/100, 1/2 or 0.9.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from experiments.command import Experiment, at_least_one, run
from experiments.distance_page import page
from experiments.own_training import discriminator_update
from gancheck.games import latents
from gancheck.games.data import as_sampler
from gancheck.games.losses import resolve
from gancheck.games.networks import mlp
from gancheck.games.penalties import input_slopes
from gancheck.games.regularisation import Regularisation
from gancheck.training.players import Players

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.games.loss_pair import Loss

__all__ = ["EXPERIMENT", "Shifted", "main", "perform", "planned", "shape", "transport_gradient"]

SHAPES = ("lines", "discs")
DISTANCES = (0.25, 0.5, 1.0, 2.0, 4.0)
JUDGES = ("discriminator", "critic")
WEIGHT = 10.0
SEEDS, STEPS, BATCH, SAMPLES, PAIRS = 6, 500, 128, 2000, 200
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def shape(kind: str, z: Tensor) -> Tensor:
    """Points of the unit segment {0} x [0, 1], or of the disc of radius 1/2 about 0.

    Args:
        kind: `lines` or `discs`.
        z: [n, 2], uniform on [-1, 1].
    """
    u = (z + 1.0) / 2.0
    if kind == "lines":
        return torch.stack([torch.zeros_like(u[:, 0]), u[:, 1]], dim=1)
    radius, angle = 0.5 * u[:, 0].sqrt(), 2.0 * math.pi * u[:, 1]
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


class Shifted(nn.Module):
    """The same shape, moved to the right; the shift is all that can be learned.

    Args:
        kind: of the shape.
        distance: between the nearest points of the two shapes.
    """

    def __init__(self, kind: str, distance: float) -> None:
        super().__init__()
        self.kind = kind
        start = distance + (1.0 if kind == "discs" else 0.0)
        self.shift = nn.Parameter(torch.tensor(start))

    def forward(self, z: Tensor) -> Tensor:
        """Latents [n, 2] -> points [n, 2]."""
        across = torch.tensor([1.0, 0.0], dtype=z.dtype, device=z.device)
        return shape(self.kind, z) + self.shift * across


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs."""
    at_least_one(seeds, steps)
    return [
        {
            "shape": kind,
            "judge": judge,
            "distance": distance,
            "seed": seed,
            "steps": STEPS if steps is None else steps,
            "samples": SAMPLES,
            "pairs": PAIRS,
            "weight": WEIGHT,
        }
        for seed in range(seeds)
        for kind in SHAPES
        for distance in DISTANCES
        for judge in JUDGES
    ]


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Train a judge against the fixed generator and see what gradient the generator gets.

    Args:
        configuration: one of `planned`.

    Returns:
        Sizes of the gradient in the shift, as JSON.
    """
    c = configuration
    players = _players(c)
    for _ in range(c["steps"]):
        discriminator_update(players)
    rng = torch.Generator().manual_seed(_EVALUATION + c["seed"])
    generator: Any = players.generator
    fake = generator(players.latent.sample(c["samples"], rng).float())
    real = players.data.draw(c["samples"], rng).float()
    if c["judge"] == "critic":
        slope = _gradient(resolve("wgan"), players, real, fake)
        return {
            "gradient": abs(slope),
            "towards": slope > 0.0,
            "transport": transport_gradient(
                real[: c["pairs"]].double().numpy(), fake[: c["pairs"]].detach().double().numpy()
            ),
        }
    with torch.no_grad():
        d = players.discriminator(fake).sigmoid().reshape(-1)
    slopes = input_slopes(lambda x: players.discriminator(x).sigmoid(), fake.detach())
    e = max(float(d.max()), float(slopes.detach().max()))
    return {
        "minimax": abs(_gradient(resolve("minimax"), players, real, fake)),
        "non-saturating": abs(_gradient(resolve("non-saturating"), players, real, fake)),
        "largest": e,
        "bound": e / (1.0 - e) if e < 1.0 else None,
        "mean_d": float(d.mean()),
    }


def _players(c: Mapping[str, Any]) -> Players:
    weights = torch.Generator().manual_seed(c["seed"])
    discriminator = mlp([2, 32, 32, 1], generator=weights)
    generator = Shifted(c["shape"], c["distance"])
    square = latents.uniform(2)
    loss = resolve("minimax")
    if c["judge"] == "critic":
        loss = Regularisation(gradient_penalty=c["weight"]).applied_to(resolve("wgan"))

    def real(n: int, rng: torch.Generator) -> Tensor:
        return shape(c["shape"], square.sample(n, rng))

    return Players(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=torch.optim.SGD(generator.parameters(), lr=0.0),
        discriminator_optimizer=torch.optim.Adam(discriminator.parameters(), lr=5e-3),
        loss=loss,
        latent=square,
        data=as_sampler(real),
        batch_size=BATCH,
        rng=torch.Generator().manual_seed(_EVALUATION * 2 + c["seed"]),
    )


def _gradient(loss: Loss, players: Players, real: Tensor, fake: Tensor) -> float:
    """Derivative of the generator's loss in its shift; positive: descent moves it to the data."""
    generator: Any = players.generator
    value = loss.generator(players.discriminator, real, fake)
    (slope,) = torch.autograd.grad(value, generator.shift, retain_graph=True)
    return float(slope)


def transport_gradient(real: np.ndarray, fake: np.ndarray) -> float:
    """Derivative of W1 of two samples when the second is shifted to the right.

    Args:
        real: [n, 2].
        fake: [n, 2].

    Cost: an assignment of n points.
    """
    away = fake[None, :, :] - real[:, None, :]
    cost = np.linalg.norm(away, axis=2)
    rows, columns = linear_sum_assignment(cost)
    return float((away[rows, columns, 0] / cost[rows, columns]).mean())


EXPERIMENT = Experiment(
    name="distance",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: f"{c['shape']} {c['judge']} at {c['distance']:g} seed {c['seed']}",
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
