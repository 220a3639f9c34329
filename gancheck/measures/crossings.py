"""Where does a path leave one component, and where does it reach the next?

Positions are looked at evenly, then the stretch in which the component changes is halved until a
position in a gap is found, or none is left between two numbers; from there the gap's two edges are
found by halving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gancheck.measures.data_gaps import GAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.measures.latent_curves import Curve

__all__ = ["POINTS", "along", "follow"]

POINTS = 65
"""On a path, before the first change of component is looked for."""

_HALVINGS = 60


def follow(
    label: Callable[[np.ndarray], np.ndarray],
    curve: Curve,
    a: np.ndarray,
    b: np.ndarray,
    first: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each path from a to b leaves its component, and where it arrives in the next.

    Args:
        label: latents [n, d] -> component of each, or `GAP`.
        curve: on which a path runs.
        a: [m, d] its begin.
        b: [m, d] its end, of another component.
        first: [m] component of the begin.

    Returns:
        Positions [m] of both in 0..1, NaN where the component changes from one number to the next;
        and [m, 2] components before and after.
    """
    m = len(a)
    if m == 0:
        return np.empty(0), np.empty(0), np.empty((0, 2), dtype=np.int64)

    def at(row: np.ndarray, t: np.ndarray) -> np.ndarray:
        return label(curve(a[row], b[row], t))

    t = np.linspace(0.0, 1.0, POINTS)
    every = np.repeat(np.arange(m), POINTS)
    kinds = at(every, np.tile(t, m)).reshape(m, POINTS)
    row = np.arange(m)
    k = (kinds != first[:, None]).argmax(axis=1)  # the end differs, so there is one
    low, high = t[k - 1].copy(), t[k].copy()
    inner = np.where(kinds[row, k] == GAP, high, np.nan)
    todo = np.flatnonzero(~np.isfinite(inner))
    for _ in range(_HALVINGS):
        middle = 0.5 * (low[todo] + high[todo])
        if len(todo) == 0:
            break
        got = at(todo, middle)
        hit, same = got == GAP, got == first[todo]
        inner[todo[hit]] = middle[hit]
        low[todo[same]] = middle[same]
        high[todo[~hit & ~same]] = middle[~hit & ~same]
        todo = todo[~hit]
    found = np.flatnonzero(np.isfinite(inner))
    leave, arrive = np.full(m, np.nan), np.full(m, np.nan)
    leave[found] = _edge(at, found, inner[found], low[found])
    # The first point after the gap was found that is out of a gap again.
    after = (kinds[found] != GAP) & (t[None, :] > inner[found][:, None])
    beyond = t[after.argmax(axis=1)]
    sooner = (high[found] > inner[found]) & (high[found] < beyond)
    arrive[found] = _edge(at, found, inner[found], np.where(sooner, high[found], beyond))
    reached = first.copy()
    reached[found] = at(found, arrive[found])
    jumped = np.setdiff1d(row, found)
    reached[jumped] = at(jumped, high[jumped]) if len(jumped) else reached[jumped]
    return leave, arrive, np.stack([first, reached], axis=1)


def _edge(
    at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    row: np.ndarray,
    inside: np.ndarray,
    outside: np.ndarray,
) -> np.ndarray:
    """The edge of a gap between a position in it and one out of it, to the last digit."""
    inner, outer = inside.copy(), outside.copy()
    for _ in range(_HALVINGS if len(row) else 0):
        middle = 0.5 * (inner + outer)
        hit = at(row, middle) == GAP
        inner, outer = np.where(hit, middle, inner), np.where(hit, outer, middle)
    return outer


def along(curve: Curve, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points [paths, positions, d] at t [paths, positions] on the paths from a to b [paths, d]."""
    count = t.shape[1]
    points = curve(np.repeat(a, count, axis=0), np.repeat(b, count, axis=0), t.ravel())
    return points.reshape(len(a), count, a.shape[1])
