"""GC109 Spectral norm: does it hold the layers whose files say that it does?

How it is measured
    u'Wv / sigma for each layer that carries the vectors of torch's spectral norm, sigma by a dense
    decomposition; and the lengths of u and v.
Verdicts
    failing: in some layer it is below 0.5: the layer in use stretches more than twice what spectral
    norm promises, so that it was not applied while the weight was trained.
    warning: in some layer it is below 0.9, the vectors lag behind; or a vector has not length 1.
    sound: it is above 0.9 everywhere. Healthy published files have 0.96 to 1.
    Not applicable without such a layer.
What to do
    Use the layer in training mode for some passes, which moves the vectors; then look whether the
    weights were changed outside of training.
Source: Miyato et al. (2018).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.spectral_consistency import SpectralConsistency, spectral_consistency
from gancheck.measures.weights import listed


def judge(
    found: SpectralConsistency, *, absent: float = 0.5, stale: float = 0.9, length: float = 0.01
) -> Finding:
    """The worst layer decides.

    Args:
        found: the measurement.
        absent: a layer twice as steep as promised is under no norm.
        stale: below what any healthy file shows; one step of power iteration a pass keeps up.
        length: of u and v, which are normalised at each pass: far above rounding.
    """
    q = found.quantities
    # a NaN consistency is no good one
    bad = [x for x in found.layers if not x.consistency >= stale]
    long = [x for x in found.layers if not x.unit <= length]
    if any(not x.consistency >= absent for x in bad):
        verdict, title = Verdict.failing, "Spectral norm was not applied"
    elif bad or long:
        verdict, title = Verdict.warning, "The vectors of spectral norm are stale"
    else:
        verdict, title = Verdict.sound, "Spectral norm holds its layers"
    told = listed(f"{x.place.tensor}: {x.consistency:.3f}" for x in bad)
    lengths = listed(x.place.tensor for x in long)
    return Finding(
        code="GC109",
        verdict=verdict,
        title=title,
        because=(
            f"Of {len(found.layers)} layers the smallest u'Wv / sigma is "
            f"{q['smallest_consistency'].value:.3f}"
            f"{'; below 0.9: ' + told if bad else ''}"
            f"{'; u or v has not length 1: ' + lengths if long else ''}."
        ),
        remedy=_REMEDY if verdict is not Verdict.sound else "",
        quantities=q,
        measurement=found,
        places=tuple(x.place for x in dict.fromkeys((*bad, *long))),
    )


_REMEDY = "Pass some batches in training mode, and look whether weights were changed by other code."


diagnostic = Diagnostic(
    code="GC109",
    name="Spectral norm",
    question="Does spectral norm hold the layers whose files say that it does?",
    theorems=(),
    measure=spectral_consistency,
    judge=judge,
    headline="smallest_consistency",
    threshold="warns below 0.9, fails below 0.5",
    labels={
        "normed_layers": "layers under spectral norm",
        "smallest_consistency": "smallest u'Wv over the true norm",
        "largest_norm_in_use": "largest norm of a layer in use, 1 promised",
        "vector_length_error": "how far u or v is from length 1",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>&#x3c1;</mi><mo>=</mo><mfrac><mrow><msup><mi>u</mi><mo>&#x22a4;</mo></msup><mi>W</mi>"
            "<mi>v</mi></mrow><mrow><msub><mi>&#x3c3;</mi><mi>max</mi></msub><mo>(</mo><mi>W</mi>"
            "<mo>)</mo></mrow></mfrac></mrow>"
        ),
        estimator=(
            "The weight as the matrix that torch takes it for; sigma from the eigenvalues of the "
            "smaller Gram matrix in double precision."
        ),
        cost="one small dense decomposition a layer",
        limits=(
            "The matrix of a kernel is not the convolution: spectral norm bounds the former (GC113 "
            "gives the latter). Other code's spectral norm is not recognised."
        ),
        source="Miyato et al. (2018)",
    ),
    level="weights",
)
