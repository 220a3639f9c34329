"""How is an experiment run from the command line?

An `Experiment` names its plan, what makes one run of it, and the page of all its runs; `run` is its
command. It makes only the runs that are not there yet, so an interrupted one goes on where it
stopped, and writes the page from the rows alone. An experiment that is made in more than one size
has other plans beside its own, which `--plan` chooses; each has a page of its own.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from experiments.finished_runs import FinishedRuns, Row, make_missing
from gancheck.rendering.experiment_page import write_experiment_page
from gancheck.training.outcomes import TrainingStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gancheck.rendering.experiment_page import ExperimentPage

__all__ = ["Experiment", "OtherPlan", "at_least_one", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPlan:
    """The same experiment in another size.

    Attributes:
        seeds: as of an `Experiment`.
        planned: likewise; it raises ValueError, in one sentence, where the plan cannot be made here.
    """

    seeds: int | None
    planned: Callable[[Any, int | None], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What its command needs to know.

    Attributes:
        name: of its file, its page and its folder of runs.
        about: its docstring, whose first line stands in the help.
        seeds: how many it makes unless asked for another number; None where each part has its own.
        planned: (seeds or None, steps or None) -> configurations of all runs.
        perform: configuration -> what was measured, as JSON.
        describe: configuration -> a few words for the progress.
        page: (rows, command) -> everything the page says.
        plan: name of the plan that `seeds` and `planned` are, where there are others.
        others: name -> another plan; without any there is no option `--plan`.
    """

    name: str
    about: str
    seeds: int | None
    planned: Callable[[Any, int | None], list[dict[str, Any]]]
    perform: Callable[[Mapping[str, Any]], dict[str, Any]]
    describe: Callable[[Mapping[str, Any]], str]
    page: Callable[[Sequence[Row], str], ExperimentPage]
    plan: str = "own"
    others: Mapping[str, OtherPlan] = field(default_factory=dict)


def at_least_one(seeds: int | None, steps: int | None) -> None:
    """Refuse a plan without a run.

    Raises:
        ValueError: seeds or steps below 1.
    """
    if any(number is not None and number < 1 for number in (seeds, steps)):
        raise ValueError(f"seeds and steps must be at least 1, got {seeds} and {steps}")


def run(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Make the runs that are not there yet, then the page from all of them.

    Returns:
        Exit code: 0, 2 for wrong use or a stop, 130 after Ctrl-C.
    """
    given = _parser(experiment).parse_args(arguments)
    torch.set_num_threads(1)
    chosen = getattr(given, "plan", experiment.plan)
    plan = experiment.others.get(chosen, experiment)
    seeds = plan.seeds if given.seeds is None else given.seeds
    name, command = experiment.name, f"python -m experiments.{experiment.name}"
    if plan is not experiment:
        name, command = f"{name}_{chosen}", f"{command} --plan {chosen}"
    command += f" --seeds {seeds}" if seeds != plan.seeds else ""
    command += f" --steps {given.steps}" if given.steps is not None else ""
    try:
        at_least_one(seeds, given.steps)
        rows = make_missing(
            plan.planned(seeds, given.steps),
            FinishedRuns(given.runs / "rows.jsonl"),
            experiment.perform,
            experiment.describe,
        )
        path = given.out / f"{name}.html"
        write_experiment_page(experiment.page(rows, command), path)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last finished run", file=sys.stderr)
        return 130
    except (OSError, ValueError, TrainingStopped, ModuleNotFoundError) as error:
        print(f"{experiment.name}: {error}", file=sys.stderr)
        return 2
    print(f"page: {path}")
    return 0


def _parser(experiment: Experiment) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{experiment.name}",
        description=experiment.about.split("\n")[0],
    )
    if experiment.others:
        parser.add_argument(
            "--plan",
            choices=[experiment.plan, *experiment.others],
            default=experiment.plan,
            help=f"how large it is made ({experiment.plan})",
        )
    parser.add_argument("--seeds", type=int, help="counted from 0; otherwise as many as planned")
    parser.add_argument("--steps", type=int, help="of every training, in place of its own")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/gallery"), help="folder of the page"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("reports/runs") / experiment.name,
        help="folder of the finished runs",
    )
    return parser
