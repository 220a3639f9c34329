"""Layers as a training calls them, running statistics moved: by formulas, and over several parts."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional

from gancheck.games import data, latents
from gancheck.games.game import Game
from gancheck.games.losses import LOSSES
from gancheck.games.networks import mlp
from gancheck.games.normalisation import exact_normalisation
from gancheck.games.regularisation import Regularisation
from gancheck.games.spread_batch_norm import SpreadBatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLE = torch.float64
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "batch norm": (lambda: nn.BatchNorm1d(3), ()),
    "cumulative": (lambda: nn.BatchNorm1d(3, momentum=None), (4,)),
    "without factors": (lambda: nn.BatchNorm2d(3, affine=False, momentum=0.3), (2, 3)),
    "without buffers": (lambda: nn.BatchNorm3d(3, track_running_stats=False, eps=0.1), (2, 1, 2)),
    "evaluated": (lambda: nn.BatchNorm1d(3).eval(), ()),
    "layer norm": (lambda: nn.LayerNorm(3), ()),
    "over two axes": (lambda: nn.LayerNorm((3, 4), bias=False, eps=0.1), (4,)),
    "plain layer norm": (lambda: nn.LayerNorm(4, elementwise_affine=False), (4,)),
    "instance norm": (lambda: nn.InstanceNorm1d(3), (4,)),
    "with buffers": (lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3)),
    "instances evaluated": (lambda: nn.InstanceNorm2d(3, track_running_stats=True).eval(), (2, 3)),
    "group norm": (lambda: nn.GroupNorm(3, 3), (4,)),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


def layer(make: Callable[[], nn.Module]) -> nn.Module:
    made = make().double()
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=rng, dtype=DOUBLE) + 0.5)
    return made


def samples(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return (2.0 * torch.randn(5, 3, *shape, generator=rng, dtype=DOUBLE) + 1.0).requires_grad_()


def bent(out: torch.Tensor) -> torch.Tensor:
    return (out.tanh() * torch.linspace(-1, 2, out.numel(), dtype=DOUBLE).view_as(out)).sum()


def up_to_second(module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Value, gradient, and gradient of the gradient's squared norm, in samples and parameters."""
    of = [x, *module.parameters()]
    out = module(x)
    first = torch.autograd.grad(bent(out), of, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), of)
    return [out, *first, *second]


@each_layer
def test_up_to_second_derivatives_it_is_torchs_own_layer(name: str) -> None:
    make, shape = LAYERS[name]
    module, x = layer(make), samples(*shape)
    other = copy.deepcopy(module)
    for _ in range(2):  # running statistics move twice
        expected = up_to_second(module, x)
        with exact_normalisation(moving=True):
            found = up_to_second(other, x)
        for a, b in zip(expected, found, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-11)
    for a, b in zip(module.buffers(), other.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-15)


@each_layer
def test_its_third_derivative_is_the_limit_of_differences(name: str) -> None:
    make, shape = LAYERS[name]
    module = layer(make)

    def norm_of_second(x: torch.Tensor) -> torch.Tensor:
        (first,) = torch.autograd.grad(bent(module(x)), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x, create_graph=True)
        return second.square().sum()

    x = samples(*shape)
    rng = torch.Generator().manual_seed(2)
    along = torch.randn(x.shape, generator=rng, dtype=DOUBLE)
    step = 1e-5  # its square, the error of a central difference, is 1e-10
    with exact_normalisation(moving=True):
        (third,) = torch.autograd.grad(norm_of_second(x), x)
        ahead, behind = (
            norm_of_second((x + sign * step * along).detach().requires_grad_()).item()
            for sign in (1, -1)
        )
    expected = (ahead - behind) / (2 * step)
    assert (third * along).sum().item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_a_batch_in_two_parts_has_the_statistics_of_the_whole() -> None:
    module = layer(lambda: nn.BatchNorm1d(3))
    other = copy.deepcopy(module)
    x = samples(2).detach()[:4]
    halves = x.split(2)
    every = torch.stack(
        [torch.stack([h.mean((0, 2)), h.var((0, 2), correction=0)]) for h in halves]
    )
    expected = module(x)
    with SpreadBatchNorm(count=2, gather=lambda _: every):
        first = other(halves[0])
    for a, b in zip(module.buffers(), other.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-15)
    with SpreadBatchNorm(count=2, gather=lambda _: every):
        found = torch.cat([first, other(halves[1])])
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_in_one_part_it_is_torchs_own_layer_up_to_second_derivatives() -> None:
    module, x = layer(lambda: nn.BatchNorm2d(3)), samples(2, 3)
    expected = up_to_second(module, x)
    with SpreadBatchNorm(count=1, gather=lambda own: own[None]):
        found = up_to_second(module, x)
    for a, b in zip(expected, found, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-11)


def test_only_batch_norm_is_spread() -> None:
    module, x = layer(lambda: nn.LayerNorm(3)), samples()
    with SpreadBatchNorm(count=2, gather=lambda own: own.repeat(2, 1, 1)):
        assert torch.equal(module(x), functional.layer_norm(x, (3,), module.weight, module.bias))


def test_in_mixed_precision_it_computes_in_single_and_answers_in_the_samples_type() -> None:
    x = samples().detach().to(torch.bfloat16)
    with SpreadBatchNorm(count=1, gather=lambda own: own[None]):
        out = nn.BatchNorm1d(3)(x)
    assert out.dtype is torch.bfloat16
    assert torch.allclose(out.float(), nn.BatchNorm1d(3)(x.float()), rtol=2**-7, atol=2**-7)


def test_a_measure_moves_no_running_statistic() -> None:
    module = layer(lambda: nn.BatchNorm1d(3))
    before = module.running_mean.clone()
    with exact_normalisation():
        module(samples())
    assert module.running_mean.equal(before)


@pytest.mark.parametrize(
    "norm",
    [lambda: nn.BatchNorm1d(6, track_running_stats=False), lambda: nn.LayerNorm(6)],
    ids=["batch norm", "layer norm"],
)
@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp", "r1", "custom"])
def test_the_curvature_of_a_penalised_game_is_the_limit_of_its_gradients(norm, name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    d = nn.Sequential(
        mlp((2, 6), generator=rng, dtype=DOUBLE),
        norm().double(),
        nn.Softplus(),
        mlp((6, 1), generator=rng, dtype=DOUBLE),
    )
    named = Regularisation(r1=2.0).applied_to(LOSSES["hinge"]) if name == "r1" else name
    if name == "custom":
        own = LOSSES["wgan-gp"]
        named = (own.generator, own.discriminator)
    game = Game(
        mlp((2, 4, 2), generator=rng, dtype=DOUBLE),
        d,
        loss=named,
        latent=latents.normal(2),
        data=data.ring8(),
    )
    batch = game.sample(8)
    theta_g, theta_d = game.snapshot()
    along = [torch.randn(p.shape, generator=rng, dtype=DOUBLE) for p in theta_d]

    def gradient(at: list[torch.Tensor]) -> list[torch.Tensor]:
        return list(torch.autograd.grad(game.losses(theta_g, at, batch)[1], at, create_graph=True))

    def moved(by: float) -> torch.Tensor:
        at = [(p.detach() + by * v).requires_grad_() for p, v in zip(theta_d, along, strict=True)]
        return torch.cat([g.detach().flatten() for g in gradient(at)])

    inner = sum((g * v).sum() for g, v in zip(gradient(theta_d), along, strict=True))
    product = torch.autograd.grad(inner, theta_d, allow_unused=True, materialize_grads=True)
    found = torch.cat([p.flatten() for p in product])
    step = 1e-6
    expected = (moved(step) - moved(-step)) / (2 * step)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item())
