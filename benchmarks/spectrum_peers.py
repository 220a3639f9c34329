"""The generator's Hessian as each peer of `bench_spectrum.py` wants it, called as its pages say.

Peers are imported by name: any of them may be missing, and none is typed. Besides, what they are
held against: ARPACK on the float64 operator, and the least that any search can spend.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import linalg
from torch import nn
from torch.nn.functional import softplus

from gancheck.operators.krylov_basis import KrylovBasis

if TYPE_CHECKING:
    from gancheck.games.game import Game
    from gancheck.operators.hessian import Hessian
    from gancheck.operators.linear_operator import LinearOperator


@dataclass(frozen=True)
class Pairs:
    """What a solver returned: values, vectors as columns, how many it called converged."""

    values: np.ndarray
    vectors: np.ndarray
    converged: int | None = None
    products: int | None = None
    note: str = ""


class _Loss(nn.Module):
    """The generator's loss as a function of its samples; curvlinops reads the reduction."""

    reduction = "mean"

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self._discriminator = discriminator

    def forward(self, fake: torch.Tensor, _: Any = None) -> torch.Tensor:
        return softplus(-self._discriminator(fake)).mean()


class Peers:
    """One model, one loss of its output, one batch, for every peer the same."""

    def __init__(self, game: Game, batch_size: int) -> None:
        self.z: Any = game.sample(batch_size, seed=0).latent
        self.generator = game.modules["generator"]
        discriminator = copy.deepcopy(game.modules["discriminator"])
        for p in discriminator.parameters():
            p.requires_grad = False
        self.loss = _Loss(discriminator)
        self.parameters = list(self.generator.parameters())

    def gradient(self) -> None:
        """One gradient, written as a user would: the unit of time."""
        torch.autograd.grad(self.loss(self.generator(self.z)), self.parameters)

    def pyhessian(self) -> Any:
        """The object that all of PyHessian hangs on; it differentiates once."""
        return import_module("pyhessian").hessian(
            self.generator, self.loss, data=(self.z, self.z), cuda=False
        )

    def pyhessian_top(self, k: int, tol: float) -> Pairs:
        """Power iteration with deflation: the largest in modulus."""
        values, vectors = self.pyhessian().eigenvalues(maxIter=100, tol=tol, top_n=k)
        columns = [torch.cat([p.reshape(-1) for p in v]).numpy() for v in vectors]
        return Pairs(np.array(values), np.stack(columns, axis=1))

    def curvlinops(self) -> Any:
        """The Hessian as a linear operator."""
        return import_module("curvlinops").HessianLinearOperator(
            self.generator,
            self.loss,
            self.parameters,
            [(self.z, self.z)],
            check_deterministic=False,
        )

    def curvlinops_top(self, k: int, tol: float) -> Pairs:
        """Its own documentation hands the operator to scipy."""
        eigsh: Any = linalg.eigsh  # its stub wants a whole number for `tol`
        values, vectors = eigsh(self.curvlinops().to_scipy(), k=k, which="LA", tol=tol)
        return Pairs(values, vectors)

    def curvlinops_density(self, steps: int, probes: int) -> tuple[np.ndarray, np.ndarray]:
        """Grid and smoothed density."""
        approximate = import_module("curvlinops").lanczos_approximate_spectrum
        grid, density = approximate(self.curvlinops(), steps, num_repeats=probes)
        return grid.detach().numpy(), density.detach().clamp(min=0.0).numpy()

    def pyhessian_density(self, steps: int, probes: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights."""
        nodes, weights = self.pyhessian().density(iter=steps, n_v=probes)
        return np.ravel(nodes), np.ravel(weights)

    def eigenthings_top(self, k: int, tol: float, *, which: str, steps: int | None) -> Pairs:
        """Lanczos without restarts."""

        def loss(model: nn.Module, z: torch.Tensor) -> torch.Tensor:
            return self.loss(model(z))

        peer = import_module("hessian_eigenthings")
        operator = peer.HessianOperator(self.generator, [self.z], loss, full_dataset=True)
        found = peer.lanczos(operator, k=k, which=which, max_iter=steps, tol=tol, seed=0)
        return Pairs(
            found.eigenvalues.numpy(), found.eigenvectors.numpy().T, int(found.converged.sum())
        )


def eigenthings_wrong(
    operator: LinearOperator, expected: np.ndarray, tol: float, seeds: int
) -> int:
    """Of so many seeds, how often hessian-eigenthings calls a value converged that is not it."""
    peer = import_module("hessian_eigenthings")
    wrong = 0
    for seed in range(seeds):
        view = peer.LambdaOperator(
            operator.matvec, operator.shape[0], device=operator.device, dtype=operator.dtype
        )
        found = peer.lanczos(view, k=len(expected), which="LA", max_iter=60, tol=tol, seed=seed)
        order = np.argsort(found.eigenvalues.numpy())
        off = np.abs(found.eigenvalues.numpy()[order] - expected) > 2 * tol * np.abs(expected)
        wrong += bool((off & found.converged.numpy()[order]).any())
    return wrong


def by_arpack(operator: LinearOperator, k: int, tol: float) -> np.ndarray:
    """The k smallest and the k largest, ascending, each end searched for by itself."""
    eigsh: Any = linalg.eigsh  # its stub wants a whole number for `tol`
    ends = [
        eigsh(operator.to_scipy(), k=k, which=which, tol=tol, ncv=150, return_eigenvectors=False)
        for which in ("SA", "LA")
    ]
    return np.sort(np.concatenate(ends))


def judged(
    found: Pairs, which: str, reference: np.ndarray, exact: Hessian, k: int
) -> tuple[int, int, float]:
    """Missed of the wanted ones, returned ones that are none of them, worst residual over |l|."""
    wanted = {
        "LA": reference[-k:],
        "BE": np.r_[reference[:k], reference[-k:]],
        "LM": reference[np.argsort(np.abs(reference))[-k:]],
    }[which]
    free = list(found.values)
    missed = 0
    for value in wanted:
        near = [v for v in free if abs(v - value) <= 0.01 * abs(value)]
        if near:
            free.remove(min(near, key=lambda v: abs(v - value)))
        else:
            missed += 1
    worst = 0.0
    for value, vector in zip(found.values, found.vectors.T, strict=True):
        x = torch.as_tensor(np.ascontiguousarray(vector), dtype=torch.float64)
        x = x / x.norm()
        worst = max(worst, float((exact.matvec(x) - float(value) * x).norm()) / abs(float(value)))
    return missed, len(free), worst


def least_products(operator: LinearOperator, k: int, tol: float) -> int:
    """Steps of a Lanczos that never restarts until k pairs at each end are within tolerance.

    Its space holds whatever a search from one start vector can reach with as many products.
    """
    space = KrylovBasis(operator, min(operator.shape[0], 400), seed=0)
    while space.size < space.capacity:
        space.step()
        if space.size < 2 * k:
            continue
        values, _, residuals = space.ritz()
        at = np.r_[:k, space.size - k : space.size]
        size = np.maximum(np.abs(values[at]), 0.01 * np.abs(values).max())
        if (residuals[at] <= tol * size).all():
            break
    return space.size
