"""Which random numbers belong to which use of a seed?

A measure is asked for one seed and draws latents, data, held-out data and a penalty's points with
it. Of one plain stream they would share their noise: where data and latents are both normal, a
generator that does nothing would repeat the very samples that it is compared with. So would it with
a user's own data that were made after `torch.manual_seed(0)`. Each use therefore has a stream of
its own, which no plain seed begins (numpy's `SeedSequence`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

__all__ = ["Use", "stream"]

Use = Literal["batch", "latent", "real", "held out", "penalty"]
_USES: tuple[Use, ...] = ("batch", "latent", "real", "held out", "penalty")


def stream(seed: int, use: Use) -> torch.Generator:
    """The CPU stream of one use of a seed.

    Raises:
        ValueError: a negative seed.

    Example:
        >>> one, other = (torch.rand(1, generator=stream(0, use)) for use in ("latent", "real"))
        >>> bool(one == other)
        False
    """
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    words = np.random.SeedSequence(seed, spawn_key=(_USES.index(use),)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]))
