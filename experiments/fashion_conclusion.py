"""What follows from the differences on Fashion-MNIST, in words for every outcome."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from experiments.fashion_effects import LEVEL, MEASURES, base_values
from experiments.fashion_ladder import inward_ends
from experiments.fashion_tables import numbers_of
from experiments.page_parts import chosen
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.fashion_effects import Effect
    from experiments.finished_runs import Row
    from gancheck.rendering.experiment_page import Part

__all__ = ["NORM_ALLOWED", "conclusion", "largest_normed", "slopes_are_held"]

NORM_ALLOWED: Final = 1.05  # of the product of normed layers: each norm is a running estimate
_FEWEST: Final = math.ceil(math.log2(2.0 / (1.0 - LEVEL)))  # seeds that can reach the level


def conclusion(rows: Sequence[Row], every: Sequence[Effect], measuring: Part) -> list[str]:
    """What follows, also where it is against what was predicted."""
    out = [
        (
            "**The measuring batch alone changes a curvature,** so a number without its batch says "
            "little; the numbers compared here are the game’s, from fresh or paired batches."
            if inward_ends(chosen(rows, part="ladder")[0]["measured"]["ladder"])
            else "**What the measuring batch does to a curvature was too little to be seen** with so few "
            "batches a size."
        )
        + " Of what was predicted of it, "
        + ", ".join(f"“{n.label}” is {n.value}" for n in measuring.numbers)
        + ".",
        _budgets(every),
        _term_and_training(every),
    ]
    product = largest_normed(rows)
    if not slopes_are_held(rows):
        out.append(
            "**A slope lies above the product of the layers’ norms,** which no network of this kind can "
            "have: the slopes or the norms are wrong."
        )
    elif product > NORM_ALLOWED:
        out.append(
            "**Spectral norm holds a layer to 1 only as well as its running estimate does.** The "
            "estimate is a power iteration’s and never above the true norm, so a layer divided by it "
            f"has at least norm 1; of three layers the product came to {number_text(product, 4)}, more "
            f"than the {NORM_ALLOWED:g} that was allowed for this. The slope is below the product all "
            "the same."
        )
    against = [e for e in every if e.agreement is Agreement.contradicted]
    if against:
        out.append(
            "**Against the prediction:** "
            + "; ".join(f"{e.label}, {MEASURES[e.measure]}" for e in against)
            + ". What was predicted is proved of an equilibrium or an optimum, of one number against "
            "one, or said and not proved; a training of these networks ends at none of them."
        )
    undecided = sum(e.agreement is Agreement.open for e in every)
    if undecided:
        out.append(
            f"**{undecided} predicted differences are undecided:** their seeds do not all agree, and "
            "at the level of the page nothing less decides."
            if len(base_values(rows, "slope")) >= _FEWEST
            else f"**{undecided} predicted differences are undecided:** there are too few seeds for "
            "the level of the page."
        )
    return out


def _budgets(every: Sequence[Effect]) -> str:
    """Whether the two budgets give one answer for the training batch."""
    signs = {(e.label, e.measure): e.sign for e in every}
    apart: list[str] = []
    for name in ("a quarter", "fourfold"):
        other = [
            MEASURES[m]
            for m in MEASURES
            if signs[f"{name}, updates", m] != signs[f"{name}, images", m]
        ]
        if other:
            apart.append(f"for {name} in {', '.join(other)}")
    if not apart:
        return (
            "**Equal updates and equal images give the same answer** for every number of both training "
            "batches."
        )
    return (
        "**Which budget is held fixed decides what is seen of the training batch:** one shows a "
        "difference where the other shows none or the opposite "
        + " and ".join(apart)
        + ". A statement on the training batch that does not say its budget says little."
    )


def _term_and_training(every: Sequence[Effect]) -> str:
    found = {(e.label, e.measure): e for e in every}
    said = [
        f"{MEASURES[m]} {_moved(found['R1’s term alone', m])} with the term alone and "
        f"{_moved(found['R1', m])} at the end of a training with it"
        for m in ("top_d", "rotation")
    ]
    return (
        "**A term and a training with it are two questions:** "
        + "; ".join(said)
        + ". The first is what the theorem is nearest to."
    )


def _moved(e: Effect) -> str:
    return {1: "is larger", -1: "is smaller", 0: "is undecided"}[e.sign]


def largest_normed(rows: Sequence[Row]) -> float:
    """The largest product of norms of a pair with spectral norm."""
    normed = chosen(rows, part="setting", setting="spectral norm")
    return max(numbers_of(r)["norm_product"]["value"] for r in normed)


def slopes_are_held(rows: Sequence[Row]) -> bool:
    """Whether no pair's mean slope exceeds the product of its layers' norms."""
    return all(
        look["numbers"]["slope"]["value"] <= look["numbers"]["norm_product"]["value"]
        for row in chosen(rows, part="setting")
        for look in row["measured"]["looks"].values()
    )
