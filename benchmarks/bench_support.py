"""What does an exact spanning tree cost beside ripser.py, and a bridge verdict on its own?

Prints the table of `benchmarks/README.md`. One thread, CPU time; the two run interleaved on the
same points in one process, median of the ratios of the rounds. Memory is what the peak resident set
grows by, each in a process of its own. Needs the extra `bench` (ripser.py).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.games.data import ring8
from gancheck.measures.connectivity import bridge_mass
from gancheck.measures.spanning_tree import emst

if TYPE_CHECKING:
    from collections.abc import Callable

_PEER = ((2, 50.0), (64, 12.0), (784, 4.0), (2048, 2.0))  # dimension, times faster to reach
_N = 5000


def main() -> None:
    """Print one row an operation: measured, peer, goal."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--memory", nargs=2, metavar=("WHO", "DIMENSION"), help=argparse.SUPPRESS
    )
    given = arguments.parse_args()
    torch.set_num_threads(1)
    if given.memory:
        print(json.dumps(_growth(given.memory[0], int(given.memory[1]))))
        return
    if importlib.util.find_spec("ripser") is None:
        sys.exit("bench_support needs ripser.py; type: pip install 'gancheck[bench]'")
    print("| operation | measured | against | goal |")
    print("|---|---|---|---|")
    for dimension, goal in _PEER:
        _row(*_against_ripser(dimension, given.rounds, goal))
        _row(*_memory(dimension))
    for row in (_many_points(), _plane(), _verdict()):
        _row(*row)


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _cloud(n: int, d: int) -> np.ndarray:
    """Ten clusters of at most 16 intrinsic dimensions with noise in all, float32."""
    rng = np.random.default_rng(0)
    inner = min(d, 16)
    centres = 4.0 * rng.standard_normal((10, inner))
    points = centres[rng.integers(10, size=n)] + rng.standard_normal((n, inner))
    basis = np.linalg.qr(rng.standard_normal((d, inner)))[0]
    return (points @ basis.T + 0.05 * rng.standard_normal((n, d))).astype(np.float32)


def _ripser(points: np.ndarray) -> object:
    from ripser import ripser  # pyright: ignore[reportMissingImports]  (a peer, no dependency)

    return ripser(points, maxdim=0)


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _against_ripser(d: int, rounds: int, goal: float) -> tuple[str, str, str, str]:
    x = _cloud(_N, d)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(_seconds(lambda: emst(x)))
        theirs.append(_seconds(lambda: _ripser(x)))
    ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
    return (
        f"spanning tree, n = {_N:,}, d = {d}",
        f"{statistics.median(ours):.3f} s, {ratio:.1f} x faster",
        f"ripser.py, {statistics.median(theirs):.1f} s",
        f"{goal:g} x",
    )


def _growth(who: str, d: int) -> float:
    """MiB of the peak resident set in one call, above the set just before it (Linux)."""
    x = _cloud(_N, d)
    call = emst if who == "ours" else _ripser
    call(x[:200])  # what a library allocates once is not the cost of a tree
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = _resident("VmRSS")
    call(x)
    return (_resident("VmHWM") - before) / 1024


def _resident(kind: str) -> int:
    """Of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind))


def _memory(d: int) -> tuple[str, str, str, str]:
    ours, theirs = (
        float(
            subprocess.run(
                [sys.executable, __file__, "--memory", who, str(d)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for who in ("ours", "ripser")
    )
    return (
        f"its memory, n = {_N:,}, d = {d}",
        f"{ours:.0f} MiB more, {ours / theirs:.3f} of the peer's",
        f"ripser.py, {theirs:.0f} MiB more",
        "0.1",
    )


def _many_points() -> tuple[str, str, str, str]:
    """20,000 x 784 in blockwise passes, and in time against a bare product of all blocks."""
    x = _cloud(20_000, 784)
    tensor = torch.from_numpy(x)

    def products() -> None:
        for block in tensor.split(200):
            torch.mm(block, tensor.T)

    bare = _seconds(products)
    start = time.process_time()
    passes = emst(x).certificate.passes
    spent = time.process_time() - start
    return (
        "spanning tree, n = 20,000, d = 784",
        f"{passes:.2f} passes, {spent:.1f} s, {spent / bare:.1f} x",
        f"one bare product of all blocks, {bare:.1f} s",
        "4 passes",
    )


def _plane() -> tuple[str, str, str, str]:
    x = _cloud(100_000, 2)
    spent = _seconds(lambda: emst(x))
    return ("spanning tree, n = 100,000, d = 2", f"{spent:.2f} s", "-", "runs")


def _verdict() -> tuple[str, str, str, str]:
    law = ring8()
    real, generated = (law.sample(10_000, torch.Generator().manual_seed(s)) for s in (0, 1))
    spent = statistics.median(_seconds(lambda: bridge_mass(real, generated)) for _ in range(3))
    return ("bridge verdict, 10,000 + 10,000 points, d = 2", f"{spent:.2f} s", "CPU", "1 s")


if __name__ == "__main__":
    main()
