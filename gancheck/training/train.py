"""How is a game trained so that the run can be repeated, stopped and continued?

`train` is the one loop. It knows nothing of diagnosis: whoever wants to look hands in callbacks.
On a CPU the bytes it writes depend on the configuration alone, for one machine and one version of
torch: all draws come from streams of the seed, one thread sums in one order, and nothing tells the
time. After a kill, `resume=True` goes on from the newest checkpoint and ends in the same bytes as
a run that was never stopped.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from gancheck.games.losses import resolve
from gancheck.training.outcomes import Diverged, Interrupted, Refused
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State, streams
from gancheck.training.updates import UPDATES, Players, StepRecord

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import FrameType

    from torch import nn

    from gancheck.games.data import Sampler
    from gancheck.games.zoo import Adam, Recipe

__all__ = ["METRICS_EVERY", "Callback", "Progress", "resolve_device", "train"]

METRICS_EVERY = 10
"""Steps from one row of metrics.jsonl to the next; the first step has one too."""

_MAY_GROW = "steps"  # nothing a step does depends on how many are to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a callback is told after each step.

    Attributes:
        step: just made, counted from 1.
        steps: to be made in all.
        record: what the update saw.
        generator: the live network, to be left as it is.
        discriminator: the same.
        checkpoint: the file just written, if one was.
    """

    step: int
    steps: int
    record: StepRecord
    generator: nn.Module
    discriminator: nn.Module
    checkpoint: Path | None


Callback = Callable[[Progress], None]


def resolve_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device.

    Args:
        name: `auto` takes a CUDA device where there is one.

    Raises:
        ValueError: another name, or a CUDA device that is not there.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    head, _, index = name.partition(":")
    if name != "cpu" and (head != "cuda" or (name != "cuda" and not index.isdecimal())):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:INDEX, got {name!r}")
    if head == "cuda" and int(index or 0) >= count:
        raise ValueError(f"device {name} is not there: torch sees {count} CUDA devices")
    return torch.device(name if name == "cpu" else f"cuda:{int(index or 0)}")


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    seed: int | None = None,
    steps: int | None = None,
    loss: str | None = None,
    device: str = "auto",
    checkpoint_every: int | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
) -> Path:
    """Train a recipe and write its run directory.

    What is left out comes from the recipe, and on `resume` from the run itself. While it runs,
    torch uses one thread and its global random state is set aside; both are put back. Ctrl-C is
    heeded after the step it falls into, a second one at once.

    Args:
        recipe: what to train.
        out: the run directory.
        seed: of initial weights and of all draws.
        steps: updates of each player. On `resume` it may be larger than before.
        loss: name of the losses.
        device: `auto`, `cpu`, `cuda` or `cuda:INDEX`. Only a CPU's bytes are promised.
        checkpoint_every: steps between checkpoints; the state before the first step and that after
            the last are always kept.
        callbacks: called after each step; they may look and must not touch.
        resume: go on from the newest checkpoint of `out`.

    Returns:
        The last checkpoint.

    Raises:
        Refused: `out` holds a run and `resume` is not set; it holds none and it is; or the run
            was made with another configuration.
        Interrupted: Ctrl-C; the directory is usable and the exception knows how to go on.
        Diverged: a loss or gradient is no longer finite.
        WriteFailed: the disk is full.
        ValueError: an argument out of its range.
        ModuleNotFoundError: the recipe's data need a package that is not installed.
    """
    run = RunDirectory(out)
    before = run.configuration() if resume else {}
    given = {"seed": seed, "steps": steps, "loss": loss, "checkpoint_every": checkpoint_every}
    chosen: dict[str, Any] = {
        key: before.get(key, getattr(recipe, key)) if value is None else value
        for key, value in given.items()
    }
    where = resolve_device(before.get("device", device) if device == "auto" else device)
    data = recipe.data()
    state = State.fresh(recipe, seed=chosen["seed"], device=where)
    configuration: dict[str, Any] = {**chosen, **_fixed(recipe, data, state), "device": str(where)}
    configuration["streams"] = seeds = streams(chosen["seed"])
    for key in ("steps", "checkpoint_every", "batch_size"):
        if configuration[key] < 1:
            raise ValueError(f"{key} must be at least 1, got {configuration[key]}")
    players = _players(recipe, state, data, chosen["loss"])
    command = f"gancheck train {recipe.name} --out {shlex.quote(str(out))} --resume"
    devices = [where] if where.type == "cuda" else []
    with _one_thread(), torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seeds["global"])
        if where.type == "cuda":
            with torch.cuda.device(where):
                torch.cuda.manual_seed(seeds["global"])
        if resume:
            start = _continue(run, state, before, configuration)
        else:
            run.create(configuration, command=command)
            start = 0
            run.save(0, state.tensors())
        return _Loop(run, state, players, configuration, command, callbacks).go(start)


class _Loop:
    """The steps of one run from where it stands to its end."""

    def __init__(
        self,
        run: RunDirectory,
        state: State,
        players: Players,
        configuration: dict[str, Any],
        command: str,
        callbacks: Sequence[Callback],
    ) -> None:
        self._run, self._state, self._players = run, state, players
        self._steps: int = configuration["steps"]
        self._every: int = configuration["checkpoint_every"]
        self._update = UPDATES[configuration["updates"]]
        self._command, self._callbacks = command, callbacks

    def go(self, start: int) -> Path:
        try:
            stopped = self._run_from(start)
        except KeyboardInterrupt:
            # In the middle of a step: what is in memory is no state of the run.
            stopped = max(self._run.steps(), default=0)
        if stopped is not None:
            raise Interrupted(stopped, self._command)
        return self._run.checkpoint(self._steps)

    def _run_from(self, start: int) -> int | None:
        """Make the steps that are left; return the one after which Ctrl-C was heeded, if any."""
        with _Patience() as patience:
            for step in range(start + 1, self._steps + 1):
                self._step(step, patience)
                if patience.lost:
                    return step
        return None

    def _step(self, step: int, patience: _Patience) -> None:
        record = self._update(self._players)
        self._check(record, step)
        if step == 1 or step % METRICS_EVERY == 0:
            self._run.append({"step": step, **asdict(record)})
        saved = None
        if step % self._every == 0 or step == self._steps:
            saved = self._run.save(step, self._state.tensors())
        progress = Progress(
            step=step,
            steps=self._steps,
            record=record,
            generator=self._players.generator,
            discriminator=self._players.discriminator,
            checkpoint=saved,
        )
        try:
            for callback in self._callbacks:
                callback(progress)
        except KeyboardInterrupt:
            patience.lost = True
        if patience.lost and saved is None:
            self._run.save(step, self._state.tensors())

    def _check(self, record: StepRecord, step: int) -> None:
        values = {k: v for k, v in asdict(record).items() if v is not None}
        bad = next((k for k, v in values.items() if not math.isfinite(v)), None)
        if bad is not None:
            kept = max(self._run.steps(), default=0)
            raise Diverged(
                f"{bad} became {values[bad]} at step {step}; the run up to its checkpoint of "
                f"step {kept} stays in {self._run.path}; try a smaller step or another loss"
            )


class _Patience:
    """Turns the first Ctrl-C into a note that is read between two steps.

    Only in the main thread and only where Python's own handler is in place; elsewhere Ctrl-C is
    whoever's it was.
    """

    def __init__(self) -> None:
        self.lost = False
        self._ours = False

    def __enter__(self) -> _Patience:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._ours = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.lost = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _continue(run: RunDirectory, state: State, before: dict[str, Any], now: dict[str, Any]) -> int:
    """Put the newest checkpoint into the state, drop later rows, and return its step."""
    for key in sorted(before.keys() | now.keys() - {_MAY_GROW}):
        if key != _MAY_GROW and before.get(key) != now.get(key):
            raise Refused(
                f"the run in {run.path} was made with {key} = {before.get(key)!r}, "
                f"not {now.get(key)!r}; resume it without changing it, or begin another one"
            )
    step = max(run.steps(), default=0)
    if now[_MAY_GROW] < step:
        raise Refused(
            f"the run in {run.path} has made {step} steps already, more than steps = {now[_MAY_GROW]}"
        )
    if run.steps():
        try:
            state.restore(run.load(step))
        except ValueError as error:
            raise Refused(f"{run.checkpoint(step)} does not fit its recipe: {error}") from error
    run.rewind(step)
    if now != before:
        run.write_configuration(now)
    if not run.steps():
        run.checkpoints.mkdir(exist_ok=True)
        run.save(0, state.tensors())
    return step


def _fixed(recipe: Recipe, data: Sampler, state: State) -> dict[str, Any]:
    """The part of a configuration that nobody chooses for one run, as JSON would give it back."""
    return {
        "recipe": recipe.name,
        "updates": recipe.updates,
        "batch_size": recipe.batch_size,
        "latent": {"size": recipe.latent.size, "law": recipe.latent.law},
        "data": {"size": data.size, "shape": list(data.shape)},
        "generator_adam": _adam(recipe.generator_adam),
        "discriminator_adam": _adam(recipe.discriminator_adam),
        "parameters": {
            "generator": sum(p.numel() for p in state.generator.parameters()),
            "discriminator": sum(p.numel() for p in state.discriminator.parameters()),
        },
        "metrics_every": METRICS_EVERY,
        "threads": 1,
    }


def _adam(settings: Adam) -> dict[str, Any]:
    return {"lr": settings.lr, "betas": list(settings.betas), "eps": settings.eps}


def _players(recipe: Recipe, state: State, data: Sampler, loss: str) -> Players:
    return Players(
        generator=state.generator,
        discriminator=state.discriminator,
        generator_optimizer=state.optimizers[0],
        discriminator_optimizer=state.optimizers[1],
        loss=resolve(loss),
        latent=recipe.latent,
        data=data,
        batch_size=recipe.batch_size,
        rng=state.rng,
    )


@contextlib.contextmanager
def _one_thread() -> Generator[None]:
    """Sums of several threads depend on how many there are; one thread sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
