"""Coverage: exact sizes by enumeration, statistics by brute force, every ending reached."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.games import data
from gancheck.measures.coverage import coverage
from gancheck.measures.fidelity import fidelity, four_of
from gancheck.measures.holm import holm
from gancheck.measures.mode_tests import (
    _medians,
    distance_test,
    ratio_interval,
    ratio_test,
    shrinkage,
)
from gancheck.measures.near_duplicates import near_duplicates, support_size
from gancheck.measures.pairwise import distances, nearest

LAWS = {"ring8": data.ring8(), "moons": data.moons(), "grid25": data.grid25()}


def draw(law: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x, labels = LAWS[law].labelled(n, torch.Generator().manual_seed(seed))
    return x.numpy(), labels.numpy()


def judged(found: Any) -> Any:
    return content.diagnostics()["GC006"].judge(found)


def most(draws: int, alpha: float = 0.01) -> int:
    """Alarms that 999 of 1000 repetitions of a test of this size do not exceed."""
    return int(stats.binom.ppf(0.999, draws, alpha))


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("n", "m"), [(60, 40), (40, 120), (200, 30)])
def test_the_ratio_test_s_exact_size_is_below_its_level(factor: float, n: int, m: int) -> None:
    p = np.array(
        [[ratio_test(a, n, b, m, factor=factor) for b in range(m + 1)] for a in range(n + 1)]
    )
    for q in (0.02, 0.1, 0.3, 0.6, 0.95):  # real share; the null's edge is a generated one of c q
        weight = np.outer(
            stats.binom.pmf(np.arange(n + 1), n, factor * q),
            stats.binom.pmf(np.arange(m + 1), m, q),
        )
        for level in (0.05, 0.01, 0.001):
            assert weight[p <= level].sum() <= level * (1 + 1e-9)


def test_the_ratio_s_interval_is_the_test_turned_round() -> None:
    low, high = ratio_interval(12, 500, 40, 300, level=0.98)
    # one-sided 1 % at the upper end; at the lower end the mirror, real against generated
    assert ratio_test(12, 500, 40, 300, factor=high) == pytest.approx(0.01, rel=1e-6)
    at = low * 500 / (low * 500 + 300)
    assert stats.binom.sf(11, 52, at) == pytest.approx(0.01, rel=1e-6)
    assert low < 12 / 500 / (40 / 300) < high


def test_a_difference_of_exactly_the_effect_alarms_no_more_often_than_its_level() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(300):
        real = rng.choice(4, size=400, p=[0.25, 0.25, 0.25, 0.25])
        fake = rng.choice(4, size=400, p=[0.20, 0.25, 0.25, 0.30])  # total variation 0.05
        alarms += distance_test(fake, real, effect=0.05, rng=rng)[0] < 0.05
    assert alarms <= most(300, 0.05)


def test_a_clear_difference_of_mixes_is_found() -> None:
    rng = np.random.default_rng(0)
    real = rng.choice(4, size=1000, p=[0.25, 0.25, 0.25, 0.25])
    fake = rng.choice(4, size=1000, p=[0.05, 0.25, 0.25, 0.45])
    p, _ = distance_test(fake, real, effect=0.05, rng=rng)
    assert p < 1e-3


@given(seed=st.integers(0, 2**16), tight=st.sampled_from([1.0, 1e-3, 0.0]))
def test_spacing_within_a_label_is_that_of_two_trees(seed: int, tight: float) -> None:
    rng = np.random.default_rng(seed)
    # a tight lump beside loose points: a loose one's first neighbours all have the other label
    pool = np.concatenate([tight * rng.standard_normal((40, 2)), rng.standard_normal((40, 2))])
    labels = rng.permuted(np.tile(np.arange(80) < 40, (5, 1)), axis=1)
    labels[0] = np.arange(80) < 40
    near, found = _medians(pool, labels)
    for own, both in zip(labels, found.T, strict=True):
        medians = [
            np.maximum(np.median(KDTree(a).query(a, k=2)[0][:, 1]), np.finfo(float).tiny)
            for a in (pool[own], pool[~own])
        ]
        assert both == pytest.approx(medians, rel=1e-6)
    assert near[:40] == pytest.approx(KDTree(pool[:40]).query(pool[:40], k=2)[0][:, 1], rel=1e-6)


def test_a_mode_at_half_its_width_is_found_and_measured() -> None:
    rng = np.random.default_rng(0)
    real = [rng.standard_normal((150, 2)) for _ in range(3)]
    fake = [rng.standard_normal((150, 2)) * (0.4 if k == 1 else 1.0) for k in range(3)]
    found = shrinkage(fake, real, rng=rng)
    assert found.p_value < 0.001
    assert found.ratio.argmin() == 1
    assert found.low[1] < 0.4 < found.high[1]
    assert shrinkage([a[:19] for a in fake], real, rng=rng) is None


def test_the_interval_of_the_spacing_holds_a_known_scale() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        fake, real = 0.3 * rng.standard_normal((100, 2)), rng.standard_normal((100, 2))
        found = shrinkage([fake], [real], rng=rng, relabellings=1)
        held += found.low[0] < 0.3 < found.high[0]
    assert held >= stats.binom.ppf(0.001, 40, 0.95)


def test_the_four_are_what_their_definitions_say_point_by_point() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((60, 3)), 0.7 * rng.standard_normal((60, 3))
    k = 5
    inner, outer = ([sorted(row)[k] for row in cdist(a, a)] for a in (x, y))
    apart = cdist(x, y)
    precision = np.mean([any(apart[i, j] <= inner[i] for i in range(60)) for j in range(60)])
    recall = np.mean([any(apart[i, j] <= outer[j] for j in range(60)) for i in range(60)])
    density = sum(apart[i, j] <= inner[i] for i in range(60) for j in range(60)) / (k * 60)
    covered = np.mean([any(apart[i, j] <= inner[i] for j in range(60)) for i in range(60)])
    assert four_of(apart, np.array(inner), np.array(outer), k) == pytest.approx(
        (precision, recall, density, covered), abs=1e-12
    )


@pytest.mark.peer
def test_the_four_agree_with_prdc() -> None:
    prdc = pytest.importorskip("prdc")
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((200, 8)), 0.8 * rng.standard_normal((200, 8))
    theirs = prdc.compute_prdc(real_features=x, fake_features=y, nearest_k=5)
    radii = [np.partition(distances(a, a), 5, axis=1)[:, 5] for a in (x, y)]
    ours = four_of(distances(x, y), radii[0], radii[1], 5)
    expected = [theirs[name] for name in ("precision", "recall", "density", "coverage")]
    assert ours == pytest.approx(expected, abs=1e-12)


def test_coverage_under_the_null_has_its_closed_form() -> None:
    """With n points of each kind a ball of k neighbours is missed with chance prod (n-i)/(2n-1-i).

    The k + 1 nearest of the 2n - 1 others of a reference point would have to be reference points
    up to the k-th; exchangeability makes each of the first k one with chance (n-1-i)/(2n-1-i).
    """
    rng = np.random.default_rng(3)
    n, k = 250, 5
    expected = 1.0 - np.prod([(n - 1 - i) / (2 * n - 1 - i) for i in range(k)])
    values = []
    for _ in range(6):
        x = rng.standard_normal((4 * n, 3))
        found = fidelity(x[: 2 * n], x[2 * n :][:n], rng=rng)
        values.append(found.generated["knn_coverage"].value)
    # one reference of 250: standard deviation about sqrt(0.03 * 0.97 / 250) = 0.011; six of them
    assert np.mean(values) == pytest.approx(expected, abs=4 * 0.011 / 6**0.5)


def test_copies_of_one_point_are_no_empty_sample() -> None:
    x = np.ones((200, 3)) * 1e6
    found = fidelity(x, x[:100], rng=np.random.default_rng(0))
    assert found.generated["precision"].value == 1.0
    assert found.generated["knn_coverage"].value == 1.0


@given(seed=st.integers(0, 2**16), d=st.sampled_from([1, 2, 20]), shift=st.sampled_from([0, 1e6]))
def test_distances_are_scipy_s_and_zero_for_copies(seed: int, d: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = shift + rng.standard_normal((30, d)), shift + 10 * rng.standard_normal((40, d))
    y[:3] = x[5]
    found = distances(x, y)
    assert (found[5, :3] == 0.0).all()
    assert np.allclose(found, cdist(x, y), rtol=1e-6, atol=0.0)
    assert np.allclose(nearest(x, y)[0], cdist(x, y).min(1), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("points", [200, 3000])
def test_the_support_of_a_uniform_law_is_recovered(points: int) -> None:
    held = 0
    for seed in range(60):
        drawn = np.random.default_rng(seed).integers(0, points, 400)
        counts = np.bincount(drawn)
        low, high = support_size(int((counts * (counts - 1) // 2).sum()), 400).interval
        held += low <= points <= high
    assert held >= stats.binom.ppf(0.001, 60, 0.95)


def test_a_generator_of_few_points_repeats_and_a_real_one_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 8))
    few = near_duplicates(x[rng.integers(0, 200, 1000)], x[1000:2000], x[2000:], rng=rng)
    assert few.p_value == 1 / 2000
    low, high = support_size(few.pairs, few.samples).interval
    assert low * 0.8 < 200 < high * 1.2  # pairs of one law are not quite independent
    same = near_duplicates(x[:1000], x[1000:2000], x[2000:], rng=rng)
    assert same.p_value > 0.01


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_step_down_procedure(p_values: list[float]) -> None:
    found = holm({str(i): p for i, p in enumerate(p_values)})
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            if p_values[i] >= alpha / (len(p_values) - rank):
                break
            rejected.add(str(i))
        # equality up to the rounding of a product: values on the edge are left out
        clear = {k for k, p in found.items() if abs(p.corrected - alpha) > 1e-12}
        assert {k for k, p in found.items() if p.corrected < alpha} & clear == rejected & clear
    beside = holm({"0": p_values[0]}, beside=p_values[1:])
    assert beside["0"].corrected == found["0"].corrected


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        holm({"a": 1.5})


def test_too_few_samples_for_a_missing_mode_are_undecided_with_the_number_needed() -> None:
    x, labels = draw("grid25", 600, 0)
    finding = judged(coverage(x, draw("grid25", 200, 1)[0], labels=labels))
    assert finding.verdict is Verdict.undecided
    assert "are needed" in finding.because


def test_every_mode_collapsed_to_a_point_is_failing_though_no_mode_is_missing() -> None:
    x, _ = draw("ring8", 2000, 0)
    g, of = draw("ring8", 2000, 1)
    centre = LAWS["ring8"].modes.numpy()
    finding = judged(coverage(x, centre[of] + 0.01 * (g - centre[of])))
    assert finding.verdict is Verdict.failing
    assert finding.quantities["missing_modes"].value == 0.0
    assert finding.quantities["within_mode_ratio"].value < 0.1


def test_every_sample_twice_is_a_warning_and_not_a_mode_shrunk_to_a_point() -> None:
    x, _ = draw("ring8", 2000, 0)
    g, _ = draw("ring8", 1000, 1)
    finding = judged(coverage(x, np.concatenate([g, g[::2], g[:500:2]])))
    assert finding.quantities["within_mode_ratio"].value < 1.0
    assert finding.verdict is Verdict.warning
    assert "e-30" not in finding.because
    twice = shrinkage([np.repeat(g[:60], 2, axis=0)], [x[:120]], rng=np.random.default_rng(0))
    assert twice.ratio[0] == 0.0
    copies = shrinkage([np.ones((30, 2))], [np.ones((30, 2))], rng=np.random.default_rng(0))
    assert (copies.ratio[0], copies.p_value) == (1.0, 1.0)


def test_the_mean_logit_of_the_optimal_discriminator_is_the_log_of_the_shares() -> None:
    """Equal laws within the modes: then the divergence within a mode is 0."""
    law = LAWS["ring8"]
    weights = np.array([0.3, 0.3, 0.3, 1, 1, 1, 1, 1])
    weights /= weights.sum()
    x, labels = draw("ring8", 4000, 0)
    rng = np.random.default_rng(0)
    g = law.modes.numpy()[rng.choice(8, 8000, p=weights)] + 0.02 * rng.standard_normal((8000, 2))
    logits = np.log(0.125 / weights)[labels]  # components of ring8 do not overlap
    found = coverage(x, g, labels=labels, logits=logits)
    mean = found.quantities["worst_mode_logit"]
    low, high = found.quantities["worst_mode_log_ratio"].interval
    assert mean.value == pytest.approx(np.log(0.125 / weights[0]))
    assert low < mean.value < high
    assert judged(found).verdict is Verdict.warning


def test_samples_far_from_the_data_leave_modes_undecided_not_missing() -> None:
    x, labels = draw("ring8", 1000, 0)
    found = coverage(x, draw("ring8", 500, 1)[0] + 100.0, labels=labels)
    assert not found.has_shares
    assert "missing" not in found.p_values
    finding = judged(found)
    assert "lie on the data" in finding.because
    assert finding.verdict is Verdict.warning  # nothing of the data is covered, which is sure


def test_one_mode_is_undecided_and_two_samples_are_enough_to_say_so() -> None:
    rng = np.random.default_rng(0)
    finding = judged(coverage(rng.standard_normal((400, 2)), rng.standard_normal((400, 2))))
    assert finding.verdict is Verdict.undecided
    assert "single mode" in finding.because
    tiny = coverage(rng.standard_normal((40, 2)), rng.standard_normal((2, 2)))
    assert judged(tiny).verdict is Verdict.undecided
    tiny.plot(340)


@pytest.mark.parametrize(
    ("real", "generated", "given", "says"),
    [
        (np.zeros((39, 2)), np.zeros((50, 2)), {}, "real must hold at least 40"),
        (np.zeros((50, 2)), np.zeros((1, 2)), {}, "generated must hold at least 2"),
        (np.zeros((50, 2)), np.zeros((50, 3)), {}, "differ in size: 2 against 3"),
        (np.full((50, 2), np.nan), np.zeros((50, 2)), {}, "real must be finite"),
        (np.zeros((50, 2)), np.full((50, 2), np.inf), {}, "generated must be finite"),
        (np.full((50, 2), 1e150), np.zeros((50, 2)), {}, "real must not exceed 1e\\+100"),
        (np.zeros(50), np.zeros(50), {}, r"shape \[n, ...\]"),
        (np.zeros((50, 2)), np.array([["a", "b"]] * 50), {}, "real numbers"),
        (np.zeros((50, 2)), np.zeros((50, 2)), {"labels": np.zeros(3)}, r"shape \(50,\)"),
        (np.zeros((50, 2)), np.zeros((50, 2)), {"logits": np.zeros(3)}, r"shape \(50,\)"),
        (np.zeros((50, 2)), np.zeros((50, 2)), {"centres": np.zeros((3, 4))}, "modes, 2"),
        (
            np.zeros((50, 2)),
            np.zeros((50, 2)),
            {"centres": np.zeros((3, 2)), "labels": np.zeros(50)},
            "not both",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    real: np.ndarray, generated: np.ndarray, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        coverage(real, generated, **given)


def test_a_constant_cloud_is_measured_without_a_warning() -> None:
    finding = judged(coverage(np.ones((60, 2)), np.ones((60, 2))))
    assert finding.verdict is Verdict.undecided


def test_real_data_that_hold_copies_have_no_spacing_to_compare_with() -> None:
    x, _ = draw("ring8", 400, 0)
    finding = judged(coverage(np.repeat(x[:100], 4, axis=0), x))
    assert "inf" not in finding.because
    assert finding.to_dict()["quantities"]["within_mode_ratio"]["value"] is None


def test_modes_are_found_in_a_space_of_features() -> None:
    """Eight modes in two of forty coordinates; the rest is noise that hides them in distance."""
    rng = np.random.default_rng(0)
    x, labels = draw("ring8", 2000, 0)
    g, of = draw("ring8", 2600, 1)
    g = g[of != 3]
    wide = [np.concatenate([a, 0.05 * rng.standard_normal((len(a), 38))], axis=1) for a in (x, g)]
    for features in ("pca", first_two):
        found = coverage(*wide, labels=labels, features=features)
        assert found.p_values["missing"] < 0.01
        assert judged(found).verdict is Verdict.failing
    centres = np.concatenate([LAWS["ring8"].modes.numpy(), np.zeros((8, 38))], axis=1)
    for features in ("pca", first_two):
        found = coverage(*wide, centres=centres, features=features)
        assert found.hits[3] == 0
        assert found.p_values["missing"] < 0.01
    assert found.provenance["features"] == "first_two"


def first_two(a: np.ndarray) -> np.ndarray:
    return a[:, :2]


def test_the_same_seed_gives_the_same_numbers() -> None:
    x, g = draw("moons", 400, 0)[0], draw("moons", 300, 1)[0]
    a, b = coverage(x, g, seed=3), coverage(x, g, seed=3)
    assert a.quantities == b.quantities
    assert a.p_values == b.p_values
