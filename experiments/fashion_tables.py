"""Tables, numbers and strips of pictures on the page on Fashion-MNIST, from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.fashion_effects import COMPARISONS, FAMILY, LEVEL, MEASURES, base_values
from experiments.fashion_figures import strip
from experiments.fashion_settings import BASE
from experiments.page_parts import chosen
from experiments.pairs import span
from gancheck.measures.figures import number_text
from gancheck.measures.medians import median_interval
from gancheck.rendering.experiment_page import Number, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from experiments.fashion_effects import Effect
    from experiments.finished_runs import Row
    from gancheck.measures.medians import MedianInterval

__all__ = [
    "DEFINITIONS",
    "PERCENT",
    "caption",
    "effects_table",
    "every_pair",
    "intervals_table",
    "measured",
    "numbers_of",
    "of_signs",
    "predicted_numbers",
    "real_strip",
    "strips",
    "with_error",
]

PERCENT: Final = f"{100.0 * LEVEL:.4g} %"
DEFINITIONS: Final[Mapping[str, str]] = {
    "top_d": "quotient of the vector of one batch’s largest eigenvalue on 16 fresh batches",
    "bottom_d": "the same of the smallest",
    "top_g": "as for D, of G’s own loss",
    "bottom_g": "the same of the smallest",
    "rotation": "||A|| / ||J|| of the expected game, A the antisymmetric part, from pairs of batches",
    "ratio": "norm of the non-saturating over that of the saturating gradient, minibatches of 32",
    "slope": "mean norm of the score’s gradient in the image, between real and generated ones",
    "frechet": "squared, less that of real images, in 32 principal components of real ones",
    "coverage": "share of held-out images with a generated one nearer than their fifth neighbour, in "
    "the same components",
    "memory": "how often D scores an image it was trained on above a held-out one; 1/2: cannot tell",
}


def of_signs(found: Sequence[Effect]) -> list[Number]:
    """How many measures of each comparison moved surely."""
    labels = list(dict.fromkeys(e.label for e in found))
    return [
        Number(
            label=label,
            value=f"{sum(bool(e.sign) for e in found if e.label == label)} of {len(MEASURES)}",
            note="numbers that surely differ from the base",
        )
        for label in labels
    ]


def predicted_numbers(found: Sequence[Effect]) -> list[Number]:
    """The median difference of each, its interval, how it came out, and whose word it was."""
    return [
        Number(
            label=f"{e.label}: {MEASURES[e.measure]}",
            value=number_text(e.interval.value, 3),
            note=f"{PERCENT} {span(e.interval)}, {e.agreement}; "
            + ("" if e.prediction is None else e.prediction.source),
        )
        for e in found
    ]


def effects_table(rows: Sequence[Row], found: Sequence[Effect]) -> Table:
    """A row a measure: medians of the base and of the difference of each comparison."""
    labels = list(dict.fromkeys(e.label for e in found))
    return Table(
        columns=["number", "base", *labels],
        rows=[
            [
                MEASURES[m],
                number_text(median_interval(list(base_values(rows, m).values())).value, 3),
                *(_difference(e) for e in found if e.measure == m),
            ]
            for m in MEASURES
        ],
    )


def intervals_table(rows: Sequence[Row], found: Sequence[Effect]) -> Table:
    """The same with intervals: 95 % of the base, the level of the page of each difference."""
    labels = list(dict.fromkeys(e.label for e in found))
    return Table(
        columns=["number", "base", *labels],
        rows=[
            [
                MEASURES[m],
                _span_of(median_interval(list(base_values(rows, m).values()))),
                *(_span_of(e.interval) for e in found if e.measure == m),
            ]
            for m in MEASURES
        ],
    )


def _difference(e: Effect) -> str:
    text = number_text(e.interval.value, 3)
    return f"**{text}**" if e.sign else text


def _span_of(found: MedianInterval) -> str:
    if not np.isfinite(found.low):
        return "too few seeds"
    return f"{number_text(found.low, 3)} to {number_text(found.high, 3)}"


def caption() -> str:
    """How a figure and a table of differences are read."""
    return (
        "Difference to the base of the same seed: the median over seeds, and its interval at "
        f"{PERCENT}, a level at which all {FAMILY} differences of the page hold together with 95 %. "
        "Hollow, and not bold in the table: the interval holds zero."
    )


def numbers_of(row: Row, look: str = "both") -> Mapping[str, Any]:
    """The numbers of a row at a look."""
    return row["measured"]["looks"][look]["numbers"]


def measured(number: Mapping[str, float]) -> str:
    """A number with half its interval."""
    return with_error(number["value"], (number["high"] - number["low"]) / 2.0)


def with_error(value: float, error: float) -> str:
    """A value and its error."""
    return f"{number_text(value, 3)} ± {number_text(error, 1)}"


def _of_groups(*groups: str) -> list[tuple[str, str, str]]:
    """Words, setting and look of each strip or table of these groups."""
    out = [("base", BASE, "both")] if "base" in groups else []
    return out + [(c.label, c.setting, c.look) for c in COMPARISONS if c.group in groups]


def real_strip(rows: Sequence[Row]) -> list[Markup]:
    """The first held-out images, from the base of seed 0."""
    return [
        part
        for r in chosen(rows, part="setting", setting=BASE)
        if "real" in r["measured"]
        for part in strip("Held-out images", r["measured"]["real"])
    ]


def strips(rows: Sequence[Row], *groups: str) -> list[Markup]:
    """The first samples of each setting of these groups, of seed 0, each below its name."""
    out: list[Markup] = []
    for words, setting, look in _of_groups(*groups):
        for r in chosen(rows, part="setting", setting=setting, seed=0):
            seen = r["measured"]["looks"][look]
            told = f"{words}: {seen['updates']:,} updates, {seen['images']:,} images shown"
            out += strip(told[:1].upper() + told[1:], seen["pictures"])
    return out


def every_pair(rows: Sequence[Row], *groups: str) -> dict[str, Table]:
    """Every number of every pair with half its own 95 % interval."""
    return {
        f"Every pair: {words}": Table(
            columns=["seed", *MEASURES.values()],
            rows=[
                [
                    str(r["configuration"]["seed"]),
                    *(measured(numbers_of(r, look)[m]) for m in MEASURES),
                ]
                for r in chosen(rows, part="setting", setting=setting)
            ],
        )
        for words, setting, look in _of_groups(*groups)
    }
