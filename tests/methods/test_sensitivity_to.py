"""Sensitivity to the size of a window: each point is one picture covered by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, normalized, pictures_for

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import filled

CASE = CASES["not square"]  # 13 × 22
SIDES = (2, 3, 8, 13)
AT = (4, 17)


def by_hand(network, picture, side, center, fill, shape="square"):
    """The logits with one window covered, pixel by pixel."""
    covered = picture.clone()
    height, width = CASE.size
    for row in range(height):
        for column in range(width):
            down, across = row - (center[0] - side // 2), column - (center[1] - side // 2)
            if not (0 <= down < side and 0 <= across < side):
                continue
            if shape == "circle" and (down + 0.5 - side / 2) ** 2 + (across + 0.5 - side / 2) ** 2 > side**2 / 4:
                continue
            covered[:, :, row, column] = fill[:, :, row, column]
    with torch.no_grad():
        return network.model(normalized(CASE, covered))[0]


@pytest.mark.parametrize("shape", ["square", "circle"])
@pytest.mark.parametrize("measure", ["probability", "score"])
@pytest.mark.parametrize("fill", ["gray", "noise", "#ff8000"])
def test_each_point_is_the_answer_to_the_picture_covered_so_far(shape, measure, fill):
    network, images = network_of(CASE), pictures_for(CASE, count=2)
    found = cw.sensitivity_to(
        network, images, [1, 3], windows=SIDES, at=AT, fill=fill, shape=shape, measure=measure, seed=5
    )
    assert found.x.tolist() == [0, *SIDES]
    for picture, target in enumerate([1, 3]):
        image = images[picture : picture + 1]
        for point, side in enumerate(found.x.astype(int)):
            logits = by_hand(network, image, side, AT, filled(images, fill, seed=5)[picture : picture + 1], shape)
            expected = logits.softmax(0)[target] if measure == "probability" else logits[target]
            assert found.values[picture, point] == pytest.approx(expected.item(), abs=1e-5)


def test_the_place_by_default_is_where_a_coarse_window_lowers_the_score_most():
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    fill = filled(image, "gray")
    scores = {}
    for top in range(0, 13, 1):
        for left in range(0, 22, 1):
            center = (2 * top + min(3, 13 - top)) // 2, (2 * left + min(3, 22 - left)) // 2
            if top <= 10 and left <= 19:
                scores[center] = by_hand(network, image, 3, (top + 1, left + 1), fill).softmax(0)[2].item()
    best = min(scores, key=scores.get)
    found = cw.sensitivity_to(network, image, 2, windows=SIDES)
    assert found.notes == (f"Covered around row {best[0]}, column {best[1]}.",)
    expected = cw.sensitivity_to(network, image, 2, windows=SIDES, at=best)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


def test_by_default_windows_grow_to_the_shorter_side_and_the_classes_are_the_most_probable():
    network, images = network_of(CASE), pictures_for(CASE)
    found = cw.sensitivity_to(network, images, at=AT)
    assert len(found) == 3
    assert found.x[0] == 0
    assert found.x[-1] == 13
    assert (np.diff(found.x) >= 1).all()
    said = network.predict(images)
    np.testing.assert_allclose(found.values[:, 0], said.probabilities.max(1), atol=1e-6)
    assert found.names == tuple(said.top(1, picture)[0][0] for picture in range(3))
    assert found.y_label == "probability of the class"
    assert "<svg" in found._repr_html_()


def test_several_targets_of_one_picture_and_objectives_are_curves_of_their_own():
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    difference = cw.class_score(1) - cw.class_score(0)
    found = cw.sensitivity_to(network, image, [2, difference], windows=(4, 13), at=AT)
    assert len(found) == 2
    logits = by_hand(network, image, 4, AT, filled(image, "gray"))
    assert found.values[0, 1] == pytest.approx(logits.softmax(0)[2].item(), abs=1e-5)
    assert found.values[1, 1] == pytest.approx((logits[1] - logits[0]).item(), abs=1e-5)


def test_a_window_over_the_whole_picture_leaves_what_the_fill_alone_says():
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    found = cw.sensitivity_to(network, image, 2, windows=(60,), at=(6, 11))
    alone = network.predict(torch.full_like(image, 0.5)).probabilities[0, 2]
    assert found.values[0, 1] == pytest.approx(alone, abs=1e-5)


def test_on_a_scene_a_larger_window_over_the_object_leaves_less_of_it():
    network, scene = cw.demo(), cw.scenes(1, seed=4)[0]
    found = cw.sensitivity_to(network, scene.image, scene.label)
    assert found.values[0, 0] > 0.9
    assert found.values[0, -1] < 0.3


def test_a_patch_from_elsewhere_may_cover_it():
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    found = cw.sensitivity_to(network, image, 2, windows=(3,), at=AT, fill=cw.patch_fill(7, 1))
    moved = image.clone()
    moved[:, :, 3:6, 16:19] = image[:, :, 7:10, 1:4]
    assert found.values[0, 1] == pytest.approx(network.predict(moved).probabilities[0, 2], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"windows": ()}, cw.ImageError, r"windows is \(\): give sides in whole pixels, at least 1 and rising"),
        ({"windows": (0, 4)}, cw.ImageError, r"windows is \(0, 4\): give sides"),
        ({"windows": (4, 4)}, cw.ImageError, r"windows is \(4, 4\): give sides"),
        ({"windows": (2.5,)}, cw.ImageError, r"windows is \(2.5,\): give sides"),
        ({"windows": (float("nan"),)}, cw.ImageError, r"windows is \(nan,\): give sides"),
        ({"at": (13, 0)}, cw.ImageError, r"at is \(13, 0\), and the picture has rows 0–12 and columns 0–21"),
        ({"at": (0, -1)}, cw.ImageError, r"at is \(0, -1\), and the picture has rows 0–12"),
        ({"shape": "star", "at": AT}, cw.ImageError, r"no shape 'star': choose 'square' or 'circle'"),
        ({"shape": "star"}, cw.ImageError, r"no shape 'star': choose 'square' or 'circle'"),
        ({"measure": "logit"}, cw.TargetError, r"no measure 'logit': choose 'probability' or 'score'"),
        ({"fill": "pink"}, cw.ImageError, r"no fill 'pink'"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(options, error, message):
    with pytest.raises(error, match=message):
        cw.sensitivity_to(network_of(CASE), pictures_for(CASE), 2, **options)
