"""A StyleGAN2 is built from keys, shapes and three words, and computes what its description says.

The oracle is `style_reference`: numpy and scipy in float64, a kernel for each sample.
"""

from __future__ import annotations

import re
import sys
import tomllib
import types
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import gancheck
from gancheck.checkpoints import (
    ManifestError,
    Refused,
    load_pair,
    read,
    read_manifest,
    write_manifest,
)
from gancheck.checkpoints.adapters import matching
from gancheck.checkpoints.guess import guess_family, guess_role
from gancheck.checkpoints.pair import load_generator
from gancheck.checkpoints.selection import select
from tests.checkpoints import style_reference as reference
from tests.checkpoints.hostile import saved
from tests.checkpoints.test_pair import changed, filled

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor

STYLE = {"mapping_rate": "0.01", "noise": '"stored"', "stddev_group": "4"}
# Sums of some hundred float64 terms of size one, in another order: 1e-13; nothing else differs.
CLOSE = 1e-10


def tensors(state: reference.State) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.array(value)) for key, value in state.items()}


def pair_of(
    folder: Path, g: dict[str, Any], d: dict[str, Any], **answers: str
) -> gancheck.checkpoints.Pair:
    """Written, drafted, filled in and loaded."""
    draft(folder, g, d, **answers)
    return load_pair(read_manifest(folder / "gancheck.toml"))


def draft(folder: Path, g: dict[str, Any], d: dict[str, Any], **answers: str) -> str:
    (folder / "netG.pt").write_bytes(saved(g))
    (folder / "netD.pt").write_bytes(saved(d))
    text = write_manifest([folder / "netG.pt", folder / "netD.pt"], folder=folder)
    (folder / "gancheck.toml").write_text(filled(text, **(STYLE | answers)))
    return text


def latents(n: int, size: int = 7) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(5).standard_normal((n, size))


@pytest.mark.parametrize("taps", [reference.USUAL, (1.0, 2.0, 1.0), (1.0, 2.0, 5.0, 4.0, 1.0)])
@pytest.mark.parametrize("noise", ["stored", "none"])
def test_both_players_compute_what_the_description_says(
    taps: tuple[float, ...], noise: str, tmp_path: Path
) -> None:
    g, d = reference.generator_state(taps=taps), reference.discriminator_state(taps=taps)
    pair = pair_of(tmp_path, tensors(g), tensors(d), noise=f'"{noise}"')
    z = latents(8)
    expected = reference.generate(g, z, rate=0.01, noise=noise == "stored")
    with torch.no_grad():
        made = pair.generator(torch.from_numpy(z))
    assert made.shape == (8, 3, 16, 16)
    np.testing.assert_allclose(made.numpy(), expected, rtol=CLOSE, atol=CLOSE)
    for n in (1, 2, 3, 4, 8):
        with torch.no_grad():
            judged = pair.discriminator(made[:n]).numpy()
        np.testing.assert_allclose(
            judged, reference.judge(d, expected[:n], group=4), rtol=CLOSE, atol=CLOSE
        )


@pytest.mark.parametrize(
    ("word", "other"), [("mapping_rate", "0.02"), ("noise", '"none"'), ("stddev_group", "2")]
)
def test_each_word_of_the_manifest_makes_another_network(
    word: str, other: str, tmp_path: Path
) -> None:
    g, d = tensors(reference.generator_state()), tensors(reference.discriminator_state())
    z = torch.from_numpy(latents(4))
    outputs: list[Tensor] = []
    for answer in (STYLE[word], other):
        pair = pair_of(tmp_path, g, d, **{word: answer})
        with torch.no_grad():
            made = pair.generator(z)
            outputs.append(pair.discriminator(made) if word == "stddev_group" else made)
    assert float((outputs[0] - outputs[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("word", sorted(STYLE))
def test_no_word_is_guessed(word: str, tmp_path: Path) -> None:
    draft(tmp_path, tensors(reference.generator_state()), tensors(reference.discriminator_state()))
    path = changed(tmp_path, f"{word} = {STYLE[word]}", f'{word} = "TODO"')
    with pytest.raises(ManifestError, match=rf"model\.style\.{word}: missing"):
        read_manifest(path)
    for wrong in ("0", "-1", "true", '"some"'):
        (tmp_path / "wrong.toml").write_text(
            path.read_text().replace(f'{word} = "TODO"', f"{word} = {wrong}")
        )
        with pytest.raises(ManifestError, match=rf"model\.style\.{word}: "):
            read_manifest(tmp_path / "wrong.toml")


def test_a_draft_says_the_sizes_and_asks_for_three_words(tmp_path: Path) -> None:
    text = draft(
        tmp_path, tensors(reference.generator_state()), tensors(reference.discriminator_state())
    )
    told = tomllib.loads(text)
    assert told["model"]["adapter"] == "stylegan2"
    assert told["model"]["style"] == dict.fromkeys(STYLE, "TODO")
    assert "activation" not in told["model"]
    assert told["latent"]["size"] == 7
    assert told["data"]["shape"] == [3, 16, 16]
    assert "2 layers from 7 numbers to a style, 6-5-4 channels up to 3x16x16" in text


PREFIXES = ["", "module.", "g_ema.", "g_ema.module."]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("order", ["as it is", "backwards", "sorted"])
def test_prefixes_and_orders_do_not_matter(prefix: str, order: str, tmp_path: Path) -> None:
    g, d = reference.generator_state((4, 3)), reference.discriminator_state((3, 4))
    change = {"as it is": list, "backwards": lambda s: list(reversed(s)), "sorted": sorted}[order]
    under = {f"{prefix}{key}": tensors(g)[key] for key in change(g)}
    pair = pair_of(tmp_path, under, {f"{prefix}{k}": tensors(d)[k] for k in change(d)})
    z = latents(2)
    with torch.no_grad():
        made = pair.generator(torch.from_numpy(z)).numpy()
    expected = reference.generate(g, z, rate=0.01, noise=True)
    np.testing.assert_allclose(made, expected, rtol=CLOSE, atol=CLOSE)


def test_an_average_nested_beside_its_mean_style_is_built_and_the_mean_listed(
    tmp_path: Path,
) -> None:
    g = tensors(reference.generator_state((4, 3)))
    (tmp_path / "w.pt").write_bytes(saved({"g_ema": g, "latent_avg": torch.zeros(7)}))
    text = write_manifest([tmp_path / "w.pt"], folder=tmp_path)
    (tmp_path / "gancheck.toml").write_text(filled(text, **STYLE))
    alone = load_generator(read_manifest(tmp_path / "gancheck.toml", level="forward"))
    source = alone.provenance["generator"]
    assert source.unconsumed == ("latent_avg",)
    assert source.consumed == len(g)
    assert any("latent_avg" in note for note in alone.notes)
    assert any("noise maps of its file" in note for note in alone.notes)
    assert "standard deviation of 0.9" in source.reasons[1] or "of 1.0" in source.reasons[1]


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_each_missing_key_and_each_shape_that_is_off_is_refused_by_name(
    player: str, tmp_path: Path
) -> None:
    g, d = (
        tensors(reference.generator_state((3, 2))),
        tensors(reference.discriminator_state((2, 3))),
    )
    draft(tmp_path, g, d)
    text = re.sub(r', sha256 = "\w+"', "", (tmp_path / "gancheck.toml").read_text())
    (tmp_path / "gancheck.toml").write_text(text)
    manifest = read_manifest(tmp_path / "gancheck.toml")
    state, file = (g, "netG.pt") if player == "generator" else (d, "netD.pt")
    for key, tensor in state.items():
        longer = torch.cat([tensor, tensor[:1]])
        for broken in (
            {k: t for k, t in state.items() if k != key},
            {**state, key: longer},
            {**state, key: tensor[None]},
        ):
            (tmp_path / file).write_bytes(saved(broken))
            with pytest.raises(Refused, match="is no StyleGAN2 of the manifest"):
                load_pair(manifest)
    (tmp_path / file).write_bytes(saved({**state, "gate.weight": torch.ones(3)}))
    with pytest.raises(Refused, match=r"1 tensors are no StyleGAN2.*gate\.weight"):
        load_pair(manifest)
    (tmp_path / file).write_bytes(saved({**state, "steps": torch.tensor(4)}))
    source = load_pair(manifest).provenance[player]
    assert source.unconsumed == ("steps",)
    (tmp_path / file).write_bytes(
        saved({**state, next(iter(state)): torch.full_like(next(iter(state.values())), torch.nan)})
    )
    with pytest.raises(Refused, match="NaN"):
        load_pair(manifest)


def test_two_generators_in_one_part_are_not_chosen_between(tmp_path: Path) -> None:
    g, d = (
        tensors(reference.generator_state((3, 2))),
        tensors(reference.discriminator_state((2, 3))),
    )
    draft(tmp_path, g, d)
    (tmp_path / "netG.pt").write_bytes(saved({"g": g, "g_ema": g}))
    text = re.sub(r', sha256 = "\w+"', "", (tmp_path / "gancheck.toml").read_text())
    (tmp_path / "gancheck.toml").write_text(text)
    with pytest.raises(Refused, match=r"it holds 2 StyleGAN2 generators: g\., g_ema\.") as refusal:
        load_pair(read_manifest(tmp_path / "gancheck.toml"))
    assert "by key: g, g_ema" in refusal.value.way_out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 7", "size = 8", "takes 7 numbers and the manifest's latent.size is 8"),
        ("shape = [3, 8, 8]", "shape = [3, 16, 16]", r"samples are \[3, 8, 8\] and the manifest's"),
        ('path = "netG.pt"', 'path = "netD.pt"', "is no StyleGAN2 of the manifest: no key is"),
    ],
)
def test_files_that_do_not_fit_the_manifest_are_refused(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    draft(
        tmp_path,
        tensors(reference.generator_state((4, 3))),
        tensors(reference.discriminator_state((3, 4))),
    )
    text = re.sub(r', sha256 = "\w+"', "", (tmp_path / "gancheck.toml").read_text())
    assert old in text
    (tmp_path / "gancheck.toml").write_text(text.replace(old, new))
    with pytest.raises(Refused, match=said):
        load_pair(read_manifest(tmp_path / "gancheck.toml"))


def test_a_file_without_noise_maps_plays_without_noise_only(tmp_path: Path) -> None:
    g = reference.generator_state((4, 3))
    bare = {k: t for k, t in tensors(g).items() if not k.startswith("noises.")}
    d = tensors(reference.discriminator_state((3, 4)))
    with pytest.raises(Refused, match="no maps of noise") as refusal:
        pair_of(tmp_path, bare, d)
    assert 'noise = "none"' in refusal.value.way_out
    pair = pair_of(tmp_path, bare, d, noise='"none"')
    z = latents(2)
    with torch.no_grad():
        made = pair.generator(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(
        made, reference.generate(g, z, rate=0.01, noise=False), rtol=CLOSE, atol=CLOSE
    )


def test_names_and_shapes_say_role_and_family_and_fit_no_other_adapter(tmp_path: Path) -> None:
    for state, role in (
        (reference.generator_state(), "generator"),
        (reference.discriminator_state(), "discriminator"),
    ):
        (tmp_path / "w.pt").write_bytes(saved(tensors(state)))
        index = read(tmp_path / "w.pt")
        assert guess_role(index.tensors, "w.pt").value == role
        assert guess_family(index.tensors).value == "stylegan2"
        assert list(matching(select(index))) == ["stylegan2"]


def test_samples_beyond_the_last_whole_group_are_judged_beside_those_before(
    tmp_path: Path,
) -> None:
    g, d = reference.generator_state((4, 3)), reference.discriminator_state((3, 4))
    pair = pair_of(tmp_path, tensors(g), tensors(d))
    assert any("judges 4 samples" in note for note in pair.notes)
    x = np.random.default_rng(2).standard_normal((11, 3, 8, 8))
    for n, whole in ((5, 4), (6, 4), (11, 8)):
        expected = np.concatenate(
            [
                reference.judge(d, x[:whole], group=4),
                reference.judge(d, x[n - 4 : n], group=4)[whole - n :],
            ]
        )
        with torch.no_grad():
            judged = pair.discriminator(torch.from_numpy(x[:n])).numpy()
        np.testing.assert_allclose(judged, expected, rtol=CLOSE, atol=CLOSE)
    with pytest.raises(ValueError, match="at least one sample"):
        pair.discriminator(torch.zeros(0, 3, 8, 8, dtype=torch.float64))


def _reconstruct_persistent_obj(meta: object) -> object:  # pragma: no cover - never called
    raise AssertionError("the file's own code ran")


class _Persistent:
    """As NVIDIA's classes pickle: a call of their function with source code and weights."""

    def __reduce__(self) -> tuple[Any, ...]:
        meta = {"module_src": "import torch", "state": {"weight": torch.ones(2, 2)}}
        return (_reconstruct_persistent_obj, (meta,))


def test_pickles_that_carry_source_code_are_refused_with_how_to_convert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("torch_utils.persistence")
    module.__dict__["_reconstruct_persistent_obj"] = _reconstruct_persistent_obj
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)
    monkeypatch.setattr(_reconstruct_persistent_obj, "__module__", "torch_utils.persistence")
    (tmp_path / "ffhq.pkl").write_bytes(saved({"G_ema": _Persistent()}))
    with pytest.raises(Refused, match=r"would call torch_utils\.persistence\.") as refusal:
        read(tmp_path / "ffhq.pkl")
    assert "convert it to the layout of the PyTorch version" in refusal.value.way_out


def test_both_players_are_differentiable_twice(tmp_path: Path) -> None:
    g = tensors(reference.generator_state((2, 2), style=2, mappings=1))
    d = tensors(reference.discriminator_state((2, 2)))
    pair = pair_of(tmp_path, g, d)
    z = torch.from_numpy(latents(2, 2)).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: pair.discriminator(pair.generator(z)), (z,))
    weight = dict(pair.generator.named_parameters())["convs.0.conv.weight"]

    def score(w: Tensor) -> Tensor:
        fake = torch.func.functional_call(pair.generator, {"convs.0.conv.weight": w}, (z.detach(),))
        return pair.discriminator(fake)

    assert torch.autograd.gradgradcheck(score, (weight.detach().requires_grad_(),))


def test_a_pair_plays_as_a_game(tmp_path: Path) -> None:
    g, d = (
        tensors(reference.generator_state((4, 3))),
        tensors(reference.discriminator_state((3, 4))),
    )
    pair = pair_of(tmp_path, g, d)
    game = gancheck.Game(
        pair.generator,
        pair.discriminator,
        loss=pair.objective,
        latent=pair.noise(),
        data=torch.rand(32, 3, 8, 8, dtype=torch.float64),
    )
    assert "beside each other" in game.mixes_samples
    assert game.semantics()["discriminator"] == ["samples of a batch judged beside each other"]
    losses = game.losses(*game.snapshot(), game.sample(8, seed=0))
    assert all(bool(torch.isfinite(loss)) for loss in losses)
