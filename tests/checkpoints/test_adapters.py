"""A network is built from the shapes of its file and its manifest's layers, or refused by name.

The oracle is the original module, which the adapters never see: its output, bit for bit.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from gancheck.checkpoints import Refused, load_tensors, read
from gancheck.checkpoints.adapters import Match, adapter, matching
from gancheck.checkpoints.blueprint import assemble
from gancheck.checkpoints.parts import Part
from gancheck.checkpoints.selection import select
from gancheck.games.residual_networks import residual_discriminator
from tests.checkpoints import published
from tests.checkpoints.hostile import saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    State = dict[str, Tensor]

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
# name -> network, adapter, player, one sample, what goes in, hidden, output, epsilon of its norms
NETWORKS: dict[str, tuple[Any, ...]] = {
    "examples_g": (published.ExamplesGenerator, "dcgan", GENERATOR, (3, 64, 64), (20,), "relu", "tanh", ""),
    "examples_d": (published.ExamplesDiscriminator, "dcgan", DISCRIMINATOR, (3, 64, 64), (3, 64, 64), "leaky_relu:0.2", "none", ""),
    "dropout_d": (published.DropoutDiscriminator, "dcgan", DISCRIMINATOR, (1, 32, 32), (1, 32, 32), "leaky_relu:0.2", "none", ":0.8"),
    "layer_norm_d": (published.layer_norm_critic, "dcgan", DISCRIMINATOR, (1, 32, 32), (1, 32, 32), "leaky_relu:0.2", "none", ""),
    "named_d": (published.Critic28, "dcgan", DISCRIMINATOR, (1, 28, 28), (1, 28, 28), "relu", "none", ""),
    "blocks_g": (published.block_perceptron, "mlp", GENERATOR, (1, 8, 8), (10,), "leaky_relu:0.2", "tanh", ":0.8"),
    "dropped_out_d": (published.dropped_out_perceptron, "mlp", DISCRIMINATOR, (1, 8, 8), (64,), "leaky_relu:0.2", "none", ""),
    "residual_g": (published.ResidualGenerator, "sngan", GENERATOR, (3, 32, 32), (6,), "relu", "tanh", ""),
    "tapered_g": (lambda: published.ResidualGenerator((12, 8, 6, 4)), "sngan", GENERATOR, (3, 32, 32), (6,), "relu", "tanh", ""),
    **{f"spectral_{how}_d": (lambda wrap=wrap: published.plain_spectral_critic(wrap), "dcgan", DISCRIMINATOR, (3, 32, 32), (3, 32, 32), "leaky_relu:0.1", "none", "") for how, wrap in published.SPECTRAL_NORMS.items()},
    **{f"residual_{how}_d": (lambda wrap=wrap: published.ResidualCritic(wrap), "sngan", DISCRIMINATOR, (3, 32, 32), (3, 32, 32), "relu", "none", "") for how, wrap in published.SPECTRAL_NORMS.items()},
}  # fmt: skip
# what no shape tells of these: a mean or a sum over the pixels, which norm without statistics
TOLD = {"residual_old_d": "flatten", "residual_new_d": "flatten", "dropped_out_d": "layer_norm"}


def network(name: str) -> nn.Module:
    return published.drawn(NETWORKS[name][0]())


def matched(name: str, path: Path) -> Match:
    _, which, player, shape, *_ = NETWORKS[name]
    return adapter(which).match(select(read(path)), player=player, shape=shape)


def built(name: str, path: Path, words: tuple[str, ...] | None = None) -> nn.Module:
    *_, takes, hidden, output, eps = NETWORKS[name]
    match = matched(name, path)
    if match.score == 0:
        raise Refused(match.reasons[0])
    if words is None:
        (words,) = (w for w in match.proposals if name not in TOLD or TOLD[name] in w)
        words = tuple(f"{word}{eps}" if word == "batch_norm" else word for word in words)
    return assemble(
        words, match.order, load_tensors(path), shape=takes, hidden=hidden, output=output
    )[0]


def batch(name: str) -> Tensor:
    return torch.randn(5, *NETWORKS[name][4], generator=torch.Generator().manual_seed(1))


def same_output(one: nn.Module, two: nn.Module, x: Tensor) -> bool:
    with torch.no_grad():
        return torch.equal(one(x).flatten(), two(x.clone()).flatten())


def renamed(state: State) -> State:
    """Modules under names of their own, numbers kept where there are some."""
    words = {part for key in state for part in key.split(".")[:-1] if not part.isdigit()}
    own = {
        word: f"piece_{i}" + "".join(re.findall(r"\d+$", word))
        for i, word in enumerate(sorted(words))
    }
    return {
        ".".join(own.get(part, part) for part in key.split(".")[:-1])
        + f".{key.rpartition('.')[2]}": t
        for key, t in state.items()
    }


CHANGES: dict[str, Callable[[State], State]] = {
    "as it is": dict,
    "under module.": lambda state: {f"module.{key}": t for key, t in state.items()},
    "under netG.": lambda state: {f"netG.{key}": t for key, t in state.items()},
    "backwards": lambda state: dict(reversed(state.items())),
    "sorted": lambda state: dict(sorted(state.items())),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_built_is_the_original_bit_for_bit(name: str, change: str, tmp_path: Path) -> None:
    original = network(name)
    (tmp_path / "w.pth").write_bytes(saved(CHANGES[change](original.state_dict())))
    assert same_output(built(name, tmp_path / "w.pth"), original, batch(name))


@pytest.mark.parametrize("size", [28, 32, 48, 64, 128])
def test_a_residual_discriminator_of_every_published_size_is_built_bit_for_bit(
    size: int, tmp_path: Path
) -> None:
    """At 48 pixels the last block changes the channels and halves nothing."""
    original = residual_discriminator(
        size, generator=torch.Generator().manual_seed(size), width=2
    ).eval()
    file = tmp_path / "w.pth"
    file.write_bytes(saved(original.state_dict()))
    shape = (3, size, size)
    match = adapter("sngan").match(select(read(file)), player=DISCRIMINATOR, shape=shape)
    (words,) = (words for words in match.proposals if "global_sum_pool" in words)
    made, _ = assemble(
        words, match.order, load_tensors(file), shape=shape, hidden="relu", output="none"
    )
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    assert same_output(made, original, x)
    wrong = adapter("sngan").match(select(read(file)), player=DISCRIMINATOR, shape=(3, 30, 30))
    assert wrong.score == 0


@pytest.mark.parametrize("name", ["examples_g", "dropout_d", "blocks_g", "dropped_out_d"])
def test_names_of_the_owners_own_do_not_matter(name: str, tmp_path: Path) -> None:
    original = network(name)
    state = renamed(original.state_dict())
    assert not state.keys() & original.state_dict().keys() or name in ("blocks_g", "dropped_out_d")
    (tmp_path / "w.pth").write_bytes(saved(state))
    assert same_output(built(name, tmp_path / "w.pth"), original, batch(name))


def test_weights_and_offsets_under_no_modules_name_are_paired(tmp_path: Path) -> None:
    original = published.drawn(nn.Sequential(nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 64)))
    w1, b1, w2, b2 = original.state_dict().values()
    state = {"first_kernel": w1, "first_offset": b1, "second_kernel": w2, "second_offset": b2}
    (tmp_path / "w.pth").write_bytes(saved(state))
    match = adapter("mlp").match(select(read(tmp_path / "w.pth")))
    (words,) = match.proposals
    made, _ = assemble(
        words,
        match.order,
        load_tensors(tmp_path / "w.pth"),
        shape=(10,),
        hidden="relu",
        output="none",
    )
    assert same_output(made, original, torch.randn(4, 10))


def modules(state: State) -> list[str]:
    """Names of the modules, in the order of the file."""
    stems = [key.partition(".parametrizations.")[0] for key in state]
    return list(
        dict.fromkeys(
            s if s != k else k.rpartition(".")[0] for s, k in zip(stems, state, strict=True)
        )
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_missing_layer_is_refused(name: str, tmp_path: Path) -> None:
    words = proposal(name, tmp_path)
    state = network(name).state_dict()
    for gone in modules(state):
        numbers = {t.data_ptr() for key, t in state.items() if key.startswith(f"{gone}.")}
        kept = {key: t for key, t in state.items() if t.data_ptr() not in numbers}
        assert len(kept) < len(state)
        (tmp_path / "w.pth").write_bytes(saved(kept))
        with pytest.raises(Refused):
            built(name, tmp_path / "w.pth", words=words)


def proposal(name: str, folder: Path) -> tuple[str, ...]:
    """The words of the whole network."""
    whole = folder / "whole.pth"
    whole.write_bytes(saved(network(name).state_dict()))
    return next(w for w in matched(name, whole).proposals if name not in TOLD or TOLD[name] in w)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_shape_off_is_refused(name: str, tmp_path: Path) -> None:
    words = proposal(name, tmp_path)
    state = network(name).state_dict()
    wide = [key for key, t in state.items() if t.ndim in (2, 4)]
    for key in (wide[0], wide[len(wide) // 2]):
        tensor = state[key]
        off = {**state, key: torch.cat([tensor, tensor[:1]])}
        (tmp_path / "w.pth").write_bytes(saved(off))
        with pytest.raises(Refused):
            built(name, tmp_path / "w.pth", words=words)


def test_an_activation_before_the_norm_is_told_by_the_numbers_of_a_sequential(
    tmp_path: Path,
) -> None:
    (tmp_path / "w.pth").write_bytes(saved(network("dropout_d").state_dict()))
    (words,) = matched("dropout_d", tmp_path / "w.pth").proposals
    assert words[:5] == ("conv:2:1", "hidden", "conv:2:1", "hidden", "batch_norm")


def test_several_networks_with_the_same_weights_are_all_proposed(tmp_path: Path) -> None:
    original = published.drawn(published.UpsamplingGenerator())
    (tmp_path / "w.pth").write_bytes(saved(original.state_dict()))
    match = adapter("dcgan").match(
        select(read(tmp_path / "w.pth")), player="generator", shape=(1, 32, 32)
    )
    right = tuple(word.partition(":0.8")[0] for word in published.UPSAMPLING)
    assert right in match.proposals
    assert len(match.proposals) > 1
    assert any("sets of strides and paddings fit" in text for text in match.hypotheses)
    outputs = set[float]()
    for words in (published.UPSAMPLING, *match.proposals):
        made, shape = assemble(
            words, match.order, load_tensors(tmp_path / "w.pth"), shape=(16,),
            hidden="leaky_relu:0.2", output="tanh",
        )  # fmt: skip
        assert shape == (1, 32, 32)
        with torch.no_grad():
            outputs.add(float(made(torch.ones(1, 16)).double().sum()))
        if words is published.UPSAMPLING:
            assert same_output(made, original, torch.randn(3, 16))
    assert len(outputs) == len(match.proposals) + 1, "each proposal is another function"


def test_two_orders_in_a_file_whose_keys_are_sorted_are_not_chosen_between(tmp_path: Path) -> None:
    square = {f"{name}.weight": torch.randn(4, 4) for name in ("alpha", "beta", "gamma")}
    (tmp_path / "w.pth").write_bytes(saved(square))
    match = adapter("mlp").match(select(read(tmp_path / "w.pth")))
    assert match.score == 0
    assert "its keys are sorted" in match.reasons[0]
    backwards = dict(reversed(square.items()))
    (tmp_path / "w.pth").write_bytes(saved(backwards))
    match = adapter("mlp").match(select(read(tmp_path / "w.pth")))
    assert [part.name for part in match.order] == ["gamma", "beta", "alpha"]


def test_a_key_that_no_layer_takes_is_told_or_refused(tmp_path: Path) -> None:
    state = network("examples_g").state_dict()
    (tmp_path / "w.pth").write_bytes(saved({**state, "steps": torch.tensor(9)}))
    assert matched("examples_g", tmp_path / "w.pth").unconsumed == ("steps",)
    for extra in ({"log_scale": torch.ones(3)}, {"main.1.gate": torch.ones(32)}):
        (tmp_path / "w.pth").write_bytes(saved({**state, **extra}))
        match = matched("examples_g", tmp_path / "w.pth")
        assert match.score == 0
        assert next(iter(extra)).rpartition(".")[2] in match.reasons[0]


def test_no_other_network_is_taken_for_a_stylegan2(tmp_path: Path) -> None:
    for name in NETWORKS:
        (tmp_path / "w.pth").write_bytes(saved(network(name).state_dict()))
        assert "stylegan2" not in matching(select(read(tmp_path / "w.pth")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("linear",), "taken by no layer"),
        (("linear", "relu", "linear", "linear"), "has no more"),
        (("conv:1:1", "linear"), "needs channels, height and width and [5] arrives"),
        (("unflatten:5:1:1", "conv:1:0"), "the layers say conv where the file's next weights are"),
        (("linear", "unflatten:7:2:2", "linear"), "unflatten to [7, 2, 2] does not fit"),
        (("linear", "batch_norm", "linear"), "batch_norm where the file's next weights are"),
        (("linear", "upsample:2", "linear"), "needs channels"),
        (("residual_up",), "needs channels"),
    ],
)
def test_layers_that_do_not_fit_the_file_are_refused_by_name(
    words: tuple[str, ...], said: str
) -> None:
    match = adapter("mlp").match({})
    assert match.score == 0
    weights = {"a.weight": torch.randn(7, 5), "b.weight": torch.randn(64, 7)}
    order = [
        Part("a", "linear", (7, 5), {"weight": "a.weight"}),
        Part("b", "linear", (64, 7), {"weight": "b.weight"}),
    ]
    with pytest.raises(Refused, match=re.escape(said)):
        assemble(words, order, weights, shape=(5,), hidden="relu", output="tanh")


def test_building_moves_no_random_state_and_shares_no_memory(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(saved(network("spectral_old_d").state_dict()))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    match = matched("spectral_old_d", tmp_path / "w.pth")
    tensors = load_tensors(tmp_path / "w.pth")
    (words,) = match.proposals
    made, _ = assemble(words, match.order, tensors, shape=(3, 32, 32), hidden="relu", output="none")
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        for p in made.parameters():
            p.zero_()
    assert all(t.abs().max() > 0 for t in tensors.values())


def test_layers_that_can_be_read_in_too_many_ways_end_the_search_soon(tmp_path: Path) -> None:
    """Thirty square kernels between a stem and a picture, keys sorted; a search without end."""
    state = {"stem.weight": torch.zeros(8 * 16, 5), "picture.weight": torch.zeros(3, 8, 3, 3)}
    state |= {f"k{chr(97 + i % 26)}{i}.weight": torch.zeros(8, 8, 3, 3) for i in range(30)}
    (tmp_path / "w.pth").write_bytes(saved(dict(sorted(state.items()))))
    index = read(tmp_path / "w.pth")
    start = time.process_time()
    match = adapter("dcgan").match(select(index), player="generator", shape=(3, 32, 32))
    assert match.score == 0
    assert "too many ways" in match.reasons[0]
    assert time.process_time() - start < 5.0  # a tenth of that on an idle machine


WORDS_AND_MODULES: dict[str, tuple[str, nn.Module]] = {
    "zero_pad": ("zero_pad:1:0:2:1", nn.ZeroPad2d((1, 0, 2, 1))),
    "upsample": ("upsample:3", nn.Upsample(scale_factor=3)),
    "bilinear": ("upsample_bilinear:2", nn.Upsample(scale_factor=2, mode="bilinear")),
    "pixel_shuffle": ("pixel_shuffle:2", nn.PixelShuffle(2)),
    "avg_pool": ("avg_pool:2", nn.AvgPool2d(2)),
    "max_pool": ("max_pool:3", nn.MaxPool2d(3)),
    "mean": ("global_avg_pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    "dropout": ("dropout", nn.Dropout(0.5).eval()),
    "instance": ("instance_norm", nn.InstanceNorm2d(8)),
    "flatten": ("flatten", nn.Flatten()),
}


@pytest.mark.parametrize("name", WORDS_AND_MODULES)
def test_a_word_is_the_module_that_it_names(name: str) -> None:
    word, module = WORDS_AND_MODULES[name]
    x = torch.randn(3, 8, 6, 6, generator=torch.Generator().manual_seed(2))
    state = nn.Conv2d(8, 8, 1).state_dict()
    order = [Part("c", "conv", (8, 8, 1, 1), {"weight": "weight", "bias": "bias"})]
    if name == "instance":
        module = nn.InstanceNorm2d(8, affine=True)
        state |= {"scale": module.weight.detach(), "shift": module.bias.detach()}
        order.append(Part("n", "norm", (8,), {"weight": "scale", "bias": "shift"}))
    made, shape = assemble(
        ["conv:1:0", word], order, state, shape=(8, 6, 6), hidden="relu", output="none"
    )
    with torch.no_grad():
        expected = module(nn.functional.conv2d(x, state["weight"], state["bias"]))
        torch.testing.assert_close(made(x), expected, rtol=1e-6, atol=1e-6)
    assert shape == tuple(expected.shape[1:])
