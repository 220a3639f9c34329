"""What can no file say about its game? The manifest, checked when it is read.

`gancheck.toml` holds what shapes do not: activations, the latent law, the scale of the data, the
objective. Every error names the key, the value it has, and what it may be.
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

from gancheck.checkpoints.activations import check_activation
from gancheck.checkpoints.refusal import plain

__all__ = ["OBJECTIVES", "FileEntry", "Manifest", "ManifestError", "read_manifest"]

OBJECTIVES = ("minimax", "non-saturating", "wgan", "wgan-gp", "hinge", "lsgan", "lsgan-centred")
_LAWS = "normal | uniform | truncated_normal:BOUND"
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


def _whole(value: Any) -> Any:
    """TOML tells integers, booleans and floats apart, and so does a size."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, got {value!r}")
    return value


_Activation = Annotated[str, AfterValidator(_activation)]
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

    generator: FileEntry
    discriminator: FileEntry
    optimizer_g: FileEntry | None = None
    optimizer_d: FileEntry | None = None


class Activations(_Part):
    """The activations, which no state dict holds."""

    hidden: _Activation
    output: _Activation
    d_hidden: _Activation
    d_output: Literal["sigmoid", "logit"]


class Model(_Part):
    """How modules are built."""

    adapter: Literal["mlp"]
    activation: Activations


class Latent(_Part):
    """The law that the generator's input has."""

    size: _Count
    law: Annotated[str, AfterValidator(_law)]

    @property
    def name(self) -> str:
        """The law without its bound."""
        return self.law.partition(":")[0]

    @property
    def bound(self) -> float | None:
        """Where a truncated normal is cut, in standard deviations; None for the other laws."""
        bound = self.law.partition(":")[2]
        return float(bound) if bound else None


class Data(_Part):
    """The data as the discriminator saw it in training."""

    shape: Annotated[tuple[_Count, ...], Field(min_length=1, max_length=8)]
    range: Annotated[tuple[float, float], BeforeValidator(_range)]
    sample: str | None = None


class Condition(_Part):
    """Labels, where the game is conditional."""

    classes: _Count
    encoding: Literal["index", "one_hot"] = "index"


class Objective(_Part):
    """The loss that the game was trained with."""

    kind: Literal["minimax", "non-saturating", "wgan", "wgan-gp", "hinge", "lsgan", "lsgan-centred"]


class Manifest(_Part):
    """A whole manifest of schema 1."""

    version: Annotated[Literal[1], Field(alias="schema")]
    files: Files
    model: Model
    latent: Latent
    data: Data
    condition: Condition | None = None
    objective: Objective
    _folder: Path = PrivateAttr(default=Path())

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


def read_manifest(path: str | Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ManifestError: it cannot be read, is no TOML, or has keys or values that it may not have.
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
        return Manifest.standing_in(place.parent, content)
    except ValidationError as error:
        lines = [_line(issue) for issue in error.errors(include_url=False)]
        raise ManifestError(
            f"{plain(str(path))}:\n" + "\n".join(f"  {line}" for line in lines)
        ) from None


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
