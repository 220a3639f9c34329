"""The options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AllowCode",
    "Baseline",
    "BatchNorm",
    "BatchSize",
    "Batches",
    "Budget",
    "Device",
    "Dtype",
    "Fail",
    "FailOn",
    "Features",
    "Json",
    "Level",
    "MaxMemory",
    "NormMode",
    "Only",
    "Out",
    "Precision",
    "Probes",
    "Products",
    "Samples",
    "Sarif",
    "Seed",
    "Stamp",
]


class FailOn(StrEnum):
    """The mildest verdict that makes the exit code 1."""

    failing = "failing"
    warning = "warning"
    never = "never"


class Precision(StrEnum):
    """Floating-point type of measurements."""

    float32 = "float32"
    float64 = "float64"


class NormMode(StrEnum):
    """Which statistics batch norm uses."""

    as_set = "as-set"
    batch = "batch"
    running = "running"


class AuditLevel(StrEnum):
    """How far an audit is to go."""

    static = "static"
    weights = "weights"
    forward = "forward"
    game = "game"


Level = Annotated[
    AuditLevel | None,
    typer.Option("--level", help="Go so far and no further; exit 2 where it is not reached."),
]
AllowCode = Annotated[
    bool,
    typer.Option("--allow-code", help="Let the manifest's factory import your own module."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the page and its files.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Seed = Annotated[int, typer.Option(help="First seed; everything drawn follows from it.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:INDEX.")]
Budget = Annotated[
    str | None, typer.Option(help="Such as 90s or 5m; what is measured by then is kept.")
]
Fail = Annotated[FailOn, typer.Option("--fail-on", help="Mildest verdict that exits with 1.")]
BatchSize = Annotated[int, typer.Option(help="Samples of a batch for curvature and rotation.")]
Batches = Annotated[int, typer.Option(help="Independent evaluation batches, at least 4.")]
Samples = Annotated[int, typer.Option(help="Generated samples for shares and support.")]
Probes = Annotated[int, typer.Option(help="Random probes for rotation.")]
Features = Annotated[
    str, typer.Option(help="Space of supports: pixels, pca, discriminator or MODULE:FUNCTION.")
]
Dtype = Annotated[Precision, typer.Option("--dtype", help="Precision of the measurement.")]
BatchNorm = Annotated[
    NormMode,
    typer.Option("--batch-norm", help="As each module's train/eval flag says, or by choice."),
]
Products = Annotated[
    int | None, typer.Option(help="Products that each measure of curvature may spend.")
]
MaxMemory = Annotated[
    str | None, typer.Option(help="Such as 2GiB, for stored graphs; more data goes in parts.")
]
Only = Annotated[
    str | None, typer.Option("--only", help="Diagnostics to run, such as GC001,GC004.")
]
Sarif = Annotated[
    Path | None, typer.Option("--sarif", help="Also write SARIF 2.1.0 there, also when refused.")
]
Baseline = Annotated[
    Path | None,
    typer.Option("--baseline", help="An earlier result.json; only what is new exits with 1."),
]
Stamp = Annotated[
    bool,
    typer.Option("--stamp", help="Also write date, seconds and device; no two runs are the same."),
]
