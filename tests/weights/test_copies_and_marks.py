"""GC103 to GC107: copies, clipping, scale, dead channels and a penalised critic, each planted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.diagnosis import NotApplicable, Verdict
from gancheck.measures.tensor_copies import digest
from gancheck.weights_audit import examine_weights, read_weights
from tests.weights.nets import (
    adam_after,
    critic,
    dcgan_critic,
    dcgan_generator,
    generator,
    of_nets,
)

if TYPE_CHECKING:
    from pathlib import Path


def judged(code: str, objective: str = "", **nets: nn.Module) -> Any:
    diagnostic = content.diagnostics("weights")[code]
    return diagnostic.judge(diagnostic.measure(of_nets(objective, **nets), None))


def test_a_player_saved_under_the_other_s_name_is_found_in_another_container(
    tmp_path: Path,
) -> None:
    net = dcgan_generator()
    torch.save(net.state_dict(), tmp_path / "netG.pth")
    held = {f"module.{k}": v for k, v in net.state_dict().items()}
    torch.save(
        {"epoch": 9, "netD": held}, tmp_path / "netD.tar", _use_new_zipfile_serialization=False
    )
    finding = examine_weights(read_weights([tmp_path / "netG.pth", tmp_path / "netD.tar"]))["GC103"]
    assert finding.verdict is Verdict.failing
    assert finding.quantities["largest_same_share"].value == 1.0
    assert {p.file for p in finding.places} == {str(tmp_path / "netD.tar")}


def test_two_fresh_networks_have_ones_zeros_and_counters_in_common_and_are_no_copies() -> None:
    g = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    d = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))
    finding = judged("GC103", generator=g, discriminator=d)
    assert finding.verdict is Verdict.sound
    assert finding.quantities["same_tensors"].value == 0


def test_one_shared_tensor_is_told_and_most_of_a_player_is_warned_of() -> None:
    g, d = generator(), generator(seed=1)
    with torch.no_grad():
        d[0].weight.copy_(g[0].weight)
    finding = judged("GC103", generator=g, discriminator=d)
    assert finding.verdict is Verdict.sound
    assert [p.tensor for p in finding.places] == ["0.weight"]
    with torch.no_grad():
        d[4].weight.copy_(g[4].weight)
    assert judged("GC103", generator=g, discriminator=d).verdict is Verdict.warning


def test_an_average_that_averages_nothing_is_a_warning() -> None:
    finding = judged("GC103", generator=generator(), averaged_generator=generator())
    assert finding.verdict is Verdict.warning
    with pytest.raises(NotApplicable, match="two players"):
        judged("GC103", generator=generator())


def test_digests_tell_shape_format_and_bytes_apart() -> None:
    x = torch.arange(6.0)
    assert digest(x) == digest(x[None, :].clone()[0])
    assert len({digest(x), digest(x.reshape(2, 3)), digest(x.half()), digest(x + 1e-6)}) == 4
    assert digest(x.reshape(2, 3).T.contiguous().T) == digest(x.reshape(2, 3))


@pytest.mark.parametrize("bound", [0.01, 0.1])
def test_a_clipped_critic_is_found_by_its_bound(bound: float) -> None:
    g, d = generator(), critic()
    opt = torch.optim.RMSprop(d.parameters(), lr=5e-3)
    rng = torch.Generator().manual_seed(0)
    for _ in range(30):
        real, fake = torch.randn(2, 64, 784, generator=rng)
        opt.zero_grad()
        (d(fake).mean() - d(real + 0.3).mean()).backward()
        opt.step()
        with torch.no_grad():
            for p in d.parameters():
                p.clamp_(-bound, bound)
    finding = judged("GC104", generator=g, discriminator=d)
    assert finding.verdict is Verdict.warning
    assert finding.quantities["bound"].value == pytest.approx(bound)
    assert {p.file for p in finding.places} == {"discriminator.pth"}


@pytest.mark.parametrize("steps", [0, 20])
def test_nothing_of_torch_s_own_looks_clipped(steps: int) -> None:
    nets = {"generator": dcgan_generator(), "discriminator": dcgan_critic()}
    for net in nets.values():
        adam_after(net, steps=steps)
    assert judged("GC104", **nets).verdict is Verdict.sound
    tied = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32))
    with torch.no_grad():
        tied[1].weight.copy_(tied[0].weight)
    assert judged("GC104", generator=tied).verdict is Verdict.sound


def test_an_exploded_layer_is_found_and_a_uniformly_large_network_is_none() -> None:
    net = generator()
    adam_after(net, steps=5)
    assert judged("GC105", generator=net).verdict is Verdict.sound
    with torch.no_grad():
        net[2].weight.mul_(500.0)
    finding = judged("GC105", generator=net)
    assert finding.verdict is Verdict.warning
    assert [p.tensor for p in finding.places] == ["2.weight"]
    equalised = nn.Sequential(*(nn.Linear(256, 256) for _ in range(8)))
    with torch.no_grad():
        for layer in equalised:
            nn.init.normal_(layer.weight)
        for layer in list(equalised)[:3]:
            layer.weight.mul_(1000.0)  # as StyleGAN's mapping, drawn over its multiplier of 0.01
    assert judged("GC105", generator=equalised).verdict is Verdict.sound


@pytest.mark.parametrize("value", [1e9, -1.0])
def test_a_running_variance_out_of_range_is_a_warning(value: float) -> None:
    net = dcgan_critic()
    with torch.no_grad():
        net[3].running_var[2] = value
    finding = judged("GC105", discriminator=net)
    assert finding.verdict is Verdict.warning
    assert [p.tensor for p in finding.places] == ["3.running_var"]


def test_dead_channels_are_counted_by_layer() -> None:
    net = dcgan_generator()
    with torch.no_grad():
        net[1].weight[:9] = 1e-5
    finding = judged("GC106", generator=net)
    assert finding.verdict is Verdict.warning
    assert finding.quantities["largest_dead_share"].value == 9 / 32
    assert finding.quantities["dead_share"].value == 9 / 48
    assert [p.tensor for p in finding.places] == ["1.weight"]
    with torch.no_grad():
        net[1].weight[8] = 1.0
    assert judged("GC106", generator=net).verdict is Verdict.sound


def test_a_fresh_batch_norm_is_told_and_slopes_are_no_factors() -> None:
    net = nn.Sequential(nn.Linear(8, 8), nn.PReLU(8, init=0.0), nn.BatchNorm1d(8, affine=False))
    finding = judged("GC106", generator=net)
    assert finding.quantities["normalisation_layers"].value == 1
    assert finding.quantities["fresh_layers"].value == 1
    assert "never saw a batch" in finding.because
    net[2](torch.randn(4, 8))
    assert judged("GC106", generator=net).quantities["fresh_layers"].value == 0
    with pytest.raises(NotApplicable, match="no normalisation"):
        judged("GC106", generator=generator())


def test_batch_norm_in_a_penalised_critic_is_a_warning_by_manifest_or_by_name() -> None:
    d = dcgan_critic()
    assert judged("GC107", "wgan-gp", discriminator=d).verdict is Verdict.warning
    assert judged("GC107", "wgan-gp", discriminator=critic()).verdict is Verdict.sound
    with pytest.raises(NotApplicable, match="hinge"):
        judged("GC107", "hinge", discriminator=d)
    measure = content.diagnostics("weights")["GC107"].measure
    weights = of_nets(discriminator=d)
    for name, known in {
        "wgan_gp_D.pth": True,
        "netD_wgangp.pth": True,
        "D-GP.pt": True,
        "gpt_D.pth": False,
        "D_gpu0.pth": False,
        "D.pth": False,
    }.items():
        named = replace(weights, players=(replace(weights.players[0], file=f"/a-gp/{name}"),))
        if known:
            assert len(measure(named, None).places) == 1, name
        else:
            with pytest.raises(NotApplicable, match="neither a manifest"):
                measure(named, None)
