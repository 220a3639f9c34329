"""Every measure is a function of the package, in whatever order files are imported."""

from __future__ import annotations

import subprocess
import sys
from types import FunctionType

import pytest

from gancheck import measures


@pytest.mark.parametrize("name", measures.__all__)
def test_a_public_name_is_the_measure(name: str) -> None:
    found = getattr(measures, name)
    assert isinstance(found, FunctionType)
    assert found.__name__ == name


def test_importing_a_file_of_the_same_name_hides_nothing() -> None:
    code = (
        "import gancheck.measures.rotation\n"
        "from gancheck.measures.rotation import Rotation\n"
        "from gancheck import measures\n"
        "assert callable(measures.rotation) and measures.rotation.__name__ == 'rotation'\n"
        "assert Rotation.__module__ == 'gancheck.measures.rotation'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'beauty'"):
        _ = measures.beauty
