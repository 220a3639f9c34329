"""Each fault that is planted in the files of a trained pair is found by its code, and no other."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gancheck import content
from gancheck.audit_files import Settings, audit_files
from gancheck.diagnosis import Report, Verdict
from tests.weights.nets import adam_after, critic, dcgan_critic, dcgan_generator, generator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pair() -> tuple[nn.Sequential, nn.Sequential]:
    """A generator and a critic that were trained for a while; the caller's own copies."""
    return deepcopy(_pair())


@cache
def _pair() -> tuple[nn.Sequential, nn.Sequential]:
    g, d = dcgan_generator(), dcgan_critic()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        d[5] = spectral_norm(d[5])
    for net in (g, d):
        adam_after(net, steps=60, lr=2e-3)
    return g, d


def audited(folder: Path, g: Any, d: Any) -> Report:
    torch.save(g, folder / "netG.pth")
    torch.save({"netD": d}, folder / "netD.tar", _use_new_zipfile_serialization=False)
    return audit_files(
        [folder / "netG.pth", folder / "netD.tar"], settings=Settings(level="weights")
    )


def untrained(g: nn.Sequential, _: nn.Sequential) -> None:
    g.load_state_dict(dcgan_generator(seed=5).state_dict())


def clipped(_: nn.Sequential, d: nn.Sequential) -> None:
    for p in d.parameters():
        p.clamp_(-0.01, 0.01)


def stale(_: nn.Sequential, d: nn.Sequential) -> None:
    d[5].parametrizations.weight.original.normal_(0.0, 0.1)


def dead(g: nn.Sequential, _: nn.Sequential) -> None:
    g[1].weight[::3] = 0.0


def exploded(_: nn.Sequential, d: nn.Sequential) -> None:
    d[0].weight.mul_(1e4)


def not_a_number(_: nn.Sequential, d: nn.Sequential) -> None:
    d[2].weight[3, 1, 0, 0] = float("nan")


FAULTS: dict[Callable[[Any, Any], None], tuple[str, Verdict, str]] = {
    untrained: ("GC102", Verdict.failing, "netG.pth 0.weight"),
    clipped: ("GC104", Verdict.warning, "netD.tar netD.0.weight"),
    stale: ("GC109", Verdict.failing, "netD.tar netD.5.parametrizations.weight.original"),
    dead: ("GC106", Verdict.warning, "netG.pth 1.weight"),
    exploded: ("GC105", Verdict.warning, "netD.tar netD.0.weight"),
    not_a_number: ("GC101", Verdict.failing, "netD.tar netD.2.weight"),
}


@pytest.mark.parametrize("fault", list(FAULTS), ids=lambda f: f.__name__)
def test_a_planted_fault_is_found_and_named(
    tmp_path: Path, fault: Callable[[Any, Any], None]
) -> None:
    code, verdict, place = FAULTS[fault]
    g, d = pair()
    with torch.no_grad():
        fault(g, d)
    report = audited(tmp_path, g.state_dict(), d.state_dict())
    finding = report[code]
    assert finding.verdict is verdict
    assert f"{tmp_path}/{place}" in [f"{p.file} {p.tensor}" for p in finding.places]


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    report = audited(tmp_path, *(net.state_dict() for net in pair()))
    assert report.verdict is Verdict.sound
    asked = {f.code for f in report.findings}
    assert asked == set(content.diagnostics("weights"))


def test_a_player_under_the_other_s_name_is_found_though_the_files_differ(tmp_path: Path) -> None:
    g, _ = pair()
    report = audited(
        tmp_path, g.state_dict(), {f"module.{k}": v for k, v in g.state_dict().items()}
    )
    assert report["GC103"].verdict is Verdict.failing


def test_a_number_that_is_none_stops_before_anything_is_built(tmp_path: Path) -> None:
    """Files, manifest and data would carry the audit to a game."""
    g, d = generator(), critic()
    for net in (g, d):
        adam_after(net, steps=60, lr=2e-3)
    with torch.no_grad():
        g[0].weight[0, 0] = float("inf")
    torch.save(g.state_dict(), tmp_path / "G.pth")
    torch.save(d.state_dict(), tmp_path / "D.pth")
    np.savez(tmp_path / "real.npz", images=np.zeros((300, 28, 28), dtype=np.uint8))
    (tmp_path / "gancheck.toml").write_text(MANIFEST)
    report = audit_files(
        [tmp_path / "G.pth", tmp_path / "D.pth"],
        manifest=tmp_path / "gancheck.toml",
        data=tmp_path / "real.npz",
    )
    assert report["GC101"].verdict is Verdict.failing
    assert [p.tensor for p in report["GC101"].places] == ["0.weight"]
    assert report.provenance["level"]["reached"] == "weights"
    assert "NaN or infinite" in report.provenance["level"]["why_not_further"][0]
    assert not {f.code for f in report.findings} & set(content.diagnostics("game"))


MANIFEST = """
schema = 1
[files]
generator = { path = "G.pth" }
discriminator = { path = "D.pth" }
[model]
adapter = "mlp"
activation = { hidden = "relu", output = "tanh", d_hidden = "leaky_relu:0.2", d_output = "logit" }
[latent]
size = 16
law = "normal"
[data]
shape = [1, 28, 28]
range = [-1.0, 1.0]
[objective]
kind = "non-saturating"
"""
