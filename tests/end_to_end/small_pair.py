"""A small perceptron GAN saved by torch, its manifest and data, shared by the commands' tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """
schema = 1
[files]
generator = { path = "G.pth" }
discriminator = { path = "D.pth" }
[model]
adapter = "mlp"
activation = { hidden = "tanh", output = "tanh", d_hidden = "tanh", d_output = "logit" }
[latent]
size = 4
law = "normal"
[data]
shape = [1, 4, 4]
range = [-1.0, 1.0]
[objective]
kind = "minimax"
"""


def write_small_pair(folder: Path) -> None:
    """G.pth, D.pth, real.npz with 500 pictures of 4 x 4, and gancheck.toml."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 16), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
    torch.save(generator.state_dict(), folder / "G.pth")
    torch.save(discriminator.state_dict(), folder / "D.pth")
    real = np.random.default_rng(0).integers(0, 256, (500, 4, 4)).astype(np.uint8)
    np.savez(folder / "real.npz", images=real)
    (folder / "gancheck.toml").write_text(MANIFEST)
