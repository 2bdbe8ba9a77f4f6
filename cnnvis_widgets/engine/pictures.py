"""Fields and tiles as pictures for the eye: uint8 (H, W, 3). The values behind them stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from .colormaps import colorize


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W, 3) at another (height, width), bilinear."""
    if pixels.shape[:2] == tuple(size):
        return pixels
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size[::-1], Image.Resampling.BILINEAR))


def upsample(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A field (h, w) at (height, width), bilinear between cell centers."""
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))


def overlay(values: np.ndarray, image: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """A field over a picture, uint8 (H, W, 3); stronger where the field is stronger. Signed fields turn it gray."""
    values = np.nan_to_num(values, posinf=0, neginf=0)  # a caption says that they are there
    field = upsample(values, image.shape[:2])
    if signed:
        bound = float(np.abs(values).max(initial=0)) or 1.0
        color, strength = colorize(field, -bound, bound, "polar"), np.minimum(1, 0.25 + 1.1 * np.abs(field) / bound)
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    else:
        bound = max(float(values.max(initial=0)), 1e-12)
        color, strength = colorize(field, 0, bound, "tide"), 0.55 + 0.45 * field.clip(0) / bound
    alpha = 0.8 * strength[..., None]
    return (color * alpha + image * (1 - alpha)).round().clip(0, 255).astype(np.uint8)


def alone(values: np.ndarray) -> np.ndarray:
    """A field in color by itself, uint8 (h, w, 3): about 0 if it has both signs, else from 0; its ends hold 99 % of its values."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    bound = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max(initial=0)) or 1.0
    if values.min(initial=0) < 0:
        return colorize(values, -bound, bound, "polar")
    return colorize(values, 0, bound, "tide")


def contact_sheet(tiles: Sequence[np.ndarray], columns: int, gap: int) -> np.ndarray:
    """Tiles of one size in rows on white, uint8 (H, W, 3)."""
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet
