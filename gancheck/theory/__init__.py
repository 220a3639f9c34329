"""Is the theory true? Claims, the engines that decide them, and the reports of what they decided.

This package stands alone on sympy (and python-flint where it is installed): it imports nothing
of the measured half of gancheck.
"""

from gancheck.theory.claims import (
    Domain,
    Relation,
    at_least,
    at_most,
    differs,
    equal,
    greater,
    less,
)
from gancheck.theory.engines import ENGINES
from gancheck.theory.justifications import (
    Cases,
    Cited,
    Derivative,
    Enclosure,
    LinearAlgebra,
    LogRational,
    RationalSign,
    Tangent,
    Vertices,
)
from gancheck.theory.literature import Source
from gancheck.theory.loss_analysis import Interval, Loss, LossRefused, LossReport, analyse
from gancheck.theory.report import check, check_all, exit_ok, theory_json
from gancheck.theory.statement import defines
from gancheck.theory.theorem import (
    Caveat,
    Experiment,
    Hypothesis,
    Mutant,
    NumericForm,
    Step,
    Theorem,
    Witness,
)

__all__ = [
    "ENGINES",
    "Cases",
    "Caveat",
    "Cited",
    "Derivative",
    "Domain",
    "Enclosure",
    "Experiment",
    "Hypothesis",
    "Interval",
    "LinearAlgebra",
    "LogRational",
    "Loss",
    "LossRefused",
    "LossReport",
    "Mutant",
    "NumericForm",
    "RationalSign",
    "Relation",
    "Source",
    "Step",
    "Tangent",
    "Theorem",
    "Vertices",
    "Witness",
    "analyse",
    "at_least",
    "at_most",
    "check",
    "check_all",
    "defines",
    "differs",
    "equal",
    "exit_ok",
    "greater",
    "less",
    "theory_json",
]
