"""Networks: sizes, initial laws, and that the global random state plays no part."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

from gancheck.games import residual_networks
from gancheck.games.networks import (
    Conditional,
    LinearScore,
    Mixture,
    Position,
    dcgan_discriminator,
    dcgan_generator,
    mlp,
)
from gancheck.games.residual_networks import (
    residual_discriminator,
    residual_generator,
    spectrally_normed,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_dcgan_at_32_pixels_has_the_parameters_that_its_layers_add_up_to() -> None:
    norms = 2 * (256 + 128 + 64)
    up = 16 * (64 * 256 + 256 * 128 + 128 * 64 + 64) + 1
    down = 16 * (64 + 64 * 128 + 128 * 256 + 256) + 64 + 1 + 2 * (128 + 256)
    assert count(dcgan_generator(32, generator=rng())) == up + norms == 919_425
    assert count(dcgan_discriminator(32, generator=rng())) == down == 661_313


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_dcgan_pair_fits_together_at_every_size(size: int, channels: int) -> None:
    g = dcgan_generator(size, generator=rng(), channels=channels, width=4, latent=10)
    d = dcgan_discriminator(size, generator=rng(), channels=channels, width=4)
    images = g(torch.randn(3, 10, generator=rng(1)))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() < 1
    assert d(images).shape == (3, 1)


def test_batch_norm_uses_the_batch_in_training_and_in_evaluation_and_keeps_nothing() -> None:
    g = dcgan_generator(28, generator=rng(), width=4)
    z = torch.randn(5, 64, generator=rng(1))
    trained = g.train()(z)
    assert torch.equal(g.eval()(z), trained)
    assert list(g.buffers()) == []
    assert not torch.allclose(g(z[:3]), trained[:3])


def test_dcgan_weights_start_normal_with_deviation_a_fiftieth() -> None:
    d = dcgan_discriminator(32, generator=rng(3))
    weights = torch.cat([p.detach().flatten() for p in d.parameters() if p.ndim == 4])
    factors = torch.cat([m.weight.detach() for m in d if isinstance(m, nn.BatchNorm2d)])
    assert stats.kstest(weights[:20_000].numpy() / 0.02, "norm").pvalue > 1e-3
    assert stats.kstest((factors.numpy() - 1) / 0.02, "norm").pvalue > 1e-3
    assert all((m.bias == 0).all() for m in d if getattr(m, "bias", None) is not None)


def test_perceptron_weights_start_uniform_within_one_over_the_root_of_the_inputs() -> None:
    layer = mlp([64, 200], generator=rng(4))[0]
    for parameter in layer.parameters():
        scaled = parameter.detach().flatten().numpy() * 8.0
        assert stats.kstest(scaled, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_a_perceptron_computes_what_its_matrices_say() -> None:
    net = mlp([3, 5, 2], generator=rng(5), dtype=torch.float64, output="tanh")
    x = torch.randn(4, 3, generator=rng(6), dtype=torch.float64)
    w1, b1, w2, b2 = net.parameters()
    assert torch.allclose(net(x), torch.tanh(torch.tanh(x @ w1.T + b1) @ w2.T + b2), rtol=1e-14)


def pair() -> Mixture:
    generator = rng(3)
    return Mixture([mlp([3, 8, 2], generator=generator) for _ in range(2)])


def test_a_mixture_gives_each_latent_to_the_expert_it_names_and_to_no_other() -> None:
    experts = pair()
    z = torch.cat([nn.functional.one_hot(torch.tensor([1, 0, 1, 1]), 2).float(),
                   torch.randn(4, 3, generator=rng(4))], dim=1)  # fmt: skip
    made = experts(z)
    for row, k in enumerate([1, 0, 1, 1]):
        alone = experts.experts[k](z[row : row + 1, 2:])
        assert torch.allclose(made[row], alone[0], atol=1e-6)  # float32, batches of other sizes
    only_first = experts(z[1:2]).sum()
    first, second = (
        torch.autograd.grad(only_first, tuple(e.parameters()), retain_graph=True, allow_unused=True)
        for e in experts.experts
    )
    assert any(g.abs().sum() > 0 for g in first)
    assert all(g is None or not g.any() for g in second)


def test_a_mixture_moves_with_the_expert_s_latent_and_not_with_the_choice() -> None:
    experts = pair()
    z = torch.tensor([[0.0, 1.0, 0.1, -0.2, 0.3]])

    def one(row: torch.Tensor) -> torch.Tensor:
        return experts(row[None])[0]

    jacobian = torch.func.vmap(torch.func.jacrev(one))(z)[0]
    assert not jacobian[:, :2].any()
    own = torch.autograd.functional.jacobian(lambda x: experts.experts[1](x[None])[0], z[0, 2:])
    assert torch.allclose(jacobian[:, 2:], own, atol=1e-6)


def test_a_mixture_of_images_keeps_their_shape() -> None:
    generator = rng(5)
    images = Mixture([dcgan_generator(28, generator=generator, width=2, latent=4) for _ in "ab"])
    z = torch.randn(6, 6, generator=rng(6))
    assert images(z).shape == (6, 1, 28, 28)


@pytest.mark.parametrize(
    "build",
    [
        lambda dtype, g: mlp([2, 8, 8, 1], generator=g, dtype=dtype),
        lambda dtype, g: dcgan_generator(28, generator=g, width=2, dtype=dtype),
        lambda dtype, g: dcgan_discriminator(28, generator=g, width=2, dtype=dtype),
    ],
    ids=["mlp", "dcgan_generator", "dcgan_discriminator"],
)
def test_one_seed_is_one_network_in_both_precisions_and_no_global_state_moves(build) -> None:
    before = torch.get_rng_state()
    single, double = build(torch.float32, rng(7)), build(torch.float64, rng(7))
    assert torch.equal(torch.get_rng_state(), before)
    for p, q in zip(single.parameters(), double.parameters(), strict=True):
        assert (p.dtype, q.dtype) == (torch.float32, torch.float64)
        assert torch.equal(p, q.float())


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: mlp([3], generator=rng()), r"at least two positive widths, got \[3\]"),
        (lambda: mlp([3, 0], generator=rng()), "positive widths"),
        (lambda: Mixture([nn.Linear(1, 1)]), "at least two generators, got 1"),
        (lambda: pair()(torch.zeros(4, 2)), r"shape \[n, 2 \+ m\].* got \[4, 2\]"),
        (lambda: pair()(torch.zeros(3)), r"got \[3\]"),
        (
            lambda: Mixture([nn.Linear(1, 2), nn.Linear(1, 3)])(torch.zeros(4, 3)),
            r"samples of one shape, got \[2\] and \[3\]",
        ),
        (lambda: dcgan_generator(30, generator=rng()), "28, 32, 64, got 30"),
        (lambda: dcgan_discriminator(32, generator=rng(), width=0), "width must be at least 1"),
    ],
)
def test_a_network_that_cannot_be_is_refused_in_a_sentence(build, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build()


def test_spectral_norm_holds_every_layer_to_one_and_leaves_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    net = spectrally_normed(mlp([6, 40, 1], generator=rng(2)), rng(3))
    assert torch.equal(torch.get_rng_state(), before)
    for _ in range(30):  # one power iteration each
        net(torch.randn(4, 6, generator=rng(1)))
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight.detach(), 2).item() == pytest.approx(
                1.0, abs=1e-3
            )
    again = spectrally_normed(mlp([6, 40, 1], generator=rng(2)), rng(3))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


SIZES = (28, 32, 48, 64, 128)
CHANNELS = {  # of pictures, before and after each block, as published; 28 is 32 with one doubling less
    28: ((7, [256] * 3), [3, *[128] * 4], 2),
    32: ((4, [256] * 4), [3, *[128] * 4], 2),
    48: ((6, [512, 256, 128, 64]), [3, 64, 128, 256, 512, 1024], 4),
    64: ((4, [1024, 512, 256, 128, 64]), [3, 64, 128, 256, 512, 1024], 5),
    128: ((4, [1024, 1024, 512, 256, 128, 64]), [3, 64, 128, 256, 512, 1024, 1024], 5),
}


def convolution(inputs: int, outputs: int, kernel: int) -> int:
    return kernel**2 * inputs * outputs + outputs


@pytest.mark.parametrize("size", SIZES)
def test_the_residual_pair_fits_together_and_every_layer_of_its_discriminator_is_held(
    size: int,
) -> None:
    g = residual_generator(size, generator=rng(), latent=10, channels=2, width=2)
    d = residual_discriminator(size, generator=rng(), channels=2, width=2)
    images = g(torch.randn(3, 10, generator=rng(1)))
    assert images.shape == (3, 2, size, size)
    assert images.abs().max() < 1
    assert d(images).shape == (3, 1)
    held = [m for m in d.modules() if hasattr(m, "parametrizations")]
    layers = [m for m in d.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(held) == len(layers)
    # the fewest pixels of the discriminator: those of its last block
    seen: list[int] = []
    list(d.children())[-3].register_forward_hook(lambda _m, _i, out: seen.append(out.shape[-1]))
    d(images)
    assert seen == [size >> CHANNELS[size][2]]


@pytest.mark.parametrize("size", SIZES)
def test_the_residual_pair_has_the_parameters_of_the_published_layers(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At full width, so nothing is drawn: up to 33 million numbers are not looked at."""
    monkeypatch.setattr(residual_networks, "_filled", lambda layer, *_, **__: layer)
    monkeypatch.setattr(residual_networks, "spectrally_normed", lambda network, _: network)
    (root, up), down, halvings = CHANNELS[size]
    made = 128 * up[0] * root**2 + up[0] * root**2
    for a, b in pairwise(up):  # two norms, 3 x 3, 3 x 3, and 1 x 1 beside them
        made += 2 * a + 2 * b + convolution(a, b, 3) + convolution(b, b, 3) + convolution(a, b, 1)
    made += 2 * up[-1] + convolution(up[-1], 3, 3)
    judged = down[-1] + 1
    for i, (a, b) in enumerate(pairwise(down)):
        hidden = b if i == 0 else a
        judged += convolution(a, hidden, 3) + convolution(hidden, b, 3)
        judged += convolution(a, b, 1) if i < halvings or a != b else 0
    assert count(residual_generator(size, generator=rng())) == made
    assert count(residual_discriminator(size, generator=rng())) == judged


def test_a_residual_block_is_its_formula_in_float64() -> None:
    """The first block pools before its 1 x 1, the others after; by plain functions of the weights."""
    d = residual_discriminator(64, generator=rng(), channels=1, width=2, dtype=torch.float64).eval()
    x = torch.randn(2, 1, 64, 64, generator=rng(3), dtype=torch.float64)
    first, second = d[0], d[1]

    def apply(layer: nn.Module, h: torch.Tensor) -> torch.Tensor:
        kernel = layer.weight.shape[-1]
        return functional.conv2d(h, layer.weight, layer.bias, padding=kernel // 2)

    h = functional.avg_pool2d(apply(first.conv2, apply(first.conv1, x).relu()), 2)
    h = h + apply(first.beside, functional.avg_pool2d(x, 2))
    assert torch.allclose(first(x), h, rtol=0, atol=1e-12)
    assert second.conv1.weight.shape[:2] == (2, 2)
    assert second.conv2.weight.shape[:2] == (4, 2)
    y = apply(second.conv2, apply(second.conv1, h.relu()).relu()) + apply(second.beside, h)
    assert torch.allclose(second(h), functional.avg_pool2d(y, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"channels": -1}, "channels must be at least 1, got -1"),
        ({"size": 256}, "size must be one of 28, 32, 48, 64, 128, got 256"),
    ],
)
def test_a_residual_network_that_is_none_is_refused(options: dict[str, int], says: str) -> None:
    for build in (residual_generator, residual_discriminator):
        with pytest.raises(ValueError, match=says):
            build(generator=rng(), **options)


def test_a_conditional_generator_says_which_class_it_was_asked_for() -> None:
    net = Conditional(mlp([5, 8, 3], generator=rng()), 2)
    z = torch.tensor([[1.0, 0.0, 0.1, 0.2, 0.3], [0.0, 1.0, 0.1, 0.2, 0.3]])
    out = net(z)
    assert torch.equal(out[:, 3:], z[:, :2])
    assert not torch.equal(out[0, :3], out[1, :3])
    with pytest.raises(ValueError, match="classes must be at least 2, got 1"):
        Conditional(nn.Identity(), 1)


def test_the_dirac_pair_is_a_point_and_a_line() -> None:
    g, d = Position((2.0, -1.0)), LinearScore((0.5, 3.0))
    x = g(torch.zeros(4, 1))
    assert torch.equal(x, torch.tensor([[2.0, -1.0]]).expand(4, 2))
    assert torch.equal(d(x), torch.full((4,), -2.0))
