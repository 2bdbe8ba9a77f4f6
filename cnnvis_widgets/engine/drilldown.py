"""Approximate answers: coarse places first, finer ones only where what was expected there is not what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

import numpy as np

from .covers import Covers
from .interpolation import smoothest

#: Shares of the places left that are asked at a time: of those amid four known ones, at first and then; of the others; and the least.
_FIRST, _AMID, _OTHERS, _LEAST = 0.1, 0.06, 0.02, 12
#: Of these, so many are taken from all over the map, the others from where it moves most.
_ANYWHERE = 0.35
#: It goes on while the error of what was expected is above these shares of the map's standard deviation: where it moves, and anywhere.
TOLERANCES = (0.4, 0.15)


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
        What is known already: at least one place in two, down and across, is asked beside. Then those amid four of these, then
        the others; most where the map moves most, until what is found is what was expected.

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
    # Farthest from what is known; with these, every place has a known one beside it.
    amid = (row % 2 == 1) & (column % 2 == 1)
    left = int((~found).sum())
    for among, first, then in ((amid, _FIRST, _AMID), (np.ones_like(amid), _OTHERS, _OTHERS)):
        for turn in count():
            candidates = np.flatnonzero(among & ~found)
            if not len(candidates):
                break
            expected = _expected(covers, values, found)
            size = max(_LEAST, round((then if turn else first) * left))
            moving, anywhere = _chosen(candidates, _around(expected.reshape(covers.grid)).ravel()[candidates], size)
            for places, answers in ask(np.concatenate([moving, anywhere])):
                values[places], found[places] = answers, True
                yield Estimate(np.where(found, values, expected), found)
            spread = float(values[found].std())
            errors = (_rms(values[some] - expected[some]) for some in (moving, anywhere))
            if all(error < tolerance * spread for error, tolerance in zip(errors, TOLERANCES, strict=True)):
                break
    yield Estimate(_expected(covers, values, found), found)


def _chosen(candidates: np.ndarray, moves: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Some places where the map moves most, and some from all over the rest, evenly."""
    order = candidates[np.argsort(-moves, kind="stable")]
    most = size - round(_ANYWHERE * size)
    rest = order[most:]
    evenly = np.linspace(0, len(rest) - 1, min(size - most, len(rest))).round().astype(int)
    return order[:most], rest[evenly]


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0


def _expected(covers: Covers, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (P,), those that are not known as smooth as can be; where the answer was no number, it stays none."""
    smooth = smoothest(np.where(known, values, np.nan).reshape(covers.grid)).ravel()
    return np.where(known, values, smooth)


def _around(field: np.ndarray) -> np.ndarray:
    """The difference between the largest and the smallest of a place and its eight neighbors."""
    wide = np.pad(field, 1, mode="edge")
    high, across = field.shape
    near = np.stack([wide[r : r + high, c : c + across] for r in range(3) for c in range(3)])
    spread: np.ndarray = near.max(0) - near.min(0)
    return spread
