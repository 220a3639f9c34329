"""The fuzzers run, find nothing in a short run, and would find something if there were something."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import target
from tests.fuzz.mutate import mutations, run
from tests.fuzz.seeds import seeds, write_seeds

if TYPE_CHECKING:
    from gancheck.checkpoints import Index


def test_mutated_files_end_in_a_listing_or_a_refusal() -> None:
    listed, faults = run(2000, seed=3)
    assert faults == 0
    assert listed > 50  # else nothing behind the first check is reached


@pytest.mark.slow
def test_many_mutated_files_end_in_a_listing_or_a_refusal() -> None:
    assert run(100_000, seed=11)[1] == 0


def test_the_mutations_are_the_same_for_the_same_seed() -> None:
    assert list(mutations(50, 5)) == list(mutations(50, 5)) != list(mutations(50, 6))


def test_a_fault_of_the_reader_is_found_and_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the tests above."""

    def faulty(found: Index) -> str:
        raise IndexError(found.name)

    monkeypatch.setattr(target, "describe", faulty)
    listed, faults = run(200, seed=3, faults=tmp_path)
    assert listed == 0
    assert faults == len(list(tmp_path.iterdir())) > 0


def test_the_seeds_reach_every_container_and_both_endings() -> None:
    endings = [target.check(data) for data in seeds().values()]
    assert {True, False} == set(endings)
    assert sum(endings) >= 20


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="Atheris is not installed; tests/fuzz/README.md says how",
)
def test_the_coverage_guided_fuzzer_runs(tmp_path: Path) -> None:
    write_seeds(tmp_path / "corpus")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_reader", str(tmp_path / "corpus"), "-runs=1000", "-max_len=20000"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
