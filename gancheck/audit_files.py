"""How far can the files of a stranger's GAN be examined, and why no further?

Four levels, each on top of the one before: `static` reads what stands in the files, `weights` asks
what the numbers alone say, `forward` builds the generator and compares its samples with data, `game`
builds both players. `audit_files` climbs as far as files, manifest and data carry, and says what
the next level needs; it guesses nothing. Nothing of a file runs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from gancheck import content
from gancheck.audit import diagnose
from gancheck.checkpoints import Refused, load_real, plain, read, read_manifest
from gancheck.checkpoints.adapters import matching
from gancheck.checkpoints.pair import Alone, Pair, load_generator, load_pair
from gancheck.checkpoints.selection import select
from gancheck.checkpoints.witness import witness
from gancheck.diagnosis import Plan, Report
from gancheck.games.game import Game
from gancheck.games.generator_only import GeneratorOnly
from gancheck.provenance import versions
from gancheck.training.train import resolve_device
from gancheck.weights_audit import Source, examine_weights, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gancheck.checkpoints import Index
    from gancheck.checkpoints.manifest import Level, Manifest
    from gancheck.checkpoints.real_data import RealSample
    from gancheck.games.semantics import BatchNormMode

__all__ = ["LEVELS", "Settings", "audit_files"]

LEVELS: tuple[Level, ...] = ("static", "weights", "forward", "game")
_WITNESSES = 512  # samples that a built network is held against its running statistics with
_PLAYERS = ("generator", "discriminator")


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

    def chosen(self, level: str) -> list[str]:
        """The codes of `weights` or `game` that are to run.

        Raises:
            ValueError: a code that is on no shelf.
        """
        shelf = content.diagnostics("weights" if level == "weights" else "game")
        if self.codes is None:
            return list(shelf)
        known = {**content.diagnostics("weights"), **content.diagnostics("game")}
        for code in self.codes:
            if code not in known:
                raise ValueError(
                    f"unknown diagnostic {code!r}; the shelf has {', '.join(sorted(known))}"
                )
        return [code for code in self.codes if code in shelf]


@dataclass(frozen=True, kw_only=True)
class _Climb:
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


def audit_files(
    files: Sequence[Path],
    *,
    manifest: Path | None = None,
    data: Path | None = None,
    held_out: Path | None = None,
    settings: Settings | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Examine files as far as it goes.

    Args:
        files: of one GAN, any number; of two that the manifest does not name, the first is taken
            for the generator and the second for the discriminator.
        manifest: TOML as `gancheck init` writes it; without it the audit ends at `weights`.
        data: npz with real samples; the manifest's `sample` where not given.
        held_out: npz with samples that were not trained on; then `data` are taken for the ones that
            were, and memorisation can be tested.
        settings: levels, diagnostics and evidence.
        provenance: added to the report's.
        progress: told the code and question of each diagnostic as it begins.

    Returns:
        One report of all levels. `provenance["level"]` says which was reached and why not further;
        diagnostics of higher levels stand under `not_run` with that reason, which leaves the report
        complete unless the level was asked for by name.

    Raises:
        Refused: a file is unsafe or cannot be read.
        ManifestError: the manifest says what it may not say.
        ValueError: a level that was asked for by name is not reached, an unknown code, or no file.
    """
    how = settings or Settings()
    if not files:
        raise ValueError("files must name at least one checkpoint, got none")
    weights_codes, game_codes = how.chosen("weights"), how.chosen("game")
    told = None if manifest is None else read_manifest(manifest, level="static")
    indices = {path: read(path) for path in files}
    named = _named(told, indices)
    low = _of_weights(files, told, named, how, weights_codes, progress)
    climb = _climb(told, named, indices, data, held_out, how, wanted=bool(game_codes))
    if how.level is not None and LEVELS.index(climb.level) < LEVELS.index(how.level):
        raise ValueError(f"the level {how.level} is not reached: {'; '.join(climb.why_not)}")
    title = " and ".join(path.name for path in files[:2]) + (
        f" and {len(files) - 2} more" if len(files) > 2 else ""
    )
    if climb.game is None or low.provenance.get("stopped"):
        high, left = None, game_codes if how.wants("forward") else []
    else:
        high, left = (
            diagnose(
                climb.game,
                codes=game_codes,
                plan=how.plan,
                budget=how.budget,
                progress=progress,
            ),
            [],
        )
    return _merged(title, low, high, climb, left, {**_files(indices), **(provenance or {})})


def _named(told: Manifest | None, indices: Mapping[Path, Index]) -> dict[str, Path]:
    """Which of the files is which player: by the manifest's path, by its sha256, else by place."""
    if told is None:
        return {}
    given = list(indices)
    out: dict[str, Path] = {}
    for player in _PLAYERS:
        entry = getattr(told.files, player)
        if entry is None:
            continue
        place = told.resolve(entry.path).resolve()
        same = [path for path in given if path.resolve() == place]
        same += [p for p in given if entry.sha256 is not None and indices[p].sha256 == entry.sha256]
        if same:
            out[player] = same[0]
    rest = [path for path in given if path not in out.values()]
    if not out and len(given) <= len(_PLAYERS):
        out = dict(zip(_PLAYERS, rest, strict=False))
    elif len(rest) == 1 and len(given) == len(_PLAYERS) and len(out) == 1:
        out[next(p for p in _PLAYERS if p not in out)] = rest[0]
    return out


def _of_weights(
    files: Sequence[Path],
    told: Manifest | None,
    named: Mapping[str, Path],
    how: Settings,
    codes: list[str],
    progress: Callable[[str], None] | None,
) -> Report:
    """What the numbers alone say; an empty report where the level is `static`."""
    if not how.wants("weights") or not codes:
        return Report(findings=[], provenance={"versions": versions()})
    sources: list[Source] = []
    for path in files:
        entries = [
            Source(path=path, role=player, key=entry.key, strip_prefix=entry.strip_prefix)
            for player, place in named.items()
            if place == path and told and (entry := getattr(told.files, player)) is not None
        ]
        sources += entries or [Source(path=path)]
    kind = "" if told is None else told.objective.kind or ""
    return examine_weights(
        read_weights(sources, objective=kind), codes=codes, plan=how.plan, progress=progress
    )


def _climb(
    told: Manifest | None,
    named: Mapping[str, Path],
    indices: Mapping[Path, Index],
    data: Path | None,
    held_out: Path | None,
    how: Settings,
    *,
    wanted: bool,
) -> _Climb:
    """Build what can be built, and say what stops it."""
    floor: Level = "weights" if how.wants("weights") else "static"
    if not how.wants("forward") or not wanted:
        return _Climb(level=floor)
    if told is None:
        say = [
            "no manifest says what shapes cannot: gancheck init writes one",
            *_hypotheses(indices),
        ]
        return _Climb(level=floor, why_not=tuple(say))
    lacking = told.missing("forward")
    source = data or (None if told.data.sample is None else told.resolve(told.data.sample))
    if source is None:
        lacking = [*lacking, "real samples: --data FILE.npz, or sample in the manifest's [data]"]
    if lacking or source is None:
        return _Climb(level=floor, why_not=(f"forward needs {'; '.join(lacking)}",))
    try:
        built, why_not = _built(told, named, how)
        real = load_real(source, range=built.range, shape=built.shape)
        unseen = (
            None if held_out is None else load_real(held_out, range=built.range, shape=built.shape)
        )
        notes = _checked(built, real)
    except (Refused, ValueError, ModuleNotFoundError) as reason:
        return _Climb(level=floor, why_not=(str(reason),))
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
    return _Climb(level=level, game=game, why_not=why_not, provenance=known)


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


def _files(indices: Mapping[Path, Index]) -> dict[str, Any]:
    return {
        "read": {
            plain(str(path), limit=400): {
                "container": str(index.container),
                "sha256": index.sha256,
                "role": index.role.value,
                "family": index.family.value,
            }
            for path, index in indices.items()
        }
    }


def _merged(
    title: str,
    low: Report,
    high: Report | None,
    climb: _Climb,
    left: list[str],
    extra: Mapping[str, Any],
) -> Report:
    """The findings of both halves, and the reason where one of them is missing."""
    findings = [*low.findings, *([] if high is None else high.findings)]
    halves = [low, *([] if high is None else [high])]
    known: dict[str, Any] = {}
    for half in halves:
        known |= {k: v for k, v in half.provenance.items() if k != "level"}
    stopped = next((s for h in halves if (s := str(h.provenance.get("stopped") or ""))), "")
    built = {entry["path"] for entry in climb.provenance.get("files", {}).values()}
    known["not_read"] = {k: v for k, v in known.get("not_read", {}).items() if k not in built}
    reason = "; ".join(climb.why_not)
    reached = climb.level if high is not None or climb.game is None else "weights"
    return Report(
        findings=sorted(findings, key=lambda finding: finding.code),
        title=title,
        complete=all(half.complete for half in halves),
        gallery=None if high is None else high.gallery,
        provenance={
            **known,
            **extra,
            **climb.provenance,
            "level": {"reached": reached, "why_not_further": list(climb.why_not)},
            "not_run": [*(code for half in halves for code in half.not_run), *left],
            "stopped": stopped or (f"level {reached} reached: {reason}" if left and reason else ""),
        },
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
