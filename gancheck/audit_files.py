"""How far can the files of a stranger's GAN be examined, and why no further?

Four levels, each on top of the one before: `static` reads what stands in the files, `weights` asks
what the numbers alone say, `forward` builds the generator and compares its samples with data, `game`
builds both players. `audit_files` climbs as far as files, manifest and data carry, and says what
the next level needs; it guesses nothing. Nothing of a file runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gancheck.audit import diagnose
from gancheck.checkpoints import Index, Manifest, plain, read, read_manifest
from gancheck.climb import LEVELS, Climb, Settings, climb
from gancheck.diagnosis import Report
from gancheck.provenance import versions
from gancheck.weights_audit import Source, examine_weights, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["LEVELS", "Settings", "audit_files"]

_PLAYERS = ("generator", "discriminator")


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
        Refused: a file is unsafe or cannot be read, or the data cannot be used.
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
    top = climb(told, named, indices, data, held_out, how, wanted=bool(game_codes))
    if game_codes and how.level and LEVELS.index(top.level) < LEVELS.index(how.level):
        raise ValueError(f"the level {how.level} is not reached: {'; '.join(top.why_not)}")
    title = " and ".join(path.name for path in files[:2]) + (
        f" and {len(files) - 2} more" if len(files) > 2 else ""
    )
    if top.game is None or low.provenance.get("stopped"):
        high, left = None, game_codes if how.wants("forward") else []
    else:
        high, left = (
            diagnose(
                top.game,
                codes=game_codes,
                plan=how.plan,
                budget=how.budget,
                progress=progress,
            ),
            [],
        )
    return _merged(title, low, high, top, left, {**_files(indices), **(provenance or {})})


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
    top: Climb,
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
    built = {entry["path"] for entry in top.provenance.get("files", {}).values()}
    known["not_read"] = {k: v for k, v in known.get("not_read", {}).items() if k not in built}
    reason = "; ".join(top.why_not)
    reached = top.level if high is not None or top.game is None else "weights"
    return Report(
        findings=sorted(findings, key=lambda finding: finding.code),
        title=title,
        complete=all(half.complete for half in halves),
        gallery=None if high is None else high.gallery,
        provenance={
            **known,
            **extra,
            **top.provenance,
            "level": {"reached": reached, "why_not_further": list(top.why_not)},
            "not_run": [*(code for half in halves for code in half.not_run), *left],
            "stopped": stopped or (f"level {reached} reached: {reason}" if left and reason else ""),
        },
    )
