"""GC005 Support: does the generator put mass between the components of the data?

How it is measured
    Bridge mass: the share of generated samples in the middle half of a gap between two components
    of the data and off the tube around them, against a held-out real null (one-sided Fisher exact
    test at 1 %); beside it the mass off the tube and the coverage of the components.
Verdicts
    bridged -> warning, and failing only where the interval's lower end exceeds 5 %;
    not_detected -> sound, with its upper limit; not_decidable -> undecided.
What to do
    A connected latent law and a continuous generator must leave mass in the gaps: use a mixture of
    generators or a discrete latent, or reject samples where the gap is.
Theorem: connected-latent-connected-support. Source: Tanielian et al. (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gancheck.diagnosis import Definition, Diagnostic, Finding, NotApplicable, Plan, Verdict
from gancheck.measures.connectivity import BridgeMass, Outcome, bridge_mass
from gancheck.measures.figures import (
    FAILING,
    GENERATOR,
    REAL,
    label,
    new_figure,
    page_style,
    reference,
    x_title,
    y_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gancheck.games.game import Game

_MAP = {
    Outcome.bridged: Verdict.warning,
    Outcome.not_detected: Verdict.sound,
    Outcome.not_decidable: Verdict.undecided,
}
_SHOWN = 3000  # points of each kind in the picture


def measure(game: Game, plan: Plan) -> BridgeMass:
    """Draw both samples and measure; labels of the data are used as its components if known.

    Raises:
        NotApplicable: an analytic game, which has no samples, or fewer than 40 real ones.
    """
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    limit = game.data.size
    if limit is not None and limit < 40:
        raise NotApplicable(f"needs at least 40 real samples for a held-out null, got {limit}")
    n = plan.samples if limit is None else min(plan.samples, limit)
    real = game.draw_real(n, seed=plan.seed)
    labels = game.draw_labels(n, seed=plan.seed)
    return bridge_mass(
        real,
        game.draw_samples(plan.samples, seed=plan.seed),
        labels=None if labels is None else labels.numpy(),
        seed=plan.seed,
    )


def judge(found: BridgeMass, *, effect: float = 0.05) -> Finding:
    """Map the outcome; failing only where the bridge mass surely exceeds the effect size.

    Args:
        found: the measurement.
        effect: one sample in twenty between the modes is a fault whatever the use.
    """
    verdict = _MAP[found.verdict]
    mass = found.quantities.get("bridge_mass")
    if verdict is Verdict.warning and mass is not None and mass.interval[0] > effect:
        verdict = Verdict.failing
    off = found.quantities["off_tube_mass"]
    because = f"{found.because[0].upper()}{found.because[1:]}."
    return Finding(
        code="GC005",
        verdict=verdict,
        title=_TITLES[verdict],
        because=(
            f"{because} {off.value:.1%} of the samples lie off the tube that holds 99 % of "
            "held-out real data."
        ),
        remedy=_REMEDIES[verdict],
        quantities=found.quantities,
        theorems=diagnostic.theorems,
        measurement=found,
    )


_TITLES = {
    Verdict.sound: "No mass found between the components",
    Verdict.warning: "Samples lie between the components of the data",
    Verdict.failing: "Many samples lie between the components of the data",
    Verdict.undecided: "No gap can be established, so no bridge can be judged",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Use a mixture of generators or a discrete latent, or reject samples there.",
    Verdict.failing: "Use a mixture of generators or a discrete latent; one continuous map bridges.",
    Verdict.undecided: "Measure in a feature space in which the components of the data are apart.",
}


@page_style()
def figure(found: BridgeMass, width_px: int) -> Figure:
    """Samples in the plane with bridging ones marked, or the ambiguity a/(a+b) of each sample."""
    if found.generated.shape[1] == 2:
        fig, ax = new_figure(width_px, min(width_px, 440))
        _scatter(ax, found)
    else:
        fig, ax = new_figure(width_px, 240)
        _ambiguity(ax, found)
    return fig


def _scatter(ax: Axes, found: BridgeMass) -> None:
    real, fake, on = found.real[:_SHOWN], found.generated[:_SHOWN], found.bridging[:_SHOWN]
    for points, colour, size in (
        (real, REAL, 3),
        (fake[~on], GENERATOR, 3),
        (fake[on], FAILING, 5),
    ):
        ax.plot(*points.T, "o", color=colour, markersize=size, alpha=0.5, markeredgewidth=0)
    ax.set_aspect("equal", adjustable="datalim")
    for i, (name, colour) in enumerate(
        (("real", REAL), ("generated", GENERATOR), ("in a gap", FAILING))
    ):
        ax.text(0.0, 1.0 - 0.06 * i, name, color=colour, transform=ax.transAxes, weight="bold")


def _ambiguity(ax: Axes, found: BridgeMass) -> None:
    bins = np.linspace(0.0, 0.5, 51)
    if not len(found.ambiguity):
        ax.text(0.5, 0.5, "one component: no gap", transform=ax.transAxes, ha="center")
        ax.set_axis_off()
        return
    for values, colour, name, dy in (
        (found.null_ambiguity, REAL, "held-out real", 12),
        (found.ambiguity, GENERATOR, "generated", 26),
    ):
        heights, _ = np.histogram(values, bins=bins, density=True)
        ax.stairs(heights, bins, color=colour, fill=True, alpha=0.2)
        ax.stairs(heights, bins, color=colour, linewidth=1.6)
        peak = int(heights.argmax())
        label(ax, float(bins[peak]), float(heights[peak]), name, colour, dy=dy, align="right")
    reference(ax, 0.25, text="middle half of a gap begins")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.set_yticks([])
    y_title(ax, "density")
    x_title(ax, "a/(a+b): nearest against second-nearest component (0.5 = halfway)")


diagnostic = Diagnostic(
    code="GC005",
    name="Support",
    question="Does the generator put mass between the components of the data?",
    theorems=("connected-latent-connected-support",),
    measure=measure,
    judge=judge,
    figure=figure,
    caption=(
        "Where generated samples stand between components of the data, beside held-out real ones: "
        "the null against which the mass in the gaps is tested."
    ),
    headline="bridge_mass",
    threshold="warns where significant against held-out real data; fails above 5 %",
    labels={
        "bridge_mass": "generated mass in the gaps",
        "off_tube_mass": "generated mass off the data",
        "coverage": "components not surely missed",
        "real_in_gap": "held-out real data where a gap should be",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>B</mi><mo>=</mo><msub><mi>P</mi><mi>G</mi></msub><mo>(</mo><mfrac><mi>a</mi>"
            "<mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></mfrac><mo>&gt;</mo><mfrac><mn>1</mn>"
            "<mn>4</mn></mfrac><mo>,</mo><mspace width='0.4em'/><mi>a</mi><mo>&gt;</mo><mi>r</mi>"
            "<mo>)</mo></mrow>"
        ),
        estimator=(
            "a and b are distances to the nearest and second-nearest component, r the 99 % quantile "
            "of held-out real distances. Components by density-filtered single linkage on half of "
            "the real sample, or by labels; the other half is the tube and the null."
        ),
        cost="single linkage of at most 5,000 points and one pass of distances",
        limits=(
            "A connected support is a theorem for a continuous generator, not a finding; a bridge "
            "thinner than the upper limit is not seen. In raw pixels natural classes have no gap."
        ),
        source="Tanielian et al. (2020); Clopper and Pearson (1934); Fisher's exact test",
    ),
)
