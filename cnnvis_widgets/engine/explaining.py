"""Calling an explaining method, ours or a user's, and asking how much its map changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import EvaluationError
from .network import Network
from .steps import Steps

#: (network, images, target) -> `Heatmap`, `Steps` of one, or an array (N, h, w).
Explanation: TypeAlias = Callable[[Network, Tensor, Any], Any]


def explain(method: Explanation, network: Network, images: Tensor, target: Any) -> np.ndarray:
    """The maps that a method gives, float32 (N, h, w); a long method is run to its end.

    Raises
    ------
    EvaluationError
        If what it gives is not one map a picture.
    """
    found = method(network, images, target)
    if isinstance(found, Steps):
        found = found.result()
    try:
        values = np.asarray(found, np.float32)
    except (TypeError, ValueError):
        values = np.zeros(0, np.float32)
    if values.ndim != 3 or len(values) != len(images) or 0 in values.shape:
        given = f"an array of shape {values.shape}" if values.size else type(found).__name__
        msg = f"{name_of(method)} gave {given} for {len(images)} pictures: a method returns a Heatmap, or an array (N, h, w)."
        raise EvaluationError(msg)
    return values


def explain_all(method: Explanation, network: Network, images: Tensor, target: Any, batch: int = 8) -> np.ndarray:
    """The maps of many pictures that are asked the same, float32 (N, h, w), a few pictures at a time."""
    return np.concatenate([explain(method, network, part, target) for part in images.split(batch)])


def near(picture: Tensor, radius: float, samples: int, seed: int) -> Tensor:
    """Copies of a picture (1, C, H, W) with uniform noise of at most `radius`, kept in [0, 1]: (samples, C, H, W)."""
    if radius < 0 or samples < 1:
        msg = f"radius is {radius} and samples {samples}: a radius of 0 or more and at least one sample are needed."
        raise EvaluationError(msg)
    noise = torch.rand((samples, *picture.shape[1:]), generator=torch.Generator().manual_seed(seed)).to(picture)
    return (picture + (noise * 2 - 1) * radius).clamp_(0, 1)


def largest_change(values: np.ndarray, others: np.ndarray) -> float:
    """The largest distance of some maps (N, h, w) from one (h, w), in lengths of that one; NaN where it has none."""
    length = float(np.linalg.norm(values.astype(np.float64)))
    distances = np.linalg.norm((others.astype(np.float64) - values).reshape(len(others), -1), axis=1)
    return float(distances.max()) / length if length > 0 else float("nan")


def name_of(method: Explanation) -> str:
    """What a method is called, in a caption."""
    return getattr(method, "__name__", "") or getattr(getattr(method, "func", None), "__name__", "method")
