"""Curves: their area by definition, their drawing as markup that names cannot break."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cnnvis_widgets import Curves

HOSTILE = "<script>alert('x')</script> & \"quoted\""
VALUES = np.random.default_rng(0).random((3, 9)).astype(np.float32)


def curves(values=VALUES, x=None, names=None, **options):
    x = np.linspace(0, 1, values.shape[1]) if x is None else x
    names = tuple(f"curve {index}" for index in range(len(values))) if names is None else names
    return Curves(values, x, names, **{"title": "Insertion", "x_label": "share", "y_label": "probability", **options})


def drawing(result):
    """The page's text as a tree: it has to be well formed."""
    return ET.fromstring(result._repr_html_())


def area_by_definition(x, y):
    total = 0.0
    for left in range(len(x) - 1):
        total += (x[left + 1] - x[left]) / (x[-1] - x[0]) * (y[left] + y[left + 1]) / 2
    return total


@pytest.mark.parametrize("x", [np.linspace(0, 1, 9), np.linspace(3, 40, 9), np.cumsum(np.arange(1.0, 10))])
def test_the_area_is_that_of_trapezoids_over_an_axis_of_length_one(x):
    expected = [area_by_definition(x, row.astype(float)) for row in VALUES]
    np.testing.assert_allclose(curves(x=x).auc, expected, rtol=1e-12)


def test_the_area_of_a_constant_is_its_height_and_of_a_ramp_a_half():
    values = np.stack([np.full(5, 0.3), np.linspace(0, 1, 5)]).astype(np.float32)
    np.testing.assert_allclose(curves(values).auc, [0.3, 0.5], atol=1e-7)
    assert curves(values[:, :1]).auc.tolist() == pytest.approx([0.3, 0.0])


def test_it_is_an_array_that_changes_nothing_in_it():
    result = curves()
    taken = np.asarray(result)
    taken[:] = 7
    np.testing.assert_array_equal(result.values, VALUES)
    assert np.asarray(result, np.float64).dtype == np.float64
    assert len(result) == 3
    assert re.fullmatch(r"Curves\(Insertion, 3 × 9 points, area 0\.\d{3}, 0\.\d{3}, 0\.\d{3}\)", repr(result))


def test_names_and_labels_are_text():
    result = curves(
        names=(HOSTILE,) * 3, title=HOSTILE, x_label=HOSTILE, y_label=HOSTILE, x_names=(HOSTILE,) * 9, notes=(HOSTILE,)
    )
    assert not re.search(r"<\s*script", result._repr_html_(), re.IGNORECASE)
    assert {node.tag for node in drawing(result).iter()} <= {"div", "svg", "title", "text", "line", "path"}
    words = "".join(drawing(result).itertext())
    assert HOSTILE in words


def test_the_drawing_says_what_it_shows_and_asks_nothing_of_the_page():
    page = curves()._repr_html_()
    svg = drawing(curves()).find("svg")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == repr(curves())
    assert "currentColor" in page
    assert not re.search(r"https?:|url\(|<style|\bon\w+=", page)


def test_each_curve_goes_through_its_points():
    values = np.array([[0.0, 1.0, 0.5]], np.float32)
    (line,) = [node for node in drawing(curves(values)).iter("path") if node.get("d")]
    numbers = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", line.get("d"))]
    (x0, bottom), (x1, top), (x2, middle) = numbers
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert middle == pytest.approx((top + bottom) / 2, abs=0.2)
    assert top < bottom  # up is little y


def test_few_curves_differ_by_their_dash_and_have_their_names():
    result = curves()
    lines = list(drawing(result).iter("path"))
    assert len({node.get("stroke-dasharray") for node in lines}) == 3
    texts = [node.text for node in drawing(result).iter("text")]
    assert {"curve 0", "curve 1", "curve 2"} <= set(texts)


def test_of_many_curves_the_mean_is_drawn_over_them():
    values = np.tile(VALUES, (4, 1))
    lines = [node.get("stroke-opacity") for node in drawing(curves(values)).iter("path")]
    assert lines == ["0.25"] * 12 + [None]
    assert "mean of 12" in [node.text for node in drawing(curves(values)).iter("text")]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("end", [0.0, 1.0, 0.5])
def test_names_at_the_ends_never_cover_each_other_and_stay_in_the_drawing(count, end):
    values = np.full((count, 4), end, np.float32)
    heights = [float(node.get("y")) for node in drawing(curves(values)).iter("text") if node.text.startswith("curve")]
    assert len(heights) == count
    assert all(later - earlier >= 28 for earlier, later in zip(sorted(heights), sorted(heights)[1:], strict=False))
    assert min(heights) > 20
    assert max(heights) + 14 <= 220


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        (np.array([[0.1, 0.4]]), ["0", "0.5", "1"]),
        (np.array([[1.0, -0.2]]), ["−0.5", "0", "0.5", "1"]),
        (np.array([[1.0, -0.8]]), ["−1", "0", "1"]),
        (np.array([[-4.0, 12.0]]), ["−4", "4", "12"]),
        (np.array([[0.0, 0.0]]), ["0", "0.5", "1"]),
    ],
)
def test_the_upright_axis_is_0_to_1_for_shares_and_fits_other_values(values, ticks):
    texts = [node.text for node in drawing(curves(values.astype(np.float32))).iter("text")]
    assert [text for text in texts if text in ticks][: len(ticks)] == ticks


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_leave_gaps_and_no_broken_drawing(bad):
    values = VALUES.copy()
    values[0] = bad
    values[1, 3] = bad
    page = curves(values)._repr_html_()
    assert not re.search(r'="[^"]*\b(nan|inf)\b', page.split("</title>")[1])
    lines = [node.get("d") for node in drawing(curves(values)).iter("path")]
    assert lines[0] is None
    assert [line.count("L") for line in lines[1:]] == [7, 8]  # one point is left out


def test_points_may_have_names():
    result = curves(x_names=tuple(f"layer{index}" for index in range(9)))
    texts = [node.text for node in drawing(result).iter("text")]
    assert {"layer0", "layer8"} <= set(texts)


def test_curves_along_one_axis_stand_together():
    one, other = curves(VALUES[:1], names=("a",)), curves(VALUES[1:], names=("b", "c"), title="Deletion")
    both = Curves.together(one, other)
    np.testing.assert_array_equal(both.values, VALUES)
    assert both.names == ("a", "b", "c")
    assert both.title == "Insertion, Deletion"
    for several in ([], [one, curves(VALUES[:, :4])]):
        with pytest.raises(ValueError, match="same points along the axis"):
            Curves.together(*several)
