"""How is a recipe read from a file, changed by a key, and written down again?

A recipe is TOML (or, in a run's configuration, JSON): plain keys for numbers, a table with its
`kind` for data, networks and optimisers, the latent in one word. Every error names the key, the
value it has and what it may be.

    loss = "non-saturating"
    latent = "normal[2]"
    steps = 3000
    data = { kind = "ring8" }
    generator = { kind = "perceptron", widths = [2, 32, 32, 2] }
    discriminator = { kind = "perceptron", widths = [2, 32, 32, 1] }
    generator_optimiser = { kind = "adam", lr = 2e-3, betas = [0.5, 0.999] }
    regularisation = { r1 = 0.1 }
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gancheck.games import latents
from gancheck.games.architectures import (
    ConditionalOf,
    DcganDiscriminator,
    DcganGenerator,
    Linear,
    MixtureOf,
    Perceptron,
    Position,
    ResidualDiscriminator,
    ResidualGenerator,
)
from gancheck.games.losses import LOSSES
from gancheck.games.recipe import SCHEMA, Optimiser, Recipe, UpdateName, adam
from gancheck.games.regularisation import Regularisation  # noqa: TC001
from gancheck.games.sources import (
    Digits,
    Fashion,
    Folder,
    Named,
    Npz,
    Point,
    SwissRoll,
    TwoComponents,
)
from gancheck.games.zoo import RECIPES
from gancheck.rendering.text import clean

__all__ = ["changed", "fault_lines", "from_written", "read_recipe", "recipe_text"]

_LONGEST = 2**20


_Count = Annotated[int, Field(ge=1)]
_Seed = Annotated[int, Field(ge=0)]
_Generator = Annotated[
    Perceptron | DcganGenerator | ResidualGenerator | Position | MixtureOf | ConditionalOf,
    Field(discriminator="kind"),
]
_Discriminator = Annotated[
    Perceptron | DcganDiscriminator | ResidualDiscriminator | Linear, Field(discriminator="kind")
]
_Data = Annotated[
    Named | Digits | TwoComponents | SwissRoll | Point | Fashion | Npz | Folder,
    Field(discriminator="kind"),
]
_PARTS = [
    part for union in (_Generator, _Discriminator, _Data) for part in get_args(get_args(union)[0])
]
_CLASSES = {part.__name__ for part in _PARTS}


_LEFT: Any = None  # a key that is left out is not handed on: `Recipe` has the defaults


class _Written(BaseModel):
    """A recipe as it stands in a file, where 3, 3.0, "3" and true are four things."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    version: Annotated[_Count, Field(alias="schema")] = SCHEMA
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: str = ""
    data: _Data
    latent: str
    generator: _Generator
    discriminator: _Discriminator
    loss: str = _LEFT
    regularisation: Regularisation = _LEFT
    updates: UpdateName = _LEFT
    strength: float = _LEFT
    critic_steps: _Count = _LEFT
    clip: float | None = _LEFT
    ema: float | None = _LEFT
    steps: _Count
    batch_size: _Count = _LEFT
    generator_optimiser: dict[str, Any] = _LEFT
    discriminator_optimiser: dict[str, Any] = _LEFT
    seed: _Seed = _LEFT
    checkpoint_every: _Count = _LEFT


def read_recipe(source: str | Path, changes: Mapping[str, str] | None = None) -> Recipe:
    """A recipe of the zoo by its name, or the one in a file.

    Args:
        source: a name, or the path of a TOML file.
        changes: dotted key -> value as TOML or as bare text, put in before anything is checked.

    Raises:
        ValueError: no such recipe or file, no TOML, a newer version, or keys or values that a
            recipe does not have; one line a fault.
    """
    text = str(source)
    if text in RECIPES:
        if not changes:
            return RECIPES[text]
        content = RECIPES[text].written()
    else:
        content = _content(Path(source))
        content.setdefault("name", Path(source).stem)
    for key, value in (changes or {}).items():
        _put(content, key, value)
    return from_written(content, where=text)


def changed(assignments: list[str]) -> dict[str, str]:
    """`key=value` texts of a command line, taken apart.

    Raises:
        ValueError: one without `=`.

    Example:
        >>> changed(["steps=200", "generator_optimiser.lr=1e-3"])
        {'steps': '200', 'generator_optimiser.lr': '1e-3'}
    """
    out: dict[str, str] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"--set takes KEY=VALUE, such as steps=200, got {text!r}")
        out[key.strip()] = value.strip()
    return out


def from_written(content: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """A recipe from what `Recipe.written` gave, or from a file's content.

    Args:
        content: keys and values.
        where: what they are called in an error.

    Raises:
        ValueError: a newer version, or keys or values that a recipe does not have.
    """
    version = content.get("schema", SCHEMA)
    if isinstance(version, int) and version > SCHEMA:
        raise ValueError(
            f"{clean(where)} is a recipe of schema {version}, and this version of gancheck knows "
            f"{SCHEMA}; install a newer one"
        )
    try:
        # from JSON, because a strict model takes no list for a tuple and no table for a part
        told = _Written.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise _refusal(where, fault_lines(error, _Written)) from None
    return _built(told, where)


def _built(told: _Written, where: str) -> Recipe:
    """What only the parts themselves can check, each fault with its key."""
    faults: list[str] = []
    made: dict[str, Any] = {"description": told.description}
    for key in told.model_fields_set - {"version"}:
        try:
            made[key] = _MADE.get(key, _as_it_is)(getattr(told, key))
        except (ValueError, TypeError) as error:
            faults.append(f"{key}: {clean(str(error))}")
    if "loss" in made and told.loss not in LOSSES:
        faults.append(f"loss: must be one of {' | '.join(LOSSES)}, got {clean(repr(told.loss))}")
    if faults:
        raise _refusal(where, sorted(faults))
    try:
        recipe = Recipe(**made)
        recipe.losses()
    except ValueError as error:
        raise _refusal(where, [str(error)]) from None
    return recipe


def _optimiser(told: Mapping[str, Any]) -> Optimiser:
    options = {k: v for k, v in told.items() if k not in ("kind", "lr")}
    usual = adam()
    kind, lr = told.get("kind", usual.kind), told.get("lr", usual.lr)
    if isinstance(lr, bool) or not isinstance(lr, int | float):
        raise ValueError(f"lr must be a number, got {lr!r}")
    if kind == usual.kind:
        options = {**usual.options, **options}
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return Optimiser(kind=kind, lr=float(lr), options=tuples)


def _as_it_is(value: Any) -> Any:
    return value


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "latent": latents.read,
    "generator_optimiser": _optimiser,
    "discriminator_optimiser": _optimiser,
}


def _content(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes() if path.stat().st_size <= _LONGEST else None
    except OSError as error:
        unread = f"{clean(str(path))} cannot be read: {error.strerror}"
        if path.suffix or path.exists():  # a file was meant, and no name
            raise ValueError(f"the recipe {unread}") from None
        raise ValueError(
            f"recipe must be one of {', '.join(RECIPES)}, or a TOML file; {unread}"
        ) from None
    if raw is None:
        raise ValueError(f"{clean(str(path))} is longer than {_LONGEST} bytes: no recipe is")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))  # some editors begin a file with a mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{clean(str(path))} is no TOML: {clean(str(error))}") from None


def _put(content: dict[str, Any], key: str, text: str) -> None:
    """Set one dotted key, the tables on the way made where they are not there.

    Another `kind` begins its table anew, but for an optimiser's step size, because its other keys
    are those of the old one. `none` takes a key away.
    """
    *path, last = key.split(".")
    inner = content
    for name in path:
        below = inner.setdefault(name, {})
        if not isinstance(below, dict):
            raise ValueError(f"--set {clean(key)}: {clean(name)} is no table, it is {below!r}")
        inner[name] = inner = dict(below)
    value = _value(text)
    if last == "kind" and inner.get("kind") != value:
        for other in [k for k in inner if k != "lr"]:
            del inner[other]
    if value is None:
        inner.pop(last, None)
    else:
        inner[last] = value


def _value(text: str) -> Any:
    """Text as TOML, or as it stands where it is none: `hinge` needs no quotes."""
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def recipe_text(recipe: Recipe) -> str:
    """The recipe as a TOML file that `read_recipe` reads back.

    Raises:
        ValueError: a part that is a user's own and cannot be written.
    """
    if not recipe.declared:
        raise ValueError(f"the recipe {recipe.name!r} has parts of your own that no file can hold")
    lines: list[str] = []
    for key, value in recipe.written().items():
        if isinstance(value, dict):
            value = {k: v for k, v in value.items() if v not in (None, 0.0)}  # noqa: PLW2901
        if value not in (None, {}, ""):
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items() if v is not None) + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike


def _refusal(where: str, faults: list[str]) -> ValueError:
    return ValueError(f"{clean(where)}: {'; '.join(faults)}")


def fault_lines(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What pydantic found in a file, each fault with its key, its value and what it may be."""
    found: list[Any] = list(error.errors(include_url=False))
    # A part within a part is tried as each kind there is; only the kind that was meant is told of.
    other = {
        i["loc"][:-1]: i for i in found if i["type"] == "literal_error" and i["loc"][-1] == "kind"
    }
    meant = [i for i in found if not any(i["loc"][: len(branch)] == branch for branch in other)]
    lines = [_line(issue, model) for issue in meant]
    for place in dict.fromkeys(branch[:-1] for branch in other):
        if not any(issue["loc"][: len(place)] == place for issue in meant):
            tried = [i for branch, i in other.items() if branch[:-1] == place]
            kinds = " | ".join(_choices(issue["ctx"]["expected"]) for issue in tried)
            lines.append(f"{_key(place)}.kind: must be one of {kinds}, got {_shown(tried[0])}")
    return lines


def _line(issue: Any, model: type[BaseModel]) -> str:
    key, kind, shown = _key(issue["loc"]), issue["type"], _shown(issue)
    if kind == "missing":
        return f"{key}: missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        keys = sorted(f.alias or k for k, f in model.model_fields.items())
        there = f"; there are {', '.join(keys)}" if len(issue["loc"]) == 1 else ""
        return f"{key}: not a key here{there}"
    if kind == "literal_error":
        return f"{key}: must be one of {_choices(issue['ctx']['expected'])}, got {shown}"
    if kind == "union_tag_invalid":
        got = clean(repr(issue["ctx"]["tag"]))
        return f"{key}.kind: must be one of {_choices(issue['ctx']['expected_tags'])}, got {got}"
    if kind == "union_tag_not_found":
        return f"{key}.kind: missing"
    if kind == "value_error":
        return f"{key}: {clean(str(issue['ctx']['error']))}"
    return f"{key}: {clean(issue['msg'])}, got {shown}"


def _key(place: tuple[Any, ...]) -> str:
    """Dotted, without the branches of unions, which pydantic names in between."""
    path = [str(part) for part in place]
    if len(path) > 1 and path[1] in _kinds():
        path.pop(1)
    return clean(".".join(p for p in path if p not in _CLASSES))


def _shown(issue: Any) -> str:
    return clean(repr(issue["input"]))[:60]


def _choices(expected: str) -> str:
    return " | ".join(w.strip().strip("'") for w in expected.replace(" or ", ", ").split(","))


def _kinds() -> set[str]:
    return {kind for part in _PARTS for kind in get_args(get_type_hints(part)["kind"])}
