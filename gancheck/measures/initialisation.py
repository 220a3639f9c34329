"""Which tensors still look as they did before training?

A tensor that was never trained follows the law it was drawn from. Each is held against the laws
that GAN code draws weights from, and the best of them stands for it; p-values are corrected by Holm
over all tensors. A tensor that every law rejects has moved.

One that some law does not reject is called untrained only where chance would hardly do it. A
uniform law has edges that no trained tensor of 1000 numbers keeps. A normal law can be met by
chance: trained weights are bell-shaped, and their spread falls into the window of a test of n
numbers, of width 7 / sqrt(2 n) on the log scale, with chance 7 / (sqrt(2 n) log 10) where nothing
is known of it but its decade. So the normal laws of one player are believed where the product of
these chances over all its tensors of one law, times the number of normal laws on the list, is below
a thousandth. The share of trained tensors that are called untrained is measured
(`docs/error_rates_weights.md`).

Laws: torch's default of Linear and every convolution, U(-1/sqrt(f), 1/sqrt(f)) with f the product
of all sizes of the weight but the first (also for transposed convolutions, whose first size is that
of the input); N(0, 0.02) and N(1, 0.02) of DCGAN; N(0, 0.01); N(0, 1) of embeddings and equalised
learning rates; Glorot's and He's, uniform and normal, with the gains 1 and sqrt(2); orthogonal
matrices of any gain; constants.

Source: Massey (1951) for the test; Stephens (1970) for its p-value; Glorot and Bengio (2010), He et
al. (2015), Saxe et al. (2014) and Radford et al. (2016) for the laws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from scipy.special import chdtr, chdtrc, kolmogorov, ndtr

from gancheck.diagnosis import Measurement, NotApplicable, Place, Quantity
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.weights import layers, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import Layer, PlayerWeights, Weights

__all__ = [
    "FEWEST",
    "Initialisation",
    "Law",
    "PlayerState",
    "TensorState",
    "laws_of",
    "p_value",
    "untrained_tensors",
]

FEWEST = 1000
"""Numbers below which a few steps of training could pass unnoticed, so that no law proves much."""
_FEWEST_CONSTANT = 16  # equal numbers that no training leaves equal by chance
_WINDOW = 7.0  # standard errors between the ends of what a test of the spread accepts
_COINCIDENCE = 1e-3  # chance of meeting a normal law below which it is believed
_NORMAL_LAWS = 8  # on the list, of one tensor
_FEWEST_MOMENT = 100  # numbers from which the error of a second moment is near enough to normal
_HOPELESS = 1e-12  # p-value at which the sorting is spared; no correction brings it above 1 %
_ORTHOGONAL = 1e-5  # relative, of float32: rows of an orthogonal draw differ by some 1e-6

State = Literal["untrained", "moved", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A law that weights are drawn from.

    Attributes:
        name: in words.
        kind: uniform or normal.
        scale: half the width, or the standard deviation.
        centre: mean.
    """

    name: str
    kind: Literal["uniform", "normal"]
    scale: float
    centre: float = 0.0


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
    states = [
        TensorState(
            player=player.name,
            place=player.place(name),
            numbers=tensor.numel(),
            law=fit.law,
            p=fit.p,
            state=_state(tensor.numel(), fit, fits, (player.name, fit.law) in believed),
        )
        for (player, name, tensor, fit), fits in zip(held, fitting, strict=True)
    ]
    if all(s.state == "open" and s.numbers < FEWEST for s in states):
        raise NotApplicable(
            f"no tensor has the {FEWEST} numbers that it takes to tell a few steps of training "
            f"from none; the largest has {max(s.numbers for s in states)}"
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
            key = (player, fit.law)
            chances[key] = chances.get(key, float(_NORMAL_LAWS)) * chance
    return {key for key, chance in chances.items() if chance < _COINCIDENCE}


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
        (law, _spread_p(law, len(x), mean, square))
        for law in laws_of(layer, last)
        if law.kind == "normal" or max(-low, high) <= law.scale * 1.02  # more than any rounding
    ]
    # twice the smaller of two p-values is one for both tests together
    near = [(law, p) for law, p in by_spread if p > _HOPELESS]
    if not near:
        return _NONE
    ordered = np.sort(flat.float().numpy()).astype(np.float64)
    step = float(torch.finfo(tensor.dtype).eps)
    fits = [
        _Fit(law.name, law.kind, min(1.0, 2.0 * min(p, p_value(ordered, law, rounding=step))))
        for law, p in near
    ]
    best = max(fits, key=lambda fit: fit.p)
    return best if best.p > 0.0 else _NONE


def _spread_p(law: Law, n: int, mean: float, square: float) -> float:
    """Two-sided p-value of the second moment about the law's centre; 1 of too few uniforms."""
    about = square - 2.0 * law.centre * mean + law.centre**2
    if law.kind == "normal":
        total = n * about / law.scale**2
        return float(min(1.0, 2.0 * min(chdtr(n, total), chdtrc(n, total))))
    if n < _FEWEST_MOMENT:
        return 1.0
    # squares of a uniform have the variance 4/5 of their squared mean
    z = (3.0 * about / law.scale**2 - 1.0) / math.sqrt(0.8 / n)
    return float(2.0 * ndtr(-abs(z)))


def laws_of(layer: Layer, last: str) -> list[Law]:
    """The laws that code draws such a tensor from.

    Args:
        layer: its module.
        last: its name in it.
    """
    tensor = layer.tensors[last]
    if tensor.dim() < 2:
        return _laws_of_vectors(layer, last)
    fan_in = math.prod(tensor.shape[1:])
    fan_out = tensor.shape[0] * math.prod(tensor.shape[2:])
    both = fan_in + fan_out
    laws = [
        Law(name="torch's default", kind="uniform", scale=1 / math.sqrt(fan_in)),
        Law(name="N(0, 0.02)", kind="normal", scale=0.02),
        Law(name="N(0, 0.01)", kind="normal", scale=0.01),
        Law(name="N(0, 1)", kind="normal", scale=1.0),
    ]
    for gain, word in ((1.0, ""), (math.sqrt(2), ", gain sqrt(2)")):
        laws += [
            Law(name=f"Glorot uniform{word}", kind="uniform", scale=gain * math.sqrt(6 / both)),
            Law(name=f"Glorot normal{word}", kind="normal", scale=gain * math.sqrt(2 / both)),
        ]
    for fan, side in ((fan_in, "inputs"), (fan_out, "outputs")):
        laws += [
            Law(name=f"He uniform by {side}", kind="uniform", scale=math.sqrt(6 / fan)),
            Law(name=f"He normal by {side}", kind="normal", scale=math.sqrt(2 / fan)),
        ]
    return laws


def _laws_of_vectors(layer: Layer, last: str) -> list[Law]:
    weight = layer.tensors.get("weight")
    if last == "bias" and weight is not None and weight.dim() >= 2:
        fan_in = math.prod(weight.shape[1:])
        return [Law(name="torch's default", kind="uniform", scale=1 / math.sqrt(fan_in))]
    return [
        # DCGAN draws both together, so they count as one law
        Law(name="N(0, 0.02)", kind="normal", scale=0.02, centre=1.0),
        Law(name="N(0, 0.02)", kind="normal", scale=0.02),
        Law(name="N(0, 1)", kind="normal", scale=1.0),
    ]


def p_value(ordered: np.ndarray, law: Law, *, rounding: float = 0.0) -> float:
    """Kolmogorov's test of one law, for numbers that were rounded when they were stored.

    Each stored value stands for all that round to it, half a step to either side, so that the ties
    of half precision count as no misfit. A number outside a uniform law's range by more than that
    rejects it outright.

    Args:
        ordered: sorted, float64 [n].
        law: fully specified; nothing is fitted.
        rounding: relative step of the stored format.

    Example:
        >>> law = Law(name="U", kind="uniform", scale=1.0)
        >>> round(p_value(np.linspace(-0.99, 0.99, 100), law), 3), p_value(np.array([0.0, 1.5]), law)
        (1.0, 0.0)
    """
    n = len(ordered)
    if law.kind == "uniform":
        reach = law.scale * (1.0 + 2.0 * rounding + 1e-7)
        if max(-ordered[0], ordered[-1]) > reach:
            return 0.0
    last = np.append(ordered[1:] != ordered[:-1], True)  # of a run of equals
    values = ordered[last]
    below = np.flatnonzero(last) + 1.0
    half = np.abs(values) * rounding / 2.0
    upper = _cdf(values + half, law)
    lower = _cdf(values - half, law)
    before = np.concatenate([[0.0], below[:-1]])
    # where a step of the stored values is crossed, both counts are known at its edges only
    distance = max(float(np.max(below / n - upper)), float(np.max(lower - before / n)), 0.0)
    return float(kolmogorov((math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance))


def _cdf(x: np.ndarray, law: Law) -> np.ndarray:
    if law.kind == "uniform":
        return np.clip(0.5 + (x - law.centre) / (2.0 * law.scale), 0.0, 1.0)
    return ndtr((x - law.centre) / law.scale)


def _orthogonal(tensor: Tensor) -> bool:
    """Whether its rows, or its columns, are orthogonal and of one length, to rounding."""
    matrix = tensor.detach().reshape(tensor.shape[0], -1).float()
    narrow = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if narrow.shape[0] < 2 or tensor.dtype.itemsize < 4:
        return False
    lengths = narrow.square().sum(1)
    mean = float(lengths.mean())
    if not 0.0 < mean < math.inf or float((lengths / mean - 1.0).abs().max()) > _ORTHOGONAL:
        return False
    gram = (narrow @ narrow.T) / mean
    return float((gram - torch.eye(len(gram))).abs().max()) < _ORTHOGONAL
