"""The laboratory as a still picture: both pictures, what they are compared with, and the film of the one in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ._lab_picture import opaque
from ._poster import _SCALE, _Sheet
from ._recipes import TITLES


def draw(
    title: str, runs: Mapping[str, Mapping[str, Any]], reference: Mapping[str, Any], films: Sequence[bytes]
) -> bytes:
    """A PNG.

    Parameters
    ----------
    runs
        What the page is told of the sides that were climbed, A before B.
    reference
        The same of what they are compared with; empty if there is nothing.
    films
        The frames of the side in hand, encoded; empty where one is not computed yet.
    """
    side, gap, head = 300 * _SCALE, 16 * _SCALE, 24 * _SCALE
    cell, small = 40 * _SCALE, 160 * _SCALE if reference else 0
    wide = len(runs) * (side + gap) - gap + (gap + small if small else 0)
    sheet = _Sheet(wide, head + side + gap + cell, title)
    for place, (name, run) in enumerate(runs.items()):
        left = place * (side + gap)
        sheet.text(f"{name}   {_title(run)}", left, 0, strong=True)
        sheet.text(f"step {run['done']}", left + side, 0, right=True)
        sheet.paste(_sized(run["picture"], side), left, head)
    if small:
        left = len(runs) * (side + gap)
        kind = "Strongest patch" if reference["kind"] == "patch" else "Reference"
        sheet.text(kind, left, 0, strong=True)
        sheet.paste(_sized(reference["data"], small), left, head)
    for place, data in enumerate(films):
        if data:
            sheet.paste(_sized(data, cell), place * (cell + 4 * _SCALE), head + side + gap)
    return sheet.png("; ".join(f"{name}: {_numbers(run)}" for name, run in runs.items()))


def _title(run: Mapping[str, Any]) -> str:
    return TITLES.get(run["recipe"]["preset"], "Own recipe")


def _numbers(run: Mapping[str, Any]) -> str:
    responses, distances = (np.frombuffer(run[name], np.float32) for name in ("responses", "distances"))
    parts = [f"response {responses[-1]:.3g}"] if len(responses) else []
    if len(distances) and np.isfinite(distances[-1]):
        parts.append(f"distance {distances[-1]:.3g}")
    return ", ".join(parts) or "not measured yet"


def _sized(data: bytes, side: int) -> np.ndarray:
    """An encoded picture on a white square, as large as fits."""
    image = opaque(data)
    scale = side / max(image.size)
    image = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BICUBIC
    )
    sheet = Image.new("RGB", (side, side), "white")
    sheet.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(sheet)
