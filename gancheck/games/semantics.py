"""Which function is a network with batch norm, spectral norm, dropout or attention?

The numbers of a game depend on it by factors of order one, so it is chosen, held while the network
is called, and said on the page:

- batch norm: as the module's own train/eval flag says, or on the statistics of the batch, or on
  the running ones; running buffers are never moved;
- spectral norm: u and v are constants, as trained: no power iteration is made;
- dropout in training mode: one mask, fixed by the batch's seed;
- attention: torch's math backend, the one that can be differentiated twice.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal, get_args

from torch import nn
from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]
from torch.nn.modules.dropout import _DropoutNd  # pyright: ignore[reportPrivateUsage]
from torch.nn.utils.parametrizations import _SpectralNorm  # pyright: ignore[reportPrivateUsage]
from torch.nn.utils.spectral_norm import SpectralNorm

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = [
    "BatchNormMode",
    "check",
    "describe",
    "held",
    "mixes_by_its_own_word",
    "on_batch_statistics",
    "unwrapped",
]

BatchNormMode = Literal["as-set", "batch", "running"]


@contextlib.contextmanager
def held(module: nn.Module, batch_norm: BatchNormMode) -> Generator[None]:
    """Hold the chosen semantics for one call; every flag is what it was on the way out."""
    wanted = dict(_flags(module, batch_norm))
    before = {m: m.training for m in wanted}
    for m, flag in wanted.items():
        m.training = flag
    try:
        yield
    finally:
        for m, flag in before.items():
            m.training = flag


def check(module: nn.Module, batch_norm: BatchNormMode) -> None:
    """Refuse a choice that the module cannot follow.

    Raises:
        ValueError: an unknown choice, or running statistics of a layer that keeps none.
    """
    if batch_norm not in get_args(BatchNormMode):
        choices = ", ".join(get_args(BatchNormMode))
        raise ValueError(f"batch_norm must be one of {choices}, got {batch_norm!r}")
    if batch_norm == "running":
        without = [
            name or "the module itself"
            for name, m in module.named_modules()
            if isinstance(m, _NormBase) and m.running_mean is None
        ]
        if without:
            raise ValueError(
                f"batch_norm='running' needs running statistics, and {without[0]} keeps none; "
                "use 'batch'"
            )


def unwrapped(module: nn.Module) -> nn.Module:
    """The network itself, without what trains it on several devices or compiles it.

    Its parameters are the same objects, so the game at hand is the one that is trained; a product
    then makes no collective call and needs no compiled second derivative.
    """
    while True:
        if isinstance(module, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


def on_batch_statistics(module: nn.Module, batch_norm: BatchNormMode) -> bool:
    """Whether a sample's result depends on the others of its batch.

    So it does where a layer normalises over them, and where a module says of itself that it
    `mixes_samples`, as one with a minibatch deviation does.
    """
    norms = (m for m in module.modules() if isinstance(m, _BATCH_NORMS))
    return mixes_by_its_own_word(module) or any(_uses_batch(m, batch_norm) for m in norms)


def mixes_by_its_own_word(module: nn.Module) -> bool:
    """Whether some part of it has the attribute `mixes_samples`, true."""
    return any(getattr(m, "mixes_samples", False) is True for m in module.modules())


def describe(module: nn.Module, batch_norm: BatchNormMode) -> list[str]:
    """What was chosen, one sentence for each kind of layer that is there."""
    layers = list(module.modules())
    said: list[str] = []
    norms = [m for m in layers if isinstance(m, _BATCH_NORMS)]
    if norms:
        batch = sum(_uses_batch(m, batch_norm) for m in norms)
        if batch:
            said.append(f"batch norm on batch statistics ({batch} of {len(norms)} layers)")
        if batch < len(norms):
            said.append(f"batch norm on running statistics ({len(norms) - batch} layers)")
    count = sum(isinstance(m, _SpectralNorm) for m in layers) + sum(map(_old_spectral, layers))
    if count:
        said.append(f"spectral norm with u, v constant, as trained ({count} layers)")
    if mixes_by_its_own_word(module):
        said.append("samples of a batch judged beside each other")
    if any(isinstance(m, _DropoutNd) and m.training and m.p > 0.0 for m in layers):
        said.append("dropout with one mask, fixed by the seed")
    if any(isinstance(m, nn.MultiheadAttention) for m in layers):
        said.append("attention on the math backend")
    return said


_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def _uses_batch(m: _NormBase, batch_norm: BatchNormMode) -> bool:
    if batch_norm == "as-set":
        return m.training or m.running_mean is None
    return batch_norm == "batch"


def _flags(module: nn.Module, batch_norm: BatchNormMode) -> Iterator[tuple[nn.Module, bool]]:
    for m in module.modules():
        if isinstance(m, _SpectralNorm) or _old_spectral(m):
            yield m, False
        elif isinstance(m, _BATCH_NORMS) and batch_norm != "as-set":
            yield m, batch_norm == "batch"


def _old_spectral(m: nn.Module) -> bool:
    """Whether a layer carries the hook of the older spectral norm, which obeys its host's flag."""
    hooks = m._forward_pre_hooks.values()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return any(isinstance(hook, SpectralNorm) for hook in hooks)
