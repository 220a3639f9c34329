"""How is a module put back exactly as it was, whatever a forward pass or a measure did to it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Kept"]


class Kept:
    """One submodule's attributes, and on demand the values of its tensors and their gradients."""

    def __init__(self, module: nn.Module, *, values: bool) -> None:
        self._module = module
        self._plain = {
            k: v
            for k, v in module.__dict__.items()
            if k not in ("_parameters", "_buffers", "_modules")
        }
        self._parameters = dict(module.__dict__["_parameters"])
        self._buffers = dict(module.__dict__["_buffers"])
        tensors = [
            t for t in (*self._parameters.values(), *self._buffers.values()) if t is not None
        ]
        self._tensors = [_KeptTensor(t) for t in tensors] if values else []

    def restore(self) -> None:
        """Put every attribute, tensor and gradient back."""
        own = self._module.__dict__
        for key in set(own) - set(self._plain) - {"_parameters", "_buffers", "_modules"}:
            del own[key]
        own.update(self._plain)
        own["_parameters"].clear()
        own["_parameters"].update(self._parameters)
        own["_buffers"].clear()
        own["_buffers"].update(self._buffers)
        for kept in self._tensors:
            kept.restore()


class _KeptTensor:
    """A tensor's bytes, its gradient and its bytes, and whether it requires one."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._version = tensor._version  # noqa: SLF001 (counts writes in place)
        self._value = tensor.detach().clone()
        self._grad = tensor.grad
        self._grad_value = None if tensor.grad is None else tensor.grad.detach().clone()
        self._requires_grad = tensor.requires_grad

    def restore(self) -> None:
        tensor = self._tensor
        with torch.no_grad():
            if tensor._version != self._version:  # noqa: SLF001
                tensor.copy_(self._value)
            tensor.grad = self._grad
            if self._grad is not None and self._grad_value is not None:
                self._grad.copy_(self._grad_value)
        if tensor.requires_grad != self._requires_grad:
            tensor.requires_grad_(self._requires_grad)
