"""How do a run's metrics reach TensorBoard or Weights & Biases?

Each logger is a callback of `gancheck.training.train`: it fetches the numbers of every tenth step,
as `metrics.jsonl` has them, and hands them on. Nothing is sent anywhere: Weights & Biases is run in
its offline mode, whose folder its own `wandb sync` uploads where somebody wants that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gancheck.training.train import METRICS_EVERY

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.training.train import Progress

__all__ = ["LOGGERS", "TensorBoard", "WeightsAndBiases", "logger"]


class _Logger(ABC):
    """A callback that writes a row when `metrics.jsonl` gets one; opened with its first row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: Any = None

    def __call__(self, now: Progress) -> None:
        """Told of every step; waits for the device at those that are written."""
        if now.step == 1 or now.step % METRICS_EVERY == 0:
            if self._opened is None:
                self._opened = self._open(self._folder, now.step)
            numbers = now.record.numbers()
            self._write({k: v for k, v in numbers.items() if v is not None}, now.step)
        if now.step == now.steps and self._opened is not None:
            self._close()

    @abstractmethod
    def _open(self, folder: Path, step: int) -> Any:
        """What rows are handed to, the first of them at this step."""

    @abstractmethod
    def _write(self, numbers: dict[str, float], step: int) -> None:
        """Hand on one row."""

    @abstractmethod
    def _close(self) -> None:
        """Write what is still in memory."""


class TensorBoard(_Logger):
    """Scalars in an event file.

    Args:
        folder: of the event file; made with the first row.

    Raises:
        ModuleNotFoundError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        _installed("tensorboard")

    def _open(self, folder: Path, step: int) -> Any:
        from torch.utils.tensorboard.writer import SummaryWriter

        # what a killed run told after the checkpoint that it is resumed from was not to be
        return SummaryWriter(str(folder), purge_step=step)

    def _write(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._opened.add_scalar(name, value, step)

    def _close(self) -> None:
        self._opened.close()


class WeightsAndBiases(_Logger):
    """An offline run of Weights & Biases, in the project `gancheck`.

    Args:
        folder: below which its `wandb` folder lies; made with the first row.

    Raises:
        ModuleNotFoundError: wandb is not installed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        _installed("wandb")

    def _open(self, folder: Path, step: int) -> Any:
        import wandb

        del step
        folder.mkdir(parents=True, exist_ok=True)
        settings: Any = wandb.Settings(silent=True, console="off")
        return wandb.init(project="gancheck", dir=str(folder), mode="offline", settings=settings)

    def _write(self, numbers: dict[str, float], step: int) -> None:
        self._opened.log(numbers, step=step)

    def _close(self) -> None:
        self._opened.finish()


LOGGERS = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}
"""Every logger by the name that `--log` takes."""


def logger(name: str, run: Path) -> _Logger:
    """A logger whose files lie in a run's directory.

    Raises:
        ValueError: no logger has this name.
        ModuleNotFoundError: its package is not installed.
    """
    if name not in LOGGERS:
        raise ValueError(f"log must be one of {', '.join(LOGGERS)}, got {name!r}")
    return LOGGERS[name](run if name == "wandb" else run / name)


def _installed(package: str) -> None:
    if find_spec(package) is None:
        raise ModuleNotFoundError(
            f"{package} is not installed; type: pip install 'gancheck[loggers]'", name=package
        )
