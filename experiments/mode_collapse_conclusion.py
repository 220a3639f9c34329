"""What is concluded of curvature and mode collapse, for whatever the runs have shown?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from experiments.mode_collapse_statements import STATEMENTS, TINY, judged, with_event
from experiments.page_parts import chosen, over_seeds
from experiments.pairs import ERROR
from gancheck.measures.figures import number_text
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row

__all__ = ["COLLAPSING", "closed_form", "conclusion", "separations", "with_trained"]

COLLAPSING: Final = ("large steps", "frozen D")


def closed_form(loss: str, k: float) -> float:
    """The theorem's curvature, written again from its text."""
    w = math.exp(-k)
    if loss == "minimax":
        return -3.0 * k**2 * w / (3.0 + w) ** 2
    return -2.0 * k**2 * w * (3.0 - w**2) / ((1.0 + w) ** 2 * (3.0 + w) ** 2)


def separations(rows: Sequence[Row]) -> list[float]:
    """The k at which a D was trained."""
    return sorted({r["configuration"]["sharpness"] for r in rows})


def with_trained(rows: Sequence[Row], k: float, length: str) -> MedianInterval:
    """The median non-saturating curvature there, its interval such that those of all k hold."""
    values = [r["measured"]["non-saturating"] for r in chosen(rows, sharpness=k, length=length)]
    return median_interval(values, level=1.0 - ERROR / len(separations(rows)))


def conclusion(trained: Sequence[Row], events: Sequence[Row]) -> list[str]:
    """Paragraphs: the theorem's D, the statements, the flatness, the slope."""
    lost = [r for way in COLLAPSING for r in with_event(chosen(events, way=way))]
    words = [_of_trained(trained)]
    if not lost:
        return [*words, "**No pair lost a mode,** so nothing is said of collapse in training."]
    words.append(_of_statements(events))
    curvature = [r["measured"]["looks"]["during"]["lost"]["curvature"][0] for r in lost]
    ring = _ring_curvature(events[0]["configuration"]["spread"])
    steep = median_interval([abs(x) for x in curvature]).low > abs(ring)
    words.append(
        f"**The theorem's flatness is {'not ' if steep else ''}what a trained pair "
        f"{'shows' if steep else 'may show'}.** Two modes as wide and as far apart as neighbours "
        f"here would have the curvature {number_text(ring, 1)}; while a mode is lost the median size "
        f"is {over_seeds([abs(x) for x in curvature], 2)}, and {sum(x > 0.0 for x in curvature)} of "
        f"{len(curvature)} are positive. Neither assumption is met: D is not exact, and nothing "
        "blurs the generated mass as the data are blurred. " + _of_catching_up(lost)
    )
    words.append(
        "**One line, two ways.** Curvature alone cannot tell collapse from diversity: it is the same "
        "towards the mode and away from it. The slope can, and along these lines it is small: a "
        f"step of 0.1 towards the lost mode changes the loss by {_share_of_slope(lost)} through the "
        "slope than through the curvature, in the median over events."
    )
    return words


def _of_trained(rows: Sequence[Row]) -> str:
    at = separations(rows)[-1]
    proved = closed_form("non-saturating", at)
    short, longer = (
        with_trained(rows, at, length).value / proved for length in ("trained", "longer")
    )
    return (
        "**The theorem is about one D.** With the exact one the split curves down and is flat; with "
        f"a peaked one it curves up. A trained one has {number_text(short, 2)} times the proved "
        f"curvature at k = {at:g}, and {number_text(longer, 2)} times after four times the updates: "
        "the rest is D's own error, which weighs most where the proved curvature is small."
    )


def _of_statements(events: Sequence[Row]) -> str:
    """Which letters hold, fail and stay open, over both ways to collapse."""
    found = {
        s.letter: [judged(s, with_event(chosen(events, way=way)))[2] for way in COLLAPSING]
        for s in STATEMENTS
    }
    groups = {
        "as told, in both ways to collapse": [
            x for x, a in found.items() if set(a) == {Agreement.supported}
        ],
        "as told in one way and open in the other": [
            x for x, a in found.items() if set(a) == {Agreement.supported, Agreement.open}
        ],
        "the other way round at least once": [
            x for x, a in found.items() if Agreement.contradicted in a
        ],
        "open": [x for x, a in found.items() if set(a) == {Agreement.open}],
    }
    told = "; ".join(f"{k}: {', '.join(v)}" for k, v in groups.items() if v)
    lines = [
        r["measured"]["looks"]["during"]["lost"]
        for way in COLLAPSING
        for r in with_event(chosen(events, way=way))
    ]
    sure = sum(abs(x["curvature"][0]) > 2.0 * x["curvature"][1] for x in lines)
    return (
        f"**The popular account,** statement by statement. {told[0].upper()}{told[1:]}. Of "
        f"{len(lines)} curvatures towards a lost mode {sure} are more than two standard errors from "
        "0, so what is left open is left so by events that differ from each other, more than by "
        "batches."
    )


def _of_catching_up(lost: Sequence[Row]) -> str:
    """Whether a D that is trained on makes the line flatter."""
    ratios = [
        math.log10(
            max(abs(r["measured"]["looks"]["caught up"]["lost"]["curvature"][0]), TINY)
            / max(abs(r["measured"]["looks"]["during"]["lost"]["curvature"][0]), TINY)
        )
        for r in lost
    ]
    found = median_interval(ratios)
    if found.low <= 0.0 <= found.high:
        return "To train D on against the same generator does not surely change the size."
    factor = number_text(10.0 ** abs(found.value), 2)
    if found.value > 0.0:
        return (
            f"To train D on against the same generator makes the curvature {factor} times larger in "
            "size, not smaller. A reading that was not tested: a better D sees everything that "
            "tells this generator from the data, and in the theorem that is the missing mode alone."
        )
    return f"To train D on against the same generator makes it {factor} times smaller in size."


def _share_of_slope(lost: Sequence[Row]) -> str:
    """H |slope| against h^2/2 |curvature| at h = 0.1, in words."""
    ratios: list[float] = []
    for row in lost:
        line = row["measured"]["looks"]["during"]["lost"]
        ratios.append(abs(line["slope"][0]) / max(0.05 * abs(line["curvature"][0]), TINY))
    middle = median_interval(ratios).value
    if middle >= 1.0:
        return f"{number_text(middle, 2)} times more"
    return f"{number_text(1.0 / max(middle, TINY), 2)} times less"


def _ring_curvature(spread: float) -> float:
    """The theorem's curvature for two modes like neighbours of the ring, in the ring's lengths."""
    half = 2.0 * math.sin(math.pi / 8.0)  # half the distance of neighbours on a circle of radius 2
    return closed_form("non-saturating", 2.0 * (half / spread) ** 2) / half**2
