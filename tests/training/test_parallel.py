"""Several processes make the training that one makes, and end together whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.games.data import DatasetData
from gancheck.training.outcomes import Refused
from gancheck.training.parallel import ALONE, Ranks
from gancheck.training.players import minibatch
from gancheck.training.run_directory import RunDirectory
from tests.training.spread import ALIKE, COUNT, double, on
from tests.training.tiny import everything

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PAIR = [Ranks(rank=rank, count=2, local=rank, local_count=2) for rank in range(2)]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave that make every training of `spread` together; once a session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "spread"
    ended = folder / "ended"
    try:
        folder.mkdir()
    except FileExistsError:  # pytest's other worker has begun
        wait_for(ended.exists)
    else:
        said = spread_over_two(folder)
        ended.with_suffix(".part").write_text(said)
        ended.with_suffix(".part").rename(ended)
    assert not ended.read_text(), ended.read_text()
    return folder


def spread_over_two(folder: Path) -> str:
    """Run both processes; what they said where one failed."""
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.spread", str(rank), str(folder)],
            cwd=ROOT,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(COUNT)
    ]
    said = [child.communicate(timeout=300)[1] for child in children]
    return "\n".join(said) if any(child.returncode for child in children) else ""


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def told(folder: Path) -> list[dict]:
    return [json.loads((folder / f"told {rank}.json").read_text()) for rank in range(COUNT)]


def last(directory: Path) -> dict[str, torch.Tensor]:
    run = RunDirectory(directory)
    return run.load(run.steps()[-1])


@pytest.mark.parametrize("name", ALIKE)
def test_two_processes_make_the_training_of_one_to_rounding(
    name: str, two: Path, tmp_path: Path
) -> None:
    on(ALIKE[name], tmp_path / "one")
    # A sum in another order is off by some roundings; a few steps, and Adam's quotient where a
    # gradient is small, make hundreds of them.
    single = name == "single precision"
    tolerance = 1e3 * torch.finfo(torch.float32 if single else torch.float64).eps
    one, both = last(tmp_path / "one"), last(two / "two" / name)
    assert one.keys() == both.keys()
    assert torch.equal(one.pop("rng.draws"), both.pop("rng.draws"))
    del one["rng.global"]  # of each process its own
    for key, tensor in one.items():
        scale = max(tensor.double().abs().max().item(), 1e-3)
        assert (tensor.double() - both[key].double()).abs().max() <= tolerance * scale, key
    rows, others = (RunDirectory(p).rows() for p in (tmp_path / "one", two / "two" / name))
    assert len(rows) == len(others) > 0
    for row, other in zip(rows, others, strict=True):
        unknown = {key for key, value in row.items() if value is None}
        assert unknown == {key for key, value in other.items() if value is None}
        for key in row.keys() - unknown:
            assert row[key] == pytest.approx(other[key], rel=tolerance, abs=tolerance), key


def test_a_run_of_two_says_so_and_has_the_files_of_a_run_of_one(two: Path, tmp_path: Path) -> None:
    on(ALIKE["alternating"], tmp_path / "one")
    folder = two / "two" / "alternating"
    assert everything(folder).keys() == everything(tmp_path / "one").keys()
    mine, theirs = (RunDirectory(p).configuration() for p in (tmp_path / "one", folder))
    assert theirs == {**mine, "processes": 2}


def test_what_cannot_be_spread_or_goes_wrong_ends_every_process_with_one_sentence(
    two: Path,
) -> None:
    first, second = told(two)
    assert first.pop("looked") == [1, 2, 3, 4, 5]
    assert second.pop("looked") == []  # the first one alone calls its callbacks
    for row in (first, second):
        del row["0 breaks"], row["1 breaks"]
    assert first == second
    for name, sentence in {
        "odd batch": "ValueError: batch_size must be a multiple of the 2 processes, got 7; take 6",
        "relativistic": "ValueError: the relativistic loss compares the samples of a batch",
        "mixing": "ValueError: the discriminator takes the samples of a batch beside each other",
        "synchronised": "ValueError: the discriminator has a SyncBatchNorm, which would exchange",
        "another game": "ValueError: process 1 would train another game than the first",
        "drifting": "Diverged: process 1 holds other numbers than the first at step 3",
        # of the second process's rows alone, and yet of the whole batch's loss
        "not a number": "Diverged: loss_g became nan at step 2; the run up to its checkpoint of",
    }.items():
        assert first.pop(name).startswith(sentence)
    assert not first
    left = {p.name for p in (two / "refused").iterdir()}
    assert left == {"not a number", "drifting"}  # the others were refused before anything was made
    assert RunDirectory(two / "refused" / "not a number").steps() == [0]
    assert RunDirectory(two / "refused" / "drifting").steps() == [0]


def test_when_one_process_cannot_go_on_the_first_says_why_and_no_other_speaks(two: Path) -> None:
    first, second = told(two)
    own = "ValueError: this machine is too old"
    assert first["0 breaks"] == own
    assert second["0 breaks"] == "SystemExit: 1"  # with the first one's code
    assert second["1 breaks"] == own
    assert first["1 breaks"].startswith(
        "Lost: process 1 of 2 ended: ValueError: this machine is too old; step 0 is saved, "
        "continue with: torchrun --nproc-per-node 2 -m gancheck train --resume --out "
    )
    for broken in range(COUNT):
        assert RunDirectory(two / f"broken {broken}").steps() == [0]


def test_dropout_has_masks_of_its_own_in_each_process_and_resumes_to_the_byte(two: Path) -> None:
    cut, whole = everything(two / "dropout" / "cut"), everything(two / "dropout" / "whole")
    assert cut == whole
    masks = []
    with torch.random.fork_rng(devices=[]):
        for ranks, step in ((PAIR[0], 3), (PAIR[1], 3), (PAIR[0], 4), (PAIR[0], 3)):
            ranks.reseed(7, step)
            masks.append(torch.rand(4))
        before = torch.get_rng_state()
        ALONE.reseed(7, 3)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(masks[0], masks[3])
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_a_run_is_resumed_by_as_many_processes_as_began_it(two: Path, tmp_path: Path) -> None:
    folder = two / "two" / "alternating"
    with pytest.raises(Refused, match=r"made with 2 processes, not 1; resume it with: torchrun "):
        on(ALIKE["alternating"], folder, resume=True)
    on(double(), tmp_path / "one")
    with pytest.raises(Refused, match=r"made with 1 process, not 2; resume it with: gancheck "):
        on(double(), tmp_path / "one", PAIR[0], resume=True)


class Counting(torch.utils.data.Dataset):
    """Items that are their own number, and which of them were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> torch.Tensor:
        self.asked.append(index)
        return torch.tensor([float(index)])


def test_of_finite_data_a_process_fetches_its_own_rows_only() -> None:
    parts = []
    for ranks in PAIR:
        items = Counting()
        rng = torch.Generator().manual_seed(0)
        data = DatasetData(dataset=items, shape=(1,))
        parts.append(minibatch(data, 8, rng, rows=ranks.part(8)))
        assert items.asked == parts[-1].flatten().tolist()
        assert len(items.asked) == 4
    data = DatasetData(dataset=Counting(), shape=(1,))
    whole = minibatch(data, 8, torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat(parts), whole)


def test_each_process_has_a_card_of_its_own_or_the_wish_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [r.device("auto") for r in PAIR] == ["cpu", "cpu"]
    with pytest.raises(ValueError, match="needs a card for each of 2 processes, torch sees 0"):
        PAIR[0].device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("auto", "cuda"):
        assert [r.device(name) for r in PAIR] == ["cuda:0", "cuda:1"]
    assert [r.device("cpu") for r in PAIR] == ["cpu", "cpu"]
    with pytest.raises(ValueError, match="device is 'cuda:1' for each of 2 processes; say cuda"):
        PAIR[0].device("cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="torch sees 1 CUDA devices; start as many processes"):
        PAIR[1].device("auto")
    assert ALONE.device("auto") == "auto"


def torchrun(out: Path, *more: str) -> subprocess.Popen[str]:
    """A training of two processes from the command line, of a recipe in a file."""
    recipe = out.parent / "small.toml"
    recipe.write_text(
        'latent = "normal[2]"\nsteps = 100000\nbatch_size = 16\ncheckpoint_every = 20\n'
        'data = { kind = "ring8" }\n'
        'generator = { kind = "perceptron", widths = [2, 8, 2] }\n'
        'discriminator = { kind = "perceptron", widths = [2, 8, 1] }\n'
    )
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    train = ["-m", "gancheck", "train", str(recipe), "--device", "cpu", "--out", str(out)]
    return subprocess.Popen(
        [*start, *train, *more],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(process: subprocess.Popen[str], out: Path) -> list[int]:
    """The two processes, in the order of their ranks, once they have made some steps."""
    wait_for(lambda: len(RunDirectory(out).steps()) >= 3 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children]


def sentences(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("gancheck: ")]


proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds children in /proc")


@proc
def test_a_signal_to_one_process_under_torchrun_ends_both_after_the_same_step(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    with torchrun(out) as process:
        os.kill(workers_of(process, out)[1], signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
    step = RunDirectory(out).steps()[-1]
    again = f"torchrun --nproc-per-node 2 -m gancheck train --resume --out {out}"
    assert sentences(said) == [
        f"gancheck: interrupted; step {step} is saved, continue with: {again}"
    ]
    assert said.count("exitcode  : 130") == 2  # as torchrun tells it
    assert [row["step"] for row in RunDirectory(out).rows()][-1] == step - step % 10


@proc
@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_when_one_process_is_killed_the_other_ends_and_the_run_goes_on_from_its_checkpoint(
    tmp_path: Path, killed: int
) -> None:
    out = tmp_path / "run"
    with torchrun(out) as process:
        os.kill(workers_of(process, out)[killed], signal.SIGKILL)
        said = process.communicate(timeout=120)[1]
    (sentence,) = sentences(said)
    kept = RunDirectory(out).steps()[-1]
    assert f"ended without a word; step {kept} is saved, continue with: torchrun" in sentence
    assert said.count("exitcode  : 4") == 1
    goal = str(kept + 25)
    with torchrun(out, "--resume", "--steps", goal) as process:
        printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert printed.count("trained: ") == 1
    with torchrun(tmp_path / "whole", "--steps", goal, "--diagnose-every", "20") as process:
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    name = f"checkpoints/step_{int(goal):08d}.safetensors"
    whole = everything(tmp_path / "whole")
    assert everything(out)[name] == whole[name]
    assert whole["diagnoses.jsonl"].count(b"\n") == len(RunDirectory(tmp_path / "whole").looks())
    assert RunDirectory(tmp_path / "whole").looks()


@pytest.mark.slow
def test_what_only_the_first_process_finds_ends_both_with_its_code(tmp_path: Path) -> None:
    out = tmp_path / "run"
    on(double(), out)
    with torchrun(out) as process:
        said = process.communicate(timeout=120)[1]
    (sentence,) = sentences(said)
    assert "holds a run already; continue it with: torchrun --nproc-per-node 2" in sentence
    assert said.count("exitcode  : 2") == 2
