"""Results are arrays that can show themselves; hostile labels stay text, NaN is said and drawn gray."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import cnnvis_widgets as cw
from cnnvis_widgets.engine.results import why_empty

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
FIELD = np.random.default_rng(1).normal(size=(2, 5, 6)).astype(np.float32)
UNITS = np.random.default_rng(2).normal(size=(3, 4, 5, 6)).astype(np.float32)
HOSTILE = "<script>alert('x')</script> & \"quoted\""


def _heatmap(values=FIELD):
    return cw.Heatmap(values, IMAGES, "Grad-CAM", "layer4", (HOSTILE, "cat"))


@pytest.mark.parametrize(
    "result", [_heatmap(), cw.Gallery(UNITS, tuple("abcd"), "maps"), cw.Predictions.of(np.eye(3, dtype=np.float32))]
)
def test_a_result_is_an_array_that_changes_nothing_in_it(result):
    values = np.asarray(result)
    before = values.copy()
    values[:] = 7
    np.testing.assert_array_equal(np.asarray(result), before)
    assert np.asarray(result, dtype=np.float64).dtype == np.float64
    assert len(result) > 0
    assert type(result).__name__ in repr(result)


@pytest.mark.parametrize("bad", [None, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rgb", [False, True])
def test_a_result_is_a_picture_whatever_its_values_are(bad, rgb):
    for whole in (False, True):
        field, units = FIELD.copy(), UNITS.copy()
        if bad is not None:
            field[... if whole else (0, 0)], units[... if whole else (0, 0, 0)] = bad, bad
        for png in (_heatmap(field)._repr_png_(), cw.Gallery(units, tuple("abcd"), "maps", rgb=rgb)._repr_png_()):
            assert min(Image.open(io.BytesIO(png)).size) > 4
        assert _heatmap(field).display(0, signed=True).shape == (20, 30, 3)
        assert _heatmap(field).display(1, height=40).shape == (40, 60, 3)


def test_display_changes_no_value():
    heatmap = _heatmap()
    before = heatmap.values.copy()
    heatmap.display(0)
    heatmap._repr_png_()
    np.testing.assert_array_equal(heatmap.values, before)


def test_the_positive_part_is_drawn_where_it_is():
    values = np.zeros((1, 4, 4), np.float32)
    values[0, 3, 0], values[0, 0, 3] = 5, -9
    heatmap = cw.Heatmap(values, np.full((1, 40, 40, 3), 128, np.uint8), "Grad-CAM")
    drawn = heatmap.display().astype(int).sum(-1)
    assert drawn[36, 3] > drawn[3, 36] + 200
    assert drawn[3, 36] == drawn[3, 3]


def test_hostile_labels_are_text():
    predictions = cw.Predictions.of(np.array([[0.1, 3.0]], np.float32), (HOSTILE, HOSTILE))
    html = predictions._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "&quot;" in html


def test_predictions_are_the_softmax_and_keep_probabilities():
    logits = np.array([[1.0, 2.0, 800.0], [0.0, 0.0, 0.0]], np.float32)
    predictions = cw.Predictions.of(logits, ("a", "b"))
    np.testing.assert_allclose(np.asarray(predictions), [[0, 0, 1], [1 / 3] * 3], atol=1e-6)
    assert predictions.top(2) == [("class 2", 1.0), ("a", 0.0)]
    shares = np.array([[0.25, 0.75]], np.float32)
    np.testing.assert_array_equal(np.asarray(cw.Predictions.of(shares)), shares)
    assert cw.Predictions.of(np.zeros((2, 5, 3, 4), np.float32)).probabilities.shape == (2, 5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((3, 3), np.nan), "not finite"),
        (np.array([[1.0, np.inf]]), "not finite"),
        (np.ones((1, 1)), "one position only"),
        (np.zeros((3, 3)), "gradient is zero"),
        (-np.ones((3, 3)), "every value is negative or zero. The signed map"),
        (np.full((3, 3), 2.0), "same value"),
        (np.array([[0.0, 1.0]]), "^$"),
    ],
)
def test_an_empty_map_says_why(values, message):
    import re

    assert re.search(message, why_empty(values))


def test_a_map_of_single_pixels_stands_alone_and_a_few_extremes_do_not_hide_the_rest():
    values = np.random.default_rng(0).normal(size=(1, 40, 40)).astype(np.float32)
    values[0, 3, 5] = 1e6
    picture = np.full((1, 40, 40, 3), 200, np.uint8)
    of_pixels = cw.Heatmap(values, picture, "Gradient", channels=np.repeat(values[:, None], 3, 1))
    shown = of_pixels.display()
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100
    assert (shown[values[0] > 1.5][:, 0].astype(int) > shown[values[0] > 1.5][:, 2]).all()  # warm
    assert (shown[values[0] < -1.5][:, 2].astype(int) > shown[values[0] < -1.5][:, 0]).all()  # cool
    of_layer = cw.Heatmap(values, picture, "Grad-CAM", "layer")
    assert not np.array_equal(of_layer.display(), shown)
    sizes = cw.Heatmap(np.abs(values), picture, "Saliency", channels=np.repeat(values[:, None], 3, 1)).display(height=80)
    assert sizes.shape == (80, 80, 3)
    assert cw.Heatmap(values * 0, picture, "Gradient", channels=values[:, None] * 0).display().shape == (40, 40, 3)
