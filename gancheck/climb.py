"""How high can an audit climb with these files, this manifest and this data, and what stops it?

Above the weights stand two levels. `forward` needs a generator that can be built and real samples;
`game` needs both players. A network that is built is held against what its training left in the
file (`gancheck.checkpoints.witness`) before anything is measured on it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from gancheck import content
from gancheck.checkpoints import Refused, load_real, plain
from gancheck.checkpoints.adapters import matching
from gancheck.checkpoints.pair import Alone, Pair, load_generator, load_pair
from gancheck.checkpoints.selection import select
from gancheck.checkpoints.witness import witness
from gancheck.diagnosis import Plan
from gancheck.games.game import Game
from gancheck.games.generator_only import GeneratorOnly
from gancheck.training.train import resolve_device

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gancheck.checkpoints import Index, Manifest, RealSample
    from gancheck.checkpoints.manifest import Level
    from gancheck.games.semantics import BatchNormMode

__all__ = ["LEVELS", "Climb", "Settings", "climb"]

LEVELS: tuple[Level, ...] = ("static", "weights", "forward", "game")
_WITNESSES = 512  # samples that a built network is held against its running statistics with


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an audit is made, apart from what is audited.

    Attributes:
        level: highest level wanted; one that is named and not reached is an error. None for as far
            as it goes.
        codes: diagnostics to run; all where not given.
        plan: sample sizes and seeds.
        budget: seconds, or text such as `90s`, of the levels forward and game.
        dtype: `float32` or `float64`, of the measurement.
        device: `auto`, `cpu` or `cuda[:i]`.
        batch_norm: on which statistics batch norm is measured; see `Game`.
        max_memory: bytes that stored graphs may take; see `Game`.
        allow_code: whether the `factory` adapter may import the user's own module.
    """

    level: Level | None = None
    codes: Sequence[str] | None = None
    plan: Plan = field(default_factory=Plan)
    budget: float | str | None = None
    dtype: str = "float32"
    device: str = "auto"
    batch_norm: BatchNormMode = "as-set"
    max_memory: int | None = None
    allow_code: bool = False

    def wants(self, level: Level) -> bool:
        """Whether a level may be climbed to."""
        return self.level is None or LEVELS.index(level) <= LEVELS.index(self.level)

    def chosen(self, level: Literal["weights", "game"]) -> list[str]:
        """The codes of `weights` or `game` that are to run.

        Raises:
            ValueError: a code that is on no shelf.
        """
        shelf = content.diagnostic_codes(level)
        if self.codes is None:
            return shelf
        known = [*content.diagnostic_codes("game"), *content.diagnostic_codes("weights")]
        for code in self.codes:
            if code not in known:
                raise ValueError(f"unknown diagnostic {code!r}; the shelf has {', '.join(known)}")
        return [code for code in self.codes if code in shelf]


@dataclass(frozen=True, kw_only=True)
class Climb:
    """Where the climb ended.

    Attributes:
        level: reached by what could be built.
        game: to measure; None below `forward`.
        why_not: what the next level needs, in sentences; empty at the top.
        provenance: what is known of the modules and the data.
    """

    level: Level
    game: Game | None = None
    why_not: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def climb(
    told: Manifest | None,
    named: Mapping[str, Path],
    indices: Mapping[Path, Index],
    data: Path | None,
    held_out: Path | None,
    how: Settings,
    *,
    wanted: bool,
) -> Climb:
    """Build what can be built, and say what stops it.

    Args:
        told: the manifest; None ends the climb at the weights.
        named: player -> its file.
        indices: what the static reading of each file found.
        data: npz with real samples.
        held_out: npz with samples that were not trained on.
        how: levels and evidence.
        wanted: whether a diagnostic of a game is to run at all.

    Raises:
        Refused: data that cannot be used.
    """
    floor: Level = "weights" if how.wants("weights") else "static"
    if not how.wants("forward") or not wanted:
        return Climb(level=floor)
    if told is None:
        say = [
            "no manifest says what shapes cannot: gancheck init writes one",
            *_hypotheses(indices),
        ]
        return Climb(level=floor, why_not=tuple(say))
    lacking = told.missing("forward")
    source = data or (None if told.data.sample is None else told.resolve(told.data.sample))
    if source is None:
        lacking = [*lacking, "real samples: --data FILE.npz, or sample in the manifest's [data]"]
    if lacking or source is None:
        return Climb(level=floor, why_not=(f"forward needs {'; '.join(lacking)}",))
    try:
        built, why_not = _built(told, named, how)
    except (Refused, ValueError, ModuleNotFoundError) as reason:
        return Climb(level=floor, why_not=(str(reason),))
    # Data that cannot be used are an error and no lower level: who gives them wants them used.
    real = load_real(source, range=built.range, shape=built.shape)
    unseen = None if held_out is None else load_real(held_out, range=built.range, shape=built.shape)
    try:
        notes = _checked(built, real)
    except Refused as reason:
        return Climb(level=floor, why_not=(str(reason),))
    samples = {"data": (source, real), "held_out": (held_out, unseen)}
    known: dict[str, Any] = {
        "files": {player: made.to_dict() for player, made in built.provenance.items()},
        **{
            name: {"path": str(path), "samples": len(sample.data), "sha256": _sha256(path)}
            for name, (path, sample) in samples.items()
            if path is not None and sample is not None
        },
        "notes": [*built.notes, *notes, *real.notes, *(unseen.notes if unseen else ())],
    }
    game = _game(built, real, unseen, why_not, how)
    level: Level = "game" if isinstance(built, Pair) else "forward"
    return Climb(level=level, game=game, why_not=why_not, provenance=known)


def _built(
    told: Manifest, named: Mapping[str, Path], how: Settings
) -> tuple[Alone, tuple[str, ...]]:
    """Both players, or the generator alone and why."""
    generator, discriminator = named.get("generator"), named.get("discriminator")
    lacking = told.missing("game")
    if how.wants("game") and not lacking:
        try:
            return load_pair(told, generator, discriminator, allow_code=how.allow_code), ()
        except Refused as refusal:
            alone = load_generator(told, generator, allow_code=how.allow_code)
            return alone, (f"game: {refusal}",)
    why = (f"game needs {'; '.join(lacking)}",) if lacking and how.wants("game") else ()
    return load_generator(told, generator, allow_code=how.allow_code), why


def _checked(built: Alone, real: RealSample) -> list[str]:
    """Hold what was built against what training left in the files.

    Raises:
        Refused: the statistics contradict it: a wrong forward pass would measure another network.
    """
    rng = torch.Generator().manual_seed(0)
    z = built.noise().sample(_WITNESSES, rng)
    first = next(built.generator.parameters(), None)
    z = z.to(torch.float32 if first is None else first.dtype)
    with torch.no_grad():
        fake = built.generator(z)
    seen = {"generator": witness(built.generator, z)}
    if isinstance(built, Pair):
        rows = torch.randperm(len(real.data), generator=rng)[:_WITNESSES]
        shown = real.data[rows].reshape(-1, *built.sample_shape).to(fake.dtype)
        seen["discriminator"] = witness(built.discriminator, shown, fake)
    for player, found in seen.items():
        if found.contradicts:
            raise Refused(
                f"the {player} that the manifest describes is not the one that was trained: {found.sentence(player)}",
                way_out="look at its activations, layers, epsilons, the latent law and the data's range",
            )
    notes = [found.sentence(player) for player, found in seen.items()]
    low, high = built.range
    least, most = float(fake.min()), float(fake.max())
    slack = 0.05 * (high - low)
    if not (torch.isfinite(fake).all()):
        raise Refused("the generator returns numbers that are not finite")
    if least < low - slack or most > high + slack:
        notes.append(
            f"generated numbers span [{least:.3g}, {most:.3g}], beyond the manifest's range [{low:g}, {high:g}]: were output and range given as in training?"
        )
    return notes


def _game(
    built: Alone,
    real: RealSample,
    unseen: RealSample | None,
    why_not: tuple[str, ...],
    how: Settings,
) -> Game:
    kind: torch.dtype = getattr(torch, how.dtype)
    where = resolve_device(how.device)
    shared: dict[str, Any] = {
        "latent": built.noise(),
        "data": real.data.reshape(-1, *built.sample_shape),
        "batch_norm": how.batch_norm,
        "labels": real.labels,
        "held_out": None if unseen is None else unseen.data.reshape(-1, *built.sample_shape),
    }
    generator = built.generator.to(device=where, dtype=kind)
    if not isinstance(built, Pair):
        why = f"and this audit has the generator alone ({'; '.join(why_not) or 'the level is forward'})"
        return GeneratorOnly(generator, why=why, **shared)
    return Game(
        generator,
        built.discriminator.to(device=where, dtype=kind),
        loss=built.objective,
        discriminator_output="probability" if built.probability else "logit",
        max_memory=how.max_memory,
        **shared,
    )


def _hypotheses(indices: Mapping[Path, Index]) -> list[str]:
    """What each file's shapes could be, in sentences."""
    said: list[str] = []
    for path, index in indices.items():
        try:
            found = matching(select(index))
        except Refused:
            continue
        ways = [f"{name} ({match.reasons[0]})" for name, match in found.items()]
        if ways:
            said.append(f"{plain(path.name)} fits {' or '.join(ways)}")
    return said


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
