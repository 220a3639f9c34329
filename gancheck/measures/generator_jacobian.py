"""How does a generator stretch its latent space, on the data and between its components?

The Jacobian of each sample in its own latent is exact: n backward passes where n is small, else m
products by differentiating a backward pass; neither is vectorised by vmap. Only coordinates of the
latent that vary continuously are kept: a choice of class is no direction.

A continuous generator whose samples must cross a gap does so on little latent mass, so it is steep
there: its singular values at latents that land in a gap are compared with those at latents that
land on the data. It is a picture and no detector, since a generator is steep at the edge of a
component too.

Source: Tanielian et al. (2020) for the Jacobian as a sign of a gap.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import NotApplicable
from gancheck.games.admitted import finite_derivative
from gancheck.games.streams import stream
from gancheck.measures.data_gaps import GAP, data_gaps
from gancheck.measures.features import as_features
from gancheck.measures.latent_paths import label_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gancheck.diagnosis import Plan
    from gancheck.games.game import Game
    from gancheck.games.latents import Latent

__all__ = [
    "SpectraByPlace",
    "continuous",
    "jacobians",
    "spectra_by_place",
    "spectra_of",
    "spectra_of_mixed",
]

_FEWEST_REAL = 40
_LOOKED_AT = 2000  # latents whose samples are placed, to find those in a gap
_EACH = 32  # Jacobians of each kind
_FEWEST = 6  # of a kind: an order-statistic interval at 95 % needs as many


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectraByPlace:
    """Singular values of dG/dz by where the sample lies.

    Attributes:
        on_data: [at most 32, min(m, n)] descending; the sample's nearest component is its own.
        in_gap: [at most 32, min(m, n)] the same in the middle of a gap.
        doubt: why there are none, in a sentence; "" where there are.
    """

    on_data: np.ndarray
    in_gap: np.ndarray
    doubt: str = ""


def continuous(latent: Latent) -> np.ndarray:
    """Which coordinates [size] of a latent vary continuously; all, where its build is not known."""
    kinds = [(c.kind != "class", c.size) for c in latent.coordinates]
    if not kinds:
        return np.ones(latent.size, dtype=bool)
    return np.repeat([free for free, _ in kinds], [size for _, size in kinds])


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


def spectra_of(game: Game, z: Tensor, *, seed: int) -> tuple[np.ndarray, str]:
    """Singular values [k, min(m, n)] at latents z [k, size], and the dtype they were got in.

    In float64 where the modules can be copied.

    Raises:
        NotFinite: a derivative is NaN or infinite.
    """
    game = _doubled(game)
    with game.untouched():
        found = jacobians(_sampled(game, seed), z.to(device=game.device, dtype=game.dtype))
    return _singular(game, found), _name(game)


def spectra_of_mixed(game: Game, batch: Tensor, *, count: int, seed: int) -> tuple[np.ndarray, str]:
    """The same for the first `count` latents of a batch whose samples depend on each other.

    Each is moved alone, the others held.
    """
    game = _doubled(game)
    batch = batch.to(device=game.device, dtype=game.dtype)
    generate = _sampled(game, seed)
    alone: list[Tensor] = []
    with game.untouched():
        for i in range(min(count, len(batch))):

            def own(z: Tensor, i: int = i) -> Tensor:
                beside = torch.cat([batch[:i], z, batch[i + 1 :]])
                return generate(beside)[i : i + 1]

            alone.append(jacobians(own, batch[i : i + 1]))
    return _singular(game, torch.cat(alone)), _name(game)


def spectra_by_place(game: Game, plan: Plan) -> SpectraByPlace:
    """Spectra at latents whose samples lie on the data, and at such whose samples lie in a gap.

    Args:
        game: not analytic, without batch norm that mixes samples.
        plan: `samples` (of at most 2000 real ones the gaps are found), `features`, `seed`.

    Cost: 2,000 samples, the gaps of 2,000 real ones, 64 Jacobians.
    """
    nothing = np.zeros((0, 0))
    limit = game.data.size
    n = min(plan.samples, _LOOKED_AT if limit is None else min(limit, _LOOKED_AT))
    try:
        if n < _FEWEST_REAL:
            raise NotApplicable(f"the gaps of the data need at least {_FEWEST_REAL} real samples")
        real, labels = game.draw_real(n, seed=plan.seed), game.draw_labels(n, seed=plan.seed)
        gaps = data_gaps(
            real,
            labels=None if labels is None else labels.numpy(),
            features=as_features(plan.features, game),
            seed=plan.seed,
        )
        # float64 as drawn: the label of a latent is that of the sample its Jacobian is taken at
        z = game.latent.sample(_LOOKED_AT, stream(plan.seed, "latent"))
        place = label_of(game, gaps)(z).numpy()
    except NotApplicable as reason:
        return SpectraByPlace(on_data=nothing, in_gap=nothing, doubt=str(reason))
    inside, outside = np.flatnonzero(place == GAP)[:_EACH], np.flatnonzero(place != GAP)[:_EACH]
    if min(len(inside), len(outside)) < _FEWEST:
        few = (
            f"{int((place == GAP).sum())} of {_LOOKED_AT} latents fall into a gap, "
            f"{int((place != GAP).sum())} on the data: at least {_FEWEST} of each are compared"
        )
        return SpectraByPlace(on_data=nothing, in_gap=nothing, doubt=few)
    on_data, _ = spectra_of(game, z[outside], seed=plan.seed)
    in_gap, _ = spectra_of(game, z[inside], seed=plan.seed)
    return SpectraByPlace(on_data=on_data, in_gap=in_gap)


def _gradient(value: Tensor, at: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(at)
    (out,) = torch.autograd.grad(
        value, at, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return out


def _doubled(game: Game) -> Game:
    with contextlib.suppress(RuntimeError):  # a module that cannot be copied is measured as it is
        return game.in_float64()
    return game


def _sampled(game: Game, seed: int) -> Callable[[Tensor], Tensor]:
    def generate(z: Tensor) -> Tensor:
        torch.manual_seed(seed)  # dropout masks; `untouched` restores the global state
        return game.generate(z)

    return generate


def _singular(game: Game, matrices: Tensor) -> np.ndarray:
    found = finite_derivative(matrices, "G's output in its latent").double().numpy(force=True)
    found = found[:, :, continuous(game.latent)]
    return np.linalg.svd(found, compute_uv=False)


def _name(game: Game) -> str:
    return str(game.dtype).removeprefix("torch.")
