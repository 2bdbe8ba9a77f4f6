"""RISE by definition: masks drawn out by loops, sums one by one, and networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, normalized, pictures_for
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import filled
from cnnvis_widgets.methods.rise import _Masks

SIZE = (20, 27)
CASE = CASES["not square"]


def masks_of(count, size=SIZE, cells=5, share=0.5, seed=0):
    return _Masks(size, count, cells, share, seed).part(range(count)).numpy()


class SeesAPatch(nn.Module):
    """The score of class 0 is the mean of rows 4–8 and columns 15–21; class 1 is less that, and a constant."""

    def forward(self, x):
        seen = x[:, :, 4:8, 15:21].mean((1, 2, 3))
        return torch.stack([seen, 100 - seen], 1)


def patch_network():
    return cw.Network(SeesAPatch(), cw.Preprocess(3, SIZE), ["patch", "not patch"])


WHITE = torch.ones(1, 3, *SIZE)


def test_a_mask_is_a_coarse_grid_drawn_out_bilinearly_and_shifted():
    made = _Masks(SIZE, 6, 5, 0.5, 3)
    high, wide = 4, 6  # 20 / 5, and 27 / 5 rounded up
    for number, mask in enumerate(made.part(range(6)).numpy()):
        grid, (top, left) = made.grids[number].numpy(), made.shifts[number]
        assert 0 <= top < high
        assert 0 <= left < wide
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                y = np.clip((row + top + 0.5) * 5 / (6 * high) - 0.5, 0, 4)
                x = np.clip((column + left + 0.5) * 5 / (6 * wide) - 0.5, 0, 4)
                up, right = y - int(y), x - int(x)
                rows, columns = [int(y), min(int(y) + 1, 4)], [int(x), min(int(x) + 1, 4)]
                value = np.array([1 - up, up]) @ grid[np.ix_(rows, columns)] @ np.array([1 - right, right])
                assert mask[row, column] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_every_pixel_is_seen_as_often_as_any_other(share):
    seen = masks_of(4000, share=share)
    assert 0 <= seen.min() <= seen.max() <= 1
    np.testing.assert_allclose(seen.mean(0), share, atol=0.04)
    assert seen.mean() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("fill", ["gray", "black", "noise"])
def test_the_map_is_the_mean_of_score_less_its_mean_times_mask_by_share(fill):
    network, images, share = network_of(CASE), pictures_for(CASE, count=2), 0.4
    masks = masks_of(12, CASE.size, 4, share, 7)
    found = cw.rise(network, images, [1, 3], masks=12, cells=4, share=share, fill=fill, seed=7, batch=5).result()
    for picture, target in enumerate([1, 3]):
        scores = []
        for mask in torch.from_numpy(masks):
            seen = images[picture] * mask + filled(images, fill, seed=7)[picture] * (1 - mask)
            with torch.no_grad():
                scores.append(network.model(normalized(CASE, seen[None]))[0, target].item())
        expected = sum((score - np.mean(scores)) * mask for score, mask in zip(scores, masks, strict=True)) / (
            12 * share
        )
        np.testing.assert_allclose(found.values[picture], expected, atol=1e-5)


def test_it_finds_the_only_patch_that_counts_and_its_sign():
    for target, sign in (("patch", 1), ("not patch", -1)):
        values = sign * cw.rise(patch_network(), WHITE, target, masks=600, cells=6, fill="black").result().values[0]
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert 3 <= row < 9
        assert 14 <= column < 22
        inside, near = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
        inside[4:8, 15:21] = True
        near[:12, 10:26] = True  # the patch and a cell around it
        assert values[inside].min() > 2 * values[~near].max()
        assert abs(values[~near].mean()) < 0.1 * values[inside].mean()


def test_a_constant_added_to_the_score_changes_nothing():
    plain = cw.rise(patch_network(), WHITE, cw.class_score(0), masks=50).result().values
    shifted = cw.rise(patch_network(), WHITE, cw.class_score(0) + 40.0, masks=50).result().values
    np.testing.assert_allclose(plain, shifted, atol=1e-5)


def test_steps_count_masks_and_each_can_be_shown():
    network, images = network_of(CASE), pictures_for(CASE, count=2)
    steps = cw.rise(network, images, 2, masks=7, cells=3, batch=3)
    assert len(steps) == 14
    seen = list(steps)
    assert [step.done for step in seen] == [3, 6, 7, 10, 13, 14]
    assert not seen[0].result.values[1].any()
    np.testing.assert_array_equal(seen[2].result.values[0], seen[-1].result.values[0])
    assert all(step.result._repr_png_() for step in seen)
    assert seen[-1].result.targets == ("label 2", "label 2")


def test_the_batch_changes_nothing_and_the_seed_the_masks():
    network, images = network_of(CASE), pictures_for(CASE, count=1)
    first, second, other = (
        cw.rise(network, images, 2, masks=9, cells=3, seed=seed, batch=batch).result().values
        for seed, batch in ((0, 2), (0, 9), (1, 9))
    )
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    "options",
    [{"masks": 0}, {"cells": 0}, {"cells": 14}, {"share": 0}, {"share": 1}, {"share": float("nan")}, {"batch": 0}],
)
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(
        ValueError, match="give at least one mask and a batch of at least 1, 1 to 13 cells, and a share between 0"
    ):
        cw.rise(network_of(CASE), pictures_for(CASE), 2, **options)


@pytest.mark.parametrize("fill", ["inpaint", cw.patch_fill(0, 0), "pink"])
def test_it_needs_a_fill_that_is_a_whole_picture(fill):
    with pytest.raises(cw.ImageError, match="choose one of gray"):
        cw.rise(network_of(CASE), pictures_for(CASE), 2, fill=fill)


def test_on_scenes_it_points_at_the_object_more_often_than_chance():
    network, scenes = cw.demo(), list(cw.scenes(12, seed=31))
    found = cw.rise(network, [scene.image for scene in scenes], [scene.label for scene in scenes], masks=300).result()
    masks = np.stack([scene.mask for scene in scenes])
    assert cw.pointing_game(found, masks).mean() >= 0.7
    assert masks.mean() < 0.25
