"""How does the page on stability draw what was measured, and by which names?"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.page_parts import chosen, panels
from gancheck.measures.figures import (
    DISCRIMINATOR,
    FAILING,
    GENERATOR,
    INK,
    MUTED,
    interval,
    label,
    page_style,
    reference,
    set_ticks,
    x_title,
    y_title,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.finished_runs import Row

__all__ = [
    "NEAR",
    "SETTLES",
    "TITLES",
    "ends_figure",
    "least_real",
    "methods_of",
    "proved_at",
    "spectra_figure",
    "trained_figure",
]

NEAR: Final = 0.1  # of the starting distance: a run that ends within it has settled
TITLES: Final = {
    "minimax": "minimax",
    "non-saturating": "non-saturating",
    "r1": "with R1",
    "noise": "with instance noise",
    "wgan": "WGAN, clipped",
    "wgan-gp": "WGAN-GP",
}
SETTLES: Final = {"r1": True, "noise": True, "wgan": False, "wgan-gp": False}


def methods_of(rows: Sequence[Row]) -> list[str]:
    """In the order of the runs."""
    return list(dict.fromkeys(r["configuration"]["method"] for r in rows))


def proved_at(method: str) -> list[complex] | None:
    """Again from the theorem's text, apart from what the runs were made with."""
    half = {"minimax": 0.0, "non-saturating": 0.0, "r1": 0.25, "noise": 0.25, "wgan": 0.0}
    if method not in half:
        return None
    c = 1.0 if method == "wgan" else 0.5
    turn = (c * c - half[method] ** 2) ** 0.5
    return [complex(half[method], -turn), complex(half[method], turn)]


def least_real(rows: Sequence[Row]) -> list[float]:
    """The least real part of an eigenvalue at each end point that has one."""
    return [r["measured"]["min_real"] for r in rows if r["measured"]["min_real"] is not None]


@page_style()
def spectra_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """Eigenvalues measured at the Dirac equilibrium, in rings where they were proved to be."""
    methods = [m for m in methods_of(rows) if proved_at(m) is not None]
    figure, axes = panels(width_px, len(methods), height=190, columns=3)
    for ax, method in zip(axes, methods, strict=True):
        for value in proved_at(method) or []:
            ax.plot(value.real, value.imag, "o", markersize=11, markerfacecolor="none",
                    markeredgecolor=INK, markeredgewidth=1.3)  # fmt: skip
        for row in chosen(rows, method=method):
            points = np.array(row["measured"]["eigenvalues"])
            ax.plot(points[:, 0], points[:, 1], "o", color=GENERATOR, markersize=4)
        ax.axvline(0.0, color=MUTED, linewidth=1)
        ax.set_xlim(-0.2, 0.45)
        ax.set_ylim(-1.25, 1.25)
        set_ticks(ax, "x", [0.0, 0.25])
        set_ticks(ax, "y", [-1.0, 0.0, 1.0])
        y_title(ax, TITLES[method])
    x_title(axes[-1], "real part")
    return figure


@page_style()
def ends_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """The distance from the Dirac equilibrium along each training."""
    methods = methods_of(rows)
    figure, axes = panels(width_px, len(methods), height=180, columns=3)
    steps = rows[0]["configuration"]["steps"]
    for ax, method in zip(axes, methods, strict=True):
        colour = GENERATOR if SETTLES.get(method) else DISCRIMINATOR
        for row in chosen(rows, method=method):
            path = np.array(row["measured"]["path"])
            ax.plot(np.linspace(1, steps, len(path)), np.maximum(path, 1e-7), color=colour,
                    linewidth=1.0, alpha=0.7)  # fmt: skip
        ax.set_yscale("log")
        ax.set_ylim(1e-7, 10.0)
        ax.set_xlim(0, steps)
        set_ticks(ax, "y", [1e-6, 1e-4, 1e-2, 1.0], ["10⁻⁶", "10⁻⁴", "0.01", "1"])
        set_ticks(ax, "x", [0, steps])
        reference(ax, NEAR, axis="y")
        y_title(ax, TITLES[method])
    x_title(axes[-1], "step")
    return figure


@page_style()
def trained_figure(rows: Sequence[Row], width_px: int) -> Figure:
    """The least real part at each trained end point of ring8."""
    methods = methods_of(rows)
    figure, (ax,) = panels(width_px, 1, height=40 + 40 * len(methods), columns=1)
    low = min((min(least_real(chosen(rows, method=m)), default=0.0) for m in methods), default=-1.0)
    for place, method in enumerate(methods):
        for row in chosen(rows, method=method):
            at = row["measured"]["min_real"]
            if at is not None:
                sure = row["measured"]["verdict"] == "unstable"
                interval(ax, at, at, at, -place, FAILING if sure else GENERATOR, hollow=not sure)
        label(ax, 1.6 * low, -place, TITLES[method], MUTED, bold=False)
    reference(ax, 0.0, text="decays")
    ax.set_xscale("symlog", linthresh=0.01)
    ax.set_xlim(40.0 * low, 0.05)
    for text in ax.texts[: len(methods)]:
        text.xy = (38.0 * low, text.xy[1])
    ax.set_ylim(-len(methods) + 0.4, 0.6)
    set_ticks(ax, "y", [])
    set_ticks(ax, "x", [-1.0, -0.1, -0.01, 0.0])
    x_title(ax, "least real part (logarithmic below −0.01)")
    return figure
