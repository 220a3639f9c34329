"""How little mass can a generator leave between components, given how steep it is?

Of all sets of one Gaussian measure half-spaces grow least. So if the latents that are sent to
component i weigh w_i, and every other component lies at least D_i away, a normal latent leaves off
all components at least the sum over i of Phi(Phi^-1(w_i) + D_i/(2 L)) - w_i, L the Lipschitz
constant of the generator.

L is what decides what the number is. The largest slope found at sampled latents is at most L, so
the number it gives may be too large: an estimate, no bound. A product of the layers' operator norms
is at least L, so the number it gives is a lower bound, valid and usually small.

Theorem: gap-mass-isoperimetry. Source: Borell (1975); Tanielian et al. (2020).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import special
from torch import nn
from torch.func import functional_call, jacrev, vmap

from gancheck.diagnosis import Measurement, NotApplicable, Quantity
from gancheck.games import semantics
from gancheck.measures.gap_region import nearest, place
from gancheck.measures.proportions import clopper_pearson, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.games.game import Game
    from gancheck.measures.data_gaps import DataGaps

__all__ = ["certified_lipschitz", "gap_mass_left", "isoperimetric_mass", "largest_slope"]

_LEVEL = 0.99  # all weights together
_SLOPES = 256
_CHUNK = 16
_ONE_LIPSCHITZ = (nn.Tanh, nn.ReLU, nn.Identity, nn.Flatten, nn.Unflatten, nn.Softplus)


def isoperimetric_mass(
    weights: Sequence[float], distances: Sequence[float], lipschitz: float
) -> float:
    """The sum over components of Phi(Phi^-1(w) + D/(2 L)) - w.

    Args:
        weights: latent mass of each component, in 0..1.
        distances: from each component to the nearest other one, in the units of the samples.
        lipschitz: of the generator.

    Raises:
        ValueError: a constant that is not positive, or a negative distance.

    Example:
        >>> round(isoperimetric_mass([0.4, 0.4], [2.0, 2.0], 4.0), 4)
        0.1973
    """
    if not lipschitz > 0.0:
        raise ValueError(f"lipschitz must be positive, got {lipschitz}")
    w, d = np.asarray(weights, dtype=np.float64), np.asarray(distances, dtype=np.float64)
    if (d < 0.0).any():
        raise ValueError(f"distances must not be negative, got {d.min()}")
    grown = special.ndtr(special.ndtri(w) + d / (2.0 * lipschitz))
    return float(np.where((w > 0.0) & (w < 1.0), grown - w, 0.0).sum())


def gap_mass_left(game: Game, gaps: DataGaps, *, draws: int = 10_000, seed: int = 0) -> Measurement:
    """The mass that must lie off the components, beside the mass that does.

    Args:
        game: of a normal latent.
        gaps: of the data, in pixels: in a space of features the map to it has its own constant.
        draws: samples for the weights.
        seed: of the latents.

    Returns:
        `off_tube_mass` (counted), `largest_slope` (a lower bound on L), `mass_left_estimate` (with
        that slope for L: no bound), and, where every layer's norm is known, `lipschitz_bound` and
        `mass_left_bound`, a lower bound at 99 % over the weights.

    Raises:
        NotApplicable: another latent, features, no components, tubes that touch, or a generator
            whose samples depend on each other.

    Cost: `draws` samples and 256 Jacobians of the generator.
    """
    start = time.perf_counter()
    _admit(game, gaps)
    region = gaps.region
    if region is None:
        raise NotApplicable(f"{gaps.components.doubt}, so there are no tubes to keep apart")
    distances = _apart(gaps.groups, region.radius)
    placed = place(gaps.seen(game.draw_samples(draws, seed=seed), "generated"), gaps.groups)
    on_tube = placed.a <= region.radius
    count = len(gaps.groups)
    hits = np.bincount(placed.first[on_tube], minlength=count)
    weights = hits / draws
    slope = largest_slope(game, seed=seed)
    quantities = {
        "off_tube_mass": share(int((~on_tube).sum()), draws),
        "largest_slope": slope,
        "mass_left_estimate": Quantity(
            value=isoperimetric_mass(weights.tolist(), distances, slope.value), unit="share"
        ),
    }
    because = ""
    try:
        bound = certified_lipschitz(game.modules["generator"])
    except NotApplicable as reason:
        because = str(reason)
    else:
        quantities["lipschitz_bound"] = Quantity(value=bound, kind="upper")
        quantities["mass_left_bound"] = Quantity(
            value=_least(hits, draws, distances, bound), unit="share", kind="lower"
        )
    return Measurement(
        quantities=quantities,
        rows=[
            {"component": i, "latent_mass": float(w), "distance": float(d)}
            for i, (w, d) in enumerate(zip(weights, distances, strict=True))
        ],
        provenance={
            "draws": draws,
            "jacobians": _SLOPES,
            "no_certificate_because": because,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
    )


def largest_slope(game: Game, *, count: int = _SLOPES, seed: int = 0) -> Quantity:
    """Largest singular value of the generator's Jacobian at sampled latents: at most L.

    Cost: one Jacobian by reverse mode a latent, 16 at a time.

    Raises:
        NotApplicable: a generator that normalises over its batch has no Jacobian of one sample.
    """
    module = game.modules["generator"]
    if semantics.on_batch_statistics(module, game.batch_norm):
        raise NotApplicable(
            "the generator normalises over the batch, so a sample is no function of its own latent"
        )
    state = {
        name: value.detach()
        for name, value in [*module.named_parameters(), *module.named_buffers()]
    }

    def one(z: torch.Tensor) -> torch.Tensor:
        return functional_call(module, state, (z[None],)).reshape(-1)

    largest = 0.0
    with game.untouched(), semantics.held(module, game.batch_norm):
        for z in game.draw_latent(count, seed=seed).split(_CHUNK):
            jacobian = vmap(jacrev(one))(z).detach().double()
            largest = max(largest, float(torch.linalg.matrix_norm(jacobian, 2).max()))
    return Quantity(value=largest, kind="lower")


def certified_lipschitz(module: nn.Module) -> float:
    """A bound on the Lipschitz constant of a chain of layers: the product of their norms.

    Linear layers by their largest singular value, rounded up; tanh, ReLU and softplus are
    1-Lipschitz, leaky ReLU max(1, slope).

    Raises:
        NotApplicable: a module that is no chain of these.
    """
    if isinstance(module, nn.Sequential):
        return math.prod(certified_lipschitz(layer) for layer in module)
    if isinstance(module, nn.Linear):
        weight = module.weight.detach().double()
        # The computed norm is right to some roundings of the size of the matrix.
        slack = 1.0 + 8.0 * max(weight.shape) * torch.finfo(torch.float64).eps
        return float(torch.linalg.matrix_norm(weight, 2)) * slack
    if isinstance(module, nn.LeakyReLU):
        return max(1.0, abs(float(module.negative_slope)))
    if isinstance(module, _ONE_LIPSCHITZ):
        return 1.0
    raise NotApplicable(
        f"no operator norm is known for {type(module).__name__}, so the generator's Lipschitz "
        "constant is estimated and not certified"
    )


def _admit(game: Game, gaps: DataGaps) -> None:
    if game.analytic:
        raise NotApplicable("needs a generator; this game is a pair of functions")
    coordinates = game.latent.coordinates
    plain = all(
        c.kind == "normal" and math.isinf(c.low) and math.isinf(c.high) for c in coordinates
    )
    if not coordinates or not plain:
        raise NotApplicable(f"the theorem is for a normal latent, this one is {game.latent.law!r}")
    if gaps.space.name != "pixels":
        raise NotApplicable(
            f"needs distances between samples; in the space {gaps.space.name!r} the map to the "
            "features has a Lipschitz constant of its own"
        )


def _apart(groups: Sequence[np.ndarray], radius: float) -> list[float]:
    """Distance from each tube to the nearest other one."""
    out: list[float] = []
    for i, group in enumerate(groups):
        others = np.concatenate([g for j, g in enumerate(groups) if j != i])
        out.append(float(nearest(group, others).min()) - 2.0 * radius)
    if min(out) <= 0.0:
        raise NotApplicable("two tubes around components touch, so no gap between them is certain")
    return out


def _least(hits: np.ndarray, n: int, distances: list[float], lipschitz: float) -> float:
    """The bound at the least favourable weights within their joint confidence limits.

    Each term is concave in its weight, so its least value over an interval is at an end.
    """
    level = 1.0 - (1.0 - _LEVEL) / len(hits)
    return sum(
        min(
            isoperimetric_mass([w], [d], lipschitz) for w in clopper_pearson(int(h), n, level=level)
        )
        for h, d in zip(hits, distances, strict=True)
    )
