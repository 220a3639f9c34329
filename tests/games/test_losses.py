"""The torch losses against formulas written down independently in numpy, and against theorems."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gancheck.games.losses import LOSSES, Loss, resolve, scores

GRID = torch.tensor([-45.0, -21.0, -5.0, -1.0, -0.3, 0.0, 0.7, 2.0, 5.0, 21.0, 45.0]).double()
EPS = torch.finfo(torch.float64).eps


def identity(x: Tensor) -> Tensor:
    """A discriminator whose score is the sample itself, so that a sample sets its own logit."""
    return x[:, 0]


def column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def closed_form(name: str, s_real: np.ndarray, s_fake: np.ndarray) -> tuple[float, float]:
    """(L_G, L_D) of the papers, on probabilities where the paper has probabilities."""
    d_real, d_fake = 1 / (1 + np.exp(-s_real)), 1 / (1 + np.exp(-s_fake))
    cross_entropy = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
    return {
        "minimax": (np.log(1 - d_fake).mean(), cross_entropy),
        "non-saturating": (-np.log(d_fake).mean(), cross_entropy),
        "lsgan": (
            0.5 * ((s_fake - 1) ** 2).mean(),
            0.5 * ((s_real - 1) ** 2).mean() + 0.5 * (s_fake**2).mean(),
        ),
        "lsgan-centred": (
            0.5 * (s_fake**2).mean(),
            0.5 * ((s_real - 1) ** 2).mean() + 0.5 * ((s_fake + 1) ** 2).mean(),
        ),
        "hinge": (
            -s_fake.mean(),
            -np.minimum(0, -1 + s_real).mean() - np.minimum(0, -1 - s_fake).mean(),
        ),
        "wgan": (-s_fake.mean(), -(s_real.mean() - s_fake.mean())),
        # the identity has slope exactly 1: its penalty is nought
        "wgan-gp": (-s_fake.mean(), -(s_real.mean() - s_fake.mean())),
        "wgan-lp": (-s_fake.mean(), -(s_real.mean() - s_fake.mean())),
        "relativistic": (
            relativistic_average(s_fake, s_real),
            relativistic_average(s_real, s_fake),
        ),
        # T = g(s) and f*(T) of the papers' tables, T written out
        "fgan-kl": (-np.exp(s_fake - 1).mean(), np.exp(s_fake - 1).mean() - s_real.mean()),
        "fgan-reverse-kl": (
            -(-1 - np.log(np.exp(-s_fake))).mean(),
            (-1 - np.log(np.exp(-s_fake))).mean() + np.exp(-s_real).mean(),
        ),
        "fgan-pearson": (
            -(s_fake**2 / 4 + s_fake).mean(),
            (s_fake**2 / 4 + s_fake).mean() - s_real.mean(),
        ),
        "fgan-hellinger": (
            -((1 - np.exp(-s_fake)) / np.exp(-s_fake)).mean(),
            ((1 - np.exp(-s_fake)) / np.exp(-s_fake)).mean() - (1 - np.exp(-s_real)).mean(),
        ),
    }[name]


def relativistic_average(up: np.ndarray, down: np.ndarray) -> float:
    """-E log sigmoid(up - E down) - E log(1 - sigmoid(down - E up))."""
    first = 1 / (1 + np.exp(-(up - down.mean())))
    second = 1 / (1 + np.exp(-(down - up.mean())))
    return -np.log(first).mean() - np.log(1 - second).mean()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_the_formula_of_its_paper(name: str) -> None:
    real, fake = column([0.3, 2.5, -1.7, 0.9]), column([-2.2, 0.4, 1.3])
    loss = resolve(name)
    expected = closed_form(name, real.numpy()[:, 0], fake.numpy()[:, 0])
    assert loss.name == name
    assert loss.generator(identity, real, fake).item() == pytest.approx(expected[0], rel=1e-14)
    assert loss.discriminator(identity, real, fake).item() == pytest.approx(expected[1], rel=1e-14)


def logit_gradient(loss: Loss, s: Tensor) -> Tensor:
    """dL_G/ds of each logit on its own: the mean's factor 1/n taken out."""
    fake = s[:, None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss.generator(identity, fake.detach(), fake), fake)
    return gradient[:, 0] * len(s)


def test_the_generators_gradient_at_logit_s_is_the_theorems_sigmoid() -> None:
    # -sigmoid(s) saturating, -(1 - sigmoid(s)) = -sigmoid(-s) non-saturating, in plain math
    sigmoid = np.array([1 / (1 + math.exp(-s)) for s in GRID.tolist()])
    complement = np.array([1 / (1 + math.exp(s)) for s in GRID.tolist()])
    np.testing.assert_allclose(logit_gradient(LOSSES["minimax"], GRID), -sigmoid, rtol=8 * EPS)
    np.testing.assert_allclose(
        logit_gradient(LOSSES["non-saturating"], GRID), -complement, rtol=8 * EPS
    )


def test_the_ratio_of_the_generators_gradients_is_one_minus_d_over_d_to_rounding() -> None:
    # (1 - d) / d = e^-s; a softplus that turns linear at 20 would miss it by 7.6e-10 at 21
    ratio = logit_gradient(LOSSES["non-saturating"], GRID) / logit_gradient(LOSSES["minimax"], GRID)
    np.testing.assert_allclose(ratio, np.exp(-GRID.numpy()), rtol=8 * EPS)
    at_one_percent = torch.logit(torch.tensor([0.01], dtype=torch.float64))
    assert (
        logit_gradient(LOSSES["non-saturating"], at_one_percent)
        / logit_gradient(LOSSES["minimax"], at_one_percent)
    ).item() == pytest.approx(99.0, rel=1e-14)


def test_at_the_optimal_discriminator_minus_the_loss_is_the_payoffs_closed_form() -> None:
    # p = (1/4, 3/4), q = (1/2, 1/2) as samples; D* = p / (p + q), V = 2 JSD - 2 ln 2
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    logit = torch.tensor(np.log(p / q))
    real = logit[[0, 1, 1, 1]][:, None]
    fake = logit[[0, 1]][:, None]
    m = (p + q) / 2
    jsd = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    value = -LOSSES["minimax"].discriminator(identity, real, fake).item()
    assert value == pytest.approx(2 * jsd - 2 * math.log(2), rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_zero_sum_means_the_generators_gradient_is_minus_that_of_the_discriminators_loss(
    name: str,
) -> None:
    rng = torch.Generator().manual_seed(3)
    weights = torch.randn(2, generator=rng, dtype=torch.float64)
    real = torch.randn(6, 2, generator=rng, dtype=torch.float64)
    fake = torch.randn(6, 2, generator=rng, dtype=torch.float64).requires_grad_()

    def bent(x: Tensor) -> Tensor:
        return 4.0 * torch.tanh(x @ weights) + 0.3 * (x @ weights) ** 2

    loss = LOSSES[name]
    (own,) = torch.autograd.grad(loss.generator(bent, real, fake), fake)
    (other,) = torch.autograd.grad(loss.discriminator(bent, real, fake), fake)
    assert torch.allclose(own, -other, rtol=1e-13, atol=1e-15) == loss.zero_sum


@pytest.mark.parametrize("name", [n for n, loss in LOSSES.items() if loss.smooth])
def test_a_smooth_loss_has_the_second_derivative_that_differences_show(name: str) -> None:
    # central differences of the first derivative at scores where hinge would have its kinks
    for s in (-1.0, 0.0, 1.0):
        for player in ("generator", "discriminator"):
            f = getattr(LOSSES[name], player)

            def slope(v: float, f=f) -> float:
                x = column([v]).requires_grad_()
                return torch.autograd.grad(f(identity, x, x), x)[0].item()

            x = column([s]).requires_grad_()
            (first,) = torch.autograd.grad(f(identity, x, x), x, create_graph=True)
            second = torch.autograd.grad(first.sum(), x)[0].item() if first.requires_grad else 0.0
            h = 1e-5
            assert second == pytest.approx((slope(s + h) - slope(s - h)) / (2 * h), abs=1e-9)


def test_the_codings_share_a_discriminator_but_not_what_the_generator_wants_of_it() -> None:
    # s -> 2 s - 1 turns the codes 0, 1 into -1, 1: L_D is 4 times as large, while G wants
    # s = 1 with 0, 1, 1 and 2 s - 1 = 0, that is s = 1/2, with -1, 1, 0
    real, fake = column([0.3, 2.5, -1.7]), column([-2.2, 0.4])
    plain, centred = LOSSES["lsgan"], LOSSES["lsgan-centred"]

    def stretched(x: Tensor) -> Tensor:
        return 2.0 * x[:, 0] - 1.0

    assert centred.discriminator(stretched, real, fake).item() == pytest.approx(
        4.0 * plain.discriminator(identity, real, fake).item(), rel=1e-14
    )
    wanted = column([1.0]), column([0.5])
    assert plain.generator(identity, real, wanted[0]).item() == 0.0
    assert centred.generator(stretched, real, wanted[1]).item() == 0.0
    assert centred.generator(stretched, real, wanted[0]).item() == 0.5


def test_hinge_has_its_kinks_at_plus_and_minus_one_and_nowhere_else() -> None:
    loss = LOSSES["hinge"]

    def slope(v: float) -> float:
        x = column([v]).requires_grad_()
        return torch.autograd.grad(loss.discriminator(identity, x, x.detach()), x)[0].item()

    assert [slope(v) for v in (-2.0, 0.999, 1.001)] == [-1.0, -1.0, 0.0]
    assert not loss.smooth


def test_the_critics_penalty_is_ten_times_the_squared_excess_of_a_known_slope() -> None:
    # s(x) = a . x has slope |a| everywhere: |(1, 2, 2)| = 3, penalty 10 (3 - 1)^2 = 40
    a = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 5, 3, generator=rng, dtype=torch.float64)
    loss, plain = LOSSES["wgan-gp"], LOSSES["wgan"]

    def line(x: Tensor) -> Tensor:
        return x @ a

    gap = loss.discriminator(line, real, fake) - plain.discriminator(line, real, fake)
    assert gap.item() == pytest.approx(40.0, rel=1e-12)
    assert torch.equal(loss.generator(line, real, fake), plain.generator(line, real, fake))


def test_the_score_is_never_called_on_real_and_fake_together() -> None:
    real, fake = column([1.0, 2.0]), column([3.0, 4.0, 5.0])
    for loss in LOSSES.values():
        seen: list[int] = []

        def spy(x: Tensor, seen: list[int] = seen) -> Tensor:
            seen.append(len(x))
            return x

        loss.discriminator(spy, real, fake)
        assert sorted(seen)[-1] == 3
        assert sorted(seen)[:-1] == [2] * (len(seen) - 1)


def test_logits_of_shape_n_and_n_by_1_are_the_same_and_any_other_is_refused() -> None:
    x = column([1.0, 2.0])
    assert torch.equal(scores(lambda v: v, x), scores(identity, x))
    with pytest.raises(ValueError, match=r"one score a sample, \[2\] or \[2, 1\], got \[2, 3\]"):
        scores(lambda v: v.expand(2, 3), x)
    with pytest.raises(ValueError, match=r"got \[\]"):
        scores(lambda v: v.mean(), x)


def test_extreme_logits_give_finite_losses_and_gradients_in_float32() -> None:
    s = torch.tensor([[-1e4], [1e4], [88.0], [-88.0]], requires_grad=True)
    for name in ("minimax", "non-saturating"):
        for f in (LOSSES[name].generator, LOSSES[name].discriminator):
            value = f(identity, s, s)
            (gradient,) = torch.autograd.grad(value, s)
            assert torch.isfinite(value.detach())
            assert torch.isfinite(gradient).all()


def test_an_unknown_loss_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(
        ValueError,
        match="one of minimax, non-saturating, lsgan, lsgan-centred, hinge, wgan, wgan-gp",
    ):
        resolve("wasserstein")


P, Q = np.array([0.1, 0.25, 0.65]), np.array([0.5, 0.3, 0.2])
DIVERGENCES = {
    "fgan-kl": (lambda u: u * np.log(u), lambda u: 1 + np.log(u)),
    "fgan-reverse-kl": (lambda u: -np.log(u), np.log),
    "fgan-pearson": (lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1)),
    "fgan-hellinger": (lambda u: (np.sqrt(u) - 1) ** 2, lambda u: np.log(u) / 2),
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_an_f_gan_attains_its_divergence_at_the_score_of_its_table_and_nowhere_more(
    name: str,
) -> None:
    # twenty samples of each law on three points: frequencies are exactly the probabilities
    f, best = DIVERGENCES[name]
    real = torch.tensor(np.repeat(np.arange(3), (20 * P).round().astype(int)))
    fake = torch.tensor(np.repeat(np.arange(3), (20 * Q).round().astype(int)))
    p, q = (np.bincount(x.numpy(), minlength=3) / len(x) for x in (real, fake))
    divergence = (q * f(p / q)).sum()
    score = torch.tensor(best(p / q), requires_grad=True)
    value = LOSSES[name].discriminator(lambda x: score[x[:, 0]], real[:, None], fake[:, None])
    assert -value.item() == pytest.approx(divergence, rel=1e-12)
    (slope,) = torch.autograd.grad(value, score)
    assert slope.abs().max().item() < 1e-12
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = score.detach() + 0.5 * torch.randn(3, generator=rng, dtype=torch.float64)
        bound = LOSSES[name].discriminator(
            lambda x, s=other: s[x[:, 0]], real[:, None], fake[:, None]
        )
        assert -bound.item() < divergence


def test_the_relativistic_loss_does_not_feel_a_shift_of_all_scores() -> None:
    real, fake = column([0.3, 2.5, -1.7]), column([-2.2, 0.4, 1.0])
    loss = LOSSES["relativistic"]
    for player in (loss.generator, loss.discriminator):
        here = player(identity, real, fake).item()
        assert player(lambda x: x[:, 0] + 7.0, real, fake).item() == pytest.approx(here, rel=1e-13)


def test_one_sided_and_two_sided_penalties_agree_above_slope_one_and_differ_below() -> None:
    real, fake = column([0.0, 1.0]), column([2.0, 3.0])
    steep, flat = (lambda x: 3.0 * x[:, 0]), (lambda x: 0.25 * x[:, 0])
    two, one = LOSSES["wgan-gp"].discriminator, LOSSES["wgan-lp"].discriminator
    assert one(steep, real, fake).item() == pytest.approx(two(steep, real, fake).item(), rel=1e-14)
    gap = two(flat, real, fake).item() - one(flat, real, fake).item()
    assert gap == pytest.approx(10 * 0.75**2, rel=1e-13)
