"""Which divergence has this second derivative? D_f(p||q) = int q f(p/q), known by f'' up to scale.

f is free up to a linear term, which changes no divergence, so f'' alone is compared, and only for
a constant positive ratio. m is the mixture (p + q)/2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from gancheck.theory.expressions import tidy, u

__all__ = ["NAMED", "name_of"]

NAMED: tuple[tuple[str, Any], ...] = (
    ("KL(p||q)", 1 / u),
    ("KL(q||p)", 1 / u**2),
    ("JSD", 1 / (2 * u * (1 + u))),
    ("KL(m||p)", 1 / (2 * u**2 * (1 + u))),
    ("KL(m||q)", 1 / (2 * (1 + u))),
    ("KL(p||m)", 1 / (u * (1 + u) ** 2)),
    ("KL(q||m)", 1 / (1 + u) ** 2),
    ("Pearson chi2(p||q)", sp.Integer(2)),
    ("Neyman chi2(q||p)", 2 / u**3),
    ("squared Hellinger", u ** sp.Rational(-3, 2) / 2),
    ("triangular discrimination", 8 / (1 + u) ** 3),
    ("Jeffreys", 1 / u + 1 / u**2),
    ("TV", sp.DiracDelta(u - 1)),
)
"""Name and f''; squared Hellinger is int (sqrt p - sqrt q)^2, TV is half the L1 distance."""


def name_of(second: Any) -> str | None:
    """Scale and name of the divergence with this f'', or None.

    Example:
        >>> name_of(1 / (u * (1 + u)))
        '2 JSD'
    """
    for name, known in NAMED:
        ratio = tidy(second / known)
        if not ratio.free_symbols and ratio.is_positive:
            return name if ratio == 1 else f"{_factor(ratio)} {name}"
    return _skewed(second)


def _factor(ratio: Any) -> str:
    return f"({ratio})" if ratio.is_Add else str(ratio)


def _skewed(second: Any) -> str | None:
    """JSD_pi = pi KL(p||m_pi) + (1-pi) KL(q||m_pi): f'' = pi(1-pi)/(u(pi u + 1-pi))."""
    inverse = sp.cancel(1 / (u * second)) if second.is_rational_function(u) else u**2
    if not inverse.is_polynomial(u) or sp.degree(inverse, u) != 1:
        return None
    slope, rest = sp.Poly(inverse, u).all_coeffs()
    if not (slope.is_positive and rest.is_positive):
        return None
    share = slope / (slope + rest)
    scale = tidy(1 / (slope + rest) / (share * (1 - share)))
    return f"{'' if scale == 1 else _factor(scale) + ' '}JSD_{{{share}}}"
