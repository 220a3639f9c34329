"""Could an eigenvalue lie outside those that a Krylov space shows?

A space grown from one vector holds a single direction of a repeated eigenvalue, and may have had
too little of another to show it yet. So one more random direction comes in, orthogonal to what was
found, and is multiplied until either a wanted value moves, or the recurrence itself says that this
direction would have shown anything outside by now, except with chance 1e-3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from gancheck.operators.krylov_basis import KrylovBasis
    from gancheck.operators.wanted_pairs import Wanted

__all__ = ["moves"]

_UNSEEN = 1e-3  # accepted chance that a check passes although an eigenvalue lies outside
_FILLS = 8  # of the basis, after which a check gives up without an answer
# Spare rows may bring what is looked for closer by this part of its distance; a half and an eighth
# cost as many products within 3 %.
_SHIFT = 0.25


@dataclass(frozen=True, slots=True)
class _Check:
    """What a check for missed pairs keeps, and what an unseen eigenvalue would have to be beyond.

    Besides the wanted and converged rows some spare ones stay, with Ritz values z short of x and
    residuals r. By the inertia of a Schur complement (Haynsworth 1968) as many eigenvalues of A lie
    beyond x as of the rows' Ritz values and of B + sum_i r_i r_i^T / (x - z_i) together, B being A on
    what is orthogonal to the rows. So a missed one gives B an eigenvalue beyond
    x - sum_i |r_i|^2 / |x - z_i|, whose eigenvector is fixed before the random direction is drawn.
    The same sum over converged rows is within their tolerance and is left out.

    Attributes:
        y: coordinates of the rows that stay [size, k], the first `core` wanted or converged.
        core: how many.
        old: the wanted values.
        limits: how far one may move.
        signs: of the ends that are asked for: -1 the bottom, 1 the top.
        beyond: for each of them, the value of B.
    """

    y: np.ndarray
    core: int
    old: np.ndarray
    limits: np.ndarray
    signs: np.ndarray
    beyond: np.ndarray

    @classmethod
    def of(cls, space: KrylovBasis, wanted: Wanted, *, spare: bool) -> _Check:
        """Keep as many spare rows as move what B is asked for by a quarter of its distance."""
        values, y, residuals = space.ritz()
        at = wanted.indices(space.size)
        norm = float(np.abs(values).max())
        old, limits = values[at], wanted.thresholds(values[at], norm)
        good = np.flatnonzero(residuals <= wanted.thresholds(values, norm))
        core = np.union1d(at, good)
        if max(2 * len(good), len(core) + 2) > space.capacity:
            core = at
        last = [wanted.bottom - 1] * bool(wanted.bottom) + [wanted.bottom] * bool(wanted.top)
        signs = np.array([-1.0] * bool(wanted.bottom) + [1.0] * bool(wanted.top))
        beyond = old[last] + signs * limits[last]
        others = np.setdiff1d(np.arange(space.size), core)
        rows: list[int] = []
        if spare and len(others):
            distances = signs[:, None] * (beyond[:, None] - values[others])  # [ends, others]
            allowed = _SHIFT * distances.min(1)
            shifts = residuals[others] ** 2 / distances
            spent = np.zeros(len(signs))
            for i in np.argsort(distances.min(0)):
                fits = (spent + shifts[:, i] <= allowed).all()
                if fits and len(core) + len(rows) < space.capacity // 2:
                    spent += shifts[:, i]
                    rows.append(int(others[i]))
            beyond = beyond - signs * spent
        kept = y[:, np.r_[core, np.array(rows, dtype=int)]]
        return cls(kept, len(core), old, limits, signs, beyond)


def moves(space: KrylovBasis, wanted: Wanted) -> bool | None:
    """Whether a wanted value moves when a random direction comes in; None where that stays open.

    Ritz values move outwards only. The check ends when one moved by more than its tolerance, or
    when an eigenvector outside, further than that from the last wanted value, could be unseen so
    far only if the random direction had less of it than it has except with chance 1e-3. Rows that
    are not converged stay where they can: among what they leave, it stands out sooner.
    """
    for spare in (True, False):
        check = _Check.of(space, wanted, spare=spare)
        space.compress(check.y)
        space.renew()
        moved, clear = _looked(space, wanted, check)
        if moved is not None or clear:
            return moved
        space.thin(check.core, np.zeros((space.size - check.core, 0)))
    return None


def _looked(space: KrylovBasis, wanted: Wanted, check: _Check) -> tuple[bool | None, bool]:
    """Whether a value moved; and whether what was watched stayed beyond all that B has.

    Where it did not, no answer is to be had with these spare rows.
    """
    first = check.y.shape[1]
    space.watch(space.scale * check.beyond)
    # A unit vector's share of a random one in n dimensions is below d with chance 0.8 d sqrt(n).
    enough = 0.8 * np.sqrt(space.n) / _UNSEEN
    for _ in range(_FILLS * space.capacity):
        if space.spent:
            break
        space.step()
        if space.complete:
            return False, True
        values, y, _ = space.ritz()
        at = wanted.indices(space.size)
        if (np.abs(values[at] - check.old) > check.limits).any():
            # The search goes on from what moved a value, without spare rows: what led on from
            # those was given up.
            rest = y[check.core :, at]
            rest = rest[:, np.linalg.norm(rest, axis=0).argmax()]
            found = torch.as_tensor(rest.copy()).to(space.rows)
            direction = found @ space.rows[check.core : space.size]
            space.thin(check.core, np.zeros((space.size - check.core, 0)))
            space.renew(direction)
            return True, True
        inner, turn = np.linalg.eigh(space.projection[first : space.size, first : space.size])
        ends = np.where(check.signs > 0.0, inner[-1], inner[0])
        if first > check.core and (check.signs * (ends - check.beyond) >= 0.0).any():
            return None, False
        if (space.seen >= enough).all():
            return False, True
        if space.size == space.capacity:
            outer = wanted.indices(len(inner), extra=max(0, len(inner) // 3 - wanted.count))
            space.thin(first, turn[:, outer[: len(inner) // 2]])
    return None, True
