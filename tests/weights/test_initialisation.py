"""GC102 tells what was never trained from what was, by laws that torch itself draws from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from gancheck import content
from gancheck.diagnosis import NotApplicable, Verdict
from gancheck.measures.initial_laws import Law, edge_p, p_value
from gancheck.measures.initialisation import untrained_tensors
from gancheck.measures.spectral_consistency import largest_singular
from gancheck.measures.weights import PlayerWeights, Weights
from tests.weights.nets import adam_after, critic, dcgan_generator, generator, of_nets


def judged(**nets: nn.Module) -> Any:
    return content.diagnostics("weights")["GC102"].judge(untrained_tensors(of_nets(**nets)))


@pytest.mark.parametrize("n", [200, 1000, 20000])
def test_the_p_value_is_that_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.sort(rng.standard_normal(n) * 0.02)
    ours = p_value(x, Law(name="", kind="normal", scale=0.0205))
    theirs = scipy.stats.kstest(x, scipy.stats.norm(scale=0.0205).cdf).pvalue
    # Stephens' formula is within a hundredth of the exact law at these sizes
    assert ours == pytest.approx(theirs, abs=0.012)
    u = np.sort(rng.uniform(-0.3, 0.3, n))
    ours = p_value(u, Law(name="", kind="uniform", scale=0.3))
    assert ours == pytest.approx(scipy.stats.kstest(u, "uniform", (-0.3, 0.6)).pvalue, abs=0.012)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_hide_an_untrained_tensor(kind: torch.dtype) -> None:
    net = nn.Linear(1024, 1024).to(kind)
    found = untrained_tensors(of_nets(generator=net))
    assert [t.state for t in found.tensors] == ["untrained", "untrained"]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(64, 48),
        nn.Conv1d(8, 32, 5),
        nn.Conv2d(8, 32, 4),
        nn.ConvTranspose2d(32, 8, 4),
        nn.ConvTranspose1d(32, 16, 4, groups=2),
        nn.Conv3d(4, 16, 3),
        nn.Embedding(100, 40),
        nn.Bilinear(20, 20, 5),
    ],
)
def test_every_law_that_torch_draws_from_is_known(layer: nn.Module) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer.reset_parameters()
    found = untrained_tensors(of_nets(x=nn.Sequential(layer)))
    weight = found.tensors[0]
    if isinstance(layer, nn.Embedding):
        assert (weight.law, weight.state) == ("N(0, 1)", "open")  # one tensor may meet it by chance
    elif isinstance(layer, nn.Bilinear):
        assert weight.state == "moved"  # its law is its own; documented as not on the list
    else:
        assert (weight.law, weight.state) == ("torch's default", "untrained")


@pytest.mark.parametrize(
    ("fill", "law"),
    [
        (lambda w: nn.init.normal_(w, 0.0, 0.02), "N(0, 0.02)"),
        (nn.init.xavier_uniform_, "Glorot uniform"),
        (lambda w: nn.init.xavier_uniform_(w, math.sqrt(2)), "Glorot uniform, gain sqrt(2)"),
        (nn.init.xavier_normal_, "Glorot normal"),
        (lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"), "He uniform by inputs"),
        (lambda w: nn.init.kaiming_normal_(w, mode="fan_out"), "He normal by outputs"),
        (nn.init.orthogonal_, "orthogonal"),
        (nn.init.zeros_, "all 0"),
    ],
)
def test_an_untrained_generator_is_failing_by_its_law(fill: Any, law: str) -> None:
    net = dcgan_generator(width=32)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for module in net:
            if isinstance(module, nn.ConvTranspose2d):
                fill(module.weight)
    finding = judged(generator=net)
    assert finding.verdict is Verdict.failing
    assert law in {t.law for t in finding.measurement.tensors if t.state == "untrained"}


@pytest.mark.parametrize("make", [generator, dcgan_generator])
def test_five_steps_of_adam_are_training(make: Any) -> None:
    net = make()
    assert judged(generator=net).verdict is Verdict.failing
    adam_after(net, steps=5)
    finding = judged(generator=net)
    assert finding.verdict is not Verdict.failing
    assert finding.quantities["moved_tensors"].value >= 2


def test_a_frozen_layer_and_a_zero_bias_are_warned_of_and_named() -> None:
    net = generator()
    nn.init.zeros_(net[0].bias)
    for p in (*net[2].parameters(), net[0].bias):
        p.requires_grad_(False)
    adam_after(net, steps=20, lr=1e-3)
    finding = judged(generator=net)
    assert finding.verdict is Verdict.warning
    assert [p.tensor for p in finding.places] == ["0.bias", "2.weight"]


def test_an_untrained_discriminator_is_a_warning() -> None:
    g = generator()
    adam_after(g, steps=20)
    finding = judged(generator=g, discriminator=critic())
    assert finding.verdict is Verdict.warning
    assert "discriminator" in finding.title


def test_a_single_bell_of_a_law_s_spread_is_left_open() -> None:
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(64, 64, generator=rng) * 0.02
    player = PlayerWeights(
        name="generator", role="generator", file="f", part="", tensors={"0.weight": w}
    )
    found = untrained_tensors(Weights(players=(player,)))
    assert (found.tensors[0].law, found.tensors[0].state) == ("N(0, 0.02)", "open")
    judge = content.diagnostics("weights")["GC102"].judge
    assert judge(found).verdict is Verdict.undecided


def test_small_and_empty_networks_are_not_judged() -> None:
    with pytest.raises(NotApplicable, match="1000 numbers"):
        untrained_tensors(of_nets(generator=nn.Sequential(nn.Linear(4, 4))))
    with pytest.raises(NotApplicable, match="no weights could be read"):
        untrained_tensors(Weights(players=()))
    only = PlayerWeights(
        name="g", role="generator", file="f", part="", tensors={"a": torch.arange(5)}
    )
    with pytest.raises(NotApplicable, match="no tensor of real numbers"):
        untrained_tensors(Weights(players=(only,)))


def test_a_nan_is_no_law() -> None:
    net = generator()
    with torch.no_grad():
        net[2].weight[0, 0] = float("nan")
    states = untrained_tensors(of_nets(generator=net)).tensors
    assert {t.place.tensor: t.state for t in states}["2.weight"] == "moved"


def test_buffers_of_noise_and_running_statistics_are_no_weights() -> None:
    net = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))
    held = {**net.state_dict(), "noises.noise_0": torch.randn(1, 1, 64, 64)}
    player = PlayerWeights(name="g", role="generator", file="f", part="", tensors=held)
    names = [t.place.tensor for t in untrained_tensors(Weights(players=(player,))).tensors]
    assert names == ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.parametrize(("rows", "columns"), [(8, 300), (64, 64), (32, 784)])
@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_the_law_of_the_largest_singular_value_holds_its_level(
    draw: str, rows: int, columns: int
) -> None:
    rng = torch.Generator().manual_seed(0)
    shape = (400, rows, columns)
    if draw == "normal":
        many = torch.randn(shape, generator=rng)
    else:
        many = math.sqrt(3.0) * (2.0 * torch.rand(shape, generator=rng) - 1.0)
    p = np.array([edge_p(largest_singular(a), rows, columns) for a in many])
    for level in (0.01, 0.1):
        most = scipy.stats.binom.ppf(0.999, len(p), 1.3 * level)  # the limit's law, to a third
        assert (p < level).sum() <= most


def test_a_push_along_one_direction_is_seen_that_moves_each_number_by_a_twentieth() -> None:
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(128, 256, generator=rng)
    signs = torch.randn(128, 1, generator=rng).sign() * torch.randn(1, 256, generator=rng).sign()
    law = Law(name="", kind="normal", scale=1.0)
    moved = w + 0.12 * signs
    assert p_value(np.sort(moved.flatten().double().numpy()), law) > 1e-3
    assert edge_p(largest_singular(moved), 128, 256) < 1e-6


def test_a_frozen_normal_layer_is_named_where_it_is_large_and_open_where_it_is_small() -> None:
    for width, state in ((16, "open"), (160, "untrained")):
        net = dcgan_generator(width=width)
        with torch.no_grad():
            net[0].weight.mul_(1.5)
        finding = judged(generator=net)
        states = {t.place.tensor: t.state for t in finding.measurement.tensors}
        assert states["0.weight"] == "moved"
        assert states["3.weight"] == state
        if state == "untrained":
            assert finding.verdict is Verdict.warning
        else:
            assert "may fit too: 3.weight" in finding.because
