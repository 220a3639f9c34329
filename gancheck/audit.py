"""Which diagnostics run on a game, in which order, within which budget?

`diagnose` is the one way from a game to a report: it runs each chosen diagnostic of the shelf,
times it, and turns three ways of not being measured into findings with their reason: a question that
has no meaning here is not applicable, a game whose samples, scores, losses or gradients are NaN or
infinite fails wherever they are met, and products that only the measurement needs and cannot be
trusted leave it undecided. An argument that is wrong is none of these and is raised. The game is
left bit-identical, also when a measure raises. Between diagnostics it looks at the budget; what was
measured is kept.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gancheck import content
from gancheck.diagnosis import (
    Finding,
    Gallery,
    NotApplicable,
    NotFinite,
    Plan,
    Report,
    Verdict,
)
from gancheck.operators import OperatorError
from gancheck.provenance import stamp, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gancheck.diagnosis import Diagnostic
    from gancheck.games.game import Game

__all__ = ["diagnose", "gallery", "parse_budget", "parse_bytes"]

_SHOWN = 24  # samples on the page, the first ones, not selected
_POINTS = 2000
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def diagnose(
    game: Game,
    *,
    codes: Sequence[str] | None = None,
    plan: Plan | None = None,
    seed: int | None = None,
    budget: float | str | None = None,
    title: str = "game",
    provenance: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure and judge a game.

    Args:
        game: what is examined; bit-identical afterwards.
        codes: diagnostics to run; all of the shelf that are about a game where not given.
        plan: sample sizes and seeds.
        seed: replaces the plan's seed.
        budget: seconds, or text like `90s`, `5m`; no further diagnostic begins once it is spent.
        title: for the page.
        provenance: what is known of where the game came from.
        progress: told the code and question of each diagnostic as it begins.

    Returns:
        A report; `complete` is False where the budget ended before every chosen diagnostic ran, or
        where the user interrupted. Verdicts that rest on p-values are corrected for all such tests
        of the report, so they may be milder than those of a diagnostic that runs alone.

    Raises:
        ValueError: an unknown code, a budget that cannot be read, or a memory limit that holds not
            even one sample of a chosen diagnostic; before the first one begins.
    """
    shelf = content.diagnostics("game")
    chosen = list(shelf) if codes is None else list(codes)
    for code in chosen:
        if code not in shelf:
            raise ValueError(f"unknown diagnostic {code!r}; the shelf has {', '.join(shelf)}")
    plan = plan or Plan()
    if seed is not None:
        plan = replace(plan, seed=seed)
    limit = parse_budget(budget)
    start = time.perf_counter()
    findings: list[Finding] = []
    stopped = ""
    with game.untouched():
        for code in chosen:
            _admit(shelf[code], game, plan)
        for code in chosen:
            if limit is not None and time.perf_counter() - start >= limit:
                stopped = f"budget of {limit:g} s spent"
                break
            if progress is not None:
                progress(f"{code} {shelf[code].question}")
            try:
                within = _within(plan, limit, time.perf_counter() - start)
                findings.append(_run(shelf[code], game, within, progress))
            except KeyboardInterrupt:
                stopped = "interrupted"
                break
        pictures = _gallery_or_none(game, plan.seed)
    seconds = time.perf_counter() - start
    return Report(
        findings=_for_the_whole_report(findings),
        title=title,
        complete=not stopped,
        gallery=pictures,
        provenance={
            **(provenance or {}),
            **_environment(game, plan),
            "stamp": stamp(seconds=seconds, device=_device_name(game.device)),
            "not_run": [c for c in chosen if c not in {f.code for f in findings}],
            "stopped": stopped,
        },
    )


def _for_the_whole_report(findings: Sequence[Finding]) -> list[Finding]:
    """Judge again what rests on p-values, so that alpha is that of the report, not of each finding.

    Each is corrected for the tests of all of them (`gancheck.measures.holm`).
    """
    shelf = content.diagnostics()
    out: list[Finding] = []
    for finding in findings:
        beside = [p.raw for f in findings if f is not finding for p in f.p_values.values()]
        if finding.p_values and beside:
            judged = shelf[finding.code].judge(finding.measurement, beside=beside)
            finding = replace(judged, seconds=finding.seconds)  # noqa: PLW2901
        out.append(finding)
    return out


def parse_budget(budget: float | str | None) -> float | None:
    """Seconds from a number or from text like `90s`, `5m`, `1h`.

    Raises:
        ValueError: not positive, or not readable.

    Example:
        >>> parse_budget("5m"), parse_budget(30)
        (300.0, 30.0)
    """
    if budget is None:
        return None
    if isinstance(budget, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", budget.strip())
        if match is None:
            raise ValueError(f"budget must look like 90s, 5m or 1h, got {budget!r}")
        budget = float(match[1]) * _UNITS[match[2] or "s"]
    if not budget > 0.0:
        raise ValueError(f"budget must be positive, got {budget!r}")
    return float(budget)


def parse_bytes(text: str | None) -> int | None:
    """Bytes from text like `2GiB`, `500MB` or a plain number.

    Raises:
        ValueError: not positive, or not readable.

    Example:
        >>> parse_bytes("2GiB"), parse_bytes("500 MB")
        (2147483648, 500000000)
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in _BYTES or not float(match[1]) > 0.0:
        raise ValueError(f"a size must look like 2GiB, 500MB or a number of bytes, got {text!r}")
    return int(float(match[1]) * _BYTES[match[2].upper()])


def gallery(game: Game, *, seed: int = 0, count: int = _POINTS) -> Gallery:
    """The first generated samples of a seed beside real ones, as images or points of the plane.

    Images: a square number of grey values a sample (flat or with image axes), scaled to 0..1 by
    the range of the real data.

    Args:
        game: whose samples.
        seed: of the latents and of the real samples.
        count: how many of each are drawn.

    Raises:
        NotApplicable: an analytic game, or samples that are neither images nor points.
        NotFinite: a generated sample holds NaN or infinity.
    """
    if game.analytic:
        raise NotApplicable("an analytic game has no samples")
    limit = game.data.size
    fake = _host(game.draw_samples(count, seed=seed))
    real = _host(game.draw_real(count if limit is None else min(count, limit), seed=seed))
    note = f"the first samples of seed {seed}, not selected"
    if fake.shape[1] == 2:
        return Gallery(kind="points", generated=fake, real=real, note=note)
    side = round(fake.shape[1] ** 0.5)
    if side * side != fake.shape[1] or side < 4:
        raise NotApplicable(f"samples of {fake.shape[1]} numbers are neither points nor images")
    first = fake[:_SHOWN]
    distance = torch.cdist(torch.from_numpy(first), torch.from_numpy(real)).numpy()
    low, high = float(real.min()), float(real.max())
    span = high - low if high > low else 1.0

    def picture(x: np.ndarray) -> np.ndarray:
        return np.clip((x.reshape(-1, side, side) - low) / span, 0.0, 1.0)

    return Gallery(
        kind="images",
        generated=picture(first),
        real=picture(real[:_SHOWN]),
        nearest=picture(real[distance.argmin(axis=1)]),
        note=note,
    )


def _within(plan: Plan, limit: float | None, spent: float) -> Plan:
    """The plan with at most the seconds that are left of a limit."""
    if limit is None:
        return plan
    left = max(limit - spent, 1e-3)
    return replace(plan, seconds=left if plan.seconds is None else min(plan.seconds, left))


def _admit(diagnostic: Diagnostic, game: Game, plan: Plan) -> None:
    """Refuse what cannot be measured as planned before minutes are spent on what can."""
    if diagnostic.admits is None:
        return
    try:
        diagnostic.admits(game, plan)
    except (NotFinite, OperatorError):  # no reason to refuse the others: its finding will say so
        return


def _run(
    diagnostic: Diagnostic, game: Game, plan: Plan, progress: Callable[[str], None] | None
) -> Finding:
    """One diagnostic, timed; a question without an answer is a finding too."""
    start = time.perf_counter()
    told = {"announce": progress} if diagnostic.announces and progress is not None else {}
    try:
        finding = diagnostic.judge(diagnostic.measure(game, plan, **told))
    except NotApplicable as reason:
        finding = diagnostic.not_applicable(reason)
    except NotFinite as reason:
        finding = diagnostic.not_finite(reason)
    except OperatorError as reason:
        finding = Finding(
            code=diagnostic.code,
            verdict=Verdict.undecided,
            title="Could not be measured",
            because=str(reason),
            remedy="Measure in double precision (--dtype float64) or with a larger batch.",
            theorems=diagnostic.theorems,
        )
    return replace(finding, seconds=time.perf_counter() - start)


def _gallery_or_none(game: Game, seed: int) -> Gallery | None:
    try:
        return gallery(game, seed=seed)
    except (NotApplicable, NotFinite):
        return None


def _host(x: torch.Tensor) -> np.ndarray:
    return x.reshape(len(x), -1).double().cpu().numpy()


def _device_name(device: torch.device) -> str:
    named = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{named}"


def _environment(game: Game, plan: Plan) -> dict[str, Any]:
    return {
        "versions": versions(),
        "device": game.device.type,
        "dtype": str(game.dtype).removeprefix("torch."),
        "parameters": dict(zip(("generator", "discriminator"), game.sizes(), strict=True)),
        "loss": game.loss.in_words,
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
    }
