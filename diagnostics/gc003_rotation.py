"""GC003 Rotation: how much of the game turns instead of descends?

How it is measured
    ||A||_F / ||J||_F of the game Jacobian: on one batch by a shared basis and probes, with a
    jackknife error; of the expected game by products between independent batches, which leave the
    batches' own noise out. ||A||_2, and the largest imaginary part found. Of a run with an earlier
    checkpoint also path angle and path norm: the field followed along the line from its first
    checkpoint to this one, on the same samples at every point (Berard et al. 2020).
Verdicts
    By the expected game where batches can be drawn, by the one batch otherwise: sound below 0.5,
    warning above, failing above 0.95; undecided where the interval straddles a line, or where the
    budget ended before there was one. For an eigenvalue a + ib with rotation r = |b|/|l| the
    largest contracting step of simultaneous descent is 2 sqrt(1 - r^2)/|l|: at 0.5 it has lost
    13 %, at 0.95 two thirds, and at 1 no step contracts. The path decides nothing: its bump is what
    a turning field shows, but unequal curvature can show one too.
What to do
    Lower the step, alternate the updates, or use extragradient.
Theorem: game-jacobian-splits, step-bound-of-a-rotating-game. Source: Balduzzi et al. (2018).
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, Plan, Quantity, Verdict
from gancheck.measures.rotation import Rotation, rotation
from gancheck.operators.memory import admit_jacobian

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gancheck.games.game import Game
    from gancheck.measures.path import PathAngle


def measure(game: Game, plan: Plan, *, announce: Callable[[str], None] | None = None) -> Rotation:
    """Rotation on the plan's batches."""
    return rotation(game, plan=plan, announce=announce)


def judge(found: Rotation, *, turning: float = 0.5, pure: float = 0.95) -> Finding:
    """Compare the rotational share with two lines, within its interval.

    Args:
        found: the measurement.
        turning: above it the contracting step has lost more than 13 %.
        pure: above it more than two thirds.
    """
    q = found.quantities
    strength = q.get("rotation_expected", q.get("rotation"))
    # Where the budget ended before independent batches were measured, one batch's noise may be all.
    known = strength is not None and ("rotation_expected" in q or not found.stopped)
    verdict = _verdict(strength, turning, pure) if strength and known else Verdict.undecided
    lines = f"it warns above {turning:.0%} and fails above {pure:.0%}"
    because = [_share(q, lines) if strength else "The budget ended before anything was measured."]
    if "max_imag" in q:
        because.append(
            f"The largest imaginary part found is {q['max_imag'].value:.3g}, and none exceeds "
            f"{q['a_norm'].value:.4g}."
        )
    if found.path is not None:
        because.append(_way(found, found.path))
    if found.stopped:
        because.append("The budget ended the measurement.")
    return Finding(
        code="GC003",
        verdict=verdict,
        title=_TITLES[verdict],
        because=" ".join(because),
        remedy=_REMEDIES[verdict],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
    )


def _share(q: Mapping[str, Quantity], lines: str) -> str:
    one = q["rotation"]
    spread = f"numerical error {one.error:.2g}"
    if one.sampling_error is not None:
        spread += f", {one.sampling_error:.2g} between batches"
    expected = q.get("rotation_expected")
    if expected is None:
        return f"{one.value:.1%} of the Jacobian's size is rotation ({spread}); {lines}."
    low, high = expected.interval
    settles = q["settling_batch_rotation"].value
    said = (
        f"{expected.value:.1%} of the expected Jacobian's size is rotation (95 % interval "
        f"{low:.1%} to {high:.1%}); {lines}. One batch shows {one.value:.1%} ({spread})"
    )
    if settles == float("inf"):
        return f"{said}: the game's own rotation cannot be told from its batches' noise."
    if settles > 1.0:
        return f"{said}, and would show the game's share at about {settles:.2g} samples."
    return f"{said}."


def _way(found: Rotation, path: PathAngle) -> str:
    """What the line from an earlier checkpoint shows, which is told and decides nothing."""
    q, said = found.quantities, str(path.verdict)
    line = f"On the line from {found.provenance['path']['from']} to this point"
    if "path_sign_change" in q and path.sign:
        turn, does = {
            1: ("negative to positive", "attracts"),
            -1: ("positive to negative", "repels"),
        }[path.sign]
        line += (
            f" the cosine between gradient and line goes from {turn} at "
            f"{q['path_sign_change'].value:.3g} of the way: along it the point {does}."
        )
    else:
        line += (
            " the cosine between gradient and line does not change sign beside the point, the same way "
            "on every batch."
        )
    bump = q["path_bump"]
    error = bump.sampling_error or 0.0
    height = f"{bump.value:.2g} " + (f"± {error:.1g}" if isfinite(error) else "on one batch")
    if "bump" in said:
        return (
            f"{line} Its modulus rises there by {height} above both sides: a bump, as of a field that "
            "turns about a point nearby or pulls much harder in some directions."
        )
    least = "" if bump.value == 0.0 else f" beyond its error ({height})"
    return f"{line} No bump stands out there{least}."


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
    measure=measure,
    announces=True,
    admits=admit_jacobian,
    judge=judge,
    caption=(
        "Left: the share of one batch and of the expected game, with 95 % intervals; 0 descends, 1 "
        "circles. Right: what one batch shows as it grows (dots: measured; line: the expected game "
        "plus noise over size), against the game's own share (band). Below, of a run with an earlier "
        "checkpoint: path angle and path norm on the line from its first checkpoint to this one, the "
        "same samples at every point; a thin line is one batch."
    ),
    headline="rotation_expected",
    stand_in="rotation",
    threshold="0 descends, 1 circles; warns above 0.5",
    labels={
        "rotation": "rotational share of one batch, ‖A‖ / ‖J‖ (Frobenius)",
        "rotation_expected": "rotational share of the expected game",
        "a_squared_expected": "‖E A‖², expected antisymmetric part",
        "s_squared_expected": "‖E S‖², expected symmetric part",
        "settling_batch_rotation": "batch size that shows the game's share",
        "max_imag": "largest imaginary part found",
        "a_norm": "none above, ‖A‖₂",
        "rotation_along_field": "along the field, ‖Av‖ / ‖Jv‖",
        "path_angle_at_end": "cosine between gradient and path, here",
        "path_norm_at_end": "norm of the field, here",
        "path_bump": "bump of the path angle beside this point",
        "path_sign_change": "where on the path its sign changes",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>r</mi><mo>=</mo><mfrac><msub><mrow><mo>‖</mo><mi>A</mi><mo>‖</mo></mrow>"
            "<mi>F</mi></msub><msub><mrow><mo>‖</mo><mi>J</mi><mo>‖</mo></mrow><mi>F</mi></msub>"
            "</mfrac><mo>,</mo><mspace width='0.6em'/><mi>A</mi><mo>=</mo><mfrac><mrow><mi>J</mi>"
            "<mo>−</mo><msup><mi>J</mi><mi>T</mi></msup></mrow><mn>2</mn></mfrac></mrow>"
        ),
        estimator=(
            "Hutch++ with one basis Q = orth[J W, J^T W] for both parts: exact inside it, Rademacher "
            "probes for the rest, error by the jackknife over probes. Of the game: <A_1 w, A_2 w> over "
            "all pairs of 12 independent batches with common probes, unbiased for the expected "
            "Jacobian; interval by the jackknife over batches and over probes. The imaginary part "
            "comes from two Krylov-Schur searches, one started where A is largest. The path is walked "
            "once for each of the plan's batches, which stay the same along it."
        ),
        cost=(
            "two products a probe; 24 on each of 20 batches; 150 to 250 for norm and imaginary part; "
            "67 fields of the path on each batch"
        ),
        limits=(
            "The imaginary part found is a lower bound. For finite data the expected game is that of "
            "the data at hand. The settling size assumes noise that falls like 1/size, which batch "
            "norm on batch statistics, and batches near the size of finite data, only nearly obey. "
            "Along the path buffers (running statistics, u and v of spectral norm) are those of this "
            "point, frozen."
        ),
        source="Balduzzi et al. (2018); Meyer, Musco, Musco, Woodruff (2021); Berard et al. (2020)",
    ),
)
