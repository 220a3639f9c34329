"""What does the generator have to imitate?

Three planar laws whose modes are known, scikit-learn's handwritten digits, and `as_sampler`, which
turns what a user has (tensor, array, `Dataset`, function) into one thing that can be drawn from.
Draws come from the CPU generator handed in and are cast by the caller, as latents are.

Source: ring8 as in Metz et al. (2017), eight normals of standard deviation 0.02 on a circle of
radius 2; grid25 as in Srivastava et al. (2017), 5 x 5 normals of standard deviation 0.05, spacing
2; moons are scikit-learn's two half circles, here with independent angles and noise 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gancheck.games.densities import LogDensity, noisy_curves, normals
from gancheck.games.handed_in import as_tensor, called, check_values, item_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "NAMES",
    "ArrayData",
    "CallableData",
    "DatasetData",
    "Sampler",
    "Synthetic",
    "as_sampler",
    "digits",
    "grid25",
    "load",
    "moons",
    "ring8",
]

Draw = Callable[[int, torch.Generator], Tensor]
LabelledDraw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


@runtime_checkable
class Sampler(Protocol):
    """Something samples can be drawn from."""

    @property
    def size(self) -> int | None:
        """Number of samples there are; None for a law that never runs out."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        ...

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n samples [n, *shape]; finite data are drawn without replacement."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """A law with known components, of which there are always more samples.

    Attributes:
        name: as on the command line.
        shape: shape of one sample.
        labelled: (n, CPU generator) -> samples float64 [n, *shape], component of each [n].
        components: how many there are.
        modes: centre of each component, [components, *shape]; None where they are not points.
        spread: standard deviation of the noise about a component, in each coordinate.
        log_density: points [n, *shape] -> ln p [n] in float64; None for mass without area.
    """

    name: str
    shape: tuple[int, ...]
    labelled: LabelledDraw
    components: int
    modes: Tensor | None
    spread: float
    log_density: LogDensity | None = None

    @property
    def size(self) -> None:
        """A law never runs out."""
        return

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n independent samples, float64 [n, *shape].

        Raises:
            ValueError: n below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        return self.labelled(n, generator)[0]

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """The same as `sample`: every law is a `Sampler`."""
        return self.sample(n, generator)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayData:
    """Finite data held in memory.

    Attributes:
        values: [N, *shape], floating point and finite.
        labels: class of each sample [N], where known.
        name: what the data are called in reports.
    """

    values: Tensor
    labels: Tensor | None = None
    name: str = "array"

    def __post_init__(self) -> None:
        check_values(self.values, "data")
        if self.labels is not None and self.labels.shape != (len(self.values),):
            raise ValueError(
                f"labels must have shape [{len(self.values)}], one a sample, "
                f"got {list(self.labels.shape)}"
            )

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.values.shape[1:])

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """The rows `torch.randperm(N, generator=generator)[:n]`: no sample twice.

        Raises:
            ValueError: n below 1 or above the number of samples.
        """
        return self.rows(_rows(n, self.size, generator))

    def rows(self, index: Tensor) -> Tensor:
        """The samples of these rows [n], on the device of the values."""
        if self.values.device.type == "cuda":  # a copy from pinned memory is not waited for
            return self.values[index.pin_memory().to(self.values.device, non_blocking=True)]
        return self.values[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetData:
    """A `Dataset` with a length, read item by item when drawn.

    Attributes:
        dataset: an item, or the first entry of an item that is a tuple or list, is a sample.
        shape: shape of one sample.
    """

    dataset: Dataset[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.dataset)  # pyright: ignore[reportArgumentType] (as_sampler saw a length)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """The items `torch.randperm(N, generator=generator)[:n]`, stacked.

        Raises:
            ValueError: n below 1 or above the number of items; items of different shapes; an item
                that is not finite.
        """
        return self.rows(_rows(n, self.size, generator))

    def rows(self, index: Tensor) -> Tensor:
        """The items of these rows [n], stacked; raises ValueError as `draw` does."""
        samples = [item_of(self.dataset, int(i)) for i in index]
        odd = next((s for s in samples if s.shape != self.shape), None)
        if odd is not None:
            raise ValueError(
                f"the dataset's items must have one shape, got {self.shape} and {tuple(odd.shape)}"
            )
        return check_values(torch.stack(samples), "the dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableData:
    """A user's function as a source that never runs out.

    Attributes:
        function: (n, CPU generator) -> samples [n, *shape].
        shape: shape of one sample.
    """

    function: Draw
    shape: tuple[int, ...]

    @property
    def size(self) -> None:
        """A function never runs out."""
        return

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """What the function returns, checked.

        Raises:
            ValueError: not a finite floating-point tensor of shape [n, *shape].
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        out = called(self.function, n, generator)
        if out.shape[1:] != self.shape:
            raise ValueError(
                f"the data function must return samples of one shape, "
                f"got {self.shape} and {tuple(out.shape[1:])}"
            )
        return out


def as_sampler(data: Any) -> Sampler:
    """Turn data into something that can be drawn from.

    Args:
        data: tensor or numpy array [N, ...]; `Dataset` with a length, whose item (or its first
            entry) is a sample; callable (n, CPU generator) -> [n, ...]; or a `Sampler`, returned
            as it is. A tensor is not copied; a function is called once, for two samples, to learn
            their shape.

    Returns:
        The sampler.

    Raises:
        TypeError: none of these.
        ValueError: empty, not floating point, or not finite.

    Example:
        >>> as_sampler(torch.zeros(5, 3)).size
        5
    """
    if isinstance(data, (Tensor, np.ndarray)):
        return ArrayData(values=as_tensor(data))
    if isinstance(data, Dataset):
        return _from_dataset(data)
    if isinstance(data, Sampler):
        return data
    if callable(data):
        probe = called(data, 2, torch.Generator().manual_seed(0))
        return CallableData(function=cast("Draw", data), shape=tuple(probe.shape[1:]))
    raise TypeError(
        "data must be a tensor, a numpy array, a Dataset or a callable (n, generator) -> samples, "
        f"got {type(data).__name__}"
    )


def ring8() -> Synthetic:
    """Eight normals on a circle of radius 2, standard deviation 0.02, counted from angle 0."""
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    return _mixture("ring8", 2.0 * torch.stack([angle.cos(), angle.sin()], dim=1), 0.02)


def grid25() -> Synthetic:
    """Twenty-five normals on the grid {-4, -2, 0, 2, 4}^2, standard deviation 0.05, row by row."""
    line = torch.arange(-4.0, 5.0, 2.0, dtype=torch.float64)
    return _mixture("grid25", torch.cartesian_prod(line, line), 0.05)


def moons() -> Synthetic:
    """Two half circles that reach into each other, noise 0.05; components, but no point modes."""
    dense = noisy_curves((_upper_moon, _lower_moon), 0.0, math.pi, speed=1.0, spread=0.05)
    return Synthetic(
        name="moons",
        shape=(2,),
        labelled=_two_moons,
        components=2,
        modes=None,
        spread=0.05,
        log_density=dense,
    )


def digits() -> ArrayData:
    """1,797 handwritten digits of 8 x 8 pixels, [1797, 64] in [-1, 1], with their labels.

    Raises:
        ModuleNotFoundError: scikit-learn, which ships the images, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "the digits ship with scikit-learn, which is not installed; "
            "type: pip install 'gancheck[data]'",
            name=missing.name,
        ) from missing
    images, labels = load_digits(return_X_y=True)
    values = torch.as_tensor(images, dtype=torch.float64) / 8.0 - 1.0
    return ArrayData(values=values, labels=torch.as_tensor(labels), name="digits")


_LOADERS: dict[str, Callable[[], Synthetic | ArrayData]] = {
    "ring8": ring8,
    "grid25": grid25,
    "moons": moons,
    "digits": digits,
}

NAMES = (*_LOADERS, "fashion-mnist")


def load(name: str, *, root: str | Path | None = None) -> Synthetic | ArrayData:
    """Look data up by name.

    Args:
        name: one of `NAMES`.
        root: folder in which the files of `fashion-mnist` are looked for first.

    Raises:
        ValueError: no data have this name, or they are not read from a folder.
        ModuleNotFoundError: the data need a package that is not installed.
        FileNotFoundError: their files are not there; says what to install.
    """
    if name == "fashion-mnist":
        from gancheck.games.data_files import fashion_mnist  # which is built on this module

        return fashion_mnist(root)
    if name not in _LOADERS:
        raise ValueError(f"data must be one of {', '.join(NAMES)}, got {name!r}")
    if root is not None:
        raise ValueError(f"root must not be given for {name}, which is read from no folder: {root}")
    return _LOADERS[name]()


def _mixture(name: str, modes: Tensor, spread: float) -> Synthetic:
    def labelled(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        label = torch.randint(len(modes), (n,), generator=generator)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return modes[label] + spread * noise, label

    return Synthetic(
        name=name,
        shape=(2,),
        labelled=labelled,
        components=len(modes),
        modes=modes,
        spread=spread,
        log_density=normals(modes, spread),
    )


def _two_moons(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    label = torch.randint(2, (n,), generator=generator)
    angle = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    clean = torch.where(label[:, None] == 0, _upper_moon(angle), _lower_moon(angle))
    return clean + 0.05 * noise, label


def _upper_moon(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _lower_moon(angle: Tensor) -> Tensor:
    return torch.stack([1.0 - angle.cos(), 0.5 - angle.sin()], dim=1)


def _rows(n: int, size: int, generator: torch.Generator) -> Tensor:
    if not 1 <= n <= size:
        raise ValueError(f"n must be in 1..{size} (the number of samples there are), got {n}")
    return torch.randperm(size, generator=generator)[:n]


def _from_dataset(dataset: Dataset[Any]) -> DatasetData:
    if not hasattr(dataset, "__len__"):
        raise TypeError(
            f"data must be a Dataset with a length, got {type(dataset).__name__}; "
            "wrap an iterable one in a callable (n, generator) -> samples"
        )
    if len(dataset) == 0:  # pyright: ignore[reportArgumentType] (has a length, see above)
        raise ValueError("data must hold at least one sample, got an empty dataset")
    first = check_values(item_of(dataset, 0)[None], "the dataset")
    return DatasetData(dataset=dataset, shape=tuple(first.shape[1:]))
