"""How much latent mass falls into gaps so thin that no sample hits them?

Counting hits needs 1/mass samples. Along a line through the latent space the law is known in closed
form (`gancheck.games.line_law`), so where a line crosses a gap, bisection finds both ends and the
mass between them is a difference of distribution functions, however thin it is. The mean over lines
is unbiased for any direction that is drawn without looking at the line's point. Each direction is
the sum of two differences of pilot latents that the generator sends to different components:
isotropic ones make the variance of the mean diverge, and its interval too short.

Not seen: a gap that a line enters and leaves between two neighbouring points of its grid without a
change of component, and everything beyond seven standard deviations. Both make the estimate small.

Source: line sampling as in Koutsourelakis, Pradlwarter and Schueller (2004).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import stdtrit

from gancheck.diagnosis import Measurement, NotApplicable, Quantity
from gancheck.games.streams import stream
from gancheck.measures.data_gaps import GAP
from gancheck.measures.figures import (
    GENERATOR,
    WIDE,
    new_figure,
    page_style,
    reference,
    x_title,
    y_title,
)
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from gancheck.games.latents import Latent
    from gancheck.games.line_law import LineLaw

__all__ = ["GAP", "LineMass", "gap_mass"]

_ENOUGH = 30  # hits from which counting is as good as lines, and simpler
_GRID = 25  # points on a line: half a standard deviation apart
_BLOCK = 256  # lines in the generator at once
_HALVINGS = 60
_SHUFFLES = 8  # each pairs about half of what is left, where two components weigh the same
_SHARP = 1e-3  # ends of a gap are found to this part of its width
_LEAST = 2
_SYMMETRIC = 1e-6  # skewness over root m below which the transformation is the identity in float64


@dataclass(frozen=True, kw_only=True)
class LineMass(Measurement):
    """Latent mass of the gaps.

    Attributes:
        method: `counting` or `lines`.
        because: why this one.
        calls: latents whose label was asked for.
        hits: of the counted draws that fell into a gap.
        jumps: changes of component between which no gap was found down to the last digit: a
            generator that is not continuous, or a gap thinner than its precision.
        per_line: [lines] mass on each line; empty where hits were counted.
    """

    method: str
    because: str
    calls: int
    hits: int
    jumps: int
    per_line: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """How the mass is spread over the lines that cross a gap."""
        if not (self.per_line > 0.0).any():
            raise NotApplicable(f"no line that crosses a gap: {self.because}")
        _, ax = new_figure(width_px, 220)
        logs = np.log10(self.per_line[self.per_line > 0.0])
        ax.hist(logs, bins=40, color=GENERATOR)
        mass = self.quantities["gap_mass"].value
        reference(ax, math.log10(mass), text=f"mean over all lines {mass:.2g}")
        x_title(ax, "log10 of the mass on a line that crosses")
        y_title(ax, f"lines (of {len(self.per_line)})")
        return ax


def gap_mass(
    label: Callable[[torch.Tensor], torch.Tensor],
    latent: Latent,
    *,
    draws: int = 10_000,
    lines: int = 2000,
    enough: int = _ENOUGH,
    seed: int = 0,
) -> LineMass:
    """Latent mass of the gaps: by counting, and by lines where fewer than `enough` draws hit.

    Args:
        label: latents [m, size], float64 on the CPU -> [m] integers: the component of each sample,
            or `GAP` (-1).
        latent: the law.
        draws: counted first; they are also the pilots that give directions.
        lines: to be crossed where hits are few.
        enough: hits from which counting suffices; 0 never draws a line.
        seed: of draws and lines.

    Returns:
        `gap_mass` with a 95 % interval: Clopper-Pearson for a count, Hall's for lines.

    Raises:
        ValueError: fewer than two draws or lines, or labels that are not one integer a latent.

    Cost: `draws` labels, and some 25 a line and 40 more a crossing.
    """
    for name, value in (("draws", draws), ("lines", lines)):
        if value < _LEAST:
            raise ValueError(f"{name} must be at least {_LEAST}, got {value}")
    start = time.perf_counter()
    asked = _Asked(label)
    rng = stream(seed, "latent")
    pilots = latent.sample(draws, rng)
    kinds = asked(pilots)
    hits = int((kinds == GAP).sum())
    found = np.empty(0)
    mass, method, jumps = share(hits, draws), "counting", 0
    if hits >= enough:
        because = f"{hits} of {draws} draws hit a gap, enough to count"
    else:
        because, law = _lines_of(latent, hits, draws)
        if law is not None:
            z = latent.sample(lines, rng).numpy()
            u = _directions(z, pilots.numpy(), kinds, law, np.random.default_rng(seed))
            if u is None:
                because = f"{hits} of {draws} draws hit a gap and all others are of one component"
            else:
                found, jumps = _cross(asked, law, z, u)
                mass, method = _mean(found), "lines"
    return LineMass(
        quantities={"gap_mass": mass},
        method=method,
        because=because,
        calls=asked.count,
        hits=hits,
        jumps=jumps,
        per_line=found,
        rows=[{"line": i, "mass": float(p)} for i, p in enumerate(found) if p > 0.0],
        provenance={
            "latent": latent.law,
            "draws": draws,
            "lines": len(found),
            "calls": asked.count,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
    )


class _Asked:
    """The labels, counted and checked."""

    def __init__(self, label: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._label, self.count = label, 0

    def __call__(self, z: torch.Tensor) -> np.ndarray:
        self.count += len(z)
        found: Any = self._label(z)
        if not isinstance(found, torch.Tensor):
            found = torch.as_tensor(np.asarray(found))
        if found.shape != (len(z),) or found.is_floating_point() or found.is_complex():
            raise ValueError(
                f"label must give one integer a latent, got shape {tuple(found.shape)} of "
                f"{found.dtype} for {len(z)}"
            )
        return found.cpu().numpy().astype(np.int64)


def _lines_of(latent: Latent, hits: int, draws: int) -> tuple[str, LineLaw | None]:
    """Why lines, and their law; or why none."""
    few = f"{hits} of {draws} draws hit a gap, too few to count"
    try:
        return few, latent.along_lines()
    except ValueError as reason:
        return f"{few}, but {reason}", None


def _mean(found: np.ndarray) -> Quantity:
    """Mean over lines with an interval that allows for their skewness, not below zero.

    Most lines carry little and a few carry much, so Student's interval lies too low. Hall's cubic
    transformation of the t statistic takes the skewness out; without skewness it is Student's.

    Source: Hall (1992), "On the removal of skewness by transformation".
    """
    m = len(found)
    value, spread = float(found.mean()), float(found.std(ddof=1))
    error = spread / math.sqrt(m)
    centred = found - value
    third = float((centred**3).mean()) / spread**3 / math.sqrt(m) if spread > 0.0 else 0.0
    t = float(stdtrit(m - 1, 0.975))

    def unskewed(x: float) -> float:
        if abs(third) < _SYMMETRIC:
            return x
        return 3.0 / third * (float(np.cbrt(1.0 + third * (x - third / 6.0))) - 1.0)

    return Quantity(
        value=value,
        sampling_error=error,
        unit="share",
        low=max(0.0, value - error * unskewed(t)),
        high=value - error * unskewed(-t),
    )


def _directions(
    z: np.ndarray,
    pilots: np.ndarray,
    kinds: np.ndarray,
    law: LineLaw,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """A unit direction [m, size] for each point: from pilot pairs of its class in two components.

    A class whose pilots are all of one component has no such pair; its lines go anywhere. None
    where no class has a pair.
    """
    fixed = ~law.free
    u = rng.standard_normal(z.shape)
    u[:, fixed] = 0.0
    any_pair = False
    usable = np.flatnonzero(kinds != GAP)
    _, which = np.unique(np.concatenate([pilots, z])[:, fixed], axis=0, return_inverse=True)
    which = which.ravel()
    for group in np.unique(which[len(pilots) :]):
        one, other = _pairs(usable[which[usable] == group], kinds, rng)
        if len(one) == 0:
            continue
        any_pair = True
        pairs = rng.permutation(_twofold(pilots, kinds, one, other))
        rows = np.flatnonzero(which[len(pilots) :] == group)
        u[rows] = pairs[np.arange(len(rows)) % len(pairs)]
        u[np.ix_(rows, np.flatnonzero(fixed))] = 0.0
    return u / np.linalg.norm(u, axis=1, keepdims=True) if any_pair else None


def _pairs(
    own: np.ndarray, kinds: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint random pairs of different components: those left over are shuffled again."""
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    for _ in range(_SHUFFLES):
        own = rng.permutation(own)
        one, other = own[0 : len(own) // 2 * 2 : 2], own[1::2]
        apart = kinds[one] != kinds[other]
        first.append(one[apart])
        second.append(other[apart])
        own = np.concatenate([one[~apart], other[~apart]])
    return np.concatenate(first), np.concatenate(second)


def _twofold(
    pilots: np.ndarray, kinds: np.ndarray, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Sums of two differences between the same two components; of one, where a pair is left over.

    Two point across the gap more surely than one: few lines run along it, and those are the ones
    that carry much mass and make the interval unsure.
    """
    swap = kinds[one] > kinds[other]
    one, other = np.where(swap, other, one), np.where(swap, one, other)
    between = np.stack([kinds[one], kinds[other]], axis=1)
    _, group = np.unique(between, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    size = np.bincount(group.ravel())
    place = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size)
    start = np.repeat(np.cumsum((size + 1) // 2) - (size + 1) // 2, size)
    out = np.zeros((int(((size + 1) // 2).sum()), pilots.shape[1]))
    np.add.at(out, start + place // 2, pilots[one[order]] - pilots[other[order]])
    return out


def _cross(asked: _Asked, law: LineLaw, z: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, int]:
    """Mass [m] of the gaps on each line, and the number of jumps."""
    total = np.zeros(len(z))
    jumps = 0
    for begin in range(0, len(z), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        points, steps = z[block], u[block]
        lines = law.lines(points, steps)
        grid = lines.grid(_GRID)

        def at(
            line: np.ndarray, t: np.ndarray, p: np.ndarray = points, s: np.ndarray = steps
        ) -> np.ndarray:
            return asked(torch.from_numpy(p[line] + t[:, None] * s[line]))

        every = np.repeat(np.arange(len(points)), _GRID)
        kinds = at(every, grid.ravel()).reshape(grid.shape)
        line, low, high, lost = _gaps(at, grid, kinds)
        np.add.at(total[block], line, lines.mass(line, low, high))
        jumps += lost
    return total, jumps


def _gaps(
    at: Callable[[np.ndarray, np.ndarray], np.ndarray], grid: np.ndarray, kinds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Pieces of lines inside a gap: which line, where it begins and ends; and the jumps.

    Between neighbouring points: both in a gap, the piece between; one, the piece up to the edge;
    in different components, a gap is looked for by halving the stretch in which the component
    changes.
    """
    left, right = kinds[:, :-1], kinds[:, 1:]
    line, k = np.nonzero((left == GAP) & (right == GAP))
    pieces = [(line, grid[line, k], grid[line, k + 1])]
    for inside_first in (True, False):
        line, k = np.nonzero(((left == GAP) != (right == GAP)) & ((left == GAP) == inside_first))
        inner = grid[line, k + (not inside_first)]
        edge = _edge(at, line, inner, grid[line, k + inside_first], np.zeros(len(line)))
        pieces.append((line, np.minimum(inner, edge), np.maximum(inner, edge)))
    line, k = np.nonzero((left != GAP) & (right != GAP) & (left != right))
    low, high, inner = _first_gap(at, line, grid[line, k], grid[line, k + 1], kinds[line, k])
    found = np.isfinite(inner)
    line, low, high, inner = line[found], low[found], high[found], inner[found]
    start = _edge(at, line, inner, low, np.zeros(len(line)))
    end = _edge(at, line, inner, high, inner - start)
    pieces.append((line, start, end))
    lines, starts, ends = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return lines, starts, ends, int((~found).sum())


def _first_gap(
    at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    line: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    kind: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A point in the gap between low (of this component) and high, and the stretch it was found in.

    NaN where the component changes from one floating-point number to the next.
    """
    low, high = low.copy(), high.copy()
    inner = np.full(len(line), np.nan)
    todo = np.arange(len(line))
    for _ in range(_HALVINGS):
        if len(todo) == 0:
            break
        middle = 0.5 * (low[todo] + high[todo])
        got = at(line[todo], middle)
        hit, same = got == GAP, got == kind[todo]
        inner[todo[hit]] = middle[hit]
        low[todo[same]] = middle[same]
        high[todo[~hit & ~same]] = middle[~hit & ~same]
        todo = todo[~hit]
    return low, high, inner


def _edge(
    at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    line: np.ndarray,
    inside: np.ndarray,
    outside: np.ndarray,
    width: np.ndarray,
) -> np.ndarray:
    """Where the gap ends between a point inside and one outside, to a part of its width.

    Args:
        at: labels of positions on lines.
        line: [m] which lines.
        inside: [m] positions in the gap.
        outside: [m] positions out of it.
        width: [m] what is known of the gap on the other side of `inside`.
    """
    inner, outer = inside.copy(), outside.copy()
    todo = np.arange(len(line))
    for _ in range(_HALVINGS):
        known = width[todo] + np.abs(inner[todo] - inside[todo])
        todo = todo[np.abs(outer[todo] - inner[todo]) > _SHARP * known]
        if len(todo) == 0:
            break
        middle = 0.5 * (inner[todo] + outer[todo])
        hit = at(line[todo], middle) == GAP
        inner[todo[hit]] = middle[hit]
        outer[todo[~hit]] = middle[~hit]
    return 0.5 * (inner + outer)
