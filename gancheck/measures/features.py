"""In which space are samples compared?

Distances between pixels say little about images, so support can be judged in a space of features:
the samples as they are (`pixels`), principal components of the real reference (`pca`), the last
hidden layer of the game's own discriminator (`discriminator`), or a function of the user's
(`module:function`, imported only because it was asked for). Nothing is fetched. The discriminator
was trained against this very generator: its features may hide what it was fooled by, and they say
so in the provenance.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.games.admitted import finite

if TYPE_CHECKING:
    from gancheck.games.game import Game

__all__ = [
    "NAMES",
    "Features",
    "as_array",
    "as_features",
    "discriminator",
    "fingerprint",
    "of_one_shape",
    "rows",
]

NAMES = ("pixels", "pca", "discriminator", "module:function")
_VARIANCE = 0.95  # of the reference, kept by principal components
_COMPONENTS = 32  # and at most so many: distances tell little apart in more
_CHUNK = 1000
_LARGEST = 1e150
_TRAINED_AGAINST = (
    "the discriminator was trained against this generator and may not see what it was fooled by"
)

Map = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Features:
    """A map from samples to numbers, with the name it has in reports.

    Attributes:
        name: as it was asked for.
        function: samples [n, ...] -> features [n, ...]; None for the samples themselves.
        fit: whether principal components are fitted to the reference afterwards.
        note: what to bear in mind of them, in a sentence; "" for nothing.
    """

    name: str
    function: Map | None = None
    fit: bool = False
    note: str = ""

    def of(self, samples: Any, what: str) -> np.ndarray:
        """Features [n, k] of samples, float64, before principal components.

        Raises:
            ValueError: the function does not return finite numbers, one row a sample.
        """
        if self.function is None:
            return rows(samples, what)
        out = rows(self.function(samples), f"features {self.name!r} of {what}")
        if len(out) != len(samples):
            raise ValueError(
                f"features {self.name!r} must give one row a sample, got {len(out)} for "
                f"{len(samples)} of {what}"
            )
        return out

    def fitted(self, reference: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """What is still to be done to the features, learnt from the reference alone."""
        if not self.fit:
            return lambda x: x
        centre = reference.mean(axis=0)
        _, size, directions = np.linalg.svd(reference - centre, full_matrices=False)
        part = np.cumsum(size**2)
        if part[-1] == 0.0:
            raise ValueError("features 'pca' need real samples that differ; all are equal")
        kept = min(_COMPONENTS, int(np.searchsorted(part, _VARIANCE * part[-1])) + 1)
        basis = directions[:kept].T
        return lambda x: (x - centre) @ basis


def as_features(features: str | Map | Features | None, game: Game | None = None) -> Features:
    """What a user may call features, as one kind of object.

    Args:
        features: None or `pixels`, `pca`, `discriminator`, `module:function`, a callable, or
            already `Features`.
        game: whose discriminator is meant.

    Raises:
        ValueError: none of these, `discriminator` without a game, or a module without the function.
        ModuleNotFoundError: the user's module cannot be found.
    """
    if isinstance(features, Features):
        return features
    if features is None or features == "pixels":
        return Features("pixels")
    if not isinstance(features, str):
        if not callable(features):
            raise ValueError(f"features must be a name or a callable, got {features!r}")
        return Features(getattr(features, "__qualname__", type(features).__name__), features)
    if features == "pca":
        return Features("pca", fit=True)
    if features == "discriminator":
        if game is None:
            raise ValueError(
                "features='discriminator' needs a game; pass "
                "gancheck.measures.features.discriminator(game)"
            )
        return discriminator(game)
    if ":" in features:
        return Features(features, _imported(features))
    raise ValueError(f"features must be one of {', '.join(NAMES)}, got {features!r}")


def discriminator(game: Game) -> Features:
    """What goes into the last layer of the discriminator that holds parameters.

    The game is left as it was. Cost: one pass of the discriminator a sample.

    Raises:
        ValueError: an analytic game.
    """
    module = game.modules["discriminator"]

    def penultimate(samples: Any) -> np.ndarray:
        seen: list[torch.Tensor] = []

        def remember(_: torch.nn.Module, given: tuple[Any, ...]) -> None:
            seen[:] = [given[0]]

        x = torch.as_tensor(samples).to(device=game.device, dtype=game.dtype)
        out: list[torch.Tensor] = []
        hooks = [
            m.register_forward_pre_hook(remember)
            for m in module.modules()
            if next(m.parameters(recurse=False), None) is not None
        ]
        try:
            with game.untouched(), torch.no_grad():
                for chunk in x.split(_CHUNK):
                    game.score(chunk)
                    hidden = finite(seen[0], "what goes into the discriminator's last layer")
                    out.append(hidden.reshape(len(chunk), -1).double().cpu())
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat(out).numpy()

    return Features("discriminator", penultimate, note=_TRAINED_AGAINST)


def rows(samples: Any, what: str) -> np.ndarray:
    """Samples as finite rows [n, k] of float64.

    Raises:
        ValueError: NaN, infinity, or no array of numbers.
    """
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu().to(torch.float64).numpy()
    out = as_array(samples, what)
    if out.dtype.kind not in "fiub" or out.ndim < 1:
        raise ValueError(f"{what} must be an array of real numbers, got {out.dtype} {out.shape}")
    out = np.ascontiguousarray(out.reshape(len(out), -1), dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"{what} must be finite; it holds NaN or infinity")
    if out.size and float(np.abs(out).max()) > _LARGEST:
        raise ValueError(
            f"{what} must be at most {_LARGEST:g} in magnitude, where squared distances overflow; "
            "scale them"
        )
    return out


def as_array(samples: Any, what: str) -> Any:
    """Samples that have a shape: as they are, or an array of a list.

    Raises:
        ValueError: rows of different lengths.
    """
    if hasattr(samples, "shape"):
        return samples
    try:
        return np.asarray(samples)
    except ValueError as error:
        raise ValueError(f"{what} must be one array, every sample of one shape: {error}") from error


def of_one_shape(real: Any, other: Any, names: tuple[str, str] = ("real", "generated")) -> None:
    """Refuse samples whose axes differ though they hold as many numbers.

    Channels first and channels last would be compared number by number, each with another. Axes of
    length one and samples that are flat already say nothing against each other.

    Raises:
        ValueError: [n, 3, 8, 8] against [n, 8, 8, 3].
    """
    shapes = [
        tuple(int(k) for k in getattr(samples, "shape", ())[1:] if int(k) != 1)
        for samples in (real, other)
    ]
    one, two = shapes
    if one != two and min(len(one), len(two)) > 1 and math.prod(one) == math.prod(two):
        raise ValueError(
            f"{names[0]} and {names[1]} samples differ in shape: {one} against {two}; permute the "
            "axes of one of them"
        )


def fingerprint(reference: np.ndarray) -> str:
    """First half of the SHA-256 of the reference's features: same data, same extractor, same text."""
    return hashlib.sha256(np.ascontiguousarray(reference).tobytes()).hexdigest()[:32]


def _imported(name: str) -> Map:
    """The function of `module:function`, looked for in the working folder too."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        home = importlib.import_module(module)
    finally:
        sys.path.remove(here)
    found = getattr(home, function, None)
    if not callable(found):
        raise ValueError(f"features {name!r}: {module} has no function {function!r}")
    return found
