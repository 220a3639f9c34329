"""What do the files alone say of a GAN, before anything of it is built or run?

`read_weights` reads files without running them, splits them into players and optimizers, and gives
the `Weights` that the diagnostics of the level "weights" take; `examine_weights` runs those on it.
Tensors that stand inside a pickled object are read too: their numbers need none of its classes.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gancheck import content
from gancheck.checkpoints import Limits, plain
from gancheck.checkpoints.guess import guess_role
from gancheck.checkpoints.load import build_tensors
from gancheck.checkpoints.read import examine, snapshot
from gancheck.checkpoints.selection import select
from gancheck.diagnosis import Finding, NotApplicable, Place, Plan, Report
from gancheck.measures.weights import OptimizerState, PlayerWeights, Weights
from gancheck.provenance import stamp, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch import Tensor

    from gancheck.checkpoints import Index, TensorInfo
    from gancheck.diagnosis import Diagnostic

__all__ = ["Source", "examine_weights", "read_weights"]

_LONGEST = 400  # characters of a name as shown; longer ones are told apart by a number
_SLOTS = frozenset({"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "acc_delta", "sum", "ax", "eta", "mu", "exp_inf", "prev", "step_size"})  # fmt: skip
_OPTIMISER_WORDS = frozenset({"optim", "optimizer", "optimiser", "opt", "adam", "state", "dict"})
_AVERAGE_WORDS = frozenset({"ema", "avg", "average", "averaged", "shadow", "ge"})
_GROUPS = "param_groups"
_ATTRIBUTES = "dict.attributes"  # holder of what hangs on a dict beside its contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, and what its owner says about it.

    Attributes:
        path: of the file.
        role: generator or discriminator; "" where it is to be guessed.
        key: the dict inside the file that holds the player; None for the whole file.
        strip_prefix: take only the names that begin so.
    """

    path: str | Path
    role: str = ""
    key: str | None = None
    strip_prefix: str = ""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor of a file that is read: the words of its name, and where it stands."""

    words: tuple[str, ...]
    info: TensorInfo


def read_weights(
    sources: Sequence[str | Path | Source], *, objective: str = "", limits: Limits | None = None
) -> Weights:
    """Read every tensor of some files and sort them into players and optimizers.

    Args:
        sources: files of one GAN: a file a player, or one with all of them.
        objective: kind of the loss, where a manifest says it.
        limits: budgets of the reading.

    Raises:
        Refused: a file is unsafe or unreadable.
        ValueError: no file is named.
    """
    if not sources:
        raise ValueError("sources must name at least one file, got none")
    players: list[PlayerWeights] = []
    optimizers: list[OptimizerState] = []
    hashes: dict[str, str | None] = {}
    aliases: list[tuple[Place, ...]] = []
    left_out: dict[str, str] = {}
    for given in sources:
        source = given if isinstance(given, Source) else Source(path=given)
        file = plain(str(source.path), limit=_LONGEST)
        data = snapshot(source.path, limits=limits or Limits())
        index = examine(data, name=Path(source.path).name, limits=limits or Limits())
        hashes[file] = index.sha256
        chosen = _chosen(index, source)
        reason = _why_left_out(index, chosen)
        if reason:
            left_out[file] = reason
        built = build_tensors(data, {str(i): t.info for i, t in enumerate(chosen)})
        tensors = dict(zip(_names(chosen), built.values(), strict=True))
        named = dict(zip(tensors, chosen, strict=True))
        states = {name: t for name, t in named.items() if _slot(t) is not None}
        weights = {name: t for name, t in named.items() if name not in states}
        aliases += _aliases(weights, file)
        players += _players(weights, tensors, source, file)
        optimizers += _optimizers(states, tensors, index, source, file)
    return Weights(
        players=_uniquely_named(players),
        optimizers=tuple(optimizers),
        hashes=hashes,
        aliases=tuple(aliases),
        objective=objective,
        left_out=left_out,
    )


def examine_weights(
    weights: Weights,
    *,
    codes: Sequence[str] | None = None,
    plan: Plan | None = None,
    title: str = "weights",
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Run the diagnostics that need nothing but weights.

    Args:
        weights: what `read_weights` returned.
        codes: diagnostics to run; all of the level "weights" where not given.
        plan: gives the seed of what is drawn at random.
        title: for the page.
        provenance: added to the report's.
        progress: told the code and question of each diagnostic as it begins.

    Returns:
        A report, incomplete where the user interrupted. Whether every number is finite is asked
        first: where GC101 fails, a game built from the files would measure nothing.

    Raises:
        ValueError: an unknown code, or one of another level.
    """
    shelf = content.diagnostics("weights")
    chosen = list(shelf) if codes is None else list(codes)
    for code in chosen:
        if code not in shelf:
            raise ValueError(
                f"unknown diagnostic of weights {code!r}; the shelf has {', '.join(shelf)}"
            )
    plan = plan or Plan()
    start = time.perf_counter()
    findings: list[Finding] = []
    stopped = ""
    with _one_thread():
        for code in chosen:
            if progress is not None:
                progress(f"{code} {shelf[code].question}")
            try:
                findings.append(_run(shelf[code], weights, plan))
            except KeyboardInterrupt:
                stopped = "interrupted"
                break
    return Report(
        findings=findings,
        title=title,
        complete=not stopped,
        provenance={
            **(provenance or {}),
            "versions": versions(),
            "level": "weights",
            "weights": {file: {"sha256": digest} for file, digest in weights.hashes.items()},
            "not_read": dict(weights.left_out),
            "stamp": stamp(seconds=time.perf_counter() - start, device="cpu"),
            "not_run": [c for c in chosen if c not in {f.code for f in findings}],
            "stopped": stopped,
        },
    )


@contextmanager
def _one_thread() -> Generator[None]:
    """Small sums and decompositions: sharing them out costs more, and may change the last digit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run(diagnostic: Diagnostic, weights: Weights, plan: Plan) -> Finding:
    start = time.perf_counter()
    try:
        finding = diagnostic.judge(diagnostic.measure(weights, plan))
    except NotApplicable as reason:
        finding = diagnostic.not_applicable(reason)
    return replace(finding, seconds=time.perf_counter() - start)


def _chosen(index: Index, source: Source) -> list[_Tensor]:
    """The tensors that are read: those whose bytes stand in one place of the file."""
    if source.key is None and not source.strip_prefix:
        # an optimizer's groups hold the parameters themselves, listed with their player already
        found = [t for t in index.tensors if t.holder != _ATTRIBUTES and _GROUPS not in t.path]
    else:
        found = list(select(index, key=source.key, strip_prefix=source.strip_prefix).values())
    return [_Tensor(tuple(t.key.split(".")), t) for t in found if t.offset is not None]


def _why_left_out(index: Index, chosen: Sequence[_Tensor]) -> str:
    if chosen:
        return ""
    return plain(index.why_not or "it holds no tensor whose numbers can be read", limit=_LONGEST)


def _names(chosen: Sequence[_Tensor]) -> list[str]:
    """Names made plain, told apart where that, or a cut, makes two the same."""
    out: dict[str, None] = {}
    for tensor in chosen:
        name = shown = plain(tensor.info.key, limit=_LONGEST)
        count = 2
        while shown in out:
            shown = f"{name} ({count})"
            count += 1
        out[shown] = None
    return list(out)


def _window(tensor: _Tensor) -> tuple[object, ...]:
    info = tensor.info
    return info.offset, info.dtype, info.shape, info.strides


def _aliases(named: Mapping[str, _Tensor], file: str) -> list[tuple[Place, ...]]:
    windows: dict[tuple[object, ...], list[Place]] = {}
    for name, tensor in named.items():
        if tensor.info.count:
            windows.setdefault(_window(tensor), []).append(Place(file=file, tensor=name))
    return [tuple(places) for places in windows.values() if len(places) > 1]


def _slot(tensor: _Tensor) -> tuple[str, str, str] | None:
    """(optimizer, parameter, slot) of a tensor of an optimizer's state; None of any other."""
    path = tensor.info.path
    if len(path) >= 3 and path[-3] == "state" and path[-1] in _SLOTS:
        return ".".join(path[:-3]), path[-2], path[-1]
    return None


def _players(
    named: Mapping[str, _Tensor], tensors: Mapping[str, Tensor], source: Source, file: str
) -> list[PlayerWeights]:
    out: list[PlayerWeights] = []
    parts = _parts(list(named.items()), ())
    for part, members in parts:
        windows: dict[tuple[object, ...], str] = {}
        for name, tensor in members:
            windows.setdefault(_window(tensor) if tensor.info.count else (name,), name)
        label = ".".join(part)
        infos = [_inside(t, len(part)) for _, t in members]
        stem = Path(source.path).stem
        guessed = guess_role(infos, f"{label or stem}.x").value
        words = _words(f"{label} {stem}")
        if not any(len(info.shape) for info in infos):
            continue  # counters and settings beside the weights are no player
        out.append(
            PlayerWeights(
                name=plain(label or stem, limit=60),
                role=source.role if source.role and len(parts) == 1 else guessed,
                file=file,
                part=plain(label, limit=_LONGEST),
                tensors={name: tensors[name] for name in windows.values()},
                averaged=bool(words & _AVERAGE_WORDS),
            )
        )
    return out


_Members = list[tuple[str, _Tensor]]


def _parts(members: _Members, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], _Members]]:
    """Split the tensors of a file into players, by the first words of their names."""
    depth = len(above)
    firsts: dict[str, _Members] = {}
    for name, tensor in members:
        words = tensor.words[depth:]
        firsts.setdefault(words[0] if len(words) > 1 else "", []).append((name, tensor))
    if not members:
        return []
    if len(firsts) == 1 and "" not in firsts:
        (first,) = firsts
        inner = _parts(members, (*above, first))
        is_dict = all(len(t.info.path) > depth + 1 for _, t in members)
        return inner if len(inner) > 1 or is_dict else [(above, members)]
    if "" in firsts or not _are_players(firsts, depth):
        return [(above, members)]
    return [((*above, first), group) for first, group in firsts.items()]


def _are_players(firsts: Mapping[str, _Members], depth: int) -> bool:
    """Whether each group is a network of its own: one is named for a player, or each is a dict."""
    if any(_named_role(first) in ("generator", "discriminator") for first in firsts):
        return True
    return depth == 0 and all(
        len(t.info.path) > 1 and t.info.holder is None
        for group in firsts.values()
        for _, t in group
    )


def _named_role(name: str) -> str:
    return guess_role((), f"{name}.x").value


def _inside(tensor: _Tensor, depth: int) -> TensorInfo:
    """The tensor as a file with its part alone would list it."""
    return replace(tensor.info, path=(".".join(tensor.words[depth:]),))


def _words(text: str) -> set[str]:
    """Words of a name, also those run together as in optimizerD."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return {word.lower() for word in re.split(r"[^A-Za-z0-9]+", parted) if word}


def _optimizers(
    states: Mapping[str, _Tensor],
    tensors: Mapping[str, Tensor],
    index: Index,
    source: Source,
    file: str,
) -> list[OptimizerState]:
    grouped: dict[str, dict[str, dict[str, str]]] = {}
    for name, tensor in states.items():
        optimizer, parameter, slot = _slot(tensor) or ("", "", "")
        grouped.setdefault(optimizer, {}).setdefault(parameter, {})[slot] = name
    out: list[OptimizerState] = []
    for optimizer, parameters in grouped.items():
        stem = optimizer or Path(source.path).stem
        start = f"{optimizer}." if optimizer else ""
        settings = _under(index.metadata, f"{start}param_groups.")
        first = _under(settings, "0.")
        out.append(
            OptimizerState(
                name=plain(stem, limit=60),
                file=file,
                role=_named_role(" ".join(sorted(_words(stem) - _OPTIMISER_WORDS))),
                slots=tuple(
                    {slot: tensors[name] for slot, name in slots.items()}
                    for slots in parameters.values()
                ),
                keys=tuple(plain(f"{start}state.{p}", limit=_LONGEST) for p in parameters),
                settings={k: v for k, v in first.items() if not k.startswith("params.")},
                groups=len({k.split(".", 1)[0] for k in settings}),
                steps=tuple(
                    _step(slots, tensors, index.metadata.get(f"{start}state.{p}.step"))
                    for p, slots in parameters.items()
                ),
            )
        )
    return out


def _under(
    values: Mapping[str, bool | int | float | str], start: str
) -> dict[str, bool | int | float | str]:
    return {k.removeprefix(start): v for k, v in values.items() if k.startswith(start)}


def _step(slots: Mapping[str, str], tensors: Mapping[str, Tensor], told: object) -> float | None:
    if "step" in slots and tensors[slots["step"]].numel() == 1:
        return float(tensors[slots["step"]])
    return float(told) if isinstance(told, (int, float)) else None


def _uniquely_named(players: Sequence[PlayerWeights]) -> tuple[PlayerWeights, ...]:
    """Players named for their role where that is known and no other has it."""
    wanted = [
        player.name
        if player.role in ("unknown", "")
        else f"averaged {player.role}"
        if player.averaged
        else player.role
        for player in players
    ]
    names = [
        role if wanted.count(role) == 1 else player.name
        for player, role in zip(players, wanted, strict=True)
    ]
    out: list[PlayerWeights] = []
    for i, (player, name) in enumerate(zip(players, names, strict=True)):
        label = name if names.count(name) == 1 else f"{name} ({i + 1})"
        out.append(replace(player, name=label))
    return tuple(out)
