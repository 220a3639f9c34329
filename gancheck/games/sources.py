"""Which data can a recipe name?

Each is a few numbers that can be written into a file and, called, the sampler that `games.data`,
`games.parametric_laws` or `games.data_files` make of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gancheck.games import data, data_files, parametric_laws

if TYPE_CHECKING:
    from gancheck.games.data import Sampler

__all__ = ["Fashion", "Folder", "Named", "Npz", "Point", "SwissRoll", "TwoComponents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One of `data.NAMES`, which take no numbers."""

    kind: Literal["ring8", "grid25", "moons", "digits"]

    def __call__(self) -> Sampler:
        """Make it."""
        return data.load(self.kind)


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
