"""GC003 Rotation: how much of the game turns instead of descends?

How it is measured
    ||A||_F / ||J||_F of the game Jacobian by shared Hutchinson probes with a jackknife error, its
    spread over batches, ||A||_2, and the largest imaginary part found.
Verdicts
    sound below 0.5, warning above, failing above 0.95; undecided where the interval (both errors)
    straddles a line. For an eigenvalue a + ib with rotation r = |b|/|l| the largest contracting
    step of simultaneous descent is 2 sqrt(1 - r^2)/|l|: at 0.5 it has lost 13 %, at 0.95 two
    thirds, and at 1 no step contracts.
What to do
    Lower the step, alternate the updates, or use extragradient.
Theorem: game-jacobian-splits, step-bound-of-a-rotating-game. Source: Balduzzi et al. (2018).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Quantity, Verdict
from gancheck.measures.rotation import Rotation, rotation


def judge(found: Rotation, *, turning: float = 0.5, pure: float = 0.95) -> Finding:
    """Compare the rotational share with two lines, within both errors.

    Args:
        found: the measurement.
        turning: above it the contracting step has lost more than 13 %.
        pure: above it more than two thirds.
    """
    q = found.quantities
    strength = q["rotation"]
    verdict = _verdict(strength, turning, pure)
    return Finding(
        code="GC003",
        verdict=verdict,
        title=_TITLES[verdict],
        because=(
            f"{strength.value:.1%} of the Jacobian's size is rotation ({_spread(strength)}); it "
            f"warns above {turning:.0%} and fails above {pure:.0%}. The largest imaginary part "
            f"found is {q['max_imag'].value:.3g}, and none exceeds {q['a_norm'].value:.4g}."
        ),
        remedy=_REMEDIES[verdict],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _spread(q: Quantity) -> str:
    sampling = "" if q.sampling_error is None else f", {q.sampling_error:.2g} between batches"
    return f"numerical error {q.error:.2g}{sampling}"


def _verdict(q: Quantity, turning: float, pure: float) -> Verdict:
    low, high = q.interval
    if low > pure:
        return Verdict.failing
    if low > turning:
        return Verdict.warning
    return Verdict.sound if high <= turning else Verdict.undecided


_TITLES = {
    Verdict.sound: "Curvature dominates; the game turns little",
    Verdict.warning: "The game turns more than it descends",
    Verdict.failing: "The game turns and hardly descends",
    Verdict.undecided: "Rotation straddles the line",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Lower the step, alternate the updates, or use extragradient.",
    Verdict.failing: "Simultaneous descent spirals outwards here: use extragradient or alternate.",
    Verdict.undecided: "Measure with more probes and larger batches (--probes, --batch-size).",
}


diagnostic = Diagnostic(
    code="GC003",
    name="Rotation",
    question="How much of the game turns instead of descends?",
    theorems=("game-jacobian-splits", "step-bound-of-a-rotating-game"),
    measure=rotation,
    judge=judge,
    caption=(
        "The estimate as random probes are added; band: two jackknife standard errors. 0 descends, "
        "1 circles. The first few probes read high, because the estimate is a ratio of means."
    ),
    headline="rotation",
    threshold="0 descends, 1 circles; warns above 0.5",
    labels={
        "rotation": "rotational share, ‖A‖ / ‖J‖ (Frobenius)",
        "max_imag": "largest imaginary part found",
        "a_norm": "none above, ‖A‖₂",
        "rotation_along_field": "along the field, ‖Av‖ / ‖Jv‖",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>r</mi><mo>=</mo><mfrac><msub><mrow><mo>‖</mo><mi>A</mi><mo>‖</mo></mrow>"
            "<mi>F</mi></msub><msub><mrow><mo>‖</mo><mi>J</mi><mo>‖</mo></mrow><mi>F</mi></msub>"
            "</mfrac><mo>,</mo><mspace width='0.6em'/><mi>A</mi><mo>=</mo><mfrac><mrow><mi>J</mi>"
            "<mo>−</mo><msup><mi>J</mi><mi>T</mi></msup></mrow><mn>2</mn></mfrac></mrow>"
        ),
        estimator=(
            "Rademacher probes w give the sums of |Aw|² and |Sw|² together; the share is the root "
            "of |Aw|²/(|Aw|² + |Sw|²) over all probes, its error by the jackknife. The imaginary "
            "part comes from an Arnoldi search for 12 eigenvalues, started where A is largest."
        ),
        cost="two products a probe; some hundreds for the imaginary part",
        limits=(
            "The share depends on the batch size, because batch noise is part of the Jacobian: "
            "compare at equal size. The imaginary part found is a lower bound."
        ),
        source="Balduzzi et al. (2018); Hutchinson (1990)",
    ),
)
