"""Does a critic with a gradient penalty mix its samples in a batch norm?

The penalty asks for the slope of the critic at each sample; with batch norm a score depends on the
whole batch, so that there is no such slope. Whether there was a penalty, only a manifest or the
names of files can say.

Source: Gulrajani et al. (2017), section 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place
from gancheck.measures.weights import exact, layers, players_with_tensors

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Weights

__all__ = ["PenalisedNorms", "penalised_norms"]

_NAMES = re.compile(r"(?<![a-z])(?:w?gan)?[-_]?gp(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class PenalisedNorms(Measurement):
    """The batch norms of critics.

    Attributes:
        places: of their running variances.
        source: what says that there was a penalty.
    """

    places: tuple[Place, ...]
    source: str


def penalised_norms(weights: Weights, plan: Plan | None = None) -> PenalisedNorms:  # noqa: ARG001
    """Count the batch norms of critics that were trained with a gradient penalty.

    Args:
        weights: of every player, with the objective where it is known.
        plan: not used.

    Raises:
        NotApplicable: no critic, or nothing says that there was a penalty.
    """
    critics = [p for p in players_with_tensors(weights) if p.role == "discriminator"]
    if not critics:
        raise NotApplicable("no player is known to be a discriminator")
    source = _source(weights)
    if not source:
        raise NotApplicable(
            f"the objective is {weights.objective}, without a gradient penalty"
            if weights.objective
            else "neither a manifest nor the name of a file says that there was a gradient penalty"
        )
    places = tuple(
        critic.place(layer.names["running_var"])
        for critic in critics
        for layer in layers(critic)
        if layer.is_batch_norm
    )
    return PenalisedNorms(
        quantities={"batch_norms_in_critic": exact(len(places), "layers")},
        places=places,
        source=source,
    )


def _source(weights: Weights) -> str:
    if weights.objective:
        return "the manifest" if weights.objective == "wgan-gp" else ""
    named = [p.file for p in weights.players if _NAMES.search(PurePath(p.file).stem)]
    return f"the name of {PurePath(named[0]).name}" if named else ""
