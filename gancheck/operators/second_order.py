"""What must hold while a graph is built and differentiated twice, and what is refused?

Inside `second_order` normalisation layers are differentiated by their closed forms, attention runs
on torch's math backend (the fused ones have no second derivative), and on a CUDA device no product
is rounded to TF32. What cannot be differentiated twice is refused by its name.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from gancheck.games.normalisation import exact_normalisation

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

__all__ = ["OperatorError", "full_precision", "refuse_dtype", "second_order"]


class OperatorError(RuntimeError):
    """The operator's products are not those of the matrix it claims to be."""


@contextlib.contextmanager
def second_order(device: torch.device) -> Generator[None]:
    """Build graphs in here, so that their second derivatives exist and are right.

    Raises:
        OperatorError: an operation without a second derivative, named.
    """
    with full_precision(device), sdpa_kernel(SDPBackend.MATH), exact_normalisation():
        try:
            yield
        except RuntimeError as error:
            raise _explained(error) from error


@contextlib.contextmanager
def full_precision(device: torch.device) -> Generator[None]:
    """No TF32 inside, on a CUDA device; the settings are put back."""
    if device.type != "cuda":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    switches: list[tuple[Any, str, object]] = [
        (matmul, "allow_tf32", False),
        (cudnn, "allow_tf32", False),
    ]
    if hasattr(matmul, "fp32_precision"):  # since torch 2.9, in the place of those
        switches = [
            (matmul, "fp32_precision", "ieee"),
            (getattr(cudnn, "conv"), "fp32_precision", "ieee"),  # noqa: B009 (not in its stub)
        ]
    before = [getattr(owner, name) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)


def refuse_dtype(dtype: torch.dtype) -> None:
    """Let float32 and float64 pass.

    Raises:
        ValueError: another dtype.
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"the modules are in {str(dtype).removeprefix('torch.')}, whose products of second "
            "order are wrong by per cents; convert both with .float() or .double()"
        )


def refuse_once_differentiable(loss: Tensor) -> None:
    """Look through a loss's graph for operations that say they cannot be differentiated twice.

    Raises:
        OperatorError: names them.
    """
    names = sorted(_once_differentiable(loss.grad_fn))
    if names:
        raise OperatorError(
            f"{', '.join(names)} is marked once_differentiable: it has a gradient but no second "
            "derivative, so no curvature can be measured through it; replace it by plain torch "
            "operations (StyleGAN's upfirdn2d and bias_act have such reference versions)"
        )


def _once_differentiable(root: Any) -> set[str]:
    """Names of the custom operations in a graph whose backward is wrapped by torch's marker."""
    found, seen, waiting = set[str](), set[Any](), [root]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        forward = getattr(type(node), "_forward_cls", None)
        code = getattr(getattr(forward, "backward", None), "__code__", None)
        if code is not None and code.co_filename == torch.autograd.function.__file__:
            found.add(forward.__name__ if forward is not None else type(node).__name__)
        waiting.extend(following for following, _ in node.next_functions)
    return found


def _explained(error: RuntimeError) -> RuntimeError:
    """Torch's message with the operation's name in front, where it says that a derivative lacks."""
    text = str(error)
    missing = re.search(r"derivative for '?(\S+?)'? is not implemented", text)
    if missing is None:
        return error
    return OperatorError(
        f"{missing[1]} has no second derivative in torch, so no curvature can be measured through "
        "it; replace it by operations that have one"
    )
