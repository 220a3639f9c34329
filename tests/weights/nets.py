"""Small networks of torch's own layers, fresh and trained, whose faults the tests plant."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gancheck.measures.weights import PlayerWeights, Weights


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


def dcgan_generator(*, seed: int = 0, width: int = 16) -> nn.Sequential:
    """A transposed convolution generator with batch norm, drawn as DCGAN draws."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.ConvTranspose2d(16, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 16, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip
        return dcgan_drawn(net)


def dcgan_critic(*, seed: int = 0, width: int = 16) -> nn.Sequential:
    """A convolution discriminator with batch norm, drawn as DCGAN draws."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(16, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 4, bias=False),
        )  # fmt: skip
        return dcgan_drawn(net)


def dcgan_drawn(net: nn.Sequential) -> nn.Sequential:
    """Redraw by N(0, 0.02), norms by N(1, 0.02)."""
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return net


def of_nets(objective: str = "", **nets: nn.Module) -> Weights:
    """Networks as if they had been read from one file each; a known name is the role."""
    known = ("generator", "discriminator")
    return Weights(
        players=tuple(
            PlayerWeights(
                name=name,
                role=next((k for k in known if name.endswith(k)), "unknown"),
                file=f"{name}.pth",
                part="",
                tensors={k: v.detach() for k, v in net.state_dict().items()},
                averaged=name.startswith("averaged"),
            )
            for name, net in nets.items()
        ),
        objective=objective,
    )


def adam_after(
    net: nn.Sequential, *, steps: int, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)
) -> torch.optim.Adam:
    """Some steps of Adam on an arbitrary smooth loss, and the optimizer after them."""
    rng = torch.Generator().manual_seed(1)
    opt = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), lr=lr, betas=betas)
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
