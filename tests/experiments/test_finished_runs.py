"""A finished run is never made again, and a stop costs the run in progress alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from experiments.finished_runs import FinishedRuns, make_missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLAN = [{"seed": seed, "loss": loss} for seed in range(3) for loss in ("a", "b")]


def measure(c: Mapping[str, Any]) -> dict[str, Any]:
    return {"count": 10 * c["seed"] + len(c["loss"])}


def never(c: Mapping[str, Any]) -> dict[str, Any]:
    raise AssertionError(f"made again: {c}")


def words(c: Mapping[str, Any]) -> str:
    return f"seed {c['seed']}"


def test_a_second_start_makes_nothing_and_returns_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    first = make_missing(PLAN, FinishedRuns(path), measure, words)
    before = path.read_bytes()
    again = make_missing(PLAN, FinishedRuns(path), never, words)
    assert again == first
    assert path.read_bytes() == before
    assert [r["configuration"] for r in again] == PLAN
    assert [r["measured"]["count"] for r in again] == [1, 1, 11, 11, 21, 21]
    assert all({"gancheck", "torch", "python"} <= r["versions"].keys() for r in again)


def test_a_stop_keeps_what_was_finished_and_the_rest_is_made_later(tmp_path: Path) -> None:
    path, made = tmp_path / "rows.jsonl", []

    def stopped(c: Mapping[str, Any]) -> dict[str, Any]:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(c)
        return measure(c)

    with pytest.raises(KeyboardInterrupt):
        make_missing(PLAN, FinishedRuns(path), stopped, words)
    later: list[Any] = []
    make_missing(PLAN, FinishedRuns(path), lambda c: later.append(c) or measure(c), words)
    assert made + later == PLAN


@pytest.mark.parametrize("left", range(1, 40, 7))
def test_a_line_that_a_kill_cut_short_is_dropped_and_its_run_made_again(
    tmp_path: Path, left: int
) -> None:
    path = tmp_path / "rows.jsonl"
    make_missing(PLAN[:2], FinishedRuns(path), measure, words)
    whole = path.read_text(encoding="utf-8")
    first = whole.index("\n") + 1
    path.write_text(whole[: first + left], encoding="utf-8")
    finished = FinishedRuns(path)
    assert [r["configuration"] for r in finished] == PLAN[:1]
    make_missing(PLAN[:2], finished, measure, words)
    assert path.read_text(encoding="utf-8") == whole


def test_a_file_cut_in_its_first_line_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"configuration": {"se', encoding="utf-8")
    assert len(FinishedRuns(path)) == 0
    assert path.read_text(encoding="utf-8") == ""


def test_another_setting_is_another_run(tmp_path: Path) -> None:
    finished = FinishedRuns(tmp_path / "rows.jsonl")
    finished.add({"seed": 0, "steps": 10}, {"count": 1})
    assert finished.find({"steps": 10, "seed": 0}) is not None
    assert finished.find({"seed": 0, "steps": 20}) is None
    assert finished.find({"seed": 0}) is None


@pytest.mark.parametrize("line", ["not json", "[1, 2]", '{"measured": {}}', "null"])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"configuration": {"seed": 0}, "measured": {}, "versions": {}})
    path.write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 of .*rows\.jsonl is no finished run"):
        FinishedRuns(path)


def test_a_folder_that_is_a_file_is_refused_before_any_run(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ValueError, match="runs is a file; name a folder"):
        FinishedRuns(tmp_path / "runs" / "rows.jsonl")


def test_a_number_that_json_cannot_say_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    finished = FinishedRuns(tmp_path / "rows.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        finished.add({"seed": 0}, {"count": float("nan")})
    assert not (tmp_path / "rows.jsonl").exists()


def test_progress_goes_to_stderr_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_missing(PLAN, FinishedRuns(tmp_path / "rows.jsonl"), measure, words)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "6 of 6 runs to make"
    assert said.err.splitlines()[-1].startswith("6/6 seed 2; 0.0")
