"""Small networks of torch's own layers, fresh and trained, whose faults the tests plant."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def generator(*, seed: int = 0, width: int = 64) -> nn.Sequential:
    """An MLP generator, freshly made."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, 784), nn.Tanh(),
        )  # fmt: skip


def critic(*, seed: int = 0, width: int = 64) -> nn.Sequential:
    """An MLP discriminator, freshly made."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(784, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )  # fmt: skip


def adam_after(
    net: nn.Sequential, *, steps: int, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)
) -> torch.optim.Adam:
    """Some steps of Adam on an arbitrary smooth loss, and the optimizer after them."""
    rng = torch.Generator().manual_seed(1)
    opt = torch.optim.Adam(net.parameters(), lr=lr, betas=betas)
    for _ in range(steps):
        opt.zero_grad()
        out = net(torch.randn(32, *_input(net), generator=rng))
        (out - torch.randn(out.shape, generator=rng)).square().mean().backward()
        opt.step()
    return opt


def _input(net: nn.Sequential) -> tuple[int, ...]:
    first: Any = net[0]
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    if isinstance(first, nn.ConvTranspose2d):
        return (first.in_channels, 4, 4)
    return (first.in_channels, 16, 16)
