"""A map of the trust board as the page takes it: small, and as exact as 8 bits are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: Maps larger than this are averaged down for the page; measures are taken of the maps as they are.
LONGEST_SIDE = 112


def drawn(values: np.ndarray, peak: Any = None, *, longest: int = LONGEST_SIDE) -> dict[str, Any]:
    """A map (h, w) as the page takes it: 8-bit between its true ends, averaged down where it is large.

    `peak` is its strongest place as shares of the picture's height and width; by default the middle of its strongest cell.
    """
    from ..engine.results import why_empty

    height, width = values.shape
    finite = np.nan_to_num(values, posinf=0, neginf=0)
    if peak is None:
        row, column = np.unravel_index(int(finite.argmax()), finite.shape)
        peak = ((row + 0.5) / height, (column + 0.5) / width)
    shown = _averaged(finite, longest)
    low, high = float(shown.min()), float(shown.max())
    scaled = (shown - low) / (high - low if high > low else 1) * 255
    return {
        "height": shown.shape[0],
        "width": shown.shape[1],
        "full": [height, width],
        "low": low,
        "high": high,
        "peak": [float(each) for each in peak] if np.isfinite(peak).all() else [],
        "data": scaled.round().astype(np.uint8).tobytes(),
        "why": why_empty(values),
    }


def levels(entry: Mapping[str, Any]) -> np.ndarray:
    """The values in what `drawn` made, as exact as 8 bits are: float32 (h, w)."""
    shape = entry["height"], entry["width"]
    shares = np.frombuffer(entry["data"], np.uint8).reshape(shape).astype(np.float32) / 255
    return entry["low"] + shares * (entry["high"] - entry["low"])


def refusal(why: str) -> dict[str, Any]:
    """Where a method cannot be used: no map, and the reason."""
    return {"height": 0, "width": 0, "full": [0, 0], "low": 0.0, "high": 0.0, "peak": [], "data": b"", "why": why}


def _averaged(values: np.ndarray, longest: int) -> np.ndarray:
    height, width = values.shape
    if max(height, width) <= longest:
        return values
    import torch

    scale = longest / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    field = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]
    averaged: np.ndarray = torch.nn.functional.interpolate(field, size, mode="area")[0, 0].numpy()
    return averaged
