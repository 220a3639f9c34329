"""Where are the gaps of the data, learnt from real samples alone?

Real data are cut into three parts that never meet: the reference, in which components are found;
the tube, which says how far held-out data stray; and the null, against which generated samples are
tested. A point that helped to place a gap can say nothing about what is in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gancheck.diagnosis import NotApplicable
from gancheck.measures.data_components import Components, from_labels, linked
from gancheck.measures.features import Features, as_array, as_features, of_one_shape
from gancheck.measures.gap_region import LARGEST_THRESHOLD, Region, place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["GAP", "DataGaps", "data_gaps"]

GAP = -1  # the label of a sample in the middle of a gap
_LEAST_REAL = 40
_TUBE_SAMPLES = 500  # enough for a 99 % quantile; what is left makes the null larger


@dataclass(frozen=True, slots=True, kw_only=True)
class DataGaps:
    """Components of the data and the region between them, in a space of features.

    Attributes:
        components: of the reference; `components.doubt` says why they are not established.
        groups: the reference's points of each component.
        region: the middle of the gaps; None where components are in doubt.
        space: the features.
        reference: [half, k] in that space.
        tube: [at most 500, k].
        null: [the rest, k].
        last: what the reference taught the features: principal components, or nothing.
        like: the shape of real samples as they were given.
        width: numbers of a sample before that.
    """

    components: Components
    groups: Sequence[np.ndarray]
    region: Region | None
    space: Features
    reference: np.ndarray
    tube: np.ndarray
    null: np.ndarray
    last: Callable[[np.ndarray], np.ndarray]
    like: tuple[int, ...]
    width: int

    def seen(self, samples: Any, name: str = "samples") -> np.ndarray:
        """Samples in the space of the gaps [n, k].

        Raises:
            ValueError: not of the shape of the real ones, not finite.
        """
        samples = as_array(samples, name)
        of_one_shape(np.empty((0, *self.like)), samples, ("real", name))
        x = self.space.of(samples, name)
        if x.shape[1] != self.width:
            raise ValueError(
                f"real and {name} samples differ in size: {self.width} against {x.shape[1]} numbers"
            )
        return self.last(x)

    def label(self, samples: Any) -> np.ndarray:
        """The nearest component [n] of each sample, or `GAP` for one in the middle of a gap.

        Raises:
            NotApplicable: no gap is established.
        """
        if self.region is None:
            raise NotApplicable(f"{self.components.doubt}, so no gap is established")
        if self.region.threshold > LARGEST_THRESHOLD:
            raise NotApplicable("held-out real data fills the gaps in this space")
        placed = place(self.seen(samples), self.groups)
        return np.where(self.region.holds(placed), GAP, placed.first)


def data_gaps(real: Any, *, labels: Any = None, features: Any = None, seed: int = 0) -> DataGaps:
    """Find the components of real data and the gaps between them.

    Args:
        real: [N, ...], at least 40.
        labels: [N] classes, or a classifier; found by linkage where not given.
        features: the space, as for `bridge_mass`.
        seed: of the split.

    Raises:
        ValueError: too few samples, NaN or infinity, labels or features that do not fit.
    """
    space = as_features(features)
    real = as_array(real, "real")
    if len(real.shape) < 1 or len(real) < _LEAST_REAL:
        raise ValueError(
            f"real must hold at least {_LEAST_REAL} samples, got shape {tuple(real.shape)}"
        )
    x = space.of(real, "real")
    order = np.random.default_rng(seed).permutation(len(x))
    half = len(x) // 2
    cut = half + min((len(x) - half) // 2, _TUBE_SAMPLES)
    last = space.fitted(x[order[:half]])
    reference, tube, null = (last(x[part]) for part in np.split(order, [half, cut]))
    if labels is None:
        found = linked(reference)
    else:
        classes, source = from_labels(labels, real, len(x))
        found = _classes(classes[order[:half]], source)
    groups = [reference[found.labels == k] for k in range(found.count)]
    return DataGaps(
        components=found,
        groups=groups,
        region=None if found.doubt else Region.calibrated(place(tube, groups)),
        space=space,
        reference=reference,
        tube=tube,
        null=null,
        last=last,
        like=tuple(real.shape[1:]),
        width=x.shape[1],
    )


def _classes(classes: np.ndarray, source: str) -> Components:
    """The reference's classes as its components."""
    names, labels = np.unique(classes, return_inverse=True)
    doubt = "" if len(names) > 1 else f"the {source} put all data into one class"
    return Components(labels, len(names), source, math.nan, doubt)
