"""How fast is a GAN trained on a GPU, and what does a diagnosis cost in steps of that training?

Imports the package from the checkout this file lies in, without installing it; needs torch (2.10 or
newer), numpy, scipy, pandas and jaxtyping alone. Trains the DCGAN of 64 pixels on synthetic
pictures and that of 28 pixels on pictures of Fashion-MNIST's shape (60,000 random ones, so nothing
must be there), each beside a loop that is written by hand with its data on the device: images a
second, share of the time that the device was busy, peak memory. Then every diagnostic of a game is
run once on the trained pair and told in training steps. First a few steps of a small run are held
against the CPU's.

    python benchmarks/bench_gpu_train.py [--device cuda] [--steps 300] [--batch 64]

Prints the tables for benchmarks/README.md. Without a CUDA device it says so and times nothing,
unless a device is named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.nn.functional import softplus

from gancheck import content, latents
from gancheck.diagnosis import NotApplicable, Plan
from gancheck.games.architectures import DcganDiscriminator, DcganGenerator
from gancheck.games.data import ArrayData
from gancheck.games.game import Game
from gancheck.games.recipe import Recipe, adam
from gancheck.operators import OperatorError
from gancheck.training.tensor_file import read_tensors
from gancheck.training.train import Progress, train

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM = 50  # steps before the clock starts: allocation, choice of kernels
_AGREES = 1e-3  # of the parameters' movement, float32, after a few steps


def main(arguments: list[str] | None = None) -> int:
    """Compare, then time; exit 1 where the device and the CPU disagree."""
    parser = argparse.ArgumentParser(description="Training on a GPU, and a diagnosis in steps.")
    parser.add_argument("--device", default=None, help="such as cuda or cuda:1")
    parser.add_argument("--steps", type=int, default=300, help="timed, after the warm-up")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=64, help="channels of the DCGAN")
    parser.add_argument("--samples", type=int, default=10_000, help="of a diagnosis")
    parser.add_argument("--only", default=None, help="codes of diagnostics, such as GC001,GC004")
    chosen = parser.parse_args(arguments)
    if chosen.device is None and not torch.cuda.is_available():
        print("not measured: no CUDA device is at hand")
        return 0
    device = torch.device(chosen.device or "cuda")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}\n")
    apart = _agreement(str(device))
    print(
        f"a run of 5 steps on the device and on the CPU differ by {apart:.1e} of their movement\n"
    )
    print("| run | images/s | of a loop by hand | device busy | peak memory |")
    print("|---|---|---|---|---|")
    seconds = 0.0
    recipe = _recipe(64, chosen)
    for size in (28, 64):
        recipe = _recipe(size, chosen)
        seconds, busy, peak = _trained(recipe, device, chosen.steps)
        by_hand = _by_hand(recipe, device, chosen.steps)
        rate = recipe.batch_size / seconds
        print(
            f"| DCGAN {size} px, batch {chosen.batch}, {_parameters(recipe):,} parameters "
            f"| {rate:,.0f} | {by_hand / seconds:.2f} x | {busy} | {peak} |",
            flush=True,
        )
    print("\n| diagnostic, DCGAN 64 px | seconds | training steps | ends |\n|---|---|---|---|")
    for row in _diagnosis(recipe, device, chosen, seconds):
        print(row, flush=True)
    return 0 if apart <= _AGREES else 1


@dataclass(frozen=True)
class _Pictures:
    """Random pictures that are alike in patches, so that there is something to learn."""

    size: int
    count: int
    made: dict[str, ArrayData] = field(default_factory=dict, compare=False)

    def __call__(self) -> ArrayData:
        if "data" not in self.made:
            rng = torch.Generator().manual_seed(0)
            coarse = torch.rand(self.count, 1, 7, 7, generator=rng) * 2.0 - 1.0
            values = torch.nn.functional.interpolate(coarse, size=(self.size, self.size))
            self.made["data"] = ArrayData(values=values, name="patches")
        return self.made["data"]


def _recipe(size: int, chosen: argparse.Namespace) -> Recipe:
    return Recipe(
        name=f"dcgan-{size}",
        description="a DCGAN on random pictures",
        data=_Pictures(size, 60_000 if size == 28 else 10_000),
        latent=latents.normal(64),
        generator=DcganGenerator(size=size, width=chosen.width),
        discriminator=DcganDiscriminator(size=size, width=chosen.width),
        steps=_WARM + chosen.steps,
        batch_size=chosen.batch,
        generator_optimiser=adam(2e-4),
        discriminator_optimiser=adam(2e-4),
        checkpoint_every=10**9,
    )


def _parameters(recipe: Recipe) -> int:
    rng = torch.Generator().manual_seed(0)
    pair = (recipe.generator(rng), recipe.discriminator(rng))
    return sum(p.numel() for m in pair for p in m.parameters())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _Busy:
    """Asks nvidia-smi every half second how busy the device is."""

    def __init__(self, device: torch.device) -> None:
        self._index = device.index or 0
        self._seen: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if device.type == "cuda":
            self._thread.start()

    def _watch(self) -> None:
        command = ["nvidia-smi", f"--id={self._index}", "--query-gpu=utilization.gpu"]
        command += ["--format=csv,noheader,nounits"]
        while not self._over.wait(0.5):
            try:
                told = subprocess.run(
                    command, capture_output=True, text=True, timeout=5, check=True
                )
                self._seen.append(float(told.stdout))
            except (OSError, ValueError, subprocess.SubprocessError):
                return

    def end(self) -> str:
        self._over.set()
        return f"{sum(self._seen) / len(self._seen):.0f} %" if self._seen else "not measured"


def _trained(recipe: Recipe, device: torch.device, steps: int) -> tuple[float, str, str]:
    """Seconds a step, how busy the device was, and the most memory it held."""
    clock: dict[int, float] = {}

    def look(now: Progress) -> None:
        if now.step in (_WARM, _WARM + steps - 1):  # the last step also writes a checkpoint
            _wait(device)
            clock[now.step] = time.perf_counter()

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    busy = _Busy(device)
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, Path(folder) / "run", device=str(device), callbacks=[look])
    used = "-"
    if device.type == "cuda":
        used = f"{torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB"
    return (clock[_WARM + steps - 1] - clock[_WARM]) / (steps - 1), busy.end(), used


def _by_hand(recipe: Recipe, device: torch.device, steps: int) -> float:
    """Seconds a step of the loop that one writes on an afternoon, its data on the device."""
    rng = torch.Generator().manual_seed(0)
    g, d = recipe.generator(rng).to(device), recipe.discriminator(rng).to(device)
    of_g, of_d = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (g, d))
    pictures: Any = recipe.data()
    values = pictures.values.to(device)
    n = recipe.batch_size

    def step() -> None:
        real = values[torch.randint(len(values), (n,), device=device)]
        with torch.no_grad():
            fake = g(torch.randn(n, recipe.latent.size, device=device))
        loss_d = softplus(-d(real)).mean() + softplus(d(fake)).mean()
        of_d.zero_grad()
        loss_d.backward()
        of_d.step()
        loss_g = softplus(-d(g(torch.randn(n, recipe.latent.size, device=device)))).mean()
        of_g.zero_grad()
        loss_g.backward(inputs=list(g.parameters()))
        of_g.step()

    for _ in range(_WARM):
        step()
    _wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    _wait(device)
    return (time.perf_counter() - start) / steps


def _agreement(device: str) -> float:
    """Largest difference of a parameter after five steps, over the largest movement of one."""
    base = Recipe(
        name="small",
        description="",
        data=_Pictures(28, 256),
        latent=latents.normal(16),
        generator=DcganGenerator(size=28, latent=16, width=8),
        discriminator=DcganDiscriminator(size=28, width=8),
        steps=5,
        batch_size=32,
        checkpoint_every=5,
        # plain descent: Adam's first steps are the signs of gradients, rounding and all
        generator_optimiser=replace(adam(), kind="sgd", lr=0.1, options={}),
        discriminator_optimiser=replace(adam(), kind="sgd", lr=0.1, options={}),
    )
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        with tempfile.TemporaryDirectory() as folder:
            there, here = Path(folder) / "device", Path(folder) / "cpu"
            ends = [
                read_tensors(train(base, run, device=where))
                for run, where in ((there, device), (here, "cpu"))
            ]
            start = read_tensors(here / "checkpoints/step_00000000.safetensors")
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
    names = [k for k in start if k.startswith(("G.", "D."))]
    apart = max(float((ends[0][k] - ends[1][k]).abs().max()) for k in names)
    moved = max(float((ends[1][k] - start[k]).abs().max()) for k in names)
    return apart / moved


def _diagnosis(
    recipe: Recipe, device: torch.device, chosen: argparse.Namespace, step: float
) -> list[str]:
    """Every diagnostic of a game once, on fresh networks after some steps."""
    rng = torch.Generator().manual_seed(0)
    g, d = recipe.generator(rng).to(device), recipe.discriminator(rng).to(device)
    game = Game(g, d, loss=recipe.loss, latent=recipe.latent, data=recipe.data())
    plan = Plan(batch_size=chosen.batch, samples=chosen.samples)
    rows, whole = [], 0.0
    for code, diagnostic in content.diagnostics().items():
        if getattr(diagnostic, "level", "game") != "game":
            continue
        if chosen.only is not None and code not in chosen.only.split(","):
            continue
        start = time.perf_counter()
        ends = _ending(lambda d=diagnostic: d.judge(d.measure(game, plan)).verdict)
        _wait(device)
        seconds = time.perf_counter() - start
        whole += seconds
        rows.append(
            f"| {code} {diagnostic.name} | {seconds:.2f} | {seconds / step:,.0f} | {ends} |"
        )
    rows.append(f"| all | {whole:.1f} | {whole / step:,.0f} | |")
    return rows


def _ending(judged: Callable[[], object]) -> str:
    try:
        return str(judged())
    except NotApplicable:
        return "not_applicable"
    except OperatorError:
        return "undecided"


if __name__ == "__main__":
    sys.exit(main())
