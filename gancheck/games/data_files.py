"""How are real samples read from files: arrays, picture folders, Fashion-MNIST?

Everything becomes `ArrayData` in [-1, 1]; nothing is unpickled and nothing is fetched. What is not
there is named with what to install or where to put it.

Source: Xiao, Rasul & Vollgraf (2017) for Fashion-MNIST, which Debian packages as
dataset-fashion-mnist; LeCun's IDX format, which it is stored in.
"""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck.games.data import ArrayData

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

__all__ = ["fashion_mnist", "fashion_mnist_files", "from_folder", "from_npz"]

_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
_DAMAGED = (OSError, EOFError, KeyError, RuntimeError, zlib.error, zipfile.BadZipFile)
_SPOILT = (OSError, ValueError, TypeError, SyntaxError)  # what Pillow says of a broken picture
_MAGIC = {1: 2049, 3: 2051}  # of IDX files of bytes with that many axes


def from_npz(path: str | Path) -> ArrayData:
    """Samples of an npz file: an array `images` or `data` [N, ...], and `labels` [N] if there.

    Bytes are scaled from 0..255 to [-1, 1]; floating-point numbers are taken as they are. Pictures
    [N, h, w] get one channel, pictures with 1, 3 or 4 channels last get them first.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no npz, no such array, or samples that are empty, not numbers or not finite.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no data at {path}; write it with numpy.savez(path, images=array)")
    try:
        with path.open("rb") as stream, _npz(stream) as arrays:
            have = list(arrays.files)
            name = next((n for n in ("images", "data") if n in have), None)
            if name is None:
                raise ValueError(
                    f"{path} must hold an array images or data, it holds {', '.join(have) or 'none'}"
                )
            values = _array(arrays, name)
            labels = _array(arrays, "labels") if "labels" in have else None
    except (*_DAMAGED, _NoSamples) as error:
        raise ValueError(f"{path} is no npz file that can be read: {error}") from error
    return ArrayData(
        values=_channels_first(_scaled(values, str(path))),
        labels=None if labels is None else _labels(labels, len(values), path),
        name=path.stem,
    )


def from_folder(path: str | Path, *, size: int | None = None, grey: bool = False) -> ArrayData:
    """Pictures of a folder, in the order of their names, as [N, channels, h, w] in [-1, 1].

    A folder of folders is taken as one class a folder, in the order of their names. Hidden files and
    folders, and files that are not named like a picture, are passed over. Transparency is dropped;
    16 bits are rounded to 8.

    Args:
        path: the folder.
        size: pixels along a side that every picture is brought to: its middle square, resampled.
            Without it all pictures must be of one size.
        grey: one channel instead of three.

    Raises:
        FileNotFoundError: no such folder, or no picture in it.
        ValueError: pictures of two sizes and no `size`, a size below 1, a file that is no picture,
            or pictures both in the folder and in folders of it.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of pictures at {root}")
    classes = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    own = [(p, 0) for p in _pictures(root)]
    files = [(p, i) for i, c in enumerate(classes) for p in _pictures(c)]
    if own and files:
        raise ValueError(
            f"{root} holds pictures ({own[0][0].name}) and folders of pictures "
            f"({files[0][0].parent.name}): with classes each picture is in the folder of its own"
        )
    labels = torch.tensor([i for _, i in files]) if files else None
    files = files or own
    if not files:
        raise FileNotFoundError(f"{root} holds no picture ({', '.join(sorted(_PICTURES))})")
    shots = [_picture(p, size, grey=grey) for p, _ in files]
    odd = next((k for k, x in enumerate(shots) if x.shape != shots[0].shape), None)
    if odd is not None:
        raise ValueError(
            f"pictures must be of one size, {files[0][0].name} is {_words(shots[0])} and "
            f"{files[odd][0].name} is {_words(shots[odd])}; give size to bring them to one"
        )
    values = torch.from_numpy(np.stack(shots)).permute(0, 3, 1, 2).contiguous()
    return ArrayData(values=values, labels=labels, name=root.name)


def fashion_mnist(root: str | Path | None = None, *, size: int = 28) -> ArrayData:
    """60,000 grey pictures of clothes in ten classes, [60000, 1, size, size] in [-1, 1].

    Looked for in `root`, in the folder that GANCHECK_DATA names (or its sub-folder fashion-mnist),
    and where Debian's package puts it.

    Args:
        root: folder of the IDX files, gzipped or not.
        size: 28 as they are, or 32 with two pixels of background around.

    Raises:
        FileNotFoundError: they are in none of these places.
        ValueError: another size, or a damaged file.
    """
    if size not in (28, 32):
        raise ValueError(f"size must be 28 or 32, got {size}")
    found = fashion_mnist_files(root)
    if found is None:
        looked = ", ".join(map(str, _fashion_places(root)))
        raise FileNotFoundError(
            "Fashion-MNIST is not there; type: apt install dataset-fashion-mnist, or name the "
            f"folder of its files in GANCHECK_DATA (looked in {looked})"
        )
    images, labels = found
    values = _scaled(_idx(images, 3), str(images))[:, None]
    if size == 32:
        values = torch.nn.functional.pad(values, (2, 2, 2, 2), value=-1.0)
    return ArrayData(
        values=values, labels=torch.from_numpy(_idx(labels, 1)).long(), name="fashion-mnist"
    )


class _NoSamples(ValueError):
    """Why a file that numpy opens holds no samples."""


def _npz(stream: Any) -> Any:
    try:
        found = np.load(stream, allow_pickle=False)
    except ValueError:  # numpy takes what it does not know for a pickle, and advises to load it
        raise _NoSamples("it is of another format") from None
    if isinstance(found, np.ndarray):
        raise _NoSamples("it is one npy array; write it with numpy.savez(path, images=array)")
    return found


def _array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as error:  # such as Python objects, which would have to be unpickled
        raise _NoSamples(f"its array {name}: {error}") from None


def fashion_mnist_files(root: str | Path | None = None) -> tuple[Path, Path] | None:
    """Its pictures and its labels, in the first place that has both; None where none has."""
    for place in _fashion_places(root):
        images, labels = (_there(place, f"train-{n}-ubyte") for n in ("images-idx3", "labels-idx1"))
        if images is not None and labels is not None:
            return images, labels
    return None


def _fashion_places(root: str | Path | None) -> list[Path]:
    own = os.environ.get("GANCHECK_DATA")
    return [
        *([] if root is None else [Path(root)]),
        *([Path(own), Path(own) / "fashion-mnist"] if own else []),
        _DEBIAN,
    ]


def _there(place: Path, name: str) -> Path | None:
    return next((p for p in (place / f"{name}.gz", place / name) if p.exists()), None)


def _idx(path: Path, axes: int) -> np.ndarray:
    """An IDX file of bytes with that many axes."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        magic, *shape = struct.unpack(f">{axes + 1}i", raw[: 4 * (axes + 1)])
        if magic != _MAGIC[axes]:
            raise ValueError(f"its magic number is {magic}, not {_MAGIC[axes]}")
        return np.frombuffer(raw, dtype=np.uint8, offset=4 * (axes + 1)).reshape(shape).copy()
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise ValueError(f"{path} is no IDX file that can be read: {error}") from error


def _scaled(values: np.ndarray, where: str) -> Tensor:
    """Bytes to [-1, 1] in float32; floating point as it is."""
    if values.dtype == np.uint8:
        return torch.from_numpy(values.astype(np.float32) / 127.5 - 1.0)
    if values.dtype.kind != "f":
        raise ValueError(f"{where} must hold bytes or floating-point numbers, got {values.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _channels_first(x: Tensor) -> Tensor:
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return x.permute(0, 3, 1, 2).contiguous()
    return x


def _labels(labels: np.ndarray, count: int, path: Path) -> Tensor:
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels in {path} must be {count} whole numbers, got {labels.dtype} of shape "
            f"{list(labels.shape)}"
        )
    return torch.from_numpy(labels.astype(np.int64))


def _pictures(folder: Path) -> Iterable[Path]:
    named = (p for p in folder.iterdir() if p.suffix.lower() in _PICTURES)
    return sorted(p for p in named if p.is_file() and not p.name.startswith("."))


def _picture(path: Path, size: int | None, *, grey: bool) -> np.ndarray:
    """[h, w, channels] in [-1, 1], float32."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            shot: Any = _of_bytes(opened).convert("L" if grey else "RGB")
    except (*_SPOILT, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no picture that can be read: {error}") from error
    if size is not None:
        side = min(shot.size)
        left, top = (shot.size[0] - side) // 2, (shot.size[1] - side) // 2
        middle = shot.crop((left, top, left + side, top + side))
        shot = middle.resize((size, size), Image.Resampling.BOX)
    values = np.asarray(shot, dtype=np.float32) / 127.5 - 1.0
    return values[..., None] if values.ndim == 2 else values


def _of_bytes(shot: Any) -> Any:
    """The picture with 8 bits a channel; Pillow's own conversion of wider ones cuts at 255.

    Raises:
        ValueError: numbers of no known range.
    """
    from PIL import Image

    if shot.mode.startswith("I;16"):
        return Image.fromarray(np.rint(np.asarray(shot) / 257.0).astype(np.uint8))
    if shot.mode in ("I", "F"):
        raise ValueError(f"its numbers (mode {shot.mode}) have no known range; save it with 8 bits")
    return shot


def _words(shot: np.ndarray) -> str:
    return f"{shot.shape[1]} x {shot.shape[0]}"
