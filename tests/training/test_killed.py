"""Killed or interrupted from outside, a run in another process can still be finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gancheck.training.run_directory import RunDirectory
from tests.training.tiny import everything, on_cpu, remembering, tiny

CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from gancheck.training.outcomes import Interrupted
from gancheck.training.train import train
from tests.training.tiny import remembering, tiny

def slow(seen):
    time.sleep(0.01)
    print(seen.step, flush=True)

try:
    chosen = tiny(steps=120) if len(sys.argv) < 3 else remembering(120)
    train(chosen, sys.argv[1], device="cpu", callbacks=[slow])
except Interrupted as stop:
    print("Interrupted:", stop, flush=True)
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What CHILD's run leaves when nothing happens to it."""
    out = tmp_path_factory.mktemp("whole") / "run"
    on_cpu(tiny(steps=120), out)
    return everything(out)


def started(out: Path, until: int, *more: str) -> subprocess.Popen[str]:
    """A training in another process that has made `until` steps."""
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(out), *more],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == str(until):
            break
    return child


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_after_kill_9_the_resumed_run_ends_in_the_bytes_of_an_uninterrupted_one(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    with started(tmp_path / "cut", until=37) as child:
        child.send_signal(signal.SIGKILL)
        assert child.wait(timeout=60) == -signal.SIGKILL
    reached = RunDirectory(tmp_path / "cut").steps()[-1]
    assert 30 <= reached < 120
    on_cpu(tiny(steps=120), tmp_path / "cut", resume=True)
    assert everything(tmp_path / "cut") == whole


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_ctrl_c_saves_the_step_it_fell_into_and_says_how_to_go_on(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    child = started(tmp_path / "a b", until=32)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    step = RunDirectory(tmp_path / "a b").steps()[-1]
    assert 32 <= step < 120
    assert f"step {step} is saved" in said
    assert f"gancheck train --resume --out '{tmp_path / 'a b'}'" in said
    on_cpu(tiny(steps=120), tmp_path / "a b", resume=True)
    extra = f"checkpoints/step_{step:08d}.safetensors"
    resumed = everything(tmp_path / "a b")
    assert {**whole, extra: resumed[extra]} == resumed


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGTERM])
def test_a_running_mean_and_an_updates_memory_survive_a_kill_to_the_byte(
    tmp_path: Path, signalled: signal.Signals
) -> None:
    with started(tmp_path / "cut", 37, "remembering") as child:
        child.send_signal(signalled)
        said = child.communicate(timeout=60)[0]
    kept = RunDirectory(tmp_path / "cut").steps()
    if signalled is signal.SIGKILL:
        assert child.returncode == -signal.SIGKILL
        assert kept[-1] % 15 == 0
    else:
        assert child.returncode == 130
        assert f"step {kept[-1]} is saved" in said
    assert 30 <= kept[-1] < 120
    on_cpu(remembering(120), tmp_path / "cut", resume=True)
    on_cpu(remembering(120), tmp_path / "whole")
    cut, uncut = everything(tmp_path / "cut"), everything(tmp_path / "whole")
    assert uncut.items() <= cut.items()
    tensors = RunDirectory(tmp_path / "whole").load(120)
    assert {"ema", "memory"} < {name.partition(".")[0] for name in tensors}


@pytest.mark.slow
def test_killed_at_random_moments_again_and_again_the_run_still_ends_in_the_same_bytes(
    tmp_path: Path,
) -> None:
    on_cpu(tiny(steps=120), tmp_path / "whole")
    delays = torch.rand(4, generator=torch.Generator().manual_seed(0)).tolist()
    with started(tmp_path / "cut", until=1) as child:
        child.kill()
    program = CHILD.replace('device="cpu"', 'device="cpu", resume=True')
    root = Path(__file__).parents[2]
    for delay in delays:
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "cut")],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
    on_cpu(tiny(steps=120), tmp_path / "cut", resume=True)
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")
