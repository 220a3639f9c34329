"""What a file holds is guessed from names and shapes, as one finds them published, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gancheck.checkpoints.grouping import group, named_roles
from gancheck.checkpoints.read import examine
from tests.checkpoints.hostile import saved


def generator() -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(16, 8, 4), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 3, 4)
    )


def discriminator() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 4))


def encoder() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 4), nn.Conv2d(8, 8, 4), nn.Flatten(), nn.Linear(32, 16))


def unet() -> nn.ModuleDict:
    """Its layers are called e1.. and d1.. for encoding and decoding."""
    return nn.ModuleDict(
        {
            "e1": nn.Conv2d(3, 8, 4),
            "e2": nn.Conv2d(8, 16, 4),
            "d1": nn.ConvTranspose2d(16, 8, 4),
            "d2": nn.ConvTranspose2d(8, 3, 4),
        }
    )


def upsampler() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 8 * 49), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 1, 3))


def conditional_discriminator() -> nn.Sequential:
    """A linear layer makes a second channel of the label."""
    return nn.Sequential(nn.Linear(10, 784), nn.Conv2d(2, 8, 3), nn.Conv2d(8, 1, 3))


def state(net: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in net.state_dict().items()}


def optimizer(kind: str, net: nn.Module) -> dict[str, Any]:
    made = {
        "adam": lambda: torch.optim.Adam(net.parameters(), 2e-4),
        "rmsprop": lambda: torch.optim.RMSprop(net.parameters(), 5e-5),
        "momentum": lambda: torch.optim.SGD(net.parameters(), 1e-2, momentum=0.9),
        "sgd": lambda: torch.optim.SGD(net.parameters(), 1e-2),
    }[kind]()
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step()
    return made.state_dict()


def training(g: str, d: str, opt_g: str, opt_d: str) -> dict[str, Any]:
    return {
        g: state(generator()),
        d: state(discriminator()),
        opt_g: optimizer("adam", generator()),
        opt_d: optimizer("adam", discriminator()),
        "epoch": 3,
    }


LIGHTNING = {
    "state_dict": {**state(generator(), "generator."), **state(discriminator(), "discriminator.")},
    "optimizer_states": [optimizer("adam", generator()), optimizer("adam", discriminator())],
    "hyper_parameters": {"lr": 0.1},
    "epoch": 1,
}
ONE_DICT = {
    **state(generator(), "G."),
    **state(discriminator(), "D."),
    **state(generator(), "GE."),
}
AVERAGED = {
    "g": state(generator()),
    "d": state(discriminator()),
    "g_ema": state(generator()),
    "g_optim": optimizer("adam", generator()),
    "d_optim": optimizer("adam", discriminator()),
}

# name of the file, its value, role, confidence
CASES: list[tuple[str, Any, str, str]] = [
    ("opt_G.pth", optimizer("adam", generator()), "optimizer", "high"),
    ("x.pth", optimizer("adam", generator()), "optimizer", "high"),
    ("x.pth", optimizer("rmsprop", generator()), "optimizer", "high"),
    ("x.pth", optimizer("momentum", generator()), "optimizer", "high"),
    ("x.pth", optimizer("sgd", generator()), "optimizer", "high"),
    ("x.pth", {"optG": optimizer("adam", generator()), "optD": optimizer("sgd", discriminator())}, "optimizer", "high"),
    ("optG.pth", state(generator()), "unknown", "none"),
    ("netE.pth", state(encoder()), "encoder", "high"),
    ("encoder_last.pt", state(encoder()), "encoder", "high"),
    ("model.pth", state(encoder()), "unknown", "none"),
    ("encoder.pth", state(generator()), "unknown", "none"),
    ("resnet18.pth", state(encoder()), "other", "high"),
    ("classifier.pth", state(encoder()), "other", "high"),
    ("netD.pth", state(encoder()), "unknown", "none"),  # an auxiliary classifier, or a lie
    ("last.pt", training("netG", "netD", "optG", "optD"), "both", "high"),
    ("last.pt", training("G_state_dict", "D_state_dict", "G_optimizer", "D_optimizer"), "both", "high"),
    ("last.pt", training("generator", "critic", "optimizer_g", "optimizer_c"), "both", "high"),
    ("last.pt", {"E": state(encoder()), **training("G", "D", "optimizerG", "optimizerD")}, "both", "high"),
    ("last.pt", {"model": {**state(generator(), "netG."), **state(discriminator(), "netD.")}}, "both", "high"),
    ("last.pt", {"model": {**state(generator(), "netG."), **state(discriminator(), "netD.")}, "opt": optimizer("adam", generator())}, "both", "high"),
    ("epoch=3.ckpt", LIGHTNING, "both", "high"),
    ("x.pt", ONE_DICT, "both", "medium"),  # no word says what GE is
    ("550000.pt", AVERAGED, "both", "high"),
    ("x.pt", {"g": AVERAGED["g"], "g_ema": AVERAGED["g_ema"]}, "generator", "high"),
    ("x.pt", {"state_dict": state(generator()), "optimizer": optimizer("adam", generator())}, "generator", "medium"),
    ("x.pt", {"netG_state_dict": state(generator(), "module."), "epoch": 3}, "generator", "high"),
    ("x.pth", state(generator(), "module."), "generator", "medium"),
    ("netG.pth", state(generator(), "module."), "generator", "high"),
    ("D_50.pth", state(discriminator(), "module."), "discriminator", "high"),
    ("modelD.pth", generator(), "unknown", "none"),
    ("x.pth", generator(), "generator", "medium"),  # a whole module
    ("netG_A2B.pth", state(unet()), "generator", "medium"),
    ("x.pth", state(unet()), "unknown", "none"),
    ("vae.pth", {"encoder": state(encoder()), "decoder": state(generator())}, "unknown", "none"),
    ("ae.pth", {"e": state(encoder()), "d": state(generator())}, "unknown", "none"),
    ("x.pth", state(upsampler()), "generator", "medium"),
    ("x.pth", state(conditional_discriminator()), "discriminator", "medium"),
    ("conv3D.pth", state(encoder()), "unknown", "none"),
    ("losses.pkl", {"loss": [1.0, 2.0]}, "other", "high"),
    ("noise.pt", torch.ones(64, 100), "other", "medium"),
    ("x.pth", {}, "unknown", "none"),
]  # fmt: skip


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_a_role_is_right_or_unknown(case: int, legacy: bool) -> None:
    name, value, role, confidence = CASES[case]
    guess = examine(saved(value, legacy=legacy), name=name).role
    assert (guess.value, guess.confidence) == (role, confidence), guess.reasons
    assert guess.reasons


@pytest.mark.parametrize(
    ("net", "family", "confidence"),
    [
        (generator(), "convolutional", "high"),
        (nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 16)), "mlp", "high"),
        (nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 16)), "unknown", "none"),
        (nn.ModuleDict({"modulation": nn.Linear(4, 8), "conv": nn.Conv2d(3, 3, 3)}), "stylegan2", "medium"),
        (nn.BatchNorm1d(3), "unknown", "none"),
    ],
)  # fmt: skip
def test_a_family_is_named_with_its_reason(net: nn.Module, family: str, confidence: str) -> None:
    guess = examine(saved(net.state_dict()), name="x").family
    assert (guess.value, guess.confidence) == (family, confidence)
    assert guess.reasons[0]


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("netG", {"generator"}), ("GNet", {"generator"}), ("modelD_12", {"discriminator"}),
        ("my-generator.v2", {"generator"}), ("DCGAN", set()), ("conv3D", set()), ("d1", set()),
        ("G", {"generator"}), ("optimizerD", {"optimizer"}), ("G_optim", {"optimizer"}),
        ("g_ema", {"generator"}), ("resnet_generator", {"generator"}), ("resnet50", {"other"}),
        ("GD", set()), ("G_and_D", {"generator", "discriminator"}), ("", set()), ("\u202eG\u0000", {"generator"}),
    ],
)  # fmt: skip
def test_words_of_a_name_speak_for_roles(text: str, roles: set[str]) -> None:
    assert named_roles(text) == roles


def test_a_leaf_is_no_witness() -> None:
    """`weight_g` is a factor of a weight normalisation and speaks for no generator."""
    net = nn.utils.parametrizations.weight_norm(nn.Linear(9, 4))
    plain = {"weight_g": torch.ones(4, 1), "weight_v": torch.ones(4, 9), "bias": torch.ones(4)}
    for value in (net.state_dict(), plain):
        assert examine(saved(value), name="m.pth").role.value in ("unknown", "other")


def test_optimizer_state_is_no_part_of_a_network() -> None:
    index = examine(saved(training("netG", "netD", "optG", "optD")), name="x")
    grouping = group(index.tensors)
    assert set(grouping.parts) == {"netG", "netD"}
    assert all(info.key.startswith("opt") for info in grouping.state)
    kept = sum(len(found) for found in grouping.parts.values()) + len(grouping.state)
    assert kept == len(index.tensors)
