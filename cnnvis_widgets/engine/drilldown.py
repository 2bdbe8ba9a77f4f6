"""Approximate answers: coarse places first, finer ones only where what was expected there is not what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .covers import Covers

#: Shares of the candidates that are asked first, and at a time after that, and so many at least.
_FIRST, _PORTION, _LEAST = 0.3, 0.15, 24
#: It goes on while the error of what was expected is above this share of the map's standard deviation.
TOLERANCE = 0.3


class Estimate(NamedTuple):
    """Values (P,) as far as they are known or expected, and which are known."""

    values: np.ndarray
    known: np.ndarray


def drill_down(
    covers: Covers, ask: Callable[[np.ndarray], Iterator[tuple[np.ndarray, np.ndarray]]], known: Estimate
) -> Iterator[Estimate]:
    """Ask about places of a grid, from coarse to fine, until the rest can be told from its neighbors.

    Parameters
    ----------
    covers
        The places, a grid.
    ask
        A function of places that yields (places, values) until all are answered.
    known
        What is known already: at least one place in two, down and across, is asked beside.

    Yields
    ------
    Estimate
        After each portion; the last is the result.

    References
    ----------
    Nakandala et al., "Incremental and Approximate Inference for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019:
    there a fixed share of the places, those of the highest values, is drilled into.
    """
    values, found = known.values.copy(), known.known.copy()
    row, column = np.divmod(np.arange(len(covers)), covers.grid[1])
    half = np.flatnonzero((row % 2 == 0) & (column % 2 == 0) & ~found)
    for places, answers in ask(half):
        values[places], found[places] = answers, True
        yield Estimate(values, found)
    expected = between(values.reshape(covers.grid))
    left = np.flatnonzero(~found)
    left = left[np.argsort(-_around(expected).ravel()[left], kind="stable")]
    expected = expected.ravel()
    values = np.where(found, values, expected)
    ends = np.cumsum([_FIRST] + [_PORTION] * int(1 / _PORTION)) * len(left)
    for some in np.split(left, [int(end) for end in ends if _LEAST <= end < len(left)]):
        for places, answers in ask(some):
            values[places], found[places] = answers, True
            yield Estimate(values, found)
        error = float(np.sqrt(np.mean((values[some] - expected[some]) ** 2)))
        if error < TOLERANCE * float(values[found].std()):
            break
    yield Estimate(values, found)


def between(values: np.ndarray) -> np.ndarray:
    """A grid (rows, columns) with every place in between those of even row and column taken from these, linearly."""
    coarse = values[::2, ::2]
    rows, columns = (_stretched(length) for length in values.shape)
    made: np.ndarray = rows @ coarse @ columns.T
    return made


def _stretched(length: int) -> np.ndarray:
    """(length, (length + 1) // 2): how much each place takes from each of every other one."""
    place = np.arange(length) / 2
    last = (length + 1) // 2 - 1
    low = np.minimum(place.astype(int), last)
    high = np.minimum(low + 1, last)
    share = place - low
    made = np.zeros((length, last + 1))
    made[np.arange(length), low] += 1 - share
    made[np.arange(length), high] += share
    return made


def _around(field: np.ndarray) -> np.ndarray:
    """The difference between the largest and the smallest of a place and its eight neighbors."""
    wide = np.pad(field, 1, mode="edge")
    high, across = field.shape
    near = np.stack([wide[r : r + high, c : c + across] for r in range(3) for c in range(3)])
    spread: np.ndarray = near.max(0) - near.min(0)
    return spread
