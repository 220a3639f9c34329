"""How do recipes compare, over seeds, on this machine?

A sweep is a TOML file: recipes, seeds, keys to set, and what to measure. Each run is trained and
diagnosed in a directory of its own; what is there already is not made again, and what was stopped
goes on, so the same command finishes an interrupted sweep. The end is one table: of each number
the mean over the seeds with a 95 % interval of Student's t, and how many runs diverged. Each
training is evaluated with draws of its own, so that the interval holds both: other seeds of
training, and other samples to measure them by.

    recipes = ["ring8", "ring8-r1", "mine.toml"]
    seeds = 5                      # 0, 1, 2, 3, 4; or a list
    set = { steps = 500 }
    diagnostics = ["GC003", "GC005", "GC006"]
    plan = { batch_size = 64, samples = 2000 }
"""

from __future__ import annotations

import csv
import io
import json
import math
import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import stdtrit

from gancheck.diagnosis import Plan
from gancheck.recipe_file import fault_lines, read_recipe
from gancheck.rendering.files import write_whole
from gancheck.rendering.text import clean
from gancheck.runner import diagnose_run, train_recipe
from gancheck.training.fit import check_fit
from gancheck.training.outcomes import Diverged, Interrupted
from gancheck.training.run_directory import RunDirectory
from gancheck.training.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gancheck.games.data import Sampler
    from gancheck.games.recipe import Recipe

__all__ = ["Cell", "Sweep", "Table", "perform", "read_sweep", "table"]

_LEVEL = 0.95
_FORMAT = "gancheck-sweep/1"
_APART = (
    10_000_000  # from one training's evaluation seeds to the next's; a plan spans a tenth of it
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is trained and measured.

    Attributes:
        recipes: each with the sweep's keys put in.
        seeds: of the training; each is evaluated with seeds of its own, the plan's for seed 0.
        codes: diagnostics; all of them where None.
        plan: of each diagnosis.
    """

    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    codes: tuple[str, ...] | None
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one run came to.

    Attributes:
        recipe: its name.
        seed: of its training.
        ended: `trained`, or why it stopped.
        verdicts: code -> verdict.
        values: `code.quantity` -> number.
    """

    recipe: str
    seed: int
    ended: str = "trained"
    verdicts: dict[str, str] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One row a recipe and a number.

    Attributes:
        rows: recipe, quantity, mean, low, high, seeds, diverged; an interval needs two seeds that
            differ.
    """

    rows: list[dict[str, Any]]

    def csv(self) -> str:
        """The same as text."""
        out = io.StringIO()
        names = ["recipe", "quantity", "mean", "low", "high", "seeds", "diverged"]
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def lines(self) -> list[str]:
        """The same for a terminal."""
        width = max((len(r["recipe"]) for r in self.rows), default=0)
        wide = max((len(r["quantity"]) for r in self.rows), default=0)
        return [_line(r, width, wide) for r in self.rows]


class _Written(BaseModel):
    """A sweep as it stands in its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipes: Annotated[list[str], Field(min_length=1)]
    seeds: int | list[int] = 3
    set: dict[str, Any] = Field(default_factory=dict)
    diagnostics: list[str] | None = None
    plan: dict[str, Any] = Field(default_factory=dict)


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep's file; its recipe files are looked for beside it.

    Raises:
        ValueError: it cannot be read, is no TOML, or has keys or values that a sweep does not have.
    """
    path = Path(path)
    shown = clean(str(path))
    try:
        told = _Written.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise ValueError(f"{shown} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{shown} is no TOML: {clean(str(error))}") from None
    except ValidationError as error:
        raise ValueError(f"{shown}: {fault_lines(error, _Written)[0]}") from None
    seeds = list(range(told.seeds)) if isinstance(told.seeds, int) else told.seeds
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"{shown}: seeds must be a count or different whole numbers, got {told.seeds}"
        )
    changes = {key: _text(value) for key, value in told.set.items()}
    recipes = [read_recipe(_beside(path, name), changes) for name in told.recipes]
    names = [r.name for r in recipes]
    if len(set(names)) < len(names):
        raise ValueError(f"{shown}: recipes must have different names, got {', '.join(names)}")
    for name in names:  # each is a folder of the sweep's own
        if Path(name).parts != (name,) or name == ".." or "\\" in name:
            raise ValueError(
                f"{shown}: a recipe's name must be that of a folder, got {clean(repr(name))}"
            )
    return Sweep(
        recipes=tuple(recipes),
        seeds=tuple(seeds),
        codes=_codes(told.diagnostics, shown),
        plan=_plan(told.plan, shown),
    )


def perform(
    sweep: Sweep, out: str | Path, *, device: str = "auto", progress: Callable[[str], None] = print
) -> Table:
    """Train and diagnose what is not there yet, and write `sweep.json` and `sweep.csv`.

    Args:
        sweep: what to make.
        out: folder of the runs, one below it for each recipe and seed.
        device: of training and diagnosis.
        progress: told each run as it begins, with how many are left.

    Raises:
        ValueError: a recipe whose networks, latent and data do not fit together, before any is
            trained; or a run that is there was made from another recipe.
        WriteFailed: the disk is full.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    root = Path(out)
    # Pictures take minutes to read and much memory: the latest data are kept, for all that share them.
    load = lru_cache(maxsize=1)(_sampler)
    for recipe in sweep.recipes:
        if any(not _done(root, recipe, seed).exists() for seed in sweep.seeds):
            _check(recipe, partial(load, recipe.data))
    cells: list[Cell] = []
    todo = [(recipe, seed) for recipe in sweep.recipes for seed in sweep.seeds]
    for number, (recipe, seed) in enumerate(todo, start=1):
        progress(f"{number} of {len(todo)}: {recipe.name}, seed {seed}")
        done, data = _done(root, recipe, seed), partial(load, recipe.data)
        cells.append(_cell(sweep, recipe, seed, done, device, data))
    found = table(cells)
    content = {
        "format": _FORMAT,
        "recipes": [r.written() for r in sweep.recipes],
        "seeds": list(sweep.seeds),
        "runs": [
            {"recipe": c.recipe, "seed": c.seed, "ended": c.ended, "verdicts": c.verdicts}
            for c in cells
        ],
        "table": found.rows,
    }
    write_whole(root / "sweep.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
    write_whole(root / "sweep.csv", found.csv())
    return found


def table(cells: Sequence[Cell]) -> Table:
    """Means over seeds with their intervals; a diverged run has no numbers and is counted.

    Example:
        >>> runs = [Cell(recipe="a", seed=s, values={"x": float(s)}) for s in range(3)]
        >>> row = table(runs).rows[0]
        >>> row["mean"], round(row["low"], 3), row["seeds"]
        (1.0, -1.484, 3)
    """
    rows: list[dict[str, Any]] = []
    for recipe in dict.fromkeys(c.recipe for c in cells):
        own = [c for c in cells if c.recipe == recipe]
        diverged = sum(c.ended != "trained" for c in own)
        for name in dict.fromkeys(name for c in own for name in c.values):
            values = [c.values[name] for c in own if math.isfinite(c.values.get(name, math.nan))]
            if values:
                rows.append(
                    {"recipe": recipe, "quantity": name, **_interval(values), "diverged": diverged}
                )
        if diverged == len(own):
            rows.append(
                {"recipe": recipe, "quantity": "", "mean": None, "low": None, "high": None}
                | {"seeds": 0, "diverged": diverged}
            )
    return Table(rows=rows)


def _interval(values: Sequence[float]) -> dict[str, Any]:
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return {"mean": mean, "low": None, "high": None, "seeds": n}
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    if spread == 0.0:  # that all agreed says nothing of how far the next would be
        return {"mean": mean, "low": None, "high": None, "seeds": n}
    half = float(stdtrit(n - 1, (1.0 + _LEVEL) / 2.0)) * spread
    return {"mean": mean, "low": mean - half, "high": mean + half, "seeds": n}


def _done(root: Path, recipe: Recipe, seed: int) -> Path:
    """What a finished run leaves."""
    return root / recipe.name / f"seed_{seed}" / "cell.json"


def _sampler(source: Callable[[], Sampler]) -> Sampler:
    return source()


def _check(recipe: Recipe, load: Callable[[], Sampler]) -> None:
    """Refuse what cannot be trained before hours are spent on what can."""
    try:
        state = State.fresh(recipe, seed=0, device=torch.device("cpu"))
        check_fit(state, recipe.latent, load(), batch_size=recipe.batch_size)
    except ValueError as error:
        raise ValueError(f"{recipe.name}: {error}") from error


def _cell(
    sweep: Sweep, recipe: Recipe, seed: int, done: Path, device: str, load: Callable[[], Sampler]
) -> Cell:
    """One run, made or gone on with or read."""
    folder, plan = done.parent, _evaluation(sweep, seed)
    asked = {
        "recipe": recipe.written(),
        "seed": seed,
        "codes": None if sweep.codes is None else list(sweep.codes),
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
    }
    asked = json.loads(json.dumps(asked))
    if done.exists():
        kept = json.loads(done.read_text())
        if kept["asked"] != asked:
            raise ValueError(
                f"{folder} was made by another sweep; choose another --out, or remove it"
            )
        return Cell(**kept["cell"])
    cell = _made(sweep, recipe, seed, folder, device, load)
    content = {
        "asked": asked,
        "cell": {name: getattr(cell, name) for name in cell.__slots__},
    }
    write_whole(done, json.dumps(content, indent=2, allow_nan=False) + "\n")
    return cell


def _evaluation(sweep: Sweep, seed: int) -> Plan:
    """The plan with evaluation seeds that no other training of the sweep has."""
    return replace(sweep.plan, seed=(sweep.plan.seed + _APART * seed) % 2**62)


def _made(
    sweep: Sweep, recipe: Recipe, seed: int, folder: Path, device: str, load: Callable[[], Sampler]
) -> Cell:
    begun = RunDirectory(folder).run_json.exists()
    try:
        train_recipe(recipe, folder, seed=seed, device=device, resume=begun, load=load)
    except Diverged as ending:
        return Cell(recipe=recipe.name, seed=seed, ended=str(ending))
    except Interrupted as stop:
        raise KeyboardInterrupt from stop  # it is the sweep that goes on, not this training alone
    report = diagnose_run(
        folder, plan=_evaluation(sweep, seed), codes=sweep.codes, device=device, load=load
    )
    if not report.complete:  # Ctrl-C: a diagnosis ends with what it has
        raise KeyboardInterrupt
    report.save(folder / "report.html")
    return Cell(
        recipe=recipe.name,
        seed=seed,
        verdicts={f.code: str(f.verdict) for f in report.findings},
        values={
            f"{f.code}.{name}": q.value
            for f in report.findings
            for name, q in f.quantities.items()
            if math.isfinite(q.value)
        },
    )


def _beside(path: Path, name: str) -> str | Path:
    """A name of the zoo as it is, a file relative to the sweep's."""
    return path.parent / name if name.endswith(".toml") else name


def _codes(told: Sequence[str] | None, shown: str) -> tuple[str, ...] | None:
    if told is None:
        return None
    from gancheck import content

    shelf = content.diagnostics("game")
    for code in told:
        if code not in shelf:
            raise ValueError(
                f"{shown}: diagnostics must be some of {', '.join(shelf)}, got {clean(code)!r}"
            )
    return tuple(told)


def _plan(told: dict[str, Any], shown: str) -> Plan:
    unknown = [key for key in told if key not in Plan.__slots__]
    if unknown:
        raise ValueError(
            f"{shown}: plan.{clean(unknown[0])}: not a key of a plan; there are "
            f"{', '.join(Plan.__slots__)}"
        )
    try:
        return Plan(**told)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{shown}: plan: {clean(str(error))}") from None


def _text(value: Any) -> str:
    """A value of the file as `--set` would be given it."""
    return value if isinstance(value, str) else json.dumps(value)


def _line(row: dict[str, Any], width: int, wide: int) -> str:
    if row["mean"] is None:
        return f"{row['recipe']:{width}}  all {row['diverged']} runs diverged"
    span = "" if row["low"] is None else f"  [{row['low']:.4g}, {row['high']:.4g}]"
    lost = f"  ({row['diverged']} diverged)" if row["diverged"] else ""
    return f"{row['recipe']:{width}}  {row['quantity']:{wide}}  {row['mean']:.4g}{span}{lost}"
