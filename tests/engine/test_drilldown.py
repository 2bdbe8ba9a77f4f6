"""Approximate maps: what is asked, what is interpolated, and when it stops."""

from __future__ import annotations

import numpy as np

from cnnvis_widgets.engine.covers import sliding
from cnnvis_widgets.engine.drilldown import Estimate, drill_down
from cnnvis_widgets.engine.interpolation import smoothest

COVERS = sliding((96, 80), 16, 4)
ROWS, COLUMNS = COVERS.grid


def drilled(field):
    """The last estimate of a field (rows, columns), and how often each place was asked about."""
    asked = np.zeros(len(COVERS), int)

    def ask(places):
        for some in np.array_split(places, 3):
            np.add.at(asked, some, 1)
            yield some, field.ravel()[some]

    nothing = Estimate(np.full(len(COVERS), np.nan), np.zeros(len(COVERS), bool))
    steps = list(drill_down(COVERS, ask, nothing))
    return steps, asked


def smooth():
    row, column = np.mgrid[:ROWS, :COLUMNS]
    return 2.0 * row - 3.0 * column + 5


def noise():
    return np.random.default_rng(0).normal(size=COVERS.grid)


def test_a_plane_is_found_from_a_part_of_its_places():
    steps, asked = drilled(smooth())
    odd = ROWS % 2 and COLUMNS % 2
    assert odd, "so that every place lies between two that are asked"
    np.testing.assert_allclose(steps[-1].values, smooth().ravel(), atol=1e-3)
    assert steps[-1].known.mean() < 0.5
    np.testing.assert_array_equal(asked == 1, steps[-1].known)


def test_what_cannot_be_expected_is_asked_everywhere():
    steps, asked = drilled(noise())
    assert steps[-1].known.all()
    np.testing.assert_array_equal(steps[-1].values, noise().ravel())
    np.testing.assert_array_equal(asked, 1)


def test_a_bump_is_asked_about_first():
    field = np.zeros(COVERS.grid)
    field[6:11, 4:9] = [[0, 1, 3, 1, 0]] * 5
    steps, _ = drilled(field)
    bump = np.zeros(COVERS.grid, bool)
    bump[5:12, 4:9] = True
    first = next(step for step in steps if step.known.sum() > len(COVERS) * 0.35).known.reshape(COVERS.grid)
    assert first[bump].mean() > 1.5 * first[~bump].mean()


def test_no_place_is_asked_twice_and_what_is_known_is_kept():
    given = np.zeros(len(COVERS), bool)
    given[::7] = True
    values = np.where(given, noise().ravel(), np.nan)
    asked = []

    def ask(places):
        asked.extend(places.tolist())
        yield places, noise().ravel()[places]

    *_, last = drill_down(COVERS, ask, Estimate(values, given))
    assert not set(asked) & set(np.flatnonzero(given).tolist())
    assert len(asked) == len(set(asked))
    np.testing.assert_array_equal(last.values[given], noise().ravel()[given])


def test_the_estimate_given_is_left_as_it_was():
    nothing = Estimate(np.full(len(COVERS), np.nan), np.zeros(len(COVERS), bool))
    list(drill_down(COVERS, lambda places: iter([(places, noise().ravel()[places])]), nothing))
    assert np.isnan(nothing.values).all()
    assert not nothing.known.any()


def test_a_map_that_moves_in_one_place_only_is_asked_all_over_it_too():
    asked = []
    field = np.zeros(COVERS.grid)
    field[5:9, 4:8] = 3 + noise()[5:9, 4:8]

    def ask(places):
        asked.append(places)
        yield places, field.ravel()[places]

    *_, last = drill_down(COVERS, ask, Estimate(np.full(len(COVERS), np.nan), np.zeros(len(COVERS), bool)))
    assert last.known.reshape(COVERS.grid)[5:9, 4:8].all()  # nothing of it could be expected
    rows, columns = np.divmod(
        asked[1], COLUMNS
    )  # after every other one: those amid four, near the place, and from all over
    assert (rows % 2 == 1).all()
    assert (columns % 2 == 1).all()
    assert np.ptp(rows) > 0.8 * ROWS
    assert np.mean((rows >= 3) & (rows <= 11)) > 0.5


def test_what_is_left_out_is_as_smooth_as_can_be():
    row, column = np.mgrid[:ROWS, :COLUMNS]
    hill = np.exp(-((row - ROWS / 2) ** 2 + (column - COLUMNS / 2) ** 2) / 60)
    steps, _ = drilled(hill)
    known = steps[-1].known
    assert known.mean() < 0.5
    expected = smoothest(np.where(known, hill.ravel(), np.nan).reshape(COVERS.grid)).ravel()
    np.testing.assert_allclose(steps[-1].values, expected, atol=1e-9)
    assert np.abs(steps[-1].values - hill.ravel()).max() < 0.03


def test_where_the_answer_is_no_number_none_is_made_up():
    field = smooth()
    field[6, 4] = field[7, 5] = np.nan
    steps, _ = drilled(field)
    np.testing.assert_array_equal(steps[-1].values, field.ravel())
