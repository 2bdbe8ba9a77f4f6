"""Where a picture is covered, one place after another: windows that slide, segments, a mask drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import ImageError
from .place_fills import PlaceFill, asked_of, box_of

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
        if columns == 1 and rows == len(self) and not self.is_lattice:
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
        mean = self._summed(np.asarray(values, np.float64)) / np.maximum(self._count, 1)
        return np.where(self._count > 0, mean, 0).astype(np.float32)

    def completed(self, values: np.ndarray) -> np.ndarray:
        """Values (P,) with those not there yet, NaN, taken from the nearest place of a coarser grid; 0 where there is none."""
        known = np.isfinite(values)
        if known.all() or not known.any():
            return np.nan_to_num(values)
        if not self.is_lattice:
            return np.where(known, values, 0)
        field = values.reshape(self.grid)
        estimate = _nearest(field, _coarsest(field))
        return np.where(known, values, estimate.ravel())

    def outline(self, place: int) -> np.ndarray:
        """The covered pixels of a place in the whole picture, bool (height, width)."""
        top, left, bottom, right = self.boxes[place]
        mask = self.mask(place)
        found = np.zeros(self.size, bool)
        found[top:bottom, left:right] = True if mask is None else mask
        return found

    @property
    def is_lattice(self) -> bool:
        """Whether the places are one window on a grid."""
        return len(self.masks) <= 1

    @cached_property
    def _count(self) -> np.ndarray:
        """How many places cover each pixel."""
        return self._summed(np.ones(len(self))).round()

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """The sum, at each pixel, of the values of the places that cover it."""
        total = np.zeros(self.size)
        if not self.masks:
            return _boxes_summed(self.size, self.boxes, values)
        for place, value in enumerate(values):
            top, left, bottom, right = self.boxes[place]
            total[top:bottom, left:right] += value * self.mask(place)
        return total


def sliding(
    size: tuple[int, int], window: int | tuple[int, int], stride: int | tuple[int, int], shape: Shape = "square"
) -> Covers:
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
    if isinstance(shape, str):
        _check_shape(shape)
    else:
        mask = _checked_mask(shape)
        window = mask.shape
    high, wide = _pair(window, "window")
    down, across = _pair(stride, "stride")
    if high > size[0] or wide > size[1]:
        msg = (
            f"A window of {high} × {wide} pixels does not fit into a picture of {size[0]} × {size[1]}: make it smaller."
        )
        raise ImageError(msg)
    tops, lefts = _starts(size[0], high, down), _starts(size[1], wide, across)
    top, left = (each.ravel() for each in np.meshgrid(tops, lefts, indexing="ij"))
    boxes = np.stack([top, left, np.minimum(top + high, size[0]), np.minimum(left + wide, size[1])], 1)
    if isinstance(shape, str) and shape == "circle":
        mask = _ellipse(high, wide)
    return Covers(size, boxes, (len(tops), len(lefts)), () if mask is None else (mask,))


def windows_around(
    size: tuple[int, int], center: tuple[int, int], sides: Sequence[int], shape: Literal["square", "circle"] = "square"
) -> Covers:
    """Windows of several sides in pixels around one place, cut off at the picture's edges.

    Parameters
    ----------
    size
        (height, width) of the picture.
    center
        Row and column of a pixel; of a window of even side, the one below and right of its middle.

    Raises
    ------
    ImageError
        If the place lies outside the picture, or there is no such shape.
    """
    if len(center) != 2 or not all(_is_place(each, end) for each, end in zip(center, size, strict=True)):
        have = f"rows 0–{size[0] - 1} and columns 0–{size[1] - 1}"
        msg = f"at is {center}, and the picture has {have} as the network takes it: give (row, column) within."
        raise ImageError(msg)
    _check_shape(shape)
    corners = [(int(center[0]) - side // 2, int(center[1]) - side // 2) for side in sides]
    boxes = np.array([(top, left, top + side, left + side) for (top, left), side in zip(corners, sides, strict=True)])
    inside = np.clip(boxes, 0, [*size, *size]).astype(np.int64)
    masks = []
    for (top, left, *_), box, side in zip(boxes, inside, sides, strict=True):
        masks.append(_ellipse(side, side)[box[0] - top : box[2] - top, box[1] - left : box[3] - left])
    return Covers(size, inside, (len(sides), 1), tuple(masks) if shape == "circle" else ())


def placed(size: tuple[int, int], mask: np.ndarray, top: int = 0, left: int = 0) -> Covers:
    """One place: a mask, bool (h, w), with its upper left corner somewhere; what lies outside the picture is cut off."""
    mask = _checked_mask(mask)
    box = np.array([top, left, top + mask.shape[0], left + mask.shape[1]])
    inside = np.clip(box, 0, [size[0], size[1], size[0], size[1]])
    if (inside[2:] <= inside[:2]).any():
        msg = f"The cover at row {top}, column {left} lies outside the picture of {size[0]} × {size[1]} pixels."
        raise ImageError(msg)
    cut = mask[inside[0] - top : inside[2] - top, inside[1] - left : inside[3] - left]
    if not cut.any():
        msg = f"Nothing of the cover at row {top}, column {left} lies in the picture of {size[0]} × {size[1]} pixels: move it."
        raise ImageError(msg)
    return Covers(size, inside[None].astype(np.int64), (1, 1), (cut,))


def segments(labels: np.ndarray, size: tuple[int, int] | None = None) -> Covers:
    """One place for each segment of a picture.

    Parameters
    ----------
    labels
        int (height, width): which segment each pixel belongs to; negative: none.
    size
        (height, width) of the picture, which the labels have to fit.

    Raises
    ------
    ImageError
        If these are no labels, or do not fit the picture, or there is no segment.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        msg = (
            f"Segments are whole numbers (height, width), one a pixel; {labels.dtype} {labels.shape} was given: for masks that "
            "may overlap, use occlusion_of_objects."
        )
        raise ImageError(msg)
    if not (labels >= 0).any():
        msg = (
            "There is no segment to cover, as every pixel's label is negative: give the pixels of a segment 0 or more."
        )
        raise ImageError(msg)
    return overlapping(np.stack([labels == label for label in np.unique(labels[labels >= 0])]), size)


def overlapping(masks: Any, size: tuple[int, int] | None = None) -> Covers:
    """One place for each mask; they may overlap.

    Parameters
    ----------
    masks
        (K, height, width), True where a pixel is covered.
    size
        (height, width) of the picture, which the masks have to fit.

    Raises
    ------
    ImageError
        If these are no masks, do not fit the picture, or one of them is empty.
    """
    given = np.asarray(masks)
    if given.ndim != 3 or 0 in given.shape:
        msg = f"Covers are masks (K, height, width), True where a pixel is covered; an array {given.shape} was given."
        raise ImageError(msg)
    if size is not None and given.shape[1:] != tuple(size):
        have, wanted = " × ".join(map(str, given.shape[1:])), " × ".join(map(str, size))
        msg = f"The covers are {have} pixels and the picture is {wanted} as the network takes it: give both the same size."
        raise ImageError(msg)
    checked = [_checked_mask(mask) for mask in given]
    boxes = [box_of(mask) for mask in checked]
    cut = tuple(mask[top:bottom, left:right] for mask, (top, left, bottom, right) in zip(checked, boxes, strict=True))
    return Covers((given.shape[1], given.shape[2]), np.array(boxes, np.int64), (len(boxes), 1), cut)


def covered(image: Tensor, fill: Tensor | PlaceFill, covers: Covers, places: Sequence[int] | np.ndarray) -> Tensor:
    """The picture (1, C, H, W) with each of some places covered by itself, (B, C, H, W)."""
    pictures = image.repeat(len(places), 1, 1, 1)
    for row, place in enumerate(places):
        top, left, bottom, right = covers.boxes[place]
        pictures[row, :, top:bottom, left:right] = content(image, fill, covers, int(place))
    return pictures


def content(image: Tensor, fill: Tensor | PlaceFill, covers: Covers, place: int) -> Tensor:
    """What stands in the box of a place when it is covered, (C, h, w): the fill, and the picture where the mask leaves it.

    Parameters
    ----------
    image
        (1, C, H, W) in [0, 1].
    fill
        A whole picture (1, C, H, W), or a function of the place (see `fill_of_each`), which is asked for each place anew.

    Raises
    ------
    ImageError
        If a function gives no such picture.
    """
    top, left, bottom, right = covers.boxes[place]
    mask = covers.mask(place)
    if not isinstance(fill, Tensor):
        made = asked_of(fill, image[0].detach().float().cpu().numpy(), covers.outline(place))
        part = torch.from_numpy(np.ascontiguousarray(made[:, top:bottom, left:right])).to(image)
    else:
        part = fill[0, :, top:bottom, left:right]
    if mask is None:
        return part
    return torch.where(torch.from_numpy(mask).to(image.device), part, image[0, :, top:bottom, left:right])


def _starts(length: int, window: int, stride: int) -> np.ndarray:
    """As many as are needed to reach the end; where there are gaps between, the last one may begin after it, and is none."""
    starts: np.ndarray = np.arange(-(-(length - window) // stride) + 1) * stride
    return starts[starts < length]


def _pair(given: int | tuple[int, int], name: str) -> tuple[int, int]:
    try:
        both = tuple(given) if isinstance(given, Sequence | np.ndarray) else (given, given)
        if len(both) == 2 and all(_is_count(each) for each in both):
            return int(both[0]), int(both[1])
    except (TypeError, ValueError, OverflowError):  # no numbers, NaN, infinity
        pass
    msg = f"{name} is {given!r}: give whole pixels, at least 1, as one number or (down, across)."
    raise ImageError(msg)


def _is_count(number: Any) -> bool:
    return not isinstance(number, (bool, np.bool_, str)) and int(number) == number and number >= 1


def _is_place(number: Any, end: int) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and 0 <= int(number) < end


def _check_shape(shape: str) -> None:
    if shape not in ("square", "circle"):
        msg = f"There is no shape {shape!r}: choose 'square' or 'circle'; occlusion also takes a mask (h, w)."
        raise ImageError(msg)


def _checked_mask(mask: np.ndarray) -> np.ndarray:
    """A mask as bool (h, w); of float ones, what is over a half."""
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        msg = f"A cover's mask is bool (h, w), True where it covers; {array.dtype} {array.shape} was given."
        raise ImageError(msg)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        msg = "A cover's mask holds NaN or infinite values: give True where it covers and False elsewhere."
        raise ImageError(msg)
    found = array > 0.5 if array.dtype.kind == "f" else array.astype(bool)
    if not found.any():
        msg = (
            f"A cover's mask of {' × '.join(map(str, array.shape))} pixels is empty: give at least one pixel to cover."
        )
        raise ImageError(msg)
    return found


def _boxes_summed(size: tuple[int, int], boxes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The sum, at each pixel, of the values of the boxes over it: what begins and ends at each corner, summed up twice."""
    corners = np.zeros((size[0] + 1, size[1] + 1))
    top, left, bottom, right = boxes.T
    for row, column, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(corners, (row, column), sign * values)
    summed: np.ndarray = corners.cumsum(0).cumsum(1)[:-1, :-1]
    return summed


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
