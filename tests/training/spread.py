"""Trainings that two processes make together and one makes alone, shared by the tests of both.

Run as a program it is one of two processes: `python -m tests.training.spread RANK FOLDER`.
"""

from __future__ import annotations

import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn

from gancheck.games import data, latents
from gancheck.games.networks import Conditional, Mixture, dcgan_discriminator, dcgan_generator, mlp
from gancheck.games.recipe import Optimiser
from gancheck.games.regularisation import Regularisation
from gancheck.games.residual_networks import spectrally_normed
from gancheck.training.parallel import ALONE, Ranks
from gancheck.training.together import together
from gancheck.training.train import train
from gancheck.training.updates import UPDATES
from tests.training.tiny import tiny

if TYPE_CHECKING:
    from gancheck.games.data import Sampler
    from gancheck.games.recipe import Build, Recipe

COUNT = 2


def net(*sizes: int) -> Build:
    """A perceptron in float64."""
    return lambda generator: mlp(sizes, generator=generator, dtype=torch.float64)


def double(**changes: Any) -> Recipe:
    """A few steps of the tiny game in float64."""
    usual = {"generator": net(2, 8, 2), "discriminator": net(2, 8, 1), "steps": 5, "batch_size": 8}
    return tiny(**{**usual, "checkpoint_every": 3, **changes})


def pictures() -> Sampler:
    rng = torch.Generator().manual_seed(0)
    return data.as_sampler(torch.rand(20, 1, 28, 28, generator=rng, dtype=torch.float64))


def pairs() -> Sampler:
    """Points with their class as two one-hot numbers after them."""
    rng = torch.Generator().manual_seed(0)
    kind = nn.functional.one_hot(torch.arange(30) % 2).double()
    points = torch.randn(30, 2, generator=rng, dtype=torch.float64)
    return data.as_sampler(torch.cat([points, kind], dim=1))


def normed(generator: torch.Generator) -> nn.Module:
    """Batch norm with running statistics, of both kinds, where bias and statistics can differ."""
    layers = [
        net(2, 6)(generator),
        nn.BatchNorm1d(6, dtype=torch.float64),
        nn.Softplus(),
        net(6, 5)(generator),
        nn.BatchNorm1d(5, momentum=None, affine=False, dtype=torch.float64),
        net(5, 1)(generator),
    ]
    return nn.Sequential(*layers)


def dropping(generator: torch.Generator) -> nn.Module:
    hidden, out = net(2, 8)(generator), net(8, 1)(generator)
    return nn.Sequential(hidden, nn.Dropout(0.5), out)


class Mixing(nn.Module):
    """Judges a sample beside the others of its batch, and says so."""

    mixes_samples = True

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.body = net(2, 1)(generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x - x.mean(0))


class OwnNorm(nn.BatchNorm1d):
    """Somebody's own batch norm, and the function alone after it."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        bent = super().forward(input).sin()
        return nn.functional.batch_norm(bent, None, None, training=True)


def own_norm(generator: torch.Generator) -> nn.Module:
    return nn.Sequential(OwnNorm(2, dtype=torch.float64), net(2, 8, 1)(generator))


def syncing(generator: torch.Generator) -> nn.Module:
    return nn.Sequential(nn.SyncBatchNorm(2, dtype=torch.float64).eval(), net(2, 1)(generator))


class InTheSecond(nn.Module):
    """From its second step on the second process's scores, or its weights, are spoilt."""

    def __init__(self, generator: torch.Generator, *, nan: bool) -> None:
        super().__init__()
        self.body, self.calls, self.nan = net(2, 1)(generator), 0, nan

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 3 and dist.is_initialized() and dist.get_rank() == 1:
            if self.nan:
                return self.body(x) * math.nan
            with torch.no_grad():
                next(self.parameters()).mul_(1.001)
        return self.body(x)


class Breaks(nn.Module):
    """Refuses its second step in one of the processes."""

    def __init__(self, generator: torch.Generator, *, rank: int) -> None:
        super().__init__()
        self.body, self.calls, self.rank = net(2, 1)(generator), 0, rank

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 3 and dist.get_rank() == self.rank:
            raise ValueError("this machine is too old")
        return self.body(x)


SGD = Optimiser(kind="sgd", lr=0.05)
# A bias before batch norm has gradient zero; Adam would make steps of its rounding.
STILL: dict[str, Any] = {"generator_optimiser": SGD, "discriminator_optimiser": SGD}
DCGAN: dict[str, Any] = {
    "data": pictures,
    "latent": latents.normal(4),
    "generator": lambda g: dcgan_generator(28, generator=g, latent=4, width=2, dtype=torch.float64),
    "discriminator": lambda g: dcgan_discriminator(28, generator=g, width=2, dtype=torch.float64),
    "batch_size": 4,
    "steps": 3,
    **STILL,
}
ALIKE: dict[str, Recipe] = {
    **{name: double(updates=name) for name in UPDATES},
    "critic steps, clipping, running mean": double(
        loss="wgan", critic_steps=3, clip=0.05, ema=0.9, generator_optimiser=SGD
    ),
    "gradient penalty": double(loss="wgan-gp", critic_steps=2),
    "penalties and noise": double(
        loss="hinge", regularisation=Regularisation(r1=0.3, r2=0.2, instance_noise=0.1)
    ),
    "everything that draws, twice differentiated": double(
        updates="consensus",
        strength=0.01,
        steps=3,
        discriminator=normed,
        generator_optimiser=Optimiser(kind="sgd", lr=1e-4),
        discriminator_optimiser=Optimiser(kind="sgd", lr=1e-4),
        regularisation=Regularisation(
            r1=0.1, gradient_penalty=0.2, instance_noise=0.1, label_smoothing=0.1
        ),
    ),
    "mixture": double(
        generator=lambda g: Mixture([net(1, 6, 2)(g) for _ in range(2)]),
        latent=latents.product(latents.categorical(2), latents.normal(1)),
    ),
    "conditional, of finite data": double(
        data=pairs,
        generator=lambda g: Conditional(net(4, 6, 2)(g), 2),
        discriminator=net(4, 8, 1),
        latent=latents.product(latents.categorical(2), latents.normal(2)),
    ),
    "running statistics": double(discriminator=normed, updates="simultaneous", **STILL),
    "layer norm, twice differentiated": double(
        updates="symplectic",
        loss="wgan-gp",
        discriminator=lambda g: nn.Sequential(
            net(2, 6)(g), nn.LayerNorm(6, dtype=torch.float64), nn.Softplus(), net(6, 1)(g)
        ),
        **STILL,
    ),
    "batch norm of one's own": double(discriminator=own_norm, **STILL),
    "spectral norm": double(discriminator=lambda g: spectrally_normed(net(2, 8, 1)(g), g)),
    "dcgan": double(**DCGAN),
    "dcgan with gradient penalty": double(**{**DCGAN, "loss": "wgan-lp"}),
    "dcgan by consensus": double(**{**DCGAN, "updates": "consensus", "strength": 0.01, "steps": 2}),
    "single precision": tiny(steps=5, batch_size=8),
}
"""What is the same training on one process and on two, to rounding."""

REFUSED: dict[str, Recipe] = {
    "odd batch": double(batch_size=7),
    "relativistic": double(loss="relativistic"),
    "mixing": double(discriminator=Mixing),
    "synchronised": double(discriminator=syncing),
    "not a number": double(discriminator=partial(InTheSecond, nan=True)),
    "drifting": double(discriminator=partial(InTheSecond, nan=False)),
    "another game": double(),
}


def on(recipe: Recipe, out: Path, ranks: Ranks = ALONE, **options: Any) -> Path:
    return train(recipe, out, device="cpu", ranks=ranks, **options)


def main(rank: int, folder: Path) -> None:
    """Train everything as one of two, and tell how what is refused was refused."""
    told: dict[str, Any] = {}
    looked: list[int] = []
    with together(dist.FileStore(str(folder / "store"), COUNT), rank=rank, count=COUNT) as ranks:
        for name, recipe in ALIKE.items():
            on(recipe, folder / "two" / name, ranks)
        dropout = double(discriminator=dropping)
        on(dropout, folder / "dropout" / "whole", ranks)
        on(dropout, folder / "dropout" / "cut", ranks, steps=3)
        on(dropout, folder / "dropout" / "cut", ranks, steps=5, resume=True)
        on(double(), folder / "looked", ranks, callbacks=[lambda now: looked.append(now.step)])
        for name, recipe in REFUSED.items():
            try:
                seed = rank if name == "another game" else 0
                on(recipe, folder / "refused" / name, ranks, seed=seed)
            except (ValueError, RuntimeError) as error:
                told[name] = f"{type(error).__name__}: {error}"
    told["looked"] = looked
    for broken in range(COUNT):
        store = dist.FileStore(str(folder / f"store of {broken}"), COUNT)
        try:
            with together(store, rank=rank, count=COUNT) as ranks:
                recipe = double(discriminator=partial(Breaks, rank=broken))
                on(recipe, folder / f"broken {broken}", ranks)
        except (ValueError, RuntimeError, SystemExit) as error:
            told[f"{broken} breaks"] = f"{type(error).__name__}: {error}"
    (folder / f"told {rank}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
