"""Which runs of an experiment are finished, and which are still to be made?

A finished run is one line of JSON: its configuration, what was measured, and what it was made with.
It is looked up by its configuration, so an experiment that is started again makes only what is
missing, and one with other settings never takes an old row for its own. A line is appended after
its run and flushed to the disk; a stop at any moment loses at most the run in progress.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from gancheck.rendering.files import write_whole
from gancheck.rendering.numbers import duration
from gancheck.training.run_directory import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["FinishedRuns", "Row", "make_missing"]

Row = dict[str, Any]
"""`configuration`, `measured` and `versions` of one run."""


def _key(configuration: Mapping[str, Any]) -> str:
    return json.dumps(configuration, sort_keys=True, allow_nan=False)


class FinishedRuns:
    """The lines of one file.

    Args:
        path: of the file; made with its folder when the first run is finished.

    Raises:
        ValueError: a whole line of the file is no row, or its folder is a file.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, Row] = {}
        if path.parent.exists() and not path.parent.is_dir():
            raise ValueError(f"{path.parent} is a file; name a folder for the finished runs")
        if not path.exists():
            return
        whole, _, cut = path.read_text(encoding="utf-8").rpartition("\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
                self._rows[_key(row["configuration"])] = row
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"line {number} of {path} is no finished run; remove that line"
                ) from None
        if cut:  # a kill in the middle of a write: that run was not finished
            write_whole(path, whole + "\n" if whole else "")

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, configuration: Mapping[str, Any]) -> Row | None:
        """The row of this very configuration, or None."""
        return self._rows.get(_key(configuration))

    def add(self, configuration: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
        """Append a finished run and hand it to the disk.

        Raises:
            OSError: the disk is full or refuses.
            ValueError: a measured number is not finite, which JSON cannot say.
        """
        row = {"configuration": configuration, "measured": measured, "versions": versions()}
        line = json.dumps(row, allow_nan=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._rows[_key(configuration)] = json.loads(line)


def make_missing(
    plan: Sequence[Mapping[str, Any]],
    finished: FinishedRuns,
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    describe: Callable[[Mapping[str, Any]], str],
) -> list[Row]:
    """Make every run of a plan that is not finished yet, in order, and return all their rows.

    Args:
        plan: configurations, each JSON without NaN.
        finished: where rows are looked up and added.
        run: configuration -> what was measured.
        describe: configuration -> a few words for the progress on stderr.

    Returns:
        One row for each configuration, in the order of the plan.
    """
    missing = [c for c in plan if finished.find(c) is None]
    if missing:
        _say(f"{len(missing)} of {len(plan)} runs to make")
    start = time.perf_counter()
    for number, configuration in enumerate(missing, start=1):
        finished.add(configuration, run(configuration))
        left = (time.perf_counter() - start) / number * (len(missing) - number)
        _say(f"{number}/{len(missing)} {describe(configuration)}; {duration(left)} left")
    rows = [finished.find(c) for c in plan]
    return [row for row in rows if row is not None]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
