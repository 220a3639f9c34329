"""What is a measured number, a judgement about it, and a report of judgements?

The vocabulary of the whole project, on the standard library alone: `Quantity` (a number that
carries both its errors, from `gancheck.quantity`), `Measurement` (what a measure returns),
`Finding` (what a diagnostic says about it), `Report` (findings and where they come from). pandas is
imported when a table is asked for and the renderer when a page is. A little over 400 lines, because
these classes speak of each other and a reader wants them in one place.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gancheck.quantity import PValue, Quantity, without_nan

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
    "NotFinite",
    "PValue",
    "Place",
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


class NotFinite(ValueError):
    """The game gives NaN or infinity: a sample, a score, a loss, or the derivative of one.

    Such a number is the game's fault and no wrong argument, which is a plain `ValueError`: a
    diagnosis turns it into a failing finding (`Diagnostic.not_finite`) and goes on.
    """


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
        probes: random probes of a trace estimate, at least 7: a basis and four probes of the share
            of rotation, whose error comes from leaving one of the four out.
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
        least = {"batch_size": 2, "samples": 2, "gradient_batch": 2, "probes": 7}
        for name, count in least.items():
            if getattr(self, name) < count:
                raise ValueError(f"{name} must be at least {count}, got {getattr(self, name)}")
        if self.products is not None and self.products < 1:
            raise ValueError(
                f"products must be at least 1, got {self.products}; leave it out for no limit"
            )
        if self.seconds is not None and not self.seconds > 0.0:
            raise ValueError(
                f"seconds must be positive, got {self.seconds}; leave it out for no limit"
            )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a file a finding lies.

    Attributes:
        file: its path as it was given, made plain.
        tensor: name of the tensor in it, made plain; "" where the file as a whole is meant.
    """

    file: str
    tensor: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Both, as they stand in result.json."""
        return {"file": self.file, "tensor": self.tensor}


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
        places: the tensors it speaks of, in the order of the files; empty where it is about a game.
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
    places: Sequence[Place] = ()

    def to_dict(self, *, stamped: bool = False) -> dict[str, Any]:
        """The finding as it stands in result.json; its seconds only where stamped."""
        tests = {k: p.to_dict() for k, p in self.p_values.items()}
        places = [place.to_dict() for place in self.places]
        return {
            **({"p_values": tests} if tests else {}),
            **({"places": places} if places else {}),
            "code": self.code,
            "verdict": str(self.verdict),
            "title": self.title,
            "quantities": {k: q.to_dict() for k, q in self.quantities.items()},
            "because": self.because,
            "remedy": self.remedy,
            "theorems": list(self.theorems),
            **({"seconds": round(self.seconds, 3)} if stamped else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One question, how it is measured, and how the answer is judged.

    Attributes:
        code: stable and never reused; `GC0xx` of a game, `GC1xx` of weights.
        name: short noun for cards ("Rotation").
        question: asked in a sentence.
        theorems: ids the judgement rests on.
        measure: (game, plan) -> Measurement; raises `NotApplicable`. At the level of weights it takes
            `gancheck.measures.weights.Weights` in place of the game.
        announces: whether `measure` also takes `announce`, which is told what is planned
            (parameters, memory, products, seconds) before the first long computation.
        judge: Measurement -> Finding, a pure function of quantities; one whose finding has p_values
            also takes `beside`, the raw p-values of the other tests of a report.
        caption: what the measurement's figure shows and how to read it; "" where it has none.
        headline: name of the quantity on the card.
        stand_in: the one shown where that was not measured; "" where nothing is.
        admits: (game, plan) -> None; raises ValueError before any diagnostic begins where this one
            cannot be measured as planned. Cheap: a few samples at most.
        labels: quantity name -> words on the page.
        tests: name of a p-value -> words on the page; names stand for themselves where not given.
        threshold: the rule in words, for the card.
        followed: title -> names of quantities that are drawn together over training; the headline
            where not given.
        definition: what stands folded under the finding.
        level: what it needs: a `game` that can be played, or the `weights` of its players alone.
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
    tests: Mapping[str, str] = field(default_factory=dict)
    followed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    announces: bool = False
    admits: Callable[..., None] | None = None
    stand_in: str = ""
    caption: str = ""
    level: Literal["weights", "game"] = "game"

    def not_applicable(self, reason: NotApplicable) -> Finding:
        """The finding of a question that has no meaning here."""
        return Finding(
            code=self.code,
            verdict=Verdict.not_applicable,
            title="Not applicable",
            because=str(reason),
            theorems=self.theorems,
        )

    def not_finite(self, reason: NotFinite) -> Finding:
        """The finding of a game that gives no numbers where this one asks: it fails, unmeasured."""
        return Finding(
            code=self.code,
            verdict=Verdict.failing,
            title="The game gives numbers that are not finite",
            because=f"Nothing was measured: {reason}.",
            remedy="Go back to the last checkpoint before the loss became NaN.",
        )


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
        looks: what was measured during training, one dict a number: step, code, verdict, quantity,
            value, low, high.
        sampled: samples of some moments of training, by step; for the page alone.
        stamped: whether seconds and `provenance["stamp"]` (date, device) are written and shown;
            without them the same findings are the same bytes.
    """

    findings: Sequence[Finding]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    title: str = "game"
    complete: bool = True
    gallery: Gallery | None = None
    history: Sequence[Row] = ()
    stamped: bool = False
    looks: Sequence[Row] = ()
    sampled: Sequence[tuple[int, Gallery]] = ()

    @property
    def not_run(self) -> list[str]:
        """Codes that were chosen and not reached."""
        return [str(code) for code in self.provenance.get("not_run") or ()]

    @property
    def summary(self) -> dict[str, int]:
        """How many findings end in which verdict, and how many chosen diagnostics never ran."""
        count = Counter(str(f.verdict) for f in self.findings)
        ends = (*_WORST_FIRST, Verdict.not_applicable)
        return {**{str(v): count[str(v)] for v in ends}, "not_run": len(self.not_run)}

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
            "summary": self.summary,
            "findings": [f.to_dict(stamped=self.stamped) for f in self.findings],
            "provenance": {
                k: v for k, v in self.provenance.items() if k != "stamp" or self.stamped
            },
        }

    def to_json(self) -> str:
        """`to_dict` as text; keys sorted inside, no NaN.

        Its form is `schemas/report-1.schema.json` in `gancheck.rendering`.
        """
        plain = without_nan(self.to_dict())
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
        """Write the page, and beside it `result.json`, `report.md` and a CSV for each table.

        Raises:
            OSError: the folder cannot be written; nothing half-written replaces an old page.
        """
        from gancheck.rendering import write_report

        return write_report(self, Path(path))
