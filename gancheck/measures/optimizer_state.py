"""What do the optimizers' states say of the last gradients, without data?

Adam keeps running means m of the gradient and v of its square. Divided by 1 - beta^t they are
unbiased, so that sqrt(sum v) is the norm of a recent gradient, noise included, of about the last
1 / (1 - beta2) steps, and the ratio of the two players' is the ratio of their gradients in
training. And if gradients of successive steps were independent, E m^2 = mean^2 + b variance with
b = (1 - beta1) / (1 + beta1), so that (sum m^2 / sum v - b) / (1 - b) estimates the share of the
squared gradient that is its mean: its signal.

Source: Kingma and Ba (2015), algorithm 1 and section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place, Quantity
from gancheck.measures.weights import exact, players_with_tensors, trained_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import OptimizerState, PlayerWeights, Weights

__all__ = ["OptimizerStates", "StateOfPlayer", "optimizer_states"]

_DEFAULT_BETAS = (0.9, 0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOfPlayer:
    """What one optimizer says.

    Attributes:
        name: of the optimizer in its file.
        player: name of the player whose tensors it moves, by order and shape; "" where none fits.
        role: of that player, else of the one that the optimizer's name says; unknown else.
        place: where its first squares lie.
        gradient: recent norm of the gradient.
        corrected: whether the step count was known, so that it is free of the start's bias.
        signal: share of the squared gradient that is its mean; None without a running mean.
        steps: most steps of any parameter; None where the file does not say.
        rate: learning rate; None where the file does not say.
        betas: as told, or (0.9, 0.999).
        silent: parameters that never had a gradient, by their names in the file.
        parameters: how many it moves.
    """

    name: str
    player: str
    role: str
    place: Place
    gradient: float
    corrected: bool
    signal: float | None
    steps: float | None
    rate: float | None
    betas: tuple[float, float]
    silent: tuple[Place, ...]
    parameters: int


@dataclass(frozen=True, kw_only=True)
class OptimizerStates(Measurement):
    """Every optimizer that keeps squares of gradients."""

    states: tuple[StateOfPlayer, ...]


def optimizer_states(weights: Weights, plan: Plan | None = None) -> OptimizerStates:  # noqa: ARG001
    """Read gradient norms and signal off the optimizers' running means.

    Args:
        weights: with the states of optimizers.
        plan: not used.

    Raises:
        NotApplicable: no optimizer's state is there, or none keeps squares of gradients.
    """
    if not weights.optimizers:
        players_with_tensors(weights)
        raise NotApplicable(
            "the files hold no optimizer's state (give the file that has it, if there is one)"
        )
    found = tuple(
        state
        for state in (_read(optimizer, weights.players) for optimizer in weights.optimizers)
        if state is not None
    )
    if not found:
        raise NotApplicable("no optimizer keeps a running mean of squared gradients, as Adam does")
    return OptimizerStates(
        quantities=_quantities(found),
        rows=[
            {"optimizer": s.name, "player": s.player, "role": s.role, "gradient": s.gradient,
             "signal": s.signal, "steps": s.steps, "rate": s.rate, "beta1": s.betas[0],
             "beta2": s.betas[1], "parameters": s.parameters, "silent": len(s.silent)}
            for s in found
        ],
        states=found,
    )  # fmt: skip


def _quantities(found: tuple[StateOfPlayer, ...]) -> dict[str, Quantity]:
    out: dict[str, Quantity] = {}
    by_role: dict[str, StateOfPlayer] = {}
    for state in found:
        if state.role in ("generator", "discriminator"):
            by_role.setdefault(state.role, state)
    for role, state in by_role.items():
        out[f"gradient_{role}"] = Quantity(value=state.gradient)
        if state.signal is not None:
            out[f"signal_{role}"] = Quantity(value=state.signal, unit="share")
        if state.steps is not None:
            out[f"steps_{role}"] = exact(state.steps, "steps")
        if state.rate is not None:
            out[f"rate_{role}"] = exact(state.rate)
    if len(by_role) == 2 and by_role["discriminator"].gradient > 0.0:
        out["gradient_ratio"] = Quantity(
            value=by_role["generator"].gradient / by_role["discriminator"].gradient
        )
    out["silent_parameters"] = exact(sum(len(s.silent) for s in found), "tensors")
    return out


def _read(state: OptimizerState, players: tuple[PlayerWeights, ...]) -> StateOfPlayer | None:
    squares = "exp_avg_sq" if any("exp_avg_sq" in s for s in state.slots) else "square_avg"
    kept = [i for i, slots in enumerate(state.slots) if squares in slots]
    if not kept:
        return None
    first, second = _betas(state, squares)
    total = mean = 0.0
    averaged = squares == "exp_avg_sq"
    silent: list[Place] = []
    for i in kept:
        slots, steps = state.slots[i], state.steps[i]
        share = _arrived(second, steps) if averaged else 1.0
        square = float(slots[squares].double().sum())
        total += square / share
        if square == 0.0:
            silent.append(Place(file=state.file, tensor=f"{state.keys[i]}.{squares}"))
        if averaged and "exp_avg" in slots:
            mean += float(slots["exp_avg"].double().square().sum()) / _arrived(first, steps) ** 2
    player = _moved([state.slots[i][squares] for i in kept], players)
    known = [s for s in state.steps if s is not None]
    return StateOfPlayer(
        name=state.name,
        player=player.name if player else "",
        role=player.role if player and player.role != "unknown" else state.role,
        place=Place(file=state.file, tensor=f"{state.keys[kept[0]]}.{squares}"),
        gradient=math.sqrt(max(total, 0.0)),
        corrected=averaged and len(known) == len(state.steps),
        signal=_signal(mean, total, first) if averaged else None,
        steps=max(known, default=None),
        rate=_number(state.settings.get("lr")),
        betas=(first, second),
        silent=tuple(silent),
        parameters=len(kept),
    )


def _betas(state: OptimizerState, squares: str) -> tuple[float, float]:
    first = _number(state.settings.get("betas.0"))
    second = _number(state.settings.get("betas.1"))
    if squares == "square_avg":
        second = _number(state.settings.get("alpha"))
    one = _DEFAULT_BETAS[0] if first is None or not 0.0 <= first < 1.0 else first
    two = _DEFAULT_BETAS[1] if second is None or not 0.0 <= second < 1.0 else second
    return one, two


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _arrived(beta: float, steps: float | None) -> float:
    """1 - beta^t: how much of a running mean has arrived; 1 where the steps are not known."""
    return 1.0 - beta**steps if steps is not None and steps >= 1.0 else 1.0


def _signal(mean: float, total: float, beta: float) -> float | None:
    """Share of the mean in the squared gradient; None where the running mean is the gradient."""
    noise = (1.0 - beta) / (1.0 + beta)
    if not total > 0.0 or noise >= 1.0:
        return None
    return (mean / total - noise) / (1.0 - noise)


def _moved(squares: list[Tensor], players: tuple[PlayerWeights, ...]) -> PlayerWeights | None:
    """The one player whose trained tensors have these shapes, in this order."""
    shapes = [tuple(t.shape) for t in squares]
    fitting = [
        player
        for player in players
        if not player.averaged
        and [tuple(t.shape) for t in trained_tensors(player).values()] == shapes
    ]
    return fitting[0] if len(fitting) == 1 else None
