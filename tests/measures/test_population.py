"""What a fresh batch says is right about the expected Hessian, where the first batch is far off."""

from __future__ import annotations

import numpy as np
import pytest

from gancheck.diagnosis import Plan
from gancheck.measures.batch_growth import Growth, growth_at, settling
from gancheck.measures.player_hessian import PlayerHessian
from gancheck.measures.spectrum import fresh_seeds
from gancheck.operators import Hessian
from tests.measures.population_games import KNOWN

_FAR = 100_000  # seeds of repeats lie apart, so that no two share a batch


@pytest.mark.parametrize("name", list(KNOWN))
@pytest.mark.parametrize("repeats", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_fresh_quotients_are_unbiased_and_their_intervals_cover(name: str, repeats: int) -> None:
    known = KNOWN[name]()
    truth = np.linalg.eigvalsh(known.expected)
    inside, rows, scores, own = 0, 0, [], []
    for r in range(repeats):
        plan = Plan(batch_size=64, seed=_FAR * r)
        part = PlayerHessian(
            known.game, known.player, plan, each=2, fresh=fresh_seeds(plan), budget=None,
            announce=None,
        )  # fmt: skip
        part.on_fresh_batches()
        own.append([part.pairs.values[0], part.pairs.values[-1]])
        for i, row in enumerate(part.rows()):
            x = part.pairs.vectors[:, i]
            quotient = float(x @ known.expected @ x)
            inside += row["fresh_low"] <= quotient <= row["fresh_high"]
            rows += 1
            scores.append((row["fresh"] - quotient) / (row["fresh_high"] - row["fresh_low"]))
            assert truth[0] - 1e-12 <= quotient <= truth[-1] + 1e-12
    # Pairs of one repeat share their batches, so only the repeats count as independent here.
    assert inside >= (0.90 - 2 * np.sqrt(0.09 / repeats)) * rows
    assert inside <= (0.99 + 2 * np.sqrt(0.0099 / repeats)) * rows
    mean, spread = np.mean(scores), np.std(scores, ddof=1) / np.sqrt(repeats)
    assert abs(mean) <= 4 * spread
    # What the first batch alone says lies outside, at both ends, by far more than its spread.
    off = (np.mean(own, axis=0) - truth[[0, -1]]) * np.array([-1.0, 1.0])
    assert (off > 0.0).all()
    assert off.max() > 0.25 * np.abs(truth[[0, -1]]).max()


def test_the_batch_s_part_falls_and_its_end_is_where_the_law_of_sample_covariances_puts_it() -> (
    None
):
    """-Q (x) mean zz' has the ends of a sample covariance: (1 + sqrt(m/s))^2 around 1, m latents."""
    known = KNOWN["linear-quadratic"]()
    growths = [
        growth_at(known.game, known.player, s, range(1000 * s, 1000 * s + 6))
        for s in (64, 128, 256)
    ]
    parts = [g.gap[0] / g.scale for g in growths]
    assert parts[0] > parts[1] > parts[2] > 0.1
    found = settling(growths)
    # 2 sqrt(m/s) + m/s = 5 % of the end, which is 1 without the batch's part; m latents
    root = np.sqrt(1 + 0.05 / 0.95) - 1
    truth = 20 / root**2
    assert found.low <= truth <= found.high
    assert found.low < found.value < found.high


def test_what_a_vector_finds_elsewhere_is_its_quotient_in_the_other_matrices() -> None:
    known = KNOWN["logistic"]()
    seeds = range(4)
    grown = growth_at(known.game, known.player, 32, seeds)
    dense = [
        Hessian(known.game, known.player, known.game.sample(32, seed=s)).dense().numpy()
        for s in seeds
    ]
    for i, matrix in enumerate(dense):
        values, vectors = np.linalg.eigh(matrix)
        assert np.allclose(grown.own[i], values[[0, -1]], atol=1e-9)
        for end in (0, -1):
            x = vectors[:, end]
            others = [x @ m @ x for j, m in enumerate(dense) if j != i]
            assert grown.elsewhere[i, end] == pytest.approx(np.mean(others), rel=1e-6)


def test_a_spectrum_that_is_all_noise_never_settles_and_an_empty_one_is_settled() -> None:
    noise = np.array([[-1.0, 1.0], [-1.1, 0.9], [-0.9, 1.1]])
    growth = Growth(size=64, own=noise, elsewhere=np.zeros((3, 2)))
    assert settling([growth]).value == float("inf")
    empty = Growth(size=64, own=np.zeros((3, 2)), elsewhere=np.zeros((3, 2)))
    assert settling([empty]).interval == (1.0, 1.0)
