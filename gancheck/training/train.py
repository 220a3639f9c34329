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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch

from gancheck.games.data import ArrayData
from gancheck.training.fit import check_fit
from gancheck.training.outcomes import Diverged, Interrupted, Refused
from gancheck.training.patience import Patience
from gancheck.training.players import Players, StepRecord
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State, streams
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from torch import nn

    from gancheck.games.data import Sampler
    from gancheck.games.recipe import Recipe

__all__ = ["METRICS_EVERY", "Callback", "Precision", "Progress", "resolve_device", "train"]

METRICS_EVERY = 10
"""Steps from one row of metrics.jsonl to the next; the first step has one too."""

Precision = Literal["float32", "bfloat16"]
"""Of forward passes in training; parameters, optimisers and every measure stay in float32."""

_RESIDENT = 2**31  # bytes of finite data that are kept on a GPU, in the networks' precision
_MAY_GROW = "steps"  # nothing a step does depends on how many are to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a callback is told after each step.

    Attributes:
        step: just made, counted from 1.
        steps: to be made in all.
        record: what the update saw, on its device; `record.numbers()` waits for it.
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
    precision: Precision | None = None,
    compiled: bool | None = None,
    deterministic: bool | None = None,
    load: Callable[[], Sampler] | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    force: bool = False,
) -> Path:
    """Train a recipe and write its run directory.

    What is left out comes from the recipe, and on `resume` from the run itself. While it runs,
    torch uses one thread and its global random state is set aside; both are put back. Ctrl-C and
    SIGTERM are heeded after the step they fall into, a second Ctrl-C at once. On a GPU no step
    waits for the device: losses that are not finite are noticed when a row of metrics is due.

    Args:
        recipe: what to train.
        out: the run directory.
        seed: of initial weights and of all draws.
        steps: updates of each player. On `resume` it may be larger than before.
        loss: name of the losses.
        device: `auto`, `cpu`, `cuda` or `cuda:INDEX`. Only a CPU's bytes are promised.
        checkpoint_every: steps between checkpoints; the state before the first step and that after
            the last are always kept.
        precision: float32 unless said; `bfloat16` makes forward passes in mixed precision.
        compiled: run both networks through `torch.compile`. Neither this nor mixed precision goes
            with updates that differentiate gradients.
        deterministic: have torch choose deterministic kernels, or raise where it has none.
        load: gives the recipe's data, where others need them too; else the recipe itself does.
        callbacks: called after each step; they may look and must not touch.
        resume: go on from the newest checkpoint of `out`.
        force: remove a run that `out` already holds, once everything else is known to be in order;
            whatever else is in the directory stays.

    Returns:
        The last checkpoint.

    Raises:
        Refused: `out` holds a run and neither `resume` nor `force` is set; it holds none and
            `resume` is; the run was made with another configuration; or another process is
            training into it.
        Interrupted: Ctrl-C; the directory is usable and the exception knows how to go on.
        Diverged: a loss or gradient is no longer finite.
        WriteFailed: the disk is full.
        ValueError: an argument out of its range, or networks, latent and data that do not fit.
        ModuleNotFoundError: the recipe's data need a package that is not installed.
    """
    if force and resume:
        raise ValueError("force removes the run that resume would go on with; ask for one of them")
    run = RunDirectory(out)
    before = run.configuration() if resume else {}
    given = {"seed": seed, "steps": steps, "loss": loss, "checkpoint_every": checkpoint_every}
    chosen: dict[str, Any] = {
        key: before.get(key, getattr(recipe, key)) if value is None else value
        for key, value in given.items()
    }
    recipe = replace(recipe, **chosen)
    manner = _Manner(
        precision=precision or before.get("precision", "float32"),
        compiled=before.get("compiled", False) if compiled is None else compiled,
        deterministic=before.get("deterministic", False)
        if deterministic is None
        else deterministic,
    )
    manner.check(recipe)
    where = resolve_device(before.get("device", device) if device == "auto" else device)
    data = (load or recipe.data)()
    state = State.fresh(recipe, seed=recipe.seed, device=where)
    check_fit(state, recipe.latent, data, batch_size=recipe.batch_size)
    configuration: dict[str, Any] = {
        **_of_recipe(recipe, data, state),
        "device": str(where),
        **asdict(manner),
        "streams": streams(recipe.seed),
    }
    players = _players(recipe, state, _resident(data, where), manner)
    command = f"gancheck train --resume --out {shlex.quote(str(out))}"
    with run.held(), _surroundings(where, configuration):
        if force:
            run.remove()
        if resume:
            start = _continue(run, state, before, configuration)
        else:
            run.create(configuration, command=command)
            start = 0
            run.save(0, state.tensors())
        return _Loop(run, state, players, recipe, command, callbacks).go(start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How steps are computed, as it stands in a run's configuration."""

    precision: Precision
    compiled: bool
    deterministic: bool

    def check(self, recipe: Recipe) -> None:
        mixed = self.precision != "float32"
        if recipe.updates in ("consensus", "symplectic") and (self.compiled or mixed):
            what = "compiled networks have no" if self.compiled else "bfloat16 spoils the"
            raise ValueError(f"{what} second derivatives, which {recipe.updates} updates need")


class _Loop:
    """The steps of one run from where it stands to its end."""

    def __init__(
        self,
        run: RunDirectory,
        state: State,
        players: Players,
        recipe: Recipe,
        command: str,
        callbacks: Sequence[Callback],
    ) -> None:
        self._run, self._state, self._players = run, state, players
        self._steps, self._every, self._decay = recipe.steps, recipe.checkpoint_every, recipe.ema
        self._update = UPDATES[recipe.updates]
        self._waits = next(state.generator.parameters()).device.type != "cpu"
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
        with Patience() as patience:
            for step in range(start + 1, self._steps + 1):
                self._step(step, patience)
                if patience.lost:
                    return step
        return None

    def _step(self, step: int, patience: Patience) -> None:
        record = self._update(self._players)
        if self._decay is not None:
            self._state.average(self._decay)
        row = step == 1 or step % METRICS_EVERY == 0
        save = step % self._every == 0 or step == self._steps
        if row or save or not (self._waits or record.finite()):  # elsewhere it would be waited for
            numbers = record.numbers()
            self._check(numbers, step)
            if row:
                self._run.append({"step": step, **numbers})
        saved = self._run.save(step, self._state.tensors()) if save else None
        progress = Progress(
            step=step,
            steps=self._steps,
            record=record,
            generator=self._state.generator,
            discriminator=self._state.discriminator,
            checkpoint=saved,
        )
        try:
            for callback in self._callbacks:
                callback(progress)
        except KeyboardInterrupt:
            patience.lost = True
        if patience.lost and saved is None:
            self._check(record.numbers(), step)
            self._run.save(step, self._state.tensors())

    def _check(self, numbers: dict[str, float | None], step: int) -> None:
        values = {k: v for k, v in numbers.items() if v is not None}
        bad = next((k for k, v in values.items() if not math.isfinite(v)), None)
        if bad is not None:
            kept = max(self._run.steps(), default=0)
            raise Diverged(
                f"{bad} became {values[bad]} at step {step}; the run up to its checkpoint of "
                f"step {kept} stays in {self._run.path}; try a smaller step or another loss"
            )


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


def _of_recipe(recipe: Recipe, data: Sampler, state: State) -> dict[str, Any]:
    """The recipe as JSON, and what it came to when it was built."""
    written = recipe.written()
    return {
        "recipe": written.pop("name"),
        **written,
        "samples": {"size": data.size, "shape": list(data.shape)},
        "latent_law": {"size": recipe.latent.size, "law": recipe.latent.law},
        "parameters": {
            "generator": sum(p.numel() for p in state.generator.parameters()),
            "discriminator": sum(p.numel() for p in state.discriminator.parameters()),
        },
        "metrics_every": METRICS_EVERY,
        "threads": 1,
    }


def _resident(data: Sampler, where: torch.device) -> Sampler:
    """Finite data that fit are kept where they are used, as float32."""
    if where.type == "cpu" or not isinstance(data, ArrayData):
        return data
    if 4 * data.values.numel() > _RESIDENT:
        return data
    return replace(data, values=data.values.to(device=where, dtype=torch.float32))


def _players(recipe: Recipe, state: State, data: Sampler, manner: _Manner) -> Players:
    networks: list[Any] = [state.generator, state.discriminator]
    if manner.compiled:
        networks = [torch.compile(network) for network in networks]
    return Players(
        generator=networks[0],
        discriminator=networks[1],
        generator_optimizer=state.optimizers[0],
        discriminator_optimizer=state.optimizers[1],
        loss=recipe.losses(),
        latent=recipe.latent,
        data=data,
        batch_size=recipe.batch_size,
        rng=state.rng,
        critic_steps=recipe.critic_steps,
        clip=recipe.clip,
        strength=recipe.strength,
        memory=state.memory,
        precision=None if manner.precision == "float32" else torch.bfloat16,
    )


@contextlib.contextmanager
def _surroundings(where: torch.device, configuration: dict[str, Any]) -> Generator[None]:
    """One thread, the run's own global streams, deterministic kernels if asked; all put back.

    Sums of several threads depend on how many there are; one thread sums in one order.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    seed = configuration["streams"]["global"]
    torch.set_num_threads(1)
    if configuration["deterministic"]:
        torch.use_deterministic_algorithms(mode=True)
    try:
        with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
            torch.default_generator.manual_seed(seed)
            if where.type == "cuda":
                with torch.cuda.device(where):
                    torch.cuda.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=strict)
