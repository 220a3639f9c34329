"""GC110 Rank: how many directions do the layers use, and are filters copies of each other?

How it is measured
    Stable rank of each weight as a matrix of its first axis by the others; rows with another row at
    a cosine above 0.99, in more than four dimensions.
Verdicts
    sound: always; it informs. No line separates a low rank that the data asks for from a collapse.
    Not applicable where there is no matrix with two rows and columns.
What to do
    Where many rows are copies, the layer is wider than it needs; where the rank fell since an
    earlier checkpoint, look at the samples' diversity (GC006).
Source: Rudelson and Vershynin (2007).
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.weight_rank import WeightRank, weight_rank
from gancheck.measures.weights import listed


def judge(found: WeightRank) -> Finding:
    """Tell the lowest rank and the copies."""
    low = min(found.layers, key=lambda x: x.rank / x.full)
    copies = [x for x in found.layers if x.alike]
    told = f"The layer of lowest stable rank is {low.place.tensor}: {low.rank:.3g} of {low.full}. "
    if copies:
        told += "Rows that copy another: " + listed(
            f"{x.alike} of {x.rows} in {x.place.tensor}" for x in copies
        )
    else:
        told += "No row copies another"
    return Finding(
        code="GC110",
        verdict=Verdict.sound,
        title="Rows that copy another" if copies else "No filter copies another",
        because=f"{told}.",
        quantities=found.quantities,
        measurement=found,
        places=tuple(x.place for x in copies) or (low.place,),
    )


diagnostic = Diagnostic(
    code="GC110",
    name="Rank",
    question="How many directions do the layers use, and are filters copies of each other?",
    theorems=(),
    measure=weight_rank,
    judge=judge,
    headline="smallest_rank_share",
    threshold="informs only",
    labels={
        "smallest_stable_rank": "lowest stable rank",
        "smallest_rank_share": "stable rank of the lowest layer, of full",
        "duplicate_share": "rows that copy another",
    },
    definition=Definition(
        mathml=(
            "<mrow><mi>r</mi><mo>=</mo><mfrac><msubsup><mrow><mo>‖</mo><mi>W</mi><mo>‖</mo></mrow>"
            "<mi>F</mi><mn>2</mn></msubsup><msubsup><mrow><mo>‖</mo><mi>W</mi><mo>‖</mo></mrow>"
            "<mn>2</mn><mn>2</mn></msubsup></mfrac></mrow>"
        ),
        estimator="Dense, from the smaller Gram matrix; all cosines of rows in single precision.",
        cost="one small decomposition and one product of rows by rows a layer",
        limits=(
            "The first axis of a transposed convolution is its input, so that there the rows are "
            "what one input channel paints. Normalisation changes what a row's length means."
        ),
        source="Rudelson and Vershynin (2007)",
    ),
    level="weights",
)
