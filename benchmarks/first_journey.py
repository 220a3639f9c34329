"""What do the first journey's operations cost, as ratios to a named peer in the same run?

Prints the table of `benchmarks/README.md`. One process, one thread, CPU time of the process, seven
interleaved rounds, median of ratios.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import softplus

from gancheck import content, latents
from gancheck.games.game import Game
from gancheck.games.networks import dcgan_discriminator, dcgan_generator
from gancheck.operators import GameJacobian, Hessian
from gancheck.theory.report import check

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 7
_FIRST_SIX = (
    "optimal-discriminator",
    "logit-is-log-density-ratio",
    "minimax-value-is-jensen-shannon",
    "global-minimum-at-data",
    "gradient-ratio",
    "connected-latent-connected-support",
)


def main() -> None:
    """Print one row an operation: measured, peer, goal."""
    torch.set_num_threads(1)
    print("| operation | measured | against | goal |")
    print("|---|---|---|---|")
    for row in (*_products(), _theory(), _help()):
        print("| " + " | ".join(row) + " |")


def _products() -> list[tuple[str, str, str, str]]:
    rng = torch.Generator().manual_seed(0)
    generator = dcgan_generator(32, generator=rng)
    discriminator = dcgan_discriminator(32, generator=rng)
    real = torch.rand(64, 1, 32, 32, generator=rng) * 2.0 - 1.0
    game = Game(
        generator,
        discriminator,
        loss="non-saturating",
        latent=latents.normal(64),
        data=real,
    )
    batch = game.sample(16)
    jacobian = GameJacobian(game, batch)
    hessian = Hessian(game, "generator", batch)
    v = torch.randn(jacobian.shape[0], generator=rng)
    u = torch.randn(hessian.shape[0], generator=rng)
    g, d = list(generator.parameters()), list(discriminator.parameters())

    # The peers are written as a user would write them: plain modules, one shared D(G(z)).
    def gradient() -> None:
        score = discriminator(generator(batch.latent))
        torch.autograd.grad(softplus(-score).mean(), g)

    def field() -> None:
        score = discriminator(generator(batch.latent))
        loss_d = softplus(-discriminator(batch.real)).mean() + softplus(score).mean()
        torch.autograd.grad(softplus(-score).mean(), g, retain_graph=True)
        torch.autograd.grad(loss_d, d)

    pairs: list[tuple[str, Callable[[], object], Callable[[], object], str, str]] = [
        ("J v, stored graph", lambda: jacobian.matvec(v), field,
         "one evaluation of the field", "3.2"),
        ("J^T v, stored graph", lambda: jacobian.rmatvec(v), field,
         "one evaluation of the field", "-"),
        ("H v of the generator", lambda: hessian.matvec(u), gradient,
         "one gradient of its loss", "2.0"),
    ]  # fmt: skip
    size = sum(game.sizes())
    return [
        (f"{name} (DCGAN, n = {size:,}, batch 16)", f"{_ratio(ours, peer):.2f} x", against, goal)
        for name, ours, peer, against, goal in pairs
    ]


def _ratio(ours: Callable[[], object], peer: Callable[[], object]) -> float:
    ours()
    peer()
    ratios = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        ours()
        middle = time.process_time()
        peer()
        ratios.append((middle - start) / (time.process_time() - middle))
    return statistics.median(ratios)


def _theory() -> tuple[str, str, str, str]:
    theorems = content.theorems()
    start = time.process_time()
    for name in _FIRST_SIX:
        check(theorems[name])
    return ("the six theorems, checked", f"{time.process_time() - start:.1f} s", "CPU", "15 s")


def _help() -> tuple[str, str, str, str]:
    command = [sys.executable, "-m", "gancheck.cli", "--help"]
    seconds = []
    for _ in range(_ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return ("gancheck --help", f"{statistics.median(seconds):.2f} s", "CPU", "0.4 s")


if __name__ == "__main__":
    main()
