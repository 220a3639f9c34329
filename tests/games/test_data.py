"""Synthetic laws against their moments, and `as_sampler` on everything a user may hand in."""

from __future__ import annotations

import math
import struct
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from gancheck.games import data, data_files
from gancheck.games.data import ArrayData, Sampler, Synthetic, as_sampler, load, ring8
from gancheck.training.players import minibatch

if TYPE_CHECKING:
    from pathlib import Path


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("name", "count", "spread"), [("ring8", 8, 0.02), ("grid25", 25, 0.05)])
def test_a_mixture_has_equal_modes_and_normal_noise_about_each(
    name: str, count: int, spread: float
) -> None:
    law = load(name)
    assert isinstance(law, Synthetic)
    assert law.modes is not None
    x, label = law.labelled(20_000, rng(1))
    noise = ((x - law.modes[label]) / spread).numpy()
    assert (law.components, law.size, law.shape) == (count, None, (2,))
    assert stats.chisquare(torch.bincount(label, minlength=count).numpy()).pvalue > 1e-3
    assert all(stats.kstest(axis, "norm").pvalue > 1e-3 for axis in noise.T)


def test_ring8_and_grid25_stand_where_the_literature_puts_them() -> None:
    ring, grid = data.ring8().modes, data.grid25().modes
    assert ring is not None
    assert grid is not None
    np.testing.assert_allclose(ring.norm(dim=1), 2.0, rtol=1e-15)
    nearest = torch.cdist(ring, ring).fill_diagonal_(9).amin(1)
    np.testing.assert_allclose(nearest, 4 * math.sin(math.pi / 8), rtol=1e-12)
    assert set(map(tuple, grid.tolist())) == {
        (x, y) for x in (-4.0, -2.0, 0.0, 2.0, 4.0) for y in (-4.0, -2.0, 0.0, 2.0, 4.0)
    }


def test_each_moon_is_its_half_circle_up_to_the_noise() -> None:
    x, label = data.moons().labelled(10_000, rng(2))
    centre = torch.tensor([[0.0, 0.0], [1.0, 0.5]], dtype=torch.float64)[label]
    radius = (x - centre).norm(dim=1)
    # the mean of |e + noise| with normal noise of deviation s about a unit vector is 1 + s^2 / 2
    assert radius.mean().item() == pytest.approx(1 + 0.05**2 / 2, abs=4 * 0.05 / 100)
    assert radius.std().item() == pytest.approx(0.05, rel=0.05)
    sign = torch.where(label == 0, 1.0, -1.0)
    assert ((x - centre)[:, 1] * sign > -0.25).all()


@pytest.mark.parametrize("name", ["ring8", "grid25", "moons"])
def test_a_law_draws_float64_from_the_given_stream_alone(name: str) -> None:
    law, before = load(name), torch.get_rng_state()
    first = law.draw(6, rng(3))
    assert (first.dtype, first.shape) == (torch.float64, (6, 2))
    assert torch.equal(first, law.draw(6, rng(3)))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_digits_are_scikit_learns_in_minus_one_to_one_with_their_labels() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    digits = load("digits")
    assert isinstance(digits, ArrayData)
    images = load_digits().images
    np.testing.assert_array_equal((digits.values.numpy() + 1) * 8, images.reshape(1797, 64))
    assert (digits.values.min(), digits.values.max()) == (-1.0, 1.0)
    assert digits.labels is not None
    np.testing.assert_array_equal(digits.labels.numpy(), load_digits().target)


def test_without_scikit_learn_the_digits_say_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'gancheck\[data\]'"):
        load("digits")


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(
        ValueError, match="ring8, grid25, moons, digits, fashion-mnist, got 'mnist'"
    ):
        load("mnist")


def test_a_root_is_where_files_are_looked_for_first_and_of_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GANCHECK_DATA", raising=False)
    monkeypatch.setattr(data_files, "_DEBIAN", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"apt install dataset-fashion-mnist.*elsewhere"):
        load("fashion-mnist", root=tmp_path / "elsewhere")
    shown, classes = bytes(range(98)) * 8 * 2, bytes([3, 9])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, 2, 28, 28) + shown)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 2) + classes)
    found = load("fashion-mnist", root=tmp_path)
    assert found.values.shape == (2, 1, 28, 28)
    assert found.values.flatten()[:3].tolist() == pytest.approx(
        [-1.0, 1 / 127.5 - 1, 2 / 127.5 - 1]
    )
    assert found.labels.tolist() == [3, 9]
    with pytest.raises(ValueError, match="root must not be given for ring8"):
        load("ring8", root=tmp_path)


VALUES = torch.arange(12.0).reshape(6, 2)


class Pairs(Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return VALUES[i], i


class Arrays(Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> np.ndarray:
        return VALUES[i].numpy()


@pytest.mark.parametrize(
    "source",
    [
        VALUES,
        VALUES.numpy(),
        VALUES.numpy().astype(">f4"),
        np.asfortranarray(VALUES.numpy())[:, :],
        TensorDataset(VALUES, torch.arange(6)),
        Pairs(),
        Arrays(),
    ],
    ids=["tensor", "numpy", "big-endian", "fortran", "TensorDataset", "pairs", "arrays"],
)
def test_finite_data_are_drawn_as_the_first_rows_of_a_permutation(source) -> None:
    sampler = as_sampler(source)
    expected = VALUES[torch.randperm(6, generator=rng(5))[:4]]
    assert (sampler.size, sampler.shape) == (6, (2,))
    assert torch.equal(sampler.draw(4, rng(5)), expected)
    assert sorted(map(tuple, sampler.draw(6, rng(6)).tolist())) == [
        tuple(v) for v in VALUES.tolist()
    ]
    with pytest.raises(ValueError, match=r"1\.\.6 .*, got 7"):
        sampler.draw(7, rng())


def test_a_read_only_array_is_taken_without_a_warning() -> None:
    array = VALUES.numpy().copy()
    array.flags.writeable = False
    assert torch.equal(as_sampler(array).draw(6, rng(1)).sort(0).values, VALUES)


def test_a_function_is_drawn_from_with_the_stream_it_is_given() -> None:
    sampler = as_sampler(lambda n, g: torch.rand(n, 3, 4, generator=g))
    assert (sampler.size, sampler.shape) == (None, (3, 4))
    assert torch.equal(sampler.draw(5, rng(7)), torch.rand(5, 3, 4, generator=rng(7)))


def test_a_sampler_is_returned_as_it_is() -> None:
    law = data.ring8()
    assert isinstance(law, Sampler)
    assert as_sampler(law) is law


def test_a_tensor_with_a_graph_is_taken_without_it() -> None:
    assert not as_sampler(VALUES.clone().requires_grad_()).draw(2, rng()).requires_grad


class Endless(IterableDataset):
    def __iter__(self):
        yield VALUES[0]


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        (torch.zeros(0, 3), ValueError, r"at least one sample .*got shape \[0, 3\]"),
        (torch.zeros(3), ValueError, r"shape \[N, ...\], got shape \[3\]"),
        (torch.zeros(3, 2).byte(), ValueError, r"floating point.*torch\.uint8.*127\.5"),
        (np.zeros((3, 2), dtype=np.int64), ValueError, r"floating point.*torch\.int64"),
        (np.array([["a"]]), ValueError, "floating point, got an array of <U1"),
        (torch.tensor([[1.0], [math.nan], [math.inf]]), ValueError, "infinity in 2 of 3 samples"),
        ("ring8", TypeError, "must be a tensor, a numpy array, a Dataset or a callable.*got str"),
        (Endless(), TypeError, "Dataset with a length, got Endless"),
        (TensorDataset(torch.zeros(0, 2)), ValueError, "got an empty dataset"),
        (lambda n, g: [0.0] * n, TypeError, "must return a tensor, got list"),
        (lambda n, g: torch.zeros(3, 2), ValueError, r"asked for 2 samples, got shape \[3, 2\]"),
        (lambda n, g: torch.full((n, 2), math.nan), ValueError, "infinity in 2 of 2 samples"),
    ],
)
def test_data_that_cannot_be_used_are_refused_in_a_sentence(source, error, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        as_sampler(source)


def test_what_goes_wrong_after_the_first_look_is_refused_when_drawn() -> None:
    class Ragged(Pairs):
        def __getitem__(self, i: int) -> tuple[Tensor, int]:
            return torch.zeros(2 if i == 0 else 3), i

    with pytest.raises(ValueError, match="one shape"):
        as_sampler(Ragged()).draw(6, rng())
    sampler = as_sampler(lambda n, g: torch.zeros(n, n))
    with pytest.raises(ValueError, match=r"one shape, got \(2,\) and \(3,\)"):
        sampler.draw(3, rng())
    with pytest.raises(ValueError, match=r"labels must have shape \[6\]"):
        ArrayData(values=VALUES, labels=torch.zeros(5))


def test_a_minibatch_of_finite_data_is_independent_rows_and_of_a_law_its_draw() -> None:
    values = torch.arange(4.0)[:, None]
    rows = minibatch(as_sampler(values), 40_000, torch.Generator().manual_seed(0))[:, 0]
    share = torch.bincount(rows.long(), minlength=4) / len(rows)
    assert (share - 0.25).abs().max().item() < 5 * (0.25 * 0.75 / len(rows)) ** 0.5
    assert rows[0:2000].unique().numel() == 4  # more rows than there are samples
    one, other = (torch.Generator().manual_seed(1) for _ in range(2))
    assert torch.equal(minibatch(ring8(), 5, one), ring8().draw(5, other))
    items = TensorDataset(values)
    assert minibatch(as_sampler(items), 9, torch.Generator().manual_seed(0)).shape == (9, 1)
    with pytest.raises(ValueError, match="n must be at least 1"):
        minibatch(as_sampler(values), 0, torch.Generator().manual_seed(0))
