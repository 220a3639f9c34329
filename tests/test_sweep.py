"""A sweep makes what is not there, tells means with intervals, and refuses what is another's."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from gancheck import content
from gancheck import sweep as module
from gancheck.cli import app
from gancheck.games import zoo
from gancheck.games.architectures import Perceptron
from gancheck.recipe_file import recipe_text
from gancheck.sweep import Cell, perform, read_sweep, table
from gancheck.training.outcomes import Diverged, Interrupted
from tests.training.tiny import TINY

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = """
recipes = ["tiny", "other.toml"]
seeds = [0, 4]
set = { steps = 20, batch_size = 8 }
diagnostics = ["GC004"]
plan = { batch_size = 8, samples = 100, gradient_batch = 8 }
"""


@pytest.fixture(autouse=True)
def tiny_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gancheck.recipe_file.RECIPES", {**zoo.RECIPES, "tiny": TINY})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "other.toml").write_text(recipe_text(replace(TINY, name="other", loss="hinge")))
    file = tmp_path / "sweep.toml"
    file.write_text(WRITTEN)
    return file


def test_a_file_says_which_recipes_which_seeds_and_what_is_set(written: Path) -> None:
    found = read_sweep(written)
    assert [r.name for r in found.recipes] == ["tiny", "other"]
    assert {(r.steps, r.batch_size) for r in found.recipes} == {(20, 8)}
    assert [r.loss for r in found.recipes] == ["non-saturating", "hinge"]
    assert (found.seeds, found.codes, found.plan.samples) == ((0, 4), ("GC004",), 100)


def test_every_run_is_made_once_and_the_table_is_that_of_the_reports(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    found = perform(read_sweep(written), tmp_path / "out", device="cpu", progress=said.append)
    assert said[0] == "1 of 4: tiny, seed 0"
    told = [json.loads((tmp_path / f"out/tiny/seed_{s}/result.json").read_text()) for s in (0, 4)]
    values = [r["findings"][0]["quantities"]["mean_d_fake"]["value"] for r in told]
    seeds = [r["provenance"]["plan"]["seed"] for r in told]
    assert seeds == [0, 40_000_000]  # each training is measured with draws of its own
    row = next(
        r for r in found.rows if (r["recipe"], r["quantity"]) == ("tiny", "GC004.mean_d_fake")
    )
    assert row["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    low, high = stats.t.interval(0.95, 1, loc=np.mean(values), scale=stats.sem(values))
    assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-9)
    before = (tmp_path / "out/sweep.json").read_bytes()
    monkeypatch.setattr(module, "train_recipe", None)  # nothing is trained a second time
    again = perform(read_sweep(written), tmp_path / "out", device="cpu", progress=said.append)
    assert again.rows == found.rows
    assert (tmp_path / "out/sweep.json").read_bytes() == before
    assert found.csv().splitlines()[0] == "recipe,quantity,mean,low,high,seeds,diverged"


def test_data_that_recipes_share_are_read_once_for_all_their_seeds(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[object]()
    own = type(TINY.data).__call__

    def counted(source: object) -> object:
        read.append(source)
        return own(source)

    monkeypatch.setattr(type(TINY.data), "__call__", counted)
    perform(read_sweep(written), tmp_path / "out", device="cpu", progress=lambda _: None)
    assert read == [TINY.data]


def test_a_stopped_sweep_goes_on_to_the_same_bytes(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = read_sweep(written)
    perform(asked, tmp_path / "whole", device="cpu", progress=lambda _: None)
    real, calls = module.diagnose_run, 0

    def interrupted(*args, **options):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(module, "diagnose_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        perform(asked, tmp_path / "cut", device="cpu", progress=lambda _: None)
    perform(asked, tmp_path / "cut", device="cpu", progress=lambda _: None)
    for name in ("sweep.json", "sweep.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_ctrl_c_in_a_diagnosis_keeps_no_cell(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A diagnosis that is interrupted ends with the findings it has: half a cell, if it were kept."""
    asked = replace(read_sweep(written), recipes=(TINY,), seeds=(0,), codes=("GC004", "GC003"))

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    shelf = content.diagnostics("game")
    with monkeypatch.context() as patch:
        cut = {**shelf, "GC003": replace(shelf["GC003"], measure=interrupted)}
        patch.setattr("gancheck.content.diagnostics", lambda level=None: cut)
        with pytest.raises(KeyboardInterrupt):
            perform(asked, tmp_path / "out", device="cpu", progress=lambda _: None)
    assert not (tmp_path / "out/tiny/seed_0/cell.json").exists()


def test_an_interrupted_training_goes_on_by_the_sweep_s_own_command(
    tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args, **options):
        raise Interrupted(20, "gancheck train --resume --out elsewhere")

    monkeypatch.setattr(module, "train_recipe", stopped)
    done = CliRunner().invoke(app, ["sweep", str(written), "--out", str(tmp_path / "out")])
    assert done.exit_code == 130
    assert f"go on with: gancheck sweep {written} --out {tmp_path / 'out'}" in done.stderr


def test_seeds_that_agree_have_no_interval() -> None:
    """Of n equal numbers Student's interval would have no width, as if no other seed could differ."""
    runs = [Cell(recipe="a", seed=s, values={"x": 0.25}) for s in range(3)]
    assert table(runs).rows[0] | {"mean": 0.25, "low": None, "high": None} == table(runs).rows[0]


def test_what_another_sweep_made_is_refused(written: Path, tmp_path: Path) -> None:
    asked = replace(read_sweep(written), seeds=(0,), recipes=(replace(TINY, steps=10),))
    perform(asked, tmp_path / "out", device="cpu", progress=lambda _: None)
    other = replace(asked, recipes=(replace(TINY, steps=10, loss="wgan"),))
    with pytest.raises(ValueError, match="was made by another sweep; choose another --out"):
        perform(other, tmp_path / "out", device="cpu", progress=lambda _: None)


def test_a_diverged_run_is_counted_and_has_no_numbers(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*args, **options):
        raise Diverged("loss_g became nan at step 3")

    monkeypatch.setattr(module, "train_recipe", lost)
    found = perform(read_sweep(written), tmp_path / "out", progress=lambda _: None)
    assert [(r["recipe"], r["seeds"], r["diverged"]) for r in found.rows] == [
        ("tiny", 0, 2),
        ("other", 0, 2),
    ]
    assert found.lines()[0] == "tiny   all 2 runs diverged"
    runs = json.loads((tmp_path / "out/sweep.json").read_text())["runs"]
    assert runs[0]["ended"] == "loss_g became nan at step 3"


def test_one_seed_has_no_interval_and_infinite_numbers_no_mean() -> None:
    one = Cell(recipe="a", seed=0, values={"x": 2.0, "y": math.inf})
    assert table([one]).rows == [
        {"recipe": "a", "quantity": "x", "mean": 2.0, "low": None, "high": None}
        | {"seeds": 1, "diverged": 0}
    ]


def test_a_recipe_that_does_not_fit_is_refused_before_any_is_trained(
    written: Path, tmp_path: Path
) -> None:
    misfit = replace(TINY, name="misfit", discriminator=Perceptron(widths=(3, 8, 1)))
    asked = replace(read_sweep(written), recipes=(TINY, misfit))
    with pytest.raises(ValueError, match=r"^misfit: discriminator does not take samples of shape"):
        perform(asked, tmp_path / "out", device="cpu", progress=lambda _: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../up", "/up", "a/b", "..", "."])
def test_a_recipe_s_name_leads_nowhere_but_into_the_sweep_s_folder(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "own.toml").write_text(recipe_text(replace(TINY, name=name)))
    (tmp_path / "sweep.toml").write_text("recipes = ['own.toml']")
    with pytest.raises(ValueError, match="a recipe's name must be that of a folder, got"):
        read_sweep(tmp_path / "sweep.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "recipes: missing"),
        ("recipes = []", "recipes: .*at least 1"),
        ("recipes = ['celeba']", "recipe must be one of"),
        ("recipes = ['tiny', 'tiny']", "recipes must have different names, got tiny, tiny"),
        ("recipes = ['tiny']\nseeds = 0", "seeds must be a count or different whole numbers"),
        ("recipes = ['tiny']\nseeds = [1, 1]", "seeds must be a count or different"),
        ("recipes = ['tiny']\nseeds = [-1]", "seeds must be a count or different"),
        ("recipes = ['tiny']\nplan = { sample = 3 }", r"plan\.sample: not a key of a plan"),
        ("recipes = ['tiny']\nplan = { samples = 1 }", "plan: samples must be at least 2"),
        ("recipes = ['tiny']\ndiagnostics = ['GC999']", "diagnostics must be some of GC001"),
        ("recipes = ['tiny']\nset = { loss = 'hing' }", "loss: must be one of"),
        ("recipes = ['tiny']\nnonsense = 1", "nonsense: not a key here; there are diagnostics"),
        ("recipes = [", "is no TOML"),
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_sweep(file)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_sweep(tmp_path / "none.toml")
