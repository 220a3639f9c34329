"""In how many dimensions does the generator move, and in how many do its samples lie?

Two answers from two sides. Where the latents are at hand, the singular values of dG/dz: their
number is the dimension of the image near that sample, their spread says how unequally latent
directions are used. From samples alone, the estimate of Levina and Bickel, from how fast the number
of neighbours grows with distance, on generated and on real samples of the same number, because it
depends on that number.

With m latents and n > m outputs the image of a locally Lipschitz generator has volume zero: its law
has no density, whatever the rank (`low-dimensional-generator-has-no-density`). With m >= n the law
has one exactly off the latents at which the rank is below n.

The Jacobian is exact: n backward passes where n is small, else m products by differentiating a
backward pass; neither is vectorised by vmap. Where batch norm runs on the statistics of a batch, a
sample is a function of all latents beside it. Then the derivative of each sample in its own latent
is taken, the others held, one at a time, and no conclusion about the law is drawn from its rank.

Source: Levina and Bickel (2004) for the likelihood, MacKay and Ghahramani (2005) for averaging its
inverse; Odena et al. (2018) for the condition number of a generator.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, Plan, Quantity
from gancheck.games.semantics import on_batch_statistics
from gancheck.measures.figures import (
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
from gancheck.measures.medians import median_interval
from gancheck.measures.player_hessian import mean_and_error
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike
    from torch import Tensor

    from gancheck.games.game import Game

__all__ = ["LocalDimension", "jacobians", "levina_bickel", "local_dimension", "numerical_rank"]

_LATENTS = 32
_MIXED_LATENTS = 2  # each costs a Jacobian of a whole batch of its own
_LARGEST = 1024  # products a Jacobian may take: beyond it none is formed
_POINTS = 2000  # of each kind for the neighbours
_NEIGHBOURS = 10
_FEWEST = 50  # points: below it ten neighbours are no neighbourhood
# Neighbourhoods share points: on normal samples in 1 to 10 dimensions, 300 and 1000 points, the
# estimate varied 0.97 to 1.26 times as much as independent terms would.
_DEPENDENCE = 1.3
_SAME = 1e-7  # of the spread: nearer than that float64's distances in a product form are rounding


@dataclass(frozen=True, kw_only=True)
class LocalDimension(Measurement):
    """Spectra of the generator's Jacobian and dimensions of both samples.

    Attributes:
        spectra: [latents, min(m, n)] singular values, descending; [0, 0] where none were formed.
        latent: m, coordinates of a latent.
        ambient: n, coordinates of a sample.
        mixes: samples are functions of a whole batch of latents.
        connected: the latent law's support is a connected set.
        skipped: why there are no spectra; "" where there are.
    """

    spectra: np.ndarray
    latent: int
    ambient: int
    mixes: bool
    connected: bool
    skipped: str

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Singular values in order, median and range over latents; below, both dimensions."""
        _, (top, bottom) = new_figure(width_px, 360, rows=2, height_ratios=(5, 3))
        shown = self.spectra[:, self.spectra.max(0) > 0.0] if self.spectra.size else self.spectra
        if shown.size:
            index = np.arange(1, shown.shape[1] + 1)
            floor = np.maximum(shown, shown[shown > 0.0].min())
            top.fill_between(index, floor.min(0), floor.max(0), color=GENERATOR, alpha=0.2)
            top.semilogy(index, np.median(floor, 0), "o-", color=GENERATOR, markersize=3)
            top.set_xlim(0.5, shown.shape[1] + 0.5)
            step = max(1, shown.shape[1] // 8)
            set_ticks(top, "x", index[::step])
            marks = np.geomspace(floor.min(), floor.max(), 3)
            set_ticks(top, "y", marks, [number_text(mark, 2) for mark in marks])
        else:
            top.text(0.5, 0.5, self.skipped or "all zero", transform=top.transAxes, ha="center")
        y_title(top, "singular values of dG/dz: median and range over latents")
        x_title(top, "index")
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
        and `largest_stretch` (medians over latents); where there are 50 different samples,
        `dimension_generated` and `dimension_real`.

    Raises:
        NotApplicable: an analytic game.

    Cost: min(m, n) differentiated passes of 32 samples, in float64 (where batch norm mixes samples,
    of one minibatch for each of 2 latents); distances between 2000 samples.
    """
    plan = plan or Plan()
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    start = time.perf_counter()
    limit = game.data.size
    count = min(plan.samples, _POINTS if limit is None else min(_POINTS, limit))
    fake = game.draw_samples(count, seed=plan.seed).flatten(1)
    real = game.draw_real(count, seed=plan.seed).flatten(1)
    m, n = game.latent.size, fake.shape[1]
    mixes = on_batch_statistics(game.modules["generator"], game.batch_norm)
    skipped = ""
    if min(m, n) > _LARGEST:
        skipped = f"a Jacobian of {n} by {m} is not formed: min(m, n) is above {_LARGEST}"
    spectra = np.zeros((0, 0))
    quantities = {
        "latent_dimension": Quantity(value=m, kind="exact"),
        "ambient_dimension": Quantity(value=n, kind="exact"),
    }
    dtype = str(game.dtype)
    if not skipped:
        matrices, dtype = _formed(game, plan, mixes=mixes)
        if not np.isfinite(matrices).all():
            raise ValueError("dG/dz must be finite; look for NaN in the generator's parameters")
        spectra = np.linalg.svd(matrices, compute_uv=False)
        quantities |= _of_spectra(spectra, m, n, float(np.finfo(dtype).eps))
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
            "semantics": game.semantics()["generator"],
            "seed": plan.seed,
            "seconds": time.perf_counter() - start,
        },
        spectra=spectra,
        latent=m,
        ambient=n,
        mixes=mixes,
        connected=game.latent.connected_support,
        skipped=skipped,
    )


def jacobians(generate: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """The derivative of each sample in its own latent, [k, n, m], for latents z [k, m].

    Exact where a sample depends on no latent but its own; else row i sums over all samples.

    Cost: n backward passes of k samples, or, where n > 2 m, m backward passes through one.

    Example:
        >>> jacobians(lambda z: z.square(), torch.tensor([[1.0, 2.0]])).tolist()
        [[[2.0, 0.0], [0.0, 4.0]]]
    """
    with torch.enable_grad():
        z = z.detach().clone().requires_grad_()
        out = generate(z).flatten(1)
        n, m = out.shape[1], z.shape[1]
        if n <= 2 * m:
            rows = [_gradient(out[:, j].sum(), z) for j in range(n)]
            return torch.stack(rows, dim=1).detach()
        # J v is the derivative, in u, of J^T u, which is linear in u
        u = torch.zeros_like(out, requires_grad=True)
        (pulled,) = torch.autograd.grad(
            out, z, u, create_graph=True, allow_unused=True, materialize_grads=True
        )
        columns = [_gradient(pulled[:, i].sum(), u) for i in range(m)]
        return torch.stack(columns, dim=2).detach()


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
    need = max(_FEWEST, 2 * neighbours)
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


def _gradient(value: Tensor, at: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(at)
    (out,) = torch.autograd.grad(
        value, at, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return out


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


def _formed(game: Game, plan: Plan, *, mixes: bool) -> tuple[np.ndarray, str]:
    """Jacobians [latents, n, m] in float64 where the modules can be copied, and their dtype."""
    with contextlib.suppress(RuntimeError):  # a module that cannot be copied is measured as it is
        game = game.in_float64()
    dtype = str(game.dtype).removeprefix("torch.")

    def generate(z: Tensor) -> Tensor:
        torch.manual_seed(plan.seed)  # dropout masks; `untouched` restores the global state
        return game.generate(z)

    with game.untouched():
        if not mixes:
            found = jacobians(generate, game.draw_latent(_LATENTS, seed=plan.seed))
            return found.double().numpy(force=True), dtype
        batch = game.draw_latent(plan.gradient_batch, seed=plan.seed)
        alone: list[Tensor] = []
        for i in range(min(_MIXED_LATENTS, len(batch))):

            def own(z: Tensor, i: int = i) -> Tensor:
                beside = torch.cat([batch[:i], z, batch[i + 1 :]])
                return generate(beside)[i : i + 1]

            alone.append(jacobians(own, batch[i : i + 1]))
    return torch.cat(alone).double().numpy(force=True), dtype


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
