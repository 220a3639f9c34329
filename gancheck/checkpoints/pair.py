"""From a manifest and its files to the modules of a game, or to the generator alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gancheck.checkpoints.limits import DEFAULT, Limits
from gancheck.checkpoints.manifest import ManifestError
from gancheck.checkpoints.player import BuiltPlayer, Provenance, build_player
from gancheck.checkpoints.read import read
from gancheck.checkpoints.refusal import Refused, plain
from gancheck.games import latents

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.checkpoints.manifest import Latent, Manifest

__all__ = ["Alone", "Pair", "Provenance", "load_generator", "load_pair"]

_WITH_CODE = ("factory", "onnx")
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A generator, and what is needed to draw from it.

    Attributes:
        generator: [n, latent.size and classes] -> [n, *sample_shape], in evaluation mode.
        latent: size and law (`name`, and `bound` of a truncated normal).
        range: of the numbers in training.
        shape: of one sample, channels first.
        sample_shape: of one sample as the modules take and return it: `shape`, or flat.
        classes: of a conditional generator; 0 where it is not.
        notes: choices of the build that a reader of the report should know.
        provenance: of "generator", and of "discriminator" in a pair.
    """

    generator: nn.Module
    latent: Latent
    range: tuple[float, float]
    shape: tuple[int, ...]
    sample_shape: tuple[int, ...]
    classes: int = 0
    notes: tuple[str, ...]
    provenance: dict[str, Provenance]

    def noise(self) -> latents.Latent:
        """The latent law as a `gancheck.Game` takes it; `uniform` is on [-1, 1].

        Of a conditional generator noise and a class, every class equally likely.
        """
        size = self.latent.size or 0
        if self.latent.bound is not None:
            law = latents.truncated_normal(size, threshold=self.latent.bound)
        else:
            law = latents.normal(size) if self.latent.name == "normal" else latents.uniform(size)
        return latents.product(law, latents.categorical(self.classes)) if self.classes else law


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Alone):
    """Two players, and what is needed to let them play.

    Attributes:
        discriminator: [n, *sample_shape] -> [n, 1].
        probability: whether it ends in a sigmoid (code of the owner's); else it returns a logit,
            also where training ended it in a sigmoid.
        objective: the loss that the game was trained with.
    """

    discriminator: nn.Module
    probability: bool = False
    objective: str


def load_generator(
    manifest: Manifest,
    path: str | Path | None = None,
    *,
    limits: Limits = DEFAULT,
    allow_code: bool = False,
) -> Alone:
    """Build the generator of a manifest alone.

    Args:
        manifest: what `read_manifest(path, level="forward")` returned.
        path: instead of the manifest's own path.
        limits: budgets of the reading.
        allow_code: whether the `factory` adapter may import the user's own module.

    Raises:
        ManifestError: the manifest leaves out what a generator needs.
        Refused: as `build_player`; or it returns samples of another shape.
    """
    _require(manifest, "forward")
    built = build_player("generator", manifest, path, limits=limits, allow_code=allow_code)
    return Alone(
        generator=built.module,
        sample_shape=_returned(built, manifest),
        notes=tuple(_notes(built)),
        provenance={"generator": built.source},
        **_common(manifest, built),
    )


def load_pair(
    manifest: Manifest,
    generator_path: str | Path | None = None,
    discriminator_path: str | Path | None = None,
    *,
    limits: Limits = DEFAULT,
    allow_code: bool = False,
) -> Pair:
    """Build both players of a manifest.

    Args:
        manifest: what `read_manifest` returned.
        generator_path: instead of the manifest's own path.
        discriminator_path: the same.
        limits: budgets of the reading.
        allow_code: whether the `factory` adapter may import the user's own module.

    Raises:
        ManifestError: the manifest leaves out what a game needs.
        Refused: a file is unsafe, unreadable or another than the manifest's sha256 says, its
            tensors do not fit the adapter or each other, or hold numbers that are not finite.
    """
    _require(manifest, "game")
    g = build_player("generator", manifest, generator_path, limits=limits, allow_code=allow_code)
    made = _returned(g, manifest)
    _check_apart(manifest, g.source, discriminator_path, limits)
    d = build_player(
        "discriminator", manifest, discriminator_path, limits=limits, allow_code=allow_code
    )
    if manifest.condition is not None:
        raise Refused(
            "the manifest says that the game is conditional: its discriminator takes labels, which no measure here gives it",
            way_out="audit the generator alone, to the level forward",
        )
    takes = d.takes or made
    if math.prod(made) != math.prod(takes):
        raise Refused(
            f"the generator returns {math.prod(made)} numbers and the discriminator takes {math.prod(takes)}: they did not play each other"
        )
    ends = manifest.model.activation.d_output
    with_code = d.source.adapter in _WITH_CODE
    _check_one(d, takes)
    notes = [
        "samples and data stay flat, as the first linear layer takes them"
        if len(takes) == 1
        else f"samples and data have the shape {'x'.join(map(str, takes))}",
        f"the discriminator ends in a {ends}, as the manifest says"
        if with_code
        else "the discriminator's sigmoid end is left out: it returns the logit"
        if ends == "sigmoid"
        else "the discriminator's last layer is taken as the logit",
        *_notes(g),
        *_notes(d),
    ]
    return Pair(
        generator=g.module if made == takes else nn.Sequential(g.module, _reshape(takes)).eval(),
        discriminator=d.module,
        probability=with_code and ends == "sigmoid",
        objective=manifest.objective.kind or "",
        sample_shape=takes,
        notes=tuple(dict.fromkeys(notes)),
        provenance={"generator": g.source, "discriminator": d.source},
        **_common(manifest, g),
    )


def _require(manifest: Manifest, level: str) -> None:
    lines = manifest.missing("game" if level == "game" else "forward")
    if lines:
        raise ManifestError(
            f"the manifest leaves out what the level {level} needs: {'; '.join(lines)}"
        )


def _common(manifest: Manifest, built: BuiltPlayer) -> dict[str, Any]:
    condition = manifest.condition
    if condition is not None and built.source.adapter not in _WITH_CODE:
        raise Refused(
            f"the manifest says that the game is conditional, which the {built.source.adapter} adapter does not build",
            way_out="leave [condition] out",
        )
    return {
        "latent": manifest.latent,
        "range": manifest.data.range,
        "shape": manifest.data.shape,
        "classes": 0 if condition is None else condition.classes,
    }


def _returned(built: BuiltPlayer, manifest: Manifest) -> tuple[int, ...]:
    """The shape of one sample, known or from a run of two; it must have the data's numbers."""
    shape = manifest.data.shape or ()
    returns = built.returns
    if returns is None:
        classes = 0 if manifest.condition is None else manifest.condition.classes
        z = torch.zeros(2, (manifest.latent.size or 0) + classes)
        if classes:
            z[:, -classes] = 1.0
        returns = _run(built.module, z, "generator")
    if math.prod(returns) != math.prod(shape) or (len(returns) > 1 and returns != shape):
        raise Refused(
            f"the generator returns {_size(returns)} and the manifest's data.shape {list(shape)} has {math.prod(shape)} numbers"
        )
    return returns


def _size(returns: tuple[int, ...]) -> str:
    return f"{returns[0]} numbers" if len(returns) == 1 else f"samples of shape {list(returns)}"


def _run(module: nn.Module, x: torch.Tensor, name: str) -> tuple[int, ...]:
    """The shape of one sample that comes out; what the owner's code may do wrong is said so."""
    try:
        with torch.no_grad():
            out = module(x)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise Refused(
            f"the {name} does not take samples of shape {list(x.shape[1:])}: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(out, torch.Tensor) or out.shape[:1] != x.shape[:1]:
        raise Refused(f"the {name} does not return one tensor with a row a sample")
    return tuple(out.shape[1:])


def _check_one(d: BuiltPlayer, takes: tuple[int, ...]) -> None:
    returns = (
        _run(d.module, torch.zeros(2, *takes), "discriminator") if d.returns is None else d.returns
    )
    count = math.prod(returns)
    if count != 1:
        raise Refused(f"the discriminator returns {count} numbers and one logit is expected")


def _reshape(shape: tuple[int, ...]) -> nn.Module:
    return nn.Flatten(1) if len(shape) == 1 else nn.Unflatten(1, shape)


def _check_apart(
    manifest: Manifest, g: Provenance, path: str | Path | None, limits: Limits
) -> None:
    one, two = manifest.files.generator, manifest.files.discriminator
    if one is None or two is None or (one.key, one.strip_prefix) != (two.key, two.strip_prefix):
        return
    if two.sha256 not in (None, g.sha256):
        return
    place = manifest.resolve(two.path) if path is None else path
    if g.sha256 and read(place, limits=limits).sha256 == g.sha256:
        raise Refused("generator and discriminator are the same tensors of the same file")


def _notes(built: BuiltPlayer) -> list[str]:
    source, player = built.source, built.source.path.rpartition("/")[2]
    notes: list[str] = []
    norms = [m for m in built.module.modules() if isinstance(m, _BATCH_NORMS)]
    if any(norm.running_mean is not None for norm in norms):
        notes.append(
            "batch norm uses its running statistics, as in evaluation; --batch-norm batch measures the network as trained"
        )
    if source.unconsumed:
        notes.append(
            f"{plain(player)}: {len(source.unconsumed)} tensors were used by no layer, {plain(source.unconsumed[0])} among them"
        )
    return [*notes, *built.notes]
