"""What lies between known values of a grid: the smoothest there is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_CLOSE = 1e-6  # to the solution, as a share of what was off at first
_STEPS = 500


def smoothest(values: np.ndarray) -> np.ndarray:
    """Fill the places that are not known, so that the whole bends as little as can be.

    A thin plate that is held at the known places: of all fields through these, the one whose squared second derivatives sum to the
    least. A plane is found as it is, from three places; unlike a linear interpolation, hills may rise between the places.

    Parameters
    ----------
    values
        (rows, columns) or (rows, columns, K) for K fields at once; NaN where they are not known; a place that is not
        known in one field is taken to be in none.

    Returns
    -------
    ndarray
        Of the same shape, float64; 0 where nothing is known at all.

    References
    ----------
    Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces", 1977. Hestenes and Stiefel, "Methods of Conjugate
    Gradients for Solving Linear Systems", 1952.
    """
    fields = np.asarray(values, np.float64)
    flat = fields.reshape(*fields.shape[:2], -1)
    known = np.logical_and.reduce(np.isfinite(flat), axis=2)
    if known.all() or not known.any():
        return np.nan_to_num(fields)
    unknown = ~known[:, :, None]
    filled = _beginning(flat, known)
    residual = -_bent(filled) * unknown
    direction, size = residual.copy(), _squares(residual)
    enough = _CLOSE**2 * size
    for _ in range(_STEPS):
        if (size <= enough).all():
            break
        change = _bent(direction) * unknown
        step = size / np.maximum((direction * change).sum((0, 1)), 1e-300)
        filled += step * direction
        residual -= step * change
        size, before = _squares(residual), size
        direction = residual + size / np.maximum(before, 1e-300) * direction
    return filled.reshape(fields.shape)


def _bent(field: np.ndarray) -> np.ndarray:
    """Half the derivative of the bending energy, by each place of fields (rows, columns, K)."""
    (rise, bend), (rise_across, bend_across) = (_squared_differences(side) for side in field.shape[:2])
    found: np.ndarray = _down(bend, field) + bend_across @ field + 2 * (rise_across @ _down(rise, field))
    return found


@lru_cache(maxsize=16)
def _squared_differences(count: int) -> tuple[np.ndarray, np.ndarray]:
    """What gives half the derivative of the sum of squared differences along an axis, of first and of second ones: (count, count)."""
    first, second = (np.diff(np.eye(count), order, axis=0) for order in (1, 2))
    return first.T @ first, second.T @ second


def _down(matrix: np.ndarray, field: np.ndarray) -> np.ndarray:
    """A matrix applied along the rows' axis."""
    return (matrix @ field.reshape(len(field), -1)).reshape(field.shape)


def _squares(field: np.ndarray) -> np.ndarray:
    return (field * field).sum((0, 1))


def _beginning(fields: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each unknown place takes the mean of what is known around it, the unknown ones farther off that of those."""
    found, there = np.where(known[:, :, None], np.nan_to_num(fields), 0.0), known.astype(float)[:, :, None]
    while not there.all():
        around, count = _around(found * there), _around(there)
        fresh = (there == 0) & (count > 0)
        found = np.where(fresh, around / np.maximum(count, 1), found)
        there = np.maximum(there, fresh)
    return found


def _around(field: np.ndarray) -> np.ndarray:
    """The sum over a place and its eight neighbors."""
    wide = np.pad(field, [(1, 1), (1, 1), (0, 0)])
    high, across = field.shape[:2]
    parts = [wide[row : row + high, column : column + across] for row in range(3) for column in range(3)]
    total: np.ndarray = np.sum(parts, axis=0)
    return total
