"""Linear-quadratic games whose local stability is known from a dense solve, in three kinds.

The truth is numpy's eigenvalues, kept only where the condition of the eigenvector matrix (Bauer and
Fike 1960) leaves the sign of the leftmost real part ten times beyond rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from gancheck.games import analytic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gancheck.games.game import Game

Kind = Literal["definite", "indefinite", "unstable"]


@dataclass(frozen=True)
class Known:
    """A game, its matrix, whether it is stable, and spectral radius over |leftmost real part|."""

    game: Game
    matrix: np.ndarray
    stable: bool
    conditioning: float


def known_games(count: int, *, seed: int = 0, sizes: tuple[int, int] = (4, 60)) -> Iterator[Known]:
    """Half stable, half of these with an indefinite symmetric part; conditioning 1 to 1e4."""
    kinds: tuple[Kind, ...] = ("definite", "unstable", "indefinite", "unstable")
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield _known(kinds[i % 4], rng, sizes)


def _known(kind: Kind, rng: np.random.Generator, sizes: tuple[int, int]) -> Known:
    while True:
        n = int(rng.integers(*sizes))
        split = int(rng.integers(1, n))
        matrix = _definite(n, split, rng) if kind == "definite" else _shifted(kind, n, split, rng)
        values, vectors = np.linalg.eig(matrix)
        leftmost, radius = float(values.real.min()), float(np.abs(values).max())
        rounding = np.linalg.cond(vectors) * np.finfo(float).eps * np.linalg.norm(matrix, 2)
        low = float(np.linalg.eigvalsh(0.5 * (matrix + matrix.T))[0])
        right_kind = {"definite": low > 0 < leftmost, "indefinite": low < 0 < leftmost}
        if right_kind.get(kind, leftmost < 0) and abs(leftmost) > 10 * rounding:
            game = analytic.linear_quadratic(torch.as_tensor(matrix), split=split)
            return Known(game, matrix, leftmost > 0, radius / abs(leftmost))


def _definite(n: int, split: int, rng: np.random.Generator) -> np.ndarray:
    """A positive definite symmetric part of condition up to 1e4, and any rotation."""
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    s = q @ np.diag(np.logspace(0, -rng.uniform(0, 4), n)) @ q.T
    turn = np.zeros((n, n))
    turn[:split, split:] = rng.standard_normal((split, n - split)) * 10 ** rng.uniform(-2, 1)
    return _symmetric_blocks(s + turn - turn.T, split)


def _shifted(kind: Kind, n: int, split: int, rng: np.random.Generator) -> np.ndarray:
    """Cross blocks of unequal size, far from normal, with the leftmost real part put in place."""
    a = rng.standard_normal((n, n)) / n**0.5
    a[:split, :split] += a[:split, :split].T
    a[split:, split:] += a[split:, split:].T
    a[:split, split:] *= 10 ** rng.uniform(0, 2)
    a[split:, :split] *= 10 ** rng.uniform(-2, 0)
    values = np.linalg.eigvals(a)
    reach = float(np.abs(values - values.real.min()).max())
    margin = reach * 10 ** -rng.uniform(0, 4)
    sign = -1.0 if kind == "unstable" else 1.0
    return _symmetric_blocks(a + (sign * margin - values.real.min()) * np.eye(n), split)


def _symmetric_blocks(a: np.ndarray, split: int) -> np.ndarray:
    for block in (slice(None, split), slice(split, None)):
        a[block, block] = 0.5 * (a[block, block] + a[block, block].T)
    return a
