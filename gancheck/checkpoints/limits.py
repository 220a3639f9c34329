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
        held_bytes: a file up to this size is held in memory and read once; a larger one is read
            piece by piece.
        checked_bytes: above this size the sha256 and the checksums of a zip are left out, unless
            asked for: they are all that costs what the file weighs.
        loaded_bytes: all tensors that one loading builds.
        opcodes: pickle opcodes interpreted, over all pickles of the file together.
        text: bytes of text and integers that those pickles spell out.
        memo: entries of the pickle memo.
        globals: different globals that those pickles name.
        items: values put into containers; also plain values met by the listing.
        depth: containers inside each other.
        listed: tensors and containers of the listing, shared ones counted each time they are
            reached.
        claimed_ratio: bytes of all listed tensors, as a multiple of the file's size. Tied weights
            and averaged copies share storages, so it exceeds 1 in honest files.
        header_bytes: JSON header of safetensors; parsed JSON takes 20 times its size in memory.
        directory_bytes: directory of a zip.
        members: members of a zip.
    """

    file_bytes: int = 2**40
    held_bytes: int = 64 * 2**20
    checked_bytes: int = 2**30
    loaded_bytes: int = 16 * 2**30
    opcodes: int = 1_000_000
    text: int = 2**27
    memo: int = 1_000_000
    globals: int = 10_000
    items: int = 2_000_000
    depth: int = 200
    listed: int = 100_000
    claimed_ratio: int = 16
    header_bytes: int = 16_000_000
    directory_bytes: int = 32_000_000
    members: int = 100_000


DEFAULT = Limits()
