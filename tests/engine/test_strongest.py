"""The strongest patches of every channel: found in a stream as they are found by looking at every picture at every position."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.images import to_uint8
from cnnvis_widgets.engine.strongest import strongest_patches

SCENES = cw.scenes(20, seed=5)


@pytest.fixture(scope="module")
def network():
    return cw.demo()


@pytest.fixture(scope="module")
def found(network):
    return strongest_patches(network, "residual1", SCENES, count=4, batch=6).result()


def by_definition(network, layer, pictures, count):
    """(value, picture, row, column) of each channel, best first: every picture by itself, every position in turn."""
    rows = []
    for number, picture in enumerate(pictures):
        read = network.read(picture)
        maps = network.layer(layer).maps(network.trace(read, layer)[layer])[0]
        for channel, field in enumerate(maps.numpy()):
            place = np.unravel_index(field.argmax(), field.shape)
            rows.append((channel, float(field[place]), number, *map(int, place)))
    channels = range(max(row[0] for row in rows) + 1)
    return [sorted([row[1:] for row in rows if row[0] == c], key=lambda r: (-r[0], r[1]))[:count] for c in channels]


def test_they_are_those_of_every_picture_looked_at_by_itself(network, found):
    expected = by_definition(network, "residual1", [scene.image for scene in SCENES], 4)
    assert len(found) == 32
    for channel, rows in enumerate(expected):
        np.testing.assert_allclose(found.values[channel], [row[0] for row in rows], rtol=1e-5, atol=1e-6)
        if found.values[channel, 3] > 0:  # else pictures without an answer are all alike
            assert found.pictures[channel].tolist() == [row[1] for row in rows]
            assert found.positions[channel].tolist() == [list(row[2:]) for row in rows]


def test_the_patch_is_what_the_unit_sees_clipped_to_the_picture(network, found):
    field = network.layer("residual1").receptive_field
    for channel in (0, 7, 31):
        for rank in range(4):
            top, left, bottom, right = field.box(*found.positions[channel, rank])
            box = (
                max(0, int(np.floor(top))),
                max(0, int(np.floor(left))),
                min(96, int(np.ceil(bottom))),
                min(96, int(np.ceil(right))),
            )
            assert tuple(found.boxes[channel, rank]) == box
            whole = SCENES[int(found.pictures[channel, rank])].image
            np.testing.assert_array_equal(found.patch(channel, rank), whole[box[0] : box[2], box[1] : box[3]])


def test_nothing_outside_the_patch_matters_to_the_unit(network, found):
    """Up to the batch statistics of evaluation mode, which do not depend on the picture."""
    for channel in (0, 5, 20):
        scene = SCENES[int(found.pictures[channel, 0])].image
        top, left, bottom, right = found.boxes[channel, 0]
        other = 255 - scene
        other[top:bottom, left:right] = scene[top:bottom, left:right]
        row, column = found.positions[channel, 0]
        value = network.trace(network.read(other), "residual1")["residual1"][0, channel, row, column]
        assert float(value) == pytest.approx(float(found.values[channel, 0]), rel=1e-5)


def test_how_often_and_how_much_a_channel_is_active_is_counted_over_all_pictures(network, found):
    maps = network.trace([scene.image for scene in SCENES], "residual1")["residual1"]
    np.testing.assert_allclose(found.frequency, (maps.amax((2, 3)) > 0).double().mean(0).numpy())
    np.testing.assert_allclose(found.mean, maps.double().mean((0, 2, 3)).numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.peak, maps.amax((0, 2, 3)).numpy(), rtol=1e-5)
    np.testing.assert_array_equal(found.silent, (maps.amax((0, 2, 3)) == 0).numpy())


def test_a_picture_in_which_a_channel_is_zero_everywhere_does_not_count_as_active():
    network = cw.Network(
        nn.Sequential(nn.Identity(), nn.ReLU()), cw.Preprocess(3, (4, 4), mean=(0.5,) * 3, std=(1.0,) * 3)
    )
    dark, bright = np.zeros((4, 4, 3), np.float32), np.ones((4, 4, 3), np.float32)
    red = bright * [1, 0, 0.5]  # blue comes to exactly 0
    found = strongest_patches(network, "1", [dark, bright, red.astype(np.float32), dark], count=2).result()
    assert found.frequency.tolist() == [0.5, 0.25, 0.25]
    assert strongest_patches(network, "1", [dark], count=1).result().silent.all()


def test_no_picture_stands_twice_in_a_row_and_each_is_named(found):
    for row in found.pictures:
        assert len(set(row.tolist())) == len(row)
    assert set(found.names) == set(np.unique(found.pictures).tolist())
    assert found.names[3] == f"{SCENES[3].name} 4"


@pytest.mark.parametrize("batch", [1, 3, 20, 50])
def test_the_size_of_a_batch_changes_nothing(network, found, batch):
    other = strongest_patches(network, "residual1", SCENES, count=4, batch=batch).result()
    np.testing.assert_allclose(other.values, found.values, rtol=1e-5, atol=1e-6)
    apart = found.values[:, :-1] - found.values[:, 1:] > 1e-5  # equal ones may change places by rounding
    clear = np.c_[apart, apart[:, -1:]].all(1)
    assert clear.sum() > 20
    np.testing.assert_array_equal(other.pictures[clear], found.pictures[clear])
    np.testing.assert_array_equal(other.boxes[clear], found.boxes[clear])


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_of_equal_answers_the_earlier_picture_comes_first_and_the_upper_left_place(batch):
    network = cw.Network(nn.Sequential(nn.MaxPool2d(2), nn.Hardtanh(0, 0.5)), cw.Preprocess(3))
    bright = np.full((8, 8, 3), 0.9, np.float32)
    found = strongest_patches(network, "1", [bright * 0.1, *[bright] * 4], count=3, batch=batch).result()
    assert found.pictures.tolist() == [[1, 2, 3]] * 3
    assert not found.positions.any()


def test_every_step_shows_what_is_strongest_so_far_and_does_not_change_later(network):
    work = strongest_patches(network, "residual1", SCENES, count=4, batch=6)
    assert len(work) == 20
    first = next(work).result
    before = first.values.copy(), first.pictures.copy(), first.patch(0, 0).copy(), dict(first.names)
    steps = [first, *(step.result for step in work)]
    assert [step.done for step in steps] == [6, 12, 18, 20]
    assert all(step.total == 20 for step in steps)
    assert all((later.peak >= earlier.peak).all() for earlier, later in pairwise(steps))
    np.testing.assert_array_equal(first.values, before[0])
    np.testing.assert_array_equal(first.pictures, before[1])
    np.testing.assert_array_equal(first.patch(0, 0), before[2])
    assert first.names == before[3]
    alone = strongest_patches(network, "residual1", SCENES[:6], count=4).result()
    np.testing.assert_allclose(first.values, alone.values, rtol=1e-5, atol=1e-6)


def test_fewer_pictures_than_places_leave_places_empty(network):
    found = strongest_patches(network, "residual1", SCENES[:2], count=4, channels=[3, 1]).result()
    assert found.channels.tolist() == [3, 1]
    assert np.isfinite(found.values[:, :2]).all()
    assert np.isnan(found.values[:, 2:]).all()
    assert (found.pictures[:, 2:] == -1).all()
    assert found.count(3) == 2
    assert found._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(cw.LayerError, match=r"residual1:1 has 2 patches, ranks from 0; 2 is none"):
        found.patch(1, 2)
    with pytest.raises(cw.LayerError, match="Channel 0 of residual1 was not looked at"):
        found.patch(0)


def test_chosen_channels_are_those_rows_of_all(network, found):
    some = strongest_patches(network, "residual1", SCENES, count=4, batch=6, channels=[9, 2, -1]).result()
    assert some.channels.tolist() == [9, 2, 31]
    np.testing.assert_array_equal(some.values, found.values[[9, 2, 31]])
    np.testing.assert_array_equal(some.patch(9, 1), found.patch(9, 1))


@dataclass
class Item:
    image: object
    label: int


def endless_pairs(count):
    yield from ((scene.image, scene.label) for scene in SCENES[:count])


@pytest.mark.parametrize(
    "dataset",
    [
        [scene.image for scene in SCENES[:5]],
        [(scene.image, scene.label) for scene in SCENES[:5]],
        [Item(scene.image, 0) for scene in SCENES[:5]],
        torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) / 255 for scene in SCENES[:5]]),
    ],
    ids=["pictures", "pairs", "items", "tensor"],
)
def test_a_data_set_may_be_of_any_kind(network, dataset):
    expected = strongest_patches(network, "separable1", SCENES[:5], count=2).result()
    found = strongest_patches(network, "separable1", dataset, count=2).result()
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-6)


def test_a_folder_is_read_and_broken_files_are_passed_over_and_named(network, tmp_path):
    from PIL import Image

    for number, scene in enumerate(SCENES[:4]):
        Image.fromarray(scene.image).save(tmp_path / f"{number}.png")
    (tmp_path / "1b.png").write_bytes(b"no picture")
    found = strongest_patches(network, "separable1", cw.folder(tmp_path), count=2).result()
    expected = strongest_patches(network, "separable1", SCENES[:4], count=2).result()
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-6)
    assert found.unreadable == ("1b.png",)
    assert set(found.names.values()) <= {"0.png", "1.png", "2.png", "3.png"}
    assert found.done == 4


def test_a_stream_of_unknown_length_is_gone_through_once_with_a_growing_total(network):
    steps = list(strongest_patches(network, "separable1", endless_pairs(5), count=2, batch=2))
    assert [(step.done, step.total) for step in steps] == [(2, 3), (4, 5), (5, 5)]
    expected = strongest_patches(network, "separable1", SCENES[:5], count=2).result()
    np.testing.assert_allclose(steps[-1].result.values, expected.values, rtol=1e-5, atol=1e-6)


def test_pictures_of_several_sizes_go_through_a_network_that_takes_any():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    network = cw.Network(model)
    pictures = [np.asarray(scene.image)[: 40 + 3 * k, : 50 - k] for k, scene in enumerate(SCENES[:6])]
    found = strongest_patches(network, "1", pictures, count=3).result()
    expected = by_definition(network, "1", pictures, 3)
    for channel, rows in enumerate(expected):
        np.testing.assert_allclose(found.values[channel], [row[0] for row in rows], rtol=1e-5, atol=1e-6)
        assert found.patch(channel, 0).shape[0] <= 3


def test_a_layer_without_positions_sees_the_whole_picture(network):
    found = strongest_patches(network, "head", SCENES[:8], count=2).result()
    assert len(found) == 12
    number = int(found.pictures[0, 0])
    np.testing.assert_array_equal(found.patch(0), SCENES[number].image)
    scores = network.trace([scene.image for scene in SCENES[:8]]).logits
    assert number == int(scores[:, 0].argmax())


def test_values_that_are_no_numbers_never_win(network):
    def broken(output):
        return torch.where(torch.arange(len(output))[:, None, None, None] == 1, torch.nan, output)

    edited = network.edited("residual1", broken)
    found = strongest_patches(edited, "residual1", SCENES[:4], count=4, batch=4).result()
    assert 1 not in found.pictures
    assert np.isfinite(found.values[:, :3]).all()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_works_on_every_small_network_and_leaves_it_alone(case):
    model = module_of(case).train()
    network = network_of(case, model)
    before, images = fingerprint(model), pictures_for(case, count=7)
    found = strongest_patches(network, case.layer, images, count=3, batch=3).result()
    assert fingerprint(model) == before
    expected = by_definition(network, case.layer, list(images), 3)
    for channel, rows in enumerate(expected):
        np.testing.assert_allclose(found.values[channel], [row[0] for row in rows], rtol=1e-4, atol=1e-5)
        number = int(found.pictures[channel, 0])
        top, left, bottom, right = found.boxes[channel, 0]
        np.testing.assert_array_equal(found.patch(channel), to_uint8(images[number])[top:bottom, left:right])


def test_the_forward_pass_stops_at_the_layer_and_records_nothing(network):
    seen = []
    handle = network.model.head.register_forward_hook(lambda *_: seen.append("head"))
    inner = network.model.residual1.register_forward_hook(lambda _m, _a, out: seen.append(out.requires_grad))
    with handle, inner, torch.enable_grad():
        strongest_patches(network, "residual1", SCENES[:4], batch=2).result()
    assert seen == [False, False]


def test_what_is_kept_does_not_grow_with_the_data_set(network):
    """A picture that is not among the strongest any more is let go."""
    rng = np.random.default_rng(0)
    held = []
    for count in (30, 90):
        pictures = (rng.integers(0, 256, (96, 96, 3), np.uint8) for _ in range(count))
        found = strongest_patches(network, "separable3", pictures, count=2, channels=range(6), batch=5).result()
        sources = {id(patch.source): patch.source for row in found._patches for patch in row}
        held.append(sum(source.nbytes for source in sources.values()))
        assert all(source.base is None for source in sources.values())
    assert max(held) <= 12 * 96 * 96 * 3
    del found
    gc.collect()


def test_large_patches_share_their_picture(network):
    found = strongest_patches(network, "separable3", SCENES[:3], count=3).result()
    sources = {id(patch.source) for row in found._patches for patch in row}
    assert len(sources) == 3


def test_what_cannot_be_is_refused(network):
    with pytest.raises(cw.LayerError, match="no layer 'residual9'"):
        strongest_patches(network, "residual9", SCENES)
    with pytest.raises(cw.LayerError, match="channels 0–31"):
        strongest_patches(network, "residual1", SCENES, channels=[32])
    with pytest.raises(ValueError, match="at least 1"):
        strongest_patches(network, "residual1", SCENES, count=0)
    with pytest.raises(cw.ImageError, match=r"cw\.folder"):
        strongest_patches(network, "residual1", "photos")
    with pytest.raises(cw.ImageError, match="has no picture"):
        strongest_patches(network, "residual1", []).result()
    with pytest.raises(cw.ImageError, match=r"nowhere\.png cannot be read"):
        strongest_patches(network, "residual1", ["nowhere.png"]).result()


def test_closed_at_any_step_nothing_stays(network):
    work = strongest_patches(network, "residual1", SCENES, batch=6)
    next(work)
    work.close()
    with pytest.raises(RuntimeError, match="closed before its last step"):
        work.result()
    assert not [part for part in network.model.modules() if part._forward_hooks]
