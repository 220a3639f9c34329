"""How much of the game turns instead of descends?

J = S + A, symmetric and antisymmetric part. A potential game has A = 0, a purely rotational one
S = 0 (Balduzzi et al. 2018). The strength is ||A||_F / ||J||_F, in [0, 1], by Hutchinson probes that
serve both parts, with a jackknife error; beside it ||A||_2, above which no imaginary part can lie
(Bendixson 1902), and the largest imaginary part found.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, Plan, Quantity
from gancheck.measures.figures import (
    GENERATOR,
    WIDE,
    label,
    new_figure,
    page_style,
    reference,
    x_title,
    y_title,
)
from gancheck.operators import GameJacobian
from gancheck.operators.eigenpairs import NotConverged, general, largest_norm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gancheck.games.game import Game
    from gancheck.operators import LinearOperator

__all__ = ["Rotation", "rotation"]

_DENSE = 32  # below this the Frobenius norms are computed, not estimated
_IMAGINARY = 12
_SPREAD_PROBES = 16  # probes on each further batch: enough for the spread, not for the value


@dataclass(frozen=True, kw_only=True)
class Rotation(Measurement):
    """Rotational strength with its history over probes.

    Attributes:
        running: [probes, 2]: estimate and jackknife error after each probe; empty where exact.
    """

    running: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> Axes:
        """The estimate as probes are added, with its jackknife band; one dot where it is exact."""
        _, ax = new_figure(width_px, 200)
        strength = self.quantities["rotation"].value
        if len(self.running):
            x = range(2, 2 + len(self.running))
            mean, error = self.running.T
            ax.fill_between(x, mean - 2 * error, mean + 2 * error, color=GENERATOR, alpha=0.2)
            ax.plot(x, mean, color=GENERATOR)
            label(ax, x[-1], strength, f"{strength:.3f}", GENERATOR, dx=6)
            x_title(ax, "probes (one product of J and one of its transpose each)")
        else:
            ax.plot([0], [strength], "o", color=GENERATOR)
            label(ax, 0, strength, f"{strength:.3f}, exact", GENERATOR, dx=8)
            ax.set_xticks([])
        reference(ax, 0.5, axis="y", text="warns")
        ax.set_ylim(0.0, 1.05 if strength > 0.45 else 0.6)
        y_title(ax, "rotational share of the Jacobian")
        return ax


def rotation(game: Game, plan: Plan | None = None) -> Rotation:
    """Measure the antisymmetric share of the game Jacobian.

    Returns:
        `rotation` (numerical error: jackknife over probes; sampling error: standard deviation over
        batches), `max_imag` (largest imaginary part found, a lower bound), `a_norm` (||A||_2, an
        upper bound on every imaginary part), `rotation_along_field` (||A v||/||J v|| at the field).

    Raises:
        NotConverged: the norm of A did not converge.

    Cost: 2 (probes + 16 (batches - 1)) products, a few dozen for the norm, some hundreds for the
    imaginary part.
    """
    plan = plan or Plan()
    start = time.perf_counter()
    seeds = [plan.seed + s for s in range(1 if game.analytic else plan.batches)]
    jacobian = GameJacobian(game, game.sample(plan.batch_size, seed=seeds[0]))
    a, s = _probe(jacobian, plan.probes, plan.seed + 500)
    value, error = _ratio(a, s)
    estimates = [value]
    for seed in seeds[1:]:
        other = GameJacobian(game, game.sample(plan.batch_size, seed=seed))
        estimates.append(_ratio(*_probe(other, _SPREAD_PROBES, plan.seed + 500))[0])
    exact = jacobian.shape[0] <= _DENSE
    norm, norm_error, direction = largest_norm(jacobian.antisymmetric, seed=plan.seed)
    imag, imag_error, spent = _largest_imaginary(jacobian, direction, plan.seed)
    quantities = {
        "rotation": Quantity(
            value=value,
            error=error,
            sampling_error=None if game.analytic else float(np.std(estimates, ddof=1)),
            kind="exact" if exact and game.analytic else "estimate",
        ),
        "max_imag": Quantity(
            value=imag, error=imag_error, kind="exact" if exact else "lower", low=imag, high=norm
        ),
        "a_norm": Quantity(value=norm, error=norm_error, kind="estimate"),
        "rotation_along_field": _along(jacobian),
    }
    running = np.array([_ratio(a[: i + 1], s[: i + 1]) for i in range(1, len(a))])
    return Rotation(
        quantities=quantities,
        rows=[
            {"probes": i + 2, "rotation": float(r), "jackknife_error": float(e)}
            for i, (r, e) in enumerate(running)
        ],
        provenance={
            "batch_size": plan.batch_size,
            "batches": len(seeds),
            "probes": 0 if exact else plan.probes,
            "products": jacobian.products,
            "products_for_imaginary_part": spent,
            "seed": plan.seed,
            "dtype": str(game.dtype),
            "seconds": time.perf_counter() - start,
        },
        running=running,
    )


def _probe(jacobian: LinearOperator, probes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """||A w||^2 and ||S w||^2 for each probe; for a small J, for each basis vector (exact sums)."""
    n = jacobian.shape[0]
    if n <= _DENSE:
        matrix = jacobian.dense().double()
        a, s = 0.5 * (matrix - matrix.T), 0.5 * (matrix + matrix.T)
        return (
            np.array([float((a * a).sum())]),
            np.array([float((s * s).sum())]),
        )
    out = []
    for i in range(probes):
        rng = torch.Generator().manual_seed(seed + i)
        w = torch.randint(0, 2, (n,), generator=rng).to(jacobian.dtype) * 2.0 - 1.0
        w = w.to(jacobian.device)
        forward, backward = jacobian.matvec(w), jacobian.rmatvec(w)
        out.append(
            [
                float((0.5 * (forward - backward)).double().square().sum()),
                float((0.5 * (forward + backward)).double().square().sum()),
            ]
        )
    a, s = np.array(out).T
    return a, s


def _ratio(a: np.ndarray, s: np.ndarray) -> tuple[float, float]:
    """sqrt(sum a / sum(a + s)) with its jackknife standard error; exact for a single entry.

    ||J||_F^2 = ||A||_F^2 + ||S||_F^2, so the ratio stays in [0, 1]. A game with J = 0 turns nowhere.
    """
    total = float((a + s).sum())
    if total == 0.0:
        return 0.0, 0.0
    value = float(np.sqrt(a.sum() / total))
    m = len(a)
    if m < 2:
        return value, 0.0
    dropped = np.sqrt((a.sum() - a) / np.maximum((a + s).sum() - (a + s), np.finfo(float).tiny))
    error = float(np.sqrt((m - 1) / m * ((dropped - dropped.mean()) ** 2).sum()))
    return value, error


def _largest_imaginary(
    jacobian: GameJacobian, direction: np.ndarray, seed: int
) -> tuple[float, float, int]:
    """Largest |Im l| found, its residual, products spent; zero found is a bound, not an answer.

    The search starts from the direction in which A is largest, which has weight in both players,
    and asks for a dozen eigenvalues: with few, a Krylov search stops on real ones. The residual
    tells how well the one returned was resolved.
    """
    direction = np.real(direction)
    noise = 1e-3 * float(np.abs(direction).max())
    rng = np.random.default_rng(seed)
    start = direction + noise * rng.standard_normal(len(direction))
    try:
        pairs = general(
            jacobian,
            "LI",
            k=_IMAGINARY,
            seed=seed,
            start=start.astype(direction.dtype),
            tol=1e-2,
            restarts=10,
        )
    except NotConverged:
        return 0.0, 0.0, jacobian.products
    best = int(np.argmax(np.abs(np.imag(pairs.values))))
    return abs(complex(pairs.values[best]).imag), float(pairs.residuals[best]), pairs.products


def _along(jacobian: GameJacobian) -> Quantity:
    """||A v||/||J v|| at the field itself; zero at an equilibrium, where there is no direction."""
    v = jacobian.field
    norm = float(v.norm())
    if norm == 0.0:
        return Quantity(value=0.0, kind="exact")
    v = v / norm
    forward, backward = jacobian.matvec(v), jacobian.rmatvec(v)
    size = float(forward.norm())
    turned = float((0.5 * (forward - backward)).norm())
    return Quantity(value=turned / size if size > 0.0 else 0.0, kind="exact")
