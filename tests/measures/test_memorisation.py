"""Memorisation: statistics by brute force, alarms under every law that did not see the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist
from torch import nn

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.games import data, latents
from gancheck.games.game import Game
from gancheck.measures.memorisation import _at_least, _relabelled_chances, memorisation
from gancheck.measures.pairwise import two_nearest

LAWS = {"ring8": data.ring8(), "moons": data.moons()}


def draw(law: str, n: int, seed: int) -> np.ndarray:
    return LAWS[law].draw(n, torch.Generator().manual_seed(seed)).numpy()


def judged(found: Any) -> Any:
    return content.diagnostics()["GC008"].judge(found)


def most(draws: int) -> int:
    """Alarms that 999 of 1000 repetitions of a test at 1 % do not exceed."""
    return int(stats.binom.ppf(0.999, draws, 0.01))


@given(n=st.integers(1, 30), m=st.integers(1, 30), seed=st.integers(0, 2**16))
def test_the_chance_of_being_closer_is_mann_and_whitney_s(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 9, n).astype(float), rng.integers(0, 9, m).astype(float)  # with ties
    found = _relabelled_chances(a, b, rng)
    assert found[0] == pytest.approx(1.0 - stats.mannwhitneyu(a, b).statistic / (n * m), abs=1e-12)
    by_hand = np.mean([(x < y) + (x == y) / 2 for x in a for y in b])
    assert found[0] == pytest.approx(by_hand, abs=1e-12)


def test_its_p_value_is_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(9) - 0.7, rng.standard_normal(8)
    exact = stats.mannwhitneyu(a, b, alternative="less", method="exact").pvalue
    p = _at_least(_relabelled_chances(a, b, rng))
    assert p == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 1999) ** 0.5 + 1e-3)


@given(d=st.sampled_from([1, 2, 30]), seed=st.integers(0, 2**16))
def test_the_two_nearest_are_those_of_the_whole_table(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((20, d)), rng.standard_normal((30, d))
    near, which = two_nearest(x, y)
    table = cdist(x, y)
    assert np.allclose(near, np.sort(table, axis=1)[:, :2], rtol=1e-6)
    assert (which == table.argmin(axis=1)).all()
    with pytest.raises(ValueError, match="got 1"):
        two_nearest(x, y[:1])


def test_the_shares_are_those_counted_sample_by_sample() -> None:
    rng = np.random.default_rng(1)
    x, g, h = rng.standard_normal((3, 60, 2))
    g[:20] = x[:20] + 1e-3
    q = memorisation(x, g, h).quantities
    table = cdist(g, np.concatenate([x, h]))
    order = np.sort(table, axis=1)
    mine = table.argmin(axis=1) < 60
    clear = order[:, 1] > 2 * order[:, 0]
    assert q["training_nearest"].value == pytest.approx(mine.mean())
    copied = ((clear & mine).mean() - 0.5 * clear.mean()) / 0.5
    assert q["copied_share"].value == pytest.approx(copied)
    to_x = cdist(h, x).min(axis=1)
    near = (cdist(g, x).min(axis=1) < np.quantile(to_x, 0.01, method="lower")).mean()
    assert q["near_copies"].value == pytest.approx(near)


@pytest.mark.parametrize(("law", "n", "draws"), [("ring8", 300, 20), ("moons", 300, 20)])
def test_real_against_real_alarms_no_more_often_than_stated(law: str, n: int, draws: int) -> None:
    raw = {"rank": 0, "exchange": 0}
    alarms = 0
    for seed in range(draws):
        x, g, h = (draw(law, n, 3 * seed + i) for i in range(3))
        found = memorisation(x, g, h, seed=seed)
        for name, p in found.p_values.items():
            raw[name] += p < 0.01
        alarms += judged(found).verdict in (Verdict.warning, Verdict.failing)
    assert alarms <= most(draws)
    assert max(raw.values()) <= most(draws), raw


@pytest.mark.parametrize("width", [0.3, 3.0])
def test_a_wrong_law_that_did_not_see_the_split_is_not_called_a_copy(width: float) -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, h = rng.standard_normal((400, 2)), rng.standard_normal((300, 2))
        found = memorisation(x, width * rng.standard_normal((500, 2)), h, seed=seed)
        alarms += found.p_values["exchange"] < 0.01
    assert alarms <= most(20)


def test_a_narrow_law_is_close_but_no_copy() -> None:
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((1000, 2)), rng.standard_normal((1000, 2))
    finding = judged(memorisation(x, 0.4 * rng.standard_normal((1000, 2)), h))
    assert finding.verdict is Verdict.warning
    assert "not to the training samples alone" in finding.title
    assert finding.p_values["rank"].corrected < 0.01 <= finding.p_values["exchange"].corrected


@pytest.mark.parametrize(("d", "n"), [(2, 1000), (64, 500)])
@pytest.mark.parametrize(
    ("copied", "expected"), [(0.1, {Verdict.warning, Verdict.failing}), (0.5, {Verdict.failing})]
)
def test_planted_copies_are_found_and_counted(
    d: int, n: int, copied: float, expected: set[Verdict]
) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, g, h = rng.standard_normal((3, n, d))
        k = int(copied * n)
        g[:k] = x[rng.permutation(n)[:k]] + 1e-3 * rng.standard_normal((k, d))
        finding = judged(memorisation(x, g, h, seed=seed))
        assert finding.verdict in expected
        assert finding.p_values["exchange"].raw == 1 / 2000
        low, high = finding.quantities["copied_share"].interval
        assert low < copied * 1.02
        assert high > copied * 0.98


def test_pooling_reverses_the_sign_where_the_mix_of_classes_differs() -> None:
    """Copies in every class, but mostly of the sparse one: as a whole they look farther away."""
    rng = np.random.default_rng(0)

    def sample(dense: int, sparse: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
        x = np.concatenate(
            [0.01 * rng.standard_normal((dense, 2)), 10 + rng.standard_normal((sparse, 2))]
        )
        return x * scale, np.repeat([0, 1], [dense, sparse])

    x, labels = sample(500, 500, 1.0)
    h, _ = sample(500, 100, 1.0)
    picked = np.concatenate([rng.integers(0, 500, 60), 500 + rng.integers(0, 500, 540)])
    blur = np.where(labels[picked] == 0, 2e-4, 2e-2)[:, None]
    g = x[picked] + blur * rng.standard_normal((600, 2))
    q = memorisation(x, g, h, labels=labels).quantities
    assert q["closer_share_pooled"].value < 0.45
    assert q["closer_share"].value > 0.6
    assert memorisation(x, g, h).strata_from == "components"


def test_copies_that_noise_hides_are_found_in_a_space_of_features() -> None:
    rng = np.random.default_rng(0)
    x, g, h = 5.0 * rng.standard_normal((3, 500, 2))
    g[:100] = x[:100] + 1e-2 * rng.standard_normal((100, 2))
    wide = [np.concatenate([a, rng.standard_normal((500, 60))], axis=1) for a in (x, g, h)]
    assert memorisation(*wide).p_values["exchange"] > 1e-3  # as far from its copy as from any
    found = memorisation(*wide, features=first_two)
    assert found.p_values["exchange"] == 1 / 2000
    assert found.provenance["features"] == "first_two"


def first_two(a: np.ndarray) -> np.ndarray:
    return a[:, :2]


def test_principal_components_of_both_kinds_alike_raise_no_alarm() -> None:
    alarms = {"rank": 0, "exchange": 0}
    for seed in range(30):
        x, g, h = np.random.default_rng(seed).standard_normal((3, 200, 40))
        found = memorisation(x, g, h, features="pca", seed=seed)
        assert found.provenance["training"] + found.provenance["held_out"] == 360
        for name, p in found.p_values.items():
            alarms[name] += p < 0.01
    assert max(alarms.values()) <= most(30)


def test_exact_copies_are_copies_without_a_warning() -> None:
    x, h = np.random.default_rng(0).standard_normal((2, 300, 8))
    finding = judged(memorisation(x, x[:200], h))
    assert finding.verdict is Verdict.failing
    assert finding.quantities["near_copies"].value == 1.0
    assert finding.quantities["training_nearest"].value == 1.0


def test_held_out_samples_from_the_training_set_decide_nothing() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 300, 2))
    finding = judged(memorisation(x, g, x[:100]))
    assert finding.verdict is Verdict.undecided
    assert "100.0% of the held-out samples are copies" in finding.because


def test_few_samples_are_undecided_with_how_many_would_do() -> None:
    rng = np.random.default_rng(0)
    finding = judged(memorisation(*rng.standard_normal((3, 40, 2))))
    assert finding.verdict is Verdict.undecided
    assert "times as many" in finding.because


def test_constant_samples_are_measured_without_a_warning() -> None:
    found = memorisation(np.ones((30, 2)), np.ones((30, 2)), np.ones((30, 2)))
    assert judged(found).verdict is Verdict.undecided
    found.plot(340)


@pytest.mark.parametrize(
    ("sizes", "labels", "says"),
    [
        ((19, 50, 50), None, "real must hold at least 20"),
        ((50, 19, 50), None, "generated must hold at least 20"),
        ((50, 50, 19), None, "held_out must hold at least 20"),
        ((50, 50, 50), np.zeros(3), r"shape \(50,\)"),
    ],
)
def test_bad_input_is_one_sentence(sizes: tuple[int, ...], labels: Any, says: str) -> None:
    x, g, h = (np.random.default_rng(0).standard_normal((n, 2)) for n in sizes)
    with pytest.raises(ValueError, match=says):
        memorisation(x, g, h, labels=labels)


def test_other_widths_and_nan_are_refused() -> None:
    x = np.zeros((30, 2))
    with pytest.raises(ValueError, match="held-out and training samples differ in size: 3"):
        memorisation(x, x, np.zeros((30, 3)))
    with pytest.raises(ValueError, match="held_out must be finite"):
        memorisation(x, x, np.full((30, 2), np.nan))


def test_a_game_refuses_held_out_samples_of_another_shape() -> None:
    given = {"loss": "minimax", "latent": latents.normal(2), "data": torch.randn(30, 2)}
    with pytest.raises(ValueError, match=r"held_out must hold samples of shape \(2,\)"):
        Game(nn.Linear(2, 2), nn.Linear(2, 1), held_out=torch.randn(30, 3), **given)
    held_out = torch.randn(25, 2)
    game = Game(nn.Linear(2, 2), nn.Linear(2, 1), held_out=held_out, **given)
    drawn = game.draw_held_out(100, seed=1)
    assert {tuple(row) for row in drawn.tolist()} == {tuple(row) for row in held_out.tolist()}
