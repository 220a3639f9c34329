"""What does a step of training cost beside a loop written by hand, and a monitor beside its limit?

Prints tables of `benchmarks/README.md`. One process, one thread. The peer is the loop that one writes
on an afternoon for the same networks, loss, optimiser and data: no records, no run directory, no
seeds. Ours is `train` itself with its metrics every ten steps, its check of every loss and its
callbacks; the checkpoints at both ends are outside of what is timed. CPU time, interleaved rounds,
median of ratios. The monitor is timed from outside, by the wall clock around its callback.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import softplus

from gancheck.games.game import Game
from gancheck.games.zoo import recipe
from gancheck.monitor import Monitor
from gancheck.training.outcomes import Interrupted
from gancheck.training.train import Progress, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.games.recipe import Recipe

_WARM = 10  # steps before the clock starts: allocation, first use of kernels
_GOAL = 1.1
_STEPS = {"ring8": 400, "digits-dcgan": 20}
_ASKED = (0.1, 0.3)  # shares of training that a monitor may take


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--watched", type=float, default=60.0, help="seconds under each monitor")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    print("\n**A step of training**\n")
    print("| recipe | ours, ms | by hand, ms | ours over by hand (all rounds) | goal |")
    print("|---|---|---|---|---|")
    for name, steps in _STEPS.items():
        print(_step_row(recipe(name), steps, given.rounds), flush=True)
    print("\n**What a monitor takes of the training of ring8**\n")
    print("| asked at most | measured from outside | by its own account | looks |")
    print("|---|---|---|---|")
    for share in _ASKED:
        print(_monitor_row(share, given.watched), flush=True)


def _step_row(chosen: Recipe, steps: int, rounds: int) -> str:
    by_hand = _Hand(chosen)
    pairs: list[tuple[float, float]] = []
    for _ in range(rounds):
        first = by_hand.seconds(steps // 2)
        ours = _ours(chosen, steps)
        pairs.append((ours, (first + by_hand.seconds(steps // 2)) / 2.0))
    ratios = sorted(a / b for a, b in pairs)
    ours, hand = (1e3 * statistics.median(p[i] for p in pairs) for i in (0, 1))
    return (
        f"| {chosen.name}, batch {chosen.batch_size} | {ours:.2f} | {hand:.2f} "
        f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {_GOAL} |"
    )


def _ours(chosen: Recipe, steps: int) -> float:
    """CPU seconds a step of `train`."""
    clock: dict[int, float] = {}

    def look(now: Progress) -> None:
        if now.step in (_WARM, _WARM + steps):
            clock[now.step] = time.process_time()

    longer = replace(chosen, steps=_WARM + steps + 1, checkpoint_every=10**9)
    with tempfile.TemporaryDirectory() as folder:
        train(longer, Path(folder) / "run", device="cpu", callbacks=[look])
    return (clock[_WARM + steps] - clock[_WARM]) / steps


class _Hand:
    """The same game as one trains it without a package."""

    def __init__(self, chosen: Recipe) -> None:
        rng = torch.Generator().manual_seed(0)
        self._g, self._d = chosen.generator(rng), chosen.discriminator(rng)
        self._opt_g, self._opt_d = (
            torch.optim.Adam(module.parameters(), lr=settings.lr, betas=settings.options["betas"])
            for module, settings in (
                (self._g, chosen.generator_optimiser),
                (self._d, chosen.discriminator_optimiser),
            )
        )
        self._real = _drawn_by_hand(chosen)
        self._n, self._size = chosen.batch_size, chosen.latent.size
        for _ in range(_WARM):
            self._step()

    def seconds(self, steps: int) -> float:
        """CPU seconds a step."""
        start = time.process_time()
        for _ in range(steps):
            self._step()
        return (time.process_time() - start) / steps

    def _step(self) -> None:
        g, d, n = self._g, self._d, self._n
        with torch.no_grad():
            fake = g(torch.randn(n, self._size))
        loss_d = softplus(-d(self._real(n))).mean() + softplus(d(fake)).mean()
        self._opt_d.zero_grad()
        loss_d.backward()
        self._opt_d.step()
        loss_g = softplus(-d(g(torch.randn(n, self._size)))).mean()
        self._opt_g.zero_grad()
        loss_g.backward(inputs=list(g.parameters()))
        self._opt_g.step()


def _drawn_by_hand(chosen: Recipe) -> Callable[[int], Tensor]:
    data: Any = chosen.data()
    if chosen.name == "ring8":
        centres, spread = data.modes.float(), data.spread
        return lambda n: centres[torch.randint(8, (n,))] + spread * torch.randn(n, 2)
    values = data.values.float()
    return lambda n: values[torch.randint(len(values), (n,))]


def _monitor_row(share: float, seconds: float) -> str:
    """Train ring8 under a monitor and time its callback by a clock of its own."""
    chosen = recipe("ring8")
    watch: list[Monitor] = []
    spent, begun = 0.0, 0.0

    def look(now: Progress) -> None:
        nonlocal spent, begun
        start = time.perf_counter()
        if not watch:
            game = Game(
                now.generator,
                now.discriminator,
                loss=chosen.loss,
                latent=chosen.latent,
                data=chosen.data(),
            )
            watch.append(Monitor(game, every=50, max_overhead=share))
            begun = time.perf_counter()
            return
        watch[0].step(now.step)
        end = time.perf_counter()
        spent += end - start
        if end - begun > seconds:
            raise KeyboardInterrupt

    longer = replace(chosen, steps=10**7, checkpoint_every=10**9)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Interrupted):
        train(longer, Path(folder) / "run", device="cpu", callbacks=[look])
    whole = time.perf_counter() - begun
    looks = len({(row["step"], row["code"]) for row in watch[0].history})
    return (
        f"| {100 * share:g} % | {100 * spent / (whole - spent):.1f} % "
        f"| {100 * watch[0].overhead:.1f} % | {looks} |"
    )


if __name__ == "__main__":
    main()
