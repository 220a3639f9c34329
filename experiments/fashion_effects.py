"""Which differences does the page on Fashion-MNIST ask for, which were predicted, what came out?

A comparison is a setting at one look against the base of the same seeds. One family holds every
comparison in every measure: each interval is asked at a level at which all of them together hold
with 95 %, whether its sign was predicted or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from experiments.fashion_settings import BASE
from experiments.page_parts import chosen
from experiments.pairs import ERROR
from gancheck.measures.medians import MedianInterval, median_interval
from gancheck.rendering.experiment_page import Agreement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.finished_runs import Row

__all__ = [
    "ALONE",
    "COMPARISONS",
    "FAMILY",
    "LEVEL",
    "MEASURES",
    "Comparison",
    "Effect",
    "Prediction",
    "alone",
    "base_values",
    "effects",
]

MEASURES: Final[Mapping[str, str]] = {
    "top_d": "D’s top eigenvalue",
    "bottom_d": "D’s bottom eigenvalue",
    "top_g": "G’s top eigenvalue",
    "bottom_g": "G’s bottom eigenvalue",
    "rotation": "rotation",
    "ratio": "gradient ratio",
    "slope": "slope of D",
    "frechet": "Fréchet distance",
    "coverage": "coverage",
    "memory": "memory of D",
}
ALONE: Final = ("top_d", "rotation")  # asked where R1's term alone is added


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A setting at one look, against the base."""

    group: str
    label: str
    setting: str
    look: str = "both"


COMPARISONS: Final = (
    Comparison(group="batch", label="a quarter, updates", setting="small batch", look="updates"),
    Comparison(group="batch", label="a quarter, images", setting="small batch", look="images"),
    Comparison(group="batch", label="fourfold, images", setting="large batch", look="images"),
    Comparison(group="batch", label="fourfold, updates", setting="large batch", look="updates"),
    Comparison(group="capacity", label="half as wide", setting="narrow"),
    Comparison(group="capacity", label="twice as wide", setting="wide"),
    Comparison(group="regularisation", label="R1", setting="r1"),
    Comparison(group="regularisation", label="gradient penalty", setting="gradient penalty"),
    Comparison(group="regularisation", label="spectral norm", setting="spectral norm"),
    Comparison(group="regularisation", label="instance noise", setting="instance noise"),
)  # fmt: skip
FAMILY: Final = len(COMPARISONS) * len(MEASURES) + len(ALONE)
LEVEL: Final = 1.0 - ERROR / FAMILY


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The sign of a difference and whose word it is."""

    sign: int
    source: str
    if_base_above: float = float("-inf")


_DIRAC: Final = "`dirac-gan-eigenvalues`"
_PENALISED: Final = "what is penalised is less at the optimum"
PREDICTED: Final[Mapping[tuple[str, str], Prediction]] = {
    ("narrow", "memory"): Prediction(sign=-1, source="popular reading of Arora et al. 2017"),
    ("wide", "memory"): Prediction(sign=1, source="popular reading of Arora et al. 2017"),
    ("r1", "rotation"): Prediction(sign=-1, source=_DIRAC),
    ("r1", "slope"): Prediction(sign=-1, source=_PENALISED),
    ("gradient penalty", "slope"): Prediction(sign=-1, source=_PENALISED, if_base_above=1.0),
    ("spectral norm", "slope"): Prediction(sign=-1, source="Miyato et al. 2018"),
    ("instance noise", "rotation"): Prediction(sign=-1, source=_DIRAC),
    ("instance noise", "ratio"): Prediction(sign=-1, source="Sønderby et al. 2017"),
}
_OF_THE_TERM: Final = {
    "top_d": Prediction(sign=1, source=_DIRAC),
    "rotation": Prediction(sign=-1, source=_DIRAC),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One measure of one comparison: differences of the same seeds, and their median's interval.

    Attributes:
        label: of the comparison.
        measure: of `MEASURES`.
        differences: to the base, one a seed.
        prediction: None where nothing was predicted.
    """

    label: str
    measure: str
    differences: Sequence[float]
    prediction: Prediction | None = None

    @property
    def interval(self) -> MedianInterval:
        """Of the median difference, at the level of the family."""
        return median_interval(self.differences, level=LEVEL)

    @property
    def sign(self) -> int:
        """1 or -1 where the interval decides, 0 where it holds zero."""
        found = self.interval
        return int(found.low > 0.0) - int(found.high < 0.0)

    @property
    def agreement(self) -> Agreement | None:
        """How it stands to its prediction; None without one."""
        if self.prediction is None:
            return None
        if self.sign == 0:
            return Agreement.open
        return Agreement.supported if self.sign == self.prediction.sign else Agreement.contradicted


def base_values(rows: Sequence[Row], measure: str) -> dict[int, float]:
    """Of the base, by seed."""
    return _values(rows, BASE, "both", measure)


def effects(rows: Sequence[Row], group: str) -> list[Effect]:
    """Every measure of every comparison of a group, comparisons first."""
    out: list[Effect] = []
    for c in (c for c in COMPARISONS if c.group == group):
        for measure in MEASURES:
            before, after = (
                _values(rows, setting, look, measure)
                for setting, look in ((BASE, "both"), (c.setting, c.look))
            )
            prediction = PREDICTED.get((c.setting, measure))
            if prediction is not None and not _applies(prediction, list(before.values())):
                prediction = None
            out.append(
                Effect(
                    label=c.label,
                    measure=measure,
                    differences=[after[seed] - before[seed] for seed in sorted(before)],
                    prediction=prediction,
                )
            )
    return out


def alone(rows: Sequence[Row]) -> list[Effect]:
    """What R1's term alone does at the base's own end points."""
    base = sorted(
        chosen(rows, part="setting", setting=BASE), key=lambda r: r["configuration"]["seed"]
    )
    return [
        Effect(
            label="R1’s term alone",
            measure=measure,
            differences=[
                r["measured"]["with_r1"][measure]["value"]
                - r["measured"]["looks"]["both"]["numbers"][measure]["value"]
                for r in base
            ],
            prediction=_OF_THE_TERM[measure],
        )
        for measure in ALONE
    ]


def _values(rows: Sequence[Row], setting: str, look: str, measure: str) -> dict[int, float]:
    found: dict[int, Any] = {
        r["configuration"]["seed"]: r["measured"]["looks"][look]["numbers"][measure]["value"]
        for r in chosen(rows, part="setting", setting=setting)
    }
    return found


def _applies(prediction: Prediction, base: Sequence[float]) -> bool:
    return median_interval(base).value > prediction.if_base_above
