"""Which tensors still look as they did before training?

A tensor that was never trained follows the law it was drawn from, number by number independently.
Each is held against the laws that GAN code draws weights from, by three tests: of the shape of the
law (Kolmogorov), of its spread (second moment), and of independence: the largest singular value of
the tensor as a matrix lies where the Tracy-Widom law puts it. The last is what training disturbs
first, because a gradient pushes along few directions. The best law stands for the tensor; p-values
are corrected by Holm over all tensors. A tensor that every law rejects has moved.

One that some law does not reject is called untrained only where chance would hardly do it. A
uniform law has edges that no trained tensor of 1000 numbers keeps. A normal law can be met by
chance: trained weights are bell-shaped, and their spread falls into the window of a test of n
numbers, of width 7 / sqrt(2 n) on the log scale, with chance 7 / (sqrt(2 n) log 10) where nothing
is known of it but its decade. So the normal laws of one player are believed where the product of
these chances over all its tensors of one law, times the number of normal laws on the list, is below
a thousandth. And beside tensors that have moved, one that fits a normal law is called untrained
only if a move of 0.002 in each of its numbers would have widened its spread visibly, which is ten
steps of Adam at 2e-4 in one direction; else it stays open. The share of trained tensors that are
called untrained is measured (`docs/error_rates_weights.md`).

Laws: torch's default of Linear and every convolution, U(-1/sqrt(f), 1/sqrt(f)) with f the product
of all sizes of the weight but the first (also for transposed convolutions, whose first size is that
of the input); N(0, 0.02) and N(1, 0.02) of DCGAN; N(0, 0.01); N(0, 1) of embeddings and equalised
learning rates; Glorot's and He's, uniform and normal, with the gains 1 and sqrt(2); orthogonal
matrices of any gain; constants.

Source: Massey (1951) for the first test, Stephens (1970) for its p-value; Johnstone (2001) for the
largest singular value, Chiani (2014) for the gamma law that stands for Tracy's and Widom's;
Glorot and Bengio (2010), He et al. (2015), Saxe et al. (2014) and Radford et al. (2016) for the laws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, Place, Quantity
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.initial_laws import Law, edge_p, laws_of, p_value, spread_p
from gancheck.measures.spectral_consistency import largest_singular
from gancheck.measures.weights import layers, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Layer, PlayerWeights, Weights

__all__ = [
    "FEWEST",
    "Initialisation",
    "PlayerState",
    "TensorState",
    "untrained_tensors",
]

FEWEST = 1000
"""Numbers below which any training could pass unnoticed, so that no law proves much."""
_FEWEST_CONSTANT = 16  # equal numbers that no training leaves equal by chance
_WINDOW = 7.0  # standard errors between the ends of what a test of the spread accepts
_COINCIDENCE = 1e-3  # chance of meeting a normal law below which it is believed
_SEEN = 2e-3  # a move that ten steps of Adam at 2e-4 make
_NORMAL_LAWS = 8  # on the list, of one tensor
_FEWEST_ROWS = 8  # and columns, from which the law of the largest singular value is at its limit
_MIGHT = 1e-3  # p-value of a law that may be the right one beside a better fitting one
_HOPELESS = 1e-12  # p-value at which the sorting is spared; no correction brings it above 1 %
_ORTHOGONAL = 1e-5  # relative, of float32: rows of an orthogonal draw differ by some 1e-6

State = Literal["untrained", "moved", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorState:
    """What is said of one tensor.

    Attributes:
        player: its player's name.
        place: where it lies.
        numbers: its entries.
        law: the one that fits best; "" where none came near.
        p: of that law.
        state: untrained, moved, or open where it has too few numbers to say.
    """

    player: str
    place: Place
    numbers: int
    law: str
    p: float
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerState:
    """What is said of one player: `untrained` where some tensor is and none has moved."""

    name: str
    role: str
    untrained: bool
    share: float


@dataclass(frozen=True, kw_only=True)
class Initialisation(Measurement):
    """Every tensor's state, and every player's."""

    tensors: tuple[TensorState, ...]
    players: tuple[PlayerState, ...]


def untrained_tensors(
    weights: Weights, plan: Plan | None = None, *, alpha: float = ALPHA
) -> Initialisation:
    """Hold every tensor against the laws of initialisation.

    Args:
        weights: of every player.
        plan: not used; every number is looked at.
        alpha: chance that any untrained tensor of the report is said to have moved.

    Raises:
        NotApplicable: no tensor could be read, none is trained, or all are too small.

    Example:
        >>> from gancheck.measures.weights import PlayerWeights, Weights
        >>> w = torch.nn.init.normal_(torch.empty(64, 64), 0.0, 0.02, generator=torch.Generator().manual_seed(0))
        >>> g = PlayerWeights(name="G", role="generator", file="G.pth", part="", tensors={"0.weight": w})
        >>> untrained_tensors(Weights(players=(g,))).tensors[0].law
        'N(0, 0.02)'
    """
    del plan
    held = [
        (player, name, tensor, _best(layer, last, tensor))
        for player, layer, last, name, tensor in _tensors(weights)
    ]
    if not held:
        raise NotApplicable("no tensor of real numbers that training would move was found")
    corrected = holm({str(i): fit.p for i, (*_, fit) in enumerate(held)})
    fitting = [corrected[str(i)].corrected >= alpha for i in range(len(held))]
    believed = _believed([(p.name, x.numel(), fit) for p, _, x, fit in held], fitting)
    moving = {p.name for (p, *_), fits in zip(held, fitting, strict=True) if not fits}
    states = [
        TensorState(
            player=player.name,
            place=player.place(name),
            numbers=tensor.numel(),
            law=next((w for w in fit.normal if (player.name, w) in believed), fit.law),
            p=fit.p,
            state=_state(
                tensor.numel(),
                fit,
                fits,
                any((player.name, law) in believed for law in fit.normal)
                and (player.name not in moving or _unseen(tensor.numel(), fit.scale) <= _SEEN),
            ),
        )
        for (player, name, tensor, fit), fits in zip(held, fitting, strict=True)
    ]
    if all(s.state == "open" and s.numbers < FEWEST for s in states):
        raise NotApplicable(
            f"no tensor has the {FEWEST} numbers that it takes to tell training from none "
            f"at all; the largest has {max(s.numbers for s in states)}"
        )
    players = tuple(
        _player(p, [s for s in states if s.player == p.name]) for p in weights.players if p.tensors
    )
    return Initialisation(
        quantities=_quantities(states, players),
        rows=[
            {"player": s.player, "file": s.place.file, "tensor": s.place.tensor,
             "numbers": s.numbers, "law": s.law, "p": s.p, "state": s.state}
            for s in states
        ],
        tensors=tuple(states),
        players=players,
        provenance={"alpha": alpha, "tests": len(states)},
    )  # fmt: skip


def _tensors(weights: Weights) -> Iterator[tuple[PlayerWeights, Layer, str, str, Tensor]]:
    for player in players_with_tensors(weights):
        trained = trained_tensors(player)
        for layer in layers(player):
            for last, tensor in layer.tensors.items():
                if layer.names[last] in trained:
                    yield player, layer, last, layer.names[last], tensor


def _believed(
    held: Sequence[tuple[str, int, _Fit]], fitting: Sequence[bool]
) -> set[tuple[str, str]]:
    """(player, law) of the normal laws that so many tensors would hardly meet by chance."""
    chances: dict[tuple[str, str], float] = {}
    for (player, numbers, fit), fits in zip(held, fitting, strict=True):
        if fits and fit.kind == "normal":
            chance = min(1.0, _WINDOW / (math.sqrt(2.0 * numbers) * math.log(10.0)))
            for law in fit.normal:
                key = (player, law)
                chances[key] = chances.get(key, float(_NORMAL_LAWS)) * chance
    return {key for key, chance in chances.items() if chance < _COINCIDENCE}


def _unseen(numbers: int, scale: float) -> float:
    """The independent move of each number that leaves the spread of a normal law as it seems.

    It adds its square to the variance, whose test sees half a window of standard errors.
    """
    return scale * math.sqrt(_WINDOW / 2.0 * math.sqrt(2.0 / numbers))


def _state(numbers: int, fit: _Fit, fits: bool, believed: bool) -> State:  # noqa: FBT001
    if fit.kind == "constant":
        known = fit.law in ("all 0", "all 1")
        return "untrained" if known and numbers >= _FEWEST_CONSTANT else "open"
    if not fits:
        return "moved"
    sure = fit.kind != "normal" or believed
    return "untrained" if sure and numbers >= FEWEST else "open"


def _player(player: PlayerWeights, states: list[TensorState]) -> PlayerState:
    numbers = sum(s.numbers for s in states)
    still = sum(s.numbers for s in states if s.state == "untrained")
    moved = any(s.state == "moved" for s in states)
    return PlayerState(
        name=player.name,
        role=player.role,
        untrained=bool(still) and not moved,
        share=still / numbers if numbers else 0.0,
    )


def _quantities(states: list[TensorState], players: tuple[PlayerState, ...]) -> dict[str, Quantity]:
    def count(state: State) -> Quantity:
        number = sum(s.state == state for s in states)
        return Quantity(value=float(number), unit="tensors", kind="exact")

    shares = {
        f"untrained_share_{p.name}": Quantity(value=p.share, unit="share", kind="exact")
        for p in players
        if p.name in ("generator", "discriminator")
    }
    numbers = sum(s.numbers for s in states)
    still = sum(s.numbers for s in states if s.state == "untrained")
    return {
        "untrained_share": Quantity(value=still / numbers, unit="share", kind="exact"),
        **shares,
        "untrained_tensors": count("untrained"),
        "moved_tensors": count("moved"),
        "open_tensors": count("open"),
    }


@dataclass(frozen=True, slots=True)
class _Fit:
    """The law that fits a tensor best; an empty name where none does."""

    law: str
    kind: Literal["uniform", "normal", "orthogonal", "constant", ""]
    p: float
    scale: float = 0.0  # of that law
    normal: tuple[str, ...] = ()  # every normal law that might be it


_NONE = _Fit("", "", 0.0)


def _best(layer: Layer, last: str, tensor: Tensor) -> _Fit:
    flat = tensor.detach().reshape(-1)
    # eight-bit floats have no comparison of their own
    flat = flat.float() if flat.dtype.itemsize == 1 else flat
    low, high = (float(x) for x in torch.aminmax(flat))
    if low == high:
        return _Fit(f"all {low:g}", "constant", 1.0)
    if not math.isfinite(low + high):
        return _NONE
    if tensor.dim() >= 2 and _orthogonal(tensor):
        return _Fit("orthogonal", "orthogonal", 1.0)
    x = flat.double()
    mean, square = float(x.mean()), float(x.square().mean())
    by_spread = [
        (law, spread_p(law, len(x), mean, square))
        for law in laws_of(layer, last)
        if law.kind == "normal" or max(-low, high) <= law.scale * 1.02  # more than any rounding
    ]
    near = [(law, p) for law, p in by_spread if p > _HOPELESS]
    if not near:
        return _NONE
    ordered = np.sort(flat.float().numpy()).astype(np.float64)
    step = float(torch.finfo(tensor.dtype).eps)
    matrix = _square(tensor)
    top = largest_singular(matrix) if matrix is not None else None
    # three times the smallest of three p-values is one for the tests together
    fits = [
        _Fit(
            law.name,
            law.kind,
            min(1.0, 3.0 * min(p, p_value(ordered, law, rounding=step), _edge(law, matrix, top))),
            law.scale,
        )
        for law, p in near
    ]
    best = max(fits, key=lambda fit: fit.p)
    if best.p <= 0.0:
        return _NONE
    # of square layers several laws have one spread: which is meant the other layers tell
    return replace(best, normal=tuple(f.law for f in fits if f.kind == "normal" and f.p >= _MIGHT))


def _square(tensor: Tensor) -> Tensor | None:
    """The tensor as a matrix by its first axis; None where it has too few rows or columns."""
    matrix = tensor.detach().reshape(tensor.shape[0], -1)
    return matrix if tensor.dim() >= 2 and min(matrix.shape) >= _FEWEST_ROWS else None


def _edge(law: Law, matrix: Tensor | None, top: float | None) -> float:
    if matrix is None or top is None:
        return 1.0
    spread = law.scale / math.sqrt(3.0) if law.kind == "uniform" else law.scale
    rows, columns = matrix.shape
    return edge_p(top / spread, rows, columns)


def _orthogonal(tensor: Tensor) -> bool:
    """Whether its rows, or its columns, are orthogonal and of one length, to rounding."""
    matrix = tensor.detach().reshape(tensor.shape[0], -1).float()
    narrow = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if tensor.dtype.itemsize < 4:
        return False
    if narrow.shape[0] == 1:  # only a gain of 1 can be told
        return abs(float(narrow.square().sum()) - 1.0) < _ORTHOGONAL
    lengths = narrow.square().sum(1)
    mean = float(lengths.mean())
    if not 0.0 < mean < math.inf or float((lengths / mean - 1.0).abs().max()) > _ORTHOGONAL:
        return False
    gram = (narrow @ narrow.T) / mean
    return float((gram - torch.eye(len(gram))).abs().max()) < _ORTHOGONAL
