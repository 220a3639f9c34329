"""GC113 Layer norms: by how much could the layers stretch, as far as their weights tell?

How it is measured
    Largest singular value of each matrix, and of each kernel as a convolution of stride 1 on a
    picture of 8 x 8 that wraps around, by power iteration; their product for each player.
Verdicts
    sound: always; it informs. Norms between architectures do not compare, so there is no line.
    Not applicable without a matrix or kernel.
What to do
    Compare with another checkpoint of the same architecture; GC009 gives the norms in the network.
Source: Sedghi, Gupta and Long (2019).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.weight_norms import WeightNorms, weight_norms


def judge(found: WeightNorms) -> Finding:
    """Tell the largest norm and the products."""
    q = found.quantities
    top = max(found.layers, key=lambda x: x.norm)
    products = [
        f"the layers of the {player} multiply to 10^{q[name].value:.2f}"
        for player in ("generator", "discriminator")
        for name in [f"log_product_{player}"]
        if name in q
    ]
    return Finding(
        code="GC113",
        verdict=Verdict.sound,
        title="Norms of the layers as maps",
        because=(
            f"The largest of {len(found.layers)} norms is {top.norm:.3g}, of {top.place.tensor}"
            f"{'; ' if products else ''}{', '.join(products)}."
        ),
        quantities=q,
        measurement=found,
        places=(top.place,),
    )


diagnostic = Diagnostic(
    code="GC113",
    name="Layer norms",
    question="By how much could the layers stretch, as far as their weights tell?",
    theorems=(),
    measure=weight_norms,
    judge=judge,
    headline="largest_layer_norm",
    threshold="informs only",
    labels={
        "largest_layer_norm": "largest norm of a layer",
        "log_product_generator": "power of ten of the generator's product",
        "log_product_discriminator": "power of ten of the discriminator's product",
    },
    definition=Definition(
        mathml=(
            "<mrow><munder><mo>∏</mo><mi>l</mi></munder><munder><mi>max</mi><mi>x</mi></munder>"
            "<mfrac><mrow><mo>‖</mo><msub><mi>W</mi><mi>l</mi></msub><mi>x</mi><mo>‖</mo></mrow>"
            "<mrow><mo>‖</mo><mi>x</mi><mo>‖</mo></mrow></mfrac></mrow>"
        ),
        estimator=(
            "Dense for matrices; for kernels power iteration on the convolution, frequency by "
            "frequency, of which strides and groups leave something out."
        ),
        cost="one Fourier transform and some ten products with each kernel",
        limits=(
            "Sizes, strides, padding and groups stand in no file, and normalisations between the "
            "layers, which may undo or multiply all of it, are not counted."
        ),
        source="Sedghi, Gupta and Long (2019)",
    ),
    level="weights",
)
