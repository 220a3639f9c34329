"""Linear-quadratic games of hundreds of parameters whose spectrum is known without a large solve.

Small games, each solved densely, stand side by side; then each player's coordinates are turned by
reflections of their own. That leaves every eigenvalue where it was, and the players' own blocks
symmetric.
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

Kind = Literal["weighed", "far", "unstable"]


@dataclass(frozen=True)
class Large:
    """A game, its kind, the leftmost real part, and the spectral radius."""

    game: Game
    kind: Kind
    leftmost: float
    radius: float


def large_games(
    count: int, *, seed: int = 0, sizes: tuple[int, int] = (500, 1500)
) -> Iterator[Large]:
    """A third each: stable and definite once the players are weighed, stable and not, unstable.

    In all of them one player feels the other up to ten thousand times more than it is felt, so the
    plain symmetric part is indefinite.
    """
    rng = np.random.default_rng(seed)
    kinds: tuple[Kind, ...] = ("weighed", "unstable", "far")
    for i in range(count):
        yield _large(kinds[i % 3], int(rng.integers(*sizes)), rng)


def _large(kind: Kind, n: int, rng: np.random.Generator) -> Large:
    ratio = 10.0 ** rng.uniform(1.0, 4.0)
    margin = 10.0 ** -rng.uniform(0.0, 3.0)
    parts: list[tuple[np.ndarray, int]] = []
    while sum(len(m) for m, _ in parts) < n:
        parts.append(_small(kind, ratio, margin, rng))
    if kind == "unstable":
        matrix, split = parts[0]
        low = float(np.linalg.eigvals(matrix).real.min())
        parts[0] = (matrix - (low + margin) * np.eye(len(matrix)), split)
    values = np.concatenate([np.linalg.eigvals(m) for m, _ in parts])
    joined, split = _side_by_side(parts)
    turn = np.zeros_like(joined)
    for own in (slice(None, split), slice(split, None)):
        turn[own, own] = _turn(len(joined[own]), rng)
    matrix = turn @ joined @ turn.T
    for own in (slice(None, split), slice(split, None)):
        matrix[own, own] = 0.5 * (matrix[own, own] + matrix[own, own].T)
    return Large(
        game=analytic.linear_quadratic(torch.as_tensor(matrix), split=split),
        kind=kind,
        leftmost=float(values.real.min()),
        radius=float(np.abs(values).max()),
    )


def _small(
    kind: Kind, ratio: float, margin: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """A game of 8 to 24 parameters; far: shifted so that it is stable and no weight shows it."""
    n = int(rng.integers(8, 25))
    split = int(rng.integers(3, n - 2))
    a = np.zeros((n, n))
    for own in (slice(None, split), slice(split, None)):
        q = np.linalg.qr(rng.standard_normal((len(a[own]), len(a[own]))))[0]
        a[own, own] = q @ np.diag(margin + rng.uniform(0.0, 3.0, len(q))) @ q.T
    cross = rng.standard_normal((split, n - split))
    other = cross if kind != "far" else rng.standard_normal(cross.shape)
    a[:split, split:] = cross * ratio**0.5
    a[split:, :split] = -other.T / ratio**0.5
    if kind == "far":
        values = np.linalg.eigvals(a)
        a += (margin - values.real.min()) * np.eye(n)
    return a, split


def _side_by_side(parts: list[tuple[np.ndarray, int]]) -> tuple[np.ndarray, int]:
    """Block diagonal, with the first player's coordinates of all parts before the second's."""
    n = sum(len(m) for m, _ in parts)
    out, first = np.zeros((n, n)), np.zeros(n, dtype=bool)
    at = 0
    for matrix, split in parts:
        out[at : at + len(matrix), at : at + len(matrix)] = matrix
        first[at : at + split] = True
        at += len(matrix)
    order = np.argsort(~first, kind="stable")
    return out[np.ix_(order, order)], int(first.sum())


def _turn(n: int, rng: np.random.Generator) -> np.ndarray:
    """An orthogonal matrix: the product of three reflections."""
    turn = np.eye(n)
    for _ in range(3):
        u = rng.standard_normal(n)
        u /= np.linalg.norm(u)
        turn -= 2.0 * np.outer(turn @ u, u)
    return turn
