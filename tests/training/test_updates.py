"""One update against the same update written out by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from gancheck.games import data, latents
from gancheck.games.losses import LOSSES, resolve
from gancheck.games.networks import mlp
from gancheck.training.updates import UPDATES, Players, alternating, simultaneous


def players(loss: str = "non-saturating", *, lr: float = 0.1) -> Players:
    weights = torch.Generator().manual_seed(0)
    g = mlp([2, 5, 2], generator=weights, dtype=torch.float64)
    d = mlp([2, 5, 1], generator=weights, dtype=torch.float64)
    return Players(
        generator=g,
        discriminator=d,
        generator_optimizer=torch.optim.SGD(g.parameters(), lr=lr),
        discriminator_optimizer=torch.optim.SGD(d.parameters(), lr=lr),
        loss=resolve(loss),
        latent=latents.normal(2),
        data=data.ring8(),
        batch_size=6,
        rng=torch.Generator().manual_seed(1),
    )


def by_hand(p: Players, *, alternate: bool, lr: float) -> tuple[list, list, float, float]:
    """Non-saturating GAN, plain gradient descent: the moved parameters and both losses."""
    g, d = copy.deepcopy(p.generator), copy.deepcopy(p.discriminator)
    rng = torch.Generator().manual_seed(1)
    real = p.data.draw(6, rng)
    z = torch.randn(6, 2, generator=rng, dtype=torch.float64)
    loss_d = functional.softplus(-d(real)).mean() + functional.softplus(d(g(z))).mean()
    move_d = torch.autograd.grad(loss_d, list(d.parameters()))
    new_d = [q.detach() - lr * m for q, m in zip(d.parameters(), move_d, strict=True)]
    if alternate:
        z = torch.randn(6, 2, generator=rng, dtype=torch.float64)
        for q, n in zip(d.parameters(), new_d, strict=True):
            q.data = n
    loss_g = functional.softplus(-d(g(z))).mean()
    move_g = torch.autograd.grad(loss_g, list(g.parameters()))
    new_g = [q.detach() - lr * m for q, m in zip(g.parameters(), move_g, strict=True)]
    return new_g, new_d, loss_g.item(), loss_d.item()


@pytest.mark.parametrize("name", ["alternating", "simultaneous"])
def test_an_update_moves_each_player_along_its_own_gradient_at_the_right_point(name: str) -> None:
    p = players()
    new_g, new_d, loss_g, loss_d = by_hand(p, alternate=name == "alternating", lr=0.1)
    record = UPDATES[name](p)
    for live, expected in zip(p.generator.parameters(), new_g, strict=True):
        assert torch.allclose(live, expected, rtol=1e-13, atol=1e-15)
    for live, expected in zip(p.discriminator.parameters(), new_d, strict=True):
        assert torch.allclose(live, expected, rtol=1e-13, atol=1e-15)
    assert record.loss_g == pytest.approx(loss_g, rel=1e-13)
    assert record.loss_d == pytest.approx(loss_d, rel=1e-13)


def test_the_two_updates_differ_only_in_what_the_generator_sees() -> None:
    one, other = players(), players()
    simultaneous(one)
    alternating(other)
    pairs = zip(one.discriminator.parameters(), other.discriminator.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(one.generator.parameters(), other.generator.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_record_is_what_the_networks_say_before_they_move(name: str, loss: str) -> None:
    p = players(loss, lr=0.0)
    rng = torch.Generator().manual_seed(1)
    real = p.data.draw(6, rng)
    fake = p.generator(torch.randn(6, 2, generator=rng, dtype=torch.float64))
    record = UPDATES[name](p)
    on_real, on_fake = p.discriminator(real), p.discriminator(fake)
    assert record.score_real == pytest.approx(on_real.mean().item(), rel=1e-12)
    assert record.score_fake == pytest.approx(on_fake.mean().item(), rel=1e-12)
    if resolve(loss).probabilistic:
        assert record.d_real == pytest.approx(on_real.sigmoid().mean().item(), rel=1e-12)
        assert record.d_fake == pytest.approx(on_fake.sigmoid().mean().item(), rel=1e-12)
    else:
        assert (record.d_real, record.d_fake) == (None, None)
    if loss != "wgan-gp":  # whose gradient has a random part
        own = resolve(loss).discriminator(p.discriminator, real, fake.detach())
        move = torch.autograd.grad(own, list(p.discriminator.parameters()), allow_unused=True)
        norm = torch.cat([m.flatten() for m in move if m is not None]).norm().item()
        assert record.grad_norm_d == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_leaves_no_gradients_behind_and_the_global_stream_alone(name: str) -> None:
    p, before = players("wgan-gp"), torch.get_rng_state()
    UPDATES[name](p)
    assert torch.equal(torch.get_rng_state(), before)
    for module in (p.generator, p.discriminator):
        assert all(q.grad is None for q in module.parameters())
