"""What was predicted by which theorem, what came out, and how is it done again?

One page for one experiment: the claim, what was predicted and what would refute it, written before
the runs; a section for each setting with its figure, its table and every run; the conclusion, also
where it is against the prediction; the command. The same `ExperimentPage` gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from gancheck.measures.figures import NARROW, WIDE
from gancheck.rendering.figure import inline_svg
from gancheck.rendering.files import write_whole
from gancheck.rendering.page import json_twin, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from markupsafe import Markup
    from matplotlib.figure import Figure

__all__ = [
    "Agreement",
    "ExperimentPage",
    "Number",
    "Part",
    "Table",
    "render_experiment_page",
    "write_experiment_page",
]


class Agreement(StrEnum):
    """How a measurement stands to what was predicted."""

    supported = "as predicted"
    partly = "in part"
    contradicted = "contradicted"
    open = "undecided"


_SHAPES: Final = {
    Agreement.supported: "sound",
    Agreement.partly: "warning",
    Agreement.contradicted: "failing",
    Agreement.open: "undecided",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number beside a section: what it is, the number, and its interval in words."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text as they are to stand on the page.

    Attributes:
        columns: heads.
        rows: one text a column each.
        words: how many columns from the left are words; the others are numbers, set right.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1

    def __post_init__(self) -> None:
        odd = next((row for row in self.rows if len(row) != len(self.columns)), None)
        if odd is not None:
            raise ValueError(
                f"a row must have one text for each of {len(self.columns)} columns, got {list(odd)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One setting that the prediction was put to.

    Attributes:
        name: of the setting, in a word or two.
        agreement: how it came out.
        title: the result in a sentence.
        lead: the reason, with the numbers that decided.
        numbers: that stand beside it.
        table: below the figure.
        draw: width in pixels -> figure; called for a wide and a narrow page.
        alt: what the figure shows, for who does not see it.
        caption: what it is and how it is read.
        samples: pictures, from `gancheck.rendering.gallery`.
        samples_note: below them; says how they were chosen.
        folded: heading -> table, below all that: second looks, every single run.
    """

    name: str
    agreement: Agreement
    title: str
    lead: str
    numbers: Sequence[Number]
    table: Table
    draw: Callable[[int], Figure]
    alt: str
    caption: str
    samples: Sequence[Markup] = ()
    samples_note: str = ""
    folded: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPage:
    """Everything its page says.

    Attributes:
        question: the page's title.
        agreement: of the whole, as the headline has it.
        headline: what came out, in a sentence.
        claim: what is claimed, by whom.
        theorems: ids of the theorems it comes from.
        predicted: before the runs.
        refuted_by: what would have refuted it, before the runs.
        parts: the settings.
        conclusion: paragraphs; also why theory and measurement differ where they do.
        limits: what the page cannot tell.
        command: that makes the runs and the page.
        facts: seeds, settings, versions.
        result: the numbers as JSON, for programs.
    """

    question: str
    agreement: Agreement
    headline: str
    claim: str
    theorems: Sequence[str]
    predicted: str
    refuted_by: str
    parts: Sequence[Part]
    conclusion: Sequence[str]
    limits: Sequence[str]
    command: str
    facts: Sequence[tuple[str, str]]
    result: Mapping[str, Any] = field(default_factory=dict)


def render_experiment_page(experiment: ExperimentPage) -> str:
    """The page as HTML text; the same experiment gives the same bytes.

    Raises:
        ValueError: no part, or a result that JSON cannot say.
    """
    if not experiment.parts:
        raise ValueError("an experiment must have at least one part, got none")
    return render(
        "experiment.html",
        experiment=experiment,
        shapes=_SHAPES,
        figures=[_drawn(part, number) for number, part in enumerate(experiment.parts)],
        twin=json_twin(json.dumps(experiment.result, indent=1, allow_nan=False)),
    )


def write_experiment_page(experiment: ExperimentPage, path: Path) -> Path:
    """Write the page to `path`, whole or not at all.

    Raises:
        OSError: the file cannot be written; the message is one sentence that names it.
    """
    write_whole(path, render_experiment_page(experiment))
    return path


def _drawn(part: Part, number: int) -> dict[str, Markup]:
    """A part's figure twice, for a wide and for a narrow page."""
    return {
        name: inline_svg(part.draw(width), prefix=f"part{number}{name}", alt=part.alt)
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    }
