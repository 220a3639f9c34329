"""What the page on stability says, for whatever its runs have shown.

A reader finds the words for every outcome in one place.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from experiments.page_parts import chosen, over_seeds, seeds_of, together, versions_of
from experiments.stability_figures import (
    NEAR,
    SETTLES,
    TITLES,
    ends_figure,
    least_real,
    methods_of,
    proved_at,
    spectra_figure,
    trained_figure,
)
from gancheck.measures.figures import number_text
from gancheck.measures.medians import median_interval
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row

__all__ = ["REFUSED", "page"]

REFUSED: Final = "no Jacobian"
THEOREMS: Final = ("dirac-gan-eigenvalues", "full-rank-game-is-stable", "bilinear-step-radii")
VERDICTS: Final = {
    "minimax": "undetermined",
    "non-saturating": "undetermined",
    "r1": "stable",
    "noise": "stable",
    "wgan": "undetermined",
    "wgan-gp": REFUSED,
}
DAMPED: Final = ("r1", "noise")
_ROUNDING: Final = 1e-12

_CLAIM = (
    "At the equilibrium of the Dirac-GAN the plain games and WGAN only turn; R1 and instance noise "
    "give both eigenvalues a positive real part. In general a game whose D has a positive definite "
    "block and a coupling of full rank is stable at its equilibrium. WGAN-GP has no Jacobian at the "
    "Dirac equilibrium and does not converge (Mescheder et al. 2018; not on the shelf)."
)
_PREDICTED = (
    "Dirac-GAN: the measured eigenvalues are the proved ones, the verdict is “stable” with R1 and "
    "noise and nowhere else, and descent from distance 1 ends within 0.1 with them and not for WGAN, "
    "clipped or penalised. Of the plain games the real part is 0: linearisation decides nothing. "
    "ring8: an end point with R1 or noise that is an equilibrium is not unstable; where the field is "
    "certainly not zero, nothing is predicted."
)
_REFUTED_BY = (
    "An eigenvalue off the proved one (noise: an interval over seeds that does not hold it), another "
    "verdict, one start that ends on the other side of 0.1; on ring8 an end point with R1 or noise "
    "that is an equilibrium and unstable."
)
_LIMITS: Final = (
    "On ring8 each method has one strength and one small pair of networks, and 600 updates: none of "
    "them is tuned, and the methods are not compared with each other.",
    "ring8's generator cannot make eight separate modes, so an equilibrium at which it equals the "
    "data does not exist there; the theorems ask for one.",
    "The eigenvalue of least real part on ring8 is one of a batch; the verdict asks fresh batches "
    "before it says unstable.",
    "A verdict of the flow says nothing of a finite step; the page on rotation does.",
)


def page(rows: Sequence[Row], command: str) -> ExperimentPage:
    """Everything the page says, from the rows of finished runs alone."""
    dirac, ring8 = chosen(rows, part="dirac"), chosen(rows, part="ring8")
    parts = [_spectra(dirac), _ends(dirac), _trained(ring8)]
    return ExperimentPage(
        question="Do the regularised games settle where the plain ones turn?",
        agreement=together([p.agreement for p in parts]),
        headline=_headline(parts, ring8),
        claim=_CLAIM,
        theorems=THEOREMS,
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=_conclusion(parts, dirac, ring8),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={
            part: {
                method: [
                    {k: v for k, v in r["measured"].items() if k not in ("path", "because")}
                    for r in chosen(own, method=method)
                ]
                for method in methods_of(own)
            }
            for part, own in (("dirac", dirac), ("ring8", ring8))
        },
    )


def _headline(parts: Sequence[Part], ring8: Sequence[Row]) -> str:
    toy = (
        "On the Dirac-GAN the games settle that were proved to"
        if all(p.agreement is Agreement.supported for p in parts[:2])
        else "On the Dirac-GAN something is not as it was proved"
    )
    still = _at_rest(ring8)
    where = f"{still} may end at an equilibrium" if still else "none ends at an equilibrium"
    return f"{toy}; of {len(_damped(ring8))} regularised runs on ring8 {where}."


def _real(rows: Sequence[Row]) -> list[float]:
    return [r["measured"]["eigenvalues"][1][0] for r in rows]


def _imag(rows: Sequence[Row]) -> list[float]:
    return [r["measured"]["eigenvalues"][1][1] for r in rows]


def _spectrum_holds(rows: Sequence[Row], method: str) -> Agreement:
    """Exactly where the data are one point; within the interval over seeds where noise is drawn."""
    proved = proved_at(method)
    if proved is None:
        return Agreement.supported
    for values, truth in ((_real(rows), proved[1].real), (_imag(rows), proved[1].imag)):
        if method != "noise":
            if max(abs(v - truth) for v in values) > _ROUNDING:
                return Agreement.contradicted
        else:
            found = median_interval(values)
            if not np.isfinite(found.low):
                return Agreement.open
            if not found.low <= truth <= found.high:
                return Agreement.contradicted
    return Agreement.supported


def _counted(rows: Sequence[Row]) -> str:
    counts = Counter(r["measured"]["verdict"] for r in rows)
    return ", ".join(f"{word} {n}" for word, n in sorted(counts.items()))


def _spectra(rows: Sequence[Row]) -> Part:
    lines: list[list[str]] = []
    agreed: list[Agreement] = []
    right = 0
    for method in methods_of(rows):
        own, proved = chosen(rows, method=method), proved_at(method)
        holds = _spectrum_holds(own, method)
        as_said = [r["measured"]["verdict"] == VERDICTS[method] for r in own]
        right += sum(as_said)
        agreed += [holds, Agreement.supported if all(as_said) else Agreement.contradicted]
        lines.append(
            [
                TITLES[method],
                "none" if proved is None else _complex(proved[1].real, proved[1].imag),
                "none" if proved is None else over_seeds(_real(own)),
                "none" if proved is None else over_seeds(_imag(own)),
                _counted(own),
            ]
        )
    return Part(
        name="Dirac-GAN: eigenvalues",
        agreement=together(agreed),
        title=f"{right} of {len(rows)} verdicts are what was proved",
        lead="The operator that measures large networks, on the two numbers of the Dirac-GAN at its "
        f"equilibrium. {_refusal(rows)}",
        numbers=[
            Number(label="verdicts as predicted", value=f"{right} of {len(rows)}"),
            Number(
                label="real part with noise",
                value=over_seeds(_real(chosen(rows, method="noise"))),
                note="proved: 0.25; on batches of 4,096",
            ),
        ],
        table=Table(
            columns=["game", "proved", "real part", "± imaginary part", "verdict"], rows=lines
        ),
        draw=partial(spectra_figure, rows),
        alt="Eigenvalues of each game in the complex plane, measured and proved",
        caption="Eigenvalues at the equilibrium. Rings: proved. Dots: measured, one a seed. Upwards "
        "the imaginary part; right of the line both decay. In the table, real and imaginary part, medians with 95 % intervals.",
    )


def _refusal(rows: Sequence[Row]) -> str:
    """Why the penalised critic has no eigenvalues, in the operator's own words."""
    told = {r["measured"]["because"] for r in rows if r["measured"]["verdict"] == REFUSED}
    return f"Where there is no Jacobian the operator says so: {min(told)}." if told else ""


def _complex(real: float, imag: float) -> str:
    return (f"{number_text(real)} " if real else "") + f"± {number_text(imag)} i"


def _settled(row: Row) -> bool:
    return row["measured"]["end"] <= NEAR


def _ends(rows: Sequence[Row]) -> Part:
    judged = [r for r in rows if r["configuration"]["method"] in SETTLES]
    right = [_settled(r) == SETTLES[r["configuration"]["method"]] for r in judged]
    steps = rows[0]["configuration"]["steps"]
    return Part(
        name="Dirac-GAN: descent",
        agreement=Agreement.supported if all(right) else Agreement.contradicted,
        title=f"{sum(right)} of {len(right)} starts end on the predicted side of 0.1",
        lead=f"Alternating descent from distance 1, {steps} steps of 0.1; the distance is the "
        "largest over the last tenth. Noise keeps the game from coming nearer than its own size. Of "
        "the plain games nothing was predicted.",
        numbers=[
            Number(
                label=f"{TITLES[m]}: distance left",
                value=over_seeds([r["measured"]["end"] for r in chosen(rows, method=m)], 2),
            )
            for m in ("r1", "noise")
        ],
        table=Table(
            columns=["game", "predicted", "distance left", "within 0.1"],
            rows=[
                [
                    TITLES[m],
                    {True: "settles", False: "does not", None: "nothing"}[SETTLES.get(m)],
                    over_seeds([r["measured"]["end"] for r in own], 3),
                    f"{sum(map(_settled, own))} of {len(own)}",
                ]
                for m in methods_of(rows)
                for own in (chosen(rows, method=m),)
            ],
        ),
        draw=partial(ends_figure, rows),
        alt="Distance to the equilibrium over the steps, for each game",
        caption="Distance to the equilibrium over the steps, one line a seed. Dashed: 0.1. In the "
        "table, medians over seeds with 95 % intervals.",
    )


def _damped(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if r["configuration"]["method"] in DAMPED]


def _rests(row: Row) -> bool:
    """Whether its end point cannot be told from an equilibrium."""
    return row["measured"]["equilibrium"] is not False


def _at_rest(rows: Sequence[Row]) -> int:
    return sum(map(_rests, _damped(rows)))


def _trained(rows: Sequence[Row]) -> Part:
    premise = [r for r in _damped(rows) if _rests(r)]
    unstable = [r for r in premise if r["measured"]["verdict"] == "unstable"]
    stable = [r for r in premise if r["measured"]["verdict"] == "stable"]
    agreement = (
        Agreement.contradicted
        if unstable
        else Agreement.supported
        if stable
        else Agreement.open  # nobody met the premise, or nothing is known of who may have
    )
    everywhere = sum(r["measured"]["verdict"] == "unstable" for r in _damped(rows))
    return Part(
        name="ring8, trained",
        agreement=agreement,
        title=f"{len(premise)} of {len(_damped(rows))} runs with R1 or noise may meet the theorem's premise",
        lead=f"At the other {len(_damped(rows)) - len(premise)} end points the expected field is "
        f"certainly not zero (99 %): training has not come to rest. Of those that may have, "
        f"{len(stable)} are stable and {len(unstable)} unstable. {everywhere} of the "
        f"{len(_damped(rows))} are unstable, which says that the flow grows in some direction there, "
        "and nothing of an equilibrium.",
        numbers=[
            Number(
                label=f"{TITLES[m]}: least real part",
                value=over_seeds(least_real(chosen(rows, method=m)), 2),
                note=_counted(chosen(rows, method=m)),
            )
            for m in methods_of(rows)
        ],
        table=Table(
            columns=[
                "game",
                "verdicts",
                "may be at rest",
                "least real part",
                "gradients, end / start",
            ],
            rows=[
                [
                    TITLES[m],
                    _counted(own),
                    f"{sum(map(_rests, own))} of {len(own)}",
                    over_seeds(least_real(own), 2),
                    over_seeds([r["measured"]["late"] / r["measured"]["early"] for r in own], 2),
                ]
                for m in methods_of(rows)
                for own in (chosen(rows, method=m),)
            ],
        ),
        draw=partial(trained_figure, rows),
        alt="The least real part of an eigenvalue at each trained end point",
        caption="Least real part of an eigenvalue at each trained end point, on one batch. Filled: "
        "unstable on fresh batches too; hollow: not decided. In the table, medians with 95 % "
        "intervals; who may be at rest has an expected field that is not certainly other than zero "
        "(99 %), which is no proof that it is; the last column is the mean gradient norm of the last tenth of the run over the "
        "first's.",
    )


def _conclusion(parts: Sequence[Part], dirac: Sequence[Row], ring8: Sequence[Row]) -> list[str]:
    toy = all(p.agreement is Agreement.supported for p in parts[:2])
    plain = {
        m: over_seeds([r["measured"]["end"] for r in chosen(dirac, method=m)], 2)
        for m in ("minimax", "non-saturating")
    }
    words = [
        "**On the game that the theorems are about they hold,** for the eigenvalues, for the verdict "
        "of the measure and for the descent."
        if toy
        else "**On the game that the theorems are about something is off;** the tables say where. "
        "These are two numbers, so the error is in a formula, an update or a measure.",
        f"**Where linearisation decides nothing.** From distance 1 minimax is left at "
        f"{plain['minimax']}, non-saturating at {plain['non-saturating']}: the same eigenvalues, "
        "another ending. A verdict that had called either stable or unstable would have been a guess.",
    ]
    if _at_rest(ring8) < len(_damped(ring8)):
        words.append(
            "**Why ring8 is no test of the theorem.** A stability theorem speaks of an equilibrium, "
            f"and {len(_damped(ring8)) - _at_rest(ring8)} of {len(_damped(ring8))} regularised runs "
            "do not end at one. That R1 makes a trained network stable does not follow from the "
            "Dirac-GAN, and is not seen here."
        )
    return words


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    steps = {r["configuration"]["part"]: r["configuration"]["steps"] for r in rows}
    terms: dict[str, Any] = {
        f"{r['configuration']['part']} {TITLES[r['configuration']['method']]}": ", ".join(
            [
                r["configuration"]["loss"],
                *r["configuration"]["terms"],
                *([f"clip {r['configuration']['clip']:g}"] if r["configuration"]["clip"] else []),
            ]
        )
        for r in rows
    }
    return [
        ("seeds", seeds_of(rows)),
        ("runs", str(len(rows))),
        ("updates", ", ".join(f"{part} {n}" for part, n in steps.items())),
        *terms.items(),
        ("ring8", "perceptrons of two hidden layers of 16, batch 128, the zoo's optimisers"),
        ("interval", "of the median over seeds, by the sign test, 95 %"),
        *versions_of(rows),
    ]
