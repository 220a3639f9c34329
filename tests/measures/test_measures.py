"""Each measure against a game whose answer is known in closed form, and against bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancheck.diagnosis import NotApplicable, Plan
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.measures.connectivity import Outcome as Bridge
from gancheck.measures.connectivity import bridge_mass, components
from gancheck.measures.gradients import gradient_ratio, per_sample_ratios
from gancheck.measures.proportions import clopper_pearson
from gancheck.measures.rotation import rotation
from gancheck.measures.spectrum import hessian_spectrum
from gancheck.measures.stability import Outcome, field_norm, local_stability
from gancheck.operators import GameJacobian
from tests.oracles import jacobian_by_autograd, tiny_game

PLAN = Plan(batch_size=64, batches=4, samples=500, gradient_batch=16, probes=32)


def test_the_measured_spectrum_of_a_small_gan_is_the_dense_one() -> None:
    game = tiny_game()
    found = hessian_spectrum(game, PLAN)
    j = jacobian_by_autograd(game, game.sample(64, seed=0)).numpy()
    split = game.sizes()[0]
    for player, block in (("generator", j[:split, :split]), ("discriminator", j[split:, split:])):
        truth = np.linalg.eigvalsh(block)
        for end, value in (("bottom", truth[0]), ("top", truth[-1])):
            q = found.quantities[f"{end}_{player}"]
            assert abs(q.value - value) <= q.error + 1e-12
            assert q.sampling_error > 0.0
            assert found.quantities[f"{end}_{player}_fresh"].sampling_error > 0.0


@pytest.mark.parametrize(
    ("game", "ratio", "imag"),
    [
        (analytic.bilinear(c=2.0), 1.0, 2.0),
        (analytic.potential(), 0.0, 0.0),
        (analytic.dirac(), 1.0, 0.5),
        (analytic.planted([(3.0, 4.0)]), 0.8, 4.0),
    ],
)
def test_rotation_is_one_for_pure_rotation_and_zero_for_a_potential(
    game: Game, ratio: float, imag: float
) -> None:
    q = rotation(game, plan=PLAN).quantities
    assert q["rotation"].value == pytest.approx(ratio, abs=1e-12)
    assert q["max_imag"].value == pytest.approx(imag, abs=1e-12)
    assert q["a_norm"].value == pytest.approx(imag, abs=1e-12)


@given(a=st.floats(0.05, 3), b=st.floats(-3, 3), seed=st.integers(0, 100))
def test_stability_of_planted_games_is_read_right(a: float, b: float, seed: int) -> None:
    stable = local_stability(analytic.planted([(a, b), (1.0, 0.5)], seed=seed))
    assert stable.verdict is Outcome.stable
    assert stable.equilibrium
    bound = min(2 * x / (x * x + y * y) for x, y in ((a, b), (1.0, 0.5)))
    assert stable.quantities["largest_step"].value == pytest.approx(bound, rel=1e-5)
    unstable = local_stability(analytic.planted([(-a, b), (1.0, 0.5)], seed=seed))
    assert unstable.verdict is Outcome.unstable
    assert unstable.quantities["min_real"].value == pytest.approx(-a, abs=1e-6)
    assert "largest_step" not in unstable.quantities


def test_a_neutral_point_is_neither_stable_nor_unstable() -> None:
    found = local_stability(analytic.dirac())
    assert found.verdict is Outcome.undetermined
    assert found.equilibrium


def test_bendixson_holds_on_a_small_gan() -> None:
    game = tiny_game()
    found = local_stability(game, plan=PLAN)
    truth = torch.linalg.eigvals(GameJacobian(game, game.sample(64, seed=0)).dense())
    q = found.quantities
    assert q["min_real"].value == pytest.approx(float(truth.real.min()), abs=1e-9)
    assert q["bendixson_low"].value <= q["min_real"].value + 1e-12


def test_the_field_norm_is_unbiased_where_the_plain_square_is_not() -> None:
    """A generator that only shifts, at its optimum against a frozen linear critic at zero."""

    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2, dtype=torch.float64))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z + self.shift

    critic = nn.Linear(2, 1, bias=False).double()
    nn.init.zeros_(critic.weight)
    inside = 0
    for seed in range(16):
        real = torch.randn(
            2048, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        game = Game(Shift(), critic, loss="wgan", latent=latents.normal(2), data=real)
        q = field_norm(game, minibatch=32, count=64, seed=seed)["field_norm"]
        # expected field: (0, E fake - E real) with E over 2,048 finite real: near zero; the plain
        # square of one minibatch gradient would be 4/32 = 0.125
        inside += q.interval[0] <= 0.0
        assert abs(q.value) < 0.02
    assert inside >= 14  # one-sided 99 % each; finite data shifts the truth by 2/2048


def test_the_per_sample_ratio_is_the_theorem_s_exactly() -> None:
    d, ratio = per_sample_ratios(tiny_game(), count=50)
    # both norms are of one and the same vector times 1-d and d: rounding only
    assert np.allclose(ratio, (1 - d) / d, rtol=1e-12, atol=0.0)


def test_saturation_counts_what_lies_below_one_per_cent() -> None:
    game = tiny_game()
    with torch.no_grad():
        list(game.modules["discriminator"].parameters())[-1].fill_(-10.0)
    q = gradient_ratio(game, PLAN).quantities
    assert q["saturated_share"].value == 1.0
    assert q["saturated_share"].interval[0] > 0.9
    assert q["gradient_ratio"].value > 99.0
    assert q["ratio_of_means"].value > 99.0


def test_a_critic_s_score_is_no_probability() -> None:
    game = Game(
        nn.Linear(2, 2),
        nn.Linear(2, 1),
        loss="wgan",
        latent=latents.normal(2),
        data=torch.randn(99, 2),
    )
    with pytest.raises(NotApplicable, match="no log-odds"):
        gradient_ratio(game, PLAN)
    with pytest.raises(NotApplicable, match="needs samples"):
        gradient_ratio(analytic.dirac(), PLAN)


def _ring(n: int, seed: int, *, modes: range = range(8), bridge: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    which = rng.choice(np.array(modes), n)
    angle = 2 * np.pi * which / 8
    centre = np.stack([np.cos(angle), np.sin(angle)], 1) * 2
    x = centre + 0.05 * rng.standard_normal((n, 2))
    on = rng.random(n) < bridge
    other = 2 * np.pi * ((which + 1) % 8) / 8
    far = np.stack([np.cos(other), np.sin(other)], 1) * 2
    t = rng.uniform(0.3, 0.7, n)[:, None]
    x[on] = ((1 - t) * centre + t * far)[on]
    return x


def test_a_clean_mixture_is_not_flagged_and_a_planted_bridge_is() -> None:
    real = _ring(4000, 0)
    clean = bridge_mass(real, _ring(4000, 1))
    assert clean.count == 8
    assert clean.verdict is Bridge.not_detected
    assert clean.quantities["coverage"].value == 1.0
    assert "at most" in clean.because
    planted = bridge_mass(real, _ring(4000, 2, bridge=0.03))
    assert planted.verdict is Bridge.bridged
    low, high = planted.quantities["bridge_mass"].interval
    assert low <= 0.03 <= high


def test_dropped_modes_are_missing_coverage_and_no_bridge() -> None:
    found = bridge_mass(_ring(4000, 0), _ring(4000, 1, modes=range(5)))
    assert found.verdict is Bridge.not_detected
    assert found.quantities["coverage"].value == 5 / 8


def test_the_false_alarm_rate_of_the_bridge_test_is_below_its_level() -> None:
    flags = sum(
        bridge_mass(_ring(600, 2 * i), _ring(300, 2 * i + 1), seed=i).verdict is Bridge.bridged
        for i in range(60)
    )
    assert flags <= 3  # 99.9 % quantile of Binomial(60, 0.01)


def test_one_blob_is_not_decidable() -> None:
    rng = np.random.default_rng(0)
    found = bridge_mass(rng.standard_normal((1000, 2)), rng.standard_normal((1000, 2)))
    assert found.verdict is Bridge.not_decidable
    assert found.p_value is None
    assert found.quantities["off_tube_mass"].value < 0.05


def test_labels_without_a_gap_are_not_decidable() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 2))
    found = bridge_mass(x, rng.standard_normal((500, 2)), labels=x[:, 0] > 0)
    assert found.verdict is Bridge.not_decidable
    assert "lie about halfway between two components" in found.because


def test_far_clusters_duplicates_and_constants_do_not_break_the_components() -> None:
    rng = np.random.default_rng(0)
    far = np.concatenate([rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 1e6])
    assert len(set(components(far)) - {-1}) == 2
    assert len(set(components(np.zeros((100, 3)))) - {-1}) == 1
    assert len(set(components(np.repeat(np.eye(3), 50, axis=0))) - {-1}) == 3


@pytest.mark.parametrize(
    ("real", "generated", "message"),
    [
        (np.zeros((10, 2)), np.zeros((5, 2)), "real must hold at least 40"),
        (np.zeros((100, 2)), np.zeros((0, 2)), "generated must hold at least 1"),
        (np.zeros((100, 2)), np.zeros((5, 3)), "differ in size"),
        (np.full((100, 2), np.nan), np.zeros((5, 2)), "finite"),
    ],
)
def test_bad_samples_are_named(real: np.ndarray, generated: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bridge_mass(real, generated)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10)])
def test_the_exact_interval_inverts_the_binomial(hits: int, n: int) -> None:
    low, high = clopper_pearson(hits, n)

    def tail(p: float, ks: range) -> float:
        return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in ks)

    if hits > 0:
        assert tail(low, range(hits, n + 1)) == pytest.approx(0.025)
    if hits < n:
        assert tail(high, range(hits + 1)) == pytest.approx(0.025)
