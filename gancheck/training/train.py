"""How is a game trained so that the run can be repeated, stopped and continued?

`train` is the one loop. It knows nothing of diagnosis: whoever wants to look hands in callbacks.
On a CPU the bytes it writes depend on the configuration alone, for one machine and one version of
torch: all draws come from streams of the seed, one thread sums in one order, and nothing tells the
time. After a kill, `resume=True` goes on from the newest checkpoint and ends in the same bytes as
a run that was never stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gancheck.games.data import ArrayData
from gancheck.games.normalisation import exact_normalisation
from gancheck.games.shared_stream import SharedStream
from gancheck.games.spread_batch_norm import SpreadBatchNorm
from gancheck.training.fit import check_fit, check_spread
from gancheck.training.manner import SECOND_ORDER, Manner, Precision, resolve_device, surroundings
from gancheck.training.outcomes import Diverged, Interrupted, Lost
from gancheck.training.parallel import ALONE
from gancheck.training.patience import Patience
from gancheck.training.players import Players, StepRecord
from gancheck.training.resumption import go_on, same_number
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State, streams
from gancheck.training.tensor_file import fingerprint
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from torch import Tensor, nn

    from gancheck.games.data import Sampler
    from gancheck.games.recipe import Recipe
    from gancheck.training.parallel import Ranks

__all__ = ["METRICS_EVERY", "Callback", "Precision", "Progress", "resolve_device", "train"]

METRICS_EVERY = 10
"""Steps from one row of metrics.jsonl to the next; the first step has one too."""

_RESIDENT = 2**31  # bytes of finite data that are kept on a GPU, in the networks' precision


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
    ranks: Ranks = ALONE,
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
        device: `auto`, `cpu`, `cuda` or `cuda:INDEX`; of several processes each takes a card of its
            own. Only a CPU's bytes are promised, for one number of processes.
        checkpoint_every: steps between checkpoints; the state before the first step and that after
            the last are always kept.
        precision: float32 unless said; `bfloat16` makes forward passes in mixed precision.
        compiled: run both networks through `torch.compile`. Neither this nor mixed precision goes
            with updates that differentiate gradients.
        deterministic: have torch choose deterministic kernels, or raise where it has none.
        load: gives the recipe's data, where others need them too; else the recipe itself does.
        callbacks: called after each step; they may look and must not touch. Of several processes
            the first calls its own and the others wait.
        resume: go on from the newest checkpoint of `out`.
        force: remove a run that `out` already holds, once everything else is known to be in order;
            whatever else is in the directory stays.
        ranks: this process among those that train together, from `gancheck.training.together`. All
            of them call this function with the same arguments, and read the same files.

    Returns:
        The last checkpoint.

    Raises:
        Refused: `out` holds a run and neither `resume` nor `force` is set; it holds none and
            `resume` is; the run was made with another configuration or number of processes; or
            another training holds it.
        Interrupted: Ctrl-C; the directory is usable and the exception knows how to go on.
        Diverged: a loss or gradient is no longer finite.
        Lost: another of the processes has ended.
        WriteFailed: the disk is full.
        ValueError: an argument out of its range; networks, latent and data that do not fit; or a
            batch that cannot be spread over the processes.
        ModuleNotFoundError: the recipe's data need a package that is not installed.
    """
    if force and resume:
        raise ValueError("force removes the run that resume would go on with; ask for one of them")
    run = RunDirectory(out)
    before = run.configuration() if resume else {}
    if resume:
        same_number(run, before, ranks)
    given = {"seed": seed, "steps": steps, "loss": loss, "checkpoint_every": checkpoint_every}
    chosen: dict[str, Any] = {
        key: before.get(key, getattr(recipe, key)) if value is None else value
        for key, value in given.items()
    }
    recipe = replace(recipe, **chosen)
    manner = Manner(
        precision=precision or before.get("precision", "float32"),
        compiled=before.get("compiled", False) if compiled is None else compiled,
        deterministic=before.get("deterministic", False)
        if deterministic is None
        else deterministic,
    )
    manner.check(recipe)
    wanted = before.get("device", device) if device == "auto" else device
    where = resolve_device(ranks.device(wanted))
    if ranks.count > 1 and where.type == "cuda":
        torch.cuda.set_device(where)  # for all that does not name one: pinned memory, exchanges
    data = (load or recipe.data)()
    state = State.fresh(recipe, seed=recipe.seed, device=where)
    part = max(recipe.batch_size // ranks.count, min(recipe.batch_size, 2))  # two for batch norm
    check_fit(state, recipe.latent, data, batch_size=part)
    check_spread(recipe, state, ranks)
    norms = _norms(recipe, ranks)
    configuration: dict[str, Any] = {
        **_of_recipe(recipe, data, state),
        "device": str(where),
        **asdict(manner),
        "streams": streams(recipe.seed),
    }
    if ranks.count > 1:
        configuration |= {"device": where.type, "processes": ranks.count}
        state = _shared(state, configuration, ranks)
    players = _players(recipe, state, _resident(data, where), manner, ranks)
    command = ranks.command(f"train --resume --out {shlex.quote(str(out))}")
    holding = run.held() if ranks.first else contextlib.nullcontext()
    with holding, surroundings(where, configuration):
        start = 0
        if ranks.first:
            if force:
                run.remove()
            if resume:
                start = go_on(run, state, before, configuration)
            else:
                run.create(configuration, command=command)
                run.save(0, state.tensors())
        start = ranks.told(start)
        if resume and not ranks.first:
            state.restore(run.load(start))
        return _Loop(run, state, players, norms, recipe, command, callbacks).go(start)


class _Loop:
    """The steps of one run from where it stands to its end."""

    def __init__(
        self,
        run: RunDirectory,
        state: State,
        players: Players,
        norms: Callable[[], AbstractContextManager[object]],
        recipe: Recipe,
        command: str,
        callbacks: Sequence[Callback],
    ) -> None:
        self._run, self._state, self._players = run, state, players
        self._norms, self._ranks = norms, players.ranks
        self._seed = streams(recipe.seed)["global"]
        self._steps, self._every, self._decay = recipe.steps, recipe.checkpoint_every, recipe.ema
        self._update = UPDATES[recipe.updates]
        self._waits = next(state.generator.parameters()).device.type != "cpu"
        self._command, self._callbacks = command, callbacks

    def go(self, start: int) -> Path:
        try:
            stopped = self._run_from(start)
        except KeyboardInterrupt:
            # In the middle of a step: what is in memory is no state of the run.
            stopped = self._kept()
        except Lost as error:
            raise Lost(
                f"{error}; step {self._kept()} is saved, continue with: {self._command}"
            ) from error
        if stopped is not None:
            raise Interrupted(stopped, self._command)
        return self._run.checkpoint(self._steps)

    def _run_from(self, start: int) -> int | None:
        """Make the steps that are left; return the one after which Ctrl-C was heeded, if any."""
        with Patience() as patience:
            for step in range(start + 1, self._steps + 1):
                if self._step(step, patience):
                    return step
        return None

    def _step(self, step: int, patience: Patience) -> bool:
        """Make a step; say whether it is to be the last one, which is saved then."""
        self._ranks.reseed(self._seed, step)
        with self._norms():
            record = self._update(self._players).whole(self._ranks)
        if self._decay is not None:
            self._state.average(self._decay)
        row = step == 1 or step % METRICS_EVERY == 0
        save = step % self._every == 0 or step == self._steps
        if row or save or not (self._waits or record.finite()):  # elsewhere it would be waited for
            numbers = record.numbers()
            self._check(numbers, step)
            if row and self._ranks.first:
                self._run.append({"step": step, **numbers})
        saved = self._save(step) if save else None
        if self._ranks.first:
            self._tell(step, record, saved, patience)
        # Read once: what all agree on, whenever the next signal comes. The others wait here while
        # the first one looks, on the CPU, where they may wait as long as it takes.
        ends = self._ranks.any(flag=patience.lost)
        if ends and saved is None:
            self._check(record.numbers(), step)
            self._save(step)
        return ends

    def _tell(self, step: int, record: StepRecord, saved: Path | None, patience: Patience) -> None:
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

    def _save(self, step: int) -> Path:
        """Write a checkpoint, once all processes are seen to hold the same numbers."""
        tensors = self._state.tensors()
        if self._ranks.count > 1:
            odd = self._ranks.unlike(fingerprint(_common(tensors)))
            if odd is not None:
                raise Diverged(
                    f"process {odd} holds other numbers than the first at step {step}, so the "
                    f"processes no longer train one game; step {self._kept()} is saved; the same "
                    "hardware and packages are needed everywhere"
                )
        return self._run.save(step, tensors) if self._ranks.first else self._run.checkpoint(step)

    def _kept(self) -> int:
        return max(self._run.steps(), default=0)

    def _check(self, numbers: dict[str, float | None], step: int) -> None:
        values = {k: v for k, v in numbers.items() if v is not None}
        bad = next((k for k, v in values.items() if not math.isfinite(v)), None)
        if bad is not None:
            raise Diverged(
                f"{bad} became {values[bad]} at step {step}; the run up to its checkpoint of "
                f"step {self._kept()} stays in {self._run.path}; try a smaller step or another loss"
            )


def _norms(recipe: Recipe, ranks: Ranks) -> Callable[[], AbstractContextManager[object]]:
    """What goes around an update: normalisation by formulas where torch's own is not enough.

    Gradient penalties that are differentiated twice more need them, and a batch in several parts.
    """
    thrice = recipe.updates in SECOND_ORDER and recipe.losses().input_gradients
    if ranks.count == 1:
        return partial(exact_normalisation, moving=True) if thrice else contextlib.nullcontext
    spread = SpreadBatchNorm(count=ranks.count, gather=ranks.gather)

    @contextlib.contextmanager
    def both() -> Generator[None]:
        with exact_normalisation(moving=True), spread:  # the inner one is asked first
            yield

    return both if thrice else lambda: spread


def _shared(state: State, configuration: dict[str, Any], ranks: Ranks) -> State:
    """The state with a stream that gives this process its part, once all hold the same game."""
    stream = SharedStream(ranks.rank, ranks.count)
    stream.set_state(state.rng.get_state())
    text = json.dumps(configuration, sort_keys=True).encode()
    odd = ranks.unlike(hashlib.sha256(text).digest() + fingerprint(_common(state.tensors())))
    if odd is not None:
        raise ValueError(
            f"process {odd} would train another game than the first; every process needs the same "
            "arguments, files and packages"
        )
    return replace(state, rng=stream)


def _common(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What all processes hold alike: all but the streams that dropout takes its masks from."""
    return {k: v for k, v in tensors.items() if k not in ("rng.global", "rng.cuda")}


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


def _players(recipe: Recipe, state: State, data: Sampler, manner: Manner, ranks: Ranks) -> Players:
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
        ranks=ranks,
    )
