"""Does an independent solver agree? Steps decided again by z3, where it is installed.

Only rational arithmetic is put to z3, with `Min`, `Max` and `Abs`; logarithms enter as unknown
numbers of which nothing is known but their product rule and the instances of a tangent certificate.
Each denominator must first be shown not to vanish, for z3's division by zero is a number. An
answer is *agrees*, *no answer*, or *contradicts*, the last only without anything left unknown.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp
from sympy.core.function import AppliedUndef

from gancheck.theory.claims import exact
from gancheck.theory.justifications import Tangent

if TYPE_CHECKING:
    from gancheck.theory.theorem import Step

__all__ = ["Opinion", "available", "opinion"]

Opinion = Literal["agrees", "no answer", "contradicts"]


class _OutOfReach(Exception):
    """z3 is not asked about this."""


def available() -> bool:
    """Whether z3 is installed."""
    return find_spec("z3") is not None


def opinion(step: Step, *, limit_s: float = 0.5) -> Opinion:
    """What z3 says of a step that an engine proved.

    Args:
        step: the step.
        limit_s: seconds for each question to z3.
    """
    try:
        answers = [_scalar(step, entry, limit_s) for entry in step.claim.entries()]
    except _OutOfReach:
        return "no answer"
    if "contradicts" in answers:
        return "contradicts"
    return "agrees" if all(a == "agrees" for a in answers) else "no answer"


def _scalar(step: Step, claim: Any, limit_s: float) -> Opinion:
    asked = _Question(step, limit_s)
    left, right = asked.term(claim.left), asked.term(claim.right)
    truth = {
        "==": left == right, "!=": left != right, "<": left < right,
        "<=": left <= right, ">": left > right, ">=": left >= right,
    }[claim.op]  # fmt: skip
    if isinstance(step.by, Tangent):
        for weight, argument in step.by.instances:
            m, x = asked.term(exact(weight)), asked.term(exact(argument))
            if not (asked.holds(m >= 0) and asked.holds(x > 0)):
                return "no answer"
            asked.facts.append(m * asked.term(sp.log(exact(argument))) <= m * (x - 1))
    said = asked.ask(truth)
    if said == "contradicts" and (asked.unknowns or claim.free_symbols - step.over.symbols):
        return "no answer"
    return said


class _Question:
    """A domain as z3 sees it, and the translation of expressions on it."""

    def __init__(self, step: Step, limit_s: float) -> None:
        import z3

        self.z3: Any = z3
        self.limit_ms = max(1, round(1000 * limit_s))
        self.names: dict[Any, Any] = {}
        self.facts: list[Any] = []
        self.unknowns = False
        for symbol in sorted(step.over.symbols, key=str):
            low, high = step.over.interval(symbol)
            x, strict = self._name(symbol), symbol in step.over.open
            if not low.is_infinite:
                self.facts.append(x > self._number(low) if strict else x >= self._number(low))
            if not high.is_infinite:
                self.facts.append(x < self._number(high) if strict else x <= self._number(high))
        self.facts += [self.term(exact(e)) != 0 for e in step.over.nonzero]

    def ask(self, truth: Any) -> Opinion:
        solver = self.z3.Solver()
        solver.set("timeout", self.limit_ms)
        solver.add(*self.facts, self.z3.Not(truth))
        said = solver.check()
        if said == self.z3.unsat:
            return "agrees"
        return "contradicts" if said == self.z3.sat else "no answer"

    def holds(self, truth: Any) -> bool:
        return self.ask(truth) == "agrees"

    def term(self, expr: Any) -> Any:
        """The expression as a z3 term.

        Raises:
            _OutOfReach: it is not rational, or a denominator may vanish.
        """
        if expr.is_Rational:
            return self._number(expr)
        if isinstance(expr, sp.Symbol):
            return self._name(expr)
        if isinstance(expr, (AppliedUndef, sp.Derivative)):
            self.unknowns = True
            return self._name(expr)
        if isinstance(expr, sp.log):
            return self._log(expr.args[0])
        if isinstance(expr, sp.Pow):
            return self._power(*expr.args)
        return self._joined(expr.func, [self.term(a) for a in expr.args])

    def _joined(self, kind: Any, terms: list[Any]) -> Any:
        if kind is sp.Abs:
            return self.z3.If(terms[0] >= 0, terms[0], -terms[0])
        if kind not in (sp.Add, sp.Mul, sp.Max, sp.Min) or not terms:
            raise _OutOfReach
        made = terms[0]
        for term in terms[1:]:
            if kind is sp.Add:
                made = made + term
            elif kind is sp.Mul:
                made = made * term
            else:
                made = self.z3.If((made >= term) if kind is sp.Max else (made <= term), made, term)
        return made

    def _power(self, base: Any, power: Any) -> Any:
        if not power.is_Integer or abs(int(power)) > 64:
            raise _OutOfReach
        term = self.term(base)
        made = self._number(sp.Integer(1))
        for _ in range(abs(int(power))):
            made = made * term
        if power > 0:
            return made
        if not self.holds(term != 0):
            raise _OutOfReach
        return 1 / made

    def _log(self, argument: Any) -> Any:
        """A sum of logarithms of positive irreducible factors and of primes."""
        self.unknowns = True
        over, under = sp.fraction(sp.together(argument))
        made, sign = self._number(sp.Integer(0)), 1
        for expr, side in ((over, 1), (under, -1)):
            if not expr.is_polynomial():
                raise _OutOfReach
            factored: Any = sp.factor_list(expr)
            constant, factors = factored
            if not constant.is_Rational or constant == 0:
                raise _OutOfReach
            sign *= 1 if constant > 0 else -1
            primes: Any = sp.factorrat(abs(constant))
            for prime, times in primes.items():
                made = made + side * times * self._name(("log", sp.Integer(prime)))
            for factor, times in factors:
                size, own = self._signed(factor)
                sign *= own**times
                made = made + side * times * self._name(("log", size))
        if sign < 0:
            raise _OutOfReach
        return made

    def _signed(self, factor: Any) -> tuple[Any, int]:
        """The factor's size and sign, where it has one sign on the whole domain."""
        term = self.term(factor)
        if self.holds(term > 0):
            return factor, 1
        if self.holds(term < 0):
            return sp.expand(-factor), -1
        raise _OutOfReach

    def _name(self, key: Any) -> Any:
        if key not in self.names:
            self.names[key] = self.z3.Real(f"x{len(self.names)}")
        return self.names[key]

    def _number(self, value: Any) -> Any:
        return self.z3.RatVal(int(value.p), int(value.q))
