"""The commands that train, and what there is to train with: train, sweep, doctor.

Declared apart from `gancheck.cli`, which registers them; heavy imports are inside each.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from dataclasses import replace
from enum import StrEnum
from pathlib import Path  # noqa: TC003 (typer reads annotations)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancheck.cli_endings import answering, progress
from gancheck.cli_options import Device, Json  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from gancheck.games.recipe import Recipe
    from gancheck.runner import Run
    from gancheck.training.parallel import Ranks

__all__ = ["doctor", "sweep", "train"]


class TrainingPrecision(StrEnum):
    """Floating-point type of forward passes in training."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A name that --list prints, or a TOML file.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Run directory to make.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the recipe, such as generator.kind=dcgan."),
    ] = None,
    loss: Annotated[str | None, typer.Option(help="Another loss than the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(help="Another number of steps.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed; same seed, same bytes on CPU.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        TrainingPrecision | None,
        typer.Option(help="Of forward passes, float32 unless said; measures stay in it."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Run the networks through torch.compile.")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Deterministic kernels, or an error.")
    ] = False,
    log: Annotated[
        list[str] | None, typer.Option("--log", help="Also log to: tensorboard, wandb (offline).")
    ] = None,
    diagnose_every: Annotated[
        int | None, typer.Option("--diagnose-every", help="Steps between looks at the live game.")
    ] = None,
    max_overhead: Annotated[
        float | None,
        typer.Option("--max-overhead", help="Most that looks may cost, such as 0.05."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Remove a run that --out already holds.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Print the recipes and end.")] = False,
    printed: Annotated[
        bool, typer.Option("--print", help="Print the recipe as TOML and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a GAN of the zoo or of a recipe file into a run directory that `diagnose` reads."""
    with _processes(f"train --resume --out {shlex.quote(str(out))}") as ranks:
        from gancheck.loggers import logger
        from gancheck.recipe_file import changed, read_recipe, recipe_text
        from gancheck.rendering.terminal import training_bar
        from gancheck.runner import recipe_of_run, train_recipe

        if listed:
            _print_recipes(as_json=as_json)
            return
        changes = changed(change or [])
        if recipe is not None:
            chosen = read_recipe(recipe, changes)
        elif resume and out is not None and not changes:
            chosen = recipe_of_run(out)
        else:
            raise ValueError("recipe must be named: gancheck train --list prints those there are")
        said = _said(chosen, changes, loss=loss, steps=steps, seed=seed)
        if printed:
            chosen = replace(chosen, **{k: v for k, v in said.items() if v is not None})
            text = json.dumps(chosen.written(), indent=2) + "\n" if as_json else recipe_text(chosen)
            typer.echo(text, nl=False)
            return
        if out is None:
            raise ValueError("--out must name the run directory to make")
        with training_bar(f"training {chosen.name}") as advance:
            run = train_recipe(
                chosen,
                out,
                **said,
                device=device,
                precision=None if precision is None else precision.value,
                compiled=compiled or None,  # a run that is resumed knows what it was begun with
                deterministic=deterministic or None,
                diagnose_every=diagnose_every,
                max_overhead=max_overhead,
                resume=resume,
                force=force,
                callbacks=[advance, *(logger(name, out) for name in log or ())],
                ranks=ranks,
            )
        _print_run(run, out, as_json=as_json)


def _said(chosen: Recipe, changes: Mapping[str, str], **given: Any) -> dict[str, Any]:
    """What `--set` says counts like an option of its own: a run that goes on would overlook it."""
    given["checkpoint_every"] = None
    return {
        key: getattr(chosen, key) if value is None and key in changes else value
        for key, value in given.items()
    }


@contextlib.contextmanager
def _processes(again: str) -> Generator[Ranks]:
    """The processes of this command, which say once how it ends.

    Args:
        again: what to type after `gancheck` to go on after an interruption.
    """
    with answering():
        from gancheck.training.together import joined

        # inside once more: what a process has to say is heard by the others before it ends
        with joined() as ranks, answering(ranks.command(again)):
            yield ranks


def _print_run(run: Run, out: Path, *, as_json: bool) -> None:
    if as_json:
        told = {
            "run": str(out),
            "recipe": run.recipe.name,
            "step": run.step,
            "metrics": run.history[-1] if run.history else None,
            "watched": run.watched or None,
        }
        typer.echo(json.dumps(told, indent=2))
        return
    if run.watched:
        typer.echo(f"watched: {run.watched}")
    typer.echo(f"trained: {out}\nnext:    gancheck diagnose {shlex.quote(str(out))}")


def _print_recipes(*, as_json: bool) -> None:
    from gancheck.games.zoo import RECIPES

    if as_json:
        typer.echo(json.dumps([r.written() for r in RECIPES.values()], indent=2))
        return
    for recipe in RECIPES.values():
        typer.echo(f"{recipe.name}\n    {recipe.description}")


def sweep(
    file: Annotated[Path, typer.Argument(help="TOML: recipes, seeds, set, diagnostics, plan.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the runs and of the table.")],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train and diagnose recipes over seeds; the same command goes on after an interruption."""
    with _processes(f"sweep {shlex.quote(str(file))} --out {shlex.quote(str(out))}") as ranks:
        if ranks.count > 1:
            raise ValueError("sweep trains one run after the other; start it without torchrun")
        from gancheck.sweep import perform, read_sweep

        found = perform(read_sweep(file), out, device=device, progress=progress)
        if as_json:
            typer.echo((out / "sweep.json").read_text(), nl=False)
        else:
            typer.echo("\n".join(found.lines()))
            typer.echo(f"table: {out / 'sweep.csv'}")


def doctor(*, as_json: Json = False) -> None:
    """Say what is there: versions, devices, engines, extras, data; exit 1 where a base part lacks."""
    with answering():
        from gancheck.doctor import examine

        found = examine()
        if as_json:
            typer.echo(json.dumps([check.to_dict() for check in found], indent=2))
        else:
            for check in found:
                mark = "yes" if check.there else "no "
                typer.echo(f"{check.group:8} {check.name:14} {mark}  {check.detail}")
        lacking = any(check.group == "package" and not check.there for check in found)
        raise typer.Exit(1 if lacking else 0)
