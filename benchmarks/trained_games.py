"""The two games that the benchmarks of curvature share, trained here from fixed seeds.

`tiny` is small enough for its matrices to be formed in float64; `mlp` is the size at which solvers
differ. Both play eight normals on a circle with the non-saturating loss.
"""

from __future__ import annotations

import torch

from gancheck.games import data, latents
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.games.networks import mlp
from gancheck.training.updates import Players, alternating

_LOSS = "non-saturating"


def tiny(*, steps: int = 1500) -> Game:
    """770 + 697 parameters in float64."""
    return _trained((4, 24, 24, 2), (2, 24, 24, 1), steps, torch.float64)


def mlp_game(*, steps: int = 2000) -> Game:
    """68,582 + 65,881 parameters in float32."""
    return _trained((16, 180, 180, 180, 2), (2, 180, 180, 180, 1), steps, torch.float32)


def _trained(
    sizes_g: tuple[int, ...], sizes_d: tuple[int, ...], steps: int, dtype: torch.dtype
) -> Game:
    rng = torch.Generator().manual_seed(0)
    generator = mlp(sizes_g, generator=rng, dtype=dtype)
    discriminator = mlp(sizes_d, generator=rng, dtype=dtype)
    latent, real = latents.normal(sizes_g[0]), data.ring8()
    optimizer_g, optimizer_d = (
        torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.5, 0.999))
        for m in (generator, discriminator)
    )
    players = Players(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=optimizer_g,
        discriminator_optimizer=optimizer_d,
        loss=resolve(_LOSS),
        latent=latent,
        data=real,
        batch_size=256,
        rng=torch.Generator().manual_seed(1),
    )
    for _ in range(steps):
        alternating(players)
    return Game(generator, discriminator, loss=_LOSS, latent=latent, data=real)
