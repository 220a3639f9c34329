"""Laws against their geometry and their moments."""

from __future__ import annotations

import math

import pytest
import torch

from gancheck.games.parametric_laws import parallel_lines, point, swiss_roll, two_discs

N = 20_000


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("distance", [0.0, 0.3, 4.0])
def test_discs_are_uniform_and_as_far_apart_as_asked(distance: float) -> None:
    x, label = two_discs(distance).labelled(N, rng())
    centre = torch.tensor([0.5 + distance / 2, 0.0], dtype=torch.float64)
    radius = (x - centre * (2.0 * label - 1.0)[:, None]).norm(dim=1)
    assert radius.max().item() <= 0.5 + 1e-12
    # the radius of a uniform disc has E r^2 = R^2 / 2 and var r^2 = R^4 / 12
    assert radius.square().mean().item() == pytest.approx(0.125, abs=5 * 0.0722 / N**0.5)
    inner = x[label == 1][:, 0].min() - x[label == 0][:, 0].max()
    assert inner.item() == pytest.approx(distance, abs=0.02)
    assert inner.item() >= distance - 1e-12
    assert label.double().mean().item() == pytest.approx(0.5, abs=5 * 0.5 / N**0.5)


def test_lines_are_upright_uniform_and_as_far_apart_as_asked() -> None:
    x, label = parallel_lines(0.7).labelled(N, rng())
    assert torch.equal(x[:, 0], (label - 0.5).double() * 0.7)
    assert x[:, 1].mean().item() == pytest.approx(0.5, abs=5 * 0.289 / N**0.5)
    assert x[:, 1].min().item() >= 0.0
    assert x[:, 1].max().item() <= 1.0


def test_the_roll_lies_on_its_spiral() -> None:
    x = swiss_roll(0.0).sample(N, rng())
    radius = 15 * x.norm(dim=1)
    assert 1.5 * math.pi <= radius.min().item()
    assert radius.max().item() <= 4.5 * math.pi
    angle = torch.atan2(x[:, 1], x[:, 0])
    turns = (radius - angle) / (2 * math.pi)
    assert torch.allclose(turns, turns.round(), atol=1e-9)


def test_a_point_is_a_point() -> None:
    law = point(2.0, size=3)
    assert torch.equal(law.sample(4, rng()), torch.full((4, 3), 2.0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: two_discs(-1.0), "distance must be a finite number from 0 up, got -1.0"),
        (lambda: parallel_lines(math.inf), "distance must be"),
        (lambda: swiss_roll(math.nan), "noise must be"),
        (lambda: point(math.inf), "at must be finite"),
        (lambda: point(size=0), "size must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
