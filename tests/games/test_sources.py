"""The data that a recipe names are those that their numbers say."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gancheck.games import data
from gancheck.games.data import ArrayData
from gancheck.games.sources import Digits, Point, TwoComponents


def arrays(source: Digits) -> ArrayData:
    made = source()
    assert isinstance(made, ArrayData)
    return made


def test_digits_of_32_pixels_are_the_small_ones_with_each_pixel_four_wide() -> None:
    pytest.importorskip("sklearn")
    small, large = arrays(Digits()), arrays(Digits(size=32))
    assert large.shape == (1, 32, 32)
    tiles = large.values.reshape(-1, 8, 4, 8, 4)
    assert (tiles == small.values.reshape(-1, 8, 1, 8, 1)).all()
    assert large.labels is not None
    assert torch.equal(large.labels, data.digits().labels)


def test_labelled_digits_carry_their_class_after_their_pixels() -> None:
    pytest.importorskip("sklearn")
    plain, labelled = arrays(Digits()), arrays(Digits(labelled=True))
    assert plain.labels is not None
    assert torch.equal(labelled.values[:, :64], plain.values)
    assert torch.equal(labelled.values[:, 64:], functional.one_hot(plain.labels, 10).double())
    with pytest.raises(ValueError, match="labelled digits are flat: size must be 8, got 32"):
        Digits(size=32, labelled=True)()


def test_a_law_has_the_numbers_of_its_table() -> None:
    rng = torch.Generator().manual_seed(0)
    assert torch.equal(Point(at=0.5, size=3)().draw(2, rng), torch.full((2, 3), 0.5).double())
    lines = TwoComponents(kind="parallel-lines", distance=3.0)().draw(50, rng)
    assert sorted(set(lines[:, 0].tolist())) == [-1.5, 1.5]
    discs = TwoComponents(kind="two-discs", distance=3.0)().draw(500, rng)
    assert discs[:, 0].abs().min().item() >= 1.5
