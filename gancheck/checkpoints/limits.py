"""How much may a file ask for before it is refused?

Every budget bounds work or memory by something other than the file's own claims. Real files stay
far below: the largest pickle among about 80 published GANs has 15 thousand opcodes. Standard
library only.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Budgets of one reading.

    Attributes:
        file_bytes: largest file that is read at all.
        opcodes: pickle opcodes interpreted, over all pickles of the file together.
        memo: entries of the pickle memo.
        items: values put into containers.
        depth: containers inside each other.
        listed: entries of the listing, shared parts counted each time they are reached.
        claimed_ratio: bytes of all listed tensors, as a multiple of the file's size. Tied weights
            and averaged copies share storages, so it exceeds 1 in honest files.
        header_bytes: JSON header of safetensors.
        members: members of an archive.
    """

    file_bytes: int = 4 * 2**30
    opcodes: int = 2_000_000
    memo: int = 1_000_000
    items: int = 4_000_000
    depth: int = 200
    listed: int = 300_000
    claimed_ratio: int = 16
    header_bytes: int = 100_000_000
    members: int = 200_000


DEFAULT = Limits()
