"""Where are the shelves, and what stands on them? The only place that knows.

The folders `proofs/` and `diagnostics/`, in a checkout beside `pyproject.toml` and in an installed
wheel inside this package, are registered as the sub-packages `gancheck.content.proofs` and
`gancheck.content.diagnostics`. Every file of a shelf must hold its one object: a broken file is an
error that names the file, never a skipped one.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from gancheck.diagnosis import Diagnostic
    from gancheck.theory.theorem import Theorem

__all__ = [
    "BrokenShelf",
    "diagnostic_codes",
    "diagnostic_text",
    "diagnostics",
    "kernel_file",
    "theorems",
]

T = TypeVar("T")
_HERE = Path(__file__).resolve().parent


class BrokenShelf(ImportError):
    """A shelf or one of its files cannot be used; the message names the file."""


def theorems() -> dict[str, Theorem]:
    """Every theorem of the shelf `proofs/`, by id, in the order of the ids.

    Raises:
        BrokenShelf: a file does not import, holds no theorem, or its id is not its name.
    """
    from gancheck.theory.theorem import Theorem

    found = dict[str, Theorem]()
    for name, theorem in _objects("proofs", "theorem", Theorem):
        if theorem.id != name.replace("_", "-"):
            raise BrokenShelf(
                f"{_file('proofs', name)}: the id must be the file's name with hyphens, "
                f"got {theorem.id}"
            )
        found[theorem.id] = theorem
    return dict(sorted(found.items()))


def diagnostics(level: Literal["weights", "game"] | None = None) -> dict[str, Diagnostic]:
    """Every diagnostic of the shelf `diagnostics/`, by code, in the order of the codes.

    Args:
        level: only those that need the weights alone, or a game. Files named `gc1...` are of the
            weights; no other file is imported for them, which keeps an audit of weights quick.

    Raises:
        BrokenShelf: a file does not import, holds no diagnostic, is of another level than its name
            says, or two share a code.
    """
    from gancheck.diagnosis import Diagnostic

    wanted = {"weights": _of_weights, "game": lambda name: not _of_weights(name)}
    found = dict[str, Diagnostic]()
    for name, diagnostic in _objects(
        "diagnostics", "diagnostic", Diagnostic, wanted=wanted.get(level or "")
    ):
        if diagnostic.code in found:
            raise BrokenShelf(f"{_file('diagnostics', name)}: {diagnostic.code} is taken already")
        if _of_weights(name) != (diagnostic.level == "weights"):
            raise BrokenShelf(
                f"{_file('diagnostics', name)}: the level is {diagnostic.level}, and the files of "
                "the level weights are those named gc1..."
            )
        found[diagnostic.code] = diagnostic
    return dict(sorted(found.items()))


def diagnostic_codes(level: Literal["weights", "game"]) -> list[str]:
    """The codes of a level by the names of the shelf's files, without importing one."""
    package = _shelf("diagnostics", _checkout())
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return [
        name.partition("_")[0].upper()
        for name in names
        if not name.startswith("_") and _of_weights(name) == (level == "weights")
    ]


def _of_weights(name: str) -> bool:
    return name.startswith("gc1")


def diagnostic_text(code: str) -> str | None:
    """The page of a diagnostic, as its file tells it; None where the code is none."""
    asked = diagnostics().get(code)
    if asked is None:
        return None
    return (sys.modules[asked.judge.__module__].__doc__ or asked.question).strip()


def kernel_file(name: str) -> Path | None:
    """The Coq file of a theorem, by the theorem's id, or None."""
    folder = Path(_shelf("proofs", _checkout()).__path__[0]) / "kernel"
    file = folder / f"{name.replace('-', '_')}.v"
    return file if file.is_file() else None


def _objects(
    shelf: str,
    attribute: str,
    kind: type[T],
    *,
    wanted: Callable[[str], bool] | None = None,
) -> list[tuple[str, T]]:
    package = _shelf(shelf, _checkout())
    found = list[tuple[str, T]]()
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        if info.name.startswith("_") or not (wanted is None or wanted(info.name)):
            continue
        made = getattr(_import(shelf, info.name), attribute, None)
        if not isinstance(made, kind):
            raise BrokenShelf(
                f"{_file(shelf, info.name)}: needs a module-level `{attribute}` of type "
                f"{kind.__name__}, got {type(made).__name__} (a file that only helps others "
                "starts with an underscore)"
            )
        found.append((info.name, made))
    return found


def _import(shelf: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{shelf}.{name}")
    except Exception as error:
        kind = type(error).__name__
        raise BrokenShelf(f"{_file(shelf, name)}: cannot be imported ({kind}: {error})") from error


def _file(shelf: str, name: str) -> Path:
    return Path(_shelf(shelf, _checkout()).__path__[0]) / f"{name}.py"


def _checkout() -> Path | None:
    """The folder of the checkout, or None in an installed wheel."""
    root = _HERE.parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "proofs").is_dir() else None


@cache
def _shelf(shelf: str, root: Path | None) -> ModuleType:
    """The shelf's package, from the checkout's root where there is one, else from this folder.

    It is never imported by its name: that would also bind it as an attribute of this module, in
    place of the function `diagnostics`.
    """
    name = f"{__name__}.{shelf}"
    if name in sys.modules:
        return sys.modules[name]
    folder = (root or _HERE) / shelf
    spec = spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None or not (folder / "__init__.py").is_file():
        raise BrokenShelf(f"{folder / '__init__.py'}: a shelf is a package, this file is missing")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
