"""In how many dimensions does the generator move, and in how many do its samples lie?

Two answers from two sides. Where the latents are at hand, the singular values of dG/dz: their
number is the dimension of the image near that sample, their spread says how unequally latent
directions are used. From samples alone, the estimate of Levina and Bickel, from how fast the number
of neighbours grows with distance, on generated and on real samples of the same number, because it
depends on that number.

With m latents (coordinates that vary continuously) and n > m outputs the image of a locally Lipschitz generator has volume zero: its law
has no density, whatever the rank (`low-dimensional-generator-has-no-density`). With m >= n the law
has one exactly off the latents at which the rank is below n.

Where batch norm runs on the statistics of a batch, a sample is a function of all latents beside it.
Then the derivative of each sample in its own latent is taken, the others held, one at a time, and
no conclusion about the law is drawn from its rank. Beside the spectra at random latents stand those
at latents whose samples lie on the data and in its gaps (`generator_jacobian`).

Source: Levina and Bickel (2004) for the likelihood, MacKay and Ghahramani (2005) for averaging its
inverse; Odena et al. (2018) for the condition number of a generator.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.semantics import on_batch_statistics
from gancheck.measures.figures import (
    FAILING,
    GENERATOR,
    MUTED,
    REAL,
    WIDE,
    interval,
    label,
    new_figure,
    number_text,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)
from gancheck.measures.generator_jacobian import (
    SpectraByPlace,
    continuous,
    spectra_by_place,
    spectra_of,
    spectra_of_mixed,
)
from gancheck.measures.medians import median_interval
from gancheck.measures.player_hessian import mean_and_error
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from torch import Tensor

    from gancheck.games.game import Game

__all__ = [
    "FEWEST",
    "LocalDimension",
    "levina_bickel",
    "local_dimension",
    "numerical_rank",
    "plot_by_place",
]

_LATENTS = 32
_MIXED_LATENTS = 2  # each costs a Jacobian of a whole batch of its own
_LARGEST = 1024  # products a Jacobian may take: beyond it none is formed
_POINTS = 2000  # of each kind for the neighbours
_NEIGHBOURS = 10
FEWEST = 50  # points: below it ten neighbours are no neighbourhood
# Neighbourhoods share points: on normal samples in 1 to 10 dimensions, 300 and 1000 points, the
# estimate varied 0.97 to 1.26 times as much as independent terms would.
_DEPENDENCE = 1.3
_SAME = 1e-7  # of the spread: nearer than that float64's distances in a product form are rounding


@dataclass(frozen=True, kw_only=True)
class LocalDimension(Measurement):
    """Spectra of the generator's Jacobian and dimensions of both samples.

    Attributes:
        spectra: [latents, min(m, n)] singular values, descending; [0, 0] where none were formed.
        by_place: the same at latents whose samples lie on the data and in its gaps.
        latent: m, coordinates of a latent that vary continuously.
        ambient: n, coordinates of a sample.
        mixes: samples are functions of a whole batch of latents.
        connected: the latent law's support is a connected set.
        skipped: why there are no spectra; "" where there are.
    """

    spectra: np.ndarray
    by_place: SpectraByPlace
    latent: int
    ambient: int
    mixes: bool
    connected: bool
    skipped: str

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Singular values in order, on the data and in its gaps where both are known; dimensions."""
        _, (top, bottom) = new_figure(width_px, 380, rows=2, height_ratios=(5, 3))
        if self.by_place.in_gap.size:
            plot_by_place(top, self.by_place)
        else:
            _plot_fans(top, [("at random latents", self.spectra, GENERATOR)], self.skipped)
        for y, (name, colour) in enumerate((("real", REAL), ("generated", GENERATOR))):
            if f"dimension_{name}" in self.quantities:
                q = self.quantities[f"dimension_{name}"]
                interval(bottom, q.interval[0], q.value, q.interval[1], y, colour)
                label(bottom, q.value, y, name, colour, dy=13, align="center")
        reference(bottom, self.latent, text=f"{self.latent} latents", color=MUTED)
        bottom.set_ylim(-0.6, 2.2)
        bottom.set_xlim(left=0)
        set_ticks(bottom, "y", [])
        x_title(bottom, "dimension from neighbours, with 95 % intervals")
        return np.array([top, bottom])


def local_dimension(game: Game, plan: Plan | None = None) -> LocalDimension:
    """Measure the generator's Jacobian at up to 32 latents and the dimension of at most 2000 samples.

    Returns:
        `latent_dimension`, `ambient_dimension`; where min(m, n) <= 1024 `jacobian_rank` (largest
        found, at singular values above max(m, n) machine epsilons of the largest),
        `deficient_share` (latents of a rank below min(m, n)), `condition_number`, `effective_rank`
        and `largest_stretch` (medians over latents), and, where the data has gaps and latents fall
        into them, `stretch_on_data` and `stretch_in_gap` (its medians there); where there are 50
        different samples, `dimension_generated` and `dimension_real`.

    Raises:
        NotApplicable: an analytic game.

    Cost: min(m, n) differentiated passes of 32 samples, in float64, thrice (where batch norm mixes
    samples, of one minibatch for each of 2 latents); distances between 2000 samples, twice.
    """
    plan = plan or Plan()
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    start = time.perf_counter()
    limit = game.data.size
    count = min(plan.samples, _POINTS if limit is None else min(_POINTS, limit))
    fake = game.draw_samples(count, seed=plan.seed).flatten(1)
    real = game.draw_real(count, seed=plan.seed).flatten(1)
    m, n = int(continuous(game.latent).sum()), fake.shape[1]
    mixes = on_batch_statistics(game.modules["generator"], game.batch_norm)
    # A generator that runs outside torch says so; its samples can still be counted in.
    skipped = _why_none(m, n) or getattr(game.modules["generator"], "without_derivative", "")
    spectra = np.zeros((0, 0))
    by_place = SpectraByPlace(on_data=spectra, in_gap=spectra, doubt=skipped)
    quantities = {
        "latent_dimension": Quantity(value=m, kind="exact"),
        "ambient_dimension": Quantity(value=n, kind="exact"),
    }
    dtype = str(game.dtype)
    if not skipped:
        if mixes:
            batch = game.draw_latent(plan.gradient_batch, seed=plan.seed)
            spectra, dtype = spectra_of_mixed(game, batch, count=_MIXED_LATENTS, seed=plan.seed)
        else:
            z = game.draw_latent(_LATENTS, seed=plan.seed)
            spectra, dtype = spectra_of(game, z, seed=plan.seed)
        by_place = spectra_by_place(game, plan)
        quantities |= _of_spectra(spectra, m, n, float(np.finfo(dtype).eps))
        if by_place.in_gap.size:
            quantities["stretch_on_data"] = _median(by_place.on_data[:, 0])
            quantities["stretch_in_gap"] = _median(by_place.in_gap[:, 0])
    for name, x in (("generated", fake), ("real", real)):
        found = _dimension_or_none(x)
        if found is not None:
            quantities[f"dimension_{name}"] = found
    return LocalDimension(
        quantities=quantities,
        rows=[
            {"latent": i, "index": j + 1, "singular_value": float(s)}
            for i, row in enumerate(spectra)
            for j, s in enumerate(row)
        ],
        provenance={
            "latents": len(spectra),
            "samples": count,
            "neighbours": _NEIGHBOURS,
            "jacobian_dtype": dtype,
            "no_gap_because": by_place.doubt,
            "semantics": game.semantics()["generator"],
            "seed": plan.seed,
            "seconds": time.perf_counter() - start,
        },
        spectra=spectra,
        by_place=by_place,
        latent=m,
        ambient=n,
        mixes=mixes,
        connected=game.latent.connected_support,
        skipped=skipped,
    )


def numerical_rank(s: np.ndarray, shape: tuple[int, int], eps: float) -> np.ndarray:
    """How many of the singular values [..., k] are above max(shape) eps times the largest."""
    return (s > max(shape) * eps * s[..., :1]).sum(-1)


def levina_bickel(x: ArrayLike, *, neighbours: int = _NEIGHBOURS) -> Quantity:
    """The dimension of a sample [n, d] from the distances to its nearest neighbours.

    The inverse dimension is the mean of log(T_k / T_j) over points and j < k. Repeated points are
    counted once. It falls short in more than about ten dimensions, and follows noise where its
    size is that of the distance to the neighbours.

    Args:
        x: samples, flattened from the second axis on.
        neighbours: k, at least 3.

    Raises:
        ValueError: values that are not finite, fewer than 50 different points, or too few for
            `neighbours`.

    Example:
        >>> line = np.random.default_rng(0).random((1000, 1)) * np.ones((1, 7))
        >>> round(levina_bickel(line).value, 1)
        1.0
    """
    points = torch.as_tensor(np.asarray(x, dtype=np.float64)).flatten(1)
    if not bool(torch.isfinite(points).all()):
        raise ValueError("x must be finite, got NaN or infinite values; drop those samples")
    if neighbours < 3:
        raise ValueError(f"neighbours must be at least 3, got {neighbours}")
    points = torch.unique(points - points.mean(0), dim=0)
    need = max(FEWEST, 2 * neighbours)
    if len(points) < need:
        raise ValueError(f"x must hold at least {need} different points, got {len(points)}")
    t = _nearest(points, neighbours)
    near = t[:, 0] > _SAME * float(points.norm(dim=1).max())
    t = t[near]
    if len(t) < need:
        raise ValueError(f"x must hold at least {need} points apart from each other, got {len(t)}")
    logs = torch.log(t[:, -1:] / t[:, :-1]).mean(1).numpy()
    inverse, error = mean_and_error(logs)
    if not inverse > 0.0:
        raise ValueError("x has neighbours that are all equally far, as on a grid: no dimension")
    half = 2.0 * _DEPENDENCE * error
    return Quantity(
        value=1.0 / inverse,
        sampling_error=_DEPENDENCE * error / inverse**2,
        low=1.0 / (inverse + half),
        high=1.0 / (inverse - half) if inverse > half else float("inf"),
    )


def _nearest(points: Tensor, k: int) -> Tensor:
    """Distances [n, k] to the k nearest others, ascending, in blocks of rows."""
    parts: list[Tensor] = []
    for first in range(0, len(points), 500):
        d = torch.cdist(points[first : first + 500], points)
        rows = torch.arange(len(d))
        d[rows, rows + first] = torch.inf
        parts.append(torch.topk(d, k, largest=False).values)
    return torch.cat(parts)


def _dimension_or_none(x: Tensor) -> Quantity | None:
    """The estimate, or None where the samples are too few or too much alike for one."""
    if not bool(torch.isfinite(x).all()):
        raise ValueError("samples must be finite; look for NaN in the parameters or in the data")
    try:
        return levina_bickel(x.numpy(force=True))
    except ValueError:
        return None


def _why_none(m: int, n: int) -> str:
    """Why no Jacobian is formed; "" where they are."""
    if m == 0:
        return "no coordinate of the latent varies continuously, so there is no Jacobian"
    if min(m, n) > _LARGEST:
        return f"a Jacobian of {n} by {m} is not formed: min(m, n) is above {_LARGEST}"
    return ""


def plot_by_place(ax: Axes, found: SpectraByPlace) -> None:
    """Singular values at latents whose samples lie on the data and in a gap, apart."""
    fans = [("on the data", found.on_data, GENERATOR), ("in a gap", found.in_gap, FAILING)]
    _plot_fans(ax, fans, found.doubt)


def _plot_fans(ax: Axes, fans: list[tuple[str, np.ndarray, str]], skipped: str) -> None:
    """Median and range of singular values in order; a fan is named where it ends."""
    fans = [(name, s[:, s.max(0) > 0.0], colour) for name, s, colour in fans if s.size]
    positive = [s[s > 0.0] for _, s, _ in fans if s.size]
    if not positive:
        ax.text(0.5, 0.5, skipped or "all zero", transform=ax.transAxes, ha="center", wrap=True)
        ax.set_axis_off()
        return
    low, high = (float(f(np.concatenate(positive))) for f in (np.min, np.max))
    widest = max(s.shape[1] for _, s, _ in fans)
    for i, (name, s, colour) in enumerate(fans):
        index = np.arange(1, s.shape[1] + 1)
        floor = np.maximum(s, low)
        ax.fill_between(index, floor.min(0), floor.max(0), color=colour, alpha=0.2)
        ax.semilogy(index, np.median(floor, 0), "o-", color=colour, markersize=4)
        if len(fans) > 1:
            _name_fan(ax, i, name, colour)
    ax.set_xlim(0.5, widest + 0.5)
    set_ticks(ax, "x", np.arange(1, widest + 1, max(1, widest // 8)))
    marks = np.geomspace(low, high, 3)
    set_ticks(ax, "y", marks, [number_text(mark, 2) for mark in marks])
    y_title(ax, "singular values of dG/dz: median and range over latents")
    x_title(ax, "index")


def _name_fan(ax: Axes, line: int, name: str, colour: str) -> None:
    ax.text(0.99, 0.96 - 0.1 * line, name, color=colour, weight="bold", ha="right", va="top",
            transform=ax.transAxes)  # fmt: skip


def _of_spectra(s: np.ndarray, m: int, n: int, eps: float) -> dict[str, Quantity]:
    ranks = numerical_rank(s, (n, m), eps)
    best = int(ranks.max())
    energy = np.maximum((s**2).sum(1), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = np.where(ranks == min(m, n), s[:, 0] / s[:, -1], np.inf)
    return {
        "jacobian_rank": Quantity(value=best, kind="lower", low=best, high=min(m, n)),
        "deficient_share": share(int((ranks < min(m, n)).sum()), len(s)),
        "condition_number": _median(condition),
        "effective_rank": _median(energy**2 / np.maximum((s**4).sum(1), np.finfo(float).tiny)),
        "largest_stretch": _median(s[:, 0]),
    }


def _median(x: np.ndarray) -> Quantity:
    """Median over latents with the order-statistic 95 % interval; infinite values count as such."""
    if not np.isfinite(x).all():
        x = np.sort(x)
        value = float(x[(len(x) - 1) // 2])
        return Quantity(value=value, kind="lower", low=float(x[0]), high=float(x[-1]))
    found = median_interval(x.tolist())
    return Quantity(value=found.value, low=found.low, high=found.high)
