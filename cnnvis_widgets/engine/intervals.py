"""How sure a mean is: 95 % intervals over scenes, the same for the same values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

#: The 97.5 % point of the normal distribution.
Z = 1.959964
#: Fewer values than this have no bootstrap interval.
FEWEST = 3
_RESAMPLES = 2000


def wilson(mean: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of a share of hits: low and high, in the shape of `mean`; NaN where nothing was counted.

    Parameters
    ----------
    mean
        Share of hits, in [0, 1].
    count
        Out of how many.

    References
    ----------
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        below = 1 + Z**2 / count
        middle = (mean + Z**2 / (2 * count)) / below
        half = Z / below * np.sqrt(mean * (1 - mean) / count + Z**2 / (4 * count**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def bootstrap(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The percentile interval of the mean over the last axis, scenes drawn again with a fixed seed; NaNs are left out.

    Parameters
    ----------
    values
        (..., scenes).

    Returns
    -------
    low, high : ndarray
        (...); NaN where there are fewer than three values.

    References
    ----------
    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """
    given = np.isfinite(values)
    drawn = _drawn(values.shape[-1])
    sums = np.where(given, values, 0) @ drawn
    counts = given @ drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(counts > 0, sums / counts, np.nan)
    ends = np.full((2, *values.shape[:-1]), np.nan)
    enough = given.sum(-1) >= FEWEST
    if enough.any():
        ends[:, enough] = np.nanpercentile(means[enough], [2.5, 97.5], axis=-1)
    return ends[0], ends[1]


@lru_cache(maxsize=8)
def _drawn(count: int) -> np.ndarray:
    """How often each of `count` scenes is drawn in each resample, float64 (count, resamples)."""
    chosen = np.random.default_rng(0).integers(0, max(count, 1), (_RESAMPLES, count))
    return np.stack([np.bincount(row, minlength=count) for row in chosen], 1).astype(np.float64)
