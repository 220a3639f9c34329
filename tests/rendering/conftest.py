"""A report with every verdict, made by hand: what the page must cope with, in one object.

The numbers are plausible and made up; the figures are drawn with the page's own hand. A little over
400 lines, because the one report holds every case a page must cope with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gancheck.diagnosis import (
    Definition,
    Diagnostic,
    Finding,
    Gallery,
    Measurement,
    NotApplicable,
    Place,
    Quantity,
    Report,
    Verdict,
)
from gancheck.measures import figures

HOSTILE = (
    "<script>alert(1)</script>\u202egnp.exe\u2066 \x1b[31mred\x1b[0m\x00\ud800"
    " | [a](javascript:b) ![i](//h.example) `c` **d** {0} www.h.example\n# e\n\n- f\u2028g"
)
LONG = "5 kB | `" * 640


@dataclass(frozen=True, kw_only=True)
class Curve(Measurement):
    """A measurement with something to draw."""

    x: np.ndarray
    y: np.ndarray


class Bands(Curve):
    """An estimate with its band."""

    def plot(self, width_px: int = 690) -> Any:
        with figures.page_style():
            _, ax = figures.new_figure(width_px, 220)
            x, y = self.x, self.y
            ax.fill_between(
                x, y - 0.03 - 0.1 / x, y + 0.03 + 0.1 / x, color=figures.GENERATOR, alpha=0.18
            )
            ax.plot(x, y, color=figures.GENERATOR)
            ax.set_xlim(1, 64)
            ax.set_ylim(0, 0.32)
            ax.grid(visible=True, axis="y")
            figures.set_ticks(ax, "x", [1, 16, 32, 48, 64])
            figures.set_ticks(ax, "y", [0, 0.1, 0.2, 0.3])
            figures.label(ax, 64, float(y[-1]), "0.124", figures.GENERATOR, dx=8)
            figures.y_title(ax, "share of the Jacobian that rotates")
            figures.x_title(ax, "probes")
        return ax


class Plane(Curve):
    """Points of the complex plane."""

    def plot(self, width_px: int = 690) -> Any:
        rng = np.random.default_rng(3)
        with figures.page_style():
            _, ax = figures.new_figure(width_px, 250)
            ax.axvline(0, color=figures.INK, linewidth=1.2)
            ax.plot(rng.uniform(60, 430, 12), np.zeros(12), "o", color=figures.DISCRIMINATOR)
            ax.plot([-47.1, -20.5, -19.2, 0.8, 0.8], [0, 0, 0, 3, -3], "o", color=figures.GENERATOR)
            ax.scatter(
                rng.normal(5, 3, 400), rng.normal(0, 3, 400), s=6, color=figures.REAL, alpha=0.5
            )
            ax.set_ylim(-12, 12)
            figures.symlog(ax, "x", low=-150, high=900, linear=10)
            figures.set_ticks(ax, "y", [-10, -5, 0, 5, 10])
            figures.label(ax, -47.1, 0, "\u221247.1", figures.GENERATOR, dy=14, align="center")
            figures.reference(ax, 500, text="bound")
            figures.y_title(ax, "imaginary part")
            figures.x_title(ax, "real part (logarithmic beyond \u00b110)")
        return ax


class Histogram(Curve):
    """Two histograms above a scatter."""

    def plot(self, width_px: int = 690) -> Any:
        rng = np.random.default_rng(1)
        with figures.page_style():
            _, axes = figures.new_figure(width_px, 330, rows=2, sharex=True)
            for values, colour, name, x in (
                (rng.normal(-1.3, 1.5, 4000), figures.GENERATOR, "generated", -3.6),
                (rng.normal(2.0, 2.1, 4000), figures.REAL, "real", 4.6),
            ):
                axes[0].hist(values, bins=60, histtype="stepfilled", color=colour, alpha=0.2)
                axes[0].hist(values, bins=60, histtype="step", color=colour, linewidth=1.3)
                figures.label(axes[0], x, 150, name, colour, align="center")
            figures.set_ticks(axes[0], "y", [])
            logit = rng.normal(-1.3, 1.5, 500)
            axes[1].scatter(logit, np.exp(-logit), s=5, color=figures.GENERATOR)
            axes[1].set_yscale("log")
            axes[1].set_ylim(1e-3, 1e3)
            figures.set_ticks(
                axes[1], "y", [0.01, 0.1, 1, 10, 100], ["0.01x", "0.1x", "1x", "10x", "100x"]
            )
            figures.y_title(
                axes[1], "non-saturating gradient norm over saturating, one sample at a time"
            )
            figures.x_title(axes[1], "discriminator's logit")
        return axes


def never(*_: Any) -> Any:
    raise NotApplicable("never measured in these tests")


def diagnostic(code: str, name: str, headline: str, threshold: str, **more: Any) -> Diagnostic:
    definition = Definition(
        mathml=(
            "<mi>\u03c1</mi><mo>=</mo><mfrac><msub><mrow><mo>\u2016</mo><mi>A</mi><mo>\u2016</mo></mrow>"
            "<mi>F</mi></msub><msub><mrow><mo>\u2016</mo><mi>J</mi><mo>\u2016</mo></mrow><mi>F</mi></msub></mfrac>"
        ),
        estimator="Probes with random signs v: ||Av||^2 and ||Jv||^2, averaged, then the ratio.",
        cost="One product with J and one with its transpose for each probe.",
        limits="A ratio of sizes: it says nothing about which directions rotate.",
        source="Mescheder, Nowozin and Geiger (2017), The Numerics of GANs.",
    )
    return Diagnostic(
        code=code,
        name=name,
        question=f"What about the {name.lower()}?",
        measure=never,
        judge=never,
        headline=headline,
        threshold=threshold,
        definition=definition,
        **({"theorems": ("gradient-ratio",)} | more),
    )


@pytest.fixture(scope="session")
def shelf() -> dict[str, Diagnostic]:
    return {
        "GC001": diagnostic(
            "GC001",
            "Curvature",
            "top_discriminator_fresh",
            "Fails above 10,000, where a plain step of 2e-4 overshoots.",
            labels={
                "top_discriminator": "D, largest",
                "top_discriminator_fresh": "D, largest, on fresh batches",
                "top_generator": "G, largest",
            },
        ),
        "GC002": diagnostic(
            "GC002",
            "Stability",
            "min_real",
            "Speaks of stability only at an equilibrium.",
            labels={"min_real": "leftmost real part", "field_norm": "force, squared"},
            caption="Extreme eigenvalues of the game's Jacobian. Left of the line a direction grows. Violet: held by G; green: by D.",
        ),
        "GC003": diagnostic(
            "GC003",
            "Rotation",
            "rotation",
            "Warns above 0.5, fails above 0.9.",
            labels={"rotation": "share that rotates", "max_imag": "largest imaginary part"},
            caption="The estimate as probes are added; the band is two standard errors.",
        ),
        "GC004": diagnostic(
            "GC004",
            "Gradients",
            "saturated_share",
            "Warns above 25 %.",
            labels={
                "saturated_share": "d below 0.01",
                "gradient_ratio": "ratio, one sample",
                "mean_d_fake": "mean d on generated",
            },
            caption="Above: the discriminator's logit. Below: each generated sample's ratio of gradient norms, which is (1-d)/d.",
        ),
        "GC005": diagnostic(
            "GC005",
            "Support",
            "bridge_mass",
            "Fails above 5 %, once the lower limit is there.",
            labels={"bridge_mass": "mass between modes"},
        ),
        "GC006": diagnostic("GC006", "History", "drift", "Has no line."),
    }


def _curve(kind: type[Curve] = Curve) -> Curve:
    x = np.arange(1.0, 65.0)
    return kind(
        quantities={},
        x=x,
        y=0.124 + 0.05 * np.sin(x / 3) / np.sqrt(x),
        rows=[{"probe": int(i), "estimate": float(i) / 7, "note": "=cmd()"} for i in x],
        provenance={"seed": 0, "batch_size": 256, "products": 128},
    )


def digits(count: int, size: int = 28, seed: int = 0) -> np.ndarray:
    """Blobs that look like hand-made strokes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / (size - 1) - 0.5
    out = []
    for _ in range(count):
        a, b, r = rng.uniform(0.6, 1.5), rng.uniform(0.6, 1.5), rng.uniform(0.2, 0.32)
        ring = np.abs(np.sqrt((a * x + 0.2 * y) ** 2 + (b * y) ** 2) - r)
        out.append(np.clip(1.4 - ring * 16, 0, 1))
    return np.array(out)


def findings() -> list[Finding]:
    return [
        Finding(
            code="GC001",
            verdict=Verdict.sound,
            title="D is steep, but well inside its step",
            because="D's largest curvature on fresh batches, 434 +/- 3.5, is 23 times below the 10000 at which a plain step of 2e-4 would overshoot. **G's extremes shrink as the batch grows**: they describe the batch.",
            quantities={
                "top_discriminator": Quantity(value=442.4, error=7e-9),
                "top_discriminator_fresh": Quantity(value=434.2, error=1e-10, sampling_error=3.5),
                "top_generator": Quantity(value=43.6, error=2e-13),
                "top_generator_fresh": Quantity(value=0.089, sampling_error=0.015),
                "bottom_generator_fresh": Quantity(value=-0.0004, sampling_error=0.016),
            },
            seconds=61.2,
            measurement=_curve(),
        ),
        Finding(
            code="GC002",
            verdict=Verdict.undecided,
            title="Whether this point is stable cannot be told from it",
            because="The point is **not an equilibrium**: both players still feel a force (0.931 +/- 0.053 and 5.08 +/- 1.19), so the theorem on local stability does not apply.",
            remedy="Measure curvature on 16384 latents. Below that the extremes of G describe the batch.",
            quantities={
                "field_norm": Quantity(value=0.931, sampling_error=0.053),
                "min_real": Quantity(value=-47.1005, error=1e-13, sampling_error=21.0),
                "bendixson_low": Quantity(value=-47.2429, error=1e-9, kind="lower"),
            },
            seconds=140.0,
            measurement=_curve(Plane),
        ),
        Finding(
            code="GC003",
            verdict=Verdict.sound,
            title="Curvature dominates; an eighth of the game rotates",
            because="Of the Jacobian's size **12 % is rotation** on 256 samples, far from the pure cycling of the Dirac example.",
            quantities={
                "rotation": Quantity(value=0.1236, error=0.0004, sampling_error=0.0077),
                "max_imag": Quantity(value=2.9621, error=1e-13),
            },
            theorems=("dirac-gan-rotation",),
            seconds=12.5,
            measurement=_curve(Bands),
        ),
        Finding(
            code="GC004",
            verdict=Verdict.warning,
            title="A third of the samples get no gradient from the minimax loss",
            because="D calls **34 % of the samples** fake with d below 0.01.",
            remedy="Train with the non-saturating loss. It gives 99 times the gradient at d = 0.01.",
            quantities={
                "saturated_share": Quantity(
                    value=0.342, unit="share", low=0.323, high=0.372, sampling_error=0.012
                ),
                "gradient_ratio": Quantity(value=3.379, unit="times", low=3.1, high=3.6),
                "mean_d_fake": Quantity(value=0.2879, sampling_error=0.0023),
            },
            seconds=3.0,
            measurement=_curve(Histogram),
        ),
        Finding(
            code="GC005",
            verdict=Verdict.failing,
            title="One sample in ten lies between the modes",
            because="At least **9.1 % of the samples** lie where no held-out real point does. The generator is continuous and its latent connected, so some mass has to be there; this is more than the 5 % that may be lost.",
            remedy="Give the latent as many pieces as the data has. A categorical part of the latent is enough.",
            quantities={
                "bridge_mass": Quantity(value=0.102, unit="share", low=0.091, high=0.114),
                "coverage": Quantity(value=1.0, unit="share", kind="exact"),
                "off_tube_mass": Quantity(value=math.nan),
            },
            theorems=("connected-latent-connected-support",),
            seconds=8.0,
            measurement=_curve(),
        ),
        Finding(
            code="GC006",
            verdict=Verdict.not_applicable,
            title="",
            because="A single checkpoint has no history; a run directory would have one.",
        ),
    ]


@pytest.fixture(scope="session")
def full_report() -> Report:
    """Every verdict, images, history and provenance."""
    rng = np.random.default_rng(5)
    return Report(
        findings=findings(),
        title="Ring of digits, MLP GAN",
        gallery=Gallery(
            kind="images",
            generated=digits(40),
            real=digits(40, seed=1),
            nearest=digits(40, seed=2),
            note="The first 24 samples of seed 0, not selected.",
        ),
        history=[
            {
                "step": s,
                "loss_g": 0.7 + 0.8 * (1 - math.exp(-s / 900)) + 0.1 * rng.normal(),
                "loss_d": 1.38 - 0.5 * (1 - math.exp(-s / 700)) + 0.05 * rng.normal(),
                "d_real": 0.5 + 0.2 * s / 3000,
                "d_fake": 0.5 - 0.2 * s / 3000,
                "gradient_norm": 3 + rng.normal() ** 2,
            }
            for s in range(0, 3000, 5)
        ],
        looks=[
            {"step": s, "code": code, "quantity": name, "value": v, "low": v - 0.2, "high": v + 0.1}
            for s in range(0, 3000, 500)
            for code, name, v in (
                ("GC001", "top_generator_fresh", 4.0 + s / 1000),
                ("GC001", "bottom_generator_fresh", -1.0),
                ("GC003", "rotation", 0.5 - s / 10_000),
                ("GC004", "gradient_ratio", 1.0 + 10.0 ** (s / 600)),
            )
        ],
        sampled=[
            (s, Gallery(kind="images", generated=digits(12, seed=s), real=digits(3)))
            for s in (0, 1000, 2500)
        ],
        provenance={
            "command": "gancheck audit G.ckpt D.ckpt --manifest gancheck.toml --data real.npz",
            "versions": {"gancheck": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
            "device": "cuda",
            "dtype": "float64",
            "files": {
                "generator": {
                    "path": "G.ckpt",
                    "sha256": "5f" * 32,
                    "container": "torch zip",
                    "globals": ["collections.OrderedDict", "torch._utils._rebuild_tensor_v2"],
                },
                "discriminator": {"path": "D.ckpt", "sha256": "a1" * 32},
            },
            "not_run": [],
            "stopped": "",
            "stamp": {
                "seconds": 225.4,
                "date": "2026-11-22T10:00:00+00:00",
                "device": "cuda:0 (A card)",
                "system": "Linux",
                "torch": "2.13.0+cu130",
            },
        },
    )


@pytest.fixture(scope="session")
def points_report() -> Report:
    """Points in the plane, everything sound, cut short."""
    rng = np.random.default_rng(0)
    angle = rng.integers(0, 8, 2000) * math.pi / 4
    ring = np.stack([2 * np.cos(angle), 2 * np.sin(angle)], 1)
    generated = ring + 0.06 * rng.normal(size=ring.shape)
    generated[:90] *= rng.uniform(0.1, 1, (90, 1))
    generated[0] = math.nan
    return Report(
        findings=[f for f in findings() if f.verdict is Verdict.sound],
        title="ring8, 2000 steps",
        complete=False,
        provenance={"not_run": ["GC002", "GC005"], "stopped": "budget of 60 s spent"},
        gallery=Gallery(
            kind="points", generated=generated, real=ring + 0.02 * rng.normal(size=ring.shape)
        ),
        sampled=[
            (s, Gallery(kind="points", generated=generated / (3 - s), real=ring)) for s in (0, 1, 2)
        ],
    )


@pytest.fixture(scope="session")
def hostile_report() -> Report:
    """Every string comes from an attacker."""
    rows = [{HOSTILE: f"=cmd|{HOSTILE}", "x": 1.0}]
    measurement = Bands(
        quantities={}, rows=rows, provenance={HOSTILE: HOSTILE}, x=np.arange(1.0, 9.0), y=np.ones(8)
    )
    return Report(
        findings=[
            Finding(
                code=f"GC003{HOSTILE}",
                verdict=Verdict.failing,
                because=HOSTILE,
                title=HOSTILE,
                remedy=HOSTILE,
                quantities={
                    HOSTILE: Quantity(
                        value=math.inf, error=math.nan, sampling_error=math.nan, unit=HOSTILE
                    )
                },
                theorems=(HOSTILE,),
                measurement=measurement,
                places=[Place(file=HOSTILE, tensor=HOSTILE), Place(file=LONG, tensor=LONG)],
            ),
            Finding(code=LONG, verdict=Verdict.not_applicable, because=HOSTILE + LONG),
            Finding(
                code="GC003",
                verdict=Verdict.undecided,
                because=HOSTILE,
                title=HOSTILE,
                quantities={"rotation": Quantity(value=-0.0)},
                measurement=measurement,
            ),
        ],
        title=HOSTILE,
        provenance={
            "command": HOSTILE,
            "files": {HOSTILE: {"path": HOSTILE, "sha256": ""}, "G": {"path": LONG, "sha256": ""}},
            "not_read": {HOSTILE: HOSTILE},
            "versions": {"gancheck": HOSTILE, "torch": HOSTILE, "python": HOSTILE},
            "not_run": [HOSTILE],
            "stopped": HOSTILE,
            "x_own": [{HOSTILE: HOSTILE}],
        },
        history=[{"step": 0, f"{HOSTILE}_g": 1.0}, {"step": 1, f"{HOSTILE}_g": math.nan}],
        looks=[
            {"step": s, "code": HOSTILE, "quantity": name, "value": v, "low": HOSTILE, "high": None}
            for name, v in ((HOSTILE, 1.0), (LONG, math.inf), ("x", HOSTILE))
            for s in (0, 1, HOSTILE, None)
        ],
    )
