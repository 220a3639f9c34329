"""Files become samples in [-1, 1] or one sentence."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from gancheck.games import data_files
from gancheck.games.data_files import fashion_mnist, from_folder, from_npz

if TYPE_CHECKING:
    from pathlib import Path


def test_bytes_are_scaled_and_channels_come_first(tmp_path: Path) -> None:
    images = np.array([[[0, 255], [51, 204]]] * 3, dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([2, 0, 1]))
    found = from_npz(tmp_path / "a.npz")
    assert found.shape == (1, 2, 2)
    expected = torch.tensor([[[-1.0, 1.0], [-0.6, 0.6]]])
    assert torch.allclose(found.values[0], expected)
    assert found.labels.tolist() == [2, 0, 1]
    np.savez(tmp_path / "b.npz", data=np.zeros((2, 5, 4, 3), dtype=np.float64))
    assert from_npz(tmp_path / "b.npz").values.shape == (2, 3, 5, 4)
    np.savez(tmp_path / "b.npz", images=np.zeros((2, 5, 6, 4), dtype=np.uint8))
    assert from_npz(tmp_path / "b.npz").values.shape == (2, 4, 5, 6)
    np.savez(tmp_path / "c.npz", data=np.full((2, 7), 3.0))
    assert from_npz(tmp_path / "c.npz").values.max().item() == 3.0


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.zeros((2, 2))}, "must hold an array images or data, it holds x"),
        ({"data": np.zeros((0, 2))}, "must hold at least one sample"),
        ({"data": np.array([[np.nan, 0.0]])}, "must be finite"),
        ({"data": np.zeros((2, 2), dtype=np.int64)}, "must hold bytes or floating-point numbers"),
        ({"data": np.zeros((2, 2)), "labels": np.zeros(3, dtype=int)}, "must be 2 whole numbers"),
        ({"data": np.zeros((2, 2)), "labels": np.zeros(2)}, "must be 2 whole numbers"),
        (
            {"data": np.array([None, None])},
            r"a\.npz is no npz file .*: its array data: Object arrays",
        ),
        ({"data": np.full((2, 2), 1e300)}, "must be finite"),
    ],
)
def test_arrays_that_are_no_samples_are_one_sentence(tmp_path: Path, arrays, sentence) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=sentence):
        from_npz(tmp_path / "a.npz")


def test_what_is_no_npz_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no data at .*; write it with numpy\.savez"):
        from_npz(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ValueError, match="no npz file that can be read"):
        from_npz(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"a\.npz is no npz .* it is of another format") as caught:
        from_npz(tmp_path / "a.npz")
    assert "pickle" not in str(caught.value)
    np.save(tmp_path / "one.npy", np.zeros((2, 2)))
    with pytest.raises(
        ValueError, match=r"one\.npy is no npz .* it is one npy array; write it with"
    ):
        from_npz(tmp_path / "one.npy")
    np.savez_compressed(tmp_path / "z.npz", data=np.random.default_rng(0).random((50, 50)))
    damaged = bytearray((tmp_path / "z.npz").read_bytes())
    damaged[200:400] = bytes(200)
    (tmp_path / "z.npz").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"z\.npz is no npz file that can be read"):
        from_npz(tmp_path / "z.npz")


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    from PIL import Image

    Image.new("RGB", size, colour).save(path)


def test_a_folder_of_folders_is_one_class_a_folder(tmp_path: Path) -> None:
    for name, colour in (("cats", (255, 0, 0)), ("dogs", (0, 0, 255))):
        (tmp_path / name).mkdir()
        for k in range(2):
            picture(tmp_path / name / f"{k}.png", colour, (6, 4))
    found = from_folder(tmp_path)
    assert found.values.shape == (4, 3, 4, 6)
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.values[0, :, 0, 0].tolist() == [1.0, -1.0, -1.0]
    assert from_folder(tmp_path / "cats").labels is None
    assert from_folder(tmp_path, size=2, grey=True).values.shape == (4, 1, 2, 2)


def test_pictures_of_two_sizes_are_refused_unless_a_size_is_given(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (1, 2, 3), (4, 4))
    picture(tmp_path / "b.png", (1, 2, 3), (8, 6))
    with pytest.raises(ValueError, match=r"a\.png is 4 x 4 and b\.png is 8 x 6; give size"):
        from_folder(tmp_path)
    assert from_folder(tmp_path, size=4).values.shape == (2, 3, 4, 4)
    (tmp_path / "c.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"c\.png is no picture that can be read"):
        from_folder(tmp_path, size=4)


@pytest.mark.parametrize("end", ["png", "tif"])
def test_sixteen_bits_keep_their_range(tmp_path: Path, end: str) -> None:
    from PIL import Image

    values = np.array([[0, 257, 32896], [32896, 65278, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{end}")
    found = from_folder(tmp_path, grey=True).values
    assert torch.allclose(found[0, 0], torch.from_numpy(values / 32767.5 - 1.0).float(), atol=1e-6)
    assert torch.equal(from_folder(tmp_path).values, found.expand(1, 3, 2, 3))
    Image.fromarray(np.zeros((2, 3), dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif is no picture .* \(mode F\) have no known range"):
        from_folder(tmp_path)


def test_what_is_hidden_or_no_file_is_no_picture_and_no_class(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (255, 0, 0), (4, 4))
    (tmp_path / "._a.png").write_bytes(b"what another system keeps beside a file")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / ".thumbnails").mkdir()
    picture(tmp_path / ".thumbnails/a.png", (0, 0, 0), (2, 2))
    found = from_folder(tmp_path)
    assert found.values.shape == (1, 3, 4, 4)
    assert found.labels is None
    picture(tmp_path / "folder.png/b.png", (0, 0, 0), (4, 4))
    with pytest.raises(
        ValueError, match=r"holds pictures \(a\.png\) and folders .*\(folder\.png\)"
    ):
        from_folder(tmp_path)


def test_a_picture_too_large_to_be_one_and_a_size_below_one_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    picture(tmp_path / "a.png", (0, 0, 0), (30, 30))
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        from_folder(tmp_path, size=0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    with pytest.raises(ValueError, match=r"a\.png is no picture .* exceeds limit of 800 pixels"):
        from_folder(tmp_path, size=8)


def test_an_empty_or_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no picture"):
        from_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder of pictures at"):
        from_folder(tmp_path / "none")


def idx(path: Path, magic: int, shape: tuple[int, ...], values: bytes, *, zipped: bool) -> None:
    raw = struct.pack(f">{1 + len(shape)}i", magic, *shape) + values
    path.write_bytes(gzip.compress(raw) if zipped else raw)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_from_its_files_and_padded(tmp_path: Path, zipped: bool) -> None:
    end = ".gz" if zipped else ""
    pictures = bytes(range(256)) * 7
    images = tmp_path / f"train-images-idx3-ubyte{end}"
    idx(images, 2051, (2, 28, 28), pictures[: 2 * 784], zipped=zipped)
    idx(tmp_path / f"train-labels-idx1-ubyte{end}", 2049, (2,), b"\x07\x01", zipped=zipped)
    found = fashion_mnist(tmp_path)
    assert found.values.shape == (2, 1, 28, 28)
    assert found.values[0, 0, 0, 0].item() == -1.0
    assert found.labels.tolist() == [7, 1]
    wide = fashion_mnist(tmp_path, size=32).values
    assert torch.equal(wide[:, :, 2:30, 2:30], found.values)
    assert (wide[:, :, :2] == -1.0).all()
    idx(images, 99, (2, 28, 28), pictures[: 2 * 784], zipped=zipped)
    with pytest.raises(ValueError, match="its magic number is 99, not 2051"):
        fashion_mnist(tmp_path)
    idx(images, 2051, (3, 28, 28), pictures[: 2 * 784], zipped=zipped)
    with pytest.raises(ValueError, match="no IDX file that can be read"):
        fashion_mnist(tmp_path)


def test_a_missing_set_says_what_to_install_and_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "_DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("GANCHECK_DATA", str(tmp_path / "own"))
    with pytest.raises(FileNotFoundError, match=r"apt install dataset-fashion-mnist.*own.*debian"):
        fashion_mnist()
