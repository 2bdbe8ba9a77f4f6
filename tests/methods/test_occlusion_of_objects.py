"""Several things covered alone, two at a time and together: by hand, and on networks whose answer is known."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, normalized, pictures_for
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import filled

CASE = CASES["not square"]  # 13 × 22
MASKS = np.zeros((3, 13, 22), bool)
MASKS[0, 2:6, 3:9], MASKS[1, 5:11, 7:12], MASKS[2, 1:12, 15:17] = True, True, True


def score_without(network, image, mask, target, fill="gray"):
    covered = torch.where(torch.from_numpy(mask), filled(image, fill, seed=3), image)
    with torch.no_grad():
        return network.model(normalized(CASE, covered))[0, target].item()


@pytest.mark.parametrize("fill", ["gray", "noise"])
def test_each_fall_is_the_score_less_the_score_with_those_covered(fill):
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    found = cw.occlusion_of_objects(network, image, MASKS, [1, 3], fill=fill, seed=3).result()
    for row, target in enumerate([1, 3]):
        clean = score_without(network, image, np.zeros((13, 22), bool), target, fill)
        alone = [clean - score_without(network, image, mask, target, fill) for mask in MASKS]
        np.testing.assert_allclose(found.alone[row], alone, atol=1e-5)
        together = clean - score_without(network, image, MASKS.any(0), target, fill)
        assert found.together[row] == pytest.approx(together, abs=1e-5)
        assert found.surplus[row] == pytest.approx(together - sum(alone), abs=1e-5)
        for first, second in combinations(range(3), 2):
            both = clean - score_without(network, image, MASKS[first] | MASKS[second], target, fill)
            for pair in ((first, second), (second, first)):
                assert found.pairs[row][pair] == pytest.approx(both, abs=1e-5)
                assert found.interaction[row][pair] == pytest.approx(both - alone[first] - alone[second], abs=1e-5)
        assert not np.diag(found.interaction[row]).any()


class TwoThings(nn.Module):
    """The left and the right half: class 0 takes the stronger of both, class 1 the weaker, class 2 their sum."""

    def forward(self, x):
        left, right = x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3))
        return torch.stack([torch.maximum(left, right), torch.minimum(left, right), left + right], 1)


def test_things_that_stand_in_for_each_other_interact_above_0_and_things_both_needed_below():
    network = cw.Network(TwoThings(), cw.Preprocess(1, (4, 8)), ["either", "both", "sum"])
    labels = np.repeat(np.repeat([[0, 1]], 4, 0), 4, 1)
    found = cw.occlusion_of_objects(
        network, torch.ones(1, 1, 4, 8), labels, ["either", "both", "sum"], fill="black", names=["left", "right"]
    ).result()
    np.testing.assert_allclose(found.alone, [[0, 0], [1, 1], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(found.interaction[:, 0, 1], [1, -1, 0], atol=1e-6)
    np.testing.assert_allclose(found.surplus, [1, -1, 0], atol=1e-6)


@pytest.mark.parametrize("form", ["labels", "boxes", "one mask"])
def test_things_may_be_given_as_labels_or_boxes(form):
    network, image = network_of(CASE), pictures_for(CASE, count=1)
    apart = MASKS[[0, 2]]
    given = {
        "labels": np.where(apart[0], 0, np.where(apart[1], 7, -1)),
        "boxes": [(3, 2, 9, 6), (15, 1, 17, 12)],
        "one mask": apart[0],
    }[form]
    expected = cw.occlusion_of_objects(network, image, apart[:1] if form == "one mask" else apart, 2).result()
    found = cw.occlusion_of_objects(network, image, given, 2).result()
    np.testing.assert_allclose(found.pairs, expected.pairs, atol=1e-6)
    np.testing.assert_allclose(found.together, expected.together, atol=1e-6)


def test_steps_know_all_and_each_alone_before_the_pairs():
    steps = cw.occlusion_of_objects(network_of(CASE), pictures_for(CASE, count=1), MASKS, 2)
    assert len(steps) == 1 + 3 + 3
    seen = list(steps)
    known = next(step for step in seen if step.done >= 4)
    assert known.done == 4
    assert np.isfinite(known.result.alone).all()
    assert np.isfinite(known.result.together).all()
    assert np.isnan(known.result.pairs[0, 0, 1])
    assert "–" in known.result._repr_html_()
    assert np.isfinite(seen[-1].result.pairs).all()


def test_its_page_is_well_formed_and_names_are_text():
    hostile = "<script>alert('x')</script>"
    found = cw.occlusion_of_objects(
        network_of(CASE), pictures_for(CASE, count=1), MASKS, 2, names=[hostile, "b", "c"]
    ).result()
    page = found._repr_html_()
    assert "<script" not in page
    rows = ET.fromstring(page).findall(".//tbody/tr")
    assert [row[0].text for row in rows] == [hostile, "b", "c", "all of them"]
    np.testing.assert_array_equal(np.asarray(found), found.alone)
    assert repr(found).startswith("ObjectFalls(label 2: <script>")


def test_on_a_scene_the_object_is_needed_and_as_much_of_the_background_is_not():
    network, scene = cw.demo(), cw.scenes(1, seed=4)[0]
    aside = np.roll(scene.mask, 48, (0, 1)) & ~scene.mask
    found = cw.occlusion_of_objects(network, scene.image, [scene.mask, aside], scene.label, fill="mean").result()
    assert found.alone[0, 0] > 5 * abs(found.alone[0, 1])


@pytest.mark.parametrize(
    ("objects", "options", "message"),
    [
        (np.zeros((2, 13, 22), bool), {}, r"mask of 13 × 22 pixels is empty: give at least one pixel to cover"),
        (np.ones((2, 13, 23), bool), {}, r"13 × 23 pixels and the picture is 13 × 22"),
        (np.full((13, 22), -1), {}, r"no segment to cover, as every pixel's label is negative"),
        (np.full((2, 13, 22), np.nan), {}, r"mask holds NaN"),
        (np.zeros((13, 22)), {}, r"whole numbers \(height, width\), one a pixel; float64"),
        (
            [(3, 2, 30, 6)],
            {},
            r"box 3, 2, 30, 6 is none in a picture of 13 × 22 pixels: give left, top, right and bottom",
        ),
        ([(3.0, 2.0, float("nan"), 6.0)], {}, r"box 3.0, 2.0, nan, 6.0 is none"),
        ([], {}, r"masks \(K, height, width\)"),
        (MASKS, {"names": ["a"]}, r"3 things need 3 names, one each; 1 were given"),
        (MASKS, {"fill": "pink"}, r"no fill 'pink'"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(objects, options, message):
    with pytest.raises(cw.ImageError, match=message):
        cw.occlusion_of_objects(network_of(CASE), pictures_for(CASE, count=1), objects, 2, **options)


def test_things_are_those_of_one_picture():
    with pytest.raises(cw.ImageError, match="Things are those of one picture; 3 were given: call it for each"):
        cw.occlusion_of_objects(network_of(CASE), pictures_for(CASE), MASKS, 2)
