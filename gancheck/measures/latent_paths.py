"""Which path through the latent space leaves the data, and where?

A continuous generator sends a path between two latents to a path between their samples.
Where these lie in different components, the path must cross a gap (`connected-latent-connected-
support`): halving the stretch in which the component changes finds the crossing, which is a witness
with a sample to look at. Where no gap is found, or one no wider than rounding, the generator jumps:
it is not continuous there, or steeper than its precision can show. Paths stay within a class of the
latent, so in a mixture of generators they name the expert that spans two components; the table of
experts against components says it for all.

Paths are quarter turns, on which every point has the latent's own law (`latent_curves`). Straight
ones leave it: on eight GANs trained on ring8 with latents of 2, 16, 64 and 256 coordinates, up to
2 % of their points in 2 and 16 dimensions, a quarter in 64 and two thirds in 256 had a norm that
not one latent in a thousand has, of the turns' points never more than 0.2 %; and the part of the
straight paths that lay in a gap came to 1.08 to 1.32 times the generated mass there, that of the
turns to 0.93 to 1.11 times.

Source: Tanielian et al. (2020) and Khayatkhoei et al. (2018) for what mixtures can and cannot do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Measurement, NotApplicable, NotFinite, Quantity
from gancheck.games import semantics
from gancheck.games.streams import stream
from gancheck.measures.crossings import along, follow
from gancheck.measures.data_gaps import GAP
from gancheck.measures.figures import WIDE, page_style
from gancheck.measures.latent_curves import Curve, Kind, curve_of
from gancheck.measures.path_strip import Strip, strip_of
from gancheck.measures.proportions import share

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.game import Game
    from gancheck.games.latents import Latent
    from gancheck.measures.data_gaps import DataGaps

__all__ = ["LatentPaths", "experts_of", "label_of", "latent_paths", "pairs_within"]

_DRAWS = 2000
_RESOLVED = 8.0  # roundings of the dtype below which the width of a crossing means nothing


@dataclass(frozen=True, kw_only=True)
class LatentPaths(Measurement):
    """Latent paths between samples of different components.

    Attributes:
        because: what was found, in a sentence.
        leave: [paths] position in 0..1 where the first component is left; NaN where it jumps.
        arrive: [paths] where the next component is reached.
        ends: [paths, 2] components at both ends.
        expert: [paths] class of the latent, -1 where it has none.
        decoded: [at most 8, 3, ...] samples at leaving, in the middle of the gap, at arriving.
        strip: the first of these paths from end to end.
        expert_table: [experts, components + 1] how many draws of each expert fall to each
            component; the last column counts those in a gap.
    """

    because: str
    leave: np.ndarray
    arrive: np.ndarray
    ends: np.ndarray
    expert: np.ndarray
    decoded: np.ndarray
    strip: Strip
    expert_table: np.ndarray

    @page_style()
    def plot(self, width_px: int = WIDE) -> np.ndarray:
        """Paths with the gaps they cross, samples on them, and how much of a path is gap."""
        from gancheck.measures.path_figures import path_panels
        from gancheck.measures.support_figures import arranged

        if not len(self.leave):
            raise NotApplicable(self.because)
        return arranged(width_px, path_panels(self))


def latent_paths(
    game: Game,
    gaps: DataGaps,
    *,
    paths: int = 200,
    kind: Kind = "spherical",
    seed: int = 0,
) -> LatentPaths:
    """Follow latent paths from one component to another and find where they leave the data.

    Args:
        game: whose generator is looked at; bit-identical afterwards.
        gaps: of the data, from `data_gaps`.
        paths: at most; fewer where not so many pairs of latents lie in different components.
        kind: of path: `spherical`, which keeps to the latent's law, or `straight`.
        seed: of the latents.

    Returns:
        `crossing_share` (paths on which a gap was found, of those followed), `gap_width` (median
        part of a path in its first gap), `spanning_experts` (experts with two components or more).

    Raises:
        NotApplicable: an analytic game, no gap established, a latent of unknown build, or a
            generator whose samples depend on each other.
        ValueError: fewer than one path, or another kind.

    Cost: 2,000 samples, 65 a path and up to 180 a crossing, and 390 for the strip.
    """
    if game.analytic:
        raise NotApplicable("needs a generator; this game is a pair of functions")
    if paths < 1:
        raise ValueError(f"paths must be at least 1, got {paths}")
    start = time.perf_counter()
    component = label_of(game, gaps)

    def label(z: np.ndarray) -> np.ndarray:
        return component(torch.from_numpy(z)).numpy()

    def sample(z: np.ndarray) -> np.ndarray:
        return _generated(game, torch.from_numpy(z)).double().cpu().numpy()

    z = game.latent.sample(_DRAWS, stream(seed, "latent")).numpy()
    kinds = label(z)
    experts = experts_of(game.latent, z)
    curve = curve_of(game.latent, kind)
    one, other = pairs_within(kinds, experts, paths, np.random.default_rng(seed))
    table = _table(kinds, experts, gaps.components.count)
    leave, arrive, ends = follow(label, curve, z[one], z[other], kinds[one])
    thin = arrive - leave <= _RESOLVED * torch.finfo(game.dtype).eps
    leave[thin], arrive[thin] = np.nan, np.nan
    found = np.isfinite(leave)
    spanning = int(((table[:, :-1] > 0).sum(axis=1) > 1).sum())
    quantities = {
        "spanning_experts": Quantity(value=float(spanning), low=float(spanning), kind="lower")
    }
    if len(one):
        quantities["crossing_share"] = share(int(found.sum()), len(one))
    if found.any():
        width = (arrive - leave)[found]
        quantities["gap_width"] = Quantity(
            value=float(np.median(width)), unit="share", low=width.min(), high=width.max()
        )
    return LatentPaths(
        quantities=quantities,
        rows=[
            {
                "expert": int(experts[i]),
                "from": int(a),
                "to": int(b),
                "leave": float(s),
                "arrive": float(t),
            }
            for i, (a, b), s, t in zip(one, ends, leave, arrive, strict=True)
        ],
        provenance={
            "draws": _DRAWS,
            "paths": len(one),
            "latent": game.latent.law,
            "kind": kind,
            "seed": seed,
            "seconds": time.perf_counter() - start,
        },
        because=_sentence(len(one), int(found.sum()), spanning, len(table)),
        leave=leave,
        arrive=arrive,
        ends=ends,
        expert=experts[one],
        decoded=_decoded(game, curve, z[one[found]], z[other[found]], leave[found], arrive[found]),
        strip=strip_of(sample, gaps, curve, z[one[found]], z[other[found]]),
        expert_table=table,
    )


def experts_of(latent: Latent, z: np.ndarray) -> np.ndarray:
    """Number of the class of each latent [n]: the choice of generator in a mixture; -1 if none.

    Raises:
        NotApplicable: a law that does not say how its coordinates are built.
    """
    if not latent.coordinates:
        raise NotApplicable(f"the latent {latent.law!r} does not say which coordinates are classes")
    number = np.full(len(z), -1)
    begin = 0
    for part in latent.coordinates:
        if part.kind == "class":
            chosen = z[:, begin : begin + part.size].argmax(axis=1)
            number = np.where(number < 0, chosen, number * part.size + chosen)
        begin += part.size
    return number


def pairs_within(
    kinds: np.ndarray, experts: np.ndarray, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of at most `most` disjoint pairs of one expert and two components."""
    one: list[int] = []
    other: list[int] = []
    for expert in np.unique(experts):
        own = rng.permutation(np.flatnonzero((experts == expert) & (kinds != GAP)))
        first, second = own[0 : len(own) // 2 * 2 : 2], own[1::2]
        apart = kinds[first] != kinds[second]
        one += first[apart].tolist()
        other += second[apart].tolist()
    order = rng.permutation(len(one))[:most]
    return np.array(one, dtype=np.int64)[order], np.array(other, dtype=np.int64)[order]


def label_of(game: Game, gaps: DataGaps) -> Callable[[torch.Tensor], torch.Tensor]:
    """The component of each latent's sample, or `GAP`, as `gap_mass` asks for it.

    Raises:
        NotApplicable: samples that depend on the others of their batch.
    """
    if semantics.on_batch_statistics(game.modules["generator"], game.batch_norm):
        raise NotApplicable(
            "the generator normalises over the batch, so a sample is no function of its own latent"
        )

    def label(z: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(gaps.label(_generated(game, z)))

    return label


def _generated(game: Game, z: torch.Tensor) -> torch.Tensor:
    x = z.to(device=game.device, dtype=game.dtype)
    try:
        with game.untouched(), torch.no_grad():
            return torch.cat([game.generate(part) for part in x.split(1000)])
    except NotFinite as reason:
        raise NotApplicable(
            "the generator gives NaN or infinity at some latents, so it has no path there"
        ) from reason


def _table(kinds: np.ndarray, experts: np.ndarray, components: int) -> np.ndarray:
    """[experts, components + 1]; one row for a latent without classes."""
    rows = np.maximum(experts, 0)
    table = np.zeros((int(rows.max()) + 1, components + 1), dtype=np.int64)
    np.add.at(table, (rows, np.where(kinds == GAP, components, kinds)), 1)
    return table


def _decoded(
    game: Game,
    curve: Curve,
    a: np.ndarray,
    b: np.ndarray,
    leave: np.ndarray,
    arrive: np.ndarray,
) -> np.ndarray:
    """Samples of the first eight crossings: where the data is left, halfway, where it is reached."""
    t = np.stack([leave, 0.5 * (leave + arrive), arrive], axis=1)[:8]
    if len(t) == 0:
        return np.empty((0, 3))
    z = along(curve, a[: len(t)], b[: len(t)], t)
    x = _generated(game, torch.from_numpy(z.reshape(-1, z.shape[-1]))).double().cpu().numpy()
    return x.reshape(*z.shape[:2], *x.shape[1:])


def _sentence(paths: int, crossing: int, spanning: int, experts: int) -> str:
    if paths == 0:
        return f"no expert of {experts} was seen in two components: there is no path to follow"
    sentence = (
        f"{crossing} of {paths} latent paths between components cross a gap; "
        f"{spanning} of {experts} experts reach more than one component"
    )
    if crossing < paths:
        sentence += f"; on {paths - crossing} the generator jumps: not continuous, or too steep for its dtype"
    return sentence
