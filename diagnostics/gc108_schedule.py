"""GC108 Schedule: in which rhythm were the players trained?

How it is measured
    From the counters of batches that the batch norms keep. With c critic steps for one of the
    generator, a batches in each and g = 1 where the generator draws anew for its own step, the
    discriminator's counter stands to the generator's as c a + 1 to c + g. Every whole c up to 10,
    a of 1 to 3 and g of 0 or 1 that gives the ratio is listed.
Verdicts
    sound: always; it informs. Where several rhythms fit, the number of critic steps has an interval.
    Not applicable where no batch norm counts.
What to do
    Compare with what the file's author says of n_critic and of the number of iterations.
"""

from __future__ import annotations

from gancheck.diagnosis import Definition, Diagnostic, Finding, Verdict
from gancheck.measures.schedule import Counted, Schedule, training_schedule


def judge(found: Schedule) -> Finding:
    """Tell the rhythms; there is nothing to find fault with."""
    parts = [_told(p) for p in found.players]
    ratio = found.quantities.get("counter_ratio")
    if ratio is not None:
        parts.append(f"The discriminator's counter is {ratio.value:.5g} times the generator's.")
        parts.append(
            "That fits: " + "; ".join(str(r) for r in found.rhythms[:4]) + _more(found) + "."
            if found.rhythms
            else "No usual rhythm gives that ratio: the players may be of different runs, or one of "
            "them was put into evaluation mode for some passes."
        )
    return Finding(
        code="GC108",
        verdict=Verdict.sound,
        title=_title(found),
        because=" ".join(parts),
        quantities=found.quantities,
        measurement=found,
        places=tuple(place for p in found.players for place in p.places),
    )


def _told(player: Counted) -> str:
    if len(player.counts) == 1:
        return f"The batch norms of {player.name} have seen {player.batches} batches."
    return (
        f"The batch norms of {player.name} have seen between {player.counts[0]} and "
        f"{player.counts[-1]} batches, most of them {player.batches}: some were passed more often."
    )


def _more(found: Schedule) -> str:
    more = len(found.rhythms) - 4
    return f"; and {more} more" if more > 0 else ""


def _title(found: Schedule) -> str:
    steps = {r.critic_steps for r in found.rhythms}
    if len(steps) == 1:
        count = steps.pop()
        each = "One critic step" if count == 1 else f"{count} critic steps"
        return f"{each} for each step of the generator"
    if steps:
        return f"{min(steps)} to {max(steps)} critic steps for each step of the generator"
    return "Counters of batches seen in training"


diagnostic = Diagnostic(
    code="GC108",
    name="Schedule",
    question="In which rhythm were the players trained?",
    theorems=(),
    measure=training_schedule,
    judge=judge,
    headline="critic_steps",
    stand_in="batches_discriminator",
    threshold="informs only",
    labels={
        "batches_generator": "batches the generator made in training",
        "batches_discriminator": "batches the discriminator saw in training",
        "counter_ratio": "discriminator's over generator's",
        "critic_steps": "critic steps for one of the generator",
    },
    definition=Definition(
        mathml=(
            "<mrow><mfrac><msub><mi>n</mi><mi>D</mi></msub><msub><mi>n</mi><mi>G</mi></msub></mfrac>"
            "<mo>=</mo><mfrac><mrow><mi>c</mi><mi>a</mi><mo>+</mo><mn>1</mn></mrow><mrow><mi>c</mi>"
            "<mo>+</mo><mi>g</mi></mrow></mfrac></mrow>"
        ),
        estimator=(
            "The most common counter of each player; every rhythm whose ratio is met within two "
            "iterations or two thousandths, whichever is less."
        ),
        cost="none",
        limits=(
            "Several rhythms may have one ratio; with real and generated samples in one batch and "
            "new noise all have. Passes in evaluation mode do not count, and both players must be "
            "of the same moment of the same run."
        ),
        source="torch.nn.BatchNorm2d, num_batches_tracked",
    ),
    level="weights",
)
