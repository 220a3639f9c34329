"""The formula of batch norm against torch's kernel, and against differences where that is wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gancheck.games.batch_norm import WrittenOut, has_own_batch_norm

DOUBLE = torch.float64


def layer(kind: type[nn.Module], **options) -> nn.Module:
    made = kind(3, dtype=DOUBLE, **options)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=rng, dtype=DOUBLE) + 0.5)
    return made


def samples(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return (2.0 * torch.randn(5, 3, *shape, generator=rng, dtype=DOUBLE) + 1.0).requires_grad_()


def up_to_second(module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Value, gradient, and gradient of the gradient's squared norm, in samples and parameters."""
    of = [x, *module.parameters()]
    out = module(x)
    loss = (out.tanh() * torch.linspace(-1, 2, out.numel(), dtype=DOUBLE).view_as(out)).sum()
    first = torch.autograd.grad(loss, of, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), of)
    return [out, *first, *second]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.BatchNorm1d, ()),
        (nn.BatchNorm1d, (4,)),
        (nn.BatchNorm2d, (2, 3)),
        (nn.BatchNorm3d, (2, 1, 2)),
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": None},
        {"momentum": 0.3, "affine": False},
        {"track_running_stats": False, "eps": 0.1},
    ],
    ids=str,
)
def test_up_to_second_derivatives_it_is_torchs_own_layer(kind, shape, options) -> None:
    module, x = layer(kind, **options), samples(*shape)
    other = copy.deepcopy(module)
    for _ in range(2):  # running statistics move twice
        expected = up_to_second(module, x)
        with WrittenOut([other]).used():
            found = up_to_second(other, x)
        for a, b in zip(expected, found, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-11)
    for a, b in zip(module.buffers(), other.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-15)
    assert type(other) is kind
    assert other.__dict__.keys() == module.__dict__.keys()
    assert list(other.state_dict()) == list(module.state_dict())


def test_its_third_derivative_is_the_limit_of_differences() -> None:
    module = layer(nn.BatchNorm1d)

    def norm_of_second(x: torch.Tensor) -> torch.Tensor:
        loss = (module(x).tanh() * torch.linspace(-1, 2, 15, dtype=DOUBLE).view(5, 3)).sum()
        (first,) = torch.autograd.grad(loss, x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x, create_graph=True)
        return second.square().sum()

    x = samples()
    rng = torch.Generator().manual_seed(2)
    along = torch.randn(5, 3, generator=rng, dtype=DOUBLE)
    step = 1e-5  # its square, the error of a central difference, is 1e-10
    with WrittenOut([module]).used():
        (third,) = torch.autograd.grad(norm_of_second(x), x)
        ahead, behind = (
            norm_of_second((x + sign * step * along).detach().requires_grad_()).item()
            for sign in (1, -1)
        )
    expected = (ahead - behind) / (2 * step)
    assert (third * along).sum().item() == pytest.approx(expected, rel=1e-6)


def test_on_running_statistics_it_is_torchs_kernel_to_the_bit() -> None:
    module, x = layer(nn.BatchNorm1d).eval(), samples()
    expected = module(x)
    with WrittenOut([module]).used():
        assert torch.equal(module(x), expected)
    assert module.num_batches_tracked.item() == 0


def test_a_batch_in_two_parts_has_the_statistics_of_the_whole() -> None:
    module, x = layer(nn.BatchNorm1d, track_running_stats=False), samples(2).detach()[:4]
    halves = x.split(2)
    every = torch.stack(
        [torch.stack([h.mean((0, 2)), h.var((0, 2), correction=0)]) for h in halves]
    )
    with WrittenOut([module], count=2, gather=lambda own: every).used():
        parts = [module(half) for half in halves]
    assert torch.allclose(torch.cat(parts), module(x), rtol=1e-12, atol=1e-13)


def test_in_mixed_precision_it_computes_in_single_and_answers_in_the_samples_type() -> None:
    module = nn.BatchNorm1d(3)
    x = samples().detach().to(torch.bfloat16)
    with WrittenOut([module]).used():
        out = module(x)
    assert out.dtype is torch.bfloat16
    assert torch.allclose(out.float(), nn.BatchNorm1d(3)(x.float()), rtol=2**-7, atol=2**-7)


def test_a_layer_is_itself_again_after_an_error_and_one_value_is_refused() -> None:
    module = layer(nn.BatchNorm1d)
    refused = pytest.raises(ValueError, match=r"more than one value per channel, got \[1, 3\]")
    with refused, WrittenOut([module]).used():
        module(samples()[:1])
    assert type(module) is nn.BatchNorm1d


def test_a_layer_with_a_way_of_its_own_is_named() -> None:
    class Own(nn.BatchNorm2d):
        pass

    assert has_own_batch_norm(nn.Sequential(nn.BatchNorm2d(2), nn.InstanceNorm2d(2))) == ""
    assert has_own_batch_norm(nn.Sequential(Own(2))) == "Own"
    assert has_own_batch_norm(nn.SyncBatchNorm(2)) == "SyncBatchNorm"
