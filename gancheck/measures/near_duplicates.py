"""How many different samples can the generator make?

The birthday paradox read backwards: s draws from a law on N points hold s(s - 1)/(2N) equal pairs
on average if the law is uniform, and more if it is not (`birthday-bound-on-support`). Outputs of a
continuous generator never coincide, so pairs closer than a radius are counted, and the radius comes
from real data: there, s samples hold about five such pairs. The real law too has a support size at
this radius, and only a generator with clearly more pairs than held-out real data repeats itself.

A count inverts into a number of points N as if the law were uniform on them. Repeats do not tell a
small support from a small set of large mass, so N is an effective number. Its interval treats the
pairs as independent (Garwood 1936); samples that repeat many times make it too narrow. The test
against held-out data does not rest on that: it relabels the pooled samples.

Source: Arora and Zhang (2017), who let a person judge what is a duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gancheck.diagnosis import Quantity
from gancheck.measures.mode_tests import RELABELLINGS
from gancheck.measures.pairwise import distances

__all__ = ["Duplicates", "near_duplicates", "pair_count", "support_size"]

_PAIRS = 5  # close pairs among the reference that set the radius
_MOST = 1000
_FEWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Close pairs among generated samples and among as many held-out real ones.

    Attributes:
        radius: below which two samples count as one.
        samples: of each kind.
        pairs: among the generated.
        real_pairs: among the held-out real.
        p_value: that the generated hold no more, from relabelling both.
    """

    radius: float
    samples: int
    pairs: int
    real_pairs: int
    p_value: float


def near_duplicates(
    generated: np.ndarray, held_out: np.ndarray, reference: np.ndarray, *, rng: np.random.Generator
) -> Duplicates | None:
    """Count close pairs, equal numbers of all three samples [n, d].

    Args:
        generated: samples.
        held_out: real samples that set nothing.
        reference: real samples that set the radius.
        rng: draws subsamples and relabellings.

    Returns:
        None where one of them has fewer than 20 samples.

    Cost: distances among at most 2,000 samples and one product with the relabellings.
    """
    s = min(len(generated), len(held_out), len(reference), _MOST)
    if s < _FEWEST:
        return None
    g, x, y = (a[rng.permutation(len(a))[:s]] for a in (generated, held_out, reference))
    apart = distances(y, y)[np.triu_indices(s, 1)]
    radius = float(np.partition(apart, _PAIRS - 1)[_PAIRS - 1])
    pool = np.concatenate([g, x])
    close = distances(pool, pool) <= radius
    np.fill_diagonal(close, val=False)
    labels = np.zeros((RELABELLINGS + 1, 2 * s), dtype=np.float32)
    labels[:, :s] = 1.0
    labels[1:] = rng.permuted(labels[1:], axis=1)
    chosen = torch.from_numpy(labels)
    # every pair is counted from both ends; whole numbers below 2^24 are exact in float32
    each = (torch.from_numpy(close).float() @ chosen.T) * chosen.T
    counts = each.sum(dim=0, dtype=torch.float64).numpy() / 2
    return Duplicates(
        radius=radius,
        samples=s,
        pairs=int(counts[0]),
        real_pairs=int(np.triu(close[s:, s:], 1).sum()),
        p_value=float((1 + (counts[1:] >= counts[0]).sum()) / (RELABELLINGS + 1)),
    )


def pair_count(pairs: int) -> Quantity:
    """A count of close pairs with the interval of a Poisson mean (Garwood 1936).

    Example:
        >>> [round(end, 3) for end in pair_count(5).interval]
        [1.623, 11.668]
    """
    from scipy import stats  # half a second, which whoever draws no sample need not spend

    low = float(stats.chi2.ppf(0.025, 2 * pairs)) / 2.0 if pairs else 0.0
    high = float(stats.chi2.ppf(0.975, 2 * (pairs + 1))) / 2.0
    return Quantity(value=float(pairs), unit="pairs", low=low, high=high)


def support_size(pairs: int, samples: int) -> Quantity:
    """The number of points from which so many draws would hold so many equal pairs on average.

    Args:
        pairs: of equal samples.
        samples: s.

    Returns:
        s(s - 1)/(2 pairs) with the interval of a Poisson count; without a pair only its lower end,
        as a lower bound.

    Raises:
        ValueError: fewer than 2 samples, or more pairs than there are.

    Example:
        >>> q = support_size(0, 1000)
        >>> q.kind, round(q.value)
        ('lower', 135407)
    """
    total = samples * (samples - 1) / 2
    if samples < 2 or not 0 <= pairs <= total:
        raise ValueError(f"need 0 <= pairs <= s(s - 1)/2, got {pairs} of {samples} samples")
    fewest, most = pair_count(pairs).interval
    low = total / most
    if pairs == 0:
        return Quantity(value=low, unit="samples", kind="lower", low=low, high=float("inf"))
    return Quantity(value=total / pairs, unit="samples", low=low, high=total / fewest)
