"""Which sizes an ascent goes through, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .recipe import Octaves


@dataclass(frozen=True)
class Octave:
    """A size, and the step it ends with."""

    size: tuple[int, int]
    end: int


def planned(size: tuple[int, int], octaves: Octaves, steps: int) -> list[Octave]:
    """The sizes from small to whole, and how the steps are shared out."""
    # Every size has a step, so there are no more sizes than steps.
    scales = [octaves.ratio**-smaller for smaller in range(min(octaves.count, steps) - 1, -1, -1)]
    return shared([(max(1, round(size[0] * scale)), max(1, round(size[1] * scale))) for scale in scales], steps)


def shared(sizes: Sequence[tuple[int, int]], steps: int) -> list[Octave]:
    """Steps shared out among sizes."""
    sizes = sizes[-steps:]  # every size has a step
    ends = [round(steps * (index + 1) / len(sizes)) for index in range(len(sizes))]
    return [Octave(size, end) for size, end in zip(sizes, ends, strict=True)]
