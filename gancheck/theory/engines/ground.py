"""Is a relation between numbers true? The engine over `enclosure.decide_ground`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancheck.theory.engines.decision import Context, Decision
from gancheck.theory.engines.enclosure import decide_ground

if TYPE_CHECKING:
    from gancheck.theory.claims import Domain, Relation
    from gancheck.theory.justifications import Enclosure

__all__ = ["decide_enclosure"]


def decide_enclosure(
    relation: Relation, domain: Domain, by: Enclosure, context: Context
) -> Decision:
    """Decide a relation without free symbols, every entry of it."""
    del domain, context
    seen = [decide_ground(entry, by.bits) for entry in relation.entries()]
    certified = any(needed for _, _, needed in seen)
    tier = "certified" if certified else "exact"
    for truth, shown, _ in seen:
        if truth is False:
            return Decision("refuted", shown, tier)
    if all(truth is True for truth, _, _ in seen):
        return Decision("proved", "; ".join(shown for _, shown, _ in seen), tier)
    return Decision("unknown", "; ".join(shown for truth, shown, _ in seen if truth is None))
