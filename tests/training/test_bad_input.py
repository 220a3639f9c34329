"""What cannot be trained is one sentence on the terminal, and nothing of it is on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from gancheck.cli import app
from gancheck.games import data
from gancheck.training.outcomes import Refused
from gancheck.training.run_directory import RunDirectory
from tests.training.tiny import build, everything, on_cpu, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.training.train import Progress

BASE = """
latent = "normal[2]"
steps = 3
batch_size = 16
data = { kind = "ring8" }
generator = { kind = "perceptron", widths = [2, 8, 2] }
discriminator = { kind = "perceptron", widths = [2, 8, 1] }
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    file = tmp_path / "base.toml"
    file.write_text(BASE)
    values = np.random.default_rng(0).random((10, 2)).astype(np.float32)
    np.savez(tmp_path / "ten.npz", data=values)
    values[3, 1] = np.nan
    np.savez(tmp_path / "nan.npz", data=values)
    (tmp_path / "pictures").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "pictures/a.png")
    Image.new("L", (8, 9)).save(tmp_path / "pictures/b.png")
    return file


def trained(file: Path, out: Path, *more: str) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    done = CliRunner().invoke(
        app, ["train", str(file), "--device", "cpu", "--out", str(out), *more]
    )
    return done.exit_code, done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("stepz=3", "stepz: not a key here; there are batch_size"),
        ("generator.widths=[2, 8, 3]", "the data's shape, [16, 2] for a batch of 16, got [16, 3]"),
        ("discriminator.widths=[3, 8, 1]", "discriminator does not take samples of shape [2], "),
        ("discriminator.widths=[2, 8, 4]", "one score a sample, [16] or [16, 1] for a batch of 16"),
        ("latent=normal[7]", "generator does not take latents of size 7 (latent is 'normal')"),
        (
            "data={kind='npz', path='nan.npz'}",
            "data must be finite, got NaN or infinity in 1 of 10",
        ),
        ("data={kind='npz', path='none.npz'}", "no data at none.npz; write it with numpy.savez"),
        ("data={kind='folder', path='pictures'}", "a.png is 8 x 8 and b.png is 8 x 9; give size"),
        ("schema=2", "a recipe of schema 2, and this version of gancheck knows 1; install a newer"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_one_sentence_and_no_file(
    recipe_file: Path, monkeypatch: pytest.MonkeyPatch, change: str, sentence: str
) -> None:
    monkeypatch.chdir(recipe_file.parent)
    code, said = trained(recipe_file, recipe_file.parent / "out", "--set", change)
    assert code == 2
    assert sentence in said
    assert len(said.strip().splitlines()) == 1
    assert "Traceback" not in said
    assert not (recipe_file.parent / "out").exists()


def test_with_force_the_old_run_goes_only_once_the_new_one_can_be_trained(
    recipe_file: Path, tmp_path: Path
) -> None:
    assert trained(recipe_file, tmp_path / "run")[0] == 0
    before = everything(tmp_path / "run")
    code, said = trained(recipe_file, tmp_path / "run")
    assert (code, "holds a run already" in said) == (2, True)
    assert trained(recipe_file, tmp_path / "run", "--force", "--set", "latent=normal[7]")[0] == 2
    assert everything(tmp_path / "run") == before
    assert trained(recipe_file, tmp_path / "run", "--force", "--seed", "1")[0] == 0
    assert everything(tmp_path / "run").keys() == before.keys()
    assert everything(tmp_path / "run") != before


def test_a_batch_larger_than_the_data_is_trained_on_rows_drawn_one_by_one(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = trained(recipe_file, tmp_path / "run", "--set", "data={kind='npz',path='ten.npz'}")
    assert code == 0, said


def test_a_file_of_somebody_else_is_not_overwritten(recipe_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/metrics.jsonl").write_text("mine\n")
    code, said = trained(recipe_file, tmp_path / "mine")
    assert (code, "belongs to no run that could be continued" in said) == (2, True)
    assert everything(tmp_path / "mine") == {"metrics.jsonl": b"mine\n"}
    code, said = trained(recipe_file, recipe_file)
    assert (code, "cannot write" in said) == (4, True)
    assert recipe_file.read_text() == BASE


@pytest.mark.skipif(os.name != "posix", reason="directories are locked on POSIX alone")
def test_a_second_training_into_one_directory_is_refused_while_the_first_runs(
    tmp_path: Path,
) -> None:
    refused: list[str] = []

    def second(now: Progress) -> None:
        for options in ({}, {"force": True}, {"resume": True}):
            if now.step == 20:
                with pytest.raises(Refused, match="another process is training into") as caught:
                    on_cpu(tiny(), tmp_path / "a", **options)
                refused.append(str(caught.value))

    on_cpu(tiny(), tmp_path / "a", callbacks=[second])
    assert len(refused) == 3
    on_cpu(tiny(), tmp_path / "whole")
    assert everything(tmp_path / "a") == everything(tmp_path / "whole")
    with RunDirectory(tmp_path / "a").held():  # the lock went with the run
        pass


class Numbers(nn.Module):
    """A network of a user's own that returns no tensor."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.body = build((2, 1), generator)

    def forward(self, x: torch.Tensor) -> list[float]:
        return self.body(x).reshape(-1).tolist()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"generator": Numbers}, r"generator must return .* got a list"),
        ({"discriminator": Numbers}, r"discriminator must return one score .* got a list"),
        (
            {"generator": lambda g: build((2, 2), g).requires_grad_(requires_grad=False)},
            "generator has no parameter that requires gradients",
        ),
        (
            {"data": lambda: data.as_sampler(torch.zeros(20, 1, 4, 4))},
            r"\[16, 1, 4, 4\] for a batch of 16, got \[16, 2\]",
        ),
        ({"data": lambda: torch.zeros(20, 2)}, "data must make a sampler, got Tensor; hand it to"),
    ],
)
def test_networks_of_ones_own_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, changes, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        on_cpu(tiny(**changes), tmp_path / "a")
    assert not (tmp_path / "a").exists()
