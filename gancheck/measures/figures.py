"""How does a figure look, so that it reads on paper, on a phone and in the dark?

Every figure of a diagnostic is drawn with these few functions: one palette in which a colour means
one thing, one set of matplotlib defaults, direct labels instead of legends. Colours are sentinels:
drawn with a value of `PALETTE`, an element changes with the page's colour scheme; any other colour
stays as it is. Sizes are CSS pixels, because a figure has 72 dots an inch: 12 point text is 12
pixels high on the page. matplotlib is imported only inside functions. It is one file, a little over
400 lines, because a diagnostic that draws should find all it may draw with in one place.

Example:
    >>> @page_style()
    ... def figure(measurement, width_px):
    ...     fig, ax = new_figure(width_px, 200)
    ...     ax.plot([0, 1, 2], [0.0, 0.4, 0.5], color=GENERATOR)
    ...     label(ax, 2, 0.5, "generated", GENERATOR, dx=6)
    ...     y_title(ax, "share of samples")
    ...     return fig
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, SupportsFloat

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DISCRIMINATOR",
    "FAILING",
    "GENERATOR",
    "HAIRLINE",
    "INK",
    "MINUS",
    "MUTED",
    "NARROW",
    "PALETTE",
    "PAPER",
    "REAL",
    "SOUND",
    "THIN",
    "TIMES",
    "UNDECIDED",
    "WARNING",
    "WASH",
    "WIDE",
    "figure_of",
    "interval",
    "label",
    "new_figure",
    "number_text",
    "page_style",
    "reference",
    "set_ticks",
    "symlog",
    "x_title",
    "y_title",
]

WIDE: Final = 690
NARROW: Final = 340

THIN: Final = "\u202f"  # narrow no-break space: thousands, and around a times sign
MINUS: Final = "\u2212"
TIMES: Final = "\u00d7"

INK: Final = "#1c1d21"
MUTED: Final = "#5c6068"
GENERATOR: Final = "#4f46c8"
DISCRIMINATOR: Final = "#0b766e"
REAL: Final = "#4b4f58"
FAILING: Final = "#b3261e"
WARNING: Final = "#8a5a00"
SOUND: Final = "#1d7440"
UNDECIDED: Final = "#48587a"
HAIRLINE: Final = "#dedfda"
WASH: Final = "#efefeb"
PAPER: Final = "#fcfcfa"

PALETTE: Final[Mapping[str, tuple[str, str]]] = {
    "ink": (INK, "#e9e7e2"),
    "muted": (MUTED, "#a2a5ae"),
    "g": (GENERATOR, "#a5a0ff"),
    "d": (DISCRIMINATOR, "#55c7ba"),
    "real": (REAL, "#c4c6cc"),
    "failing": (FAILING, "#ff8f80"),
    "warning": (WARNING, "#e3b04b"),
    "sound": (SOUND, "#6fc98b"),
    "undecided": (UNDECIDED, "#a9b8d8"),
    "hairline": (HAIRLINE, "#33363d"),
    "wash": (WASH, "#24262c"),
    "paper": (PAPER, "#141519"),
}
"""Name -> (sentinel, which is the light colour; dark colour)."""

_RC: Final[Mapping[str, Any]] = {
    "figure.dpi": 72,
    "savefig.dpi": 72,
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": MUTED,
    "axes.titlelocation": "left",
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "grid.color": HAIRLINE,
    "grid.linewidth": 1.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 4,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "lines.solid_capstyle": "round",
    "patch.linewidth": 0,
    "patch.facecolor": GENERATOR,
    "patch.edgecolor": "none",
    "scatter.edgecolors": "none",
    "mathtext.default": "regular",
    "svg.fonttype": "none",
    "svg.hashsalt": "gancheck",
    "svg.image_inline": True,
}


@contextmanager
def page_style() -> Generator[None]:
    """Draw with the page's defaults inside the block; also a decorator, `@page_style()`."""
    import matplotlib as mpl

    settings: Any = mpl.rcParams
    with mpl.rc_context():
        mpl.rcdefaults()
        settings.update(_RC)
        yield


def new_figure(
    width_px: int, height_px: int, *, rows: int = 1, columns: int = 1, **grid: Any
) -> tuple[Figure, Any]:
    """An empty figure of that many CSS pixels, and its axes.

    Args:
        width_px: `WIDE` (690) or `NARROW` (340) on a page.
        height_px: 200 to 440 reads well.
        rows: rows of axes.
        columns: columns of axes.
        grid: passed to `Figure.subplots` (`sharex`, `height_ratios`, `width_ratios`, ...).

    Returns:
        The figure (no pyplot, so nothing to close) and one axes, or an array of them where there
        are several.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    pad = 4 / 72
    figure = Figure(
        figsize=(width_px / 72, height_px / 72),
        dpi=72,
        layout=ConstrainedLayoutEngine(w_pad=pad, h_pad=pad, wspace=0.06, hspace=0.06),
    )
    return figure, figure.subplots(rows, columns, **grid)


def figure_of(axes: Any) -> Figure:
    """The figure that holds what a measurement's `plot` returned: axes, or an array of them."""
    import numpy as np

    return np.ravel(axes)[0].get_figure(root=True)


def label(
    ax: Axes,
    x: SupportsFloat,
    y: SupportsFloat,
    text: str,
    color: str = INK,
    *,
    dx: SupportsFloat = 0.0,
    dy: SupportsFloat = 0.0,
    bold: bool = True,
    size: SupportsFloat = 12.0,
    align: Literal["left", "center", "right"] = "left",
) -> None:
    """Write beside a mark what it is, in the mark's own colour: this is how a figure does legends.

    Nothing is written where (x, y) lies outside the axes, as nothing is drawn there.

    Args:
        ax: drawn on.
        x: in data units.
        y: in data units.
        text: written as it is; a `$` starts no mathematics.
        color: of the series.
        dx: pixels to the right of (x, y).
        dy: pixels above it.
        bold: names are bold, notes are not.
        size: in pixels.
        align: of the text against the shifted point.
    """
    ax.annotate(
        _printable(text),
        (float(x), float(y)),
        xytext=(float(dx), float(dy)),
        textcoords="offset pixels",
        color=color,
        fontweight="bold" if bold else "normal",
        fontsize=float(size),
        ha=align,
        va="center",
        parse_math=False,
        annotation_clip=True,
    )


def y_title(ax: Axes, text: str) -> None:
    """Say above the axes, at the left, what is drawn upwards; long words break into lines."""
    from textwrap import fill

    spec, figure = ax.get_subplotspec(), ax.get_figure(root=True)
    columns = spec.get_gridspec().ncols if spec is not None else 1
    room = (figure.get_figwidth() * 72 if figure is not None else WIDE) / columns - 44
    wrapped = fill(_printable(text), max(16, int(room / 6.9)))
    ax.set_title(wrapped, loc="left", pad=8, fontsize=12, color=MUTED, parse_math=False)


def x_title(ax: Axes, text: str) -> None:
    """Say below the axes what is drawn to the right."""
    ax.set_xlabel(_printable(text), parse_math=False)


def _printable(text: str) -> str:
    """Without the control and direction characters that a metric's or a file's name may hold."""
    return "".join(c for c in text if c.isprintable())


def reference(
    ax: Axes,
    value: SupportsFloat,
    *,
    axis: Literal["x", "y"] = "x",
    text: str = "",
    color: str = MUTED,
) -> None:
    """Draw a dashed line at a threshold or a null value, with an optional word at its end.

    Args:
        ax: drawn on.
        value: where, in data units of `axis`.
        axis: "x" for a vertical line, "y" for a horizontal one.
        text: written at the top of a vertical line, at the right end of a horizontal one.
        color: of line and word.
    """
    at = float(value)
    draw = ax.axvline if axis == "x" else ax.axhline
    draw(at, color=color, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    if not text:
        return
    vertical = axis == "x"
    ax.annotate(
        text,
        (at, 1.0) if vertical else (1.0, at),
        xycoords=("data", "axes fraction") if vertical else ("axes fraction", "data"),
        xytext=(0, 8) if vertical else (0, 7),
        textcoords="offset pixels",
        color=color,
        fontsize=11.5,
        ha="center" if vertical else "right",
        va="center",
        parse_math=False,
        annotation_clip=True,
    )


def interval(
    ax: Axes,
    low: SupportsFloat,
    value: SupportsFloat,
    high: SupportsFloat,
    y: SupportsFloat,
    color: str = GENERATOR,
    *,
    hollow: bool = False,
) -> None:
    """Draw a horizontal interval as a pale bar with a dot; `hollow` where it decides nothing."""
    left, right, row = float(low), float(high), float(y)
    if math.isfinite(left) and math.isfinite(right):
        ax.plot(
            [left, right], [row, row], color=color, alpha=0.35, linewidth=5, solid_capstyle="butt"
        )
    ax.plot(
        [float(value)],
        [row],
        "o",
        color=color,
        markersize=7,
        markerfacecolor=PAPER if hollow else color,
        markeredgewidth=1.6,
        zorder=3,
    )


def set_ticks(
    ax: Axes,
    axis: Literal["x", "y"],
    values: Iterable[SupportsFloat],
    texts: Sequence[str] | None = None,
) -> None:
    """Set ticks exactly here, written as on the rest of the page (true minus, no `-0`)."""
    places = [float(value) for value in values]
    texts = [number_text(place) for place in places] if texts is None else texts
    target = ax.xaxis if axis == "x" else ax.yaxis
    target.set_ticks(places, labels=list(texts))
    target.set_ticks([], minor=True)


def symlog(
    ax: Axes,
    axis: Literal["x", "y"],
    *,
    low: SupportsFloat,
    high: SupportsFloat,
    linear: SupportsFloat,
) -> None:
    """Make an axis logarithmic in both directions and linear within +-`linear`.

    Ticks are explicit: 0 and at most four powers of ten on each side. Say `linear` in the
    axis title, because such an axis cannot be read without it.

    Args:
        ax: drawn on.
        axis: which one.
        low: its lower end.
        high: its upper end.
        linear: half the width of the linear part, positive.
    """
    low, high, linear = float(low), float(high), float(linear)
    if not (low < high and linear > 0):
        raise ValueError(f"symlog needs low < high and linear > 0, got {low}, {high}, {linear}")
    if axis == "x":
        ax.set_xscale("symlog", linthresh=linear, linscale=0.6)
        ax.set_xlim(low, high)
    else:
        ax.set_yscale("symlog", linthresh=linear, linscale=0.6)
        ax.set_ylim(low, high)
    set_ticks(
        ax,
        axis,
        [-t for t in reversed(_decades(linear, -low))]
        + ([0.0] if low <= 0 <= high else [])
        + _decades(linear, high),
    )


def _decades(first: float, last: float) -> list[float]:
    """Powers of ten in [first, last], thinned to at most four."""
    if last < first:
        return []
    bottom = math.ceil(math.log10(first) - 1e-9)
    top = math.floor(math.log10(last) + 1e-9)
    step = max(1, math.ceil((top - bottom + 1) / 4))
    return [10.0**k for k in range(bottom, top + 1)][::-step][::-1]


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number_text(value: SupportsFloat, digits: int = 4) -> str:
    """A number for an axis or a label: at most `digits` significant, true minus, thin thousands.

    Example:
        >>> [number_text(x).replace(THIN, "_").replace(MINUS, "-") for x in (-2.5, 12345.6, 0.0031)]
        ['-2.5', '12_350', '0.0031']
    """
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 6:
        text = f"{float(f'{mantissa}e{power}'):,.{max(0, digits - 1 - power)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}{THIN}{TIMES}{THIN}10{str(power).translate(_SUPERSCRIPT)}"
    return text.replace(",", THIN).replace("-", MINUS)
