"""Real data comes in the scale and layout of training, or is refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from gancheck.checkpoints import (
    Refused,
    load_real,
)

if TYPE_CHECKING:
    from pathlib import Path


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


PICTURES = np.arange(3 * 2 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)


def test_bytes_are_scaled_to_the_range_of_training(tmp_path: Path) -> None:
    real = load_real(
        npz(tmp_path / "a.npz", images=PICTURES, labels=np.array([3, 1])),
        range=(-1.0, 1.0),
        shape=(3, 4, 4),
    )
    torch.testing.assert_close(
        real.data, torch.from_numpy(PICTURES.reshape(2, 48) / 127.5 - 1).float()
    )
    assert real.labels is not None
    assert real.labels.tolist() == [3, 1]


def test_the_layouts_of_one_picture_are_the_same_data(tmp_path: Path) -> None:
    first = load_real(npz(tmp_path / "a.npz", images=PICTURES), range=(0, 1), shape=(3, 4, 4)).data
    last = load_real(
        npz(tmp_path / "b.npz", data=np.moveaxis(PICTURES, 1, -1)), range=(0, 1), shape=(3, 4, 4)
    ).data
    flat = load_real(
        npz(tmp_path / "c.npz", data=PICTURES.reshape(2, 48)), range=(0, 1), shape=(3, 4, 4)
    ).data
    assert torch.equal(first, last)
    assert torch.equal(first, flat)
    grey = load_real(
        npz(tmp_path / "d.npz", images=PICTURES[:, 0]), range=(0, 1), shape=(1, 4, 4)
    ).data
    assert torch.equal(grey, first[:, :16])


def test_floating_point_data_is_taken_as_it_is(tmp_path: Path) -> None:
    data = np.linspace(0, 1, 20).reshape(10, 2)
    real = load_real(npz(tmp_path / "a.npz", data=data), range=(-1, 1), shape=(2,))
    torch.testing.assert_close(real.data, torch.from_numpy(data).float())
    assert any("no number is negative" in note for note in real.notes)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pictures": PICTURES}, "one array named images or data; it has pictures"),
        ({"images": PICTURES, "data": PICTURES}, "one array named images or data"),
        ({"images": PICTURES[:, :2]}, "samples of shape [2, 4, 4], the manifest says [3, 4, 4]"),
        ({"images": PICTURES[:0]}, "no samples"),
        ({"images": PICTURES.astype(np.int64)}, "dtype int64"),
        ({"images": np.full((2, 48), np.nan)}, "NaN"),
        ({"images": np.full((2, 48), 2.0)}, "outside the manifest's range [-1, 1]"),
        ({"images": PICTURES.astype(float)}, "spans [0, 95]"),
        ({"images": np.array([{"a": 1}], dtype=object)}, "without unpickling"),
        ({"images": PICTURES % 2}, "bytes of at most 1"),
        ({"images": PICTURES, "labels": np.arange(3)}, "labels"),
        ({"images": PICTURES, "labels": np.array([0.5, 1.5])}, "labels"),
    ],
)
def test_data_that_cannot_be_meant_is_refused(
    arrays: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=re.escape(said)):
        load_real(npz(tmp_path / "a.npz", **arrays), range=(-1, 1), shape=(3, 4, 4))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>", np.float64(1).tobytes()])
def test_a_file_that_is_no_npz_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(Refused, match="is no npz file"):
        load_real(tmp_path / "a.npz", range=(-1, 1), shape=(2,))
    with pytest.raises(Refused, match="no such file"):
        load_real(tmp_path / "missing.npz", range=(-1, 1), shape=(2,))
