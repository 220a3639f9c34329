"""The loop's promises: same bytes, resumable after anything, one sentence when it stops."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from gancheck.games import data
from gancheck.games.losses import LOSSES
from gancheck.games.recipe import Optimiser
from gancheck.games.regularisation import Regularisation
from gancheck.training.outcomes import Diverged, Interrupted, Refused, WriteFailed
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State
from gancheck.training.tensor_file import read_tensors
from gancheck.training.train import Progress, resolve_device
from gancheck.training.updates import UPDATES
from tests.training.tiny import build, everything, on_cpu, tiny


def test_a_run_leaves_its_configuration_its_metrics_and_its_checkpoints(tmp_path: Path) -> None:
    last = on_cpu(tiny(), tmp_path / "a")
    assert sorted(everything(tmp_path / "a")) == [
        *(f"checkpoints/step_{n:08d}.safetensors" for n in (0, 15, 30, 40)),
        "metrics.jsonl",
        "run.json",
    ]
    assert last.name == "step_00000040.safetensors"
    rows = [json.loads(x) for x in (tmp_path / "a/metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [1, 10, 20, 30, 40]
    assert all(math.isfinite(v) for r in rows for v in r.values())
    assert {"loss_g", "loss_d", "d_real", "d_fake", "grad_norm_g", "grad_norm_d"} < rows[0].keys()
    run = json.loads((tmp_path / "a/run.json").read_text())
    assert run["configuration"]["seed"] == 0
    assert run["versions"]["torch"] == torch.__version__


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    torch.manual_seed(1)
    on_cpu(tiny(), tmp_path / "a", seed=3)
    torch.manual_seed(2)
    on_cpu(tiny(), tmp_path / "b", seed=3)
    on_cpu(tiny(), tmp_path / "c", seed=4)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    assert everything(tmp_path / "a").keys() == everything(tmp_path / "c").keys()
    assert not set(everything(tmp_path / "a").values()) & set(everything(tmp_path / "c").values())


@pytest.mark.parametrize(
    "changes",
    [
        *({"loss": loss} for loss in LOSSES),
        *({"updates": updates} for updates in UPDATES if updates != "alternating"),
        {"critic_steps": 3, "clip": 0.05, "loss": "wgan"},
        {"ema": 0.9, "regularisation": Regularisation(r1=0.1, instance_noise=0.1)},
        {"generator_optimiser": Optimiser(kind="sgd", lr=0.05)},
        {"discriminator_optimiser": Optimiser(kind="sgd", lr=0.05, options={"momentum": 0.9})},
        {"generator_optimiser": Optimiser(kind="rmsprop"), "updates": "optimistic"},
    ],
    ids=str,
)
def test_everything_resumes_to_the_bytes_of_an_uninterrupted_run(tmp_path: Path, changes) -> None:
    recipe = tiny(**{"steps": 24, "checkpoint_every": 10, **changes})
    on_cpu(recipe, tmp_path / "whole")

    def stop(seen: Progress) -> None:
        if seen.step == 17:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        on_cpu(recipe, tmp_path / "cut", callbacks=[stop])
    on_cpu(recipe, tmp_path / "cut", resume=True)
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_the_running_mean_is_the_recursion_over_every_step(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def look(now: Progress) -> None:
        seen.append(torch.cat([p.detach().flatten() for p in now.generator.parameters()]).double())

    start = State.fresh(tiny(), seed=0, device=torch.device("cpu")).generator
    mean = torch.cat([p.detach().flatten() for p in start.parameters()]).double()
    last = on_cpu(tiny(ema=0.8), tmp_path / "a", callbacks=[look])
    for now in seen:
        mean = 0.8 * mean + 0.2 * now
    kept = read_tensors(last)
    names = [n for n, _ in start.named_parameters()]
    found = torch.cat([kept[f"ema.{n}"].flatten() for n in names]).double()
    assert torch.allclose(found, mean, rtol=1e-5, atol=1e-6)  # float32 over forty steps


def test_a_request_to_end_is_heeded_after_the_step_it_falls_into(tmp_path: Path) -> None:
    def ended(seen: Progress) -> None:
        if seen.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught:
        on_cpu(tiny(), tmp_path / "a", callbacks=[ended])
    assert caught.value.step in (7, 8)  # the note may be read one step later
    assert RunDirectory(tmp_path / "a").steps() == [0, caught.value.step]
    assert signal.getsignal(signal.SIGTERM) is before
    on_cpu(tiny(), tmp_path / "a", resume=True)
    on_cpu(tiny(), tmp_path / "whole")
    last = "checkpoints/step_00000040.safetensors"
    assert everything(tmp_path / "a")[last] == everything(tmp_path / "whole")[last]


class Forgetful(nn.Sequential):
    """A discriminator that draws from torch's global stream and keeps running statistics."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(build((2, 8, 8), generator), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.append(build((8, 1), generator))


def test_dropout_and_running_statistics_resume_bit_for_bit_too(tmp_path: Path) -> None:
    recipe = tiny(discriminator=Forgetful)
    on_cpu(recipe, tmp_path / "whole")
    on_cpu(recipe, tmp_path / "cut", steps=20)
    on_cpu(recipe, tmp_path / "cut", steps=40, resume=True)
    last = "checkpoints/step_00000040.safetensors"
    assert everything(tmp_path / "cut")[last] == everything(tmp_path / "whole")[last]


def test_finite_data_resume_bit_for_bit_too(tmp_path: Path) -> None:
    values = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    recipe = tiny(data=lambda: data.as_sampler(values))
    on_cpu(recipe, tmp_path / "whole")
    on_cpu(recipe, tmp_path / "cut", steps=15)
    on_cpu(recipe, tmp_path / "cut", steps=40, resume=True)
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_an_interruption_in_the_middle_of_a_step_falls_back_to_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    class Twitchy(nn.Sequential):
        calls = 0

        def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
            Twitchy.calls += 1
            if Twitchy.calls == 3 * 20:
                raise KeyboardInterrupt
            return super().forward(input)

    recipe = tiny(discriminator=lambda g: Twitchy(*build((2, 8, 1), g).children()))
    with pytest.raises(Interrupted, match="step 15 is saved") as caught:
        on_cpu(recipe, tmp_path / "cut")
    assert caught.value.step == 15
    on_cpu(recipe, tmp_path / "cut", resume=True)
    on_cpu(recipe, tmp_path / "whole")
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_an_interrupting_callback_stops_after_the_step_with_a_checkpoint(tmp_path: Path) -> None:
    def impatient(seen: Progress) -> None:
        if seen.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        on_cpu(tiny(), tmp_path / "a", callbacks=[impatient])
    assert caught.value.step == 7
    assert RunDirectory(tmp_path / "a").steps() == [0, 7]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_what_was_written(tmp_path: Path) -> None:
    class Failing(nn.Module):
        def __init__(self, generator: torch.Generator) -> None:
            super().__init__()
            self.body, self.calls = build((2, 8, 1), generator), 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.body(x) * (math.nan if self.calls > 3 * 21 else 1.0)

    with pytest.raises(Diverged, match=r"loss_. became nan at step 22; .*step 15 stays in"):
        on_cpu(tiny(discriminator=Failing), tmp_path / "a")
    run = RunDirectory(tmp_path / "a")
    assert run.steps() == [0, 15]
    assert [row["step"] for row in run.rows()] == [1, 10, 20]
    assert all(t.isfinite().all() for t in run.load(15).values() if t.is_floating_point())


class BreaksBackwards(nn.Module):
    """A discriminator whose gradients are NaN from step 22 on, its scores as they should be."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.body, self.calls = build((2, 8, 1), generator), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        out = self.body(x)
        if self.calls > 3 * 21 and out.requires_grad:
            out.register_hook(lambda g: g * math.nan)
        return out


@pytest.mark.parametrize("interrupted", [False, True])
def test_gradients_that_are_not_finite_reach_no_checkpoint(
    tmp_path: Path, interrupted: bool
) -> None:
    def impatient(seen: Progress) -> None:
        if interrupted and seen.step == 22:
            raise KeyboardInterrupt

    with pytest.raises(Diverged, match=r"became nan at step 2[23]; .*step 15 stays in"):
        on_cpu(tiny(discriminator=BreaksBackwards), tmp_path / "a", callbacks=[impatient])
    run = RunDirectory(tmp_path / "a")
    assert run.steps() == [0, 15]
    assert all(t.isfinite().all() for t in run.load(15).values() if t.is_floating_point())


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    on_cpu(tiny(), tmp_path / "a")
    before = everything(tmp_path / "a")
    with pytest.raises(Refused, match=r"holds a run already; continue it with: .* --resume"):
        on_cpu(tiny(), tmp_path / "a", seed=9)
    assert everything(tmp_path / "a") == before


@pytest.mark.parametrize(
    ("recipe", "options", "key"),
    [
        (tiny(), {"seed": 1}, "seed = 0, not 1"),
        (tiny(), {"loss": "hinge"}, "loss = 'non-saturating', not 'hinge'"),
        (tiny(), {"checkpoint_every": 4}, "checkpoint_every = 15, not 4"),
        (tiny(batch_size=8), {}, "batch_size = 16, not 8"),
        (tiny(updates="simultaneous"), {}, "updates = 'alternating', not 'simultaneous'"),
        (tiny(name="other"), {}, "recipe = 'tiny', not 'other'"),
        (tiny(), {"steps": 12}, "has made 20 steps already, more than steps = 12"),
    ],
)
def test_a_resume_with_another_configuration_is_refused_and_names_the_key(
    tmp_path: Path, recipe, options, key: str
) -> None:
    on_cpu(tiny(), tmp_path / "a", steps=20)
    before = everything(tmp_path / "a")
    with pytest.raises(Refused, match=key):
        on_cpu(recipe, tmp_path / "a", resume=True, **options)
    assert everything(tmp_path / "a") == before


def test_a_resume_without_a_run_or_with_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"holds no run: it has no run\.json"):
        on_cpu(tiny(), tmp_path / "none", resume=True)
    on_cpu(tiny(), tmp_path / "a", steps=20)
    checkpoint = RunDirectory(tmp_path / "a").checkpoint(20)
    checkpoint.write_bytes(checkpoint.read_bytes()[:999])
    with pytest.raises(Refused, match="checkpoint of step 20 cannot be read"):
        on_cpu(tiny(), tmp_path / "a", resume=True)
    (tmp_path / "a/run.json").write_text("{")
    with pytest.raises(Refused, match=r"run\.json cannot be read"):
        on_cpu(tiny(), tmp_path / "a", resume=True)


def test_a_run_killed_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    on_cpu(tiny(), tmp_path / "whole")
    on_cpu(tiny(), tmp_path / "cut")
    for path in (tmp_path / "cut/checkpoints").iterdir():
        path.unlink()
    (tmp_path / "cut/metrics.jsonl").write_text('{"step": 1, "los')
    on_cpu(tiny(), tmp_path / "cut", resume=True)
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    last = on_cpu(tiny(), tmp_path / "a")
    before = everything(tmp_path / "a")
    assert on_cpu(tiny(), tmp_path / "a", resume=True) == last
    assert everything(tmp_path / "a") == before


@pytest.mark.parametrize("call", [1, 3, 5, 8])
def test_a_full_disk_is_one_sentence_and_the_run_resumes_where_there_is_room(
    tmp_path: Path, monkeypatch, call: int
) -> None:
    real, calls = os.fsync, 0

    def full(number: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteFailed, match=r"cannot write .*: No space left on device; .*saved"):
        on_cpu(tiny(), tmp_path / "cut")
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))
    resume = (tmp_path / "cut/run.json").exists()
    on_cpu(tiny(), tmp_path / "cut", resume=resume)
    on_cpu(tiny(), tmp_path / "whole")
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_metrics_on_a_full_device_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(
        WriteFailed, match=r"cannot write .*metrics\.jsonl: No space left on device"
    ):
        RunDirectory(tmp_path).append({"step": 1})


def test_training_leaves_threads_and_the_global_stream_as_they_were(tmp_path: Path) -> None:
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    on_cpu(tiny(discriminator=Forgetful), tmp_path / "a")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)


def test_callbacks_see_every_step_and_the_checkpoints_as_they_appear(tmp_path: Path) -> None:
    seen: list[Progress] = []
    on_cpu(tiny(), tmp_path / "a", callbacks=[seen.append])
    assert [s.step for s in seen] == list(range(1, 41))
    assert [s.step for s in seen if s.checkpoint is not None] == [15, 30, 40]
    assert all(s.checkpoint.exists() for s in seen if s.checkpoint is not None)


def test_a_checkpoint_holds_networks_moments_and_streams_under_their_names(tmp_path: Path) -> None:
    tensors = read_tensors(on_cpu(tiny(), tmp_path / "a"))
    parameters = ["0.weight", "0.bias", "2.weight", "2.bias"]
    expected = {f"{player}.{p}" for player in "GD" for p in parameters} | {
        f"opt_{player}.{p}.{key}"
        for player in "gd"
        for p in parameters
        for key in ("exp_avg", "exp_avg_sq", "step")
    }
    assert tensors.keys() == expected | {"rng.draws", "rng.global"}
    assert tensors["opt_d.0.weight.step"].item() == 40
    assert tensors["rng.draws"].dtype == torch.uint8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 up, got 0"),
        ({"steps": 2.5}, "steps must be a whole number from 1 up, got 2.5"),
        ({"checkpoint_every": 0}, "checkpoint_every must be a whole number from 1 up"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, got 'float16'"),
        ({"loss": "nonsense"}, "loss must be one of"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, options, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        on_cpu(tiny(), tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


def test_devices_are_found_by_name_or_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    for name, sentence in (
        ("gpu", "must be auto, cpu, cuda or cuda:INDEX"),
        ("cuda:", "must be auto"),
        ("cuda", "torch sees 0 CUDA devices"),
        ("cuda:1", "torch sees 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            resolve_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(resolve_device(n)) for n in ("auto", "cuda", "cuda:1")] == [
        "cuda:0",
        "cuda:0",
        "cuda:1",
    ]
