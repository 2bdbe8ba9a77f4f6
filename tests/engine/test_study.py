"""What a study says: grids as asked, differences paired, ranges that the numbers bear out, a table that says what is in it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import cnnvis_widgets as cw
from cnnvis_widgets.engine.recipe import Octaves, Recipe
from cnnvis_widgets.engine.regularizers import L2, TotalVariation
from cnnvis_widgets.engine.study import RegularizationStudy
from cnnvis_widgets.engine.study_grid import BARE, FAMILIES, variants_of
from cnnvis_widgets.engine.transforms import RANGES, STANDARD, Transforms


def study_of(distances, variants, channels=(4, 7, 9, 11), **changes):
    """A study with these distances (V, K, S), its pictures gray."""
    shape = np.asarray(distances).shape
    gray = np.full((shape[2], 8, 8, 3), 128, np.uint8)
    given = {
        "layer": "features.9",
        "channels": channels[: shape[1]],
        "variants": variants,
        "seeds": tuple(range(shape[2])),
        "distances": np.asarray(distances, np.float64),
        "scores": np.ones(shape),
        "curves": np.repeat(np.asarray(distances, np.float32)[..., None], 3, -1),
        "points": np.array([0, 8, 16]),
        "pictures": {(row, column): gray for row in range(shape[0]) for column in range(shape[1])},
        "references": (gray,) * shape[1],
        "reference_scores": np.full(shape[1], 0.5),
        "gray": np.full(shape[1], 1.2),
        "among": np.full(shape[1], 0.35),
        "measure": "LPIPS (SqueezeNet 1.1)",
        "done": shape[0] * shape[1],
        "total": shape[0] * shape[1],
    }
    return RegularizationStudy(**given | changes)


JITTER = variants_of({"jitter": (8, 16, 32, 64)}, 16)


def jitter(*means, apart=0.0, channels=4, seeds=3):
    """No regularization at distance 1; jitter of 8 to 64 pixels at the means given, by turns more and less on each channel."""
    turns = (-1.0) ** np.add.outer(np.arange(len(means)), np.arange(channels))
    rows = np.asarray(means)[:, None, None] + apart * np.repeat(turns[..., None], seeds, -1)
    return study_of(np.concatenate([np.ones((1, channels, seeds)), rows]), JITTER)


# the grid -------------------------------------------------------------------------------------------------------------


def test_by_default_everything_is_compared_and_each_changes_one_thing():
    variants = variants_of(None, 40)
    assert [family.key for family in FAMILIES] == list(dict.fromkeys(each.family for each in variants))
    assert variants[0].recipe == replace(BARE, steps=40)
    found = {each.title: each.recipe for each in variants}
    assert found["L2 1"] == replace(BARE, steps=40, regularizers=(L2(1),))
    assert found["Total variation 0.3"] == replace(BARE, steps=40, regularizers=(TotalVariation(0.3),))
    assert found["Jitter 32 px"] == replace(BARE, steps=40, transforms=Transforms(jitter=32))
    assert found["Scale 1.2"] == replace(BARE, steps=40, transforms=Transforms(scale=(1.0, 1.2)))
    assert found["Rotate 45°"] == replace(BARE, steps=40, transforms=Transforms(rotate=45))
    assert found["Standard transforms"] == replace(BARE, steps=40, transforms=STANDARD)
    assert found["Octaves 1.2"] == replace(BARE, steps=40, octaves=Octaves(4, 1.2))
    assert found["Fourier, standard"] == Recipe(steps=40)


def test_the_values_tried_lie_within_what_lectures_recommend():
    for family in FAMILIES:
        if family.lectures is not None:
            assert family.lectures[0] <= min(family.values)
            assert max(family.values) == family.lectures[1]
    assert {family.lectures for family in FAMILIES if family.lectures} == set(RANGES.values())


def test_a_grid_may_be_chosen_by_keys_values_and_recipes_of_ones_own():
    assert [each.title for each in variants_of("tv", 8)] == [
        "No regularization",
        *(f"Total variation {weight:g}" for weight in (0.1, 0.3, 1, 3, 10)),
    ]
    mine = Recipe(steps=999)
    found = variants_of({"none": (), "rotate": (5,), "scale": (0.8,), "Mine": mine}, 8)
    assert [(each.family, each.title) for each in found] == [
        ("none", "No regularization"),
        ("rotate", "Rotate 5°"),
        ("scale", "Scale 0.8"),
        ("Mine", "Mine"),
    ]
    assert found[2].recipe.transforms.scale == (0.8, 1.0)
    assert found[-1].recipe == replace(mine, steps=8)
    assert [each.penalty for each in variants_of({"l2": (1,), "jitter": (8,)}, 8)] == [False, True, False]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["jiter"], "no regularization 'jiter'. Did you mean 'jitter'"),
        ({"sharpness": (1, 2)}, "no regularization 'sharpness'"),
        ({"tv": (-1,)}, "Total variation cannot be -1"),
        ({"scale": (0,)}, "Scale cannot be 0"),
        ({"octaves": (0.5,)}, "Octaves cannot be 0.5"),
    ],
)
def test_what_is_no_regularization_is_refused(grid, message):
    with pytest.raises(cw.EvaluationError, match=message):
        variants_of(grid, 8)


# what it says ---------------------------------------------------------------------------------------------------------


def test_an_improvement_is_paired_by_channel_and_seed():
    study = study_of([[[1.0, 2.0], [4.0, 5.0]], [[0.5, 1.5], [5.0, 5.0]]], JITTER[:2])
    np.testing.assert_allclose(study.improvement, [[[0, 0], [0, 0]], [[50, 25], [-25, 0]]])
    np.testing.assert_allclose(study.by_channel[1], [37.5, -12.5])
    assert study.mean[1] == pytest.approx(12.5)
    assert study.best("jitter") == 1
    assert study.order() == ("jitter", "none")


def test_intervals_are_over_channels_and_seeds_of_one_channel_count_as_one():
    distances = np.ones((2, 4, 50))
    distances[1] = np.array([0.5, 0.9, 1.1, 1.3])[:, None]  # no spread over seeds at all
    study = study_of(distances, JITTER[:2])
    assert study.low[1] < -10 < 10 < study.high[1]
    few = study_of(distances[:, :2], JITTER[:2])
    np.testing.assert_allclose([few.low[1], few.high[1]], few.mean[1])  # two channels: over seeds


def test_a_single_seed_and_few_channels_have_no_interval():
    study = study_of([[[1.0]], [[0.5]]], JITTER[:2])
    assert np.isnan(study.low).all()
    assert study.recommended("jitter") == (8, 8)


def test_the_recommended_range_is_the_best_value_and_neighbors_that_are_about_as_good():
    assert jitter(0.9, 0.6, 0.59, 0.8, apart=0.03).recommended("jitter") == (16, 32)
    assert jitter(0.9, 0.6, 0.5, 0.4, apart=0.001).recommended("jitter") == (64, 64)
    assert jitter(0.6, 0.6, 0.6, 0.6, apart=0.03).recommended("jitter") == (8, 64)
    # As good, but with a worse one between.
    assert jitter(0.6, 0.9, 0.599, 0.9, apart=0.01).recommended("jitter") == (32, 32)
    assert jitter(1.1, 1.2, 1.3, 1.4).recommended("jitter") is None
    assert jitter(0.9, 0.6, 0.59, 0.8).recommended("none") is None


def test_pictures_that_excite_less_than_the_references_are_not_chosen_however_close():
    study = jitter(0.9, 0.6, 0.55, 0.5, apart=0.06)
    assert study.best("jitter") == 4
    scores = study.scores.copy()
    scores[4, :3] = 0.4  # three of four channels
    scores[3, :2] = 0.4  # half of them: still told
    faint = replace(study, scores=scores)
    assert faint.faint.tolist() == [False, False, False, False, True]
    assert faint.best("jitter") == 3
    assert faint.recommended("jitter") == (16, 32)
    np.testing.assert_allclose(faint.response[4], [0.8, 0.8, 0.8, 2])
    assert "of 8, 16, 32, 64*" in faint._repr_html_()
    assert "shows nothing of the channel" in faint._repr_html_()
    scores[1:] = 0.4
    nothing = replace(study, scores=scores)
    assert nothing.best("jitter") == 4
    assert nothing.recommended("jitter") is None
    assert "less than real" in nothing._repr_html_()
    assert "less than real" not in study._repr_html_()


def test_a_response_is_told_in_multiples_only_where_the_references_excite():
    study = replace(jitter(0.5, 0.6, 0.7, 0.8), reference_scores=np.array([0.5, 0.25, -1.0, 0.0]))
    np.testing.assert_allclose(study.response[1], [2, 4, np.nan, np.nan])
    assert not study.faint.any()


def test_units_that_stayed_silent_are_left_out():
    study = jitter(0.5, 0.6, 0.7, 0.8)
    distances = study.distances.copy()
    distances[0, 0], distances[2, 1, 0] = np.nan, np.nan
    study = replace(study, distances=distances)
    assert np.isnan(study.by_channel[1, 0])
    assert study.mean[1] == pytest.approx(50)
    assert study.mean[2] == pytest.approx(40)
    assert "silent" in study._repr_html_()


def test_before_anything_is_computed_it_can_be_shown():
    empty = study_of(np.full((5, 2, 1), np.nan), JITTER, pictures={}, done=0)
    assert empty.order() == ()
    assert empty.recommended("jitter") is None
    assert "0 of 10 cells" in empty._repr_html_()
    assert np.isnan(empty.curve().values).all()
    with pytest.raises(cw.EvaluationError, match="No picture"):
        empty.gallery()


def test_curves_and_galleries_hold_what_was_computed():
    study = jitter(0.9, 0.6, 0.7, 0.8)
    assert study.curve().names == ("Jitter 16 px", "No regularization")
    curves = study.curves.copy()
    curves[0, 1, :, 0], curves[2, 1, :, 1] = 2.0, 1.5  # of channel 7: the noise, and halfway
    way = replace(study, curves=curves).curve(7)
    np.testing.assert_allclose(way.values, [[70, 25, 70], [0, 50, 50]], rtol=1e-5)
    assert study.curve(families=["jitter"]).names == ("Jitter 16 px",)
    sweep = study.sweep("jitter")
    assert sweep.names == ("features.9:4", "features.9:7", "features.9:9", "features.9:11")
    np.testing.assert_allclose(sweep.values[0], [10, 40, 30, 20], rtol=1e-5)
    assert sweep.x_names[0] == "Jitter 8 px"
    gallery = study.gallery(7)
    assert isinstance(gallery, cw.Gallery)
    assert gallery.values.shape == (3, 5, 8, 8)
    assert gallery.addresses[2] == "features.9:7, Jitter 16 px"
    assert study.gallery().values.shape == (3, 20, 8, 8)
    with pytest.raises(cw.EvaluationError, match="no channel 5"):
        study.gallery(5)
    with pytest.raises(cw.EvaluationError, match="no values to run over"):
        study.sweep("none")
    with pytest.raises(cw.EvaluationError, match=r"no 'jit'\. Did you mean 'jitter'"):
        study.rows("jit")


# the table ------------------------------------------------------------------------------------------------------------


def test_the_table_says_what_comes_closest_and_underlines_the_best_of_each_column():
    study = jitter(0.9, 0.6, 0.7, 0.8)
    text = study._repr_html_()
    assert "Jitter 16 px comes closest: 40.0\u2009% closer than no regularization on average." in text
    assert text.count("underline") == 5  # four channels, and the mean
    assert re.findall(r"underline\">([\d.]+)<", text) == ["0.600"] * 5
    assert text.count("+40.0\u2009%") == 7  # four channels, the mean, and both ends of its interval
    assert "of 8, 16, 32, 64" in text
    assert "lectures: 8–64 px" in text
    assert text.count("<img") == 8
    assert text.count("baseline") == 4


def test_the_table_says_when_more_or_less_of_it_might_do_better_still():
    assert "best at the end of it" not in jitter(0.9, 0.6, 0.7, 0.8)._repr_html_()
    assert "best at the end of it" in jitter(0.9, 0.8, 0.7, 0.6)._repr_html_()
    assert "best at the end of it" in jitter(0.6, 0.8, 0.7, 0.9)._repr_html_()


def test_the_table_says_when_nothing_helps_and_when_it_may_be_chance():
    worse = jitter(1.1, 1.2, 1.3, 1.4)._repr_html_()
    assert "No regularization comes closest" in worse
    assert "none helps" in worse
    assert "\N{MINUS SIGN}10.0\u2009%" in worse
    noisy = study_of([[[1.0] * 2] * 4, [[0.2] * 2, [1.1] * 2, [1.1] * 2, [1.2] * 2]], JITTER[:2])
    assert "not told apart from chance" in noisy._repr_html_()


def test_the_table_holds_what_nothing_gets_and_what_real_ones_get():
    text = jitter(0.9, 0.6, 0.7, 0.8)._repr_html_()
    gray, real = text.index("Plain gray</th>"), text.index("Another real patch</th>")
    assert text[gray:real].count("1.200") == text[gray:real].count("\N{MINUS SIGN}20.0\u2009%") == 5
    assert text[real:].count("0.350") == text[real:].count("+65.0\u2009%") == 5
    assert "nan" not in replace(jitter(0.9, 0.6, 0.7, 0.8), among=np.full(4, np.nan))._repr_html_()


def test_an_unfinished_table_says_how_far_it_is():
    study = jitter(0.9, 0.6, 0.7, 0.8)
    assert "12 of 20 cells." in replace(study, done=12)._repr_html_()
    assert "of 20 cells" not in study._repr_html_()
    assert repr(study) == "RegularizationStudy(5 recipes × 4 channels × 3 seeds, 20 of 20 cells)"
    assert np.asarray(study).shape == (5, 4, 3)


def test_words_of_the_user_are_text_in_the_table():
    variants = variants_of({"<b>mine</b>": Recipe()}, 8)
    text = study_of(np.ones((2, 1, 1)), variants)._repr_html_()
    assert "<b>" not in text
    assert "&lt;b&gt;mine" in text
