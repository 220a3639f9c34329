"""What is known of a GAN whose weights are all there is: no forward pass, no data?

`Weights` is the input of every measure of the level "weights": the players' tensors as they stand
in the files, the states of their optimizers, and where each came from. It knows no reader; whoever
has read the files fills it (`gancheck.weights_audit`). Names are already made plain, so that a
measure may print them. `layers` and `trained_tensors` say which tensors belong together and which
an optimizer would have moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gancheck.diagnosis import NotApplicable, Place, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

__all__ = [
    "Layer",
    "OptimizerState",
    "PlayerWeights",
    "Weights",
    "exact",
    "layers",
    "listed",
    "players_with_tensors",
    "trained_tensors",
]

_BUFFERS = frozenset(
    {"running_mean", "running_var", "num_batches_tracked", "weight_u", "weight_v", "_u", "_v"}
)
_ORIGINALS = {
    "weight_orig": "weight",
    "parametrizations.weight.original": "weight",
    "parametrizations.bias.original": "bias",
}
_PARAMETRIZATION = ".parametrizations."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerWeights:
    """The tensors of one network.

    Attributes:
        name: unique in the audit; the role where that is known and taken once.
        role: generator, discriminator, or what else the file seems to hold; unknown is an answer.
        file: path as given, made plain.
        part: the words that all its tensors' names in the file begin with; "" for the whole file.
        tensors: name in the file, made plain -> tensor on the CPU, in the order of the file.
        averaged: whether names say that it is a running average of another player.
    """

    name: str
    role: str
    file: str
    part: str
    tensors: Mapping[str, Tensor]
    averaged: bool = False

    def place(self, tensor: str = "") -> Place:
        """Where one of its tensors lies."""
        return Place(file=self.file, tensor=tensor)

    def short(self, tensor: str) -> str:
        """The tensor's name without the player's part."""
        return tensor.removeprefix(f"{self.part}.") if self.part else tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerState:
    """The state of one optimizer, as `Optimizer.state_dict()` saves it.

    Attributes:
        name: the words that lead to it in the file, or the file's stem.
        file: path as given, made plain.
        role: of the player that its name says it moves; unknown where it does not.
        slots: for each parameter, in the order of the file, name of the slot -> tensor.
        keys: for each parameter, the names in the file up to the slot.
        settings: the plain values of its first group: lr, betas.0, betas.1, eps, ...
        groups: number of parameter groups.
        steps: for each parameter, the step count; None where the file does not say.
    """

    name: str
    file: str
    role: str
    slots: tuple[Mapping[str, Tensor], ...]
    keys: tuple[str, ...]
    settings: Mapping[str, bool | int | float | str]
    groups: int
    steps: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Everything that an audit at the level of weights looks at.

    Attributes:
        players: in the order of the files.
        optimizers: in the order of the files.
        hashes: file -> sha256 of it; None where the file was too large to compute it unasked.
        aliases: groups of tensors of one file that are the same window of one storage.
        objective: kind of the loss where a manifest says it; "" where nothing does.
        left_out: file -> why tensors of it were not read.
    """

    players: tuple[PlayerWeights, ...]
    optimizers: tuple[OptimizerState, ...] = ()
    hashes: Mapping[str, str | None] = field(default_factory=dict)
    aliases: tuple[tuple[Place, ...], ...] = ()
    objective: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The tensors of one module.

    Attributes:
        name: what stands before their last names.
        tensors: last name -> tensor. The raw weight of spectral norm is `weight` here, whichever
            of torch's two ways saved it.
        names: last name -> full name in the file.
    """

    name: str
    tensors: Mapping[str, Tensor]
    names: Mapping[str, str]

    @property
    def is_batch_norm(self) -> bool:
        """Whether it keeps running statistics."""
        return "running_var" in self.tensors and "running_mean" in self.tensors


def layers(player: PlayerWeights) -> list[Layer]:
    """Group a player's tensors by module, in the order of the file.

    Example:
        >>> import torch
        >>> tensors = {"0.weight": torch.ones(2, 3), "0.bias": torch.ones(2), "1.weight_orig": torch.ones(1, 2)}
        >>> found = layers(PlayerWeights(name="D", role="discriminator", file="f", part="", tensors=tensors))
        >>> [(layer.name, list(layer.tensors)) for layer in found]
        [('0', ['weight', 'bias']), ('1', ['weight'])]
    """
    grouped: dict[str, tuple[dict[str, Tensor], dict[str, str]]] = {}
    for name, tensor in player.tensors.items():
        if _PARAMETRIZATION in f".{name}":
            at = f".{name}".index(_PARAMETRIZATION)
            module, last = name[: max(at - 1, 0)], name[at:]
        else:
            module, _, last = name.rpartition(".")
        tensors, names = grouped.setdefault(module, ({}, {}))
        last = _ORIGINALS.get(last, last)
        tensors[last], names[last] = tensor, name
    return [
        Layer(name=module, tensors=tensors, names=names)
        for module, (tensors, names) in grouped.items()
    ]


def trained_tensors(player: PlayerWeights) -> dict[str, Tensor]:
    """The tensors an optimizer would have moved: real numbers that no name says to be a buffer.

    Left out are running statistics, the vectors of spectral norm, and buffers whose name says that
    they hold noise, as in StyleGAN2.
    """
    return {
        name: tensor
        for name, tensor in player.tensors.items()
        if tensor.is_floating_point() and tensor.numel() and not _is_buffer(name)
    }


def _is_buffer(name: str) -> bool:
    words = name.split(".")
    return words[-1] in _BUFFERS or any(word.lower().startswith("noise") for word in words[:-1]) or (
        words[-1].lower() in ("noise", "noise_const", "latent_avg", "w_avg")
    )  # fmt: skip


def players_with_tensors(weights: Weights) -> Sequence[PlayerWeights]:
    """The players that hold any tensor.

    Raises:
        NotApplicable: there is none; the message says why.
    """
    found = [player for player in weights.players if player.tensors]
    if not found:
        why = "; ".join(f"{file}: {reason}" for file, reason in weights.left_out.items())
        raise NotApplicable(f"no weights could be read ({why or 'no file holds any'})")
    return found


def exact(value: float, unit: str = "1") -> Quantity:
    """A number that was counted or computed from all there is."""
    return Quantity(value=float(value), unit=unit, kind="exact")


def listed(names: Iterable[str], *, most: int = 4) -> str:
    """The first names of a list and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    every = list(names)
    if len(every) <= most:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"
