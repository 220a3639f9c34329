"""What does it cost to look at a stranger's file, beside loading it with torch?

Prints the tables of `benchmarks/README.md`. Each row runs commands in processes of their own, start-up
included, the two interleaved, and takes medians of CPU seconds (user and system) of the rounds. A
first round, which writes byte code as any first run does, is not counted. Files are made in the run.
The peer is torch's weights-only loader, or safetensors' own, in the same interpreter. Linux only
(/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from gancheck.checkpoints import read
from gancheck.games.networks import dcgan_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

_INSPECT = [sys.executable, "-m", "gancheck.cli", "inspect"]
_AUDIT = [sys.executable, "-m", "gancheck.cli", "audit", "--fail-on", "never"]
_PEERS = {
    "zip": ("torch.load(weights_only=True)", "import torch,sys; torch.load(sys.argv[1], weights_only=True)"),
    "legacy": ("torch.load(weights_only=True)", "import torch,sys; torch.load(sys.argv[1], weights_only=True)"),
    "safetensors": ("safetensors.torch.load_file", "from safetensors.torch import load_file; import sys; load_file(sys.argv[1])"),
}  # fmt: skip
_PEAK = """
import sys
from gancheck.checkpoints import read
read(sys.argv[1])
print(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")))
"""


def main() -> None:
    """Print one row a measurement: measured, peer, goal."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    rounds = arguments.parse_args().rounds
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start compiles this package anew
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = _files(folder)
        print("| operation | measured | against | goal |")
        print("|---|---|---|---|")
        for kind, file in files.items():
            _row(*_inspect(kind, file, rounds))
        for kind, file in files.items():
            _row(*_reading(kind, file, rounds))
        _row(*_giant(folder, rounds))
        _row(*_audit(files["zip"], folder, rounds))


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _files(folder: Path) -> dict[str, Path]:
    """The same convolutional generator three times, 3 MB each."""
    network = dcgan_generator(32, width=56, generator=torch.Generator().manual_seed(0))
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    files = {kind: folder / f"G.{kind}" for kind in _PEERS}
    torch.save(state, files["zip"])
    torch.save(state, files["legacy"], _use_new_zipfile_serialization=False)
    save_file(state, files["safetensors"])
    return files


def _cpu(command: Sequence[str | Path]) -> float:
    """CPU seconds of a command, its start-up included."""
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            assert process.stderr is not None
            raise RuntimeError(process.stderr.read().decode())
    return usage.ru_utime + usage.ru_stime


def _interleaved(
    ours: Sequence[str | Path], peer: Sequence[str | Path], rounds: int
) -> tuple[float, float]:
    pairs = [(_cpu(ours), _cpu(peer)) for _ in range(1 + rounds)][1:]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def _inspect(kind: str, file: Path, rounds: int) -> tuple[str, str, str, str]:
    name, script = _PEERS[kind]
    ours, peer = _interleaved([*_INSPECT, file], [sys.executable, "-c", script, file], rounds)
    size = file.stat().st_size / 1e6
    return (
        f"gancheck inspect, {kind} of {size:.1f} MB",
        f"{ours:.2f} s, {ours / peer:.2f} of the peer's",
        f"{name}, {peer:.2f} s",
        "0.5 s",
    )


def _reading(kind: str, file: Path, rounds: int) -> tuple[str, str, str, str]:
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        read(file)
        seconds.append(time.process_time() - start)
    return f"of that the reading, {kind}", f"{statistics.median(seconds):.3f} s", "CPU", "0.1 s"


def _giant(folder: Path, rounds: int) -> tuple[str, str, str, str]:
    """A sparse file of 5 GB, whose tensors would have to be read to be checked."""
    file, count = folder / "giant.safetensors", 5 * 10**9 // 4
    entry = {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}
    header = json.dumps({"w": entry}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(file, 8 + len(header) + 4 * count)
    seconds = statistics.median(_cpu([*_INSPECT, file]) for _ in range(rounds))
    peak = subprocess.run(
        [sys.executable, "-c", _PEAK, str(file)], check=True, capture_output=True, text=True
    ).stdout
    return (
        "gancheck inspect, safetensors of 5 GB",
        f"{seconds:.2f} s, {int(peak) / 1024:.0f} MiB",
        "CPU, peak of the process",
        "10 s, 2 GiB",
    )


def _audit(file: Path, folder: Path, rounds: int) -> tuple[str, str, str, str]:
    ours, peer = _interleaved(
        [*_AUDIT, file, "--out", folder / "audit"], [sys.executable, "-c", "import torch"], rounds
    )
    return (
        "gancheck audit without a manifest, zip",
        f"{ours:.2f} s, {ours - peer:.2f} s over the peer's",
        f"import torch, {peer:.2f} s",
        "1 s over",
    )


if __name__ == "__main__":
    main()
