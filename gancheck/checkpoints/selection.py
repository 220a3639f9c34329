"""Which tensors of a file does a manifest mean by `key` and `strip_prefix`?

Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from gancheck.checkpoints.index import Index, TensorInfo

__all__ = ["select"]


def select(
    index: Index, *, key: str | None = None, strip_prefix: str = ""
) -> dict[str, TensorInfo]:
    """Name the tensors of one part of a file, as the state dict of that part would.

    Args:
        index: what `read` returned.
        key: the dict that holds them, such as "netG_state_dict" (a dict inside another: names
            joined by dots); None takes the whole file.
        strip_prefix: keep the names that begin so, and cut it off.

    Raises:
        Refused: there is no such part, or it cannot be built.
    """
    chosen = _part(index, key)
    if key is None:
        chosen = {path: info for path, info in chosen.items() if info.buildable}
    held = [info for info in chosen.values() if not info.buildable]
    if held or not chosen:
        needs = (
            f"cannot be built: needs class {plain(held[0].holder)}"
            if held and held[0].holder
            else index.why_not
        )
        raise Refused(
            needs or "its numbers stand in no one place of the file",
            way_out="save the state_dict() where you trust the file",
        )
    named: dict[str, TensorInfo] = {}
    for path, info in chosen.items():
        name = ".".join(path)
        if not name.startswith(strip_prefix):
            continue
        name = name[len(strip_prefix) :]
        if name in named:
            raise Refused(f"two tensors have the name {plain(name)}", subject=name)
        named[name] = info
    if not named:
        raise Refused(
            f"no tensor's name begins with {plain(strip_prefix)!r}; the first is {plain('.'.join(next(iter(chosen))))!r}"
        )
    return named


def _part(index: Index, key: str | None) -> dict[tuple[str, ...], TensorInfo]:
    if key is None:
        parts = [(info.path, info) for info in index.tensors]
    else:
        parts = [
            (info.path[depth:], info)
            for info in index.tensors
            for depth in range(1, len(info.path))
            if ".".join(info.path[:depth]) == key
        ]
    chosen: dict[tuple[str, ...], TensorInfo] = {}
    for path, info in parts:
        if path in chosen:
            raise Refused(
                f"two tensors have the name {plain('.'.join(path))}", subject=".".join(path)
            )
        chosen[path] = info
    if key is not None and not chosen:
        inside = sorted({info.path[0] for info in index.tensors if len(info.path) > 1})
        known = (
            f"it has {', '.join(plain(name, limit=40) for name in inside[:8])}"
            if inside
            else "its tensors stand at the top, without a key"
        )
        raise Refused(f"no dict named {plain(key)!r} holds tensors; {known}", subject=key)
    return chosen
