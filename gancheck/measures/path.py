"""How does the gradient field stand to the way on which training came to a point?

Between two checkpoints theta and theta' the field is followed along the line
theta_a = theta + a (theta' - theta): the path norm is ||v(theta_a)||, the path angle the cosine
between v and the direction of the line (Berard et al. 2020). v is the gradient, so training moves
along -v. Where the end attracts, the cosine goes from negative to positive as the line passes it.
Where the field turns about a point beside the end, the cosine rises to a bump there and falls again;
a field that does not turn but pulls much harder in some directions than in others can show one too,
so a bump asks for `measures.rotation` and does not replace it.

Every point of the line sees the same samples (common random numbers), so that differences along it
are the field's and not the batches'; it is walked once for each of a few independent batches, whose
spread is the error. Buffers (running statistics, spectral norm's u and v) are those of the end
point, frozen: interpolated ones would belong to no network that was ever trained.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotFinite, Quantity
from gancheck.games.admitted import finite
from gancheck.measures.figures import (
    GENERATOR,
    MUTED,
    WIDE,
    label,
    new_figure,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.spectrum import mean_and_error
from gancheck.operators.game_jacobian import field
from gancheck.operators.linear_operator import flatten, unflatten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.games.game import Batch, Game
    from gancheck.operators.budget import Budget

    States = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]

__all__ = ["Passage", "PathAngle", "of_the_way", "path_angle", "way_here"]

# The line from start to half beyond the end, and more closely about the end.
_ALPHAS = tuple(
    float(a) for a in np.unique(np.r_[np.linspace(0.0, 1.5, 31), np.linspace(0.9, 1.1, 41)])
)
_BESIDE = 0.25  # a sign change or bump this far from the end, in lengths of the line, is its own


class Passage(StrEnum):
    """What the line shows as it passes the end."""

    attracted = "attracted"
    repelled = "repelled"
    bump = "bump"
    attracted_bump = "attracted_bump"
    repelled_bump = "repelled_bump"
    unclear = "unclear"


@dataclass(frozen=True, kw_only=True)
class PathAngle(Measurement):
    """Path angle and path norm with what they show at the end.

    Attributes:
        alphas: [points], where on the line; 0 is the start, 1 the end.
        angles: [batches, points], cosine between the field and the line; NaN where the field is
            zero or the game overflows.
        norms: [batches, points], norm of the field; NaN where the game overflows.
        verdict: sign change and bump beside the end, where both are beyond their errors.
        stopped: whether the budget ended the walk; then there are fewer batches, or none.
    """

    alphas: np.ndarray
    angles: np.ndarray
    norms: np.ndarray
    verdict: Passage
    stopped: bool

    @property
    def sign(self) -> int:
        """1 where the end attracts along the line, -1 where it repels, 0 where neither is clear."""
        for word, sign in (("attracted", 1), ("repelled", -1)):
            if self.verdict.startswith(word):
                return sign
        return 0

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Angle above, norm below; thin lines: single batches."""
        _, axes = new_figure(width_px, 380, rows=2)
        self.draw(axes)
        return axes

    def draw(self, axes: Sequence[Axes] | np.ndarray) -> None:
        """Draw the angle on the first of two axes and the norm on the second."""
        for ax, each in zip(axes, (self.angles, self.norms), strict=True):
            for line in each:
                ax.plot(self.alphas, line, color=GENERATOR, linewidth=0.7, alpha=0.35)
            if len(each):
                ax.plot(self.alphas, each.mean(0), color=GENERATOR)
            reference(ax, 1.0)
            set_ticks(ax, "x", [t for t in (0.0, 0.5, 1.0, 1.5) if t <= self.alphas[-1]])
            x_title(ax, "place on the line, 0 start, 1 end")
        known = np.abs(self.angles[np.isfinite(self.angles)])
        reach = min(1.0, 1.2 * max(float(known.max(initial=0.0)), 0.05))
        axes[0].axhline(0.0, color=MUTED, linewidth=1)
        axes[0].set_ylim(-1.5 * reach, 1.1 * reach)
        left = float(self.alphas[0])
        label(axes[0], left, -1.3 * reach, "descent leads to the end", MUTED, bold=False)
        y_title(axes[0], "cosine between gradient and line")
        y_title(axes[1], "norm of the gradient field")
        axes[1].set_ylim(bottom=0.0)


def path_angle(
    start: Game | States | Tensor,
    end: Game,
    *,
    alphas: Sequence[float] | None = None,
    batch: Batch | None = None,
    batch_size: int = 256,
    batches: int = 4,
    seed: int = 0,
    height: float = 0.1,
    budget: Budget | None = None,
) -> PathAngle:
    """Follow the gradient field along the line between two checkpoints of one game.

    Args:
        start: an earlier checkpoint: a game of the same networks, the state dicts of its generator
            and discriminator, or both players' parameters as one flat vector (`game.earlier`).
        end: the later one; its losses, data, latents and buffers are used throughout.
        alphas: points on the line, ascending, with some on each side of 1; by default 67 from 0 to
            1.5, closest about 1.
        batch: walked on it alone where given; then there is no sampling error.
        batch_size: samples a batch.
        batches: independent walks.
        seed: of the first batch.
        height: a bump counts from this rise of the cosine above both its sides; a lower one is
            lost in the line of the figure.
        budget: one product for each evaluation of the field; ends between two walks.

    Returns:
        Quantities `angle_at_end` (cosine at the end), `norm_at_end`, `bump` (rise of |cosine|
        beside the end above both its sides) and, where the cosine changes sign beside the end,
        `sign_change` (where on the line). Sampling errors are standard errors over walks.

    Raises:
        NotFinite: a parameter, a sample, a score, a loss or a gradient of the end is NaN or infinite.
        ValueError: networks that differ, two checkpoints that are the same, or alphas that do not
            surround 1.

    Cost: one evaluation of the field for each point and batch.

    Source: Berard et al. (2020), A Closer Look at the Optimization Landscapes of GANs, section 4.

    Example:
        >>> from gancheck.games import analytic
        >>> found = path_angle(analytic.potential(at=(1, 1)), analytic.potential(at=(0.001, 0)))
        >>> str(found.verdict)
        'attracted'
    """
    began = time.perf_counter()
    points = np.asarray(_ALPHAS if alphas is None else alphas, dtype=float)
    if len(points) < 5 or not (np.diff(points) > 0).all() or not (points[1] < 1.0 < points[-2]):
        raise ValueError("alphas must be at least 5, ascending, with two on each side of 1")
    line = _line(start, end)
    alone = batch is not None or end.analytic
    walks: list[tuple[np.ndarray, np.ndarray]] = []
    for s in range(1 if alone else batches):
        if budget is not None and (budget.exhausted or budget.left < len(points)):
            break
        samples = end.sample(batch_size, seed=seed + s) if batch is None else batch
        walks.append(_walk(end, samples, line, points))
        if budget is not None:
            budget.spend(len(points))
    angles = np.array([w[0] for w in walks]).reshape(len(walks), len(points))
    norms = np.array([w[1] for w in walks]).reshape(len(walks), len(points))
    quantities = _numbers(points, angles, norms, alone=alone) if walks else {}
    return PathAngle(
        quantities=quantities,
        rows=_rows(points, angles, norms),
        provenance={
            "batches": len(walks),
            "batch_size": batch_size if batch is None else batch.size,
            "points": len(points),
            "distance": float(line.norm()),
            "buffers": "of the end, frozen",
            "seed": seed,
            "dtype": str(end.dtype),
            "seconds": time.perf_counter() - began,
        },
        alphas=points,
        angles=angles,
        norms=norms,
        verdict=_passage(quantities, points, angles, height),
        stopped=len(walks) < (1 if alone else batches),
    )


def way_here(
    game: Game, batch: Batch | None, plan: Plan, budget: Budget | None
) -> PathAngle | None:
    """The field on the way from `game.earlier`, on the plan's batches or on the one given.

    Returns:
        None where no earlier point is known or it is this one, or where the budget has no room.
    """
    if game.earlier is None:
        return None
    here = [*game.parameters("generator"), *game.parameters("discriminator")]
    start = game.earlier.parameters.to(here[0])
    if torch.equal(start, flatten([p.detach() for p in here])):
        return None
    size, count, seed = plan.batch_size, plan.batches, plan.seed
    found = path_angle(
        start, game, batch=batch, batch_size=size, batches=count, seed=seed, budget=budget
    )
    return found if len(found.angles) else None


def of_the_way(game: Game, path: PathAngle | None) -> str | dict[str, Any]:
    """What a measurement's provenance says of it."""
    if game.earlier is None:
        return "not measured: no earlier point of training is known"
    if path is None:
        return "not measured: the earlier point is this one, or the budget had no room"
    kept = ("points", "batches", "distance", "buffers")
    return {"from": game.earlier.name} | {k: path.provenance[k] for k in kept}


def _line(start: Game | States | Tensor, end: Game) -> Tensor:
    """From start to end, flat, in float64.

    Raises:
        ValueError: other networks, or no distance between the two.
    """
    last = [*end.parameters("generator"), *end.parameters("discriminator")]
    names = [
        f"{player}.{name}"
        for player in ("generator", "discriminator")
        for name in end.parameter_names(player)
    ]
    first = _parts(start, last) if isinstance(start, torch.Tensor) else _tensors(start, end)
    if len(first) != len(last):
        raise ValueError(
            f"start and end must be the same networks, start has {len(first)} parameter tensors "
            f"and end has {len(last)}"
        )
    for name, a, b in zip(names, first, last, strict=True):
        if a.shape != b.shape:
            raise ValueError(
                f"start and end must be the same networks, {name} has shape {tuple(a.shape)} in "
                f"start and {tuple(b.shape)} in end"
            )
    theta, goal = (
        flatten([p.detach() for p in ps]).double().to(end.device) for ps in (first, last)
    )
    finite(goal, "every parameter of both players", look="look for the step that made them so")
    line = goal - theta
    if not bool(torch.isfinite(line).all()):
        raise ValueError("start must be finite, it holds NaN or infinity")
    if float(line.norm()) == 0.0:
        raise ValueError("start and end are the same point: there is no line between them")
    return line


def _parts(start: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    size = sum(p.numel() for p in like)
    if start.shape != (size,):
        raise ValueError(
            f"start and end must be the same networks, start has shape {tuple(start.shape)} and end "
            f"has {size} parameters"
        )
    return unflatten(start, like)


def _tensors(start: Game | States, end: Game) -> list[Tensor]:
    if not isinstance(start, tuple):
        return [*start.parameters("generator"), *start.parameters("discriminator")]
    out: list[Tensor] = []
    for player, state in zip(("generator", "discriminator"), start, strict=True):
        for name in end.parameter_names(player):
            if name not in state:
                raise ValueError(f"start's state dict of the {player} has no parameter {name!r}")
            out.append(state[name])
    return out


def _walk(
    game: Game, batch: Batch, line: Tensor, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cosine with the line and norm of the field [points] along it, on one batch.

    NaN where the game overflows: training never was between two checkpoints or beyond the last.
    """
    direction = line / line.norm()
    angles, norms = np.full((2, len(points)), np.nan)
    for i, alpha in enumerate(points):
        try:
            v = field(game, batch, shift=((float(alpha) - 1.0) * line).to(game.dtype)).double()
        except NotFinite:
            if alpha == 1.0:
                raise
            continue
        size = float(v.norm())
        norms[i] = size if np.isfinite(size) else np.nan
        if norms[i] > 0.0:
            angles[i] = float(v @ direction) / norms[i]
    return angles, norms


def _numbers(
    points: np.ndarray, angles: np.ndarray, norms: np.ndarray, *, alone: bool
) -> dict[str, Quantity]:
    at_end = int(np.argmin(np.abs(points - 1.0)))
    values: dict[str, np.ndarray] = {
        "angle_at_end": np.nan_to_num(angles[:, at_end]),
        "norm_at_end": norms[:, at_end],
        "bump": np.array([_bump(points, a) for a in angles]),
    }
    crossings = np.array([_crossing(points, a)[0] for a in angles])
    if np.isfinite(crossings).all():
        values["sign_change"] = crossings
    out: dict[str, Quantity] = {}
    for name, each in values.items():
        value, error = (float(each[0]), None) if alone else mean_and_error(each)
        out[name] = Quantity(value=value, sampling_error=error)
    return out


def _beside(points: np.ndarray) -> np.ndarray:
    return np.abs(points - 1.0) <= _BESIDE


def _bump(points: np.ndarray, angles: np.ndarray) -> float:
    """How far |cosine| rises beside the end above its larger value at the two sides; at least 0.

    Far from a stationary point of a linear field the cosine has one modulus on both sides, so what
    stands out above it is the turn.
    """
    near = np.flatnonzero(_beside(points) & np.isfinite(angles))
    if len(near) < 3:
        return 0.0
    size = np.abs(angles[near])
    return max(0.0, float(size.max() - max(size[0], size[-1])))


def _crossing(points: np.ndarray, angles: np.ndarray) -> tuple[float, int]:
    """Where the cosine changes sign beside the end, nearest to it, and to which sign; NaN and 0."""
    known = np.flatnonzero(np.isfinite(angles) & (angles != 0.0) & _beside(points))
    best, sign = float("nan"), 0
    for i, j in pairwise(known):
        if angles[i] * angles[j] < 0.0:
            share = angles[i] / (angles[i] - angles[j])
            at = float(points[i] + share * (points[j] - points[i]))
            if not abs(at - 1.0) >= abs(best - 1.0):
                best, sign = at, int(np.sign(angles[j]))
    return best, sign


def _passage(
    quantities: Mapping[str, Quantity], points: np.ndarray, angles: np.ndarray, height: float
) -> Passage:
    if not quantities:
        return Passage.unclear
    signs = {_crossing(points, a)[1] for a in angles}
    sign = signs.pop() if len(signs) == 1 else 0
    bump = quantities["bump"]
    turns = bump.value - 2.0 * (bump.sampling_error or 0.0) > height
    names = {1: "attracted", -1: "repelled", 0: ""}
    words = [w for w in (names[sign], "bump" if turns else "") if w]
    return Passage("_".join(words)) if words else Passage.unclear


def _rows(points: np.ndarray, angles: np.ndarray, norms: np.ndarray) -> list[dict[str, Any]]:
    if not len(angles):
        return []
    return [
        {"alpha": float(a), "angle": float(c), "norm": float(v)}
        for a, c, v in zip(points, angles.mean(0), norms.mean(0), strict=True)
    ]
