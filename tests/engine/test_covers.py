"""Where pictures are covered and with what, against slow loops."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import cnnvis_widgets as cw
from cnnvis_widgets.engine.covers import (
    Covers,
    content,
    covered,
    overlapping,
    placed,
    segments,
    sliding,
    windows_around,
)
from cnnvis_widgets.engine.perturbation import fill_of_each, filled
from cnnvis_widgets.engine.place_fills import box_of

SIZE = (23, 31)
PICTURE = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
LABELS = (np.arange(23)[:, None] // 9 + 3 * (np.arange(31)[None] // 13)).astype(np.int64)
BLOB = np.array([[0, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 1, 1]], bool)
KINDS = {
    "squares": sliding(SIZE, 8, 5),
    "circles": sliding(SIZE, (9, 6), (4, 7), "circle"),
    "gaps between": sliding(SIZE, 3, 8),
    "a mask": sliding(SIZE, 1, (3, 4), BLOB),
    "segments": segments(LABELS),
    "a single place": placed(SIZE, BLOB, 21, 28),
    "around a place": windows_around(SIZE, (3, 20), (1, 4, 9, 40), "circle"),
    "the whole": sliding(SIZE, SIZE, 1),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def covers(request):
    return request.param


def places_by_loops(length, window, stride):
    """Starts from 0 until a window reaches the end."""
    starts = [0]
    while starts[-1] + window < length:
        starts.append(starts[-1] + stride)
    return [start for start in starts if start < length]


@pytest.mark.parametrize("window", [1, 2, 7, 23, (4, 9), (23, 31)])
@pytest.mark.parametrize("stride", [1, 3, 5, 40, (2, 7)])
def test_windows_slide_until_they_reach_the_end_and_the_last_is_cut_off(window, stride):
    (high, wide), (down, across) = ((each, each) if isinstance(each, int) else each for each in (window, stride))
    expected = [
        (top, left, min(top + high, 23), min(left + wide, 31))
        for top in places_by_loops(23, high, down)
        for left in places_by_loops(31, wide, across)
    ]
    found = sliding(SIZE, window, stride)
    assert found.boxes.tolist() == [list(box) for box in expected]
    assert found.grid == (len(places_by_loops(23, high, down)), len(places_by_loops(31, wide, across)))
    assert found.grid[0] * found.grid[1] == len(found)


@pytest.mark.parametrize(("window", "stride"), [(8, 5), (8, 8), ((23, 2), (1, 2)), (5, 3)])
def test_windows_with_no_gaps_between_cover_every_pixel(window, stride):
    found = sliding(SIZE, window, stride)
    assert np.any([found.outline(place) for place in range(len(found))], 0).all()


@pytest.mark.parametrize(("high", "wide"), [(1, 1), (2, 2), (5, 5), (8, 8), (9, 4)])
def test_a_circle_holds_the_pixels_whose_centers_lie_in_it(high, wide):
    found = sliding(SIZE, (high, wide), 3, "circle").mask(0)
    for row in range(high):
        for column in range(wide):
            down, across = (row + 0.5 - high / 2) / (high / 2), (column + 0.5 - wide / 2) / (wide / 2)
            assert found[row, column] == (down**2 + across**2 <= 1), (row, column)


def test_a_mask_keeps_its_shape_where_it_lies_and_is_cut_off_outside():
    for top, left in [(0, 0), (-1, -2), (21, 28), (5, 30)]:
        found = placed(SIZE, BLOB, top, left)
        expected = np.zeros(SIZE, bool)
        for row, column in np.argwhere(BLOB):
            if 0 <= top + row < 23 and 0 <= left + column < 31:
                expected[top + row, left + column] = True
        np.testing.assert_array_equal(found.outline(0), expected)


def test_segments_are_covered_one_by_one_and_negative_ones_never():
    labels = LABELS.copy()
    labels[:4] = -1
    found = segments(labels, SIZE)
    outlines = [found.outline(place) for place in range(len(found))]
    assert len(outlines) == len(np.unique(labels[labels >= 0]))
    for outline, label in zip(outlines, np.unique(labels[labels >= 0]), strict=True):
        np.testing.assert_array_equal(outline, labels == label)


def test_masks_that_overlap_are_covers_of_their_own():
    masks = np.random.default_rng(0).random((4, *SIZE)) > 0.9
    found = overlapping(masks)
    for place, mask in enumerate(masks):
        np.testing.assert_array_equal(found.outline(place), mask)
        assert tuple(found.boxes[place]) == box_of(mask)


def test_windows_around_a_place_have_it_in_their_middle():
    sides = (1, 2, 3, 8, 40)
    found = windows_around(SIZE, (3, 20), sides)
    for place, side in enumerate(sides):
        expected = np.zeros(SIZE, bool)
        for row in range(23):
            for column in range(31):
                expected[row, column] = (
                    -(side // 2) <= row - 3 < side - side // 2 and -(side // 2) <= column - 20 < side - side // 2
                )
        np.testing.assert_array_equal(found.outline(place), expected)


def test_levels_hold_every_place_once_and_begin_with_few_that_span_the_picture():
    for kind, found in KINDS.items():
        levels = found.levels()
        assert sorted(np.concatenate(levels).tolist()) == list(range(len(found))), kind
    fine = sliding((96, 96), 8, 4)
    first = fine.levels()[0]
    assert len(first) <= 16
    rows, columns = np.divmod(first, fine.grid[1])
    assert rows.min() == columns.min() == 0
    assert rows.max() >= fine.grid[0] * 2 // 3
    assert [len(level) for level in fine.levels()] == sorted(len(level) for level in fine.levels())


def test_each_pixel_gets_the_mean_of_the_places_that_cover_it(covers):
    values = np.random.default_rng(1).normal(size=len(covers)).astype(np.float32)
    expected = np.zeros(SIZE)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            here = [float(values[place]) for place in range(len(covers)) if covers.outline(place)[row, column]]
            expected[row, column] = np.mean(here) if here else 0
    np.testing.assert_allclose(covers.average(values), expected, atol=1e-6)


def test_pixels_under_the_same_windows_have_the_same_value_to_the_bit():
    covers = sliding((64, 64), 16, 8)
    found = covers.average(np.random.default_rng(2).normal(size=len(covers)) * 1e3)
    cells = found.reshape(8, 8, 8, 8)
    assert (cells == cells[:, :1, :, :1]).all()


def test_places_not_known_yet_take_the_value_of_the_nearest_known():
    covers = sliding((64, 64), 16, 4)
    values = np.random.default_rng(3).normal(size=len(covers))
    known = np.full(len(covers), np.nan)
    first = covers.levels()[0]
    known[first] = values[first]
    found = covers.completed(known).reshape(covers.grid)
    rows, columns = (np.unique(each) for each in np.divmod(first, covers.grid[1]))
    step = rows[1] - rows[0]
    for row in range(covers.grid[0]):
        for column in range(covers.grid[1]):
            at = [
                each[np.abs(each - place) == np.abs(each - place).min()]
                for each, place in ((rows, row), (columns, column))
            ]
            near = [known.reshape(covers.grid)[down, across] for down in at[0] for across in at[1]]
            assert found[row, column] in near
    assert step > 1
    np.testing.assert_array_equal(covers.completed(values), values)
    np.testing.assert_array_equal(covers.completed(np.full(len(covers), np.nan)), 0)


FILL = filled(PICTURE, "noise", seed=4)


def test_a_covered_picture_shows_the_fill_where_it_is_covered_and_itself_elsewhere(covers):
    before = PICTURE.clone()
    places = np.arange(len(covers))[::2]
    found = covered(PICTURE, FILL, covers, places)
    assert found.shape == (len(places), 3, *SIZE)
    for picture, place in zip(found, places, strict=True):
        outline = torch.from_numpy(covers.outline(place))
        for channel in range(3):
            assert torch.equal(picture[channel], torch.where(outline, FILL[0, channel], PICTURE[0, channel]))
    assert torch.equal(PICTURE, before)


def test_the_content_of_a_place_is_what_stands_in_its_box(covers):
    for place in range(len(covers)):
        top, left, bottom, right = covers.boxes[place]
        whole = covered(PICTURE, FILL, covers, [place])[0]
        assert torch.equal(content(PICTURE, FILL, covers, place), whole[:, top:bottom, left:right])


def test_a_function_of_the_place_is_asked_with_the_picture_and_the_covered_pixels(covers):
    asked = []

    def fill(image, mask):
        asked.append((image.copy(), mask.copy()))
        return 1 - image

    found = covered(PICTURE, fill, covers, range(len(covers)))
    assert len(asked) == len(covers)
    for place, (image, mask) in enumerate(asked):
        np.testing.assert_array_equal(image, PICTURE[0])
        np.testing.assert_array_equal(mask, covers.outline(place))
        expected = np.where(mask, 1 - image, image)
        np.testing.assert_array_equal(found[place], expected)


def test_a_patch_is_the_same_under_every_cover_and_comes_from_where_it_is_said():
    covers = sliding(SIZE, (6, 7), 5)
    (fill,) = fill_of_each(PICTURE, cw.patch_fill(10, 12))
    for place, (top, left, bottom, right) in enumerate(covers.boxes):
        made = covered(PICTURE, fill, covers, [place])[0]
        expected = PICTURE[0].clone()
        expected[:, top:bottom, left:right] = PICTURE[0, :, 10 : 10 + bottom - top, 12 : 12 + right - left]
        assert torch.equal(made, expected)


def test_a_patch_may_come_from_another_picture_and_is_cut_to_the_shape_of_the_cover():
    other = np.random.default_rng(5).random((40, 50, 3)).astype(np.float32)
    covers = placed(SIZE, BLOB, 4, 9)
    made = covered(PICTURE, cw.patch_fill(30, 40, other), covers, [0])[0]
    for row, column in np.argwhere(BLOB):
        np.testing.assert_allclose(made[:, 4 + row, 9 + column], other[30 + row, 40 + column], atol=1e-7)
    kept = ~covers.outline(0)
    assert torch.equal(made[:, kept], PICTURE[0, :, kept])


def test_inpainting_goes_on_with_what_is_around():
    """A ramp is biharmonic, so it comes back whole; the pixels around are left to the bit."""
    pytest.importorskip("skimage")
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    ramp = torch.stack([rows / 80 + columns / 120, columns / 60, 1 - rows / 60])[None]
    covers = overlapping(np.stack([sliding((40, 50), 12, 14, shape).outline(5) for shape in ("square", "circle")]))
    (fill,) = fill_of_each(ramp, "inpaint")
    found = covered(ramp, fill, covers, [0, 1])
    for place in range(2):
        outline = covers.outline(place)
        np.testing.assert_allclose(found[place][:, outline], ramp[0, :, outline], atol=2e-3)
        assert torch.equal(found[place][:, ~outline], ramp[0, :, ~outline])


def test_inpainting_is_that_of_the_whole_picture_held_within_the_levels_around():
    restoration = pytest.importorskip("skimage.restoration")
    rows, columns = np.mgrid[:40, :50]
    picture = 0.5 + 0.4 * np.sin(rows / 7)[None] * np.cos(columns / np.array([5.0, 9.0, 11.0])[:, None, None])
    image = torch.from_numpy(picture[None]).float()
    mask = np.zeros((40, 50), bool)
    mask[10:19, 20:31] = True
    expected = restoration.inpaint_biharmonic(image[0].double().numpy(), mask, channel_axis=0)
    found = covered(image, fill_of_each(image, "inpaint")[0], overlapping(mask[None]), [0])[0]
    around = np.zeros((40, 50), bool)
    around[6:23, 16:35] = True
    for channel in range(3):
        levels = picture[channel][around & ~mask]
        held = expected[channel].clip(levels.min(), levels.max())
        np.testing.assert_allclose(found[channel], np.where(mask, held, image[0, channel]), atol=2e-3)


def test_superpixels_are_connected_pieces_along_the_edges_of_a_picture():
    measure = pytest.importorskip("skimage.measure")
    halves = np.zeros((40, 60, 3), np.float32)
    halves[:, 25:] = 1
    labels = cw.superpixels(halves, 12)
    assert labels.shape == (40, 60)
    assert labels.dtype == np.int64
    assert 6 <= len(np.unique(labels)) <= 20
    for label in np.unique(labels):
        assert measure.label(labels == label, connectivity=1).max() == 1
        assert len(np.unique(halves[labels == label])) == 1
    assert len(segments(labels, (40, 60))) == len(np.unique(labels))


OPTIONAL = {
    "skimage.segmentation": lambda: cw.superpixels(PICTURE),
    "skimage.restoration": lambda: covered(PICTURE, fill_of_each(PICTURE, "inpaint")[0], KINDS["squares"], [0]),
}


@pytest.mark.parametrize(("module", "ask"), OPTIONAL.items())
def test_without_scikit_image_a_sentence_says_what_to_install(module, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(cw.ImageError, match="scikit-image, which is not installed: pip install scikit-image, or"):
        ask()


@pytest.mark.parametrize(
    ("color", "levels"), [("#ff8000", (1, 128 / 255, 0)), ("#0A0b0C", (10 / 255, 11 / 255, 12 / 255))]
)
def test_a_color_fills_each_channel_with_its_level(color, levels):
    for channel, level in enumerate(levels):
        np.testing.assert_allclose(filled(PICTURE, color)[0, channel], level, atol=1e-6)
    gray = 0.299 * levels[0] + 0.587 * levels[1] + 0.114 * levels[2]
    np.testing.assert_allclose(filled(PICTURE[:, :1], color), gray, atol=1e-6)


NAN_MASK = np.full((3, 3), np.nan)
BAD = {
    "window larger than the picture": (
        lambda: sliding(SIZE, 24, 4),
        r"24 × 24 pixels does not fit into a picture of 23 × 31",
    ),
    "window 0": (lambda: sliding(SIZE, 0, 4), r"window is 0: give whole pixels, at least 1"),
    "window of half a pixel": (lambda: sliding(SIZE, 3.5, 4), r"window is 3.5: give whole pixels"),
    "window not a number": (lambda: sliding(SIZE, float("nan"), 4), r"window is nan: give whole pixels"),
    "window in words": (lambda: sliding(SIZE, "large", 4), r"window is 'large': give whole pixels"),
    "window of three sides": (lambda: sliding(SIZE, (3, 3, 3), 4), r"window is \(3, 3, 3\): give whole pixels"),
    "stride 0": (lambda: sliding(SIZE, 8, 0), r"stride is 0: give whole pixels, at least 1"),
    "stride back": (lambda: sliding(SIZE, 8, (4, -1)), r"stride is \(4, -1\): give whole pixels"),
    "stride without end": (lambda: sliding(SIZE, 8, float("inf")), r"stride is inf: give whole pixels"),
    "stride true": (lambda: sliding(SIZE, 8, True), r"stride is True: give whole pixels"),
    "shape": (lambda: sliding(SIZE, 8, 4, "star"), r"no shape 'star': choose 'square' or 'circle'"),
    "mask empty": (
        lambda: sliding(SIZE, 8, 4, np.zeros((4, 5), bool)),
        r"mask of 4 × 5 pixels is empty: give at least one",
    ),
    "mask of NaN": (lambda: sliding(SIZE, 8, 4, NAN_MASK), r"mask holds NaN"),
    "mask of words": (lambda: sliding(SIZE, 8, 4, np.full((2, 2), "x")), r"mask is bool \(h, w\)"),
    "mask outside": (lambda: placed(SIZE, BLOB, 23, 0), r"row 23, column 0 lies outside the picture of 23 × 31"),
    "labels of float": (lambda: segments(LABELS * 1.0), r"whole numbers \(height, width\), one a pixel; float64"),
    "no label": (lambda: segments(LABELS - 99), r"no segment to cover, as every pixel's label is negative"),
    "labels of another size": (lambda: segments(LABELS, (24, 31)), r"23 × 31 pixels and the picture is 24 × 31"),
    "masks of another size": (
        lambda: overlapping(np.ones((2, 3, 4)), SIZE),
        r"3 × 4 pixels and the picture is 23 × 31",
    ),
    "one mask, empty": (lambda: overlapping(np.zeros((1, 23, 31), bool), SIZE), r"mask of 23 × 31 pixels is empty"),
    "no masks": (lambda: overlapping(np.ones((0, 23, 31), bool), SIZE), r"masks \(K, height, width\)"),
    "place outside": (lambda: windows_around(SIZE, (23, 0), (3,)), r"at is \(23, 0\), and the picture has rows 0–22"),
    "place between": (lambda: windows_around(SIZE, (2.5, 0), (3,)), r"at is \(2.5, 0\), and the picture has rows 0–22"),
    "too many pieces": (lambda: cw.superpixels(PICTURE, 0), r"count is 0: a picture of 23 × 31 pixels has 1 to 713"),
    "compactness": (
        lambda: cw.superpixels(PICTURE, 5, compactness=float("nan")),
        r"compactness is nan: give a number above 0",
    ),
}
BAD_FILLS = {
    "no such name": ("pink", r"no fill 'pink': choose one of gray, mean, black, white, blur, noise, a color '#rrggbb'"),
    "short color": ("#f80", r"no fill '#f80'"),
    "color out of range": ("#gg0000", r"no fill '#gg0000'"),
    "array out of range": (np.full((3, *SIZE), 2.0), r"Values run from 2 to 2"),
    "array of NaN": (np.full((3, *SIZE), np.nan), r"NaN or infinite"),
    "array of another size": (np.zeros((3, 5, 5)), r"shape \(3, 5, 5\), and the pictures need"),
    "a number": (7.0, r"The fill has shape \(\), and the pictures need.*or choose one of gray"),
    "function of NaN": (lambda image, mask: image * np.nan, r"gave NaN or infinite values at covered pixels"),
    "function out of range": (
        lambda image, mask: image + 2,
        r"gave values from 2.* at covered pixels: give float in \[0, 1\]",
    ),
    "function of another shape": (lambda image, mask: image[0], r"shape \(23, 31\) for a picture \(3, 23, 31\)"),
    "patch outside": (cw.patch_fill(20, 0), r"cover is 8 × 8 pixels, and a picture of 3 × 23 × 31 has no such patch"),
    "patch of one channel": (
        cw.patch_fill(0, 0, np.zeros((30, 30))),
        r"1 × 30 × 30 has no such patch for one of 3 channels",
    ),
}


@pytest.mark.parametrize(("ask", "message"), BAD.values(), ids=BAD.keys())
def test_a_cover_that_is_none_is_refused_in_a_sentence(ask, message):
    if "superpixels" in ask.__code__.co_names:
        pytest.importorskip("skimage")
    with pytest.raises(cw.ImageError, match=message):
        ask()


@pytest.mark.parametrize(("fill", "message"), BAD_FILLS.values(), ids=BAD_FILLS.keys())
def test_a_fill_that_is_none_is_refused_in_a_sentence(fill, message):
    with pytest.raises(cw.ImageError, match=message):
        covered(PICTURE, fill_of_each(PICTURE, fill)[0], KINDS["squares"], [0])


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, 2.5), (True, 0), (float("nan"), 0)])
def test_a_patch_that_begins_nowhere_is_refused(row, column):
    with pytest.raises(cw.ImageError, match="A patch begins at a row and a column of its picture"):
        cw.patch_fill(row, column)


@pytest.mark.parametrize("fill", ["inpaint", cw.patch_fill(0, 0)])
def test_a_fill_of_single_places_is_no_whole_picture(fill):
    with pytest.raises(
        cw.ImageError, match="depends on which pixels are covered, and here it is a whole picture: choose one of"
    ):
        filled(PICTURE, fill)


def test_a_color_needs_one_or_three_channels():
    with pytest.raises(cw.ImageError, match="is a color, and the pictures have 2 channels"):
        filled(PICTURE[:, :2], "#ffffff")


def test_a_picture_covered_whole_cannot_be_inpainted():
    pytest.importorskip("skimage")
    with pytest.raises(cw.ImageError, match="whole picture is covered, so there is nothing to inpaint from"):
        covered(PICTURE, fill_of_each(PICTURE, "inpaint")[0], KINDS["the whole"], [0])


def test_covers_know_how_many_they_are():
    assert isinstance(KINDS["squares"], Covers)
    assert len(KINDS["squares"]) == 4 * 6
