"""Where did both players of a run stand before the checkpoint that is looked at?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gancheck.games.batch import EarlierPoint
from gancheck.training.outcomes import Refused

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.training.run_directory import RunDirectory
    from gancheck.training.state import State

__all__ = ["earlier_point"]


def earlier_point(files: RunDirectory, state: State, *, step: int) -> EarlierPoint | None:
    """The parameters of a run's first checkpoint; None where that is the one at `step`.

    Args:
        files: of the run.
        state: whose networks say which tensors are parameters, and in which order.
        step: of the checkpoint that is looked at.

    Raises:
        Refused: the first checkpoint cannot be read or is of other networks.
    """
    first = files.steps()[0]
    if first >= step:
        return None
    tensors = files.load(first)
    parts: list[Tensor] = []
    for letter, module in (("G", state.generator), ("D", state.discriminator)):
        for name, parameter in module.named_parameters():
            saved = tensors.get(f"{letter}.{name}")
            if saved is None or saved.shape != parameter.shape:
                found = "is missing" if saved is None else f"has shape {tuple(saved.shape)}"
                raise Refused(
                    f"{files.checkpoint(first)} does not fit its recipe: {letter}.{name} {found}"
                )
            parts.append(saved.to(parameter).reshape(-1))
    return EarlierPoint(parameters=torch.cat(parts), name=f"step {first}")
