"""What is there of all that gancheck can use: versions, devices, engines, extras, data?

A missing part is named with what it is for and what to install. What gancheck needs, and from which
version on, is read from its own metadata, so that no list here can fall behind.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Check", "examine"]

_EXTRAS = (
    ("flint", "python-flint", "rigorous", "certified enclosures of real numbers in proofs"),
    ("z3", "z3-solver", "rigorous", "a second opinion on proofs: gancheck prove --second-opinion"),
    ("sklearn", "scikit-learn", "data", "the handwritten digits"),
    ("tensorboard", "tensorboard", "loggers", "gancheck train --log tensorboard"),
    ("wandb", "wandb", "loggers", "gancheck train --log wandb"),
    ("lightning", "lightning", "loggers", "watching what Lightning trains"),
    ("onnxruntime", "onnxruntime", "onnx", "running ONNX generators in an audit"),
)
"""Module, package, extra, what for; the extras of pyproject.toml that are no developer's."""

_NEED = re.compile(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked for.

    Attributes:
        group: package, device, engine, extra or data.
        name: of the thing.
        there: whether it is.
        detail: its version or place; where it is missing, what it is for and how to get it.
    """

    group: str
    name: str
    there: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """The four fields, as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def examine() -> list[Check]:
    """Look for everything; takes as long as importing torch does."""
    return [*_packages(), *_devices(), *_engines(), *_extras(), *_data()]


def _packages() -> Iterator[Check]:
    yield Check(group="package", name="python", there=True, detail=platform.python_version())
    own = _version("gancheck") or "in a folder, not installed: what it needs is not known"
    yield Check(group="package", name="gancheck", there=True, detail=own)
    for name, least in _needed():
        found = _version(name)
        enough = bool(found) and _release(found) >= _release(least)
        old = f"{found} is older than {least}, " if found else ""
        lacking = f"{old}needed; type: pip install '{name}{least and f'>={least}'}'"
        yield Check(group="package", name=name, there=enough, detail=found if enough else lacking)


def _needed() -> Iterator[tuple[str, str]]:
    """What has to be there without any extra: package and least version, "" for any."""
    try:
        told = metadata.requires("gancheck") or []
    except metadata.PackageNotFoundError:
        return
    for text in told:
        found = _NEED.match(text)
        if found is not None and "extra ==" not in text:
            yield found[1], found[2] or ""


def _release(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with; none for "".

    Example:
        >>> _release("2.13.0+cpu") >= _release("2.6")
        True
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _devices() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check(group="device", name="cpu", there=True, detail=f"{cores} cores")
    if importlib.util.find_spec("torch") is None:
        yield Check(group="device", name="cuda", there=False, detail="not known without torch")
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(count):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        detail = f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"
        yield Check(group="device", name=f"cuda:{index}", there=True, detail=detail)
    if not count:
        why = "this torch is built without CUDA" if torch.version.cuda is None else "none is seen"
        yield Check(group="device", name="cuda", there=False, detail=f"{why}; the CPU does it all")
    yield _processes()


def _processes() -> Check:
    """Whether several processes can train together, and over what they would talk."""
    import torch.distributed as dist

    there = dist.is_available() and dist.is_gloo_available()
    over = "gloo and nccl" if there and dist.is_nccl_available() else "gloo"
    detail = f"over {over}, for torchrun -m gancheck train"
    lacking = "for torchrun -m gancheck train; this torch is built without torch.distributed"
    return Check(
        group="device", name="distributed", there=there, detail=detail if there else lacking
    )


def _engines() -> Iterator[Check]:
    yield Check(group="engine", name="sympy", there=True, detail="proves; always there")
    place = shutil.which("coqc")
    lacking = "for gancheck prove --kernel (Debian: coq)"
    yield Check(group="engine", name="coqc", there=bool(place), detail=place or lacking)


def _extras() -> Iterator[Check]:
    for module, package, extra, what in _EXTRAS:
        there = importlib.util.find_spec(module) is not None
        lacking = f"for {what}; type: pip install 'gancheck[{extra}]'"
        yield Check(
            group="extra", name=package, there=there, detail=_version(package) if there else lacking
        )


def _data() -> Iterator[Check]:
    own = os.environ.get("GANCHECK_DATA")
    if own is not None:
        there = Path(own).is_dir()
        detail = own if there else f"{own} is no folder"
        yield Check(group="data", name="GANCHECK_DATA", there=there, detail=detail)
    if importlib.util.find_spec("torch") is None:
        detail = "not looked for without torch"
        yield Check(group="data", name="fashion-mnist", there=False, detail=detail)
        return
    from gancheck.games.data_files import fashion_mnist_files

    found = fashion_mnist_files()
    lacking = "for fashion recipes; type: apt install dataset-fashion-mnist"
    yield Check(
        group="data",
        name="fashion-mnist",
        there=found is not None,
        detail=lacking if found is None else str(found[0].parent),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
