"""A leaf from the literature: its instances are checked, and it stays visible as cited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.theory.engines.decision import Context, Decision

if TYPE_CHECKING:
    from gancheck.theory.claims import Domain, Relation
    from gancheck.theory.justifications import Cited

__all__ = ["decide_cited"]


def decide_cited(relation: Relation, domain: Domain, by: Cited, context: Context) -> Decision:
    """Cited when the step's relation, an instance of the fact, is proved."""
    decision = context.decide(relation, domain, by.by)
    if decision.status == "proved":
        return Decision("cited", f"{by.fact} ({by.source}). Instance: {decision.evidence}", "cited")
    return decision
