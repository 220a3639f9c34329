"""Which laws have a distance, or a shape, that an experiment turns?

Two discs and two parallel lines a distance apart (the theory's examples of supports that no
connected generator can have), the swiss roll, and the point mass of the Dirac-GAN.

Source: Arjovsky, Chintala & Bottou (2017) for the parallel lines; Mescheder et al. (2018) for the
point; the swiss roll is scikit-learn's in the plane, scaled to fit into the unit disc about.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from gancheck.games.data import Synthetic
from gancheck.games.densities import discs, noisy_curves

__all__ = ["parallel_lines", "point", "swiss_roll", "two_discs"]

_RADIUS = 0.5
_TURNS = (1.5 * math.pi, 4.5 * math.pi)
_SPEED = math.hypot(1.0, _TURNS[1]) / 15.0  # of the spiral at its outer end


def two_discs(distance: float) -> Synthetic:
    """Two discs of radius 1/2, uniformly filled, whose nearest points are `distance` apart.

    Raises:
        ValueError: a distance that is negative or not finite.
    """
    _length("distance", distance)
    centre = _RADIUS + distance / 2.0
    return Synthetic(
        name=f"two-discs at {distance:g}",
        shape=(2,),
        labelled=partial(_two_discs, distance),
        components=2,
        modes=None,
        spread=_RADIUS / 2.0,  # of a uniform disc, in each coordinate
        log_density=discs(torch.tensor([[-centre, 0.0], [centre, 0.0]]).double(), _RADIUS),
    )


def parallel_lines(distance: float) -> Synthetic:
    """Two upright segments of length 1, `distance` apart, each uniform: mass without area.

    Raises:
        ValueError: a distance that is negative or not finite.
    """
    _length("distance", distance)
    return Synthetic(
        name=f"parallel-lines at {distance:g}",
        shape=(2,),
        labelled=partial(_parallel_lines, distance),
        components=2,
        modes=None,
        spread=math.sqrt(1.0 / 12.0),
    )


def swiss_roll(noise: float = 0.02) -> Synthetic:
    """One spiral in the plane, t (cos t, sin t) / 15 for t from 1.5 pi to 4.5 pi, with noise.

    Raises:
        ValueError: a noise that is negative or not finite.
    """
    _length("noise", noise)
    return Synthetic(
        name="swiss-roll",
        shape=(2,),
        labelled=partial(_swiss_roll, noise),
        components=1,
        modes=None,
        spread=noise,
        log_density=noisy_curves([_spiral], *_TURNS, speed=_SPEED, spread=noise) if noise else None,
    )


def point(at: float = 0.0, *, size: int = 1) -> Synthetic:
    """All mass at one point of R^size, each coordinate `at`.

    Raises:
        ValueError: a coordinate that is not finite, or a size below 1.
    """
    if not math.isfinite(at):
        raise ValueError(f"at must be finite, got {at}")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    return Synthetic(
        name="point",
        shape=(size,),
        labelled=partial(_point, at, size),
        components=1,
        modes=torch.full((1, size), at, dtype=torch.float64),
        spread=0.0,
    )


def _length(name: str, value: float) -> None:
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number from 0 up, got {value}")


def _unit(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, dtype=torch.float64)


def _two_discs(distance: float, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    label = torch.randint(2, (n,), generator=generator)
    radius = _RADIUS * _unit(n, generator).sqrt()
    angle = 2.0 * math.pi * _unit(n, generator)
    centre = (2.0 * label - 1.0) * (_RADIUS + distance / 2.0)
    return torch.stack([centre + radius * angle.cos(), radius * angle.sin()], dim=1), label


def _parallel_lines(distance: float, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    label = torch.randint(2, (n,), generator=generator)
    across = (label - 0.5).double() * distance
    return torch.stack([across, _unit(n, generator)], dim=1), label


def _swiss_roll(noise: float, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    t = 1.5 * math.pi * (1.0 + 2.0 * _unit(n, generator))
    spiral = _spiral(t)
    blur = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return spiral + noise * blur, torch.zeros(n, dtype=torch.int64)


def _spiral(t: Tensor) -> Tensor:
    return torch.stack([t * t.cos(), t * t.sin()], dim=1) / 15.0


def _point(at: float, size: int, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    del generator
    return torch.full((n, size), at, dtype=torch.float64), torch.zeros(n, dtype=torch.int64)
