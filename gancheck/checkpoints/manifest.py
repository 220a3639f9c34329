"""What can no file say about its game? The manifest, checked when it is read.

`gancheck.toml` holds what shapes do not: activations, strides, the latent law, the scale of the
data, the objective. What is left out or TODO is not guessed: `Manifest.missing` says what a level of
an audit still needs. Every error names the key, the value it has, and what it may be.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)

from gancheck.checkpoints.activations import CHOICES, check_activation
from gancheck.checkpoints.adapters import ADAPTERS, LAYERED, Player
from gancheck.checkpoints.adapters.stylegan2 import CHOICES as CHOICES_OF_STYLE
from gancheck.checkpoints.layer_words import RESIDUAL, check_words
from gancheck.checkpoints.refusal import plain

__all__ = ["OBJECTIVES", "FileEntry", "Level", "Manifest", "ManifestError", "read_manifest"]

Level = Literal["static", "weights", "forward", "game"]

OBJECTIVES = ("minimax", "non-saturating", "wgan", "wgan-gp", "hinge", "lsgan", "lsgan-centred")
_LAWS = "normal | uniform | truncated_normal:BOUND"
_ENDS_IN = "sigmoid | logit, what the discriminator ends in"
_TODO = "TODO"
_LONGEST = 2**20  # bytes of a manifest


class ManifestError(ValueError):
    """A manifest that cannot be used; each line of the message is one key."""


def _activation(spec: str) -> str:
    return check_activation(spec)


def _law(spec: str) -> str:
    if spec in {"normal", "uniform"}:
        return spec
    name, _, bound = spec.partition(":")
    try:
        number = float(bound)
    except ValueError:
        number = math.nan
    if name != "truncated_normal" or not (math.isfinite(number) and number > 0):
        raise ValueError(f"law must be one of {_LAWS}, got {spec!r}")
    return spec


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, got {text!r}")
    return text.lower()


def _range(value: Any) -> tuple[float, float]:
    numbers = (
        [float(n) for n in value if isinstance(n, int | float) and math.isfinite(n)]
        if isinstance(value, list | tuple)
        else []
    )
    if len(numbers) != 2 or len(value) != 2 or not numbers[0] < numbers[1]:
        raise ValueError(f"range must be two finite numbers, the lower first, got {value!r}")
    return numbers[0], numbers[1]


def _words(texts: tuple[str, ...]) -> tuple[str, ...]:
    return check_words(texts)


def _function(text: str) -> str:
    module, _, function = text.partition(":")
    if not all(name.isidentifier() for name in (*module.split("."), function)):
        raise ValueError(f"must be MODULE:FUNCTION, got {text!r}")
    return text


def _for_each_player(value: Any) -> Any:
    """One name stands for both players."""
    return {"generator": value, "discriminator": value} if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """TOML tells integers, booleans and floats apart, and so does a size."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, got {value!r}")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {value!r}")
    return value


_Activation = Annotated[str, AfterValidator(_activation)]
_Words = Annotated[tuple[str, ...], AfterValidator(_words)]
_Function = Annotated[str, AfterValidator(_function)]
_Adapter = Literal["mlp", "dcgan", "sngan", "stylegan2", "onnx", "factory"]
_Rate = Annotated[float, BeforeValidator(_number), Field(gt=0, le=1000, allow_inf_nan=False)]
_Count = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=2**24)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    """Where one network's weights are."""

    path: Annotated[str, Field(min_length=1)]
    key: str | None = None
    strip_prefix: str = ""
    sha256: Annotated[str, AfterValidator(_sha256)] | None = None


class Files(_Part):
    """The files of the game; paths are relative to the manifest's folder."""

    generator: FileEntry | None = None
    discriminator: FileEntry | None = None
    optimizer_g: FileEntry | None = None
    optimizer_d: FileEntry | None = None


class Activations(_Part):
    """The activations, which no state dict holds."""

    hidden: _Activation | None = None
    output: _Activation | None = None
    d_hidden: _Activation | None = None
    d_output: Literal["sigmoid", "logit"] | None = None


class Adapters(_Part):
    """An adapter for each player, where they differ."""

    generator: _Adapter | None = None
    discriminator: _Adapter | None = None


class Functions(_Part):
    """The user's own code that makes a player without weights: MODULE:FUNCTION."""

    generator: _Function | None = None
    discriminator: _Function | None = None


class Style(_Part):
    """What no shape of a StyleGAN2 tells.

    Attributes:
        mapping_rate: multiplier of the weights and biases from latent to style.
        noise: `stored` adds the file's own maps to every sample; training drew new ones.
        stddev_group: samples that the discriminator judges beside each other.
    """

    mapping_rate: _Rate | None = None
    noise: Literal["stored", "none"] | None = None
    stddev_group: _Count | None = None


class Model(_Part):
    """How modules are built."""

    adapter: Annotated[Adapters, BeforeValidator(_for_each_player)] = Adapters()
    activation: Activations = Activations()
    generator_layers: _Words | None = None
    discriminator_layers: _Words | None = None
    factory: Functions = Functions()
    style: Style = Style()

    def adapter_of(self, player: Player) -> str | None:
        """The adapter of one player."""
        return getattr(self.adapter, player)

    def layers_of(self, player: Player) -> tuple[str, ...] | None:
        """The layer words of one player."""
        return self.generator_layers if player == "generator" else self.discriminator_layers

    def activations_of(self, player: Player) -> tuple[str | None, str | None]:
        """What `hidden` and `output` mean for one player; a sigmoid end is left out."""
        spec = self.activation
        if player == "generator":
            return spec.hidden, spec.output
        return spec.d_hidden, None if spec.d_output is None else "none"


class Latent(_Part):
    """The law that the generator's input has."""

    size: _Count | None = None
    law: Annotated[str, AfterValidator(_law)] | None = None

    @property
    def name(self) -> str:
        """The law without its bound."""
        return (self.law or "").partition(":")[0]

    @property
    def bound(self) -> float | None:
        """Where a truncated normal is cut, in standard deviations; None for the other laws."""
        bound = (self.law or "").partition(":")[2]
        return float(bound) if bound else None


class Data(_Part):
    """The data as the discriminator saw it in training."""

    shape: Annotated[tuple[_Count, ...], Field(min_length=1, max_length=8)] | None = None
    range: Annotated[tuple[float, float], BeforeValidator(_range)] | None = None
    sample: str | None = None


class Condition(_Part):
    """Labels, where the game is conditional."""

    classes: _Count
    encoding: Literal["index", "one_hot"] = "index"


class Objective(_Part):
    """The loss that the game was trained with."""

    kind: (
        Literal["minimax", "non-saturating", "wgan", "wgan-gp", "hinge", "lsgan", "lsgan-centred"]
        | None
    ) = None


class Manifest(_Part):
    """A whole manifest of schema 1, of which what is not known is None."""

    version: Annotated[Literal[1], Field(alias="schema")]
    files: Files = Files()
    model: Model = Model()
    latent: Latent = Latent()
    data: Data = Data()
    condition: Condition | None = None
    objective: Objective = Objective()
    _folder: Path = PrivateAttr(default=Path())

    def missing(self, level: Level) -> list[str]:
        """What a level needs and the manifest does not say: a line a key, with its choices.

        `static` and `weights` need nothing, `forward` the generator, `game` both players.
        """
        lines: list[str] = []
        if level in ("forward", "game"):
            lines += self._of_player("generator")
            lines += _absent(self.latent, "latent", size="the length of z", law=_LAWS)
            lines += _absent(
                self.data,
                "data",
                shape="of one sample, channels first, such as [1, 28, 28]",
                range="the least and greatest value in training, such as [-1.0, 1.0]",
            )
        if level == "game":
            lines += self._of_player("discriminator")
            lines += _absent(self.objective, "objective", kind=" | ".join(OBJECTIVES))
        return lines

    def _of_player(self, player: Player) -> list[str]:
        model = self.model
        lines = _absent(self.files, "files", **{player: f"the {player}'s file"})
        adapter = model.adapter_of(player)
        if adapter is None:
            return [*lines, f"model.adapter: {' | '.join(ADAPTERS)}"]
        if adapter == "factory":
            lines += _absent(model.factory, "model.factory", **{player: "MODULE:FUNCTION"})
        if adapter == "factory" and player == "discriminator":
            lines += _absent(model.activation, "model.activation", d_output=_ENDS_IN)
        if adapter == "stylegan2":
            lines += _absent(model.style, "model.style", **CHOICES_OF_STYLE[player])
        if adapter not in LAYERED:
            return lines
        layers = model.layers_of(player)
        if layers is None and adapter != "mlp":
            lines.append(f"model.{player}_layers: a list of layers; gancheck init proposes them")
        prefix = "" if player == "generator" else "d_"
        needed = {f"{prefix}hidden": CHOICES, f"{prefix}output": _ENDS_IN if prefix else CHOICES}
        if layers is not None and not prefix:
            needed = {word: choices for word, choices in needed.items() if word in layers}
        elif layers is not None and "hidden" not in layers and not _residual(layers):
            del needed["d_hidden"]
        if layers is not None and not prefix and _residual(layers):
            needed["hidden"] = CHOICES
        return lines + _absent(model.activation, "model.activation", **needed)

    @classmethod
    def standing_in(cls, folder: Path, content: dict[str, Any]) -> Manifest:
        """Check what stands in a manifest of this folder.

        Raises:
            ValidationError: pydantic's, for `read_manifest` to put into words.
        """
        manifest = cls.model_validate(content)
        manifest._folder = folder  # noqa: SLF001 - its own
        return manifest

    def resolve(self, path: str) -> Path:
        """A path of the manifest, relative to the folder it was read from."""
        return self._folder / path


def _absent(part: BaseModel, name: str, **choices: str) -> list[str]:
    return [f"{name}.{key}: {what}" for key, what in choices.items() if getattr(part, key) is None]


def _residual(layers: tuple[str, ...]) -> bool:
    return any(word in RESIDUAL for word in layers)


def _without_todo(content: dict[str, Any]) -> dict[str, Any]:
    """The same content without what is marked TODO, and without files of which nothing is left."""

    def kept(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: kept(inner) for key, inner in value.items() if inner != _TODO}

    known = kept(content)
    if isinstance(known.get("files"), dict):
        known["files"] = {key: entry for key, entry in known["files"].items() if entry != {}}
    return known


def read_manifest(path: str | Path, *, level: Level = "game") -> Manifest:
    """Read and check a manifest.

    Args:
        path: a TOML file.
        level: of the audit that it must be enough for; `static` takes any that is not wrong.

    Raises:
        ManifestError: it cannot be read, is no TOML, has keys or values that it may not have, or
            leaves out what the level needs.
    """
    place = Path(path)
    try:
        with place.open("rb") as stream:
            raw = stream.read(_LONGEST + 1)
        if len(raw) > _LONGEST:
            raise ManifestError(
                f"{plain(str(path))} is longer than {_LONGEST} bytes: no manifest is"
            )
        content = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ManifestError(f"{plain(str(path))} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{plain(str(path))} is no TOML: {plain(str(error))}") from None
    try:
        manifest = Manifest.standing_in(place.parent, _without_todo(content))
    except ValidationError as error:
        lines = [_line(issue) for issue in error.errors(include_url=False)]
        raise _wrong(path, lines) from None
    lines = [
        f"{line.partition(':')[0]}: missing, it must be{line.partition(':')[2]}"
        for line in manifest.missing(level)
    ]
    if lines:
        raise _wrong(path, lines)
    return manifest


def _wrong(path: str | Path, lines: list[str]) -> ManifestError:
    return ManifestError(f"{plain(str(path))}:\n" + "\n".join(f"  {line}" for line in lines))


def _line(issue: Any) -> str:
    """One error: the key, the value it has, and what it may be."""
    key = plain(".".join(str(part) for part in issue["loc"]))
    kind, value = issue["type"], issue["input"]
    shown = plain(repr(value), limit=60)
    if kind == "missing":
        return f"{key}: missing"
    if kind == "extra_forbidden":
        return f"{key}: not a key of a manifest (has {shown})"
    if kind == "literal_error":
        choices = issue["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{key}: must be one of {choices.replace(', ', ' | ')}, got {shown}"
    if kind == "value_error":
        return f"{key}: {plain(str(issue['ctx']['error']), limit=300)}"
    return f"{key}: {plain(issue['msg'], limit=300)}, got {shown}"
