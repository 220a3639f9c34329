"""Do two files hold the same weights, and if not, which layers moved and how far?

Tensors are matched by name, after a prefix that all names of one file share is cut off where that
makes names meet. Equal means equal bit for bit. The distance of a layer is the Euclidean norm of
what changed, and relative to the norm of the first file's layer; both in float64. Of a checkpoint
of `gancheck train` the networks are compared, and neither optimisers nor random streams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.load import build_tensors
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.refusal import plain
from gancheck.checkpoints.selection import select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["SCHEMA", "Comparison", "LayerDistance", "compare_files", "compare_tensors"]

SCHEMA = "gancheck-weights-comparison/1"
_SHOWN = 40  # layers in the text
_STATE = ("opt_g.", "opt_d.", "memory.", "rng.")  # beside the networks of a run's checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDistance:
    """How far the tensors of one module are apart in two files.

    Attributes:
        name: what their keys have in common.
        tensors: matched ones.
        equal: how many of those are the same bits.
        distance: Euclidean norm of the difference of its real numbers; not finite where they are not.
        relative: the same in units of the first file's norm; None where that is zero.
        largest: greatest difference of one number, whole numbers among them.
    """

    name: str
    tensors: int
    equal: int
    distance: float
    relative: float | None
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two files, layer by layer.

    Attributes:
        first: name of the first file.
        second: of the second.
        same_file: whether the files are the same bytes; None where that was not looked at.
        layers: matched ones, the furthest apart first.
        only_first: keys that the second file lacks.
        only_second: keys that the first file lacks.
        misshapen: keys of both whose shape or dtype differs, with both.
        cut: prefixes that were cut off the names of the first and of the second file.
        distance: of all matched real numbers together.
        relative: the same in units of the first file's norm; None where that is zero.
        left_out: how many tensors of optimisers and random streams both files hold.
    """

    first: str
    second: str
    same_file: bool | None
    layers: tuple[LayerDistance, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    misshapen: Mapping[str, str]
    cut: tuple[str, str]
    distance: float
    relative: float | None
    left_out: int = 0

    @property
    def same_weights(self) -> bool:
        """Whether every tensor of each is in the other, bit for bit."""
        whole = not (self.only_first or self.only_second or self.misshapen)
        return whole and all(layer.equal == layer.tensors for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, every string of a file escaped."""
        return {
            "schema": SCHEMA,
            "status": "compared",
            "first": plain(self.first, limit=400),
            "second": plain(self.second, limit=400),
            "same_file": self.same_file,
            "same_weights": self.same_weights,
            "distance": _finite(self.distance),
            "relative": _finite(self.relative),
            "cut": [plain(prefix) for prefix in self.cut],
            "left_out": self.left_out,
            "only_first": [plain(key) for key in self.only_first],
            "only_second": [plain(key) for key in self.only_second],
            "misshapen": {plain(key): how for key, how in self.misshapen.items()},
            "layers": [
                {
                    "name": plain(layer.name),
                    "tensors": layer.tensors,
                    "equal": layer.equal,
                    "distance": _finite(layer.distance),
                    "relative": _finite(layer.relative),
                    "largest": _finite(layer.largest),
                }
                for layer in self.layers
            ],
        }

    def text(self) -> str:
        """A page: what holds of both, then a line for each layer that moved."""
        lines = [f"{plain(self.first)} and {plain(self.second)}: {self._headline()}"]
        if any(self.cut):
            names = " and ".join(repr(plain(prefix)) for prefix in self.cut if prefix)
            lines.append(f"  names were matched without the prefix {names}")
        if self.left_out:
            lines.append(f"  {self.left_out} tensors of optimisers and random streams are left out")
        moved = [layer for layer in self.layers if layer.equal < layer.tensors]
        still = len(self.layers) - len(moved)
        if moved:
            lines.append("  relative  distance  largest   layer")
        lines += [_line(layer) for layer in moved[:_SHOWN]]
        if len(moved) > _SHOWN:
            lines.append(f"  ... and {len(moved) - _SHOWN} layers that moved less")
        if still and moved:
            lines.append(f"  {still} layers are the same bit for bit")
        for who, keys in ((self.first, self.only_first), (self.second, self.only_second)):
            if keys:
                lines.append(f"  only in {plain(who)}: {_some(keys)}")
        if self.misshapen:
            shown = [f"{plain(key)} ({how})" for key, how in list(self.misshapen.items())[:8]]
            lines.append(f"  of another shape or dtype: {', '.join(shown)}")
        return "\n".join(lines)

    def _headline(self) -> str:
        if self.same_file:
            return "the same file"
        if self.same_weights:
            return "the same weights, bit for bit, in files that differ"
        if not self.layers:
            return "no tensor in common"
        moved = sum(layer.equal < layer.tensors for layer in self.layers)
        if not moved:
            return "what they have in common is the same bit for bit"
        far = "" if self.relative is None else f", {_number(self.relative)} of the first's norm"
        return f"{moved} of {len(self.layers)} layers differ; together {_number(self.distance)} apart{far}"


def compare_files(first: str | Path, second: str | Path, *, limits: Limits = DEFAULT) -> Comparison:
    """Compare the tensors of two checkpoints, running nothing of either.

    Raises:
        Refused: a file is unsafe or unreadable, or nothing of it can be built.
    """
    found: list[tuple[str | None, dict[str, Tensor]]] = []
    for path in (first, second):
        data = snapshot(path, limits=limits)
        index = examine(data, name=Path(path).name, limits=limits)
        found.append((index.sha256, build_tensors(data, select(index), limits=limits)))
    (sum_1, one), (sum_2, two) = found
    networks = [_networks(one), _networks(two)]
    compared = compare_tensors(
        *networks,
        names=(str(first), str(second)),
        same_file=None if sum_1 is None or sum_2 is None else sum_1 == sum_2,
    )
    return replace(compared, left_out=len(one) + len(two) - sum(map(len, networks)))


def _networks(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a run's checkpoint what is no state of its training; any other file as it is."""
    if not {"G", "D", "rng"} <= {name.partition(".")[0] for name in tensors}:
        return tensors
    return {name: t for name, t in tensors.items() if not name.startswith(_STATE)}


def compare_tensors(
    one: Mapping[str, Tensor],
    two: Mapping[str, Tensor],
    *,
    names: tuple[str, str] = ("first", "second"),
    same_file: bool | None = None,
) -> Comparison:
    """Compare two state dicts.

    Args:
        one: key -> tensor.
        two: the same of the other.
        names: what they are called.
        same_file: whether their files are the same bytes, where that is known.

    Example:
        >>> a = {"w": torch.tensor([3.0, 4.0])}
        >>> b = {"module.w": torch.tensor([3.0, 5.0])}
        >>> found = compare_tensors(a, b)
        >>> found.relative, found.cut, found.same_weights
        (0.2, ('', 'module.'), False)
    """
    one, two, cut = _aligned(one, two)
    groups: dict[str, list[str]] = {}
    misshapen: dict[str, str] = {}
    for key, a in one.items():
        b = two.get(key)
        if b is None:
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            misshapen[key] = f"{_kind(a)} and {_kind(b)}"
            continue
        groups.setdefault(key.rpartition(".")[0] or key, []).append(key)
    layers: list[LayerDistance] = []
    squares, norms = 0.0, 0.0
    for name, keys in groups.items():
        layer, square, norm = _layer(name, [(one[key], two[key]) for key in keys])
        layers.append(layer)
        squares, norms = squares + square, norms + norm
    layers.sort(key=_rank)
    return Comparison(
        first=names[0],
        second=names[1],
        same_file=same_file,
        layers=tuple(layers),
        only_first=tuple(key for key in one if key not in two),
        only_second=tuple(key for key in two if key not in one),
        misshapen=misshapen,
        cut=cut,
        distance=math.sqrt(squares),
        relative=math.sqrt(squares / norms) if norms else None,
    )


def _aligned(
    one: Mapping[str, Tensor], two: Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], tuple[str, str]]:
    """Both with the prefixes cut off that make the most names meet; none where none does better."""
    best = (len(one.keys() & two.keys()), ("", ""))
    for p in _prefixes(one):
        for q in _prefixes(two):
            met = len({k[len(p) :] for k in one} & {k[len(q) :] for k in two})
            if met > best[0]:
                best = (met, (p, q))
    p, q = best[1]
    return (
        {key[len(p) :]: t for key, t in one.items()},
        {key[len(q) :]: t for key, t in two.items()},
        (p, q),
    )


def _prefixes(tensors: Mapping[str, Tensor]) -> list[str]:
    """Every beginning, up to a dot, that all names share; the empty one first."""
    names = [key.split(".") for key in tensors]
    found = [""]
    shortest = min((len(name) for name in names), default=1)
    for depth in range(1, shortest):
        if len({tuple(name[:depth]) for name in names}) != 1:
            break
        found.append(".".join(names[0][:depth]) + ".")
    return found


def _layer(name: str, pairs: list[tuple[Tensor, Tensor]]) -> tuple[LayerDistance, float, float]:
    equal = sum(_same_bits(a, b) for a, b in pairs)
    square = norm = largest = 0.0
    for a, b in pairs:
        if a.is_complex():
            a, b = torch.view_as_real(a), torch.view_as_real(b)  # noqa: PLW2901 - the same numbers
        difference = (a.to(torch.float64) - b.to(torch.float64)).abs()
        if _same_bits(a, b):  # also where both are NaN in the same places
            difference = torch.zeros_like(difference)
        largest = max(largest, float(difference.max())) if difference.numel() else largest
        if not a.is_floating_point():
            continue
        square += float(difference.square().sum())
        norm += float(a.to(torch.float64).square().sum())
    relative = math.sqrt(square / norm) if norm else None
    layer = LayerDistance(
        name=name,
        tensors=len(pairs),
        equal=equal,
        distance=math.sqrt(square),
        relative=relative,
        largest=largest,
    )
    return layer, square, norm


def _same_bits(a: Tensor, b: Tensor) -> bool:
    return torch.equal(
        a.contiguous().flatten().view(torch.uint8), b.contiguous().flatten().view(torch.uint8)
    )


def _rank(layer: LayerDistance) -> tuple[bool, float, str]:
    """What is not finite first, then the furthest apart; what is equal last."""
    far = layer.relative if layer.relative is not None else layer.distance
    return layer.equal == layer.tensors, -far if math.isfinite(far) else -math.inf, layer.name


def _kind(tensor: Tensor) -> str:
    return (
        f"{'x'.join(map(str, tensor.shape)) or 'scalar'} {str(tensor.dtype).removeprefix('torch.')}"
    )


def _line(layer: LayerDistance) -> str:
    relative = "      " if layer.relative is None else _number(layer.relative)
    return f"  {relative:<9} {_number(layer.distance):<9} {_number(layer.largest):<9} {plain(layer.name, limit=80)}"


def _some(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - 8} more" if len(keys) > 8 else ""
    return ", ".join(plain(key, limit=80) for key in keys[:8]) + more


def _number(value: float) -> str:
    return f"{value:.3g}"


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value is not None and math.isfinite(value) else None
