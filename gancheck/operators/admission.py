"""May the second derivatives of this game be believed at all?

Three probes before any result, on a few samples:

- repeatable: the field and one product of J, evaluated twice, are the same;
- symmetric: u.Jv and v.J'u, from different code paths, agree;
- right: J v in float64 agrees with a central difference of the field, which uses first derivatives
  alone and none of this package's closed forms.

The first finds randomness in a forward pass, the second a derivative that is not one, the third a
derivative that is symmetric and still wrong. A network with kinks can cross one between the two
points of a difference, so three directions are tried and one agreement is enough: a wrong formula
agrees in none.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from gancheck.diagnosis import NotFinite
from gancheck.operators.game_jacobian import GameJacobian, field
from gancheck.operators.second_order import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from gancheck.games.game import Batch, Game, Player

__all__ = ["Admission", "admit_game"]

_SAMPLES = 8
_TRIES = 3
_STEP = 1e-7  # of a unit direction: rounding then stands at 1e-9, kinks are seldom between
_AGREES = 1e-4  # the formulas known to be wrong miss by 4e-3 to 1e-1, right ones by about 1e-7
_REPEATS_IN_EPS = 1e4  # kernels may sum in another order from call to call, but not more than that


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the probes found.

    Attributes:
        repeats: relative change of the field and of a product between two evaluations.
        symmetry: relative symmetry defect in the game's own dtype.
        difference: relative distance of J v from the difference quotient in float64; None where
            that could not be evaluated.
        semantics: which function each network is taken to be, in sentences.
        notes: what could not be probed, and why.
    """

    repeats: float
    symmetry: float
    difference: float | None
    semantics: Mapping[Player, Sequence[str]]
    notes: Sequence[str]

    def as_provenance(self) -> dict[str, Any]:
        """For a measurement's provenance."""
        return {
            "repeats": self.repeats,
            "symmetry_defect": self.symmetry,
            "difference_in_float64": self.difference,
            "semantics": {player: list(said) for player, said in self.semantics.items()},
            "notes": list(self.notes),
        }


def admit_game(game: Game, batch: Batch) -> Admission:
    """Probe a game on the first few samples of a batch.

    Args:
        game: any game; left as it is.
        batch: from `game.sample`.

    Raises:
        NotFinite: a sample, a score, a loss or a gradient is NaN or infinite.
        OperatorError: a probe fails; the message says which and what to look for.

    Cost: about thirty gradients on eight samples, and one copy of the modules in float64.
    """
    small = batch.part(0, min(_SAMPLES, batch.size))
    jacobian, again = GameJacobian(game, small), GameJacobian(game, small)
    v = _direction(jacobian.shape[0], 0, game.dtype, game.device)
    repeats = max(
        _distance(jacobian.field, again.field), _distance(jacobian.matvec(v), again.matvec(v))
    )
    limit = _REPEATS_IN_EPS * torch.finfo(game.dtype).eps
    if not repeats <= limit:
        raise OperatorError(
            f"the game does not repeat: two evaluations on one batch differ by {repeats:.1e} of the "
            f"norm, limit {limit:.1e}; look for randomness in a forward pass that does not come from "
            "torch's generator, or for state that it keeps"
        )
    difference, notes = _differences(game, small)
    if difference is not None and not difference <= _AGREES:
        raise OperatorError(
            f"a product of the game Jacobian is off a difference of the gradients by {difference:.1e}"
            f" of its norm in float64, limit {_AGREES:.0e}; some operation's second derivative is "
            "wrong in torch, so no curvature is measured"
        )
    return Admission(
        repeats=repeats,
        symmetry=jacobian.symmetry_defect,
        difference=difference,
        semantics=game.semantics(),
        notes=notes,
    )


def _differences(game: Game, batch: Batch) -> tuple[float | None, list[str]]:
    """The least distance over a few directions, in float64; None and the reason where none is had."""
    try:
        double = game.in_float64()
    except (RuntimeError, TypeError, copy.Error) as error:
        return None, [f"not compared with differences: the modules cannot be copied ({error})"]
    part = double.sample(batch.size, seed=batch.seed)
    try:
        jacobian = GameJacobian(double, part)
    except OperatorError:
        raise
    except NotFinite as error:
        return None, [f"not compared with differences: in float64 {error}"]
    except RuntimeError as error:  # a forward pass with a dtype of its own
        return None, [f"not compared with differences: no float64 evaluation ({error})"]
    best = float("inf")
    for seed in range(_TRIES):
        v = _direction(jacobian.shape[0], seed, torch.float64, game.device)
        try:
            ahead, behind = (field(double, part, shift=sign * _STEP * v) for sign in (1.0, -1.0))
        except NotFinite:  # a point where the gradient is none, beside this one
            continue
        quotient = (ahead - behind) / (2.0 * _STEP)
        # rounding of the field stands in the quotient as eps |v| / step
        noise = torch.finfo(torch.float64).eps * float(jacobian.field.norm()) / _STEP
        product = jacobian.matvec(v)
        scale = max(float(product.norm()), noise / _AGREES, torch.finfo(torch.float64).tiny)
        best = min(best, float((product - quotient).norm()) / scale)
        if best <= _AGREES:
            break
    return best, []


def _direction(n: int, seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    v = torch.randn(n, generator=rng, dtype=torch.float64)
    return (v / v.norm()).to(device=device, dtype=dtype)


def _distance(a: Tensor, b: Tensor) -> float:
    scale = float(a.norm())
    return float((a - b).norm()) / scale if scale > 0.0 else float((a - b).norm())
