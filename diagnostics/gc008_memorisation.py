"""GC008 Memorisation: does the generator reproduce its training samples?

How it is measured
    Against held-out samples of the same law. Exchange: of each generated sample the nearest real
    one is found among training and held-out samples together, weighted by how much nearer it is
    than the next; a generator that did not see which were trained on is nearest to either in
    proportion, whatever its law. Rank: whether generated samples lie closer to the training set
    than held-out ones, within classes or components. Both p-values are exact, by relabelling, and
    corrected by Holm.
Verdicts
    failing: exchange is significant at 1 %, and a tenth or more of the samples are surely copies.
    warning: exchange is significant; or rank is, and a generated sample is closer to the training
    set with chance 0.6 or more: then it is no copy of it in particular, but avoids the edges of
    the data (see GC006).
    sound: neither, and a copied tenth would have been noticed.
    undecided: neither, and it would not have been; or more than 1 % of the held-out samples are
    themselves copies of training samples.
    Not applicable without held-out samples (give `Game(..., held_out=...)`, or `--held-out
    FILE.npz` of an audit), for data that never repeat, and for analytic games.
What to do
    More data, augmentation of D's input, or an earlier checkpoint; publish no samples of it before.
Source: Meehan, Chaudhuri and Dasgupta (2020) for the rank test; Holm (1979).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gancheck.diagnosis import Definition, Diagnostic, Finding, NotApplicable, Plan, Verdict
from gancheck.measures.features import as_features
from gancheck.measures.holm import ALPHA, holm
from gancheck.measures.memorisation import FEWEST, TRAINING, Memorisation, memorisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.games.game import Game


def measure(game: Game, plan: Plan) -> Memorisation:
    """Draw training, held-out and generated samples and measure.

    Raises:
        NotApplicable: an analytic game, data without an end, no held-out samples or too few.
    """
    if game.analytic:
        raise NotApplicable("needs samples; this game is a pair of functions of its parameters")
    size = game.data.size
    if size is None:
        raise NotApplicable(
            "the data are a law that never runs out, so there is no training set to memorise"
        )
    held_out = game.draw_held_out(plan.samples, seed=plan.seed)
    if held_out is None:
        raise NotApplicable(
            "needs samples of the data that were not trained on; "
            "give them with Game(..., held_out=...), or --held-out FILE.npz of an audit"
        )
    if min(size, len(held_out)) < FEWEST:
        raise NotApplicable(
            f"needs at least {FEWEST} training and held-out samples, got {size} and "
            f"{len(held_out)}; give more"
        )
    n = min(size, TRAINING)
    labels = game.draw_labels(n, seed=plan.seed)
    return memorisation(
        game.draw_real(n, seed=plan.seed),
        game.draw_samples(max(plan.samples, FEWEST), seed=plan.seed),
        held_out,
        labels=None if labels is None else labels.numpy(),
        features=as_features(plan.features, game),
        seed=plan.seed,
    )


def judge(
    found: Memorisation,
    *,
    alpha: float = ALPHA,
    beside: Sequence[float] = (),
    severe: float = 0.1,
    closer: float = 0.6,
    leaked: float = 0.01,
) -> Finding:
    """Say whether samples are copies, where a test says that they are tied to the training set.

    Args:
        found: the measurement.
        alpha: chance of any false alarm.
        beside: p-values of the other diagnostics of the same report.
        severe: one sample in ten is a copy: whoever draws a page of samples meets some.
        closer: chance of being closer than a held-out sample; 0.5 for equal laws, 0.6 for normal
            distances that are a third of a standard deviation apart.
        leaked: share of held-out samples that may be copies of training ones.
    """
    tests = holm(found.p_values, beside=beside)
    q = found.quantities
    copied, leak = q["copied_share"], q["held_out_copies"]
    tied = tests["exchange"].corrected < alpha
    near = "rank" in tests and tests["rank"].corrected < alpha and q["closer_share"].value >= closer
    low, high = copied.interval
    title, end = "", ""
    if leak.value > leaked:
        verdict = Verdict.undecided
        title = "The held-out samples are no such"
        end = f" {leak.value:.1%} of the held-out samples are copies of training samples."
    elif tied:
        verdict = Verdict.failing if low > severe else Verdict.warning
        title = "Samples are copies of training samples"
    elif near:
        verdict = Verdict.warning
        title = "Samples keep close to the data, though not to the training samples alone"
    elif high > severe:
        verdict = Verdict.undecided
        title = "The samples are too few to tell copies"
        # the half width falls like one over the root of either number of samples
        factor = math.ceil((2.0 * (high - max(copied.value, 0.0)) / severe) ** 2)
        end = (
            f" A copied share of {severe:.0%} could pass unnoticed; about {max(2, factor)} times "
            "as many generated and held-out samples would show it."
        )
    else:
        verdict = Verdict.sound
        title = "No sign of copies of training samples"
    shown = ", ".join(f"{name} p = {p.corrected:.2g}" for name, p in tests.items())
    rank = (
        f"A generated sample is closer to the training set than a held-out one with chance "
        f"{q['closer_share'].value:.3f} (by {found.strata_from}; 0.5 for equal laws). "
        if "closer_share" in q
        else "No stratum has enough samples to compare distances. "
    )
    return Finding(
        code="GC008",
        verdict=verdict,
        title=title,
        because=(
            f"The nearest real sample is a training one for {q['training_nearest'].value:.1%} of "
            f"the generated samples, {q['training_nearest_expected'].value:.1%} by chance; the "
            f"copied share comes to {copied.value:.1%} (at most {high:.1%}). {rank}After Holm's "
            f"correction: {shown}.{end}"
        ),
        remedy=_REMEDIES[verdict],
        quantities=q,
        theorems=diagnostic.theorems,
        measurement=found,
        p_values=tests,
    )


_REMEDIES = {
    Verdict.sound: "",
    Verdict.warning: "Look at the nearest pairs; more data or augmentation of D's input.",
    Verdict.failing: "Publish no samples; more data, augmentation of D's input, fewer steps.",
    Verdict.undecided: "Give more held-out samples that were not trained on, and draw more.",
}


diagnostic = Diagnostic(
    code="GC008",
    name="Memorisation",
    question="Does the generator reproduce its training samples?",
    theorems=(),
    measure=measure,
    judge=judge,
    caption=(
        "Distance to the nearest training sample, of generated and of held-out samples. Copies "
        "rise at the left before anything held out does."
    ),
    headline="copied_share",
    threshold="warns where nearest samples are the trained ones beyond chance; fails above 10 %",
    labels={
        "copied_share": "share of samples that are copies",
        "training_nearest": "samples whose nearest real one is a training one",
        "training_nearest_expected": "the same by chance",
        "closer_share": "chance of being closer than held-out, by strata",
        "closer_share_pooled": "the same without strata",
        "near_copies": "samples closer than 99 % of held-out ones",
        "held_out_copies": "held-out samples that are training samples",
    },
    tests={
        "rank": "samples are closer to the training set than held-out ones",
        "exchange": "samples are tied to the training samples in particular",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>c</mi><mo>=</mo><mfrac><mrow><mi>s</mi><mo>−</mo><msub><mi>s</mi><mn>0</mn>"
            "</msub></mrow><mrow><mn>1</mn><mo>−</mo><msub><mi>s</mi><mn>0</mn></msub></mrow>"
            "</mfrac><mo>,</mo><mspace width='0.4em'/><msub><mi>s</mi><mn>0</mn></msub><mo>=</mo>"
            "<mfrac><mi>T</mi><mrow><mi>T</mi><mo>+</mo><mi>H</mi></mrow></mfrac></mrow>"
        ),
        estimator=(
            "s is the share of training samples among the nearest of T training and H held-out "
            "ones, over generated samples twice as near to one real sample as to the next."
        ),
        cost="distances of at most 2,000 generated samples to 12,000 real ones",
        limits=(
            "Copies that are changed beyond the distance between neighbours, such as shifted "
            "pictures in pixels, are not seen. Where training samples are a part of the set, only "
            "copies of that part are."
        ),
        source="Meehan, Chaudhuri and Dasgupta (2020)",
    ),
)
