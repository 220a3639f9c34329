"""What does a training leave on disk?

    run.json                      configuration, seeds, versions
    metrics.jsonl                 one row every few steps, appended
    diagnoses.jsonl               what was measured on the way, where somebody looked
    checkpoints/step_%08d.safetensors

Nothing in it tells the time, so two runs of one configuration on one machine are equal byte by
byte. A checkpoint is on the disk whole or not at all, and the rows up to its step are there before
it is; so whatever kills the process, the newest checkpoint and the rows before it are a run.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.training.outcomes import Refused, WriteFailed
from gancheck.training.tensor_file import read_tensors, replace_file, write_tensors

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from torch import Tensor

try:
    import fcntl
except ModuleNotFoundError:  # not a POSIX system
    fcntl = None

__all__ = ["FORMAT", "RunDirectory", "versions"]

FORMAT = "gancheck-run/2"
_CHECKPOINT = re.compile(r"step_(\d{8,})\.safetensors")


class RunDirectory:
    """The files of one run. Every failure to write is a `WriteFailed` that names the file.

    Args:
        path: the directory; made when the run is created.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.run_json = self.path / "run.json"
        self.metrics = self.path / "metrics.jsonl"
        self.diagnoses = self.path / "diagnoses.jsonl"
        self.checkpoints = self.path / "checkpoints"

    def create(self, configuration: Mapping[str, Any], *, command: str) -> None:
        """Begin a run.

        Args:
            configuration: everything that decides the run, as JSON.
            command: what would resume a run that is already here.

        Raises:
            Refused: the directory holds a run, or parts of one.
            WriteFailed: it cannot be made or written to.
        """
        if self.run_json.exists() or self.steps():
            raise Refused(
                f"{self.path} holds a run already; continue it with: {command}, "
                "choose another directory, or remove it with --force"
            )
        # a kill at this very place leaves an empty one
        if self.metrics.exists() and self.metrics.stat().st_size > 0:
            raise Refused(
                f"{self.metrics} is there and belongs to no run that could be continued; choose "
                "another directory, or remove it with --force"
            )
        with self._writing(self.path):
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.metrics.write_bytes(b"")
        self.write_configuration(configuration)

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Make the directory and keep other processes from writing a run to it meanwhile.

        The lock is on the directory itself: it leaves no file and ends with its process, however
        that ends. Where the system or the file system has none, nothing is kept out.

        Raises:
            Refused: another training holds it.
            WriteFailed: the directory cannot be made.
        """
        with self._writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        with self._writing(self.path):
            handle = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    f"another process is training into {self.path}; wait until it has ended, or "
                    "choose another directory"
                ) from None
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL):
                    raise
            yield
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove the files of a run, and nothing else; without effect where there is none.

        Raises:
            WriteFailed: a file cannot be removed.
        """
        with self._writing(self.path):
            for step in self.steps():
                self.checkpoint(step).unlink()
            for path in (self.metrics, self.diagnoses, self.run_json):
                path.unlink(missing_ok=True)

    def write_configuration(self, configuration: Mapping[str, Any]) -> None:
        """Write run.json, atomically."""
        content = {"format": FORMAT, "configuration": configuration, "versions": versions()}
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
        with self._writing(self.run_json):
            replace_file(self.run_json, [text.encode()])

    def configuration(self) -> dict[str, Any]:
        """What the run was begun with.

        Raises:
            Refused: there is no run here, or its run.json is damaged or of another format.
        """
        try:
            content = json.loads(self.run_json.read_bytes())
        except FileNotFoundError:
            raise Refused(f"{self.path} holds no run: it has no run.json") from None
        except (OSError, ValueError) as error:
            raise Refused(f"{self.run_json} cannot be read: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise Refused(f"{self.run_json} is not of the format {FORMAT}")
        configuration = content.get("configuration")
        if not isinstance(configuration, dict):
            raise Refused(f"{self.run_json} lacks its configuration")
        return configuration

    def checkpoint(self, step: int) -> Path:
        """Where the state after a step is kept."""
        return self.checkpoints / f"step_{step:08d}.safetensors"

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, in order."""
        if not self.checkpoints.is_dir():
            return []
        names = (_CHECKPOINT.fullmatch(p.name) for p in self.checkpoints.iterdir())
        return sorted(int(m.group(1)) for m in names if m)

    def save(self, step: int, tensors: Mapping[str, Tensor]) -> Path:
        """Write a checkpoint, after the metrics before it.

        Raises:
            WriteFailed: the disk is full or refuses; no part of the checkpoint is left.
        """
        path = self.checkpoint(step)
        with self._writing(path):
            with self.metrics.open("rb") as rows:
                os.fsync(rows.fileno())
            write_tensors(path, tensors, metadata={"format": "pt", "gancheck": f"step {step}"})
        return path

    def load(self, step: int) -> dict[str, Tensor]:
        """Read a checkpoint.

        Raises:
            Refused: there is none at this step, or it is damaged.
        """
        path = self.checkpoint(step)
        try:
            return read_tensors(path)
        except FileNotFoundError:
            have = ", ".join(map(str, self.steps())) or "none"
            raise Refused(f"{self.path} has no checkpoint of step {step}; it has {have}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"the checkpoint of step {step} cannot be read: {error}") from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Append one row to the metrics and hand it to the operating system.

        Raises:
            WriteFailed: the disk is full or refuses.
        """
        line = json.dumps(row, allow_nan=False) + "\n"
        with self._writing(self.metrics), self.metrics.open("ab") as file:
            file.write(line.encode())

    def rows(self) -> list[dict[str, Any]]:
        """The metrics, without a last line that was cut short by a kill.

        Raises:
            Refused: another line is no row.
        """
        return _rows(self.metrics)

    def looks(self) -> list[dict[str, Any]]:
        """What was measured on the way, in the same manner; empty where nobody looked.

        Raises:
            Refused: as for `rows`.
        """
        return _rows(self.diagnoses)

    def rewind_looks(self, step: int) -> None:
        """Drop what was measured after a step, as `rewind` does with metrics.

        Raises:
            Refused: it is damaged.
            WriteFailed: it cannot be written.
        """
        kept = [row for row in self.looks() if row["step"] <= step]
        if self.diagnoses.exists():
            with self._writing(self.diagnoses):
                replace_file(self.diagnoses, [(json.dumps(row) + "\n").encode() for row in kept])

    def rewind(self, step: int) -> None:
        """Drop the rows after a step, atomically, as if they had never been written.

        Raises:
            Refused: the metrics are damaged.
            WriteFailed: they cannot be written.
        """
        kept = [row for row in self.rows() if row["step"] <= step]
        with self._writing(self.metrics):
            replace_file(self.metrics, [(json.dumps(row) + "\n").encode() for row in kept])

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Generator[None]:
        try:
            yield
        except OSError as error:
            steps = self.steps()
            left = f"; step {steps[-1]} is saved" if steps else "; nothing was saved"
            reason = error.strerror or str(error)
            raise WriteFailed(f"cannot write {path}: {reason}{left}") from error


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    out: list[dict[str, Any]] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            raise Refused(f"{path} is damaged: line {number} is no row of numbers by step")
        out.append(row)
    return out


def versions() -> dict[str, str]:
    """What the bytes of a run depend on beside its configuration."""
    try:
        own = metadata.version("gancheck")
    except metadata.PackageNotFoundError:
        own = "unknown"
    return {
        "gancheck": own,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "machine": platform.machine(),
    }
