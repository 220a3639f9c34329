"""Latent laws: the law they say, the CPU stream they promise, the support they declare."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy import stats

from gancheck.games.latents import (
    Latent,
    categorical,
    normal,
    product,
    read,
    truncated_normal,
    uniform,
)

ALL = [
    normal(3),
    uniform(3),
    truncated_normal(3, threshold=0.7),
    categorical(3),
    product(normal(2), categorical(4)),
    product(categorical(2, weights=[0.25, 0.75]), normal(1)),
]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("latent", "law"),
    [
        (normal(2), stats.norm()),
        (uniform(2), stats.uniform(-1, 2)),
        (uniform(2, low=3.0, high=3.5), stats.uniform(3, 0.5)),
        (truncated_normal(2, threshold=0.5), stats.truncnorm(-0.5, 0.5)),
        (truncated_normal(2, threshold=2.0), stats.truncnorm(-2, 2)),
        (truncated_normal(2, threshold=50.0), stats.norm()),
    ],
    ids=lambda v: v.law if isinstance(v, Latent) else "",
)
def test_each_coordinate_has_the_law_it_is_named_for(latent: Latent, law) -> None:
    # fixed seed; at 20,000 draws a false alarm of this level has probability 0.001 a coordinate
    z = latent.sample(20_000, rng(1)).numpy()
    for column in z.T:
        assert stats.kstest(column, law.cdf).pvalue > 1e-3
    correlation = np.corrcoef(z.T)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(20_000)


def test_every_class_is_equally_likely_and_one_hot() -> None:
    z = categorical(5).sample(20_000, rng(2))
    assert torch.equal(z.sum(1), torch.ones(20_000, dtype=torch.float64))
    assert set(z.unique().tolist()) == {0.0, 1.0}
    assert stats.chisquare(z.sum(0).numpy()).pvalue > 1e-3


def test_classes_with_weights_come_as_often_as_the_weights_say() -> None:
    weights = [0.5, 0.25, 0.2, 0.05]
    z = categorical(4, weights=weights).sample(20_000, rng(8))
    assert torch.equal(z.sum(1), torch.ones(20_000, dtype=torch.float64))
    counts = z.sum(0).numpy()
    # fixed seed; a false alarm of this level has probability 0.001
    assert stats.chisquare(counts, 20_000 * np.array(weights)).pvalue > 1e-3
    assert stats.chisquare(counts).pvalue < 1e-3


def test_a_product_is_its_factors_side_by_side_and_independent() -> None:
    z = product(normal(1), categorical(2)).sample(20_000, rng(3))
    assert z.shape == (20_000, 3)
    groups = z[z[:, 1] == 1, 0].numpy(), z[z[:, 1] == 0, 0].numpy()
    assert stats.ks_2samp(*groups).pvalue > 1e-3


@pytest.mark.parametrize("latent", ALL, ids=lambda v: v.law)
def test_draws_are_float64_on_the_cpu_from_the_given_stream_alone(latent: Latent) -> None:
    before = torch.get_rng_state()
    first = latent.sample(7, rng(4))
    assert (first.dtype, first.device.type, first.shape) == (torch.float64, "cpu", (7, latent.size))
    assert torch.equal(first, latent.sample(7, rng(4)))
    assert not torch.equal(first, latent.sample(7, rng(5)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_normal_draw_is_torchs_own() -> None:
    expected = torch.randn(9, 4, generator=rng(6), dtype=torch.float64)
    assert torch.equal(normal(4).sample(9, rng(6)), expected)


def test_a_truncated_draw_never_leaves_its_interval_however_small() -> None:
    for threshold in (1e-9, 0.01, 3.0):
        z = truncated_normal(4, threshold=threshold).sample(5_000, rng(7))
        assert z.abs().max() <= threshold
        assert (z > 0).double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 20_000**0.5)


def test_only_laws_with_isolated_points_are_declared_disconnected() -> None:
    assert [v.connected_support for v in ALL] == [True, True, True, False, False, False]
    assert product(normal(1), uniform(2)).connected_support


@pytest.mark.parametrize("latent", ALL, ids=lambda v: v.law)
def test_a_latent_can_be_sent_to_a_worker(latent: Latent) -> None:
    there = pickle.loads(pickle.dumps(latent))
    assert torch.equal(there.sample(3, rng()), latent.sample(3, rng()))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: normal(0), "size must be at least 1, got 0"),
        (lambda: uniform(2, low=1.0, high=1.0), "finite low < high"),
        (lambda: uniform(2, low=0.0, high=float("inf")), "finite low < high"),
        (lambda: truncated_normal(2, threshold=0.0), "threshold must be positive"),
        (lambda: categorical(1), "at least 2 classes, got 1"),
        (lambda: categorical(2, weights=[1.0]), "weights must be 2 positive numbers"),
        (lambda: categorical(2, weights=[0.5, 0.6]), "add up to 1"),
        (lambda: categorical(2, weights=[1.0, 0.0]), "positive"),
        (lambda: categorical(2, weights=[float("nan"), 1.0]), "positive"),
        (product, "at least one latent"),
        (lambda: normal(2).sample(0, rng()), "n must be at least 1, got 0"),
    ],
)
def test_a_law_that_cannot_be_is_refused_in_a_sentence(build, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build()


@pytest.mark.parametrize(
    "text",
    [
        "normal[64]",
        "uniform(-1, 1)[3]",
        "uniform(0, 2.5)[3]",
        "normal within 0.7[16]",
        "categorical(8)[8] x normal[2]",
        "categorical(0.5, 0.25, 0.25)[3]",
    ],
)
def test_a_written_law_is_read_back_and_draws_the_same(text: str) -> None:
    law = read(text)
    assert law.written == text
    again = read(law.written)
    one, other = (x.sample(5, torch.Generator().manual_seed(0)) for x in (law, again))
    assert torch.equal(one, other)


def test_a_law_of_ones_own_is_not_written() -> None:
    own = Latent(2, "normal", lambda n, g: torch.zeros(n, 2), connected_support=False)
    assert own.written is None


@pytest.mark.parametrize(
    "text", ["normal", "normal[0]", "cauchy[3]", "uniform(1)[2]", "categorical(3)[4]", "", "[3]"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be written like|at least 1"):
        read(text)
