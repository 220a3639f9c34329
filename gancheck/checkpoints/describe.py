"""How is an index shown to a person, and to a program?

Both forms pass every string of the file through `plain`. Standard library only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gancheck.checkpoints.refusal import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.checkpoints.index import Guess, Index, TensorInfo

__all__ = ["describe", "index_json", "json_text"]

SCHEMA = "gancheck-index/2"
_MOST_NAMES, _MOST_REASONS, _LONGEST_REASON = 40, 40, 800
NOT_CHECKED = "not checked: skipped for size"
_CHECKSUMS = {True: "agree", False: NOT_CHECKED, None: "none in this container"}


def describe(index: Index, *, tensors: int = 200) -> str:
    """A page of text: what the file is, then a line for each tensor.

    Args:
        index: what `read` returned.
        tensors: longest list of tensors.
    """
    lines = [
        plain(index.name),
        f"  container  {index.container}, {index.size} bytes",
        f"  sha256     {index.sha256 or NOT_CHECKED}",
        f"  checksums  {_CHECKSUMS[index.checksums]}",
        f"  versions   {_versions(index) or 'none stated'}",
        f"  role       {_guess(index.role)}",
        f"  family     {_guess(index.family)}",
        f"  buildable  {'yes' if index.buildable else index.why_not}",
        f"  globals    {_some(index.globals) or 'none'}",
    ]
    if index.needs:
        lines.append(f"  classes    {_some(index.needs)} (listed, not built)")
    lines += [f"  note       {plain(note)}" for note in index.notes]
    if index.metadata:
        lines.append(f"  metadata   {len(index.metadata)} values")
        lines += [
            f"    {plain(key, limit=60)} = {plain(str(value), limit=80)}"
            for key, value in list(index.metadata.items())[:20]
        ]
    total = sum(tensor.count for tensor in index.tensors)
    lines.append(f"  tensors    {len(index.tensors)}, {total} numbers")
    lines += [f"    {_tensor_line(tensor)}" for tensor in index.tensors[:tensors]]
    if len(index.tensors) > tensors:
        lines.append(f"    ... and {len(index.tensors) - tensors} more")
    return "\n".join(lines)


def index_json(index: Index) -> dict[str, Any]:
    """The same as plain JSON values; every string is escaped and truncated."""
    return {
        "schema": SCHEMA,
        "status": "read",
        "name": plain(index.name),
        "container": str(index.container),
        "size": index.size,
        "sha256": index.sha256 or NOT_CHECKED,
        "checksums": _CHECKSUMS[index.checksums],
        "versions": {
            plain(name): plain(version, limit=40) for name, version in index.versions.items()
        },
        "role": _guess_json(index.role),
        "family": _guess_json(index.family),
        "buildable": index.buildable,
        "why_not": plain(index.why_not, limit=_LONGEST_REASON),
        "globals": [plain(name) for name in index.globals],
        "needs": [plain(name) for name in index.needs],
        "metadata": {plain(key): _scalar(value) for key, value in index.metadata.items()},
        "notes": [plain(note) for note in index.notes],
        "tensors": [
            {
                "key": plain(tensor.key),
                "shape": list(tensor.shape),
                "dtype": plain(tensor.dtype),
                "offset": tensor.offset,
                "strides": list(tensor.strides),
                "alias": tensor.alias,
                "buildable": tensor.buildable,
            }
            for tensor in index.tensors
        ],
    }


def json_text(value: Any) -> str:
    r"""JSON that is inert also where somebody pastes it into a page: ASCII, and no `<`, `>` or `&`.

    Example:
        >>> json_text("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, indent=2, allow_nan=False)
    for character in "<>&":  # outside of strings JSON has none of them
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _scalar(value: bool | float | str) -> bool | int | float | str | None:  # noqa: FBT001 - a value, not a switch
    """JSON has no NaN, no infinity, and for most readers no integer over 2^53."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, int) and abs(value) > 2**53:
        return plain(f"{value:#x}")
    return value


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f", ... and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(plain(name) for name in names[:_MOST_NAMES]) + more


def _versions(index: Index) -> str:
    return ", ".join(
        f"{plain(name, limit=60)} {plain(version, limit=40)}"
        for name, version in list(index.versions.items())[:20]
    )


def _guess(guess: Guess) -> str:
    sure = "" if guess.confidence == "none" else f" ({guess.confidence} confidence)"
    return f"{guess.value}{sure}: {plain('; '.join(guess.reasons), limit=_LONGEST_REASON)}"


def _guess_json(guess: Guess) -> dict[str, Any]:
    reasons = [plain(reason, limit=_LONGEST_REASON) for reason in guess.reasons[:_MOST_REASONS]]
    return {"value": guess.value, "confidence": guess.confidence, "reasons": reasons}


def _tensor_line(tensor: TensorInfo) -> str:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    alias = "" if tensor.alias is None else f"  shares storage {tensor.alias}"
    return f"{plain(tensor.key, limit=80)}  {shape}  {plain(tensor.dtype)}{alias}"
