"""Every experiment that `experiments.command` runs: it resumes, refuses, and cites what exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experiments import (
    critic_slope,
    distance,
    gap,
    mode_collapse,
    rotation,
    saturation,
    stability,
    true_ratio,
)
from experiments.command import Experiment, run
from gancheck.rendering.experiment_page import render_experiment_page
from tests.rendering.test_report_page import Page

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[2]
MODULES = (rotation, saturation, stability, distance, critic_slope, gap, true_ratio, mode_collapse)
EXPERIMENTS = {module.EXPERIMENT.name: module.EXPERIMENT for module in MODULES}


def arguments(folder: Path) -> list[str]:
    return ["--seeds", "1", "--steps", "3", "--runs", str(folder / "runs"), "--out", str(folder)]


@pytest.fixture(scope="module", params=EXPERIMENTS)
def tiny(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[Experiment, Path]]:
    """An experiment of one seed and 3 steps, finished."""
    experiment, folder = EXPERIMENTS[request.param], tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability, "RING8", {"r1": stability.RING8["r1"]})  # a second a method
        for name, less in (("ASKED", {}), ("LAWS", ("ring",)), ("SAMPLES", 500)):
            patch.setattr(true_ratio, name, less)
        for name, less in (("BATCHES", 2), ("SIZE", 32), ("NULLS", 2)):
            patch.setattr(mode_collapse, name, less)
        assert run(experiment, arguments(folder)) == 0
        yield experiment, folder


def test_a_second_start_makes_nothing_and_gives_the_same_bytes(
    tiny: tuple[Experiment, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, folder = tiny
    written = folder / f"{experiment.name}.html", folder / "runs" / "rows.jsonl"
    before = [path.read_bytes() for path in written]
    assert run(experiment, arguments(folder)) == 0
    assert "runs to make" not in capsys.readouterr().err
    assert [path.read_bytes() for path in written] == before


def test_a_page_of_too_few_seeds_is_a_page(tiny: tuple[Experiment, Path]) -> None:
    experiment, folder = tiny
    parsed = Page((folder / f"{experiment.name}.html").read_text(encoding="utf-8"))
    assert parsed.open == []
    assert f"experiments.{experiment.name} --seeds 1 --steps 3" in (
        folder / f"{experiment.name}.html"
    ).read_text(encoding="utf-8")


def test_every_theorem_of_a_page_is_on_the_shelf(tiny: tuple[Experiment, Path]) -> None:
    experiment, folder = tiny
    written = (folder / "runs" / "rows.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in written.splitlines()]
    made = experiment.page(rows, "x")
    assert made.theorems
    for name in made.theorems:
        text = (ROOT / "proofs" / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
        assert f'id="{name}"' in text
    assert render_experiment_page(made)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_of_the_plan_is_another_one(name: str) -> None:
    experiment = EXPERIMENTS[name]
    plan = experiment.planned(experiment.seeds, None)
    assert len({json.dumps(c, sort_keys=True) for c in plan}) == len(plan)
    assert all(experiment.describe(c) for c in plan)


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("option", ["--seeds", "--steps"])
def test_a_number_below_one_is_refused_in_a_sentence(
    name: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [option, "0", "--runs", str(tmp_path), "--out", str(tmp_path)]
    assert run(EXPERIMENTS[name], given) == 2
    assert "must be at least 1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_with_its_own_code_and_what_was_finished_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(configuration: Any) -> dict[str, Any]:
        if configuration["part"] != "jacobian":
            raise KeyboardInterrupt
        return rotation.perform(configuration)

    own = rotation.EXPERIMENT
    experiment = Experiment(
        **{f: getattr(own, f) for f in own.__slots__ if f != "perform"}, perform=stopped
    )
    assert run(experiment, arguments(tmp_path)) == 130
    assert "goes on from the last finished run" in capsys.readouterr().err
    assert (tmp_path / "runs" / "rows.jsonl").read_text().count("\n") == 4
    assert not (tmp_path / "rotation.html").exists()
