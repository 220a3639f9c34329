"""Where and how are the steps of a training computed?

On which device, in which precision, compiled or not, with one thread and with random streams that
are the run's own. All of it belongs to a run and is kept in its configuration.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

if TYPE_CHECKING:
    from collections.abc import Generator

    from gancheck.games.recipe import Recipe

__all__ = ["SECOND_ORDER", "Manner", "Precision", "resolve_device", "surroundings"]

Precision = Literal["float32", "bfloat16"]
"""Of forward passes in training; parameters, optimisers and every measure stay in float32."""

SECOND_ORDER = ("consensus", "symplectic")
"""Updates that differentiate gradients."""


def resolve_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device.

    Args:
        name: `auto` takes a CUDA device where there is one.

    Raises:
        ValueError: another name, or a CUDA device that is not there.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    head, _, index = name.partition(":")
    if name != "cpu" and (head != "cuda" or (name != "cuda" and not index.isdecimal())):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:INDEX, got {name!r}")
    if head == "cuda" and int(index or 0) >= count:
        raise ValueError(f"device {name} is not there: torch sees {count} CUDA devices")
    return torch.device(name if name == "cpu" else f"cuda:{int(index or 0)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How steps are computed, as it stands in a run's configuration."""

    precision: Precision
    compiled: bool
    deterministic: bool

    def check(self, recipe: Recipe) -> None:
        """Refuse what does not go together.

        Raises:
            ValueError: no such precision, or updates that differentiate gradients, which these are
                not fit for.
        """
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise ValueError(f"precision must be one of {known}, got {self.precision!r}")
        mixed = self.precision != "float32"
        if recipe.updates in SECOND_ORDER and (self.compiled or mixed):
            what = "compiled networks have no" if self.compiled else "bfloat16 spoils the"
            raise ValueError(f"{what} second derivatives, which {recipe.updates} updates need")


@contextlib.contextmanager
def surroundings(where: torch.device, configuration: dict[str, Any]) -> Generator[None]:
    """One thread, the run's own global streams, deterministic kernels if asked; all put back.

    Sums of several threads depend on how many there are; one thread sums in one order.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    seed = configuration["streams"]["global"]
    torch.set_num_threads(1)
    if configuration["deterministic"]:
        torch.use_deterministic_algorithms(mode=True)
    try:
        with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
            torch.default_generator.manual_seed(seed)
            if where.type == "cuda":
                with torch.cuda.device(where):
                    torch.cuda.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=strict)
