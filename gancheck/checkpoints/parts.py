"""Which layers do these keys belong to, and in which order do the layers follow each other?

Keys that one module of torch owns (weight, bias, running statistics, the three of a spectral norm)
become one `Part`. A state dict lists modules in the order they were registered in, which need not
be the order of the forward pass, and some containers sort their keys; `orders` gives the orders
that are worth trying. Standard library only.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Literal

from gancheck.checkpoints.chain import is_floating
from gancheck.checkpoints.refusal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["Part", "Parts", "gaps", "orders", "parts_of"]

Kind = Literal["linear", "conv", "norm", "other"]
Wrap = Literal["", "spectral", "parametrized"]

# What torch calls the tensors of a module; the longest ending of a key that is one of these.
_ROLES = (
    "parametrizations.weight.original",
    "parametrizations.weight.0._u",
    "parametrizations.weight.0._v",
    "num_batches_tracked",
    "running_mean",
    "running_var",
    "weight_orig",
    "weight_u",
    "weight_v",
    "weight_g",  # of the older weight norm, which is not built
    "weight",
    "bias",
)
_SPECTRAL: dict[Wrap, tuple[str, str, str]] = {
    "spectral": ("weight_orig", "weight_u", "weight_v"),
    "parametrized": _ROLES[:3],
}
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_MOST_SIBLINGS = 5  # 120 orders of the parts of a network; more is a search without evidence


@dataclass(frozen=True, slots=True)
class Part:
    """One module of torch by the keys that fill it.

    Attributes:
        name: what the keys have in common.
        kind: what it is by the shapes of its tensors.
        shape: of the weight; of a normalisation, what it normalises.
        keys: torch's name of each of its tensors -> key of the file.
        wrap: which spectral norm it carries; "" for none.
        why: of an `other`, what is strange.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    keys: Mapping[str, str]
    wrap: Wrap = ""
    why: str = ""

    @property
    def bias(self) -> bool:
        """Whether it has an offset."""
        return "bias" in self.keys

    @property
    def tracks(self) -> bool:
        """Whether it is a normalisation with running statistics: batch or instance norm."""
        return "running_mean" in self.keys

    def __str__(self) -> str:
        return f"{plain(self.name) or 'the file itself'} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in the order of the file, and the keys that belong to none.

    Attributes:
        found: in the order of the file.
        whole_numbers: keys of whole numbers that no module of torch has.
        tied: keys that are the very same numbers of the file as a key of a part.
        sorted_keys: whether the file's own order is alphabetical, and so no evidence.
    """

    found: tuple[Part, ...]
    whole_numbers: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    sorted_keys: bool = False


def parts_of(tensors: Mapping[str, TensorInfo]) -> Parts:
    """Group named tensors into the modules that own them.

    Args:
        tensors: name -> what is known of it, as `select` returns.
    """
    kept, tied = _once(tensors)
    groups: dict[str, dict[str, str]] = {}
    loose: deque[str] = deque()
    whole: list[str] = []
    for key in kept:
        owner, role = _owner(key)
        if role and role not in groups.get(owner, {}):
            groups.setdefault(owner, {})[role] = key
        elif not is_floating(tensors[key].dtype):
            whole.append(key)
        else:
            loose.append(key)
    for name, keys in _nameless(loose, tensors):
        unused = name
        while unused in groups:  # a weight of its owner's own may be called as a module is
            unused += "'"
        groups[unused] = keys
    place = {key: i for i, key in enumerate(tensors)}
    found = [_part(name, keys, tensors) for name, keys in groups.items()]
    found.sort(key=lambda part: min(place[key] for key in part.keys.values()))
    names = list(tensors)
    return Parts(tuple(found), tuple(whole), tied, names == sorted(names))


def _owner(key: str) -> tuple[str, str]:
    """The module that owns a key, and torch's name of it there; "" where it is none of torch's."""
    owner, parametrized, rest = key.partition("parametrizations.")
    if parametrized and (not owner or owner.endswith(".")):
        return owner[:-1], parametrized + rest
    for role in _ROLES:
        if key == role or key.endswith(f".{role}"):
            return key[: len(key) - len(role)][:-1], role
    return "", ""


def _once(tensors: Mapping[str, TensorInfo]) -> tuple[list[str], tuple[str, ...]]:
    """Keys without those that show the very same numbers under another name.

    A module held by an attribute and by a Sequential is saved under both names; the numbered one
    says where it stands.
    """
    windows: dict[object, str] = {}
    for key, info in tensors.items():
        window = (info.offset, info.dtype, info.shape, info.strides)
        known = window if info.offset and info.count else key
        if known not in windows or key.rpartition(".")[0].rpartition(".")[2].isdigit():
            windows[known] = key
    shown = set(windows.values())
    return [key for key in tensors if key in shown], tuple(k for k in tensors if k not in shown)


def _nameless(
    loose: Iterable[str], tensors: Mapping[str, TensorInfo]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Weights under names of their owner's own: a matrix, then the vector that fits its outputs."""
    last: dict[str, str] = {}
    for key in loose:
        info = tensors[key]
        fits = last and len(info.shape) == 1 and info.shape[0] in tensors[last["weight"]].shape[:2]
        if fits:
            yield last["weight"], {**last, "bias": key}
            last = {}
            continue
        if last:
            yield last["weight"], last
        last = {"weight": key} if len(info.shape) > 1 else {}
        if not last:
            yield key, {"weight": key}
    if last:
        yield last["weight"], last


def _part(name: str, keys: dict[str, str], tensors: Mapping[str, TensorInfo]) -> Part:
    shapes = {role: tensors[key].shape for role, key in keys.items()}
    strange = [
        r for r, key in keys.items() if not is_floating(tensors[key].dtype) and r != _STATISTICS[2]
    ]
    if strange:
        return Part(
            name, "other", shapes[strange[0]], keys, why=f"its {strange[0]} is no real numbers"
        )
    wrap, weight = _weight(shapes)
    rest = set(shapes) - {"weight", "bias", *_STATISTICS, *(_SPECTRAL[wrap] if wrap else ())}
    if rest:
        return Part(
            name, "other", shapes[min(rest)], keys, why=f"it has a {min(rest)} of unknown use"
        )
    if weight is None:
        return _statistics_alone(name, keys, shapes)
    kind, why = _kind(weight, shapes, wrap)
    return Part(name, kind, weight, keys, wrap, why)


def _weight(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Wrap, tuple[int, ...] | None]:
    for wrap, (original, u, v) in _SPECTRAL.items():
        if {original, u, v} <= shapes.keys():
            return wrap, shapes[original]
    return "", shapes.get("weight")


def _statistics_alone(
    name: str, keys: dict[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> Part:
    if {"running_mean", "running_var"} <= shapes.keys() and "bias" not in shapes:
        return Part(name, "norm", shapes["running_mean"], keys)
    role = min(shapes)
    return Part(name, "other", shapes[role], keys, why=f"it has a {role} and no weight")


def _kind(
    weight: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]], wrap: Wrap
) -> tuple[Kind, str]:
    bias = shapes.get("bias")
    if math.prod(weight) == 0:
        return "other", "it holds no number"
    if "running_mean" in shapes or bias == weight:
        same = all(shapes.get(r, weight) == weight for r in ("bias", *_STATISTICS[:2]))
        return ("norm", "") if same and not wrap else ("other", "its tensors differ in size")
    if wrap and not _vectors_fit(weight, shapes, wrap):
        return "other", "its spectral norm's vectors do not fit its weight"
    if len(weight) == 2:
        fits = bias in (None, weight[:1])
        return ("linear", "") if fits else ("other", "its bias does not fit its weight")
    if len(weight) == 4:
        fits = bias is None or (len(bias) == 1 and bias[0] in weight[:2])
        square = weight[2] == weight[3]
        return (
            ("conv", "")
            if fits and square
            else (
                "other",
                "a kernel that is not square" if fits else "its bias does not fit its weight",
            )
        )
    return "other", "a scale without an offset" if len(weight) == 1 else f"{len(weight)} dimensions"


def _vectors_fit(
    weight: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]], wrap: Wrap
) -> bool:
    _, u, v = _SPECTRAL[wrap]
    ways = [weight[0]] if len(weight) == 2 else [weight[0], weight[1]]
    return any(shapes[u] == (n,) and shapes[v] == (math.prod(weight) // n,) for n in ways)


# --- in which order?


@dataclass(slots=True)
class _Node:
    part: Part | None = None
    children: dict[str, _Node] = field(default_factory=dict)


def orders(parts: Parts) -> Iterator[tuple[Part, ...]]:
    """Orders of the forward pass that the names allow, the best founded first, each once.

    Members of a Sequential always follow their numbers. For the rest: as registered; by the number
    in each name (conv1, bn1, conv2); alphabetically with numbers as numbers; and the top parts in
    any order.
    """
    root = _Node()
    for part in parts.found:
        node = root
        for name in part.name.split(".") if part.name else []:
            node = node.children.setdefault(name, _Node())
        node.part = part
    seen: set[tuple[str, ...]] = set()
    for order in _ways(root):
        names = tuple(part.name for part in order)
        if names not in seen:
            seen.add(names)
            yield order


_Sort = Callable[[Mapping[str, _Node]], list[str]]


def _ways(root: _Node) -> Iterator[tuple[Part, ...]]:
    for sort in (_registered, _by_number, _numbered_first, _natural):
        yield tuple(_flat(root, sort))
    top = root
    while len(top.children) == 1 and top.part is None:
        (top,) = top.children.values()
    if 1 < len(top.children) <= _MOST_SIBLINGS and top.part is None:
        for names in permutations(sorted(top.children)):
            yield tuple(p for name in names for p in _flat(top.children[name], _natural))


def _flat(node: _Node, sort: _Sort) -> Iterator[Part]:
    if node.part is not None:
        yield node.part
    if all(name.isdigit() for name in node.children):
        names = sorted(node.children, key=int)
    else:
        names = sort(node.children)
    for name in names:
        yield from _flat(node.children[name], sort)


def _registered(children: Mapping[str, _Node]) -> list[str]:
    return list(children)


def _by_number(children: Mapping[str, _Node]) -> list[str]:
    """By the number in the name, a layer before its norm; names without one where they stood."""
    ranked = _numbers(children)
    first = next((i for i, (number, _) in enumerate(ranked) if number >= 0), len(ranked))
    return [
        name
        for _, name in sorted(
            enumerate(children),
            key=lambda pair: (
                (1, *ranked[pair[0]], pair[0])
                if ranked[pair[0]][0] >= 0
                else (0 if pair[0] < first else 2, 0, 0, pair[0])
            ),
        )
    ]


def _numbered_first(children: Mapping[str, _Node]) -> list[str]:
    """The same with every name without a number at the end."""
    ranked = dict(zip(children, _numbers(children), strict=True))
    return sorted(children, key=lambda name: (ranked[name][0] < 0, *ranked[name]))


def _numbers(children: Mapping[str, _Node]) -> list[tuple[int, int]]:
    """The number in each name, -1 without, and whether it is a norm."""
    found = ((re.search(r"\d+", name), node.part) for name, node in children.items())
    return [
        (int(number[0][:9]) if number else -1, int(part is not None and part.kind == "norm"))
        for number, part in found
    ]


def _natural(children: Mapping[str, _Node]) -> list[str]:
    def pieces(name: str) -> list[tuple[int, int, str]]:
        return [
            (0, int(p[:9]), p) if p.isdigit() else (1, 0, p) for p in re.findall(r"\d+|\D+", name)
        ]

    return sorted(children, key=pieces)


def gaps(order: Sequence[Part]) -> tuple[int | None, ...]:
    """How many modules without tensors stand between neighbours: len(order) - 1 numbers.

    Numbers within one Sequential tell; None where the two have different parents, or where the
    parent's numbers have no gap at all, as those of a ModuleList, whose activations are functions.

    Example:
        >>> def part(name): return Part(name, "linear", (2, 2), {})
        >>> gaps([part("a.0"), part("a.2"), part("a.3"), part("b")])
        (1, 0, None)
    """
    found: list[tuple[str, int | None]] = []
    for before, after in pairwise(order):
        parent, _, one = before.name.rpartition(".")
        other, _, two = after.name.rpartition(".")
        numbered = parent == other and one.isdigit() and two.isdigit() and len(two) < 9
        found.append((parent, int(two) - int(one) - 1 if numbered else None))
    telling = {parent for parent, gap in found if gap}
    return tuple(gap if parent in telling else None for parent, gap in found)
