"""The pictures of a wall on one sheet, with their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ._poster import _SCALE, _Sheet

#: Tiles in a row, and how large each is drawn.
COLUMNS, SIDE, GAP, CAPTION = 8, 88, 12, 20


def contact_sheet(title: str, caption: str, tiles: Sequence[tuple[int, str, np.ndarray]]) -> bytes:
    """A PNG file.

    Parameters
    ----------
    tiles
        (channel, a word that stands beside its number, uint8 (H, W, 3)) of each.
    """
    from ..engine.pictures import resize

    columns = min(len(tiles), max(COLUMNS, math.isqrt(2 * len(tiles))))
    side, across, down = SIDE * _SCALE, (SIDE + GAP) * _SCALE, (SIDE + CAPTION) * _SCALE
    rows = -(-len(tiles) // columns)
    sheet = _Sheet(columns * across - GAP * _SCALE, rows * down, title)
    for place, (channel, word, pixels) in enumerate(tiles):
        left, top = place % columns * across, place // columns * down
        sheet.paste(resize(pixels, (side, side)), left, top)
        sheet.text(str(channel), left, top + side + 3 * _SCALE)
        if word:
            sheet.text(word, left + side, top + side + 3 * _SCALE, right=True)
    return sheet.png(caption)
