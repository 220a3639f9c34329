"""What do the directions that a Krylov basis gave up tell of the residuals of its vectors?

A V^T = V^T T + next part^T + sum_l f_l part_l^T: when a search begins again elsewhere, the direction
that came next stays here as an f, with the part that the rows have in it. What it has on rows taken
in later is in T and no residual any more, so of each f counts what lies outside the rows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["GivenUp"]


class GivenUp:
    """Directions f [d, n], the rows' part in them, and each one's share of every row.

    Args:
        capacity: rows at most.

    Attributes:
        directions: [d, n].
        parts: [d, capacity], of each row's residual along them.
        along: [d], their share of the direction that comes next.
    """

    def __init__(self, capacity: int) -> None:
        self.directions: Tensor | None = None
        self.parts = np.zeros((0, capacity))
        self.along = np.zeros(0)
        self._shares = np.zeros((0, capacity))
        self._gram = np.zeros((0, 0))

    def __len__(self) -> int:
        return len(self.parts)

    def on(self, row: Tensor) -> Tensor:
        """Share [d] that the directions have of a row."""
        return row[:0] if self.directions is None else self.directions @ row

    def add(self, direction: Tensor, part: np.ndarray) -> None:
        """Take one more direction, orthogonal to the rows."""
        new = direction[None].clone()
        old = self.directions
        self.directions = new if old is None else torch.cat([old, new])
        capacity = self.parts.shape[1]
        row = np.zeros(capacity)
        row[: len(part)] = part
        self.parts = np.concatenate([self.parts, row[None]])
        self._shares = np.concatenate([self._shares, np.zeros((1, capacity))])
        self._regard()

    def take_in(self, row: int) -> None:
        """The direction that came next is this row now."""
        self._shares[:, row] = self.along

    def residuals(self, y: np.ndarray, coupling: np.ndarray) -> np.ndarray:
        """Norms [k] of what lies outside the rows, for coordinates y [size, k].

        Args:
            y: of unit vectors in the rows.
            coupling: [k], of each along the direction that comes next.
        """
        part = self.parts[:, : len(y)] @ y
        gram = self._gram - self._shares @ self._shares.T
        squares = np.einsum("di,de,ei->i", part, gram, part)
        squares += 2.0 * coupling * (self.along @ part) + coupling**2
        return np.sqrt(np.maximum(squares, 0.0))

    def outside(self, rows: Tensor) -> Tensor:
        """What the directions have outside the rows [d, n]."""
        if self.directions is None:
            return rows[:0]
        return self.directions - (self.directions @ rows.T) @ rows

    def leave(self, rows: Tensor) -> None:
        """Forget what the directions have on these first rows: Ritz vectors that go take it along."""
        if self.directions is not None:
            self.directions = self.outside(rows)
            self._shares[:, : len(rows)] = 0.0
            self._regard()

    def turn(self, y: np.ndarray) -> None:
        """The rows are the combinations y [size, k] of themselves."""
        size, k = y.shape
        for held in (self.parts, self._shares):
            turned = held[:, :size] @ y
            held[:] = 0.0
            held[:, :k] = turned

    def _regard(self) -> None:
        assert self.directions is not None
        self._gram = (self.directions @ self.directions.T).double().cpu().numpy()
