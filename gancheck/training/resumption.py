"""From where does a run go on, and what must be as it was when it was begun?"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from gancheck.training.outcomes import Refused

if TYPE_CHECKING:
    from gancheck.training.parallel import Ranks
    from gancheck.training.run_directory import RunDirectory
    from gancheck.training.state import State

__all__ = ["go_on", "same_number"]

_MAY_GROW = "steps"  # nothing a step does depends on how many are to come


def same_number(run: RunDirectory, before: dict[str, Any], ranks: Ranks) -> None:
    """A run goes on with as many processes as it was begun with: its bytes depend on the number."""
    made = before.get("processes", 1)
    if made != ranks.count:
        way = f"torchrun --nproc-per-node {made} -m gancheck" if made > 1 else "gancheck"
        raise Refused(
            f"the run in {run.path} was made with {made} process{'es' if made > 1 else ''}, not {ranks.count}; resume it "
            f"with: {way} train --resume --out {shlex.quote(str(run.path))}"
        )


def go_on(run: RunDirectory, state: State, before: dict[str, Any], now: dict[str, Any]) -> int:
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
