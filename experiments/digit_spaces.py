"""In which space could the gaps between handwritten digits be seen?

Four, fixed before any generated sample was looked at: the pixels, their principal components, the
last features of the discriminator, and a small classifier's features and its posterior. The
classifier is trained on a third of the images, and in its spaces the gaps are those of the others,
so that no image has taught the space that it is placed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from gancheck.games.networks import mlp
from gancheck.measures.features import Features, discriminator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from torch import Tensor

    from gancheck.games.data import ArrayData
    from gancheck.games.game import Game

__all__ = ["SPACES", "Reader", "reader", "spaces"]

SPACES: Final = ("pixels", "pca", "discriminator", "classifier", "posterior")
_TAUGHT: Final = 600
_STEPS: Final = 1000
_BATCH: Final = 128
_BLUR: Final = 0.1  # of the pixels' range of 2: the classifier sees no image twice


@dataclass(frozen=True, slots=True)
class Reader:
    """A classifier of digits.

    Attributes:
        network: images [n, 64] -> logits [n, 10].
        rest: [N - 600] rows of the data that it was not trained on.
        accuracy: share of those rows that it reads rightly.
    """

    network: nn.Sequential
    rest: Tensor
    accuracy: float

    def read(self, images: Tensor) -> np.ndarray:
        """The digit [n] on each image."""
        with torch.no_grad():
            return self.network(images.float()).argmax(dim=1).numpy()


def reader(data: ArrayData, *, seed: int) -> Reader:
    """Train a classifier on 600 images.

    Args:
        data: the digits with their labels.
        seed: of the choice of images, the initial weights and the batches.
    """
    labels = _labels(data)
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(data.size, generator=rng)
    taught, rest = order[:_TAUGHT], order[_TAUGHT:]
    network = mlp([64, 128, 32, 10], generator=rng, activation="relu")
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    images = data.values.float()
    for _ in range(_STEPS):
        rows = taught[torch.randint(_TAUGHT, (_BATCH,), generator=rng)]
        seen = images[rows] + _BLUR * torch.randn(_BATCH, 64, generator=rng)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(seen), labels[rows]).backward()
        optimiser.step()
    with torch.no_grad():
        right = network(images[rest]).argmax(dim=1) == labels[rest]
    return Reader(network, rest, float(right.double().mean()))


def spaces(
    game: Game, data: ArrayData, taught: Reader
) -> Mapping[str, tuple[Tensor, np.ndarray, Any]]:
    """Name -> real images, their digits, and the features, of each space.

    Args:
        game: whose discriminator gives one of them.
        data: the digits.
        taught: the classifier that gives two.
    """
    labels = _labels(data)
    whole = data.values, labels.numpy()
    rest = data.values[taught.rest], labels[taught.rest].numpy()
    features = nn.Sequential(*list(taught.network)[:-1])
    posterior = nn.Sequential(taught.network, nn.Softmax(dim=1))
    return {
        "pixels": (*whole, "pixels"),
        "pca": (*whole, "pca"),
        "discriminator": (*whole, discriminator(game)),
        "classifier": (*rest, Features("classifier", _applied(features))),
        "posterior": (*rest, Features("posterior", _applied(posterior))),
    }


def _labels(data: ArrayData) -> Tensor:
    if data.labels is None:
        raise ValueError(f"data must have labels, {data.name} have none")
    return data.labels


def _applied(module: nn.Module) -> Any:
    def features(samples: Any) -> np.ndarray:
        with torch.no_grad():
            return module(torch.as_tensor(samples).float()).double().numpy()

    return features
