"""Which engine decides what? The table of engines, by the name a justification carries."""

from collections.abc import Mapping

from gancheck.theory.engines import derivative, linear_algebra, log_rational, rational_sign, tangent
from gancheck.theory.engines.cases import decide_cases, decide_vertices
from gancheck.theory.engines.cited import decide_cited
from gancheck.theory.engines.decision import Context, Decision, Engine, Status, Tier
from gancheck.theory.engines.ground import decide_enclosure

__all__ = ["ENGINES", "Context", "Decision", "Engine", "Status", "Tier"]

ENGINES: Mapping[str, Engine] = {
    "log-rational": log_rational.decide,
    "rational-sign": rational_sign.decide,
    "tangent": tangent.decide,
    "derivative": derivative.decide,
    "enclosure": decide_enclosure,
    "cases": decide_cases,
    "vertices": decide_vertices,
    "linear-algebra": linear_algebra.decide,
    "cited": decide_cited,
}
