"""Where a picture is covered, one place after another: windows that slide, segments, a mask drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import ImageError

Shape: TypeAlias = "Literal['square', 'circle'] | np.ndarray"
#: A first map has at most so many rows and columns.
_FIRST = 4


@dataclass(frozen=True, eq=False)
class Covers:
    """Places of a picture that are covered, each by itself.

    Attributes
    ----------
    size : tuple of int
        (height, width) of the picture.
    boxes : ndarray
        int64 (P, 4): top, left, bottom, right in pixels, bottom and right excluded, all within the picture.
    grid : tuple of int
        (rows, columns) the places are laid out in, row by row; (P, 1) where they are no grid.
    masks : tuple of ndarray
        bool (h, w): which pixels of a box are covered. One that all places share, cut off at the picture's edge; or one for
        each; or none, where boxes are covered whole.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    grid: tuple[int, int]
    masks: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def mask(self, place: int) -> np.ndarray | None:
        """Which pixels of a place's box are covered, bool (h, w); None if all."""
        if not self.masks:
            return None
        if len(self.masks) == len(self) > 1:
            return self.masks[place]
        top, left, bottom, right = self.boxes[place]
        return self.masks[0][: bottom - top, : right - left]

    def levels(self) -> list[np.ndarray]:
        """The places in the order of computing: few that span the whole picture first, then those between."""
        rows, columns = self.grid
        if columns == 1 and rows == len(self) and not self._is_lattice():
            return [np.arange(len(self))]
        step = 1
        while max(-(-rows // step), -(-columns // step)) > _FIRST:
            step *= 2
        row, column = np.divmod(np.arange(len(self)), columns)
        known = np.zeros(len(self), bool)
        found = []
        while step:
            due = (row % step == 0) & (column % step == 0) & ~known
            known |= due
            if due.any():
                found.append(np.flatnonzero(due))
            step //= 2
        return found

    def average(self, values: np.ndarray) -> np.ndarray:
        """The mean, at each pixel, of the values of the places that cover it: float32 (height, width); 0 where none does.

        Parameters
        ----------
        values
            (P,), one value a place.
        """
        total, count = np.zeros(self.size), np.zeros(self.size)
        for place, value in enumerate(np.asarray(values, np.float64)):
            top, left, bottom, right = self.boxes[place]
            mask = self.mask(place)
            covered = 1.0 if mask is None else mask
            total[top:bottom, left:right] += value * covered
            count[top:bottom, left:right] += covered
        return (total / np.maximum(count, 1)).astype(np.float32)

    def completed(self, values: np.ndarray) -> np.ndarray:
        """Values (P,) with those not there yet, NaN, taken from the nearest place of a coarser grid; 0 where there is none."""
        known = np.isfinite(values)
        if known.all() or not known.any():
            return np.nan_to_num(values)
        if not self._is_lattice():
            return np.where(known, values, 0)
        field = values.reshape(self.grid)
        estimate = _nearest(field, _coarsest(field))
        return np.where(known, values, estimate.ravel())

    def _is_lattice(self) -> bool:
        return len(self.masks) <= 1


def sliding(size: tuple[int, int], window: int | tuple[int, int], stride: int | tuple[int, int], shape: Shape = "square") -> Covers:
    """A window that slides over a picture; the last one of a row or column is cut off at the edge.

    Parameters
    ----------
    size
        (height, width) of the picture.
    window
        Height and width of the window in pixels, or its side.
    stride
        Pixels from one place to the next, down and across, or one number for both.
    shape
        "square" (the whole window), "circle" (the ellipse in it), or a mask, bool (h, w), which is the window then.

    Raises
    ------
    ImageError
        If a window or stride is not positive, or the window does not fit into the picture.
    """
    mask = None
    if not isinstance(shape, str):
        mask = _checked_mask(shape)
        window = mask.shape
    high, wide = _pair(window, "window")
    down, across = _pair(stride, "stride")
    if high > size[0] or wide > size[1]:
        msg = f"A window of {high} × {wide} pixels does not fit into a picture of {size[0]} × {size[1]}: make it smaller."
        raise ImageError(msg)
    if isinstance(shape, str) and shape not in ("square", "circle"):
        msg = f"There is no shape {shape!r}: choose 'square' or 'circle', or give a mask (h, w)."
        raise ImageError(msg)
    tops, lefts = _starts(size[0], high, down), _starts(size[1], wide, across)
    top, left = (each.ravel() for each in np.meshgrid(tops, lefts, indexing="ij"))
    boxes = np.stack([top, left, np.minimum(top + high, size[0]), np.minimum(left + wide, size[1])], 1)
    if isinstance(shape, str) and shape == "circle":
        mask = _ellipse(high, wide)
    return Covers(size, boxes, (len(tops), len(lefts)), () if mask is None else (mask,))


def placed(size: tuple[int, int], mask: np.ndarray, top: int = 0, left: int = 0) -> Covers:
    """One place: a mask, bool (h, w), with its upper left corner somewhere; what lies outside the picture is cut off."""
    mask = _checked_mask(mask)
    box = np.array([top, left, top + mask.shape[0], left + mask.shape[1]])
    inside = np.clip(box, 0, [size[0], size[1], size[0], size[1]])
    if (inside[2:] <= inside[:2]).any():
        msg = f"The cover at row {top}, column {left} lies outside the picture of {size[0]} × {size[1]} pixels."
        raise ImageError(msg)
    cut = mask[inside[0] - top : inside[2] - top, inside[1] - left : inside[3] - left]
    return Covers(size, inside[None].astype(np.int64), (1, 1), (cut,))


def segments(labels: np.ndarray) -> Covers:
    """One place for each segment of a picture.

    Parameters
    ----------
    labels
        int (height, width): which segment each pixel belongs to; negative: none.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        msg = f"Segments are integers (height, width), one a pixel; {labels.dtype} {labels.shape} was given."
        raise ImageError(msg)
    boxes, masks = [], []
    for label in np.unique(labels[labels >= 0]):
        here = labels == label
        rows, columns = np.flatnonzero(here.any(1)), np.flatnonzero(here.any(0))
        box = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
        boxes.append(box)
        masks.append(here[box[0] : box[2], box[1] : box[3]])
    if not boxes:
        msg = "There is no segment to cover: every pixel's label is negative."
        raise ImageError(msg)
    return Covers(labels.shape, np.array(boxes, np.int64), (len(boxes), 1), tuple(masks))


def covered(image: Tensor, fill: Tensor, covers: Covers, places: Sequence[int] | np.ndarray) -> Tensor:
    """The picture (1, C, H, W) with each of some places covered by itself, (B, C, H, W)."""
    pictures = image.repeat(len(places), 1, 1, 1)
    for row, place in enumerate(places):
        top, left, bottom, right = covers.boxes[place]
        part, mask = fill[0, :, top:bottom, left:right], covers.mask(int(place))
        target = pictures[row, :, top:bottom, left:right]
        target.copy_(part if mask is None else torch.where(torch.from_numpy(mask).to(image.device), part, target))
    return pictures


def _starts(length: int, window: int, stride: int) -> np.ndarray:
    """As many as are needed to reach the end."""
    return np.arange(-(-(length - window) // stride) + 1) * stride


def _pair(given: int | tuple[int, int], name: str) -> tuple[int, int]:
    both = (given, given) if isinstance(given, (int, np.integer)) else tuple(given)
    if len(both) != 2 or any(isinstance(each, bool) or int(each) != each or each < 1 for each in both):
        msg = f"{name} is {given}: give whole pixels, at least 1, as one number or (down, across)."
        raise ImageError(msg)
    return int(both[0]), int(both[1])


def _checked_mask(mask: np.ndarray) -> np.ndarray:
    array = np.asarray(mask)
    if array.ndim != 2 or not array.astype(bool).any():
        msg = f"A cover's mask is bool (h, w) with at least one pixel; {array.shape} has {int(array.astype(bool).sum())}."
        raise ImageError(msg)
    return array.astype(bool)


def _ellipse(high: int, wide: int) -> np.ndarray:
    """The pixels whose centers lie in the ellipse that fits a box."""
    down = (np.arange(high) + 0.5) / high * 2 - 1
    across = (np.arange(wide) + 0.5) / wide * 2 - 1
    inside: np.ndarray = down[:, None] ** 2 + across[None] ** 2 <= 1
    return inside


def _coarsest(field: np.ndarray) -> int:
    """The finest step, a power of two, of which every place is known; at least one is."""
    step = 1
    while not np.isfinite(field[::step, ::step]).all() and step < max(field.shape):
        step *= 2
    return step


def _nearest(field: np.ndarray, step: int) -> np.ndarray:
    """Each place takes the value of the nearest one of a coarser grid."""
    coarse = np.nan_to_num(field[::step, ::step])
    row, column = (
        np.minimum((np.arange(count) + step // 2) // step, len_ - 1)
        for count, len_ in zip(field.shape, coarse.shape, strict=True)
    )
    return coarse[np.ix_(row, column)]
