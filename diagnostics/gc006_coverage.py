"""GC006 Coverage: does the generator reach every mode of the data, in the right mix and variety?

How it is measured
    Modes are the labels of the data, the known centres of a synthetic law, or components found in
    half of the real sample; generated and held-out real samples are counted in them by one rule.
    Six tests against held-out real data, corrected by Holm for being several: a mode gets under a
    tenth of its share (missing), under half of it (under-represented); the mix differs by more
    than 0.05 in total variation; nearest neighbours within a mode stand closer (shrinkage); the
    reference is covered worse by balls of five neighbours; close pairs are more frequent.
Verdicts
    failing: a mode is missing, or spacing within a mode has shrunk below a tenth of the real one,
    with an interval below a half.
    warning: a mode is under-represented, the mix differs, spacing in a mode is under half the real
    one, coverage is under half of what held-out real data get, or samples repeat ten times as
    often as real ones; each only with a corrected p-value below 1 %.
    sound: none of it, and a missing mode would have been noticed.
    undecided: none of it, but the samples are too few for the smallest mode (with how many are
    needed), no two modes could be told apart, or hardly any sample lies on the data.
    Under data that the generator matches, any alarm has chance 1 % at most; where the p-values of
    the other diagnostics are handed in, 1 % for the whole report.
What to do
    Where D's mean logit on a mode's real samples is far below log(real share / generated share),
    train D longer or give it that mode more often. Where D knows and G does not follow: minibatch
    statistics, several generators, or a smaller step for G.
Theorems: optimal-discriminator, logit-is-log-density-ratio, birthday-bound-on-support.
Sources: Clopper and Pearson (1934); Kynkaanniemi et al. (2019); Naeem et al. (2020); Arora and
Zhang (2017); Holm (1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from gancheck.diagnosis import Definition, Diagnostic, Finding, NotApplicable, Plan, Verdict
from gancheck.games.data import Synthetic
from gancheck.measures.coverage import FEWEST_REAL, MISSING, Coverage, coverage
from gancheck.measures.features import as_features
from gancheck.measures.gradients import logits
from gancheck.measures.holm import ALPHA, holm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from gancheck.diagnosis import PValue, Quantity
    from gancheck.games.game import Game


def measure(game: Game, plan: Plan) -> Coverage:
    """Draw both samples and measure, with D's logits where they are log-odds.

    Raises:
        NotApplicable: an analytic game, which has no samples, or fewer than 40 real ones.
    """
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    limit = game.data.size
    if limit is not None and limit < FEWEST_REAL:
        raise NotApplicable(
            f"needs at least {FEWEST_REAL} real samples for a held-out null, got {limit}; "
            "give more data"
        )
    n = plan.samples if limit is None else min(plan.samples, limit)
    n = max(n, FEWEST_REAL)
    labels = game.draw_labels(n, seed=plan.seed)
    known = game.data.modes if isinstance(game.data, Synthetic) else None
    return coverage(
        game.draw_real(n, seed=plan.seed),
        game.draw_samples(plan.samples, seed=plan.seed),
        labels=None if labels is None else labels.numpy(),
        centres=None if known is None or labels is not None else known.numpy(),
        logits=_real_logits(game, n, plan.seed),
        features=as_features(plan.features, game),
        seed=plan.seed,
    )


def _real_logits(game: Game, n: int, seed: int) -> np.ndarray | None:
    """D's logits on `game.draw_real(n, seed=seed)`, row by row; None where they are no log-odds."""
    if not game.loss.probabilistic:
        return None
    with game.untouched(), torch.no_grad():
        return logits(game, "real", n, seed)


def judge(
    found: Coverage,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    shrunk: float = 0.5,
    collapsed: float = 0.1,
    uncovered: float = 0.5,
    repeats: float = 10.0,
) -> Finding:
    """Flag what is significant after Holm and beyond its declared effect.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        shrunk: spacing within a mode below half of the real one: a quarter of the area in a plane.
        collapsed: below a tenth a mode is a point beside the real one; pairs of copies in a mode
            of usual width give such a median too, but an interval that reaches beyond `shrunk`.
        uncovered: half of the coverage that held-out real data get: every second region is empty.
        repeats: ten times the close pairs of real data: a tenth of its effective support.
    """
    tests = holm(found.p_values, beside=beside)
    q = found.quantities
    effect = {
        "missing": True,  # the effects of these three are inside their tests
        "under_represented": True,
        "imbalance": True,
        "shrinkage": "shrinkage" in tests and q["within_mode_ratio"].value < shrunk,
        "coverage": "coverage" in tests
        and q["knn_coverage"].value < uncovered * q["knn_coverage_real"].value,
        "near_duplicates": "near_duplicates" in tests
        and q["near_duplicates"].value >= repeats * max(1.0, q["near_duplicates_real"].value),
    }
    flagged = [k for k, p in tests.items() if p.corrected < alpha and effect[k]]
    short = _short(found, alpha / max(1, len(tests) + len(beside)))
    severe = [
        k for k in flagged if k == "missing" or (k == "shrinkage" and _flat(q, shrunk, collapsed))
    ]
    if severe:
        verdict = Verdict.failing
    elif flagged:
        verdict = Verdict.warning
    else:
        verdict = Verdict.undecided if short else Verdict.sound
    because = " ".join(
        part for part in (_told(found), _alarms(tests, flagged), short, _logit(found)) if part
    )
    return Finding(
        code="GC006",
        verdict=verdict,
        title=_TITLES[(severe or flagged)[0]] if flagged else _CALM[verdict],
        because=because,
        remedy=_REMEDIES[verdict],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


def _flat(q: Mapping[str, Quantity], shrunk: float, collapsed: float) -> bool:
    """Whether a mode is nearly a point, and not only by a few pairs of copies."""
    ratio = q["within_mode_ratio"]
    return ratio.value < collapsed and ratio.interval[1] < shrunk


def _short(found: Coverage, level: float) -> str:
    """Why a missing mode could have gone unnoticed; "" where it could not."""
    if len(found.modes) < 2 and found.modes_from != "components":
        return (
            f"The {found.modes_from} name a single mode, and a mode can be missing only among "
            "several; leave them out, or give those of the classes."
        )
    if len(found.modes) < 2:
        return (
            "The data shows a single mode in this space, so no mode can be missing from it; give "
            "labels, or measure in a feature space in which the classes are apart."
        )
    if not found.has_shares:
        return (
            f"Only {int(found.hits.sum())} of {found.generated} generated samples lie on the "
            "data, too few to speak of its modes."
        )
    n, m = int(found.hits.sum()), int(found.real_hits.sum())
    # a mode without a generated sample has p = (1 - theta)^hits, theta = 0.1 n / (0.1 n + m)
    least = int(found.real_hits.argmin())
    have = float(found.real_hits[least]) * math.log1p(MISSING * n / m)
    need = math.log(len(found.modes) / level)
    if have >= need:
        return ""
    name = found.modes[least]
    if have == 0.0:
        return f"No held-out real sample lies in mode {name}; more real data are needed."
    factor = need / have
    return (
        f"Were mode {name} (share {found.real_hits[least] / m:.2%}) missing, it could not be told "
        f"from {n} generated and {m} held-out real samples; about {_round_up(factor * n)} and "
        f"{_round_up(factor * m)} are needed."
    )


def _round_up(count: float) -> int:
    """To two digits, upwards."""
    step = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return math.ceil(count / step) * step


def _told(found: Coverage) -> str:
    q = found.quantities
    parts: list[str] = []
    if found.has_shares:
        worst: dict[str, Any] = min(found.rows, key=lambda row: row["ratio"])
        parts.append(
            f"Of {len(found.modes)} modes ({found.modes_from}) mode {worst['mode']} lacks most: "
            f"{worst['generated_share']:.2%} of the generated samples on the data against "
            f"{worst['real_share']:.2%} of the real ones, {_range(worst['ratio'], worst)}."
        )
    if "within_mode_ratio" in q and math.isfinite(q["within_mode_ratio"].value):
        ratio = q["within_mode_ratio"]
        low, high = ratio.interval
        parts.append(
            "Nearest neighbours within a mode stand at "
            f"{ratio.value:.2g} (interval {low:.2g} to {high:.2g}) times the real distance."
        )
    if "knn_coverage" in q:
        parts.append(
            f"Neighbourhoods covered: {q['knn_coverage'].value:.1%}, by held-out real data "
            f"{q['knn_coverage_real'].value:.1%}."
        )
    if "near_duplicates" in q:
        parts.append(
            f"Close pairs: {q['near_duplicates'].value:.0f}, among as many real samples "
            f"{q['near_duplicates_real'].value:.0f}."
        )
    return " ".join(parts) or "There are too few samples for any of the tests."


def _range(ratio: float, row: Mapping[str, float]) -> str:
    return f"{ratio:.2g} times it (interval {row['ratio_low']:.2g} to {row['ratio_high']:.2g})"


def _alarms(tests: Mapping[str, PValue], flagged: Sequence[str]) -> str:
    if not flagged:
        return ""
    shown = ", ".join(f"{_WORDS[k]} p = {tests[k].corrected:.1e}" for k in flagged)
    return f"After Holm's correction: {shown}."


def _logit(found: Coverage) -> str:
    q = found.quantities
    if "worst_mode_logit" not in q:
        return ""
    logit, ratio = q["worst_mode_logit"], q["worst_mode_log_ratio"]
    least = "at least " if ratio.kind == "lower" else ""
    return (
        f"The discriminator's mean logit on that mode's real samples is {logit.value:.2f}; the log "
        f"of real over generated share, which an optimal one would not fall below, is {least}"
        f"{ratio.value:.2f}."
    )


_WORDS = {
    "missing": "missing mode",
    "under_represented": "under-represented mode",
    "imbalance": "mix of modes",
    "shrinkage": "spacing within modes",
    "coverage": "coverage",
    "near_duplicates": "close pairs",
}
_TITLES = {
    "missing": "A mode of the data is missing",
    "under_represented": "A mode of the data is under-represented",
    "imbalance": "The mix of modes differs from the data's",
    "shrinkage": "Samples within a mode stand too close together",
    "coverage": "Much of the data is not covered",
    "near_duplicates": "Generated samples repeat",
}
_CALM = {
    Verdict.sound: "Every mode is reached, in about the right mix",
    Verdict.undecided: "Whether a mode is missing cannot be told",
}
_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Compare D's logit with the log ratio of shares, mode by mode, in the table.",
    Verdict.failing: "Train D until its logit knows the mode, then G with minibatch statistics or "
    "several generators.",
    Verdict.undecided: "Draw more samples (--samples), give labels, or change the feature space.",
}


diagnostic = Diagnostic(
    code="GC006",
    name="Coverage",
    question="Does the generator reach every mode of the data, in the right mix and variety?",
    theorems=(
        "optimal-discriminator",
        "logit-is-log-density-ratio",
        "birthday-bound-on-support",
    ),
    measure=measure,
    judge=judge,
    caption=(
        "Above: share of generated samples in each mode, with intervals that hold for all modes "
        "together, and the real share as a stroke. Below: four numbers from neighbourhoods, each "
        "beside what held-out real data of the same number get."
    ),
    headline="knn_coverage",
    threshold="fails where a mode surely gets under a tenth of its share; 1 % alarms, by Holm",
    labels={
        "missing_modes": "modes surely missing",
        "share_ratio": "generated over real share, worst mode",
        "mode_distance": "total variation of the mix of modes",
        "mode_distance_real": "the same from one mix, by chance",
        "worst_mode_logit": "mean logit of D on the worst mode's real samples",
        "worst_mode_log_ratio": "log of real over generated share, worst mode",
        "within_mode_ratio": "spacing within a mode, generated over real, worst",
        "precision": "precision",
        "precision_real": "precision of held-out real data",
        "recall": "recall",
        "recall_real": "recall by held-out real data",
        "density": "density",
        "density_real": "density of held-out real data",
        "knn_coverage": "neighbourhoods of real samples covered",
        "knn_coverage_real": "the same by held-out real data",
        "near_duplicates": "close pairs among generated samples",
        "near_duplicates_real": "close pairs among held-out real samples",
        "support_size": "effective support at the close-pair radius",
        "support_size_real": "the same of held-out real data",
    },
    tests={
        "missing": "a mode gets under a tenth of its share",
        "under_represented": "a mode gets under half of its share",
        "imbalance": "the mix of modes is off by more than 0.05",
        "shrinkage": "samples within a mode stand closer together",
        "coverage": "fewer neighbourhoods of real samples are covered",
        "near_duplicates": "more close pairs",
    },
    definition=Definition(
        mathml=(
            "<mrow><mfrac><msub><mi>P</mi><mi>G</mi></msub><msub><mi>P</mi><mi>real</mi></msub>"
            "</mfrac><mo>(</mo><mtext>mode</mtext><mo>)</mo><mo>&lt;</mo><mfrac><mn>1</mn>"
            "<mn>10</mn></mfrac></mrow>"
        ),
        estimator=(
            "A sample is in the mode of its nearest reference point if no farther than 99 % of real "
            "data. Counts of generated and held-out real samples are compared by a conditional "
            "exact test, mixes on split halves, spacing, coverage and close pairs by relabelling."
        ),
        cost="one pass of distances to the reference; linkage where modes have to be found",
        limits=(
            "Shares are among samples that lie on the data. In raw pixels the rule that assigns a "
            "mode errs on real data too, equally. Support sizes are effective numbers at a radius."
        ),
        source="Naeem et al. (2020); Arora and Zhang (2017); Przyborowski and Wilenski (1940)",
    ),
)
