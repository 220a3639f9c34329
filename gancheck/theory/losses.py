"""The named losses as formulas in the score s: what `gancheck.games.losses` computes on batches.

A property test holds values and gradients of the two equal. The gradient penalties of wgan-gp and
wgan-lp are functionals of the critic, not of one score, and are left out; the relativistic loss acts
through means over a batch and has no such formula.
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


def _zero_sum(*, real: Any, fake: Any) -> ScoreLoss:
    return ScoreLoss(real=real, fake=fake, generator=-fake)


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
        "wgan-lp": _critic,
        "fgan-kl": _zero_sum(real=-s, fake=sp.exp(s - 1)),
        "fgan-reverse-kl": _zero_sum(real=sp.exp(-s), fake=s - 1),
        "fgan-pearson": _zero_sum(real=-s, fake=s**2 / 4 + s),
        "fgan-hellinger": _zero_sum(real=sp.exp(-s) - 1, fake=sp.exp(s) - 1),
    }
)
"""By the names of the command line."""
