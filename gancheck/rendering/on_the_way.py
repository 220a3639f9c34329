"""How did the samples change while it was trained? A few moments beside or below each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from gancheck.rendering.gallery import image_row, point_panels
from gancheck.rendering.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.diagnosis import Gallery

__all__ = ["few", "samples_on_the_way"]

_MOMENTS: Final = 5
_POINTS: Final = 500
_IMAGES: Final = 12


def few(steps: Sequence[int], most: int = _MOMENTS) -> list[int]:
    """At most so many of the steps, evenly in their order, the first and the last among them.

    Example:
        >>> few([0, 10, 20, 30, 40, 50, 60], 4)
        [0, 20, 40, 60]
    """
    steps = sorted(set(steps))
    if len(steps) <= most:
        return steps
    return [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


def samples_on_the_way(sampled: Sequence[tuple[int, Gallery]]) -> Markup:
    """The first samples of each moment, of one seed; nothing where there are not two moments.

    Args:
        sampled: step and samples, in any order; five of them are drawn.

    Raises:
        ValueError: an array is not of the shape its kind promises.
    """
    by_step = dict(sampled)
    shown = {step: by_step[step] for step in few(list(by_step))}
    if len(shown) < 2:
        return Markup("")
    last = shown[max(shown)]
    if last.kind == "points":
        clouds = {_moment(step): found.generated[:_POINTS] for step, found in shown.items()}
        return point_panels(last.real[:_POINTS], clouds, prefix="on-the-way")
    return Markup("").join(
        Markup('<p class="small muted">{}</p>{}').format(
            _moment(step), image_row(found.generated[:_IMAGES], f"Generated at {_moment(step)}")
        )
        for step, found in shown.items()
    )


def _moment(step: int) -> str:
    return f"step {number_text(step)}"
