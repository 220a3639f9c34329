"""Two normal laws, whose log ratio is a line and whose divergence is an integral."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from torch import nn

from gancheck import content
from gancheck.diagnosis import NotApplicable, Plan, Quantity, Verdict
from gancheck.games import analytic, latents
from gancheck.games.data import Synthetic
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.games.regularisation import Regularisation
from gancheck.measures.density_ratio import (
    calibration,
    density_ratio,
    jsd_bound,
    log_ratio,
    rescaling,
)
from gancheck.measures.figures import figure_of

PLAN = Plan(samples=4000)


def true_ratio(x: np.ndarray, shift: float) -> np.ndarray:
    """ln of N(0, 1) over N(shift, 1)."""
    return shift**2 / 2 - shift * x


def true_jsd(shift: float) -> float:
    def integrand(x: float) -> float:
        p, q = float(stats.norm.pdf(x)), float(stats.norm.pdf(x, shift))
        return (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))) / 2

    return integrate.quad(integrand, -12, 12 + shift, limit=200, epsabs=1e-12)[0]


def draw(n: int, shift: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), shift + rng.standard_normal(n)


class Shift(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + self.by


def _labelled(n: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, 1, generator=rng, dtype=torch.float64), torch.zeros(n)


LAW = Synthetic(name="normal", shape=(1,), labelled=_labelled, components=1, modes=None, spread=1.0)


def play(
    shift: float, *, slope: float = 1.0, offset: float = 0.0, finite: int = 0, loss: str = "minimax"
) -> Game:
    """Data N(0, 1), generator N(shift, 1), a logit that is slope times the true one, plus offset."""
    line = nn.Linear(1, 1).double()
    with torch.no_grad():
        line.weight.fill_(-shift * slope)
        line.bias.fill_(slope * shift**2 / 2 + offset)

    data = LAW if not finite else LAW.sample(finite, torch.Generator().manual_seed(3))
    return Game(Shift(shift), line, loss=loss, latent=latents.normal(1), data=data)


def judge(found: object) -> object:
    return content.diagnostics()["GC011"].judge(found)


def covers(q: Quantity, value: float, *, sigmas: float = 3.5) -> bool:
    return abs(q.value - value) <= sigmas * q.sampling_error


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_the_optimal_logit_is_calibrated_and_its_bound_is_the_divergence(shift: float) -> None:
    found = density_ratio(play(shift), PLAN, truth=lambda x: shift**2 / 2 - shift * x[:, 0])
    q = found.quantities
    assert covers(q["calibration_slope"], 1.0)
    assert covers(q["calibration_offset"], 0.0)
    assert q["ratio_slope"].value == pytest.approx(1.0)
    assert q["ratio_offset"].value == pytest.approx(0.0, abs=1e-12)
    assert q["ratio_error"].value == pytest.approx(0.0, abs=1e-12)
    truth = true_jsd(shift)
    for name in ("jsd_bound", "jsd_bound_rescaled"):
        assert covers(q[name], truth)
        assert 0.0 <= q[name].interval[0] < truth
        assert q[name].kind == "lower"
    assert judge(found).verdict is Verdict.sound
    for width in (690, 340):
        figure_of(found.plot(width)).canvas.draw()


@pytest.mark.parametrize(("shift", "slope", "offset"), [(1.0, 4.0, 0.0), (2.0, 1.0, 1.5)])
def test_a_logit_that_is_too_sure_or_shifted_is_found_and_its_rescaling_is_the_optimum(
    shift: float, slope: float, offset: float
) -> None:
    found = density_ratio(
        play(shift, slope=slope, offset=offset),
        PLAN,
        truth=lambda x: shift**2 / 2 - shift * x[:, 0],
    )
    q = found.quantities
    assert covers(q["calibration_slope"], 1 / slope)
    assert covers(q["calibration_offset"], -offset / slope)
    assert covers(q["jsd_bound_rescaled"], true_jsd(shift))
    assert q["jsd_bound"].value < q["jsd_bound_rescaled"].value
    assert q["ratio_slope"].value == pytest.approx(slope, abs=1e-12)
    assert q["ratio_offset"].value == pytest.approx(offset, abs=1e-12)
    assert judge(found).verdict is Verdict.warning


def test_a_blind_logit_is_calibrated_and_proves_nothing() -> None:
    found = density_ratio(play(2.0, slope=0.0), PLAN, truth=lambda x: 2.0 - 2.0 * x[:, 0])
    q = found.quantities
    assert "calibration_slope" not in q
    assert q["jsd_bound"].value == pytest.approx(0.0, abs=1e-12)
    assert q["ratio_slope"].value == pytest.approx(0.0, abs=1e-12)
    # the true log ratio 2 - 2x has mean square 4 + 4 = 8 under both laws
    assert covers(q["ratio_error"], math.sqrt(8.0))
    assert judge(found).verdict is Verdict.sound  # one in two is what it can know


def test_the_bound_is_not_above_the_divergence_for_any_discriminator() -> None:
    """300 samples of 200, a logit made up for each: a limit at 99 % may fail 3 times, 9 at most."""
    above = 0
    truth = true_jsd(1.0)
    for seed in range(300):
        rng = np.random.default_rng(seed)
        a, b, c = rng.normal(1.0, 1.0), rng.normal(), rng.normal(0.0, 0.5)
        real, fake = (
            a * true_ratio(x, 1.0) + b + c * np.sin(3 * x) for x in draw(200, 1.0, seed + 1000)
        )
        above += jsd_bound(real, fake).interval[0] > truth
    assert above <= 9  # 99.9 % quantile of Binomial(300, 0.01)


def test_what_a_discriminator_learnt_by_heart_bounds_nothing() -> None:
    """Its own training points, 60 of each kind in 200 dimensions of one law: read as a divergence they give ln 2
    nearly, where the divergence is 0; on fresh points the limit is 0."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 60, 200)), rng.standard_normal((2, 2000, 200))
    w = np.linalg.lstsq(np.concatenate([x[0], x[1]]), np.repeat([5.0, -5.0], 60), rcond=None)[0]
    by_heart = jsd_bound(x[0] @ w, x[1] @ w)
    assert by_heart.value > math.log(2) - 0.01
    held_out = jsd_bound(y[0] @ w, y[1] @ w)
    assert held_out.interval[0] == 0.0
    assert held_out.value < 0.0


def test_a_bound_is_refused_where_real_samples_may_have_been_trained_on() -> None:
    found = density_ratio(play(1.0, finite=4000), PLAN)
    assert not found.fresh
    assert not {"jsd_bound", "jsd_bound_rescaled"} & found.quantities.keys()
    finding = judge(found)
    assert finding.verdict is Verdict.undecided
    assert "may have been trained on" in finding.title
    assert "No divergence is bounded" in finding.because
    figure_of(found.plot(340)).canvas.draw()
    game = play(1.0)
    deals = Game(*game.modules.values(), loss="minimax", latent=game.latent, data=LAW.sample)
    assert not density_ratio(deals, PLAN).fresh  # a function may deal out what D has seen
    said = density_ratio(play(1.0, finite=4000), PLAN, fresh=True)
    assert "jsd_bound" in said.quantities
    assert judge(said).verdict is Verdict.sound


def test_intervals_of_all_bins_hold_together_for_a_calibrated_logit() -> None:
    missed = 0
    for seed in range(200):
        real, fake = (true_ratio(x, 1.5) for x in draw(500, 1.5, seed))
        error, bins = calibration(real, fake)
        assert error.interval[0] <= error.value <= error.interval[1]
        missed += error.interval[0] > 0.0
        assert bins.shape == (10, 5)
        assert bins[:, 4].sum() == 1000
    assert missed <= 7  # 99.9 % quantile of Binomial(200, 0.01)


def test_the_stated_error_of_the_bound_is_its_spread_where_data_and_latents_are_normal() -> None:
    """A generator that mirrors: of one seed the two kinds' terms would be equal, the error off by 1.4."""

    class Mirror(Shift):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.by - z

    game = play(1.0)
    mirrored = Game(
        Mirror(1.0), game.modules["discriminator"], loss="minimax", latent=game.latent, data=LAW
    )
    found = [
        density_ratio(mirrored, Plan(samples=300, seed=50 * k)).quantities["jsd_bound"]
        for k in range(150)
    ]
    ratio = np.std([q.value for q in found]) / np.mean([q.sampling_error for q in found])
    assert 0.82 < ratio < 1.18  # a standard deviation from 150 repeats is known to 6 %


@settings(max_examples=25)
@given(seed=st.integers(0, 999), shift=st.floats(0.3, 2.0))
def test_the_logistic_fit_is_scipy_s(seed: int, shift: float) -> None:
    real, fake = (2.0 * true_ratio(x, shift) - 0.7 for x in draw(200, shift, seed))
    t, sign = np.concatenate([real, fake]), np.repeat([-1.0, 1.0], 200)

    def loss(v: np.ndarray) -> float:
        return float(np.logaddexp(0.0, sign * (v[0] * t + v[1])).sum())

    truth = optimize.minimize(loss, [0.5, 0.0], method="Nelder-Mead", options={"xatol": 1e-9,
                              "fatol": 1e-11, "maxiter": 4000}).x  # fmt: skip
    fit = rescaling(real, fake)
    assert fit is not None
    assert [q.value for q in fit] == pytest.approx(truth, abs=1e-4)
    assert loss(np.array([q.value for q in fit])) <= loss(truth) + 1e-9


def test_the_stated_error_of_the_fit_is_the_spread_over_repeats() -> None:
    fits = [rescaling(*(true_ratio(x, 1.0) for x in draw(300, 1.0, seed))) for seed in range(100)]
    slopes = [f[0] for f in fits if f is not None]
    ratio = np.std([q.value for q in slopes]) / np.mean([q.sampling_error for q in slopes])
    assert 0.78 < ratio < 1.22  # a standard deviation from 100 repeats is known to 7 %


@pytest.mark.parametrize(("alpha", "beta"), [(0.9, 0.0), (0.9, 0.1), (1.0, 0.2)])
@pytest.mark.parametrize("prior", [0.5, 0.2])
def test_smoothed_targets_and_another_prior_are_undone(
    alpha: float, beta: float, prior: float
) -> None:
    x = np.linspace(-3, 4, 50)
    p, q = prior * stats.norm.pdf(x), (1 - prior) * stats.norm.pdf(x, 1.0)
    d = (alpha * p + beta * q) / (p + q)
    found = log_ratio(np.log(d / (1 - d)), targets=(alpha, beta), prior=prior)
    # D near a target holds few digits of the ratio: 1e-16 over the distance from it, about 1e-3
    assert found == pytest.approx(true_ratio(x, 1.0), abs=1e-10)


def test_smoothing_looks_like_a_fault_until_it_is_told() -> None:
    class Smoothed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(0.6, dtype=torch.float64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.logit(self.scale * torch.sigmoid(4.5 - 3.0 * x))

    game = play(3.0)
    smoothed = Game(
        game.modules["generator"], Smoothed(), loss="minimax", latent=game.latent, data=game.data
    )
    assert judge(density_ratio(smoothed, PLAN)).verdict is Verdict.warning
    told = density_ratio(smoothed, PLAN, targets=(0.6, 0.0))
    assert judge(told).verdict is Verdict.sound
    assert covers(told.quantities["calibration_slope"], 1.0)
    by_the_loss = Game(
        game.modules["generator"],
        Smoothed(),
        loss=Regularisation(label_smoothing=0.4).applied_to(resolve("minimax")),
        latent=game.latent,
        data=game.data,
    )
    assert density_ratio(by_the_loss, PLAN).quantities == told.quantities


def test_separable_laws_are_said_to_be_and_have_no_fit() -> None:
    found = density_ratio(play(20.0), PLAN)
    assert "calibration_slope" not in found.quantities
    assert found.quantities["jsd_bound"].interval[0] > math.log(2) - 0.05
    finding = judge(found)
    assert "nearly separable" in finding.because
    assert "do not overlap" in finding.because
    assert finding.verdict is Verdict.sound


def test_few_samples_decide_nothing() -> None:
    found = density_ratio(play(1.0), Plan(samples=150))
    assert judge(found).verdict is Verdict.undecided


def test_what_has_no_answer_says_so_and_the_game_is_left_alone() -> None:
    with pytest.raises(NotApplicable, match="needs samples"):
        density_ratio(analytic.dirac())
    with pytest.raises(NotApplicable, match=r"no log-odds.*train with minimax"):
        density_ratio(play(1.0, loss="wgan"))
    with pytest.raises(NotApplicable, match=r"at least 100 samples of each kind.*got 30"):
        density_ratio(play(1.0, finite=30))
    broken = play(1.0, offset=math.nan)
    with pytest.raises(ValueError, match="the discriminator's output must be finite, 1000 of"):
        density_ratio(broken, PLAN)
    with pytest.raises(ValueError, match="one finite log ratio a sample, got 1 for 4000"):
        density_ratio(play(1.0), PLAN, truth=lambda x: x.sum())
    for targets in ((0.5, 0.5), (1.1, 0.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="targets must be"):
            log_ratio(np.zeros(3), targets=targets)
    with pytest.raises(ValueError, match="prior must lie between 0 and 1, got 1"):
        log_ratio(np.zeros(3), prior=1.0)
    with pytest.raises(ValueError, match="equally many"):
        calibration(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="at least 2 samples of each kind"):
        jsd_bound(np.zeros(1), np.zeros(5))
    assert log_ratio(np.array([5.0, -9.0]), targets=(0.9, 0.1)).tolist() == [30.0, -30.0]
    game = play(1.0)
    before = torch.random.get_rng_state()
    density_ratio(game, Plan(samples=200))
    assert torch.equal(before, torch.random.get_rng_state())
