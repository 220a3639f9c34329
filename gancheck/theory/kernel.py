"""Does a proof assistant's kernel agree? Coq files compiled where `coqc` is installed.

A file counts when it compiles, states at least one `Theorem`, holds nothing that is assumed or
left open, and its theorems rest on nothing but the four standard axioms of Coq's classical reals.
The assumptions are asked for by a second file written here, so a file cannot leave them out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.theory.engines import Status

__all__ = ["STANDARD_AXIOMS", "KernelResult", "check_kernel", "find_coqc"]

STANDARD_AXIOMS: Final = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""What Coq's standard library of real numbers itself assumes."""

_ASSUMED: Final = re.compile(
    r"\b(Axioms?|Parameters?|Conjectures?|Admitted|admit|Hypothes[ie]s|Variables?|Declare|Unset"
    r"|bypass_check|Load|Add|Redirect)\b"
)
_THEOREM: Final = re.compile(r"\bTheorem\s+([A-Za-z_][\w']*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelResult:
    """What the kernel said of one file.

    Attributes:
        file: its name.
        status: proved; refuted where `coqc` rejects it; unknown where it was not checked or
            assumes something.
        version: of `coqc`; empty where it is not installed.
        theorems: names that were checked.
        assumptions: axioms they rest on.
        seconds: what it took.
        evidence: a sentence.
    """

    file: str
    status: Status
    version: str = ""
    theorems: Sequence[str] = ()
    assumptions: Sequence[str] = ()
    seconds: float = 0.0
    evidence: str = ""

    @property
    def ok(self) -> bool:
        """Proved, or not checked because `coqc` is not installed."""
        return self.status == "proved" or not self.version

    def as_json(self) -> dict[str, Any]:
        """The fields, as JSON holds them."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def find_coqc() -> str | None:
    """Path of `coqc`, or None."""
    return shutil.which("coqc")


def check_kernel(file: Path, *, limit_s: float = 120.0, coqc: str | None = None) -> KernelResult:
    """Compile a file in a temporary folder and ask what its theorems assume.

    Args:
        file: a Coq file.
        limit_s: seconds for each of the two compilations.
        coqc: path of the compiler; found on the search path without it.
    """
    coqc = coqc or find_coqc()
    if coqc is None:
        return KernelResult(
            file=file.name, status="unknown", evidence="not checked: coqc is not installed"
        )
    start = time.perf_counter()
    source = _without_comments(file.read_text(encoding="utf-8"))
    names = list(dict.fromkeys(_THEOREM.findall(source)))
    assumed = _ASSUMED.search(source)
    version, axioms = "coqc", list[str]()
    status: Status = "unknown"
    try:
        version = _coqc_version(coqc, limit_s)
        if assumed is not None:
            evidence = f"not counted: the file says {assumed[0]}, so something may be assumed"
        elif not names:
            evidence = "not counted: the file states no Theorem"
        else:
            status, evidence, axioms = _compiled(coqc, file, names, limit_s)
    except subprocess.TimeoutExpired:
        evidence = f"not decided: coqc took longer than {limit_s:g} s"
    return KernelResult(
        file=file.name,
        status=status,
        version=version,
        theorems=names,
        assumptions=axioms,
        seconds=time.perf_counter() - start,
        evidence=evidence,
    )


def _compiled(
    coqc: str, file: Path, names: Sequence[str], limit_s: float
) -> tuple[Status, str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copy(file, place / "checked.v")
        first = _run([coqc, "-q", "-R", ".", "Top", "checked.v"], place, limit_s)
        if first.returncode != 0:
            return "refuted", f"coqc rejects it: {_last_line(first.stderr)}", []
        asked = [f"Print Assumptions checked.{name}." for name in names]
        (place / "asked.v").write_text("\n".join(["Require checked.", *asked]), encoding="utf-8")
        second = _run([coqc, "-q", "-R", ".", "Top", "asked.v"], place, limit_s)
        if second.returncode != 0:
            return "unknown", f"the assumptions cannot be read: {_last_line(second.stderr)}", []
    answers = second.stdout.count("Axioms:") + second.stdout.count("Closed under the global")
    told = set(re.findall(r"^([\w.']+)(?:\s*:|$)", second.stdout, re.MULTILINE))
    axioms = sorted(told - {"Axioms"})
    foreign = [a for a in axioms if a not in STANDARD_AXIOMS]
    if foreign or answers != len(names):
        what = ", ".join(foreign) or "something that cannot be read"
        return "unknown", f"not counted: it rests on {what}", axioms
    return "proved", f"{len(names)} theorems pass the kernel", axioms


def _coqc_version(coqc: str, limit_s: float) -> str:
    found = re.search(r"version ([\w.+]+)", _run([coqc, "--version"], Path(), limit_s).stdout)
    return found[1] if found else "unknown version"


def _run(words: Sequence[str], place: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=place, capture_output=True, text=True, timeout=limit_s, check=False
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error")), lines[-1] if lines else "")


def _without_comments(text: str) -> str:
    """The text less its comments, which nest."""
    out, depth, at = list[str](), 0, 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair == "(*":
            depth, at = depth + 1, at + 2
        elif pair == "*)" and depth:
            depth, at = depth - 1, at + 2
        else:
            out.append(text[at] if depth == 0 else " ")
            at += 1
    return "".join(out)
