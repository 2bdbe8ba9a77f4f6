"""Memory that is given back between two passes and needed again in the next."""

from __future__ import annotations

from functools import cache

import torch

_LARGEST = 31 * 2**20  # just below glibc's DEFAULT_MMAP_THRESHOLD_MAX, 32 MiB


@cache
def keep_what_is_freed() -> None:
    """Let the allocator learn that large blocks come and go, once in a process.

    glibc takes large blocks from the system and hands them back when they are freed; each page then has to be made anew, which costs a
    pass through SqueezeNet and back a tenth of its time, and more in virtual machines. When a block of the largest size it ever
    learns from is freed, it keeps up to twice as much for the next ones (mallopt(3), M_MMAP_THRESHOLD). Elsewhere nothing happens:
    the block is never written to.
    """
    block = torch.empty(_LARGEST, dtype=torch.uint8)
    del block
