"""The expected gradient against a closed form, and float32's ends against float32 itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancheck import content
from gancheck.diagnosis import NotApplicable, Plan, Verdict
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.games.losses import LOSSES
from gancheck.measures import generator_signal as module
from gancheck.measures.figures import figure_of
from gancheck.measures.generator_signal import generator_signal, numerical_shares, signal
from gancheck.measures.gradients import gradient_ratio, gradients

PLAN = Plan(samples=300, gradient_batch=16)


class Stretch(nn.Module):
    """G(z) = a z in one dimension: the gradient of -mean(c a z^2) in a is -c mean(z^2)."""

    def __init__(self, a: float = 1.0) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.a * z


class Quadratic(nn.Module):
    """s(x) = c x^2 + b x + offset."""

    def __init__(self, c: float = 0.0, b: float = 0.0, offset: float = 0.0) -> None:
        super().__init__()
        self.c, self.b, self.offset = (
            nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (c, b, offset)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c * x * x + self.b * x + self.offset


def play(critic: nn.Module, loss: str = "wgan", **options: object) -> Game:
    data = torch.randn(2000, 1, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return Game(Stretch(), critic, loss=loss, latent=latents.normal(1), data=data, **options)


@pytest.mark.parametrize("c", [0.5, -2.0])
def test_the_squared_expected_gradient_is_that_of_the_closed_form(c: float) -> None:
    """-d/da E c (a z)^2 = -2 c a: squared 4 c^2; one minibatch's square has 4 c^2 (1 + 2/16)."""
    q = generator_signal(play(Quadratic(c)), PLAN).quantities
    low, high = q["generator_gradient"].interval
    assert low <= 4 * c * c <= high
    # Var of a minibatch mean of z^2 is 2/16, so the common share is 1/(1 + 1/8)
    assert q["gradient_signal"].value == pytest.approx(8 / 9, abs=0.03)
    assert q["gradient_signal"].interval[0] > 0.8
    assert q["generator_gradient"].value / q["gradient_signal"].value == pytest.approx(
        4 * c * c * 9 / 8, rel=0.1
    )


def test_a_gradient_that_is_zero_on_average_is_not_called_one() -> None:
    """s(x) = x: the gradient in a is -mean(z), of mean zero; 300 seeds, each at one-sided 99 %."""
    found = 0
    for seed in range(300):
        z = np.random.default_rng(seed).standard_normal((64, 16)).mean(1)
        found += signal(torch.from_numpy(-z)[:, None])["generator_gradient"].interval[0] > 0.0
    assert found <= 9  # 99.9 % quantile of Binomial(300, 0.01)
    game = play(Quadratic(b=1.0))
    finding = content.diagnostics()["GC004"].judge(generator_signal(game, PLAN))
    assert finding.verdict is Verdict.undecided
    assert "equilibrium" in finding.because


@pytest.mark.parametrize("signal_part", [8 / 9, 3 * 0.09 / 3.27])
def test_the_lower_limit_of_the_common_share_is_rarely_above_it(signal_part: float) -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(500):
        strong = (rng.standard_normal((64, 16)) ** 2).mean(1)[:, None]  # skewed, as gradients are
        v = strong if signal_part > 0.5 else rng.standard_normal((64, 3)) + 0.3
        missed += signal(torch.from_numpy(v))["gradient_signal"].interval[0] > signal_part
    assert missed <= 22  # 99.9 % quantile of Binomial(500, 0.02), the docstring's figure


@given(m=st.integers(4, 12), n=st.integers(1, 5), seed=st.integers(0, 1000))
def test_signal_is_the_mean_over_pairs_and_its_error_the_jackknife_done_by_hand(
    m: int, n: int, seed: int
) -> None:
    v = np.random.default_rng(seed).standard_normal((m, n)) + 0.5

    def ratio(w: np.ndarray) -> tuple[float, float]:
        gram = w @ w.T
        k = len(w)
        u = (gram.sum() - np.trace(gram)) / (k * (k - 1))
        return u, u / (np.trace(gram) / k)

    q = signal(torch.from_numpy(v))
    without = np.array([ratio(np.delete(v, i, axis=0)) for i in range(m)])
    spread = ((m - 1) / m * ((without - without.mean(0)) ** 2).sum(0)) ** 0.5
    for name, value, error in zip(
        ("generator_gradient", "gradient_signal"), ratio(v), spread, strict=True
    ):
        assert q[name].value == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert q[name].sampling_error == pytest.approx(error, rel=1e-7, abs=1e-10)


def test_float32_ends_where_its_own_sigmoid_does() -> None:
    s = np.array([-120.0, -90.0, -20.0, 0.0, 10.0, 20.0, 120.0])
    minimax = numerical_shares(play(Quadratic(), "minimax"), s)
    with np.errstate(over="ignore"):
        d = np.float32(1.0) / (np.float32(1.0) + np.exp(-s.astype(np.float32)))
    assert minimax["silent_share"].value == pytest.approx(1 / 7)  # only e^-120 underflows
    assert minimax["rounded_share"].value == pytest.approx(((d == 0) | (d == 1)).sum() / 7)
    assert minimax["rounded_share"].value == pytest.approx(4 / 7)
    other = numerical_shares(play(Quadratic(), "non-saturating"), s)
    assert other["silent_share"].value == pytest.approx(1 / 7)  # at +120, where d = 1


@pytest.mark.parametrize(
    ("loss", "scores", "silent"),
    [
        ("wgan", [-1e9, 0.0, 1e9], 0),
        ("hinge", [-1e9, 0.0, 1e9], 0),
        ("lsgan", [1.0, 0.0, 2.0], 1),
        ("lsgan-centred", [1.0, 0.0, 2.0], 1),
    ],
)
def test_a_critic_is_silent_only_where_its_loss_is_flat(
    loss: str, scores: list[float], silent: int
) -> None:
    found = numerical_shares(play(Quadratic(), loss), np.array(scores))
    assert found["silent_share"].value == pytest.approx(silent / 3)
    assert "rounded_share" not in found


def test_a_probability_within_rounding_of_its_ends_has_no_logit() -> None:
    game = play(
        nn.Sequential(Quadratic(offset=-50.0), nn.Sigmoid()),
        "non-saturating",
        discriminator_output="probability",
    )
    q = gradient_ratio(game, PLAN).quantities
    assert q["rounded_share"].value == 1.0
    assert q["silent_share"].value == 1.0
    assert q["generator_gradient"].value == 0.0  # the clip has no slope
    finding = content.diagnostics()["GC004"].judge(gradient_ratio(game, PLAN))
    assert finding.verdict is Verdict.failing
    assert "float32" in finding.title


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_named_loss_is_measured_and_drawn(loss: str) -> None:
    game = play(Quadratic(0.3, 0.2, -3.0), loss)
    found = gradients(game, PLAN)
    assert {"generator_gradient", "gradient_signal"} <= set(found.quantities)
    # where a sample's score acts through the mean of the batch, it has no slope of its own
    assert ("silent_share" in found.quantities) == LOSSES[loss].separable
    assert ("gradient_ratio" in found.quantities) == LOSSES[loss].probabilistic
    finding = content.diagnostics()["GC004"].judge(found)
    # pearson's generator is flat at a score of -2, in the midst of these samples
    flat = loss == "fgan-pearson"
    assert finding.verdict is (Verdict.undecided if flat else Verdict.sound)
    assert all(math.isfinite(q.value) for q in found.quantities.values())
    for width in (690, 340):
        figure_of(found.plot(width)).canvas.draw()
    again = gradients(game, PLAN)
    assert {k: q.value for k, q in again.quantities.items()} == {
        k: q.value for k, q in found.quantities.items()
    }


def test_the_gradient_used_is_that_of_the_loss_in_use() -> None:
    """d = sigmoid(-3): the saturating gradient is d/(1-d) times the other, exactly, if s is flat."""
    norms = {}
    for loss in ("minimax", "non-saturating"):
        critic = Quadratic(1e-9, 0.0, -3.0)
        q = gradient_ratio(play(critic, loss), PLAN).quantities
        norms[loss] = q["generator_gradient"].value
    assert norms["non-saturating"] / norms["minimax"] == pytest.approx(math.exp(6.0), rel=1e-6)


def test_a_loss_of_the_user_s_own_has_a_signal_and_no_float32_share() -> None:
    def generator(score, real, fake):  # type: ignore[no-untyped-def]
        return -(score(fake).mean() - score(real).mean())

    def critic(score, real, fake):  # type: ignore[no-untyped-def]
        return score(fake).mean() - score(real).mean()

    game = play(Quadratic(0.5), (generator, critic))  # type: ignore[arg-type]
    found = generator_signal(game, PLAN)
    assert "silent_share" not in found.quantities
    assert found.quantities["generator_gradient"].value == pytest.approx(1.0, rel=0.2)
    few = Game(
        Stretch(), Quadratic(0.5), loss=(generator, critic), latent=latents.normal(1),
        data=torch.zeros(20, 1, dtype=torch.float64),
    )  # fmt: skip
    with pytest.raises(NotApplicable, match="more data or a smaller"):
        generator_signal(few, PLAN)


def test_few_data_do_not_stop_a_loss_that_never_looks_at_them() -> None:
    game = Game(
        Stretch(), Quadratic(0.5), loss="wgan-gp", latent=latents.normal(1),
        data=torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None],
    )  # fmt: skip
    assert generator_signal(game, PLAN).quantities["gradient_signal"].value > 0.5


def test_large_generators_keep_fewer_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HELD", 12)
    found = generator_signal(play(Quadratic(0.5)), PLAN)
    assert found.provenance["minibatches"] == 12
    assert len(found.alignment) == 12


def test_what_has_no_answer_says_so() -> None:
    with pytest.raises(NotApplicable, match="needs samples"):
        generator_signal(analytic.dirac(), PLAN)
    with pytest.raises(ValueError, match=r"at least 4 independent gradients, got 3"):
        signal(torch.ones(3, 2))
    zero = signal(torch.zeros(5, 2))
    assert zero["gradient_signal"].value == 0.0
    assert zero["generator_gradient"].interval[0] == 0.0
