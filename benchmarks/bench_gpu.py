"""What does the engine room cost on a GPU, and does it give the CPU's numbers?

Imports the package from the checkout this file lies in, without installing it; needs torch (2.10 or
newer), numpy, scipy, pandas and jaxtyping alone. First a small convolutional GAN is measured in
float64 on the device and on the CPU: products and extreme eigenvalues must agree. Then one of thirty
million parameters is timed: one evaluation of the field, one product of each operator, ten
eigenvalues at each end of both Hessians, the stability verdict, rotation to five per cent.

    python benchmarks/bench_gpu.py [--device cuda] [--width 146] [--batch 64] [--basis-device cpu]

Prints the table for benchmarks/README.md. Without a CUDA device it says so and times nothing,
unless a device is named.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.games.networks import dcgan_discriminator, dcgan_generator
from gancheck.operators import GameJacobian, Hessian
from gancheck.operators.game_jacobian import field
from gancheck.operators.lanczos import lanczos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROUNDS = 5
_AGREES = 1e-9  # float64 on both: sums in another order, amplified by some layers of batch norm


def main(arguments: list[str] | None = None) -> int:
    """Compare, then time; exit 1 where the device and the CPU disagree."""
    parser = argparse.ArgumentParser(description="GPU against CPU, and seconds at size.")
    parser.add_argument("--device", default=None, help="such as cuda or cuda:1")
    parser.add_argument(
        "--width", type=int, default=146, help="channels; 146 is 30 million numbers"
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64, help="pixels: 28, 32 or 64")
    parser.add_argument("--basis-device", default=None, help="where Krylov vectors are kept")
    chosen = parser.parse_args(arguments)
    if chosen.device is None and not torch.cuda.is_available():
        print("not measured: no CUDA device is at hand")
        return 0
    device = torch.device(chosen.device or "cuda")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}\n")
    worst = _agreement(device)
    print(f"largest relative difference from the CPU in float64: {worst:.1e}\n")
    print("| operation | seconds |\n|---|---|")
    for row in _timed(device, chosen):
        print(f"| {row[0]} | {row[1]:.3g} |", flush=True)
    if device.type == "cuda":
        print(f"\npeak memory: {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB")
    return 0 if worst <= _AGREES else 1


def _game(device: torch.device, dtype: torch.dtype, *, size: int, width: int) -> Game:
    rng = torch.Generator().manual_seed(0)
    generator = dcgan_generator(size, generator=rng, width=width, dtype=dtype)
    discriminator = dcgan_discriminator(size, generator=rng, width=width, dtype=dtype)
    real = torch.rand(256, 1, size, size, generator=rng) * 2.0 - 1.0
    return Game(
        generator.to(device),
        discriminator.to(device),
        loss="non-saturating",
        latent=latents.normal(64),
        data=real,
    )


def _agreement(device: torch.device) -> float:
    """Largest relative difference of field, products and eigenvalues between device and CPU."""
    numbers: list[list[torch.Tensor]] = []
    for where in (device, torch.device("cpu")):
        game = _game(where, torch.float64, size=28, width=4)
        batch = game.sample(16)
        jacobian, hessian = GameJacobian(game, batch), Hessian(game, "generator", batch)
        rng = torch.Generator().manual_seed(1)
        v = torch.randn(jacobian.shape[0], generator=rng, dtype=torch.float64)
        u = torch.randn(hessian.shape[0], generator=rng, dtype=torch.float64)
        values = lanczos(hessian, top=3, bottom=3, tol=1e-6).values
        found = [jacobian.field, jacobian.matvec(v), jacobian.rmatvec(v), hessian.matvec(u)]
        numbers.append([x.cpu() for x in found] + [torch.from_numpy(values)])
    pairs = zip(*numbers, strict=True)
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def _timed(device: torch.device, chosen: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Each row as soon as it is there."""
    from gancheck.diagnosis import Plan
    from gancheck.measures.rotation import rotation
    from gancheck.measures.stability import local_stability

    game = _game(device, torch.float32, size=chosen.size, width=chosen.width)
    sizes = game.sizes()
    batch = game.sample(chosen.batch)
    name = f"field ({sum(sizes):,} parameters, batch {chosen.batch})"
    yield name, _seconds(device, lambda: field(game, batch))
    jacobian = GameJacobian(game, batch)
    rng = torch.Generator().manual_seed(1)
    v = torch.randn(jacobian.shape[0], generator=rng).to(device)
    yield "J v", _seconds(device, lambda: jacobian.matvec(v))
    yield "J^T v", _seconds(device, lambda: jacobian.rmatvec(v))
    del jacobian
    for player, n in zip(("generator", "discriminator"), sizes, strict=True):
        hessian = Hessian(game, player, batch)
        start = v[:n].clone()
        yield (
            f"H v of the {player} ({n:,})",
            _seconds(device, lambda h=hessian, u=start: h.matvec(u)),
        )
        clock = time.perf_counter()
        pairs = lanczos(hessian, top=10, bottom=10, tol=1e-3, basis_device=chosen.basis_device)
        yield (
            f"its 10 + 10 ends at 1e-3, {pairs.products} products",
            time.perf_counter() - clock,
        )
        del hessian
    plan = Plan(batch_size=chosen.batch)
    for name, measure in (
        ("stability verdict", lambda: local_stability(game, batch)),
        ("rotation", lambda: rotation(game, batch, plan=plan)),
    ):
        clock = time.perf_counter()
        found: Any = measure()
        said = getattr(found, "verdict", None)
        shown = f": {said}" if said is not None else f": {found.quantities['rotation']}"
        spent = found.provenance.get("products")
        counted = f", {spent} products" if spent is not None else ""
        yield f"{name}{shown}{counted}", time.perf_counter() - clock


def _seconds(device: torch.device, what: Callable[[], object]) -> float:
    """Median wall-clock time, the device waited for."""
    times: list[float] = []
    for _ in range(_ROUNDS + 1):
        start = time.perf_counter()
        what()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[_ROUNDS // 2]


if __name__ == "__main__":
    sys.exit(main())
