"""From a manifest and two files to the two modules of a game."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gancheck.checkpoints.adapters import mlp
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.load import build_tensors
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select
from gancheck.games import latents

if TYPE_CHECKING:
    from torch import nn

    from gancheck.checkpoints.index import Index
    from gancheck.checkpoints.manifest import FileEntry, Latent, Manifest

__all__ = ["Pair", "Provenance", "load_pair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where one module's weights come from.

    Attributes:
        path: as given.
        sha256: of the whole file.
        container: how it was wrapped.
        globals: what its pickle named.
        consumed: number of tensors that went into the module.
        unconsumed: keys that no layer took.
        left_out: tensors of the file outside the manifest's key and prefix.
        reasons: why the adapter fits.
        hypotheses: what the shapes cannot show and the build took for granted.
    """

    path: str
    sha256: str
    container: str
    globals: tuple[str, ...]
    consumed: int
    unconsumed: tuple[str, ...]
    left_out: int
    reasons: tuple[str, ...]
    hypotheses: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, every string of the file escaped."""
        return {
            "path": plain(self.path, limit=400),
            "sha256": self.sha256,
            "container": self.container,
            "globals": [plain(name) for name in self.globals],
            "consumed": self.consumed,
            "unconsumed": [plain(name) for name in self.unconsumed],
            "left_out": self.left_out,
            "reasons": list(self.reasons),
            "hypotheses": list(self.hypotheses),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two players, and what is needed to let them play.

    Attributes:
        generator: [n, latent.size] -> [n, product of shape]: samples stay flat, and so does the
            real data that `load_real` returns.
        discriminator: [n, product of shape] -> [n, 1], a logit, also where training ended it in a
            sigmoid.
        latent: size and law (`name`, and `bound` of a truncated normal).
        range: of the numbers in training.
        shape: of one sample, channels first.
        objective: the loss that the game was trained with.
        notes: choices of the build that a reader of the report should know.
        provenance: of "generator" and "discriminator".
    """

    generator: nn.Module
    discriminator: nn.Module
    latent: Latent
    range: tuple[float, float]
    shape: tuple[int, ...]
    objective: str
    notes: tuple[str, ...]
    provenance: dict[str, Provenance]

    def noise(self) -> latents.Latent:
        """The latent law as a `gancheck.Game` takes it; `uniform` is on [-1, 1]."""
        size = self.latent.size
        if self.latent.bound is not None:
            return latents.truncated_normal(size, threshold=self.latent.bound)
        return latents.normal(size) if self.latent.name == "normal" else latents.uniform(size)


def load_pair(
    manifest: Manifest,
    generator_path: str | Path | None = None,
    discriminator_path: str | Path | None = None,
    *,
    limits: Limits = DEFAULT,
) -> Pair:
    """Build both players of a manifest.

    Args:
        manifest: what `read_manifest` returned.
        generator_path: instead of the manifest's own path.
        discriminator_path: the same.
        limits: budgets of the reading.

    Raises:
        Refused: a file is unsafe, unreadable or another than the manifest's sha256 says, its
            tensors do not fit the adapter or each other, or hold numbers that are not finite.
    """
    if manifest.condition is not None:
        raise Refused(
            "the manifest says that the game is conditional, which the mlp adapter does not build",
            way_out="leave [condition] out",
        )
    spec = manifest.model.activation
    generator, g_source = _player(
        "generator",
        manifest,
        manifest.files.generator,
        generator_path,
        (spec.hidden, spec.output),
        limits,
    )
    discriminator, d_source = _player(
        "discriminator",
        manifest,
        manifest.files.discriminator,
        discriminator_path,
        (spec.d_hidden, "none"),
        limits,
    )
    if (
        g_source.sha256 == d_source.sha256
        and manifest.files.generator.key == manifest.files.discriminator.key
    ):
        same_part = (
            manifest.files.generator.strip_prefix == manifest.files.discriminator.strip_prefix
        )
        if same_part:
            raise Refused("generator and discriminator are the same tensors of the same file")
    _check_ends(manifest, generator, discriminator)
    notes = [
        "samples and data stay flat, as the first linear layer takes them",
        "the discriminator's sigmoid end is left out: it returns the logit"
        if spec.d_output == "sigmoid"
        else "the discriminator's last layer is taken as the logit",
    ]
    notes += [
        f"{name}: {len(source.unconsumed)} tensors were used by no layer, {plain(source.unconsumed[0])} among them"
        for name, source in (("generator", g_source), ("discriminator", d_source))
        if source.unconsumed
    ]
    return Pair(
        generator=generator,
        discriminator=discriminator,
        latent=manifest.latent,
        range=manifest.data.range,
        shape=manifest.data.shape,
        objective=manifest.objective.kind,
        notes=tuple(notes),
        provenance={"generator": g_source, "discriminator": d_source},
    )


def _player(
    name: str,
    manifest: Manifest,
    entry: FileEntry,
    path: str | Path | None,
    activations: tuple[str, str],
    limits: Limits,
) -> tuple[nn.Sequential, Provenance]:
    place = manifest.resolve(entry.path) if path is None else Path(path)
    data = snapshot(place, limits=limits)
    index = examine(
        data, name=place.name, limits=limits, full=True
    )  # it is built to its end anyway
    if entry.sha256 is not None and entry.sha256 != index.sha256:
        raise Refused(
            f"{name} {plain(place.name)} is not the file of the manifest: its sha256 is {index.sha256}, expected {entry.sha256}"
        )
    selected = select(index, key=entry.key, strip_prefix=entry.strip_prefix)
    match = mlp.match(selected)
    if match.score == 0:
        raise Refused(
            f"{name} {plain(place.name)} is no multilayer perceptron: {match.reasons[0]}",
            way_out=_parts(index, entry),
        )
    tensors = build_tensors(data, selected)
    _check_finite(name, tensors)
    module = mlp.build(tensors, hidden=activations[0], output=activations[1])
    source = Provenance(
        path=str(place),
        sha256=index.sha256 or "",
        container=str(index.container),
        globals=index.globals,
        consumed=len(selected) - len(match.unconsumed),
        unconsumed=match.unconsumed,
        left_out=len(index.tensors) - len(selected),
        reasons=match.reasons,
        hypotheses=match.hypotheses,
    )
    return module, source


def _parts(index: Index, entry: FileEntry) -> str:
    inside = sorted({info.path[0] for info in index.tensors if len(info.path) > 1})
    if entry.key is None and len(inside) > 1:
        return f"name the part that holds it by key: {', '.join(plain(part, limit=40) for part in inside[:8])}"
    return ""


def _check_finite(name: str, tensors: dict[str, torch.Tensor]) -> None:
    bad = [
        key
        for key, tensor in tensors.items()
        if not bool(torch.isfinite(tensor.float() if tensor.dtype.itemsize == 1 else tensor).all())
    ]
    if bad:
        raise Refused(
            f"{name}: {len(bad)} tensors hold NaN or infinite numbers, {plain(bad[0])} among them: nothing measured on it would mean anything"
        )


def _ends(module: nn.Module) -> tuple[int, int]:
    linear = [layer for layer in module.children() if isinstance(layer, torch.nn.Linear)]
    return linear[0].in_features, linear[-1].out_features


def _check_ends(manifest: Manifest, generator: nn.Module, discriminator: nn.Module) -> None:
    size = math.prod(manifest.data.shape)
    g_in, g_out = _ends(generator)
    d_in, d_out = _ends(discriminator)
    if g_in != manifest.latent.size:
        raise Refused(
            f"the generator takes {g_in} numbers and the manifest's latent.size is {manifest.latent.size}"
        )
    if g_out != size:
        raise Refused(
            f"the generator returns {g_out} numbers and the manifest's data.shape {list(manifest.data.shape)} has {size}"
        )
    if d_in != g_out:
        raise Refused(
            f"the generator returns {g_out} numbers and the discriminator takes {d_in}: they did not play each other"
        )
    if d_out != 1:
        raise Refused(f"the discriminator returns {d_out} numbers and one logit is expected")
