"""How far two maps of the same picture agree: the rank correlation of their strength on a common coarse grid."""

from __future__ import annotations

import numpy as np
import torch

#: Maps are compared on a grid of so many rows and columns: fine enough for a head or a wheel, too coarse for noise.
GRID = 28


def ranks(values: np.ndarray, grid: int | None = GRID) -> np.ndarray:
    """The ranks of a map's strength on the common grid, centered and of length 1, so that a dot product correlates.

    Parameters
    ----------
    values
        (h, w), signed; strength is its size without the sign.
    grid
        Rows and columns of the common grid. Finer maps are averaged by area, coarser ones drawn out bilinearly.
        None: the map's own positions.

    Returns
    -------
    ndarray
        float64 (grid * grid,), or (h * w,); all NaN for a map that is constant or holds NaN, which has no ranks.
    """
    strength = np.abs(values if grid is None else coarse(values, grid)).ravel()
    if not np.isfinite(strength).all():
        return np.full(strength.shape, np.nan)
    rounded = (strength / (strength.max() or 1)).round(12)  # what drawing out makes of equal values is equal but for noise
    _, place, count = np.unique(rounded, return_inverse=True, return_counts=True)
    rank = (count.cumsum() - (count - 1) / 2)[place.ravel()]  # equal values share the mean of their ranks
    centered = rank - (rank.size + 1) / 2
    length = np.linalg.norm(centered)
    return centered / length if length > 0 else np.full(strength.shape, np.nan)


def rank_correlation(first: np.ndarray, second: np.ndarray, grid: int | None = GRID) -> float:
    """Spearman's rank correlation of the strength of two maps (h, w) of one picture; NaN where one has no ranks.

    Without a grid the maps are compared position by position, and have to be of one size.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    return float(ranks(first, grid) @ ranks(second, grid))


def coarse(values: np.ndarray, grid: int = GRID) -> np.ndarray:
    """The mean strength of a map (h, w) in each cell of the common grid, float64 (grid, grid)."""
    strength = torch.from_numpy(np.abs(values).astype(np.float64))[None, None]
    size = (grid, grid)
    fine = torch.nn.functional.interpolate(strength, size, mode="area") if min(values.shape) >= grid else strength
    if fine.shape[2:] != size:
        fine = torch.nn.functional.interpolate(strength, size, mode="bilinear", align_corners=False)
    return fine[0, 0].numpy()
