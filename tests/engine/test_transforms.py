"""Transforms against a slow resampling by definition, and their gradients against small differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnvis_widgets.engine.errors import AscentError
from cnnvis_widgets.engine.transforms import NONE, RANGES, STANDARD, Drawn, Transforms, transformed

SIZES = [(8, 8), (7, 9), (6, 11), (1, 5), (4, 1), (1, 1)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fixed(shift=(0, 0), settled=(0, 0), scale=1.0, degrees=0.0, count: int = 1) -> Drawn:
    """The same draw for each picture."""
    return Drawn([shift] * count, [settled] * count, [scale] * count, [math.radians(degrees)] * count)


def slowly(picture: np.ndarray, drawn: Drawn, index: int, pad: int) -> np.ndarray:
    """Pixel by pixel: where in the picture does each pixel of the result come from, and what is there."""
    channels, height, width = picture.shape
    high, wide = height + 2 * pad, width + 2 * pad
    shift, settled = drawn.shifts[index], drawn.settled[index]
    scale, angle = drawn.scales[index], drawn.angles[index]
    found = np.full((channels, high, wide), np.nan)
    for row in range(high):
        for column in range(wide):
            up, across = -(row - (high - 1) / 2 - settled[0]), column - (wide - 1) / 2 - settled[1]
            # Turned back clockwise, where up is up.
            turned_across = math.cos(angle) * across + math.sin(angle) * up
            turned_up = -math.sin(angle) * across + math.cos(angle) * up
            y = -turned_up / scale - shift[0] + (height - 1) / 2
            x = turned_across / scale - shift[1] + (width - 1) / 2
            found[:, row, column] = _between(picture, y, x)
    return found


def _between(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    """Bilinear; outside is gray."""
    total = np.zeros(len(picture))
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            inside = 0 <= row < picture.shape[1] and 0 <= column < picture.shape[2]
            total += weight * (picture[:, row, column] if inside else 0.5)
    return total


@pytest.mark.parametrize("pad", [0, 3])
@pytest.mark.parametrize("size", SIZES)
def test_all_transforms_together_are_one_bilinear_resampling(size, pad):
    pictures = noise(2, 3, *size)
    drawn = Drawn(
        [(1.0, -2.0), (0.0, 3.0)],
        [(-1.0, 1.0), (2.0, 0.0)],
        [1.13, 0.8],
        [0.3, -1.1],
    )
    found = transformed(pictures, drawn, pad).numpy()
    expected = np.stack([slowly(pictures[index].numpy(), drawn, index, pad) for index in range(2)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (-3, 3), (9, 0)])
def test_a_whole_shift_moves_pixels_without_touching_them(size, shift):
    picture = noise(1, 2, *size)
    found = transformed(picture, fixed(shift, settled=(1, 1)), pad=2)
    expected = slowly(picture[0].numpy(), fixed(shift, settled=(1, 1)), 0, 2)
    assert set(found.flatten().tolist()) <= {*picture.flatten().tolist(), 0.5}
    np.testing.assert_array_equal(found[0].numpy(), expected)


def test_pictures_of_a_batch_are_moved_each_by_its_own_shift():
    pictures = noise(3, 1, 6, 5)
    drawn = Drawn([(0, 0), (1, 2), (-2, 1)], [(0, 0)] * 3, [1.0] * 3, [0.0] * 3)
    found = transformed(pictures, drawn)
    for index in range(3):
        np.testing.assert_array_equal(found[index].numpy(), slowly(pictures[index].numpy(), drawn, index, 0))


@pytest.mark.parametrize("side", [6, 7])
def test_a_quarter_turn_is_counterclockwise_as_seen(side):
    picture = noise(1, 3, side, side)
    found = transformed(picture, fixed(degrees=90))
    torch.testing.assert_close(found, torch.rot90(picture, 1, (2, 3)), atol=1e-5, rtol=0)


def test_a_picture_scaled_by_two_shows_its_middle():
    ramp = torch.linspace(0, 1, 41, dtype=torch.float64).expand(1, 1, 41, 41)
    found = transformed(ramp, fixed(scale=2))
    torch.testing.assert_close(found[0, 0, 20], torch.linspace(0.25, 0.75, 41, dtype=torch.float64), atol=1e-5, rtol=0)


def test_padding_puts_gray_around_the_picture():
    picture = noise(2, 3, 5, 4)
    found = transformed(picture, fixed(count=2), pad=3)
    assert found.shape == (2, 3, 11, 10)
    assert torch.equal(found[..., 3:-3, 3:-3], picture)
    found[..., 3:-3, 3:-3] = 0.5
    assert (found == 0.5).all()


@pytest.mark.parametrize(
    "drawn",
    [
        fixed((1, -2)),
        fixed(settled=(-1, 2)),
        fixed(scale=1.2),
        fixed(scale=0.8),
        fixed(degrees=25),
        fixed((2, 1), (1, -1), 1.1, -140),
    ],
    ids=["jitter", "settle", "larger", "smaller", "turned", "all"],
)
@pytest.mark.parametrize("size", [(5, 5), (4, 6), (1, 3)])
@pytest.mark.parametrize("channels", [1, 4])
def test_the_gradient_through_each_transform_is_that_of_small_differences(drawn, size, channels):
    picture = noise(1, channels, *size).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: transformed(given, drawn, pad=1), picture, atol=1e-6)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_draws_fill_their_ranges_and_stay_in_them():
    transforms = Transforms(jitter=4, scale=(0.8, 1.3), rotate=30, settle=2)
    many = transforms.draw(generators(*range(3000)))
    for shifts, reach in ((np.array(many.shifts), 2), (np.array(many.settled), 1)):
        for axis in (0, 1):
            values, counts = np.unique(shifts[:, axis], return_counts=True)
            assert values.tolist() == list(range(-reach, reach + 1))
            assert counts.min() > 0.8 * 3000 / len(values)
    assert 0.8 <= min(many.scales) < 0.81
    assert 1.29 < max(many.scales) <= 1.3
    assert abs(np.mean(many.angles)) < 0.03
    assert math.radians(-30) <= min(many.angles) < math.radians(-29)
    assert math.radians(29) < max(many.angles) <= math.radians(30)
    pairs = np.stack([*np.array(many.shifts).T, *np.array(many.settled).T, many.scales, many.angles])
    assert np.abs(np.corrcoef(pairs) - np.eye(6)).max() < 0.08


def test_a_pictures_draws_depend_on_its_own_seed_alone():
    alone, together = STANDARD.draw(generators(7)), STANDARD.draw(generators(1, 7, 3))
    for one, several in zip(vars(alone).values(), vars(together).values(), strict=True):
        assert one[0] == several[1]


def test_every_step_draws_anew_and_one_range_leaves_the_draws_of_the_others():
    generator = generators(1)
    assert STANDARD.draw(generator).scales != STANDARD.draw(generator).scales
    wide, narrow = Transforms(jitter=8, rotate=90), Transforms(jitter=2, scale=(1, 2), rotate=90)
    assert wide.draw(generators(5)).angles == narrow.draw(generators(5)).angles


def test_no_transforms_are_the_picture_itself():
    picture = noise(2, 3, 6, 7)
    assert torch.equal(transformed(picture, NONE.draw(generators(0, 1))), picture)


def test_the_presets_are_lucids_and_the_recommended_ranges():
    assert Transforms(12, 8, (0.9, 1.1), 10, 4) == STANDARD
    assert Transforms() == NONE
    assert RANGES == {"jitter": (8, 64), "scale": (1.0, 1.4), "rotate": (15, 180), "octave": (1.0, 1.2)}
    assert Transforms(scale=1.2).scale == (1.2, 1.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pad": -1}, "pad is -1: give whole pixels"),
        ({"jitter": 2.5}, r"jitter is 2\.5: give whole pixels"),
        ({"settle": float("nan")}, "settle is nan"),
        ({"rotate": -3}, "rotate is -3: give degrees"),
        ({"scale": (1.2, 0.9)}, r"scale is \(1\.2, 0\.9\)"),
        ({"scale": (0.0, 1.0)}, "scale is"),
        ({"scale": (1.0, 1.1, 1.2)}, "scale is"),
    ],
)
def test_ranges_that_are_none_are_refused(options, message):
    with pytest.raises(AscentError, match=message):
        Transforms(**options)
