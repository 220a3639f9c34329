"""From a recipe to a run, and from a run's directory back to the game that was trained.

`train_recipe` is the command `gancheck train`, `load_run` reads what it left, and `diagnose_run` is
the command `gancheck diagnose`. A run is read without running anything of it: its configuration
names a recipe of the zoo, its tensors are plain numbers.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gancheck.adam_state import adam_state
from gancheck.diagnosis import NotApplicable
from gancheck.games.data import ArrayData
from gancheck.games.recipe import Recipe
from gancheck.recipe_file import from_written, read_recipe
from gancheck.training.earlier import earlier_point
from gancheck.training.outcomes import Refused
from gancheck.training.parallel import ALONE
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State
from gancheck.training.train import resolve_device, train
from gancheck.watched_training import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from gancheck.adam_state import AdamState
    from gancheck.diagnosis import Gallery, Plan, Report
    from gancheck.games.batch import EarlierPoint
    from gancheck.games.data import Sampler
    from gancheck.games.game import Game
    from gancheck.games.latents import Latent
    from gancheck.games.semantics import BatchNormMode
    from gancheck.training.parallel import Ranks
    from gancheck.training.train import Callback, Precision

__all__ = ["Run", "diagnose_run", "load_run", "recipe_of_run", "train_recipe"]

_SAMPLES = 500  # drawn of each checkpoint for the page
_CHOSEN = ("loss", "seed", "steps", "checkpoint_every")
_WRITTEN = {f.name for f in fields(Recipe)} | {"schema"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A trained game and where it came from.

    Attributes:
        directory: of the run.
        recipe: what was trained, with the loss, seed and steps of this run.
        generator: as trained, in training mode.
        discriminator: the same.
        ema: the generator with the running mean of its parameters, where the recipe keeps one.
        generator_adam: the generator's optimiser; None before the first step, and for another.
        discriminator_adam: the discriminator's.
        data: what was imitated.
        step: of the checkpoint that was read.
        earlier: where the players stood at the first checkpoint; None where that is this one.
        configuration: run.json's.
        history: rows of metrics.jsonl up to that step.
        watched: what looking at it cost while it was trained, in words; empty where nobody looked.
    """

    directory: Path
    recipe: Recipe
    generator: nn.Module
    discriminator: nn.Module
    ema: nn.Module | None
    generator_adam: AdamState | None
    discriminator_adam: AdamState | None
    data: Sampler
    step: int
    earlier: EarlierPoint | None
    configuration: Mapping[str, Any]
    history: Sequence[dict[str, Any]]
    watched: str = ""

    @property
    def latent(self) -> Latent:
        """Law of the generator's input."""
        return self.recipe.latent

    @property
    def loss(self) -> str:
        """Name of the losses."""
        return self.recipe.loss

    def game(
        self,
        *,
        dtype: torch.dtype | None = None,
        batch_norm: BatchNormMode = "as-set",
        max_memory: int | None = None,
    ) -> Game:
        """The game as every measure takes it, with the steps its optimisers would make.

        Args:
            dtype: of the measurement; where it is not the networks' own, they are copied first.
            batch_norm: on which statistics; see `Game`.
            max_memory: bytes that stored graphs may take; see `Game`.
        """
        from gancheck.games.game import Game, StepRule

        generator, discriminator = self.generator, self.discriminator
        if dtype is not None:
            generator, discriminator = (
                copy.deepcopy(module).to(dtype) for module in (generator, discriminator)
            )
        step = None
        one_each = self.recipe.updates == "alternating" and self.recipe.critic_steps == 1
        plain = one_each or self.recipe.updates == "simultaneous"
        if plain and self.generator_adam is not None and self.discriminator_adam is not None:
            step = StepRule(
                name="adam",
                scale=torch.cat([self.generator_adam.scale, self.discriminator_adam.scale]).to(
                    dtype or self.generator_adam.scale.dtype
                ),
                alternating=one_each,
            )
        return Game(
            generator,
            discriminator,
            loss=self.recipe.losses(),
            latent=self.latent,
            data=self.data,
            batch_norm=batch_norm,
            max_memory=max_memory,
            step=step,
            earlier=self.earlier,
            labels=self.data.labels if isinstance(self.data, ArrayData) else None,
        )


def train_recipe(
    chosen: Recipe | str | Path,
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
    diagnose_every: int | None = None,
    max_overhead: float | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    force: bool = False,
    load: Callable[[], Sampler] | None = None,
    ranks: Ranks = ALONE,
) -> Run:
    """Train a recipe and return its last state.

    Args:
        chosen: a recipe, a name of `gancheck.games.zoo.RECIPES`, or a TOML file.
        out: the run directory.
        seed: see `gancheck.training.train.train`, as for all that follow.
        steps: updates of each player.
        loss: name of the losses.
        device: `auto`, `cpu`, `cuda` or `cuda:INDEX`.
        checkpoint_every: steps between checkpoints.
        precision: of forward passes in training.
        compiled: run the networks through `torch.compile`.
        deterministic: have torch choose deterministic kernels.
        diagnose_every: steps between looks at the live game; see `gancheck.Monitor`. Their rows are
            in `diagnoses.jsonl` and, drawn, in the report.
        max_overhead: most seconds of looking for one of training; no limit where not given.
        callbacks: called after each step.
        resume: go on from the newest checkpoint.
        force: remove a run that `out` already holds, once everything else is known to be in order.
        load: gives the recipe's data, where they are at hand; the recipe itself where not given.
        ranks: this process among those that train together.

    Returns:
        The run at its last step, on the CPU.

    Raises:
        ValueError: no such recipe, or an argument out of its range.
        TrainingStopped: refused, diverged or not written, see `train`.
        Interrupted: Ctrl-C; the directory is usable.
    """
    recipe = chosen if isinstance(chosen, Recipe) else read_recipe(chosen)
    load = load or cache(
        recipe.data
    )  # pictures take minutes to read; training, looks and run share them
    watch = None
    if diagnose_every is not None:
        watch = Watch(
            recipe, RunDirectory(out), every=diagnose_every, max_overhead=max_overhead, load=load
        )
        callbacks = [*callbacks, watch]
    elif max_overhead is not None:
        raise ValueError("max_overhead bounds what looks may cost; say how often: diagnose_every")
    train(
        recipe,
        out,
        seed=seed,
        steps=steps,
        loss=loss,
        device=device,
        checkpoint_every=checkpoint_every,
        precision=precision,
        compiled=compiled,
        deterministic=deterministic,
        load=load,
        callbacks=callbacks,
        resume=resume,
        force=force,
        ranks=ranks,
    )
    run = load_run(out, recipe=None if recipe.declared else recipe, load=load)
    return run if watch is None else replace(run, watched=str(watch))


def recipe_of_run(directory: str | Path) -> Recipe:
    """The recipe that a run was begun with.

    Raises:
        Refused: there is no run, or its recipe has parts that no file can hold.
    """
    files = RunDirectory(directory)
    return _recipe_of(files.configuration(), files, None)


def load_run(
    directory: str | Path,
    *,
    step: int | None = None,
    device: str = "cpu",
    recipe: Recipe | None = None,
    load: Callable[[], Sampler] | None = None,
) -> Run:
    """Read a run's directory.

    Args:
        directory: what `train` wrote.
        step: which checkpoint; the newest by default.
        device: where the networks are put.
        recipe: what was trained, for a run whose recipe has parts that no file can hold.
        load: gives the recipe's data, where they are at hand; the recipe itself where not given.

    Returns:
        The run at that step.

    Raises:
        Refused: there is no run, no such checkpoint, or its tensors do not fit the recipe.
        ValueError: a device that is not there.
        ModuleNotFoundError: the recipe's data need a package that is not installed.
    """
    files = RunDirectory(directory)
    configuration = files.configuration()
    chosen = _recipe_of(configuration, files, recipe)
    saved = files.steps()
    if not saved:
        raise Refused(f"{files.path} has no checkpoint yet; resume its training first")
    step = saved[-1] if step is None else step
    tensors = files.load(step)
    state = State.fresh(chosen, seed=chosen.seed, device=resolve_device(device))
    try:
        state.restore(tensors, random=False)
    except ValueError as error:
        raise Refused(f"{files.checkpoint(step)} does not fit its recipe: {error}") from error
    of_g, of_d = state.optimizers
    return Run(
        directory=files.path,
        recipe=chosen,
        generator=state.generator,
        discriminator=state.discriminator,
        ema=state.ema,
        generator_adam=adam_state(state.generator, of_g, chosen.generator_optimiser),
        discriminator_adam=adam_state(state.discriminator, of_d, chosen.discriminator_optimiser),
        data=(load or chosen.data)(),
        step=step,
        earlier=earlier_point(files, state, step=step),
        configuration=configuration,
        history=[row for row in files.rows() if row["step"] <= step],
    )


def diagnose_run(
    directory: str | Path,
    *,
    plan: Plan | None = None,
    codes: Sequence[str] | None = None,
    budget: float | str | None = None,
    dtype: str = "float32",
    batch_norm: BatchNormMode = "as-set",
    max_memory: int | None = None,
    device: str = "auto",
    load: Callable[[], Sampler] | None = None,
    command: str = "",
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure the newest checkpoint of a run.

    Args:
        directory: what `train` wrote.
        plan: sample sizes and seeds.
        codes: diagnostics to run; all where not given.
        budget: seconds, or text like `90s`; no diagnostic begins after it.
        dtype: `float32` or `float64`, of the measurement.
        batch_norm: on which statistics batch norm is measured; see `Game`.
        max_memory: bytes that stored graphs may take; see `Game`.
        device: where it is made.
        load: gives the run's data, where they are at hand.
        command: what was typed, for the report.
        progress: told each diagnostic as it begins.

    Returns:
        The report, with the run's metrics as its history.

    Raises:
        Refused: there is no run that can be read.
        ValueError: an argument out of its range.
    """
    from gancheck.audit import diagnose

    run = load_run(directory, device=device, load=load)
    looks = [row for row in RunDirectory(directory).looks() if row["step"] <= run.step]
    file = RunDirectory(directory).checkpoint(run.step)
    report = diagnose(
        run.game(
            dtype={"float32": torch.float32, "float64": torch.float64}[dtype],
            batch_norm=batch_norm,
            max_memory=max_memory,
        ),
        codes=codes,
        plan=plan,
        budget=budget,
        title=f"{run.recipe.name}, step {run.step}",
        progress=progress,
        provenance={
            "command": command,
            "recipe": run.recipe.name,
            "step": run.step,
            "training_seed": run.recipe.seed,
            "latent": run.latent.law,
            "files": {
                "checkpoint": {
                    "path": str(file),
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                }
            },
        },
    )
    return replace(report, history=run.history, looks=looks, sampled=_on_the_way(run, plan))


def _on_the_way(run: Run, plan: Plan | None) -> list[tuple[int, Gallery]]:
    """Samples of a few checkpoints up to this one, of one seed; without those that give none."""
    from gancheck.audit import gallery
    from gancheck.rendering.on_the_way import few

    files = RunDirectory(run.directory)
    where = next(run.generator.parameters()).device
    out: list[tuple[int, Gallery]] = []
    for step in few([s for s in files.steps() if s <= run.step]):
        state = State.fresh(run.recipe, seed=run.recipe.seed, device=where)
        try:
            state.restore(files.load(step), random=False)
            then = replace(
                run,
                generator=state.generator,
                discriminator=state.discriminator,
                generator_adam=None,
                discriminator_adam=None,
                earlier=None,
            )
            out.append((step, gallery(then.game(), seed=plan.seed if plan else 0, count=_SAMPLES)))
        except (NotApplicable, Refused, ValueError):  # NaN, damaged, or neither points nor images
            continue
    return out


def _recipe_of(
    configuration: Mapping[str, Any], files: RunDirectory, given: Recipe | None
) -> Recipe:
    """The recipe that was trained, with what was chosen for this run put in."""
    if given is None:
        written = {("name" if k == "recipe" else k): v for k, v in configuration.items()}
        own = {k: v for k, v in written.items() if k in _WRITTEN}
        if any(own.get(k) is None for k in ("data", "latent", "generator", "discriminator")):
            raise Refused(
                f"the run in {files.path} was made with the recipe {own.get('name')!r}, whose parts "
                "no file can hold; hand it to load_run(..., recipe=...)"
            )
        try:
            return from_written(own, where=str(files.run_json))
        except ValueError as error:
            raise Refused(str(error)) from error
    try:
        return replace(given, **{k: configuration[k] for k in _CHOSEN})
    except KeyError as missing:
        raise Refused(f"{files.run_json} lacks {missing}") from None
