"""Which tensors of a file are one network, and what do the names say that it is?

A training checkpoint holds several networks, copies of them and optimizer states, each under a name
of its own and often inside wrappers (`state_dict`, `module`). Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.checkpoints.chain import is_floating

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gancheck.checkpoints.index import TensorInfo

__all__ = ["Grouping", "group", "is_optimizer_state", "named_roles", "weights_of"]

_WORDS = {
    "generator": frozenset({"g", "gen", "generator", "netg", "modelg"}),
    "discriminator": frozenset({"d", "dis", "disc", "discriminator", "netd", "modeld", "crit", "critic"}),
    "encoder": frozenset({"e", "enc", "encoder", "nete", "modele"}),
    "optimizer": frozenset({"optim", "optimizer", "optimiser", "optimizers", "opt", "optg", "optd", "adam", "adamw", "rmsprop", "sgd"}),
    "other": frozenset({"classifier", "cls", "lenet", "resnet", "vgg", "alexnet", "densenet", "mobilenet", "inception", "lpips", "scheduler", "history", "losses"}),
}  # fmt: skip
_PLAYERS = frozenset({"generator", "discriminator"})
# Names of what an optimizer keeps for each parameter (torch.optim and its relatives).
_STATE = frozenset(
    {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg"}
    | {"grad_avg", "acc_delta", "step_size", "prev"}
)
_WRAPPERS = frozenset(
    {"state_dict", "model", "models", "module", "modules", "model_state_dict", "net", "network"}
    | {"params", "weights", "ema", "model_ema", "params_ema"}
)
# Camel case is taken apart. A digit keeps the letters after it ("conv2D" is no discriminator).
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[A-Za-z]*")
# One factor of a weight normalisation: it has a kernel's dimensions and is no kernel.
_FACTORS = ("weight_g", "original0")


@dataclass(frozen=True, slots=True)
class Grouping:
    """The tensors of a file by the network that they belong to.

    Attributes:
        parts: the networks by name, where there are several and one is named for a player.
        network: the tensors of the one network; all that are no optimizer state, else.
        names: what its tensors' names begin with in common, outermost first.
        state: tensors that an optimizer keeps.
    """

    parts: dict[str, list[TensorInfo]]
    network: list[TensorInfo]
    names: tuple[str, ...]
    state: list[TensorInfo]


def _words(text: str) -> set[str]:
    found: set[str] = set()
    for chunk in re.split(r"[^A-Za-z0-9]+", text):
        tokens = _TOKEN.findall(chunk)
        found.add(chunk.lower())
        found.update(token.lower() for token in tokens)
        if len(chunk.rstrip("0123456789")) > 1:  # "d1" is a layer, "netD1" a network
            found.add(chunk.lower().rstrip("0123456789"))
        elif len(tokens) > 1:
            found.difference_update({tokens[0].lower()})
    return found


def named_roles(text: str) -> set[str]:
    """The roles that the words of a name speak for.

    An optimizer of a generator is an optimizer, and a player named for its layers is a player.

    Example:
        >>> sorted(named_roles("netG_A2B")), sorted(named_roles("optimizerD")), sorted(named_roles("d1"))
        (['generator'], ['optimizer'], [])
    """
    words = _words(text)
    roles = {role for role, known in _WORDS.items() if words & known}
    if "optimizer" in roles:
        return {"optimizer"}
    return roles & _PLAYERS or roles


def _names(info: TensorInfo) -> list[str]:
    return info.key.split(".")


def is_optimizer_state(info: TensorInfo) -> bool:
    """Whether a tensor is what an optimizer keeps, by the names that lead to it."""
    names = _names(info)
    above = names[:-1]
    return (
        bool(_STATE & set(names))
        or "param_groups" in above
        or (names[-1] == "step" and "state" in above)
        or any(named_roles(name) == {"optimizer"} for name in above)
        or any(name.startswith("optimizer_states") for name in above)
    )


def weights_of(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
    """The tensors that a layer can have as its weight: real numbers in two or more dimensions."""
    return [
        info
        for info in tensors
        if len(info.shape) >= 2 and is_floating(info.dtype) and not info.key.endswith(_FACTORS)
    ]


def group(tensors: Sequence[TensorInfo]) -> Grouping:
    """Take the tensors of a file apart."""
    state = [info for info in tensors if is_optimizer_state(info)]
    kept = {id(info) for info in state}
    rest = [info for info in tensors if id(info) not in kept]
    names: list[str] = []
    current = rest
    while True:
        parts = {
            name: found for name, found in _at(current, len(names)).items() if weights_of(found)
        }
        if len(parts) != 1:
            break
        ((name, current),) = parts.items()
        names.append(name)
    parts = _players(parts, len(names))
    if len(parts) == 1:
        ((name, current),) = parts.items()
        return Grouping({}, current, (*names, name), state)
    return Grouping(parts, current if names else rest, tuple(names), state)


def _at(tensors: Iterable[TensorInfo], depth: int) -> dict[str, list[TensorInfo]]:
    """Tensors by the name at one depth, where that is not their own."""
    parts: dict[str, list[TensorInfo]] = {}
    for info in tensors:
        names = _names(info)
        if len(names) > depth + 1:
            parts.setdefault(names[depth], []).append(info)
    return parts


def _players(parts: dict[str, list[TensorInfo]], depth: int) -> dict[str, list[TensorInfo]]:
    """Networks side by side, wrappers opened, where one is named for a player; else none."""
    opened: dict[str, list[TensorInfo]] = {}
    for name, found in parts.items():
        inner = _at(found, depth + 1) if name.lower() in _WRAPPERS else {}
        if any(named_roles(part) & _PLAYERS for part in inner):
            opened |= {f"{name}.{part}": tensors for part, tensors in inner.items()}
        else:
            opened[name] = found
    opened = {name: found for name, found in opened.items() if weights_of(found)}
    roles = {name: named_roles(name.rsplit(".", 1)[-1]) for name in opened}
    if not any(found & _PLAYERS for found in roles.values()):
        return {}
    # Beside an encoder a bare "d" may as well be a decoder.
    lone = {name for name in opened if name.lower() == "d"}
    others = set().union(*(roles[name] for name in opened if name not in lone))
    if lone and "encoder" in others and "generator" not in others:
        return {}
    return opened
