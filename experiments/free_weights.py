"""What does a least-squares game do where the generator can only move mass between modes?

The setting of `centred-least-squares-drops-modes`: the generator's law is a mixture of the data's
own K normals with weights q of its own, started at softmax of standard normal numbers, while the
data weigh each 1/K. The weights follow the theorem's flow q' = q (mean price - price), where the
price of a mode is the generator's loss on samples of that mode. `exact_flow` has the prices of the
optimal discriminator; `learned_flow` those of a perceptron that is trained beside it. That the
normals are apart makes the optimal discriminator one number a mode, which is what the theorem has.

Source: the optimal discriminators are those of Mao et al. (2017), proved in
`least-squares-optimum-and-value`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.games.losses import resolve
from gancheck.training.state import streams

if TYPE_CHECKING:
    from torch import Tensor

    from gancheck.games.data import Synthetic
    from gancheck.games.recipe import Recipe

__all__ = ["EXACT_PRICE", "exact_flow", "learned_flow", "start"]

Price = Callable[[np.ndarray, np.ndarray], np.ndarray]
_PER_MODE = 32  # samples that price a mode: with 25 modes a pass costs what 800 samples do

EXACT_PRICE: Mapping[str, Price] = MappingProxyType(
    {
        "lsgan": lambda p, q: (p / (p + q) - 1.0) ** 2 / 2,
        "lsgan-centred": lambda p, q: ((p - q) / (p + q)) ** 2 / 2,
    }
)
"""The generator's loss at the optimal discriminator, on a mode of masses p (data) and q."""


def start(modes: int, seed: int) -> np.ndarray:
    """Logits [modes] of the first weights: standard normal, from a stream of their own."""
    return np.random.default_rng([seed, modes]).normal(size=modes)


def exact_flow(loss: str, logits: np.ndarray, *, rate: float, steps: int) -> np.ndarray:
    """Weights [K] after `steps` steps of the flow against the optimal discriminator.

    Args:
        loss: `lsgan` or `lsgan-centred`.
        logits: of the first weights [K].
        rate: time that one step takes; q is multiplied by exp(-rate * price).
        steps: how many.
    """
    p = np.full(len(logits), 1.0 / len(logits))
    logits = np.array(logits, dtype=np.float64)
    for _ in range(steps):
        logits -= rate * EXACT_PRICE[loss](p, _softmax(logits))
    return _softmax(logits)


def learned_flow(
    recipe: Recipe,
    data: Synthetic,
    loss: str,
    *,
    seed: int,
    rate: float,
    steps: int,
    answers: int,
    warm_up: int,
) -> np.ndarray:
    """Weights [K] after the same flow against a discriminator that is trained beside it.

    The discriminator is the recipe's, its first weights are those of this seed's training, and it
    takes the recipe's Adam steps on batches of data and of samples of the present mixture.

    Args:
        recipe: whose discriminator, optimiser and batch size are used.
        data: the recipe's, with point modes.
        loss: a named loss.
        seed: of first weights and of all draws.
        rate: as for `exact_flow`.
        steps: of the weights.
        answers: discriminator steps before each of them.
        warm_up: discriminator steps before the first.
    """
    if data.modes is None:
        raise ValueError(f"data must have point modes, {data.name} has none")
    pair, seeds = resolve(loss), streams(seed)
    weights = torch.Generator().manual_seed(seeds["weights"])
    recipe.generator(weights)  # drawn first in a training, so that the discriminator is its own
    score = recipe.discriminator(weights)
    optimiser = recipe.discriminator_optimiser.over(score.parameters())
    rng = torch.Generator().manual_seed(seeds["draws"])
    logits = start(len(data.modes), seed)

    def answer() -> None:
        real = data.draw(recipe.batch_size, rng).float()
        q = torch.from_numpy(_softmax(logits))
        chosen = torch.multinomial(q, recipe.batch_size, replacement=True, generator=rng)
        fake = _around(data, chosen, rng)
        optimiser.zero_grad(set_to_none=True)
        pair.discriminator(score, real, fake, rng=rng).backward()
        optimiser.step()

    every = torch.arange(len(data.modes)).repeat_interleave(_PER_MODE)
    nothing = torch.empty(0, *data.shape)

    def price(samples: Tensor) -> Tensor:
        return pair.generator(score, nothing, samples)

    for _ in range(warm_up):
        answer()
    for _ in range(steps):
        for _ in range(answers):
            answer()
        shown = _around(data, every, rng).reshape(len(data.modes), _PER_MODE, *data.shape)
        with torch.no_grad():
            logits = logits - rate * torch.vmap(price)(shown).double().numpy()
    return _softmax(logits)


def _around(data: Synthetic, components: Tensor, rng: torch.Generator) -> Tensor:
    """Samples [n, ...] of chosen components [n], float32."""
    modes: Any = data.modes
    noise = torch.randn(len(components), *data.shape, generator=rng, dtype=torch.float64)
    return (modes[components] + data.spread * noise).float()


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()
