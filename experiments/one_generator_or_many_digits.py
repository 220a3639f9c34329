"""The part of the page on one generator against a mixture that is about handwritten digits.

Whether a decision is possible is decided by real images alone, in spaces that were fixed before; the
words follow from the rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.digit_spaces import SPACES
from gancheck.measures.figures import figure_of, number_text, page_style, y_title
from gancheck.measures.path_figures import mosaic
from gancheck.measures.support_figures import Panel, arranged
from gancheck.rendering.experiment_page import Agreement, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["VERDICTS", "digits_part", "percent", "span"]

VERDICTS: Final = {
    "bridged": "bridged",
    "not_detected": "not detected",
    "not_decidable": "not decidable",
}


def digits_part(
    one: Mapping[int, Mapping[str, Any]], many: Mapping[int, Mapping[str, Any]]
) -> Part:
    """What can be said of digits.

    Args:
        one: what was measured of one generator, by seed.
        many: of a mixture.
    """
    every = [*one.values(), *many.values()]
    decided = [s for s in SPACES if any(_verdict(m, s) != "not_decidable" for m in every)]
    accuracy = float(np.mean([m["accuracy"] for m in every]))
    if decided:
        lead = (
            f"In {' and '.join(decided)} held-out real images leave the gaps empty enough for a "
            "test; what it says stands in the table."
        )
    else:
        lead = (
            "In none of the five spaces do held-out real images leave a gap between the digits, "
            "whoever made the samples: too many of them lie halfway between two digits. The table says "
            "how many real images it would take if that share fell on as it does from half of the "
            "reference to the whole, which is a guess. Nothing is concluded."
        )
    return Part(
        name="digits",
        agreement=Agreement.open,
        title=(
            "digits: a decision is possible in " + " and ".join(decided)
            if decided
            else "digits: the question cannot be decided in any of the five spaces"
        ),
        lead=lead
        + f" The classifier reads {percent(accuracy)} % of the images that it was not trained on "
        "rightly; those it does not, and their likes, lie between the classes.",
        numbers=[
            Number(
                label="spaces in which it can be decided", value=f"{len(decided)} of {len(SPACES)}"
            ),
            Number(
                label="real images there are",
                value=f"{1797:,}",
                note="of which half place the gaps",
            ),
        ],
        table=Table(
            columns=[
                "space",
                "one generator",
                "ten experts",
                "real halfway, % (1 may)",
                "real images needed",
            ],
            rows=[_space(name, one, many) for name in SPACES],
            words=3,
        ),
        draw=partial(_drawn_digits, one[0], many[0]),
        alt="Images along latent paths between two digits, of one generator and of a mixture",
        caption=(
            "Images along straight latent paths from one digit to another, as the classifier reads "
            "their ends; in the mixture each path stays within an expert. The first paths of seed "
            "0, not selected. A picture, no verdict."
        ),
        folded={
            "Why, in each space, for seed 0": Table(
                columns=["space", "one generator", "ten experts"],
                rows=[_reason(name, one, many) for name in SPACES],
                words=3,
            ),
            **{
                f"Experts against digits as the classifier reads them, seed {seed}": _read(m)
                for seed, m in many.items()
            },
        },
    )


def _verdict(m: Mapping[str, Any], space: str) -> str:
    return m["spaces"][space]["verdict"]


def _space(
    name: str, one: Mapping[int, Mapping[str, Any]], many: Mapping[int, Mapping[str, Any]]
) -> list[str]:
    def said(found: Mapping[int, Mapping[str, Any]]) -> str:
        verdicts = [m["spaces"][name]["verdict"] for m in found.values()]
        return ", ".join(
            f"{VERDICTS[v]} {verdicts.count(v)} of {len(verdicts)}" for v in dict.fromkeys(verdicts)
        )

    needed = [m["spaces"][name]["needed"] for m in (*one.values(), *many.values())]
    halfway = [100 * m["spaces"][name]["halfway"] for m in (*one.values(), *many.values())]
    known = [n for n in needed if n is not None]
    told = f"{span(known)}" if known else "over a million"
    if known and len(known) < len(needed):
        told += f", in {len(needed) - len(known)} of {len(needed)} runs over a million"
    decided = one[0]["spaces"][name]["verdict"] != "not_decidable"
    return [name, said(one), said(many), span(halfway), "" if decided else told]


def _reason(
    name: str, one: Mapping[int, Mapping[str, Any]], many: Mapping[int, Mapping[str, Any]]
) -> list[str]:
    return [name, *(found[0]["spaces"][name]["because"] for found in (one, many))]


def _read(m: Mapping[str, Any]) -> Table:
    table = np.array(m["table"])
    return Table(
        columns=["expert", *(str(k) for k in range(10))],
        rows=[[str(i), *(str(v) if v else "" for v in row)] for i, row in enumerate(table)],
    )


def _drawn_digits(one: Mapping[str, Any], many: Mapping[str, Any], width_px: int) -> Figure:
    with page_style():
        panels = [
            Panel(partial(_frames, found=m["frames"], title=title), 230, 230)
            for m, title in ((one, "one generator"), (many, "a mixture of ten"))
        ]
        return figure_of(arranged(width_px, panels))


def _frames(ax: Axes, found: Mapping[str, Any], title: str) -> None:
    ink = np.array(found["ink"], dtype=np.float64) / 16.0
    names = [f"{a} to {b}" for a, b in zip(found["from"], found["to"], strict=True)]
    if len(ink):
        mosaic(ax, ink.reshape(*ink.shape[:2], 8, 8), names)
    else:
        ax.text(0.5, 0.5, "no expert makes two digits", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
    y_title(ax, title)


def percent(share: float, digits: int = 3) -> str:
    """A share as a number of per cent."""
    return number_text(100 * share, digits)


def span(values: Sequence[float]) -> str:
    """Least to largest, one number where they read the same."""
    low, high = min(values), max(values)
    low_text, high_text = number_text(low, 3), number_text(high, 3)
    return low_text if low_text == high_text else f"{low_text} to {high_text}"
