"""Coverage-guided fuzzing of the static reader, by Atheris (libFuzzer). See README.md beside this.

python -m tests.fuzz.seeds CORPUS
python -m tests.fuzz.fuzz_reader CORPUS -max_total_time=600 -max_len=20000
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run until the time is over or a fault is found; libFuzzer writes the input of a fault down."""
    import atheris  # pyright: ignore[reportMissingModuleSource]  (in an environment of its own)

    with atheris.instrument_imports(include=["gancheck"]):
        from tests.fuzz.target import check

    def one_input(data: bytes) -> None:
        check(data)  # an uncaught exception is what the fuzzer looks for

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
