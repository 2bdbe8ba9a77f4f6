"""Whether a map points at the thing: its strongest place, and the share of its strength, against a true mask.

Only what speaks *for* counts here: the positive part of a map. What is not a number counts as 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import EvaluationError, ImageError
from .perturbation import upsampled


def maps_of(heatmap: Any) -> np.ndarray:
    """The maps of a `Heatmap` or an array, float32 (N, h, w).

    Raises
    ------
    EvaluationError
        If it is no such thing.
    """
    values = np.asarray(heatmap, np.float32)
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or 0 in values.shape:
        msg = f"A heatmap is (N, h, w), one map a picture; this has shape {values.shape}."
        raise EvaluationError(msg)
    return values


def masks_for(heatmap: Any, masks: Any) -> np.ndarray:
    """True masks, bool (N, H, W), one for each map; a single one serves them all.

    Raises
    ------
    ImageError
        If they do not fit the pictures, or one of them is empty.
    """
    given = np.asarray(masks)
    if given.ndim == 2:
        given = given[None]
    if given.ndim != 3 or 0 in given.shape:
        msg = f"Masks are (N, height, width), True where the thing is; these have shape {given.shape}."
        raise ImageError(msg)
    given = given > 0.5 if given.dtype.kind == "f" else given.astype(bool)
    count, images = len(maps_of(heatmap)), getattr(heatmap, "images", None)
    if len(given) not in (1, count):
        msg = f"{count} maps need {count} masks, one each, or a single one; {len(given)} were given."
        raise ImageError(msg)
    size = None if images is None else tuple(images.shape[1:3])
    if size is not None and given.shape[1:] != size:
        msg = f"The masks are {given.shape[1]} × {given.shape[2]} and the pictures {size[0]} × {size[1]}: give both the same size."
        raise ImageError(msg)
    empty = np.flatnonzero(~given.any((1, 2)))
    if len(empty):
        msg = f"Mask {empty[0]} is empty, so nothing can lie inside it: leave that picture out, or give another mask."
        raise ImageError(msg)
    return np.broadcast_to(given, (count, *given.shape[1:]))


def strongest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The strongest places of a map (h, w) in pixels of its picture: int (places, 2), row and column.

    They are the centers of the cells that hold the largest value, more than one if several are equal; none if no value is
    positive.
    """
    field = positive(values)
    if not field.any():
        return np.zeros((0, 2), np.int64)
    cells = np.argwhere(field == field.max())
    scale = np.array(size) / field.shape
    return ((cells + 0.5) * scale).astype(np.int64)


def hit(values: np.ndarray, mask: np.ndarray, tolerance: float = 0) -> bool:
    """Whether the strongest place of a map lies inside a mask (H, W), or at most `tolerance` pixels from it.

    Where several places are equally strong, all have to: a map that is the same everywhere points nowhere.
    """
    places = strongest(values, (mask.shape[0], mask.shape[1]))
    if not len(places):
        return False
    if tolerance <= 0:
        return bool(mask[places[:, 0], places[:, 1]].all())
    inside = np.argwhere(mask)
    return all(((inside - place) ** 2).sum(1).min() <= tolerance**2 for place in places)


def share_inside(values: np.ndarray, mask: np.ndarray) -> float:
    """The share of a map's positive strength, drawn out to the picture, inside a mask (H, W); 0 if there is none."""
    field = upsampled(positive(values), (mask.shape[0], mask.shape[1]))
    whole = float(field.sum())
    return float(field[mask].sum()) / whole if whole > 0 else 0.0


def marked(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """How much of each pixel a map leaves, float64 (height, width) in [0, 1]: its positive part from its least to its most.

    A map that is the same everywhere marks nothing: all 0.
    """
    field = upsampled(positive(values), size)
    low, high = float(field.min()), float(field.max())
    return (field - low) / (high - low) if high > low else np.zeros(size)


def positive(values: np.ndarray) -> np.ndarray:
    """What speaks for, float64 (h, w): negative values and what is not a number become 0."""
    return np.where(np.isfinite(values), values, 0).clip(0).astype(np.float64)
