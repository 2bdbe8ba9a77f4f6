"""Rankings: means, intervals and order by definition; a table that says what is known and breaks on no name."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import cnnvis_widgets as cw
from cnnvis_widgets.engine.intervals import bootstrap, wilson
from cnnvis_widgets.engine.ranking import DEFAULT_MEASURES, MEASURES, RANDOM, Measure, Ranking, measures_for

HOSTILE = "<img src=x onerror=alert(1)> & \"'"
COLUMNS = measures_for(["pointing", "energy", "deletion", "cost"])


def ranking(values, methods=None, measures=COLUMNS, done=None):
    values = np.asarray(values, float)
    methods = methods or (*(f"method {row}" for row in range(len(values) - 1)), RANDOM)
    return Ranking(tuple(methods), measures, values, values.shape[2] if done is None else done, values.shape[2])


def example(scenes=40, seed=0):
    """A good method, a middling one, one that is chance, and chance."""
    draw = np.random.default_rng(seed)
    rows = []
    for better in (0.6, 0.2, 0.0, 0.0):
        pointing = draw.random(scenes) < 0.2 + better
        energy, lost = 0.2 + better / 2 + draw.normal(0, 0.05, scenes), 0.5 - better / 2 + draw.normal(0, 0.05, scenes)
        rows.append([pointing, energy, lost, np.full(scenes, 3 - better)])
    values = np.array(rows, float)
    values[-1, 0], values[-1, 3] = 0.2, np.nan
    return ranking(values)


def test_the_mean_is_over_what_is_computed():
    values = np.full((2, 4, 3), np.nan)
    values[0, 1], values[1, 1, 0] = [0.2, 0.4, np.nan], 0.7
    found = ranking(values)
    assert found.mean[0, 1] == pytest.approx(0.3)
    assert found.mean[1, 1] == pytest.approx(0.7)
    assert np.isnan(found.mean[:, [0, 2, 3]]).all()
    assert found.counts[:, 1].tolist() == [2, 1]


def test_a_table_without_any_scene_finished_is_a_table():
    empty = ranking(np.full((3, 4, 5), np.nan), done=0)
    assert np.isnan(empty.mean).all()
    assert np.isnan(empty.low).all()
    assert empty.order("energy") == ("method 0", "method 1")
    assert not empty.told_apart_from_random("energy").any()
    assert "0 of 5 scenes" in empty._repr_html_()
    assert repr(empty) == "Ranking(3 methods × 4 measures, 0 of 5 scenes)"


def test_wilsons_interval_is_that_of_the_books():
    """8 of 10 hits: 0.490 to 0.943; 0 of 10: 0 to 0.278; solved from |p - P| = z sqrt(P (1 - P) / n)."""
    low, high = wilson(np.array([0.8, 0.0, 1.0]), np.array([10, 10, 12]))
    np.testing.assert_allclose(low, [0.4902, 0.0, 0.7575], atol=5e-5)
    np.testing.assert_allclose(high, [0.9433, 0.2775, 1.0], atol=5e-5)
    for end in (low[0], high[0]):
        assert abs(0.8 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 10), abs=1e-9)


def test_a_bootstrap_interval_is_that_of_means_of_scenes_drawn_again():
    values = np.random.default_rng(1).gamma(2, size=25)
    draw = np.random.default_rng(99)
    means = [np.mean([values[int(draw.random() * 25)] for _ in range(25)]) for _ in range(4000)]
    low, high = bootstrap(values)
    spread = np.std(means)
    assert low == pytest.approx(np.percentile(means, 2.5), abs=0.15 * spread)
    assert high == pytest.approx(np.percentile(means, 97.5), abs=0.15 * spread)


def test_a_bootstrap_interval_holds_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(3)
    low, high = bootstrap(draw.normal(0.4, 0.1, (400, 30)))
    share = np.mean((low <= 0.4) & (high >= 0.4))
    assert 0.9 < share < 0.98


def test_a_bootstrap_leaves_out_what_is_not_computed_and_needs_three():
    values = np.full((3, 10), np.nan)
    values[0, :5], values[1, :2], values[2, :3] = np.arange(5), [0, 1], 4.0
    low, high = bootstrap(values)
    assert 0 <= low[0] < 2 < high[0] <= 4
    assert np.isnan(low[1])
    assert np.isnan(high[1])
    assert low[2] == high[2] == 4


def test_intervals_are_the_same_for_the_same_values():
    first, second = example(), example()
    np.testing.assert_array_equal(first.low, second.low)
    np.testing.assert_array_equal(first.high, second.high)


def test_hits_have_wilsons_interval_and_everything_else_the_bootstrap():
    found = example()
    low, high = wilson(found.mean[:-1, 0], np.full(3, 40))
    np.testing.assert_allclose(found.low[:-1, 0], low)
    np.testing.assert_allclose(found.high[:-1, 0], high)
    low, high = bootstrap(found.values[:, 1])
    np.testing.assert_allclose(found.low[:, 1], low)
    np.testing.assert_allclose(found.high[:, 1], high)
    known = np.isfinite(found.mean)
    assert ((found.low <= found.mean + 1e-12) & (found.mean <= found.high + 1e-12))[known].all()


@pytest.mark.parametrize("measure", ["pointing", "energy", "deletion"])
def test_what_is_chance_is_not_told_apart_from_it_and_what_is_good_is(measure):
    assert example().told_apart_from_random(measure).tolist() == [True, True, False, False]


def test_what_is_worse_than_chance_is_not_told_apart_as_better():
    found = example()
    worse = ranking(found.values[[3, 3, 3, 0]])
    assert not worse.told_apart_from_random("energy").any()
    assert not worse.told_apart_from_random("deletion").any()


def test_differences_are_taken_scene_by_scene():
    """Scenes differ far more than methods: only paired differences can tell these two apart."""
    scenes = np.random.default_rng(2).random(30)
    values = np.stack([scenes + 0.02, scenes])[:, None]
    found = ranking(values, measures=measures_for(["energy"]))
    assert found.low[0, 0] < found.mean[1, 0]
    assert found.told_apart_from_random("energy").tolist() == [True, False]


def test_where_there_is_no_chance_level_there_is_nothing_to_be_told_apart_from():
    assert example().told_apart_from_random("cost").all()


def test_the_order_is_from_best_to_worst_and_leaves_the_random_map_out():
    found = example()
    assert found.order("energy")[0] == "method 0"
    assert found.order("deletion")[0] == "method 0"
    assert found.order(COLUMNS[3]) == ("method 0", "method 1", "method 2")
    values = found.values.copy()
    values[0, 1] = np.nan
    assert ranking(values).order("energy") == ("method 1", "method 2", "method 0")


@pytest.mark.parametrize("ask", [lambda r: r.order("energi"), lambda r: r.told_apart_from_random("energi")])
def test_a_measure_that_is_not_in_it_is_refused_naming_the_nearest(ask):
    with pytest.raises(cw.EvaluationError, match=r"no measure 'energi'. Did you mean 'energy'"):
        ask(example())


def test_measures_are_chosen_by_key_once_each_in_the_order_given():
    assert measures_for(None) == DEFAULT_MEASURES
    assert [each.key for each in DEFAULT_MEASURES] == [
        "pointing",
        "energy",
        "insertion",
        "deletion",
        "sensitivity",
        "randomization",
        "cost",
    ]
    assert [each.key for each in measures_for(["cost", MEASURES[1], "cost"])] == ["cost", "energy"]
    assert [each.key for each in measures_for("drop")] == ["drop"]
    with pytest.raises(cw.EvaluationError, match=r"no measure 'deleton'. Did you mean 'deletion'"):
        measures_for(["energy", "deleton"])
    with pytest.raises(cw.EvaluationError, match=r"list of measures is empty.*'pointing'"):
        measures_for([])


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_a_measure_says_in_one_sentence_how_it_is_taken(measure):
    assert measure.better in ("high", "low")
    assert re.fullmatch(r"[A-Z][^\n]{20,110}[.?]", measure.how)


def test_it_is_an_array_that_changes_nothing_in_it_and_cannot_be_changed():
    found = example()
    taken = np.asarray(found)
    taken[:] = 7
    assert (found.values != 7).any()
    assert np.asarray(found).shape == (4, 4, 40)
    assert len(found) == 4
    with pytest.raises(FrozenInstanceError):
        found.done = 3


def cells(found):
    """The words of each cell, row by row, of a table that has to be well formed."""
    tree = ET.fromstring(found._repr_html_())
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


def test_the_table_has_a_row_for_each_method_with_numbers_and_intervals():
    found = example()
    head, *rows = cells(found)
    assert head[1].startswith("Pointing game")
    assert head[3].endswith("best: low")
    assert [row[0] for row in rows] == ["method 0", "method 1", "method 2", RANDOM]
    assert re.fullmatch(r"0\.\d\d0\.\d\d to 0\.\d\d", rows[0][2])
    assert re.fullmatch(r"\d+\u2009%\d+\u2009% to \d+\u2009%", rows[0][1])
    assert rows[3][4] == "–"


def test_the_best_of_a_column_is_strong_and_chance_is_quiet():
    tree = ET.fromstring(example()._repr_html_())
    rows = tree.find("tbody").findall("tr")
    styles = [[cell[0].get("style") or "" for cell in row.findall("td")] for row in rows]
    assert "bold" in styles[0][1]
    assert styles[1][1] == ""
    assert "opacity" in styles[2][1]
    assert "opacity" in styles[3][1]


def test_names_are_text():
    measure = Measure("energy", HOSTILE, "high", reference=True, how=HOSTILE)
    found = ranking(example().values[:, 1:2], (HOSTILE, "b", "c", RANDOM), (measure,))
    assert "<img" not in found._repr_html_()
    head, first, *_ = cells(found)
    assert first[0] == HOSTILE
    assert HOSTILE in head[1]
