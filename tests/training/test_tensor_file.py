"""The project's writer and reader of safetensors against the format's own package."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from gancheck.training.tensor_file import read_tensors, replace_file, write_tensors

if TYPE_CHECKING:
    from pathlib import Path


def some() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        "b.weight": torch.randn(3, 4, generator=rng),
        "a": torch.randn(5, generator=rng, dtype=torch.float64),
        "half": torch.randn(3, generator=rng).half(),
        "brain": torch.randn(7, generator=rng).bfloat16(),
        "count": torch.tensor(7),
        "small": torch.tensor([-3, 4], dtype=torch.int8),
        "state": torch.arange(9, dtype=torch.uint8),
        "flags": torch.tensor([True, False, True]),
        "none": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
        "turned": torch.randn(4, 6, generator=rng).T,
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and torch.equal(a[k], b[k]) for k in a
    )


def test_the_formats_own_package_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, some(), metadata={"z": "1", "format": "pt"})
    assert same(load_file(path), some())
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "z": "1"}


def test_what_the_formats_own_package_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({k: v.contiguous() for k, v in some().items()}, path)
    assert same(read_tensors(path), some())


def test_the_bytes_do_not_depend_on_the_order_of_the_names(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", some())
    write_tensors(tmp_path / "b", dict(reversed(some().items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("cut", [0, 5, 8, 100, -1])
def test_a_file_cut_short_is_refused_and_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, some())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"x\.safetensors is cut short or no safetensors file"):
        read_tensors(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    for content in (b"<!DOCTYPE html><html></html>", b"\x02" + bytes(7) + b"[]", b"\xff" * 40):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ValueError, match="no safetensors file"):
            read_tensors(tmp_path / "x")


def test_a_dtype_the_format_lacks_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'c' has dtype torch\.complex64"):
        write_tensors(tmp_path / "x", {"c": torch.zeros(1, dtype=torch.complex64)})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, [b"new"])
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"
