"""What is a measured number, a judgement about it, and a report of judgements?

The vocabulary of the whole project, on the standard library alone: `Quantity` (a number that
carries both its errors), `Measurement` (what a measure returns), `Finding` (what a diagnostic says
about it), `Report` (findings and where they come from). pandas is imported when a table is asked
for and the renderer when a page is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

__all__ = [
    "SCHEMA",
    "Definition",
    "Diagnostic",
    "Finding",
    "Gallery",
    "Measurement",
    "NotApplicable",
    "PValue",
    "Plan",
    "Quantity",
    "Report",
    "Verdict",
]

SCHEMA = "gancheck-report/1"
Row = dict[str, Any]


class Verdict(StrEnum):
    """How a diagnostic ends. `undecided`: the error bar straddles the threshold."""

    sound = "sound"
    warning = "warning"
    failing = "failing"
    undecided = "undecided"
    not_applicable = "not_applicable"


_WORST_FIRST = (Verdict.failing, Verdict.warning, Verdict.undecided, Verdict.sound)


class NotApplicable(Exception):
    """A diagnostic's question has no meaning here; the message says why and what would change it."""


def _finite_or_none(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: both become null."""
    return value if value is not None and math.isfinite(value) else None


def _without_nan(value: Any) -> Any:
    """The same structure with null for every NaN and infinity, wherever it stands."""
    if isinstance(value, float):
        return _finite_or_none(value)
    if isinstance(value, dict):
        return {str(k): _without_nan(v) for k, v in value.items()}
    return [_without_nan(v) for v in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured number and both its errors, kept apart.

    Attributes:
        value: the number.
        error: numerical: a residual or a bound on what the method left out.
        sampling_error: one standard error over independent evaluation batches; None where the
            number is a property of the given batch, or exact for the game.
        unit: "1" for a pure number, "share" for one in 0..1 that a page shows in per cent.
        kind: `lower` and `upper` are bounds, `exact` is free of estimation.
        low: lower end of the 95 % interval where it is not value minus two standard errors.
        high: upper end of the same.
    """

    value: float
    error: float = 0.0
    sampling_error: float | None = None
    unit: str = "1"
    kind: Literal["estimate", "lower", "upper", "exact"] = "estimate"
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval: [low, high] where given, else value plus and minus both errors."""
        half = self.error + 2.0 * (self.sampling_error or 0.0)
        low = self.value - half if self.low is None else self.low
        high = self.value + half if self.high is None else self.high
        return low, high

    def __str__(self) -> str:
        spread = "" if self.sampling_error is None else f", sampling {self.sampling_error:.2g}"
        return f"{self.value:.4g} +/- {self.error:.1g}{spread}"

    def to_dict(self) -> dict[str, Any]:
        """The five fields every consumer may rely on, and the interval where it has its own."""
        out: dict[str, Any] = {
            "value": _finite_or_none(self.value),
            "error": _finite_or_none(self.error),
            "sampling_error": _finite_or_none(self.sampling_error),
            "unit": self.unit,
            "kind": self.kind,
        }
        if self.low is not None or self.high is not None:
            out["interval"] = [_finite_or_none(self.low), _finite_or_none(self.high)]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class PValue:
    """A test's p-value, alone and corrected for the tests that stand beside it.

    Attributes:
        raw: valid for this test, had it been the only one.
        corrected: below alpha with chance at most alpha for all tests of the family together.
    """

    raw: float
    corrected: float

    def to_dict(self) -> dict[str, Any]:
        """Both, as they stand in result.json."""
        return {"raw": self.raw, "corrected": self.corrected}


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The frozen result of one measure. Measures subclass it with what their figure draws.

    Attributes:
        quantities: name -> number with its errors.
        rows: a tidy table, one dict a row.
        provenance: seed, sample sizes, products, seconds, and choices that change the number.
    """

    quantities: Mapping[str, Quantity]
    rows: Sequence[Row] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def plot(self, width_px: int = 690) -> Any:
        """Draw what was measured, that many CSS pixels wide; matplotlib axes, or an array of them.

        Raises:
            NotApplicable: this measurement has no picture.
        """
        raise NotApplicable(f"{type(self).__name__} has no picture of {width_px} px; see .table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much evidence to gather: sample sizes and seeds, chosen once for a whole report.

    Attributes:
        batch_size: samples of each player's batch for curvature and rotation.
        batches: independent evaluation batches for the sampling error, at least 4.
        samples: generated samples for shares and support.
        gradient_batch: minibatch over which gradient norms are taken, as in training.
        probes: random probes of a trace estimate.
        seed: first seed; batch s of a measure uses seed + s.
        features: space in which supports are compared: pixels, pca, discriminator, module:function.
        products: that one measure of curvature may spend; no limit where not given.
        seconds: the same in wall-clock time.
    """

    batch_size: int = 256
    batches: int = 4
    samples: int = 10_000
    gradient_batch: int = 32
    probes: int = 64
    seed: int = 0
    features: str = "pixels"
    products: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.batches < 4:
            raise ValueError(f"batches must be at least 4 for a sampling error, got {self.batches}")
        if self.features not in ("pixels", "pca", "discriminator") and ":" not in self.features:
            raise ValueError(
                "features must be pixels, pca, discriminator or module:function, "
                f"got {self.features!r}"
            )
        for name in ("batch_size", "samples", "gradient_batch", "probes"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What stands folded under a finding: how its number is defined and got.

    Attributes:
        mathml: the defining formula, presentation MathML without the outer `math` element.
        estimator: how it is measured, in a paragraph.
        cost: in products or samples.
        limits: what the number cannot tell.
        source: paper or book.
    """

    mathml: str
    estimator: str
    cost: str
    limits: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one diagnostic says.

    Attributes:
        code: of the diagnostic.
        verdict: one of five words.
        title: the result in a short sentence.
        because: the reason, with the numbers that decided.
        remedy: what to do next; "" where nothing is to be done.
        quantities: name -> number.
        theorems: ids of the theorems the judgement rests on.
        seconds: what the measurement took.
        measurement: what was measured; None where nothing could be.
        p_values: name -> p-value of each test behind the verdict; empty where it rests on none.
    """

    code: str
    verdict: Verdict
    because: str
    title: str = ""
    remedy: str = ""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    theorems: Sequence[str] = ()
    seconds: float = 0.0
    measurement: Measurement | None = None
    p_values: Mapping[str, PValue] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The finding as it stands in result.json."""
        tests = {k: p.to_dict() for k, p in self.p_values.items()}
        return {
            **({"p_values": tests} if tests else {}),
            "code": self.code,
            "verdict": str(self.verdict),
            "title": self.title,
            "quantities": {k: q.to_dict() for k, q in self.quantities.items()},
            "because": self.because,
            "remedy": self.remedy,
            "theorems": list(self.theorems),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One question, how it is measured, and how the answer is judged.

    Attributes:
        code: `GC0xx`, stable and never reused.
        name: short noun for cards ("Rotation").
        question: asked in a sentence.
        theorems: ids the judgement rests on.
        measure: (game, plan) -> Measurement; raises `NotApplicable`.
        announces: whether `measure` also takes `announce`, which is told what is planned
            (parameters, memory, products, seconds) before the first long computation.
        judge: Measurement -> Finding, a pure function of quantities; one whose finding has p_values
            also takes `beside`, the raw p-values of the other tests of a report.
        caption: what the measurement's figure shows and how to read it; "" where it has none.
        headline: name of the quantity on the card.
        stand_in: the one shown where that was not measured; "" where nothing is.
        labels: quantity name -> words on the page.
        threshold: the rule in words, for the card.
        definition: what stands folded under the finding.
    """

    code: str
    name: str
    question: str
    theorems: Sequence[str]
    measure: Callable[..., Any]
    judge: Callable[..., Finding]
    headline: str
    threshold: str
    definition: Definition
    labels: Mapping[str, str] = field(default_factory=dict)
    announces: bool = False
    stand_in: str = ""
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Samples for the page, unselected: generated, real, and the nearest real of each generated.

    Attributes:
        kind: `images` ([n, h, w] in 0..1, ink high) or `points` ([n, 2]).
        generated: array of that shape.
        real: array of the same kind.
        nearest: nearest real neighbour of each generated one; images only.
        note: how they were drawn.
    """

    kind: Literal["images", "points"]
    generated: Any
    real: Any
    nearest: Any = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Findings and where they come from.

    Attributes:
        findings: one for each diagnostic that was chosen and reached.
        provenance: files with hashes, seeds, versions, device, command.
        title: what was examined.
        complete: False when budget or interruption left chosen diagnostics unrun.
        gallery: samples for the page.
        history: training metrics by step, one dict a row; empty where there is none.
    """

    findings: Sequence[Finding]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    title: str = "game"
    complete: bool = True
    gallery: Gallery | None = None
    history: Sequence[Row] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of failing > warning > undecided > sound; nothing measured: not_applicable."""
        found = {f.verdict for f in self.findings}
        return next((v for v in _WORST_FIRST if v in found), Verdict.not_applicable)

    def __getitem__(self, code: str) -> Finding:
        for finding in self.findings:
            if finding.code == code:
                return finding
        have = ", ".join(f.code for f in self.findings) or "none"
        raise KeyError(f"no finding {code} in this report (it has {have})")

    def to_dict(self) -> dict[str, Any]:
        """The machine-readable twin of the page."""
        return {
            "schema": SCHEMA,
            "verdict": str(self.verdict),
            "complete": self.complete,
            "title": self.title,
            "findings": [f.to_dict() for f in self.findings],
            "provenance": dict(self.provenance),
        }

    def to_json(self) -> str:
        """`to_dict` as text; keys sorted inside, no NaN."""
        plain = _without_nan(self.to_dict())
        return json.dumps(plain, indent=2, sort_keys=True, allow_nan=False, default=str)

    def to_frame(self) -> pd.DataFrame:
        """One row a quantity, for notebooks."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"code": f.code, "verdict": str(f.verdict), "quantity": name, **q.to_dict()}
                for f in self.findings
                for name, q in f.quantities.items()
            ]
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, `result.json` and one CSV a finding's table beside it.

        Raises:
            OSError: the folder cannot be written; nothing half-written replaces an old page.
        """
        from gancheck.rendering import write_report

        return write_report(self, Path(path))
