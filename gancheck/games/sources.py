"""Which data can a recipe name?

Each is a few numbers that can be written into a file and, called, the sampler that `games.data`,
`games.parametric_laws` or `games.data_files` make of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from gancheck.games import data, data_files, parametric_laws

if TYPE_CHECKING:
    from gancheck.games.data import Sampler

__all__ = [
    "Digits",
    "Fashion",
    "Folder",
    "Named",
    "Npz",
    "Point",
    "SwissRoll",
    "TwoComponents",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One of the planar laws that take no numbers."""

    kind: Literal["ring8", "grid25", "moons"]

    def __call__(self) -> Sampler:
        """Make it."""
        return data.load(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """scikit-learn's handwritten digits.

    Attributes:
        size: 8 for flat samples of 64 numbers, 32 for pictures [1, 32, 32], each pixel four wide.
        labelled: put the class, as ten one-hot numbers, after a flat sample.
    """

    size: Literal[8, 32] = 8
    labelled: bool = False
    kind: Literal["digits"] = "digits"

    def __call__(self) -> Sampler:
        """Read them."""
        plain = data.digits()
        if self.size == 32:
            pictures = plain.values.reshape(-1, 1, 8, 8)
            plain = replace(plain, values=functional.interpolate(pictures, scale_factor=4.0))
        if self.labelled:
            if plain.labels is None or self.size != 8:
                raise ValueError(f"labelled digits are flat: size must be 8, got {self.size}")
            classes = functional.one_hot(plain.labels, 10).to(plain.values.dtype)
            plain = replace(plain, values=torch.cat([plain.values, classes], dim=1))
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoComponents:
    """Two discs or two parallel lines, a distance apart."""

    kind: Literal["two-discs", "parallel-lines"]
    distance: float = 1.0

    def __call__(self) -> Sampler:
        """Make it."""
        if self.kind == "two-discs":
            return parametric_laws.two_discs(self.distance)
        return parametric_laws.parallel_lines(self.distance)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwissRoll:
    """A spiral in the plane."""

    noise: float = 0.02
    kind: Literal["swiss-roll"] = "swiss-roll"

    def __call__(self) -> Sampler:
        """Make it."""
        return parametric_laws.swiss_roll(self.noise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All mass at one point."""

    at: float = 0.0
    size: int = 1
    kind: Literal["point"] = "point"

    def __call__(self) -> Sampler:
        """Make it."""
        return parametric_laws.point(self.at, size=self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fashion:
    """Fashion-MNIST from Debian's package or a folder."""

    root: str | None = None
    size: int = 28
    kind: Literal["fashion-mnist"] = "fashion-mnist"

    def __call__(self) -> Sampler:
        """Read it."""
        return data_files.fashion_mnist(self.root, size=self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Npz:
    """Arrays of a user's own file."""

    path: str
    kind: Literal["npz"] = "npz"

    def __call__(self) -> Sampler:
        """Read it."""
        return data_files.from_npz(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Pictures of a user's own folder."""

    path: str
    size: int | None = None
    grey: bool = False
    kind: Literal["folder"] = "folder"

    def __call__(self) -> Sampler:
        """Read it."""
        return data_files.from_folder(self.path, size=self.size, grey=self.grey)
