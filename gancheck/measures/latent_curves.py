"""Along which curve does one latent go over into another?

`straight` is the line between them. In many dimensions it leaves what the law ever draws: a normal
latent of d coordinates has a norm of about sqrt(d), the middle of two of them sqrt(d/2), which is
0.3 sqrt(d) and so, in 64 dimensions, more than three of its standard deviations of 0.71 too short.
What a generator makes there, no sample shows.

`spherical` is the quarter turn cos(pi t/2) a + sin(pi t/2) b. For independent normal a and b each of
its points has exactly the law of a, at every t and in every dimension, and for ends of one norm at
right angles, which in many dimensions they nearly are, it is the arc between them on their sphere
(slerp). A uniform or truncated coordinate is first sent to a normal one through both distribution
functions, and back, so that the same holds; a class is kept. A law that does not say how its
coordinates are distributed has the straight line only.

Source: White (2016), "Sampling generative networks", for arcs; the quarter turn's law is that of a
sum of independent normals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from gancheck.games.latents import Latent
    from gancheck.games.line_law import Coordinates

__all__ = ["KINDS", "Curve", "Kind", "curve_of"]

Kind = Literal["spherical", "straight"]
KINDS: tuple[Kind, ...] = ("spherical", "straight")

Curve = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""a [n, d], b [n, d], t [n] in 0..1 -> points [n, d]: a at 0, b at 1."""


def curve_of(latent: Latent, kind: Kind = "spherical") -> Curve:
    """Points on curves from a [n, d] to b [n, d] at positions t [n] in 0..1.

    Args:
        latent: the law of the ends.
        kind: `spherical`, whose points have that law, or `straight`.

    Raises:
        ValueError: another kind, or `spherical` for a law that does not say how it is built.

    Example:
        >>> from gancheck.games.latents import normal
        >>> a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]])
        >>> curve_of(normal(2))(a, b, np.array([0.5])).round(4).tolist()
        [[1.4142, 1.4142]]
        >>> curve_of(normal(2), "straight")(a, b, np.array([0.5])).tolist()
        [[1.0, 1.0]]
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "straight":
        return _straight
    if not latent.coordinates:
        raise ValueError(
            f"the latent {latent.law!r} does not say how its coordinates are distributed, so no "
            "curve keeps its law; give Latent(coordinates=...) or take kind='straight'"
        )

    def turn(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        angle = 0.5 * np.pi * t[:, None]
        out = np.empty_like(a)
        begin = 0
        for part in latent.coordinates:
            own = slice(begin, begin + part.size)
            begin += part.size
            if part.kind == "class":
                out[:, own] = np.where(t[:, None] < 1.0, a[:, own], b[:, own])
                continue
            one, other = (_scores(z[:, own], part) for z in (a, b))
            out[:, own] = _values(np.cos(angle) * one + np.sin(angle) * other, part)
        return out

    return turn


def _straight(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    return a + t[:, None] * (b - a)


def _ends(part: Coordinates) -> tuple[float, float]:
    """The normal distribution function at both ends of a truncated coordinate."""
    return float(special.ndtr(part.low)), float(special.ndtr(part.high))


def _scores(z: np.ndarray, part: Coordinates) -> np.ndarray:
    """Independent coordinates as normal ones, through both distribution functions."""
    if part.kind == "uniform":
        share = (z - part.low) / (part.high - part.low)
    elif np.isfinite(part.low) or np.isfinite(part.high):
        low, high = _ends(part)
        share = (special.ndtr(z) - low) / (high - low)
    else:
        return z
    edge = np.finfo(float).eps / 2  # a coordinate on the very edge has no finite score
    return special.ndtri(np.clip(share, edge, 1.0 - edge))


def _values(scores: np.ndarray, part: Coordinates) -> np.ndarray:
    """The way back."""
    share = special.ndtr(scores)
    if part.kind == "uniform":
        return part.low + share * (part.high - part.low)
    if np.isfinite(part.low) or np.isfinite(part.high):
        low, high = _ends(part)
        return np.clip(special.ndtri(low + share * (high - low)), part.low, part.high)
    return scores
