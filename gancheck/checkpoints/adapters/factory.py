"""The owner's own code makes the module; only the weights come from the file.

Nothing of the checkpoint is imported: the manifest of the user names a function of the user's, and
it is called only where the command line allows it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import torch
from torch import nn

from gancheck.checkpoints.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.checkpoints.adapters import Player
    from gancheck.checkpoints.manifest import Manifest

__all__ = ["made"]


def made(
    player: Player, manifest: Manifest, tensors: Mapping[str, torch.Tensor], *, allow_code: bool
) -> nn.Module:
    """Call the manifest's function, load the weights strictly, and set the module to evaluation.

    A conditional generator of the owner's gets noise and labels as two arguments.

    Args:
        player: whose function.
        manifest: names it as MODULE:FUNCTION, importable or in the manifest's folder.
        tensors: state dict of the file.
        allow_code: the user's leave.

    Raises:
        ValueError: no leave, no such module or function, or it makes no module.
        Refused: the weights do not load.
    """
    name = getattr(manifest.model.factory, player)
    if name is None:
        raise ValueError(f"model.factory.{player} must be MODULE:FUNCTION, it is missing")
    if not allow_code:
        raise ValueError(
            f"model.factory.{player} = {name!r} would run code; give --allow-code if it is yours"
        )
    module = _call(name, str(manifest.resolve("").resolve()), player)
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise Refused(
            f"the weights do not load into what {name} makes: {' '.join(str(error).split())}"
        ) from None
    module.eval()
    condition = manifest.condition
    if condition is None:
        return module
    return Conditioned(module, condition.classes, one_hot=condition.encoding == "one_hot")


class Conditioned(nn.Module):
    """A generator of noise and labels as one of their concatenation, the classes one-hot."""

    def __init__(self, generator: nn.Module, classes: int, *, one_hot: bool) -> None:
        super().__init__()
        self.generator = generator
        self.classes = classes
        self.one_hot = one_hot

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Samples for [n, latent + classes]."""
        noise, label = z[:, : -self.classes], z[:, -self.classes :]
        return self.generator(noise, label if self.one_hot else label.argmax(1))


def _call(name: str, folder: str, player: str) -> nn.Module:
    home, _, function = name.partition(":")
    sys.path.insert(0, folder)
    try:
        found = getattr(importlib.import_module(home), function, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"model.factory.{player}: {name!r} cannot be imported: {error}") from None
    finally:
        sys.path.remove(folder)
    if not callable(found):
        raise ValueError(f"model.factory.{player}: {home} has no function {function!r}")
    with torch.random.fork_rng(devices=[]):
        module = found()
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"model.factory.{player}: {name} must return a torch module, got {type(module).__name__}"
        )
    return module
