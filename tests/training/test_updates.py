"""One update against the same update written out by hand."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from gancheck.games import data, latents
from gancheck.games.losses import LOSSES, resolve
from gancheck.games.networks import mlp
from gancheck.training.players import Players
from gancheck.training.updates import UPDATES, alternating, simultaneous


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
    record = UPDATES[name](p).numbers()
    for live, expected in zip(p.generator.parameters(), new_g, strict=True):
        assert torch.allclose(live, expected, rtol=1e-13, atol=1e-15)
    for live, expected in zip(p.discriminator.parameters(), new_d, strict=True):
        assert torch.allclose(live, expected, rtol=1e-13, atol=1e-15)
    assert record["loss_g"] == pytest.approx(loss_g, rel=1e-13)
    assert record["loss_d"] == pytest.approx(loss_d, rel=1e-13)


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
    record = UPDATES[name](p).numbers()
    on_real, on_fake = p.discriminator(real), p.discriminator(fake)
    assert record["score_real"] == pytest.approx(on_real.mean().item(), rel=1e-12)
    assert record["score_fake"] == pytest.approx(on_fake.mean().item(), rel=1e-12)
    if resolve(loss).probabilistic:
        assert record["d_real"] == pytest.approx(on_real.sigmoid().mean().item(), rel=1e-12)
        assert record["d_fake"] == pytest.approx(on_fake.sigmoid().mean().item(), rel=1e-12)
    else:
        assert (record["d_real"], record["d_fake"]) == (None, None)
    # a penalty between random points has a random part, and a correction changes the gradient
    if not loss.startswith("wgan-") and name not in ("consensus", "symplectic"):
        own = resolve(loss).discriminator(p.discriminator, real, fake.detach())
        move = torch.autograd.grad(own, list(p.discriminator.parameters()), allow_unused=True)
        norm = torch.cat([m.flatten() for m in move if m is not None]).norm().item()
        assert record["grad_norm_d"] == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_leaves_no_gradients_behind_and_the_global_stream_alone(name: str) -> None:
    p, before = players("wgan-gp"), torch.get_rng_state()
    UPDATES[name](p)
    assert torch.equal(torch.get_rng_state(), before)
    for module in (p.generator, p.discriminator):
        assert all(q.grad is None for q in module.parameters())


class _Position(torch.nn.Module):
    """One number, as a generator that ignores its latent or as a linear discriminator."""

    def __init__(self, start: list[float], *, of_samples: bool) -> None:
        super().__init__()
        self.at = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
        self.of_samples = of_samples

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.at if self.of_samples else self.at.expand(len(x), -1)


def bilinear(theta: list[float], psi: list[float], *, lr: float, **settings) -> Players:
    """Both losses of wgan on data at the origin: L_G = -<psi, theta>, L_D = <psi, theta>."""
    g, d = _Position(theta, of_samples=False), _Position(psi, of_samples=True)
    return Players(
        generator=g,
        discriminator=d,
        generator_optimizer=torch.optim.SGD(g.parameters(), lr=lr),
        discriminator_optimizer=torch.optim.SGD(d.parameters(), lr=lr),
        loss=resolve("wgan"),
        latent=latents.normal(1),
        data=data.as_sampler(torch.zeros(8, len(theta), dtype=torch.float64)),
        batch_size=4,
        rng=torch.Generator().manual_seed(1),
        **settings,
    )


def state(p: Players) -> torch.Tensor:
    return torch.cat([p.generator.at.detach(), p.discriminator.at.detach()])


J = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)  # of v = (-psi, theta)
H = 0.3


@pytest.mark.parametrize(
    ("name", "settings", "step"),
    [
        ("simultaneous", {}, torch.eye(2).double() - H * J),
        # v at the point looked ahead to: I - h J (I - h J)
        ("extragradient", {}, torch.eye(2).double() - H * J @ (torch.eye(2).double() - H * J)),
        # J^T v = J^T J x = x
        ("consensus", {"strength": 0.7}, torch.eye(2).double() - H * (J + 0.7 * J.T @ J)),
        # J is antisymmetric: A^T v = J^T J x, and the alignment is positive
        ("symplectic", {"strength": 0.7}, torch.eye(2).double() - H * (J + 0.7 * J.T @ J)),
        # D first: psi' = psi - h theta; then theta' = theta + h psi'
        ("alternating", {}, torch.tensor([[1 - H * H, H], [-H, 1.0]], dtype=torch.float64)),
    ],
)
def test_on_the_bilinear_game_an_update_is_its_matrix(name: str, settings, step) -> None:
    p = bilinear([0.8], [-0.5], lr=H, **settings)
    expected = state(p)
    for _ in range(5):
        expected = step @ expected
        UPDATES[name](p)
        assert torch.allclose(state(p), expected, rtol=1e-12, atol=1e-14)


def test_the_optimistic_update_is_its_two_step_recursion() -> None:
    p = bilinear([0.8], [-0.5], lr=H)
    now = state(p)
    last = J @ now
    for _ in range(6):
        field = J @ now
        now, last = now - 2 * H * field + H * last, field
        UPDATES["optimistic"](p)
        assert torch.allclose(state(p), now, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["consensus", "symplectic"])
def test_a_correction_on_networks_is_that_of_the_dense_jacobian(name: str) -> None:
    p = replace(players(lr=0.1), strength=0.4)
    rng = torch.Generator().manual_seed(1)
    real = p.data.draw(6, rng)
    z = torch.randn(6, 2, generator=rng, dtype=torch.float64)
    shapes = [q.shape for m in (p.generator, p.discriminator) for q in m.parameters()]
    count = len(list(p.generator.parameters()))

    def losses(flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parts = [
            x.reshape(shape)
            for x, shape in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)
        ]
        names = [n for n, _ in p.generator.named_parameters()]
        g = dict(zip(names, parts[:count], strict=True))
        d = dict(zip(names, parts[count:], strict=True))
        fake = torch.func.functional_call(p.generator, g, (z,))

        def score(x: torch.Tensor) -> torch.Tensor:
            return torch.func.functional_call(p.discriminator, d, (x,))

        loss_d = functional.softplus(-score(real)).mean() + functional.softplus(score(fake)).mean()
        return functional.softplus(-score(fake)).mean(), loss_d

    size = sum(s.numel() for s in shapes[:count])

    def field(flat: torch.Tensor) -> torch.Tensor:
        loss_g, loss_d = losses(flat)
        of_g = torch.autograd.grad(loss_g, flat, create_graph=True)[0][:size]
        of_d = torch.autograd.grad(loss_d, flat, create_graph=True)[0][size:]
        return torch.cat([of_g, of_d])

    here = torch.cat(
        [q.detach().flatten() for m in (p.generator, p.discriminator) for q in m.parameters()]
    ).requires_grad_()
    jacobian = torch.autograd.functional.jacobian(field, here)
    v = field(here).detach()
    if name == "consensus":
        correction = jacobian.T @ v
    else:
        turned = (jacobian - jacobian.T).T @ v / 2
        pulled = jacobian.T @ v
        sign = torch.sign((v @ pulled) * (turned @ pulled) / len(v) + 0.1)
        correction = sign * turned
    expected = here.detach() - 0.1 * (v + 0.4 * correction)
    UPDATES[name](p)
    moved = torch.cat(
        [q.detach().flatten() for m in (p.generator, p.discriminator) for q in m.parameters()]
    )
    assert torch.allclose(moved, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("start", "sign"), [((0.8, -0.5), -1.0), ((0.1, 0.1), 1.0)])
def test_the_symplectic_correction_turns_away_from_a_maximum_unless_in_doubt(start, sign) -> None:
    # the bilinear game with -x^2 / 2 added for each player: J = [[-1, -1], [1, -1]], so S = -I,
    # A is the J above, and the alignment is -|v|^4 / 2 + 0.1
    p = bilinear([start[0]], [start[1]], lr=H, strength=0.7)
    wgan = p.loss
    one = torch.ones(1, 1, dtype=torch.float64)

    def of_generator(score, real, fake, *, rng=None) -> torch.Tensor:
        return wgan.generator(score, real, fake, rng=rng) - fake.mean(0).square().sum() / 2

    def of_discriminator(score, real, fake, *, rng=None) -> torch.Tensor:
        return wgan.discriminator(score, real, fake, rng=rng) - score(one).square().sum() / 2

    p = replace(p, loss=replace(wgan, generator=of_generator, discriminator=of_discriminator))
    v = (J - torch.eye(2).double()) @ state(p)
    assert torch.sign(-((v @ v) ** 2) / 2 + 0.1) == sign
    expected = state(p) - H * (v + 0.7 * sign * J.T @ v)
    UPDATES["symplectic"](p)
    assert torch.allclose(state(p), expected, rtol=1e-12, atol=1e-14)


def test_the_critic_moves_as_often_as_asked_and_stays_within_its_bound() -> None:
    p = bilinear([0.8], [0.45], lr=0.3, critic_steps=3, clip=0.5)
    UPDATES["alternating"](p)
    # three steps of -0.3 * 0.8 take the critic to -0.27, and the generator moves 0.3 times that
    expected = torch.tensor([0.8 - 0.081, -0.27], dtype=torch.float64)
    assert torch.allclose(state(p), expected, atol=1e-15)
    for _ in range(3):
        UPDATES["alternating"](p)
        assert p.discriminator.at.abs().max().item() <= 0.5
    assert p.discriminator.at.item() == -0.5
