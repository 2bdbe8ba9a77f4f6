"""Parts of maps: which part of each map a changed part of the picture reaches, cutting parts out, laying them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .operations import Window


class Reach(NamedTuple):
    """For each place, from which row to which, and from which column to which, a map changes: int64 (P,), ends excluded."""

    top: np.ndarray
    bottom: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def through(self, rows: Window, columns: Window, size: tuple[int, int], limit: float = 1.0) -> Reach:
        """What it reaches in a map of some size that is made of windows of this one; `limit` is the largest share of an axis."""
        top, bottom = _through(self.top, self.bottom, rows, size[0], limit)
        left, right = _through(self.left, self.right, columns, size[1], limit)
        return Reach(top, bottom, left, right)

    def joined(self, other: Reach) -> Reach:
        """The smallest that holds both."""
        return Reach(
            np.minimum(self.top, other.top),
            np.maximum(self.bottom, other.bottom),
            np.minimum(self.left, other.left),
            np.maximum(self.right, other.right),
        )

    def of(self, places: np.ndarray) -> Reach:
        """That of some places."""
        return Reach(*(each[places] for each in self))

    def area(self, size: tuple[int, int], extent: tuple[int, int] | None = None) -> Area:
        """Rectangles of one size that hold it, one for each place, all within a map of some size."""
        high, wide = extent or (int((self.bottom - self.top).max()), int((self.right - self.left).max()))
        tops = np.minimum(self.top, size[0] - high)
        lefts = np.minimum(self.left, size[1] - wide)
        return Area(tuple(tops.tolist()), tuple(lefts.tolist()), high, wide)


class Area(NamedTuple):
    """Rectangles of one size, one for each place of a batch."""

    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    high: int
    wide: int

    def before(self, rows: Window, columns: Window) -> Area:
        """What it is made of; may lie beyond the edges."""
        return Area(
            tuple(top * rows.stride - rows.padding for top in self.tops),
            tuple(left * columns.stride - columns.padding for left in self.lefts),
            (self.high - 1) * rows.stride + rows.extent,
            (self.wide - 1) * columns.stride + columns.extent,
        )


@dataclass(eq=False)
class Patch:
    """Parts of a map that differ from the clean one, (B, C, h, w), and where they lie; everything else is as it was."""

    data: Tensor
    area: Area


class Frame(NamedTuple):
    """A clean map (1, C, H, W) with what stands beyond its edges around it."""

    padded: Tensor
    above: int
    before: int

    @classmethod
    def around(cls, clean: Tensor, rows: Window, columns: Window, size: tuple[int, int], value: float) -> Frame:
        """As far as the windows of a map of some size reach."""
        high, wide = clean.shape[2:]
        below = max(0, (size[0] - 1) * rows.stride + rows.extent - rows.padding - high)
        behind = max(0, (size[1] - 1) * columns.stride + columns.extent - columns.padding - wide)
        edges = (columns.padding, behind, rows.padding, below)
        padded = functional.pad(clean, edges, value=value) if any(edges) else clean
        return cls(padded.contiguous(memory_format=torch.channels_last), rows.padding, columns.padding)

    def cut(self, area: Area) -> Tensor:
        """The parts (B, C, h, w) of the clean map, channels_last."""
        lines = self.padded[0].permute(1, 2, 0)
        top, left, high, wide = self.above, self.before, area.high, area.wide
        parts = [
            lines[t + top : t + top + high, c + left : c + left + wide]
            for t, c in zip(area.tops, area.lefts, strict=True)
        ]
        return torch.stack(parts).permute(0, 3, 1, 2)


def cut(frame: Frame, patch: Patch, area: Area) -> Tensor:
    """Parts of a map that has changed, (B, C, h, w): cut out of the clean one, and what has changed laid over."""
    if area == patch.area:
        return patch.data
    made = frame.cut(area)
    lay(made, area, patch)
    return made


def lay(made: Tensor, area: Area, patch: Patch, channel: int = 0) -> None:
    """Lay a patch over parts of a map, from some channel on."""
    data, (tops, lefts, high, wide) = patch.data, patch.area
    channels = slice(channel, channel + data.shape[1])
    start, count = 0, len(tops)
    while start < count:  # neighbors that lie alike are laid together
        down, across = tops[start] - area.tops[start], lefts[start] - area.lefts[start]
        stop = start + 1
        while stop < count and tops[stop] - area.tops[stop] == down and lefts[stop] - area.lefts[stop] == across:
            stop += 1
        top, bottom = max(0, down), min(area.high, down + high)
        left, right = max(0, across), min(area.wide, across + wide)
        if top < bottom and left < right:
            part = data[start:stop, :, top - down : bottom - down, left - across : right - across]
            made[start:stop, channels, top:bottom, left:right] = part
        start = stop


def _through(
    low: np.ndarray, high: np.ndarray, window: Window, length: int, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    first = -((window.extent - 1 - window.padding - low) // window.stride)  # rounded up
    last = (high - 1 + window.padding) // window.stride
    first = np.clip(first, 0, length - 1)
    end = np.clip(last + 1, first + 1, length)
    if limit < 1:
        most = max(1, int(np.ceil(limit * length)))
        excess = np.maximum(end - first - most, 0)
        first, end = first + excess // 2, end - (excess - excess // 2)
    return first, end
