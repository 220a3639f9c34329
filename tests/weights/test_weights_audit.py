"""Files become players and optimizers, and the diagnostics of weights run on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from gancheck import content
from gancheck.checkpoints import Refused
from gancheck.diagnosis import Verdict
from gancheck.weights_audit import Source, examine_weights, read_weights
from tests.weights.nets import adam_after, critic, generator

CODES = tuple(content.diagnostics("weights"))


def test_a_file_a_player_is_named_by_its_role(tmp_path: Path) -> None:
    torch.save(generator().state_dict(), tmp_path / "netG.pth")
    torch.save(critic().state_dict(), tmp_path / "netD.pth")
    weights = read_weights([tmp_path / "netG.pth", tmp_path / "netD.pth"])
    assert [p.name for p in weights.players] == ["generator", "discriminator"]
    assert len(weights.hashes) == 2
    for player, net in zip(weights.players, (generator(), critic()), strict=True):
        assert list(player.tensors) == list(net.state_dict())


def test_one_file_with_everything_is_split(tmp_path: Path) -> None:
    g, d = generator(), critic()
    opt = adam_after(g, steps=3)
    held = {
        "epoch": 3,
        "netG": g.state_dict(),
        "netD": {f"module.{k}": v for k, v in d.state_dict().items()},
        "netG_ema": generator(seed=1).state_dict(),
        "optimizerG": opt.state_dict(),
    }
    torch.save(held, tmp_path / "all.tar")
    weights = read_weights([tmp_path / "all.tar"])
    assert [p.name for p in weights.players] == [
        "generator",
        "discriminator",
        "averaged generator",
    ]
    assert [p.averaged for p in weights.players] == [False, False, True]
    assert next(iter(weights.players[1].tensors)) == "netD.module.0.weight"
    (state,) = weights.optimizers
    assert state.role == "generator"
    assert state.settings["lr"] == 2e-4
    assert state.steps == (3.0,) * len(list(g.parameters()))
    for slots, p in zip(state.slots, g.parameters(), strict=True):
        assert torch.equal(slots["exp_avg_sq"], opt.state[p]["exp_avg_sq"])


def test_prefixes_in_one_flat_dict_are_players_too(tmp_path: Path) -> None:
    flat = {f"G.{k}": v for k, v in generator().state_dict().items()}
    flat |= {f"D.{k}": v for k, v in critic().state_dict().items()}
    torch.save({"state_dict": flat}, tmp_path / "last.ckpt")
    weights = read_weights([tmp_path / "last.ckpt"])
    assert [p.name for p in weights.players] == ["generator", "discriminator"]


def test_a_role_and_a_key_that_are_told_are_taken(tmp_path: Path) -> None:
    torch.save({"a": generator().state_dict(), "b": critic().state_dict()}, tmp_path / "x.pt")
    told = [
        Source(path=tmp_path / "x.pt", role="generator", key="a"),
        Source(path=tmp_path / "x.pt", role="discriminator", key="b"),
    ]
    assert [p.name for p in read_weights(told).players] == ["generator", "discriminator"]


def test_nothing_that_an_object_pickle_holds_is_lost(corpus: Path) -> None:
    weights = read_weights([corpus / "basic.steg"])
    assert [p.name for p in weights.players] == ["encoder", "decoder", "discriminator"]
    assert [o.name for o in weights.optimizers] == ["critic_optimizer", "decoder_optimizer"]


def test_what_cannot_be_read_is_not_applicable_with_why(corpus: Path) -> None:
    weights = read_weights([corpus / "nicklalo_wgangp_generator.onnx"])
    report = examine_weights(weights)
    assert report.verdict is Verdict.not_applicable
    assert all("ONNX" in f.because for f in report.findings)
    assert report.provenance["not_read"]


def test_an_optimizer_s_file_alone_is_looked_at(tmp_path: Path) -> None:
    torch.save(adam_after(critic(), steps=2).state_dict(), tmp_path / "optD.pth")
    weights = read_weights([tmp_path / "optD.pth"])
    assert weights.players == ()
    report = examine_weights(weights)
    assert report["GC101"].verdict is Verdict.sound
    assert report["GC111"].quantities["steps_discriminator"].value == 2
    assert report["GC102"].verdict is Verdict.not_applicable


def test_wrong_calls_say_what_was_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one file"):
        read_weights([])
    with pytest.raises(Refused):
        read_weights([tmp_path / "none.pth"])
    torch.save(critic().state_dict(), tmp_path / "D.pth")
    weights = read_weights([tmp_path / "D.pth"])
    with pytest.raises(ValueError, match="unknown diagnostic of weights 'GC001'"):
        examine_weights(weights, codes=["GC001"])


def test_a_nan_and_an_infinite_number_are_failing_and_named(tmp_path: Path) -> None:
    net = critic()
    with torch.no_grad():
        net[0].weight[0, 0] = float("nan")
        net[2].bias[0] = float("-inf")
    torch.save(net.state_dict(), tmp_path / "D.pth")
    finding = examine_weights(read_weights([tmp_path / "D.pth"]))["GC101"]
    assert finding.verdict is Verdict.failing
    assert [p.tensor for p in finding.places] == ["0.weight", "2.bias"]
    assert finding.to_dict()["places"][0] == {
        "file": str(tmp_path / "D.pth"),
        "tensor": "0.weight",
    }
    assert finding.quantities["nan"].value == 1
    assert finding.quantities["infinite"].value == 1


def test_subnormal_numbers_are_counted_and_shared_tensors_told(tmp_path: Path) -> None:
    w = torch.tensor([[1e-40, 1.0, 0.0], [2.0, -1e-39, 3.0]])
    torch.save({"a.weight": w, "b.weight": w}, tmp_path / "D.pth")
    finding = examine_weights(read_weights([tmp_path / "D.pth"]))["GC101"]
    assert finding.verdict is Verdict.sound
    assert finding.quantities["subnormal"].value == 2
    assert finding.quantities["shared_tensors"].value == 2


@pytest.mark.parametrize("code", CODES)
def test_names_of_quantities_are_documented_and_labelled(code: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "quantities.md").read_text()
    documented = set(re.findall(rf"^\| {code} \| `(\w+)`", text, flags=re.MULTILINE))
    diagnostic = content.diagnostics()[code]
    assert documented == set(diagnostic.labels)
    assert diagnostic.headline in documented
    assert diagnostic.level == "weights"
    assert set(diagnostic.theorems) <= set(content.theorems())
    assert code in (content.diagnostic_text(code) or "")


def test_a_game_is_not_asked_what_only_weights_answer() -> None:
    assert not set(content.diagnostics("game")) & set(CODES)
    assert {**content.diagnostics("game"), **content.diagnostics("weights")} == (
        content.diagnostics()
    )


def test_the_strings_of_a_file_are_inert(tmp_path: Path) -> None:
    name = "a\x1b[2J" + "b" * 900
    torch.save({f"{name}.weight": torch.full((2, 2), float("nan"))}, tmp_path / "x.pth")
    finding = examine_weights(read_weights([tmp_path / "x.pth"]))["GC101"]
    assert "\x1b" not in finding.because + finding.places[0].tensor
    assert len(finding.places[0].tensor) <= 400


def test_numbers_of_eight_bits_and_complex_ones_are_looked_at(tmp_path: Path) -> None:
    held = {
        "a": torch.tensor([1.0, float("nan")]).to(torch.float8_e5m2),
        "b": torch.tensor([complex(0, float("inf"))]),
        "c": nn.Linear(2, 2).half().weight.detach(),
        "d": torch.arange(3),
        "e": torch.empty(0, 3),
    }
    torch.save(held, tmp_path / "odd.pth")
    finding = examine_weights(read_weights([tmp_path / "odd.pth"]))["GC101"]
    assert {p.tensor for p in finding.places} == {"a", "b"}
