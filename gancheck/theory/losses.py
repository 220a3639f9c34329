"""The named losses as formulas in the score s: what `gancheck.games.losses` computes on batches.

A property test holds values and gradients of the two equal. The gradient penalty of wgan-gp is a
functional of the critic, not of one score, and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCORE_LOSSES", "ScoreLoss", "s"]

s: Any = sp.Symbol("s", real=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLoss:
    """What each player minimises, per sample, in the score s.

    Attributes:
        real: the discriminator's term on a real sample.
        fake: the discriminator's term on a generated sample.
        generator: the generator's term on a generated sample.
    """

    real: Any
    fake: Any
    generator: Any


def _softplus(x: Any) -> Any:
    return sp.log(1 + sp.exp(x))


_critic = ScoreLoss(real=-s, fake=s, generator=-s)

SCORE_LOSSES: Mapping[str, ScoreLoss] = MappingProxyType(
    {
        "minimax": ScoreLoss(real=_softplus(-s), fake=_softplus(s), generator=-_softplus(s)),
        "non-saturating": ScoreLoss(real=_softplus(-s), fake=_softplus(s), generator=_softplus(-s)),
        "lsgan": ScoreLoss(real=(s - 1) ** 2 / 2, fake=s**2 / 2, generator=(s - 1) ** 2 / 2),
        "lsgan-centred": ScoreLoss(
            real=(s - 1) ** 2 / 2, fake=(s + 1) ** 2 / 2, generator=s**2 / 2
        ),
        "hinge": ScoreLoss(real=sp.Max(0, 1 - s), fake=sp.Max(0, 1 + s), generator=-s),
        "wgan": _critic,
        "wgan-gp": _critic,
    }
)
"""By the names of the command line."""
