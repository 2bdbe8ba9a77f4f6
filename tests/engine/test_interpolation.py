"""The smoothest field through known places: by its definition, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from cnnvis_widgets.engine.interpolation import smoothest

MASKS = {
    "every other": lambda row, column: (row % 2 == 0) & (column % 2 == 0),
    "checkerboard": lambda row, column: (row + column) % 2 == 0,
    "one in sixteen": lambda row, column: (row % 4 == 0) & (column % 4 == 0),
    "some": lambda row, column: np.random.default_rng(0).random(row.shape) < 0.3,
}


def bending(rows: int, columns: int) -> np.ndarray:
    """The bending energy as a matrix (P, P): squares of the second differences, those of the mixed one twice."""
    second, first = (np.diff(np.eye(max(rows, columns)), order, axis=0) for order in (2, 1))
    down, across = second[: rows - 2, :rows], second[: columns - 2, :columns]
    twist = np.kron(first[: rows - 1, :rows], first[: columns - 1, :columns])
    terms = (np.kron(down, np.eye(columns)), np.kron(np.eye(rows), across), np.sqrt(2) * twist)
    return sum(each.T @ each for each in terms)


@pytest.mark.parametrize("size", [(3, 3), (4, 7), (9, 8), (13, 13)])
@pytest.mark.parametrize("mask", MASKS)
def test_it_is_the_field_of_least_bending(size, mask):
    known = MASKS[mask](*np.indices(size))
    if mask == "one in sixteen" and min(size) < 5:
        known[-1, -1] = known[0, -1] = True  # three places, not in a row: fewer hold no plate
    known.flat[[0, size[1] - 1, -1]] = True
    field = np.random.default_rng(1).normal(size=size)
    made = smoothest(np.where(known, field, np.nan))
    np.testing.assert_array_equal(made[known], field[known])
    matrix, free = bending(*size), ~known.ravel()
    true = np.linalg.solve(matrix[np.ix_(free, free)], -matrix[np.ix_(free, ~free)] @ field[known])
    np.testing.assert_allclose(made.ravel()[free], true, atol=1e-4)


@pytest.mark.parametrize("mask", MASKS)
def test_a_plane_stays_a_plane(mask):
    row, column = np.indices((14, 11))
    plane = 2.0 * row - 3.0 * column + 5
    made = smoothest(np.where(MASKS[mask](row, column), plane, np.nan))
    np.testing.assert_allclose(made, plane, atol=1e-3)


def test_a_hill_rises_between_the_places():
    row, column = np.indices((9, 9))
    hill = -((row - 4.0) ** 2) - (column - 4.0) ** 2
    known = (row % 2 == 1) & (column % 2 == 1)
    made = smoothest(np.where(known, hill, np.nan))
    assert made[4, 4] > hill[known].max()


def test_several_fields_are_filled_as_each_by_itself():
    row, column = np.indices((10, 9))
    fields = np.random.default_rng(2).normal(size=(10, 9, 3)) * [1, 1000, 1e-6]
    fields[MASKS["some"](row, column)] = np.nan
    made = smoothest(fields)
    for index in range(3):
        size = np.nanstd(fields[:, :, index])
        np.testing.assert_allclose(made[:, :, index], smoothest(fields[:, :, index]), atol=1e-4 * size)


def test_nothing_known_is_nothing_and_all_known_is_left():
    assert not smoothest(np.full((4, 5), np.nan)).any()
    field = np.random.default_rng(3).normal(size=(4, 5))
    np.testing.assert_array_equal(smoothest(field), field)


def test_what_is_given_is_left_as_it_was():
    given = np.array([[0.0, np.nan, 2.0], [np.nan, np.nan, np.nan], [1.0, np.nan, 3.0]])
    before = given.copy()
    smoothest(given)
    np.testing.assert_array_equal(given, before)


def test_a_place_that_is_known_in_one_field_only_counts_in_none():
    row, column = np.indices((9, 9))
    planes = np.stack([2.0 * row - column, 100.0 + row], 2)
    planes[4, 4, 1] = np.nan
    np.testing.assert_allclose(smoothest(planes)[4, 4], [4, 104], atol=1e-3)
