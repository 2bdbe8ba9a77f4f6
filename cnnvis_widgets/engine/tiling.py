"""A large picture in tiles: what each fills, and what is looked at for it, so that no seam shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from .receptive_field import ReceptiveField

_WHOLE = 640 * 640  # pixels; a larger picture is cut unless the caller says otherwise
_SIDE = 512

Range = tuple[int, int]
Box = tuple[Range, Range]


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut.

    Parameters
    ----------
    side
        Of a tile in pixels; None: pictures up to 640 × 640 are left whole, others are cut into tiles of 512.
    grid
        All cuts lie on multiples of it, in pixels: the strides of the layers, so that a tile is seen as the whole would be.
    margin
        What is looked at round a tile, in pixels.
    """

    side: int | None
    grid: int
    margin: int

    @classmethod
    def for_fields(cls, side: int | None, fields: Iterable[ReceptiveField | None]) -> Tiling:
        """For units that see so much; where that is too much, a quarter of a tile is looked at round it."""
        listed = list(fields)
        spans = [span for field in listed if field is not None for span in (field.rows, field.columns)]
        grid = max([1, *(math.ceil(span.jump) for span in spans)])
        most = (side or _SIDE) / 4
        seen = most if None in listed else max(span.size for span in spans)
        return cls(side, grid, math.ceil(min(seen, most) / grid) * grid)

    def tiles(self, size: tuple[int, int], corner: tuple[float, float] = (0.0, 0.0)) -> Iterator[tuple[Box, Box]]:
        """(what a tile fills, what is looked at for it) in pixels: ((top, bottom), (left, right)).

        Parameters
        ----------
        size
            (height, width) of the picture.
        corner
            How large the first tile is, down and across, as a share of a whole one; 0 is a whole one.
        """
        side = self.side or (max(size) if size[0] * size[1] <= _WHOLE else _SIDE)
        if side >= max(size):
            whole = (0, size[0]), (0, size[1])
            yield whole, whole
            return
        side = max(self.grid, side // self.grid * self.grid)
        rows, columns = (self._cuts(length, side, share) for length, share in zip(size, corner, strict=True))
        for row in rows:
            for column in columns:
                yield (row, column), (self._wider(row, side, size[0]), self._wider(column, side, size[1]))

    def _cuts(self, length: int, side: int, share: float) -> list[Range]:
        first = round(share * side / self.grid) * self.grid or side
        return list(pairwise([0, *range(first, length, side), length]))

    def _wider(self, cut: Range, side: int, length: int) -> Range:
        """With the margin on both sides, and no shorter than a tile, so that the layers can work on it."""
        start = max(0, cut[0] - self.margin)
        end = min(length, max(cut[1] + self.margin, start + side))
        return max(0, min(start, (end - side) // self.grid * self.grid)), end


def cut(picture: Tensor, box: Box) -> Tensor:
    """A part of (N, C, H, W), as a view."""
    (top, bottom), (left, right) = box
    return picture[..., top:bottom, left:right]


def within(core: Box, patch: Box) -> Box:
    """Where a tile lies in what is looked at for it."""
    (top, bottom), (left, right) = core
    (up, _), (west, _) = patch
    return (top - up, bottom - up), (left - west, right - west)
