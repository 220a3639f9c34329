"""Between which laws is the log density ratio known at every point, and the divergence by quadrature?

Data and generated samples are mixtures of round normals. The generator is fixed: it moves a
standard normal latent to a mode, which another part of the latent chooses. So ln p/q is a formula,
and what a discriminator says can be compared with it point by point.

========  ==================================================  ==================================
law       data                                                generator
========  ==================================================  ==================================
shift     standard normal in 10 dimensions                    the same, moved by 1.5
ring      8 normals of deviation 0.6 on a circle of radius 2  one normal of deviation 1.2
weights   `games.data.ring8`                                  the same 8 normals, other weights
========  ==================================================  ==================================

The divergences are integrals of functions that are homogeneous of degree one in (p, q), so factors
that both densities share integrate to 1: of `shift` one dimension is left, of `weights` a sum over
modes (which lie 76 deviations apart).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from scipy import integrate, stats
from torch import Tensor, nn

from gancheck.games import latents
from gancheck.games.data import Synthetic, ring8

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from gancheck.games.latents import Latent

__all__ = ["LAWS", "ClosedForm", "NormalMixture", "OnModes", "Pair", "pair"]

LAWS = ("shift", "ring", "weights")
DIMENSIONS, SHIFT = 10, 1.5
RING_SPREAD, WIDE_SPREAD = 0.6, 1.2
SHARES = (1, 16, 2, 8, 1, 16, 4, 8)  # of the generator's modes, in 56
_REACH = 14.0  # of the quadrature: 8 deviations of the widest law, beyond which lies 1e-14
_ANGLES = torch.arange(256, dtype=torch.float64) * (math.pi / 128.0)
_CIRCLE = torch.stack([_ANGLES.cos(), _ANGLES.sin()], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalMixture:
    """A mixture of normals with one standard deviation in every coordinate.

    Attributes:
        modes: [K, d] float64.
        weights: [K], positive, adding up to 1.
        spread: standard deviation.
    """

    modes: Tensor
    weights: Tensor
    spread: float

    def log_density(self, x: Tensor) -> Tensor:
        """Logarithm of the density [n] at points [n, d], in float64."""
        x = x.double()
        squares = (x[:, None, :] - self.modes[None]).square().sum(dim=2)
        exponents = self.weights.log() - squares / (2.0 * self.spread**2)
        constant = 0.5 * self.modes.shape[1] * math.log(2.0 * math.pi * self.spread**2)
        return exponents.logsumexp(dim=1) - constant

    def labelled(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples [n, d] and the mode of each [n]."""
        label = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.modes.shape[1], generator=generator, dtype=torch.float64)
        return self.modes[label] + self.spread * noise, label

    def as_data(self, name: str) -> Synthetic:
        """The same law as data."""
        return Synthetic(
            name=name,
            shape=(self.modes.shape[1],),
            labelled=self.labelled,
            components=len(self.modes),
            modes=self.modes,
            spread=self.spread,
        )


class OnModes(nn.Module):
    """A generator whose law is a mixture of normals: a one-hot choice, then a standard normal.

    Args:
        law: what it makes.
    """

    def __init__(self, law: NormalMixture) -> None:
        super().__init__()
        self.modes = nn.Parameter(law.modes.clone())
        self.spread = law.spread

    @property
    def choices(self) -> int:
        """Length of the one-hot part: none where there is one mode."""
        return len(self.modes) if len(self.modes) > 1 else 0

    def latent(self, weights: Tensor) -> Latent:
        """The law of its input."""
        noise = latents.normal(self.modes.shape[1])
        if not self.choices:
            return noise
        return latents.product(latents.categorical(self.choices, weights=weights.tolist()), noise)

    def forward(self, z: Tensor) -> Tensor:
        """Latents [n, choices + d] -> samples [n, d]."""
        noise = self.spread * z[:, self.choices :]
        return noise + (z[:, : self.choices] @ self.modes if self.choices else self.modes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Data and a fixed generator, both with a known density.

    Attributes:
        name: one of `LAWS`.
        data: what real samples are drawn from.
        real: its density.
        fake: the generator's.
    """

    name: str
    data: Synthetic
    real: NormalMixture
    fake: NormalMixture

    @property
    def size(self) -> int:
        """Dimension of a sample."""
        return self.real.modes.shape[1]

    def generator(self) -> tuple[OnModes, Latent]:
        """The generator in float32 and its latent's law."""
        made = OnModes(self.fake)
        return made.float(), made.latent(self.fake.weights)

    def log_ratio(self, x: Tensor) -> Tensor:
        """The log ratio ln p/q [n] at points [n, d], float64."""
        return self.real.log_density(x) - self.fake.log_density(x)

    def integral(self, of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        """The integral of `of(p, q)` over all points, by scipy's adaptive quadrature.

        On the circles of `ring` the mean over equally spaced angles, whose error falls faster than
        any power of their number on smooth periodic functions.

        Args:
            of: densities [n] and [n] -> values [n]; homogeneous of degree one.

        Raises:
            ArithmeticError: the quadrature does not converge to 1e-8.
        """
        if self.name == "weights":  # the modes do not overlap
            return float(of(self.real.weights.numpy(), self.fake.weights.numpy()).sum())

        if self.name == "shift":
            return _converged(
                lambda x: float(of(stats.norm.pdf([x]), stats.norm.pdf([x], SHIFT))[0])
            )

        def around(radius: float) -> float:
            point = radius * _CIRCLE
            p, q = (law.log_density(point).exp().numpy() for law in (self.real, self.fake))
            return 2.0 * math.pi * radius * float(of(p, q).mean())

        return _converged(around, low=0.0)


class ClosedForm(nn.Module):
    """The optimal logit as a discriminator, times a factor: 1 is the theorem's.

    Args:
        laws: whose ratio.
        factor: of the logit.
    """

    def __init__(self, laws: Pair, factor: float = 1.0) -> None:
        super().__init__()
        self.laws = laws
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Samples [n, d] -> logits [n]."""
        return self.factor * self.laws.log_ratio(x)


def _converged(of: Callable[[float], float], *, low: float = -_REACH) -> float:
    value, error = integrate.quad(of, low, _REACH, epsabs=1e-10, epsrel=0.0, limit=400)[:2]
    if error > 1e-8:
        raise ArithmeticError(f"the quadrature must converge to 1e-8, its error is {error}")
    return float(value)


@lru_cache
def pair(name: str) -> Pair:
    """The laws of this name.

    Raises:
        ValueError: there are none.
    """
    if name == "shift":
        real = NormalMixture(modes=_rows(torch.zeros(DIMENSIONS)), weights=_even(1), spread=1.0)
        away = torch.full((DIMENSIONS,), SHIFT / math.sqrt(DIMENSIONS))
        fake = NormalMixture(modes=_rows(away), weights=_even(1), spread=1.0)
        return Pair(name=name, data=real.as_data("normal"), real=real, fake=fake)
    ring = ring8()
    if ring.modes is None:
        raise ValueError("ring8 must have point modes")
    if name == "ring":
        real = NormalMixture(modes=ring.modes, weights=_even(8), spread=RING_SPREAD)
        fake = NormalMixture(modes=_rows(torch.zeros(2)), weights=_even(1), spread=WIDE_SPREAD)
        return Pair(name=name, data=real.as_data("wide ring"), real=real, fake=fake)
    if name == "weights":
        shares = torch.tensor(SHARES, dtype=torch.float64)
        real = NormalMixture(modes=ring.modes, weights=_even(8), spread=ring.spread)
        fake = NormalMixture(modes=ring.modes, weights=shares / shares.sum(), spread=ring.spread)
        return Pair(name=name, data=ring, real=real, fake=fake)
    raise ValueError(f"the laws must be one of {', '.join(LAWS)}, got {name!r}")


def _rows(mode: Tensor) -> Tensor:
    return mode.double()[None]


def _even(count: int) -> Tensor:
    return torch.full((count,), 1.0 / count, dtype=torch.float64)
