"""What an engine answers: proved, refuted or unknown, and why.

Unknown is never a pass. An engine that finds no proof may still refute, at a rational point of
the domain where an exact value or a certified enclosure contradicts the relation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gancheck.theory.claims import Domain, Point, Relation, describe_point
from gancheck.theory.engines.enclosure import decide_ground

__all__ = ["Context", "Decision", "Engine", "Status", "Tier", "by_points"]

Status = Literal["proved", "cited", "refuted", "unknown"]
Tier = Literal["exact", "certified", "kernel", "cited"]


@dataclass(frozen=True, slots=True)
class Decision:
    """An engine's answer.

    Attributes:
        status: proved, cited, refuted or unknown.
        evidence: what was found, in words a reader can check.
        tier: exact arithmetic, certified enclosure, or literature.
    """

    status: Status
    evidence: str
    tier: Tier = "exact"


Engine = Callable[[Relation, Domain, Any, "Context"], Decision]


@dataclass(frozen=True)
class Context:
    """What an engine may lean on.

    Attributes:
        engines: name -> engine, for the engines that hand pieces on.
        probes: points to try when no proof is found.
    """

    engines: Mapping[str, Engine] = field(default_factory=dict)
    probes: Sequence[Point] = ()

    def decide(self, relation: Relation, domain: Domain, by: Any) -> Decision:
        """Hand a relation to the engine that its justification names."""
        if by.engine not in self.engines:
            return Decision("unknown", f"there is no engine {by.engine}")
        return self.engines[by.engine](relation, domain, by, self)


def by_points(relation: Relation, domain: Domain, context: Context, reason: str) -> Decision:
    """Refute at a probe or a sample point of the domain; otherwise unknown, for `reason`."""
    for point in [*context.probes, *domain.samples()]:
        if not domain.contains(point):
            continue
        for entry in relation.at(point).entries():
            verdict, shown, certified = decide_ground(entry)
            if verdict is False:
                return Decision(
                    "refuted",
                    f"fails at {describe_point(point)}: {shown}",
                    "certified" if certified else "exact",
                )
    return Decision("unknown", reason)
