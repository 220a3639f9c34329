"""Which network has weights of these shapes? One module an architecture.

An adapter matches shapes only (`match`) and builds modules by a strict load (`build`). Importing
this package imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Match"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whether an adapter fits.

    Attributes:
        score: 1 where every tensor of real numbers finds its place, else 0.
        reasons: what speaks for it, or the first thing that speaks against it.
        hypotheses: what the shapes cannot show and the build takes for granted.
        unconsumed: keys that no layer takes.
    """

    score: float
    reasons: tuple[str, ...]
    hypotheses: tuple[str, ...]
    unconsumed: tuple[str, ...]
