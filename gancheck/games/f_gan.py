"""What does each player minimise where an f-divergence is estimated by its variational bound?

For convex f with f(1) = 0 and its conjugate f*, every T with values in the domain of f* gives

    D_f(P || Q) = E_Q f(p / q) >= E_P T(x) - E_Q f*(T(x)),

with equality at T = f'(p / q). The discriminator's free score s is bent into that domain first,
T = g(s), so that no score is forbidden; both expectations are then simple functions of s:

===========  ===================  ==============  ====================  =====================
name         f(u)                 T = g(s)        f*(g(s))              s at the optimum
===========  ===================  ==============  ====================  =====================
kl           u log u              s               e^(s - 1)             1 + log(p / q)
reverse-kl   -log u               -e^-s           s - 1                 log(p / q)
pearson      (u - 1)^2            s               s^2 / 4 + s           2 (p / q - 1)
hellinger    (sqrt u - 1)^2       1 - e^-s        e^s - 1               log(p / q) / 2
===========  ===================  ==============  ====================  =====================

The discriminator minimises minus the bound, the generator the bound itself: a game of sum zero.
Scores far from 0 overflow where the formula has an exponential; a loss that is no longer finite is
for the caller to notice.

Source: Nowozin, Cseke & Tomioka (2016), whose output activations g these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

__all__ = ["F_DIVERGENCES", "FDivergence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FDivergence:
    """The two terms of a variational bound as functions of the free score.

    Attributes:
        on_real: s -> g(s), elementwise.
        on_fake: s -> f*(g(s)), elementwise.
    """

    on_real: Callable[[Tensor], Tensor]
    on_fake: Callable[[Tensor], Tensor]

    def bound(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """E g(s(x)) - E f*(g(s(G(z)))) of scores [n] and [m]: at most the divergence."""
        return self.on_real(on_real).mean() - self.on_fake(on_fake).mean()


def _itself(s: Tensor) -> Tensor:
    return s


F_DIVERGENCES: Mapping[str, FDivergence] = MappingProxyType(
    {
        "kl": FDivergence(on_real=_itself, on_fake=lambda s: torch.exp(s - 1.0)),
        "reverse-kl": FDivergence(on_real=lambda s: -torch.exp(-s), on_fake=lambda s: s - 1.0),
        "pearson": FDivergence(on_real=_itself, on_fake=lambda s: s.square() / 4.0 + s),
        "hellinger": FDivergence(on_real=lambda s: -torch.expm1(-s), on_fake=torch.expm1),
    }
)
"""Every divergence by its name."""
