"""`gancheck derive`: from words on the command line to an analysed loss, and back to text.

Expressions may begin with a minus sign, so every token that is not one of the command's own
`--names` is an argument, whole.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from gancheck.theory.loss_analysis import LossReport

__all__ = ["WholeTokens", "derived"]

_VALUED = ("--generator", "--domain", "--prior")
_FLAGS = ("--json", "--latex", "--help")


class WholeTokens(TyperCommand):
    """A command whose arguments may look like options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Hand the known names on first, then everything else behind `--`."""
        options, terms, rest = list[str](), list[str](), list(args)
        while rest:
            token = rest.pop(0)
            if token in _VALUED and rest:
                options.append(f"{token}={rest.pop(0)}")
            elif token in (*_VALUED, *_FLAGS) or token.split("=")[0] in _VALUED:
                options.append(token)
            elif token != "--":
                terms.append(token)
        return super().parse_args(ctx, [*options, "--", *terms])


def derived(
    real: str,
    fake: str,
    *,
    generator: str = "saturating",
    domain: str = "real",
    prior: str | None = None,
    form: str = "text",
) -> str:
    """Analyse a loss given as text.

    Args:
        real: the discriminator's term on real samples, maximised.
        fake: its term on generated samples.
        generator: minimised under the generator; `saturating` is `fake`, `non-saturating` -`real`.
        domain: `real`, or LOW,HIGH with expressions or inf.
        prior: share of real samples.
        form: text, json or latex.

    Raises:
        ValueError: what is wrong, and where.
    """
    from gancheck.theory.expressions import parse
    from gancheck.theory.loss_analysis import Loss, analyse

    terms = parse(real, what="REAL"), parse(fake, what="FAKE")
    named = {"saturating": None, "non-saturating": -terms[0]}
    plays = named[generator] if generator in named else parse(generator, what="--generator")
    share = None if prior is None else _number(prior, "--prior")
    loss = Loss(real=terms[0], fake=terms[1], generator=plays, domain=_domain(domain), prior=share)
    report = analyse(loss)
    if form == "json":
        return json.dumps(report.to_json(), indent=2)
    return _latex(report) if form == "latex" else _page(report)


def _number(text: str, what: str) -> Any:
    import sympy as sp

    from gancheck.theory.expressions import parse

    plain = text.strip().lower()
    if plain in ("inf", "+inf", "-inf", "oo", "-oo"):
        return -sp.oo if plain[0] == "-" else sp.oo
    made = parse(text, what=what)
    if made.free_symbols:
        raise ValueError(f"{what} must be a number, got {text!r}")
    return made


def _domain(text: str) -> Any:
    import sympy as sp

    from gancheck.theory.loss_analysis import Interval

    if text == "real":
        return Interval(-sp.oo, sp.oo)
    ends = text.split(",")
    if len(ends) != 2:
        raise ValueError(f"--domain must be LOW,HIGH or real, got {text!r}")
    low, high = (_number(end, "--domain") for end in ends)
    if not low < high:
        raise ValueError(f"--domain must have LOW below HIGH, got {text!r}")
    return Interval(low, high)


def _word(answer: Any) -> str:
    return {True: "yes", False: "no", None: "unknown"}[answer]


def _page(r: LossReport) -> str:
    def shown(value: Any) -> str:
        return "unknown" if value is None else str(value)

    eigenvalues = ", ".join(map(str, r.dirac_eigenvalues or [])) or "unknown"
    lines = [
        f"best discriminator   d*(u) = {shown(r.d_star)}   with u = p/q",
        f"is it the maximum    {_word(r.concave)}",
        f"value at d*          {shown(r.value)}",
        f"  as a divergence    {r.divergence_discriminator or 'no name here'}, f'' = {shown(r.f2_discriminator)}, proper: {_word(r.proper_discriminator)}",
        f"generator descends   {r.divergence_generator or 'no name here'}, f'' = {shown(r.f2_generator)}, proper: {_word(r.proper_generator)}",
        f"zero-sum             {_word(r.zero_sum)}",
        f"density ratio        u = {shown(r.density_ratio)}",
    ]
    if r.saturation is not None:
        s = r.saturation
        lines.append(f"slope as u -> 0      limit {shown(s['limit'])}, order {shown(s['order'])}")
        lines.append(f"  that of {s['other']}, over this one: {shown(s['ratio'])}")
    lines.append(f"Dirac-GAN            {eigenvalues}: {r.dirac_verdict or 'unknown'}")
    lines.append(f"  with R1            {r.dirac_verdict_with_r1 or 'unknown'}")
    if r.link is not None:
        lines.append(f"  in the score s     d = {r.link}")
    lines += [f"unknown              {line}" for line in r.unknown]
    return "\n".join(lines)


def _latex(r: LossReport) -> str:
    import sympy as sp

    rows = {
        "d^*(u)": r.d_star, "F(u)": r.value, "f_D''(u)": r.f2_discriminator,
        "f_G''(u)": r.f2_generator, "u(d)": r.density_ratio, "d(s)": r.link, "J": r.dirac_jacobian,
    }  # fmt: skip
    lines = [f"{k} &= {sp.latex(v)}" for k, v in rows.items() if v is not None]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
