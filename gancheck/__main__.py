"""`python -m gancheck`, as `torchrun -m gancheck train` starts it: the command line."""

from __future__ import annotations

from gancheck.cli import main

if __name__ == "__main__":
    main()
