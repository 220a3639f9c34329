"""How do a run's metrics reach TensorBoard or Weights & Biases?

Each logger is a callback of `gancheck.training.train`: it fetches the numbers of every tenth step,
as `metrics.jsonl` has them, and hands them on. Nothing is sent anywhere: Weights & Biases is run in
its offline mode, whose folder its own `wandb sync` uploads where somebody wants that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gancheck.training.train import METRICS_EVERY

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.training.train import Progress

__all__ = ["LOGGERS", "TensorBoard", "WeightsAndBiases", "logger"]


class _Logger:
    """A callback that writes a row when `metrics.jsonl` gets one."""

    def __call__(self, now: Progress) -> None:
        """Told of every step; waits for the device at those that are written."""
        if now.step == 1 or now.step % METRICS_EVERY == 0:
            numbers = now.record.numbers()
            self._write({k: v for k, v in numbers.items() if v is not None}, now.step)
        if now.step == now.steps:
            self.close()

    def _write(self, numbers: dict[str, float], step: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Write what is still in memory; a later row opens nothing again."""
        raise NotImplementedError


class TensorBoard(_Logger):
    """Scalars in an event file.

    Args:
        folder: of the event file; made where it is not there.

    Raises:
        ModuleNotFoundError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ModuleNotFoundError as missing:
            raise _absent("tensorboard", missing) from missing
        self._writer: Any = SummaryWriter(str(folder))

    def _write(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()


class WeightsAndBiases(_Logger):
    """An offline run of Weights & Biases.

    Args:
        folder: below which its `wandb` folder lies.
        project: that it belongs to when it is uploaded.

    Raises:
        ModuleNotFoundError: wandb is not installed.
    """

    def __init__(self, folder: Path, project: str = "gancheck") -> None:
        try:
            import wandb
        except ModuleNotFoundError as missing:
            raise _absent("wandb", missing) from missing
        folder.mkdir(parents=True, exist_ok=True)
        settings: Any = wandb.Settings(silent=True, console="off")
        self._run: Any = wandb.init(
            project=project, dir=str(folder), mode="offline", settings=settings
        )

    def _write(self, numbers: dict[str, float], step: int) -> None:
        self._run.log(numbers, step=step)

    def close(self) -> None:
        """Write what is still in memory."""
        self._run.finish()


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


def _absent(package: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"{package} is not installed; type: pip install 'gancheck[loggers]'", name=missing.name
    )
