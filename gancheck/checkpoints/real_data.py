"""Real data for an audit, in the scale that the discriminator was trained on.

An npz file with one array `images` or `data`, and optionally `labels`. Nothing in it is
unpickled. Bytes (0 to 255) are scaled to the manifest's range; floating point numbers are taken
as they are and must lie in it.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.checkpoints.refusal import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["RealSample", "load_real"]

_NAMES = ("images", "data")
_MOST_BYTES = 8 * 2**30
_WAY_OUT = "write it with numpy.savez(path, images=array)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSample:
    """Real data as the discriminator takes it.

    Attributes:
        data: [n, product of shape], float32, in the range of training.
        labels: [n] whole numbers, None where the file has none.
        notes: what was done to the numbers, and what looks unusual.
    """

    data: torch.Tensor
    labels: torch.Tensor | None
    notes: tuple[str, ...]


def load_real(path: str | Path, *, range: tuple[float, float], shape: Sequence[int]) -> RealSample:  # noqa: A002 - the manifest's word
    """Read real data and bring it to the scale and layout of training.

    Args:
        path: an npz file with `images` or `data`: [n, *shape], [n, h, w] or [n, h, w, c] for
            pictures, or [n, product of shape].
        range: the numbers that training used for the least and the greatest value.
        shape: of one sample, channels first.

    Raises:
        Refused: no such file or array, a wrong shape or dtype, numbers outside the range or not
            finite.
    """
    shown = plain(str(path))
    arrays = _arrays(Path(path), shown)
    names = [name for name in _NAMES if name in arrays]
    if len(names) != 1:
        found = ", ".join(plain(name, limit=40) for name in sorted(arrays)) or "none"
        raise Refused(
            f"{shown} must hold one array named images or data; it has {found}", way_out=_WAY_OUT
        )
    values = _layout(arrays[names[0]], tuple(shape), f"{names[0]} of {shown}")
    scaled, notes = _scale(values, range, f"{names[0]} of {shown}")
    return RealSample(
        data=torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32)),
        labels=_labels(arrays.get("labels"), len(scaled), shown),
        notes=notes,
    )


def _arrays(path: Path, shown: str) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) != len(names):
            raise Refused(f"{shown} holds an array twice: two readers would read two data sets")
        if sum(member.file_size for member in members) > _MOST_BYTES:
            raise Refused(f"{shown} unpacks to over {_MOST_BYTES} bytes")
        with np.load(path, allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files if name in (*_NAMES, "labels")} | {
                name: np.empty(0) for name in loaded.files if name not in (*_NAMES, "labels")
            }
    except FileNotFoundError:
        raise Refused(f"{shown} cannot be read: there is no such file") from None
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        MemoryError,
        tokenize.TokenError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise Refused(
            f"{shown} is no npz file that can be read without unpickling: {error}", way_out=_WAY_OUT
        ) from None


def _layout(array: npt.NDArray[Any], shape: tuple[int, ...], what: str) -> npt.NDArray[Any]:
    size = math.prod(shape)
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise Refused(f"{what} has dtype {array.dtype}; it must be uint8 or floating point")
    if array.ndim < 2 or not len(array):
        raise Refused(f"{what} has shape {list(array.shape)}: no samples in its first dimension")
    sample = array.shape[1:]
    flat = sample in (shape, (size,)) or (len(shape) == 3 and shape[0] == 1 and sample == shape[1:])
    if flat:
        return array.reshape(len(array), size)
    if len(shape) == 3 and sample == (*shape[1:], shape[0]):
        return np.moveaxis(array, -1, 1).reshape(len(array), size)
    raise Refused(f"{what} has samples of shape {list(sample)}, the manifest says {list(shape)}")


def _scale(
    values: npt.NDArray[Any], bounds: tuple[float, float], what: str
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    low, high = bounds
    if values.dtype == np.uint8:
        note = f"bytes 0 to 255 were scaled to [{low:g}, {high:g}]"
        if int(values.max()) <= 1:
            raise Refused(
                f"{what} holds bytes of at most {int(values.max())}: 0 to 255 are expected, which are scaled to the range"
            )
        return values.astype(np.float64) * ((high - low) / 255.0) + low, (note,)
    if not np.isfinite(values).all():
        raise Refused(f"{what} holds numbers that are NaN or infinite")
    least, greatest = float(values.min()), float(values.max())
    slack = 1e-4 * (high - low)
    if least < low - slack or greatest > high + slack:
        raise Refused(
            f"{what} spans [{least:g}, {greatest:g}], outside the manifest's range [{low:g}, {high:g}]",
            way_out="give the range of these numbers, or scale them as in training",
        )
    notes = [f"numbers were taken as they are, spanning [{least:g}, {greatest:g}]"]
    if least >= 0 > low:
        notes.append(
            f"no number is negative while the range begins at {low:g}: were they scaled as in training?"
        )
    return values, tuple(notes)


def _labels(array: npt.NDArray[Any] | None, count: int, shown: str) -> torch.Tensor | None:
    if array is None:
        return None
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise Refused(
            f"labels of {shown} must be {count} whole numbers, they are {array.dtype} of shape {list(array.shape)}"
        )
    return torch.from_numpy(array.astype(np.int64))
