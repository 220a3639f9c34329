"""How much of what is generated looks real, and how much of what is real is generated?

Precision and recall (Kynkaanniemi et al. 2019) and density and coverage (Naeem et al. 2020) from
balls about each point that reach its k-th neighbour of the same sample. None of them is 1, or any
known number, where both laws are the same: precision of a law with itself falls with the number of
samples in high dimension. So each stands beside the value that held-out real data of the same
number gets against the same reference. A point on the edge of a ball lies in it, so that a sample
of copies is not taken for an empty one.

The spread is over random splits of the real samples into reference and held out, and random
subsamples of the generated ones; with all samples in use the splits overlap, and the spread is then
smaller than between fresh draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gancheck.diagnosis import Quantity
from gancheck.measures.mode_tests import RELABELLINGS
from gancheck.measures.pairwise import distances

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOUR", "NEIGHBOURS", "Fidelity", "fidelity", "four_of"]

FOUR = ("precision", "recall", "density", "knn_coverage")
NEIGHBOURS = 5  # k of Naeem et al. (2020)
_SPLITS = 8
_MOST = 1000  # samples of each of reference, held out and generated


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """The four numbers with the same of held-out real data.

    Attributes:
        generated: name -> number.
        null: name -> the number of held-out real data of the same number.
        p_value: that generated samples cover the reference as well as held-out ones do, from
            relabelling both; of the first split.
        samples: in each of the three.
    """

    generated: Mapping[str, Quantity]
    null: Mapping[str, Quantity]
    p_value: float
    samples: int


def fidelity(
    x: np.ndarray, g: np.ndarray, *, rng: np.random.Generator, k: int = NEIGHBOURS
) -> Fidelity | None:
    """Precision, recall, density and coverage of g [n, d] against x [m, d], and of x with itself.

    Returns:
        None where half of x, or g, has no k-th neighbour.

    Cost: distances among at most 2,000 real and 1,000 generated samples; a product of their
    incidence with the relabellings.
    """
    n = min(len(x) // 2, len(g), _MOST)
    if n <= k:
        return None
    x = x[rng.permutation(len(x))[: 2 * n]]
    g = g[rng.permutation(len(g))[: min(len(g), 2 * n)]]
    among, across, within = distances(x, x), distances(x, g), distances(g, g)
    rows: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    p_value = 1.0
    for split in range(_SPLITS):
        real, fake = rng.permutation(2 * n), rng.permutation(len(g))[:n]
        reference, held = real[:n], real[n:]
        inner = among[np.ix_(reference, reference)]
        to_fake, to_held = across[np.ix_(reference, fake)], among[np.ix_(reference, held)]
        radius = _radii(inner, k)
        rows.append(
            (
                four_of(to_fake, radius, _radii(within[np.ix_(fake, fake)], k), k),
                four_of(to_held, radius, _radii(among[np.ix_(held, held)], k), k),
            )
        )
        if split == 0:
            p_value = _relabelled(to_fake <= radius[:, None], to_held <= radius[:, None], rng)
    values = np.array(rows)  # [splits, generated or held out, four]
    mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    generated, null = (
        {
            name: Quantity(
                value=float(mean[i, j]),
                sampling_error=float(spread[i, j]),
                unit="1" if name == "density" else "share",
            )
            for j, name in enumerate(FOUR)
        }
        for i in (0, 1)
    )
    return Fidelity(generated=generated, null=null, p_value=p_value, samples=n)


def four_of(
    apart: np.ndarray, real_radius: np.ndarray, fake_radius: np.ndarray, k: int
) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage from distances [real, generated] and both radii."""
    inside = apart <= real_radius[:, None]
    return (
        float(inside.any(axis=0).mean()),
        float((apart <= fake_radius[None, :]).any(axis=1).mean()),
        float(inside.sum(axis=0).mean() / k),
        float(inside.any(axis=1).mean()),
    )


def _radii(apart: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point to its k-th neighbour in its own sample, itself not counted."""
    return np.partition(apart, k, axis=1)[:, k]


def _relabelled(fake: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> float:
    """p-value of the coverage by generated samples, both [reference, n], among relabellings."""
    n = fake.shape[1]
    inside = torch.from_numpy(np.concatenate([fake, held], axis=1)).float()
    labels = np.zeros((RELABELLINGS, 2 * n), dtype=np.float32)
    labels[:, :n] = 1.0
    chosen = torch.from_numpy(rng.permuted(labels, axis=1))
    covered = ((inside @ chosen.T) > 0.5).sum(dim=0).numpy()  # sums of zeros and ones are exact
    observed = int(fake.any(axis=1).sum())
    return float((1 + (covered <= observed).sum()) / (RELABELLINGS + 1))
