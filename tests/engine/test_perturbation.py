"""What stands in place of pixels that are taken away, and in which order they go, against slow definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import (
    FILLS,
    blurred,
    even_counts,
    filled,
    partly_filled,
    pixel_order,
    random_map,
    upsampled,
)

PICTURES = torch.rand(2, 3, 12, 17, generator=torch.Generator().manual_seed(0))
FIELD = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)


@pytest.mark.parametrize("fill", FILLS)
def test_a_fill_has_the_shape_of_the_pictures_lies_in_0_to_1_and_leaves_them_alone(fill):
    before = PICTURES.clone()
    found = filled(PICTURES, fill)
    assert found.shape == PICTURES.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert torch.equal(PICTURES, before)


@pytest.mark.parametrize(("fill", "level"), [("gray", 0.5), ("black", 0.0), ("white", 1.0)])
def test_a_flat_fill_has_its_level_everywhere(fill, level):
    assert (filled(PICTURES, fill) == level).all()


def test_the_mean_is_that_of_each_picture_and_channel():
    found = filled(PICTURES, "mean")
    for picture in range(2):
        for channel in range(3):
            expected = PICTURES[picture, channel].sum() / (12 * 17)
            np.testing.assert_allclose(found[picture, channel], expected.expand(12, 17), atol=1e-6)


def test_noise_is_the_same_for_one_seed_and_for_every_picture():
    noise = filled(PICTURES, "noise", seed=3)
    assert torch.equal(noise, filled(PICTURES, "noise", seed=3))
    assert not torch.equal(noise, filled(PICTURES, "noise", seed=4))
    assert torch.equal(noise[0], noise[1])
    assert noise[0].std() > 0.2


def test_noise_leaves_the_random_state_alone():
    state = torch.random.get_rng_state()
    filled(PICTURES, "noise")
    assert torch.equal(torch.random.get_rng_state(), state)


def test_blur_is_a_gaussian_over_a_picture_whose_edges_go_on():
    """By loops: weights exp(-d² / 2σ²), σ a tenth of the shorter side, out to 3 σ."""
    picture = PICTURES[:1, :1]
    sigma = 1.2
    radius = round(3 * sigma)
    expected = np.zeros((12, 17))
    for row in range(12):
        for column in range(17):
            total = weight_sum = 0.0
            for down in range(-radius, radius + 1):
                for right in range(-radius, radius + 1):
                    weight = math.exp(-(down**2 + right**2) / (2 * sigma**2))
                    at = min(max(row + down, 0), 11), min(max(column + right, 0), 16)
                    total += weight * picture[0, 0, at[0], at[1]].item()
                    weight_sum += weight
            expected[row, column] = total / weight_sum
    np.testing.assert_allclose(filled(picture, "blur")[0, 0], expected, atol=1e-5)
    assert torch.equal(filled(picture, "blur"), blurred(picture))


def test_under_the_blur_nothing_is_left_of_the_class():
    """The demo network's probability of the true class falls from near 1 to near chance, 1 in 12."""
    network, scenes = cw.demo(), cw.scenes(36, seed=5)
    pictures = network.read([scene.image for scene in scenes])
    labels = [scene.label for scene in scenes]
    plain, left = (network.predict(each).probabilities[range(36), labels] for each in (pictures, blurred(pictures)))
    assert plain.mean() > 0.9
    assert left.mean() < 0.15
    assert left.max() < 0.5


@pytest.mark.parametrize("kind", ["tensor", "array", "uint8", "channels last"])
def test_a_picture_may_be_given_to_fill_with(kind):
    own = (torch.arange(3 * 12 * 17).reshape(3, 12, 17) % 256).to(torch.uint8)
    given = {
        "tensor": own / 255,
        "array": own.numpy() / np.float32(255),
        "uint8": own.numpy(),
        "channels last": own.numpy().transpose(1, 2, 0),
    }[kind]
    found = filled(PICTURES, given)
    for picture in found:
        np.testing.assert_allclose(picture, own / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        ("grey", "no fill 'grey': choose one of gray, mean, black, white, blur, noise"),
        (
            np.zeros((3, 12, 18), np.float32),
            r"shape \(3, 12, 18\), and the pictures need \(3, 12, 17\) or \(12, 17, 3\)",
        ),
        (np.full((3, 12, 17), 2.0), "Values run from 2 to 2"),
    ],
)
def test_a_fill_that_does_not_exist_or_does_not_fit_is_refused(fill, message):
    with pytest.raises(cw.ImageError, match=message):
        filled(PICTURES, fill)


def test_a_map_is_drawn_out_bilinearly_between_the_centers_of_its_cells():
    height, width = 9, 13
    expected = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * 4 / height - 0.5, 0), 3)
            x = min(max((column + 0.5) * 5 / width - 0.5, 0), 4)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 3), min(left + 1, 4)
            above = FIELD[top, left] * (1 - (x - left)) + FIELD[top, right] * (x - left)
            below = FIELD[bottom, left] * (1 - (x - left)) + FIELD[bottom, right] * (x - left)
            expected[row, column] = above * (1 - (y - top)) + below * (y - top)
    np.testing.assert_allclose(upsampled(FIELD, (height, width)), expected, atol=1e-6)


def test_the_strongest_pixel_is_the_first_and_the_most_negative_one_the_last():
    field = np.array([[0.0, -3.0, 2.0], [5.0, -1.0, 1.0]], np.float32)
    assert pixel_order(field, (2, 3)).tolist() == [[3, 5, 1], [0, 4, 2]]


@pytest.mark.parametrize("size", [(4, 5), (16, 20), (31, 7)])
def test_an_order_is_a_permutation_that_follows_the_map_drawn_out(size):
    place = pixel_order(FIELD, size)
    assert sorted(place.ravel().tolist()) == list(range(size[0] * size[1]))
    in_order = upsampled(FIELD, size).ravel()[np.argsort(place.ravel())]
    assert (np.diff(in_order) <= 0).all()


@pytest.mark.parametrize("constant", [0.0, 1.0, -2.5, np.nan, np.inf])
def test_a_constant_map_has_the_order_of_a_random_one_not_that_of_storage(constant):
    place = pixel_order(np.full((4, 5), constant, np.float32), (16, 20))
    np.testing.assert_array_equal(place, pixel_order(random_map((16, 20)), (16, 20)))
    rows, columns = np.divmod(np.argsort(place.ravel()), 20)
    assert abs(np.corrcoef(np.arange(320), rows * 20 + columns)[0, 1]) < 0.5


def test_equal_places_come_in_the_order_of_the_random_map():
    field = np.zeros((16, 20), np.float32)
    field[3, 4] = 1
    place = pixel_order(field, (16, 20))
    assert place[3, 4] == 0
    others = np.delete(np.arange(320), 3 * 20 + 4)
    by_chance = others[np.argsort(-random_map((16, 20)).ravel()[others], kind="stable")]
    np.testing.assert_array_equal(np.argsort(place.ravel())[1:], by_chance)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_counts_as_the_smallest_and_spoils_nothing_else(bad):
    broken, least = FIELD.copy(), FIELD.copy()
    broken[1, 2] = bad
    least[1, 2] = np.delete(FIELD.ravel(), 7).min()
    np.testing.assert_array_equal(pixel_order(broken, (16, 20)), pixel_order(least, (16, 20)))


@pytest.mark.parametrize("factor", [1e-6, 0.25, 1024.0])
def test_the_order_does_not_depend_on_the_scale(factor):
    np.testing.assert_array_equal(pixel_order(FIELD * factor, (16, 20)), pixel_order(FIELD, (16, 20)))


def test_a_random_map_is_smooth_fixed_by_its_seed_and_cannot_be_written_to():
    field = random_map((96, 96), 5)
    np.testing.assert_array_equal(field, random_map((96, 96), 5))
    assert not np.array_equal(field, random_map((96, 96), 6))
    assert np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(field[:, 24:].ravel(), field[:, :-24].ravel())[0, 1]) < 0.3
    with pytest.raises(ValueError, match="read-only"):
        field[0, 0] = 1


@pytest.mark.parametrize("batch", [1, 4, 5, 16, 100])
def test_a_picture_is_filled_pixel_by_pixel_in_order(batch):
    picture, fill = PICTURES[:1], filled(PICTURES[:1], "gray")
    place, counts = pixel_order(FIELD, (12, 17)), even_counts(204, 9)
    batches = list(partly_filled(picture, fill, place, counts, batch))
    found = torch.cat(batches)
    assert len(found) == 10
    assert max(map(len, batches)) <= batch
    assert len(batches) == math.ceil(10 / batch)
    assert max(map(len, batches)) - min(map(len, batches)) <= 1
    for made, count in zip(found, counts, strict=True):
        for row in range(12):
            for column in range(17):
                source = fill if place[row, column] < count else picture
                assert torch.equal(made[:, row, column], source[0, :, row, column])


def test_the_steps_are_even_and_end_at_every_pixel():
    assert even_counts(100, 4).tolist() == [0, 25, 50, 75, 100]
    assert even_counts(7, 3).tolist() == [0, 2, 5, 7]
    with pytest.raises(ValueError, match="steps is 0, and there must be at least 1"):
        even_counts(100, 0)
