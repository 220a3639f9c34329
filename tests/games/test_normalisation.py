"""Normalisation by its formula against torch's kernels, and against differences where they fail."""

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
from gancheck.games.normalisation import WrittenOut
from gancheck.games.regularisation import Regularisation

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLE = torch.float64
LAYERS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.BatchNorm1d(3), ()),
    (lambda: nn.BatchNorm1d(3, momentum=None), (4,)),
    (lambda: nn.BatchNorm2d(3, affine=False, momentum=0.3), (2, 3)),
    (lambda: nn.BatchNorm3d(3, track_running_stats=False, eps=0.1), (2, 1, 2)),
    (lambda: nn.BatchNorm1d(3).eval(), ()),
    (lambda: nn.LayerNorm(3), ()),
    (lambda: nn.LayerNorm((3, 4), bias=False, eps=0.1), (4,)),
    (lambda: nn.LayerNorm(4, elementwise_affine=False), (4,)),
    (lambda: nn.InstanceNorm1d(3), (4,)),
    (lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3)),
    (lambda: nn.InstanceNorm2d(3, track_running_stats=True).eval(), (2, 3)),
    (lambda: nn.GroupNorm(3, 3), (4,)),
]
each_layer = pytest.mark.parametrize(("make", "shape"), LAYERS, ids=str)


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
def test_up_to_second_derivatives_it_is_torchs_own_layer(make, shape) -> None:
    module, x = layer(make), samples(*shape)
    other = copy.deepcopy(module)
    for _ in range(2):  # running statistics move twice
        expected = up_to_second(module, x)
        with WrittenOut():
            found = up_to_second(other, x)
        for a, b in zip(expected, found, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-11)
    for a, b in zip(module.buffers(), other.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-15)


@each_layer
def test_its_third_derivative_is_the_limit_of_differences(make, shape) -> None:
    module = layer(make)

    def norm_of_second(x: torch.Tensor) -> torch.Tensor:
        (first,) = torch.autograd.grad(bent(module(x)), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x, create_graph=True)
        return second.square().sum()

    x = samples(*shape)
    rng = torch.Generator().manual_seed(2)
    along = torch.randn(x.shape, generator=rng, dtype=DOUBLE)
    step = 1e-5  # its square, the error of a central difference, is 1e-10
    with WrittenOut():
        (third,) = torch.autograd.grad(norm_of_second(x), x)
        ahead, behind = (
            norm_of_second((x + sign * step * along).detach().requires_grad_()).item()
            for sign in (1, -1)
        )
    expected = (ahead - behind) / (2 * step)
    assert (third * along).sum().item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_a_batch_in_two_parts_has_the_statistics_of_the_whole() -> None:
    module = layer(lambda: nn.BatchNorm1d(3, track_running_stats=False))
    x = samples(2).detach()[:4]
    halves = x.split(2)
    every = torch.stack(
        [torch.stack([h.mean((0, 2)), h.var((0, 2), correction=0)]) for h in halves]
    )
    with WrittenOut(count=2, gather=lambda own: every):
        parts = [module(half) for half in halves]
    assert torch.allclose(torch.cat(parts), module(x), rtol=1e-12, atol=1e-13)


def test_without_everything_a_sample_of_its_own_is_left_to_torchs_kernel() -> None:
    module, x = layer(lambda: nn.LayerNorm(3)), samples()
    with WrittenOut(everything=False):
        assert torch.equal(module(x), functional.layer_norm(x, (3,), module.weight, module.bias))


def test_in_mixed_precision_it_computes_in_single_and_answers_in_the_samples_type() -> None:
    x = samples().detach().to(torch.bfloat16)
    for make in (lambda: nn.BatchNorm1d(3), lambda: nn.LayerNorm(3)):
        with WrittenOut():
            out = make()(x)
        assert out.dtype is torch.bfloat16
        assert torch.allclose(out.float(), make()(x.float()), rtol=2**-7, atol=2**-7)


def test_one_value_is_refused_as_torch_does() -> None:
    for module, x in (
        (nn.BatchNorm1d(3), torch.zeros(1, 3)),
        (nn.InstanceNorm1d(3), torch.zeros(2, 3, 1)),
    ):
        with pytest.raises(ValueError, match=r"more than (one|1)"):
            module(x)
        with pytest.raises(ValueError, match="more than one value"), WrittenOut():
            module(x)


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
