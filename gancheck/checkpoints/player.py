"""From one entry of a manifest to one module: by layer words, by ONNX, or by the owner's code."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gancheck.checkpoints.adapters import Match, Player, adapter
from gancheck.checkpoints.adapters.factory import made
from gancheck.checkpoints.adapters.stylegan2 import WAY_OUT
from gancheck.checkpoints.blueprint import assemble
from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.load import build_tensors
from gancheck.checkpoints.parts import orders, parts_of
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.checkpoints.selection import select
from gancheck.checkpoints.sequence import unfit
from gancheck.checkpoints.style_build import style_player

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from gancheck.checkpoints.index import Index, TensorInfo
    from gancheck.checkpoints.manifest import FileEntry, Manifest

__all__ = ["BuiltPlayer", "Provenance", "build_player"]

_MOST_ORDERS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where one module's weights come from.

    Attributes:
        path: as given.
        sha256: of the whole file.
        container: how it was wrapped.
        globals: what its pickle named.
        adapter: which of the adapters built it.
        layers: the words it was built from; empty where it was not.
        consumed: number of tensors that went into the module.
        unconsumed: keys that no layer took.
        tied: keys that show the same numbers as one that was taken.
        left_out: tensors of the file outside the manifest's key and prefix.
        reasons: why the adapter fits.
        hypotheses: what the shapes cannot show and the build took for granted.
    """

    path: str
    sha256: str
    container: str
    globals: tuple[str, ...]
    adapter: str
    layers: tuple[str, ...] = ()
    consumed: int
    unconsumed: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    left_out: int
    reasons: tuple[str, ...] = ()
    hypotheses: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, every string of the file escaped."""
        return {
            "path": plain(self.path, limit=400),
            "sha256": self.sha256,
            "container": self.container,
            "globals": [plain(name) for name in self.globals],
            "adapter": self.adapter,
            "layers": list(self.layers),
            "consumed": self.consumed,
            "unconsumed": [plain(name) for name in self.unconsumed],
            "tied": [plain(name) for name in self.tied],
            "left_out": self.left_out,
            "reasons": list(self.reasons),
            "hypotheses": list(self.hypotheses),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPlayer:
    """One module and the shapes of one sample on both sides of it; None where only a run tells.

    `notes` are what a reader of the report should know of the module.
    """

    module: nn.Module
    takes: tuple[int, ...] | None
    returns: tuple[int, ...] | None
    source: Provenance
    notes: tuple[str, ...] = ()


def build_player(
    player: Player,
    manifest: Manifest,
    path: str | Path | None = None,
    *,
    limits: Limits = DEFAULT,
    allow_code: bool = False,
) -> BuiltPlayer:
    """Build one player of a manifest that says all it needs.

    Args:
        player: generator or discriminator.
        manifest: what `read_manifest` returned.
        path: instead of the manifest's own path.
        limits: budgets of the reading.
        allow_code: whether the `factory` adapter may import the user's own module.

    Raises:
        Refused: the file is unsafe, unreadable or another than the manifest's sha256 says, its
            tensors do not fit the adapter, or hold numbers that are not finite.
        ValueError: a factory without leave, or one that cannot be imported.
    """
    entry: FileEntry | None = getattr(manifest.files, player)
    name = manifest.model.adapter_of(player)
    if entry is None or name is None:
        raise ValueError(f"the manifest does not say the {player}'s file and adapter")
    place = manifest.resolve(entry.path) if path is None else Path(path)
    data = snapshot(place, limits=limits)
    index = examine(data, name=place.name, limits=limits, full=entry.sha256 is not None)
    if entry.sha256 is not None and entry.sha256 != index.sha256:
        raise Refused(
            f"{player} {plain(place.name)} is not the file of the manifest: its sha256 is {index.sha256}, expected {entry.sha256}"
        )
    if name == "onnx":
        return _onnx(player, manifest, place, index)
    selected = select(index, key=entry.key, strip_prefix=entry.strip_prefix)
    tensors = build_tensors(data, selected, limits=limits)
    _check_finite(player, tensors)
    source: dict[str, Any] = {
        "path": str(place),
        "sha256": index.sha256 or "",
        "container": str(index.container),
        "globals": index.globals,
        "adapter": name,
        "left_out": len(index.tensors) - len(selected),
    }
    if name == "factory":
        module = made(player, manifest, tensors, allow_code=allow_code)
        return BuiltPlayer(
            module=module,
            takes=None if player == "discriminator" else (_latent(manifest),),
            returns=None,
            source=Provenance(**source, consumed=len(selected)),
        )
    try:
        if name == "stylegan2":
            return _styled(player, manifest, selected, tensors, source)
        return _layered(player, manifest, name, selected, tensors, source)
    except Refused as refusal:
        raise Refused(
            f"{player} {plain(place.name)} is no {_NAMES[name]} of the manifest: {refusal.reason}",
            way_out=refusal.way_out
            or _parts(index, entry)
            or (WAY_OUT if name == "stylegan2" else ""),
        ) from None


_NAMES = {
    "mlp": "multilayer perceptron",
    "dcgan": "convolutional network",
    "sngan": "residual network",
    "stylegan2": "StyleGAN2",
}


def _latent(manifest: Manifest) -> int:
    classes = 0 if manifest.condition is None else manifest.condition.classes
    return (manifest.latent.size or 0) + classes


def _layered(
    player: Player,
    manifest: Manifest,
    name: str,
    selected: Mapping[str, TensorInfo],
    tensors: Mapping[str, torch.Tensor],
    source: dict[str, Any],
) -> BuiltPlayer:
    shape = manifest.data.shape or ()
    words = manifest.model.layers_of(player)
    parts = parts_of(selected)
    wrong = unfit(parts)
    if wrong:
        raise Refused(wrong)
    match = adapter(name).match(selected, player=player, shape=None if name == "mlp" else shape)
    hidden, output = manifest.model.activations_of(player)
    ends = {"hidden": hidden or "none", "output": output or "none"}
    if words is None:
        words = _only(match)
    takes = (manifest.latent.size or 0,) if player == "generator" else shape
    if player == "discriminator" and (name == "mlp" or words[0] == "linear"):
        takes = (math.prod(shape),)
    _check_first(player, name, match, takes, manifest)
    candidates = [match.order] if match.order and words in match.proposals else []
    if not candidates:
        candidates = [order for order, _ in zip(orders(parts), range(_MOST_ORDERS), strict=False)]
    reason: Refused | None = None
    for order in candidates:
        try:
            module, returns = assemble(words, order, tensors, shape=takes, **ends)
        except Refused as refusal:
            reason = reason or refusal
            continue
        return BuiltPlayer(
            module=module,
            takes=takes,
            returns=returns,
            source=Provenance(
                **source,
                layers=words,
                consumed=sum(len(part.keys) for part in order),
                unconsumed=parts.whole_numbers,
                tied=parts.tied,
                reasons=match.reasons
                if match.score
                else (f"the manifest's {len(words)} layers take its weights",),
                hypotheses=match.hypotheses,
            ),
        )
    raise reason or Refused("no order of its layers fits")


def _styled(
    player: Player,
    manifest: Manifest,
    selected: Mapping[str, TensorInfo],
    tensors: Mapping[str, torch.Tensor],
    source: dict[str, Any],
) -> BuiltPlayer:
    found = adapter("stylegan2").match(selected, player=player)
    if not found.score:
        raise Refused(found.reasons[0])
    shape, size = manifest.data.shape or (), manifest.latent.size
    if found.sample != shape:
        raise Refused(
            f"its samples are {list(found.sample)} and the manifest's data.shape is {list(shape)}"
        )
    if player == "generator" and found.latent != size:
        raise Refused(
            f"the generator takes {found.latent} numbers and the manifest's latent.size is {size}"
        )
    built = style_player(player, manifest.model.style, selected, tensors)
    return BuiltPlayer(
        module=built.module,
        takes=shape if player == "discriminator" else (found.latent,),
        returns=(1,) if player == "discriminator" else shape,
        source=Provenance(
            **source,
            consumed=built.consumed,
            unconsumed=(*found.unconsumed, *built.unused),
            reasons=(*found.reasons, *built.reasons),
            hypotheses=found.hypotheses,
        ),
        notes=built.notes,
    )


def _only(match: Match) -> tuple[str, ...]:
    if not match.score:
        raise Refused(match.reasons[0])
    if len(match.proposals) == 1:
        return match.proposals[0]
    shown = "; ".join(" ".join(words) for words in match.proposals[:3])
    raise Refused(
        f"{len(match.proposals)} networks have these weights: {shown}",
        way_out="say which in generator_layers or discriminator_layers",
    )


def _check_first(
    player: Player, name: str, match: Match, takes: tuple[int, ...], manifest: Manifest
) -> None:
    """The two sizes that a manifest most often has wrong, in their own words."""
    if name != "mlp" or not match.order:
        return
    linear = [part for part in match.order if part.kind == "linear"]
    if player == "generator" and (linear[0].shape[1],) != takes:
        raise Refused(
            f"the generator takes {linear[0].shape[1]} numbers and the manifest's latent.size is {takes[0]}"
        )
    if player == "discriminator" and (linear[0].shape[1],) != takes:
        raise Refused(
            f"the discriminator takes {linear[0].shape[1]} numbers and the manifest's data.shape {list(manifest.data.shape or ())} has {takes[0]}"
        )


def _onnx(player: Player, manifest: Manifest, place: Path, index: Index) -> BuiltPlayer:
    from gancheck.checkpoints.adapters import onnx

    if player == "discriminator":
        raise Refused(
            "an ONNX discriminator has no gradients here, and a game needs them",
            way_out="audit the generator alone, to the level forward",
        )
    content = place.read_bytes()
    if index.sha256 and hashlib.sha256(content).hexdigest() != index.sha256:
        raise Refused(f"{plain(place.name)} changed while it was read")
    condition = manifest.condition
    module = onnx.generator(
        content,
        latent=manifest.latent.size or 0,
        classes=0 if condition is None else condition.classes,
        encoding="index" if condition is None else condition.encoding,
    )
    return BuiltPlayer(
        module=module,
        takes=(_latent(manifest),),
        returns=None,
        source=Provenance(
            path=str(place),
            sha256=index.sha256 or "",
            container=str(index.container),
            globals=index.globals,
            adapter="onnx",
            consumed=len(index.tensors),
            left_out=0,
            reasons=(module.reason,),
            hypotheses=("the graph computes what its author's network did",),
        ),
    )


def _parts(index: Index, entry: FileEntry) -> str:
    inside = sorted({info.path[0] for info in index.tensors if len(info.path) > 1})
    if entry.key is None and len(inside) > 1:
        return f"name the part that holds it by key: {', '.join(plain(part, limit=40) for part in inside[:8])}"
    return ""


def _check_finite(name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    bad = [
        key
        for key, tensor in tensors.items()
        if not bool(torch.isfinite(tensor.float() if tensor.dtype.itemsize == 1 else tensor).all())
    ]
    if bad:
        raise Refused(
            f"{name}: {len(bad)} tensors hold NaN or infinite numbers, {plain(bad[0])} among them: nothing measured on it would mean anything"
        )
