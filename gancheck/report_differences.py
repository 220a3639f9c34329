"""In what were two reports made differently, and what has a reader to know before their numbers?

A difference that was chosen (loss, recipe, plan) or installed (versions) is named before any number,
because a number measured in another way is another number. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.report_file import Side

__all__ = ["DECIDING", "Difference", "cut", "differences_of", "notes"]

DECIDING: Final = ("batch_size", "samples", "gradient_batch", "features")
"""Entries of a plan that decide what a number estimates; the others only move its errors."""

_TEXT: Final = 300
_DIFFERENCES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something in which the two were made differently.

    Attributes:
        group: loss, recipe, plan, versions or measurement.
        name: dotted.
        base: as text; "none" where the base has it not.
        head: the same of the head.
    """

    group: str
    name: str
    base: str
    head: str


def differences_of(base: Side, head: Side) -> list[Difference]:
    """What was chosen or installed otherwise, by consequence; files and hashes are no choice."""
    groups: list[tuple[str, Any, Any]] = [
        ("loss", {"loss": _loss(base)}, {"loss": _loss(head)}),
        ("recipe", _recipe(base), _recipe(head)),
        ("plan", base.provenance.get("plan") or {}, head.provenance.get("plan") or {}),
        ("versions", base.provenance.get("versions"), head.provenance.get("versions")),
        (
            "versions of training",
            base.configuration.get("versions"),
            head.configuration.get("versions"),
        ),
        ("measurement", _measured(base), _measured(head)),
    ]
    out: list[Difference] = []
    for group, was, now in groups:
        left, right = _leaves(was), _leaves(now)
        if group == "versions of training" and not (left and right):
            continue
        out += [
            Difference(
                group=group,
                name=name or group,
                base=left.get(name, "none"),
                head=right.get(name, "none"),
            )
            for name in dict.fromkeys([*left, *right])
            if left.get(name) != right.get(name)
        ]
    return out[:_DIFFERENCES]


def _loss(side: Side) -> Any:
    return side.provenance.get("loss") or side.configuration.get("configuration", {}).get("loss")


def _recipe(side: Side) -> dict[str, Any]:
    """run.json's configuration where both could have it; else what the report says of its recipe."""
    told: dict[str, Any] = {
        k: side.provenance[k]
        for k in ("recipe", "step", "training_seed", "latent", "parameters", "data")
        if k in side.provenance
    }
    chosen = cast("dict[str, Any]", side.configuration.get("configuration", {}))
    twice = ("recipe", "loss", "name", "seed", "streams")  # told above, or drawn from the seed
    return told | {k: v for k, v in chosen.items() if k not in twice and k not in told}


def _measured(side: Side) -> dict[str, Any]:
    names = ("device", "dtype", "level", "manifest", "not_run", "hypotheses")
    return {k: side.provenance[k] for k in names if k in side.provenance}


def _leaves(value: Any, prefix: str = "") -> dict[str, str]:
    """A nested mapping as dotted name -> text; whatever is no mapping is one text."""
    if isinstance(value, dict) and value:
        out: dict[str, str] = {}
        for key, inner in cast("dict[str, Any]", value).items():
            out |= _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
        return out
    if value is None or value in ({}, []):
        return {}
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return {cut(prefix): cut(text)}


def cut(text: str) -> str:
    """No longer than a page has room for."""
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."


def notes(
    base: Side, head: Side, differences: Sequence[Difference], plan: Sequence[str]
) -> list[str]:
    """Sentences that a reader needs before the numbers.

    Args:
        base: the first.
        head: the second.
        differences: of the two.
        plan: entries of the plan that differ and decide what a number estimates.
    """
    groups = {d.group for d in differences}
    out: list[str] = []
    if plan:
        out.append(
            f"The plans differ in {', '.join(plan)}: sampled quantities are not comparable, "
            "whatever the numbers are. Diagnose one of the two again with the other's plan."
        )
    if "loss" in groups:
        out.append(
            "The losses differ: curvature, rotation and gradients are those of other functions. A "
            "change there says that the games differ, not that one is better."
        )
    if any(d.group == "versions" and d.name == "gancheck" for d in differences):
        out.append(
            "The reports are of two versions of gancheck: look into its changelog whether a "
            "formula or a threshold changed between them."
        )
    for name, side in (("base", base), ("head", head)):
        if not side.complete:
            out.append(f"The {name} is incomplete: some of its chosen diagnostics never ran.")
    hashes = [_hashes(side) for side in (base, head)]
    if hashes[0] and hashes[0] == hashes[1]:
        out.append("Both reports are of the same files: what changed is the measurement alone.")
    seeds = [_leaves(side.provenance.get("plan")).get("seed") for side in (base, head)]
    if seeds[0] is not None and seeds[0] == seeds[1]:
        out.append(
            f"Both were measured with seed {seeds[0]} and so may share batches: errors that go "
            "the same way make the intervals here too wide, not too narrow."
        )
    return out


def _hashes(side: Side) -> list[str]:
    """sha256 of the files that a report is of, in order."""
    found = [*_leaves(side.provenance.get("files")).items()]
    return sorted(text for name, text in found if name.endswith("sha256"))
