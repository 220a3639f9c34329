"""Each term against its formula on a discriminator whose slopes are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gancheck.games.game import Game
from gancheck.games.latents import normal
from gancheck.games.losses import LOSSES, resolve
from gancheck.games.networks import mlp
from gancheck.games.regularisation import Regularisation

REAL = torch.tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]], dtype=torch.float64)
FAKE = torch.tensor([[1.0, 1.0], [-1.0, 3.0]], dtype=torch.float64)


def line(x: Tensor) -> Tensor:
    """Slope 5 everywhere."""
    return 3.0 * x[:, 0] + 4.0 * x[:, 1]


def difference(terms: Regularisation, name: str = "non-saturating") -> float:
    plain, more = resolve(name), terms.applied_to(resolve(name))
    return (more.discriminator(line, REAL, FAKE) - plain.discriminator(line, REAL, FAKE)).item()


def test_without_weights_a_loss_is_itself() -> None:
    loss = resolve("hinge")
    assert Regularisation().applied_to(loss) is loss


def test_penalties_add_their_formula_to_the_discriminator_and_nothing_to_the_generator() -> None:
    assert difference(Regularisation(r1=0.4)) == pytest.approx(0.2 * 25)
    assert difference(Regularisation(r2=0.6)) == pytest.approx(0.3 * 25)
    assert difference(Regularisation(gradient_penalty=2.0)) == pytest.approx(2.0 * 16)
    together = Regularisation(r1=0.4, r2=0.6, gradient_penalty=2.0)
    assert difference(together) == pytest.approx(5 + 7.5 + 32)
    loss = together.applied_to(resolve("non-saturating"))
    plain = resolve("non-saturating").generator(line, REAL, FAKE)
    assert torch.equal(loss.generator(line, REAL, FAKE), plain)
    assert loss.terms == ("r1 0.4", "r2 0.6", "gradient_penalty 2")
    assert loss.name == "non-saturating"


def test_a_penalty_of_the_plain_critic_is_the_named_loss() -> None:
    named, made = resolve("wgan-gp"), Regularisation(gradient_penalty=10.0)
    critic = made.applied_to(resolve("wgan"))
    values = [
        loss.discriminator(line, REAL, FAKE, rng=torch.Generator().manual_seed(3)).item()
        for loss in (named, critic)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-14)
    assert (named.gradient_penalty, critic.gradient_penalty) == (10.0, 10.0)
    assert (named.zero_sum, named.smooth) == (critic.zero_sum, critic.smooth)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_smoothing_is_cross_entropy_with_a_softer_target(name: str) -> None:
    loss = Regularisation(label_smoothing=0.1).applied_to(resolve(name))
    s_real, s_fake = line(REAL), line(FAKE)
    d_real, d_fake = torch.sigmoid(s_real), torch.sigmoid(s_fake)
    expected = -(0.9 * d_real.log() + 0.1 * (1 - d_real).log()).mean() - (1 - d_fake).log().mean()
    assert loss.discriminator(line, REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-12)
    assert loss.label_smoothing == 0.1


def test_noise_is_of_the_size_asked_for_fresh_for_both_kinds_and_a_function_of_its_seed() -> None:
    seen: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        seen.append(x)
        return x[:, 0]

    zeros = torch.zeros(20_000, 1)
    loss = Regularisation(instance_noise=0.3).applied_to(resolve("wgan"))
    value = loss.discriminator(score, zeros, zeros)
    assert torch.equal(value, loss.discriminator(score, zeros, zeros))
    first, second = seen[:2]
    assert first.dtype == torch.float32
    for x in (first, second):
        # the standard deviation of 20,000 draws is known to 1 / sqrt(40,000) = 0.5 %
        assert x.std().item() == pytest.approx(0.3, rel=0.025)
    assert abs(torch.corrcoef(torch.stack([first[:, 0], second[:, 0]]))[0, 1].item()) < 0.035
    other = loss.discriminator(score, zeros, zeros, rng=torch.Generator().manual_seed(5))
    assert not torch.equal(value, other)
    loss.generator(score, zeros, zeros)
    assert seen[-1].std().item() == pytest.approx(0.3, rel=0.025)


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_regularised_loss_says_of_itself_stays_true(name: str) -> None:
    terms = Regularisation(r1=0.5, r2=0.5)
    loss = terms.applied_to(resolve(name))
    fake = FAKE.clone().requires_grad_()

    def bent(x: Tensor) -> Tensor:
        return 0.3 * torch.tanh(x[:, 0]) + 0.1 * x[:, 1].square()

    own, other = (
        torch.autograd.grad(f(bent, REAL, fake), fake)[0]
        for f in (loss.generator, loss.discriminator)
    )
    assert torch.allclose(own, -other) == loss.zero_sum
    assert not loss.zero_sum  # the penalty on generated samples moves with them


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"r1": -1.0}, "r1 must be a finite number from 0 up, got -1.0"),
        ({"instance_noise": math.nan}, "instance_noise must be a finite number"),
        ({"label_smoothing": 1.0}, "label_smoothing must be below 1"),
    ],
)
def test_weights_out_of_range_are_refused(arguments, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Regularisation(**arguments)


def test_smoothing_a_critic_is_refused() -> None:
    with pytest.raises(ValueError, match="label_smoothing belongs to minimax and non-saturating"):
        Regularisation(label_smoothing=0.1).applied_to(resolve("wgan"))


def test_noise_forbids_cutting_a_batch_and_penalties_do_not() -> None:
    def said(**terms: float) -> str:
        loss = Regularisation(**terms).applied_to(resolve("non-saturating"))
        rng = torch.Generator().manual_seed(0)
        g, d = (mlp(sizes, generator=rng) for sizes in ((2, 4, 2), (2, 4, 1)))
        return Game(g, d, loss=loss, latent=normal(2), data=torch.zeros(9, 2)).mixes_samples

    assert said(r1=0.1, r2=0.1, gradient_penalty=1.0) == ""
    assert "the non-saturating + instance_noise 0.1 loss need not be a mean" in said(
        instance_noise=0.1
    )


def test_penalties_of_parts_of_a_batch_add_up_to_those_of_the_whole() -> None:
    terms = Regularisation(r1=0.3, r2=0.2, gradient_penalty=2.0)
    rng = torch.Generator().manual_seed(0)
    g, d = (mlp(sizes, generator=rng, dtype=torch.float64) for sizes in ((2, 4, 2), (2, 4, 1)))
    game = Game(
        g, d, loss=terms.applied_to(resolve("wgan")), latent=normal(2), data=torch.rand(12, 2)
    )
    batch, theta = game.sample(12), game.snapshot()
    whole = game.losses(*theta, batch)
    parts = [game.losses(*theta, batch.part(first, 4)) for first in (0, 4, 8)]
    for player in (0, 1):
        mean = sum(part[player].item() for part in parts) / 3
        assert mean == pytest.approx(whole[player].item(), rel=1e-12)
