"""Where does the generator's noise come from?

A `Latent` is a size, a law and a way to draw it. Every draw is made in float64 on the CPU from the
generator handed in; the caller casts and moves it. So a float32 and a float64 game, on whatever
device, see the same latents up to rounding.

`connected_support` is the hypothesis of the theorem that a continuous generator on a latent of
connected support has an output of connected support. `coordinates` is how the law is built, from
which its law along a line follows; a law of one's own that does not say it has no lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gancheck.games.line_law import Coordinates, LineLaw

__all__ = [
    "Latent",
    "categorical",
    "normal",
    "product",
    "read",
    "truncated_normal",
    "uniform",
]

Draw = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True)
class Latent:
    """A law on R^size.

    Attributes:
        size: length of one latent vector.
        law: the law in words, as it stands in reports and in a run's configuration.
        draw: (n, CPU generator) -> float64 [n, size].
        connected_support: whether the law's support is a connected set.
        coordinates: the independent coordinates in order; empty where they are not known.

    Example:
        >>> normal(3).sample(2, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3])
    """

    size: int
    law: str
    draw: Draw
    connected_support: bool
    coordinates: tuple[Coordinates, ...] = ()

    @property
    def written(self) -> str | None:
        """The law as `read` takes it, such as `normal[64]`; None for one of the user's own."""
        text = self.law if self.law.endswith("]") else f"{self.law}[{self.size}]"
        try:
            again = read(text)
        except ValueError:
            return None
        same = (again.size, again.coordinates) == (self.size, self.coordinates)
        return text if same and self.coordinates else None

    def along_lines(self) -> LineLaw:
        """The law along lines.

        Raises:
            ValueError: the law does not say how its coordinates are built, or none is continuous.
        """
        if not self.coordinates:
            raise ValueError(
                f"the latent {self.law!r} does not say how its coordinates are distributed, so it "
                "has no law along a line; give Latent(coordinates=...)"
            )
        return LineLaw(self.coordinates)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n latents.

        Args:
            n: how many, at least 1.
            generator: on the CPU, whatever the game's device; its state moves on.

        Returns:
            Latents [n, size], float64, on the CPU.

        Raises:
            ValueError: n below 1, or a generator that is not on the CPU.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if generator.device.type != "cpu":
            raise ValueError(
                f"latents are drawn from a CPU generator and moved after, got {generator.device}"
            )
        return self.draw(n, generator)


def normal(size: int) -> Latent:
    """Independent standard normal coordinates; the support is all of R^size.

    Raises:
        ValueError: size below 1.
    """
    return Latent(
        _positive("size", size),
        "normal",
        partial(_normal, size),
        connected_support=True,
        coordinates=(Coordinates("normal", size),),
    )


def uniform(size: int, *, low: float = -1.0, high: float = 1.0) -> Latent:
    """Independent uniform coordinates; the support is the cube [low, high]^size.

    Raises:
        ValueError: size below 1, or not low < high, both finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"uniform needs finite low < high, got low={low}, high={high}")
    draw = partial(_uniform, size, low, high)
    return Latent(
        _positive("size", size),
        f"uniform({low:g}, {high:g})",
        draw,
        connected_support=True,
        coordinates=(Coordinates("uniform", size, low, high),),
    )


def truncated_normal(size: int, *, threshold: float) -> Latent:
    """Standard normal coordinates conditioned on |z| <= threshold (the truncation trick).

    Drawn by inverting the distribution function, one uniform number a coordinate, which gives the
    same law as drawing again until the coordinate falls inside.

    Raises:
        ValueError: size below 1, or a threshold that is not positive and finite.
    """
    if not (math.isfinite(threshold) and threshold > 0):
        raise ValueError(f"threshold must be positive and finite, got {threshold}")
    draw = partial(_truncated_normal, size, threshold)
    return Latent(
        _positive("size", size),
        f"normal within {threshold:g}",
        draw,
        connected_support=True,
        coordinates=(Coordinates("normal", size, -threshold, threshold),),
    )


def categorical(classes: int, *, weights: Sequence[float] | None = None) -> Latent:
    """One-hot vectors; the support is `classes` isolated points.

    Alone it has no law along a line; beside a continuous latent (`product`) a line stays in a class.

    Args:
        classes: how many, at least two.
        weights: probability of each class, all positive; every class equally likely if not given.

    Raises:
        ValueError: fewer than two classes, which is no choice, or weights that are no
            probabilities of that many classes.

    Example:
        >>> categorical(3, weights=[0.5, 0.25, 0.25]).law
        'categorical(0.5, 0.25, 0.25)'
    """
    if classes < 2:
        raise ValueError(f"categorical needs at least 2 classes, got {classes}")
    law, draw = f"categorical({classes})", partial(_categorical, classes)
    if weights is not None:
        given = torch.tensor([float(w) for w in weights], dtype=torch.float64)
        positive = bool((given > 0.0).all())  # NaN is not
        if len(given) != classes or not positive or abs(float(given.sum()) - 1.0) > 1e-9:
            raise ValueError(
                f"weights must be {classes} positive numbers that add up to 1, got {list(weights)}"
            )
        law = f"categorical({', '.join(f'{w:g}' for w in given.tolist())})"
        draw = partial(_weighted, given)
    return Latent(
        classes,
        law,
        draw,
        connected_support=False,
        coordinates=(Coordinates("class", classes),),
    )


def product(*factors: Latent) -> Latent:
    """Independent latents side by side, such as a class and its style.

    The support is the product of the supports, connected exactly when all of them are.

    Raises:
        ValueError: no factor at all.

    Example:
        >>> product(normal(2), categorical(3)).law
        'normal[2] x categorical(3)[3]'
    """
    if not factors:
        raise ValueError("product needs at least one latent")
    return Latent(
        sum(f.size for f in factors),
        " x ".join(f"{f.law}[{f.size}]" for f in factors),
        partial(_product, factors),
        connected_support=all(f.connected_support for f in factors),
        coordinates=tuple(c for f in factors for c in f.coordinates)
        if all(f.coordinates for f in factors)
        else (),
    )


def read(text: str) -> Latent:
    """A law from how it is written in recipes and run files: `LAW[SIZE]`, joined by ` x `.

    Laws: normal, uniform(LOW, HIGH) or uniform for (-1, 1), normal within BOUND, categorical(K) or
    categorical(P1, P2, ...).

    Raises:
        ValueError: text of another form, or numbers out of their range.

    Example:
        >>> read("categorical(8)[8] x normal[2]").size
        10
    """
    factors = [_read_one(part) for part in text.split(" x ")]
    return factors[0] if len(factors) == 1 else product(*factors)


_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?"
_WRITTEN = re.compile(
    rf"(normal|uniform|categorical)(?:\(({_NUMBER}(?:, *{_NUMBER})*)\))?(?: within ({_NUMBER}))?"
    r"\[([0-9]{1,7})\]"
)


def _read_one(text: str) -> Latent:
    match = _WRITTEN.fullmatch(text.strip())
    given = [float(x) for x in match[2].split(",")] if match and match[2] else []
    bound, size = (match[3], int(match[4])) if match else (None, 0)
    match match[1] if match else "", len(given), bound:
        case "normal", 0, None:
            return normal(size)
        case "normal", 0, str(bound):
            return truncated_normal(size, threshold=float(bound))
        case "uniform", 0 | 2, None:
            return uniform(size, **dict(zip(("low", "high"), given, strict=False)))
        case "categorical", 1, None if given == [size]:
            return categorical(size)
        case "categorical", count, None if count == size:
            return categorical(size, weights=given)
        case _:
            pass
    raise ValueError(
        "a latent must be written like normal[64], uniform(-1, 1)[64], normal within 0.7[64] or "
        f"categorical(8)[8] x normal[2], got {text!r}"
    )


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def _normal(size: int, n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, size, generator=generator, dtype=torch.float64)


def _uniform(size: int, low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    unit = torch.rand(n, size, generator=generator, dtype=torch.float64)
    return torch.lerp(torch.full_like(unit, low), torch.full_like(unit, high), unit)


def _truncated_normal(size: int, threshold: float, n: int, generator: torch.Generator) -> Tensor:
    # The lower tail and a fair sign: near 1 the distribution function has no digits left.
    tail = torch.special.ndtr(torch.tensor(-threshold, dtype=torch.float64))
    unit = torch.rand(n, size, generator=generator, dtype=torch.float64)
    lower = unit < 0.5
    mass = tail + (0.5 - tail) * 2.0 * torch.where(lower, unit, 1.0 - unit)
    magnitude = torch.special.ndtri(mass).clamp(-threshold, 0.0)
    return torch.where(lower, magnitude, -magnitude)


def _categorical(classes: int, n: int, generator: torch.Generator) -> Tensor:
    index = torch.randint(classes, (n,), generator=generator)
    return torch.nn.functional.one_hot(index, classes).to(torch.float64)


def _weighted(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    index = torch.multinomial(weights, n, replacement=True, generator=generator)
    return torch.nn.functional.one_hot(index, len(weights)).to(torch.float64)


def _product(factors: tuple[Latent, ...], n: int, generator: torch.Generator) -> Tensor:
    return torch.cat([f.draw(n, generator) for f in factors], dim=1)
