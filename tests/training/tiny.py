"""A game small enough that hundreds of steps cost a second, shared by the training tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gancheck.games import latents
from gancheck.games.architectures import Perceptron
from gancheck.games.networks import mlp
from gancheck.games.recipe import Recipe
from gancheck.games.sources import Named
from gancheck.training.train import train

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn


def build(sizes: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    return mlp(sizes, generator=generator)


TINY = Recipe(
    name="tiny",
    description="for tests",
    data=Named(kind="ring8"),
    latent=latents.normal(2),
    generator=Perceptron(widths=(2, 8, 2)),
    discriminator=Perceptron(widths=(2, 8, 1)),
    steps=40,
    batch_size=16,
    checkpoint_every=15,
)


def tiny(**changes: Any) -> Recipe:
    return replace(TINY, **changes)


def remembering(steps: int) -> Recipe:
    """One whose checkpoints hold a running mean and what an update remembers of its last step."""
    return tiny(steps=steps, updates="optimistic", ema=0.9)


def everything(directory: Path) -> dict[str, bytes]:
    files = (p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in files}


def on_cpu(recipe: Recipe, out: Path, **options: Any) -> Path:
    return train(recipe, out, device="cpu", **options)
