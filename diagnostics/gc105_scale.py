"""GC105 Scale: are the weights of a size that a network can compute with?

How it is measured
    Root mean square of each matrix and kernel over that of torch's default draw, 1 / sqrt(3 f) for
    f inputs, against the lower median of the same player; and the ranges of running variances.
Verdicts
    warning: a layer is 100 times above both that median and the default draw, and no two others are
    as large; or the median itself is 1000 times above the draw: it exploded. Or a running variance
    is above 1e6, or negative.
    sound: none is. Of some eighty published GANs the trained layers lay between 1 and 36 times.
    Not applicable where there is no such tensor.
What to do
    Go back to a checkpoint before it; lower the step, clip gradients.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.weight_scale import WeightScale, weight_scale
from gancheck.measures.weights import listed


def judge(
    found: WeightScale,
    *,
    apart: float = 100.0,
    design: int = 3,
    everywhere: float = 1000.0,
    variance: float = 1e6,
) -> Finding:
    """Look for layers out of line, then at the running variances.

    Args:
        found: the measurement.
        apart: three times the widest range met in published files.
        design: layers of one scale, as StyleGAN's mapping, drawn a hundred times too large and
            rescaled in use; what explodes in training does not do so evenly.
        everywhere: an equalised learning rate of a wide layer, drawn by N(0, 1), stands at some
            120; ten times that is no such design.
        variance: of a channel whose values have a spread of a thousand, beyond what a batch norm's
            eps and single precision were made for.
    """
    large = [
        layer
        for layer in found.layers
        if (layer.ratio > apart * max(1.0, layer.median) and layer.alike < design)
        or layer.median > everywhere
    ]
    wild = [place for place, low, high in found.variances if low < 0.0 or high > variance]
    q = found.quantities
    parts: list[str] = []
    if found.layers:
        parts.append(
            f"Layers are {q['smallest_scale'].value:.3g} to {q['largest_scale'].value:.3g} times as "
            "large as torch draws them."
        )
    if found.variances:
        parts.append(
            f"Running variances lie between {q['smallest_running_variance'].value:.3g} and "
            f"{q['largest_running_variance'].value:.3g}."
        )
    if large:
        parts.append(
            "Out of line: "
            + listed(
                f"{layer.place.tensor}, {layer.ratio:.3g} times, where half of {layer.player} is "
                f"below {layer.median:.3g}"
                for layer in large
            )
            + "."
        )
    if wild:
        parts.append(f"Variances out of range: {listed(place.tensor for place in wild)}.")
    bad = bool(large or wild)
    return Finding(
        code="GC105",
        verdict=Verdict.warning if bad else Verdict.sound,
        title=_title(len(large), len(wild)),
        because=" ".join(parts),
        remedy="Go back to an earlier checkpoint; lower the step or clip gradients." if bad else "",
        quantities=q,
        measurement=found,
        places=(*(layer.place for layer in large), *wild),
    )


def _title(large: int, wild: int) -> str:
    if large:
        return "A layer exploded" if large == 1 else f"{large} layers exploded"
    return "Running variances are out of range" if wild else "No layer is out of line"


diagnostic = Diagnostic(
    code="GC105",
    name="Scale",
    question="Are the weights of a size that a network can compute with?",
    theorems=(),
    measure=weight_scale,
    judge=judge,
    headline="largest_scale",
    stand_in="largest_running_variance",
    threshold="warns where a layer is 100 times its neighbours and its draw",
    labels={
        "largest_scale": "largest layer, over torch's draw",
        "smallest_scale": "smallest layer, over torch's draw",
        "median_scale": "median layer, over torch's draw",
        "smallest_running_variance": "smallest running variance",
        "largest_running_variance": "largest running variance",
    },
    definition=Definition(
        mathml=(
            "<mrow><msub><mi>r</mi><mi>l</mi></msub><mo>=</mo><msqrt><mrow><mn>3</mn>"
            "<msub><mi>f</mi><mi>l</mi></msub><mspace width='0.2em'/><mi>E</mi>"
            "<msubsup><mi>w</mi><mi>l</mi><mn>2</mn></msubsup></mrow></msqrt></mrow>"
        ),
        estimator="Root mean square of all numbers of a layer with f inputs to each output.",
        cost="one pass over the numbers",
        limits=(
            "A layer before a normalisation may have any scale without harm. Scale says nothing of "
            "the direction of weights."
        ),
        source="He et al. (2015) for the scale of a draw",
    ),
    level="weights",
)
