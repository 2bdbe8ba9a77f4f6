"""Fields on their way to a page: half the bytes of float32, and right to three digits; what is counted of them is exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def packed(values: np.ndarray) -> dict[str, Any]:
    """A field (h, w) as the page takes it: `scale` times float16 numbers of size up to 1.

    A float16 number is off by at most 1 part in 2048, half a unit of the third digit; dividing by the largest value first
    keeps every field, however small its numbers, where float16 is that exact (down to 6e-5 of the largest value).
    """
    finite = values[np.isfinite(values)]
    scale = float(np.abs(finite).max(initial=0)) or 1.0
    return {
        "height": values.shape[0],
        "width": values.shape[1],
        "scale": scale,
        "data": (values.astype(np.float64) / scale).astype("<f2").tobytes(),
    }


def unpacked(field: dict[str, Any]) -> np.ndarray:
    """The field again, float32 (h, w)."""
    values = np.frombuffer(field["data"], "<f2").astype(np.float32) * field["scale"]
    return values.reshape(field["height"], field["width"])


def counted(values: np.ndarray) -> dict[str, Any]:
    """What a caption says of a field (h, w), from the exact values; None where they are not numbers."""
    size = np.sort(np.abs(values).ravel().astype(np.float64))[::-1]
    total = size.sum()
    half = np.searchsorted(size.cumsum(), total / 2) + 1 if total > 0 else 0
    return {
        "low": number(values.min()),
        "high": number(values.max()),
        "sum": number(values.sum(dtype=np.float64)),
        "positive": number((values > 0).mean()),
        "half": number(half / size.size),
    }


def number(value: Any) -> float | None:
    """A number that JSON can hold."""
    found = float(value)
    return found if math.isfinite(found) else None
