"""What is put in place of covered pixels where it depends on which they are: a patch from elsewhere, inpainting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .errors import ImageError
from .images import ImageLike, decode

#: (picture (C, H, W) in [0, 1], covered pixels bool (H, W)) -> picture (C, H, W) in [0, 1]: only what is covered of it is used.
PlaceFill: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]

_RIM = 4  # the equation of a pixel reads those at most two away; so much more is known around


def patch_fill(row: int, column: int, picture: ImageLike | None = None) -> PlaceFill:
    """A fill that shows the same patch wherever the cover lies.

    Parameters
    ----------
    row, column
        Upper left corner of the patch, in pixels of the picture as the network takes it. It is as large as the cover.
    picture
        What the patch is cut out of; by default the picture that is covered.

    Returns
    -------
    callable
        A fill for `occlusion` and the others that cover one place after another.

    Raises
    ------
    ImageError
        If the corner is no whole number of at least 0; later, if the patch does not fit into its picture.

    Examples
    --------
    >>> import cnnvis_widgets as cw
    >>> sky = cw.patch_fill(0, 30)
    >>> cw.occlusion(cw.demo(), cw.scenes(1)[0].image, window=24, fill=sky)  # doctest: +SKIP
    """
    if any(isinstance(each, bool) or not isinstance(each, (int, np.integer)) or each < 0 for each in (row, column)):
        msg = f"A patch begins at a row and a column of its picture; {row}, {column} was given: give whole pixels, 0 or more."
        raise ImageError(msg)
    source = None if picture is None else decode(picture)[0].numpy()

    def lay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        whole = image if source is None else source
        top, left, bottom, right = box_of(mask)
        high, wide = bottom - top, right - left
        patch = whole[:, row : row + high, column : column + wide]
        if patch.shape != (len(image), high, wide):
            msg = (
                f"The cover is {high} × {wide} pixels, and a picture of {' × '.join(map(str, whole.shape))} has no such patch "
                f"for one of {len(image)} channels at row {row}, column {column}: begin further up or left, or cover less."
            )
            raise ImageError(msg)
        filled = image.copy()
        filled[:, top:bottom, left:right] = patch
        return filled

    lay.__name__ = f"patch at {row}, {column}"
    return lay


def inpainted(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) whose masked pixels go on smoothly from those around them, and within their levels.

    Raises
    ------
    ImageError
        If scikit-image is not installed, or nothing is left to go on from.

    References
    ----------
    Damelin & Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects", 2018.
    """
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError as error:
        msg = "The fill 'inpaint' needs scikit-image, which is not installed: pip install scikit-image, or take fill='blur'."
        raise ImageError(msg) from error
    if mask.all():
        msg = "The whole picture is covered, so there is nothing to inpaint from: make the cover smaller."
        raise ImageError(msg)
    top, left, bottom, right = box_of(mask)
    around = (slice(max(0, top - _RIM), bottom + _RIM), slice(max(0, left - _RIM), right + _RIM))
    found = image.copy()
    part = inpaint_biharmonic(image[:, *around].astype(np.float64), mask[around], channel_axis=0)
    found[:, *around] = np.where(mask[around], part, image[:, *around]).clip(0, 1)
    return found


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the pixels of a mask (H, W) that has some, bottom and right excluded."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def asked_of(fill: PlaceFill, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What a place fill gives, float32 (C, H, W), checked.

    Raises
    ------
    ImageError
        If it is no picture of that size in [0, 1].
    """
    found = np.asarray(fill(image, mask))
    name = getattr(fill, "__name__", "The fill")
    if found.shape != image.shape:
        msg = (
            f"{name} gave an array of shape {found.shape} for a picture {image.shape}: give one of the picture's shape."
        )
        raise ImageError(msg)
    inside = found[:, mask].astype(np.float32)
    if not np.isfinite(inside).all() or inside.min() < -1e-3 or inside.max() > 1 + 1e-3:
        shown = (
            f"values from {inside.min():.3g} to {inside.max():.3g}"
            if np.isfinite(inside).all()
            else "NaN or infinite values"
        )
        msg = f"{name} gave {shown} at covered pixels: give float in [0, 1]."
        raise ImageError(msg)
    return found.astype(np.float32).clip(0, 1)
