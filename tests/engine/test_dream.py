"""Dreams against their definition: gradients by plain torch, tiles against the whole, octaves that lose nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
import torchvision
from methods.nets import CASES, fingerprint, module_of, network_of, normalized
from torch import Tensor, nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.dream import Dream, enlarged_middle, leveled, resized
from cnnvis_widgets.engine.errors import AscentError
from cnnvis_widgets.engine.images import decode
from cnnvis_widgets.engine.pulls import Slope
from cnnvis_widgets.engine.tiling import Tiling

CASE = CASES["in-place ReLU"]  # convolution, ReLU in place, overlapping max-pool, convolution "0.3", ReLU "1"


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


@pytest.fixture(scope="module")
def demo():
    return cw.demo()


@pytest.fixture(scope="module")
def scene():
    return decode(cw.scenes(1, seed=3)[0].image)


def noise(height: int = 40, width: int = 53, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 0.8 + 0.1


def finished(dream: Dream) -> Dream:
    while not dream.finished:
        dream.step()
    return dream


def maps_of(picture: Tensor, name: str) -> Tensor:
    """A layer's output by the module itself."""
    model = module_of(CASE)
    parts = [model[0][0], nn.ReLU(), model[0][2], model[0][3]]
    return nn.Sequential(*(parts if name == "0.3" else [*parts, nn.ReLU()]))(normalized(CASE, picture))


def along(one: Tensor, other: Tensor) -> float:
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))


def slope_of(network, pulls, guide=None, tile=None):
    return Slope(network.at_any_size(), pulls, guide, tile)


def test_the_gradient_of_a_layer_is_that_of_half_its_mean_square_in_units_of_what_it_is_in_the_photo(network):
    photo, picture = noise(seed=1), noise(seed=2).requires_grad_()
    slope = slope_of(network, {"1": 2.0})
    found, _ = slope.at(picture.detach(), slope.measure(photo))
    start = (maps_of(photo, "1") ** 2).mean((2, 3)).sum() / 2
    climbed = 2.0 * (maps_of(picture, "1") ** 2).sum() / 2 / start
    (expected,) = torch.autograd.grad(climbed, picture)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_the_gradient_of_a_channel_is_that_of_its_mean_and_weights_add_up(network):
    picture = noise().requires_grad_()
    slope = slope_of(network, {"0.3:4": -1.5, "1": 0.5})
    found, _ = slope.at(picture.detach(), slope.measure(picture.detach()))
    before, after = maps_of(picture, "0.3"), maps_of(picture, "1")
    size, energy = before[:, 4].abs().mean().detach(), ((after**2).mean((2, 3)).sum() / 2).detach()
    (expected,) = torch.autograd.grad(-1.5 * before[:, 4].sum() / size + 0.5 * (after**2).sum() / 2 / energy, picture)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_a_guide_leads_each_position_to_the_feature_of_it_with_the_largest_dot_product(network):
    picture, guide = noise().requires_grad_(), noise(31, 22, seed=5)
    slope = slope_of(network, {"1": 1.0}, guide)
    found, _ = slope.at(picture.detach(), slope.measure(picture.detach()))
    maps, features = maps_of(picture, "1")[0].flatten(1), maps_of(guide, "1")[0].flatten(1).detach()
    climbed = torch.zeros(())
    for position in range(maps.shape[1]):  # Mordvintsev's, position by position
        products = [float(maps[:, position].detach() @ features[:, other]) for other in range(features.shape[1])]
        climbed = climbed + maps[:, position] @ features[:, int(np.argmax(products))]
    (expected,) = torch.autograd.grad(climbed, picture)
    assert along(found, expected) > 1 - 1e-5


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.3, 0.77), (0.999, 0.01)])
@pytest.mark.parametrize("size", [(200, 200), (131, 257), (90, 64), (70, 1)])
def test_a_gradient_in_tiles_is_that_of_the_whole(network, size, corner):
    picture = noise(*size) if min(size) > 1 else noise(size[0], 20)
    pulls = {"0.3:2": 1.0, "1": -0.5}
    whole, tiled = slope_of(network, pulls, tile=10_000), slope_of(network, pulls, tile=64)
    start = whole.measure(picture)
    expected, _ = whole.at(picture, start)
    found, _ = tiled.at(picture, start, corner=corner)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("layer", ["residual1", "separable1"])
def test_a_gradient_in_tiles_is_that_of_the_whole_with_residual_blocks_and_strides(demo, layer):
    picture = noise(230, 190)
    whole, tiled = slope_of(demo, {layer: 1.0}, tile=10_000), slope_of(demo, {layer: 1.0}, tile=144)
    start = whole.measure(picture)
    expected, _ = whole.at(picture, start)
    found, _ = tiled.at(picture, start, corner=(0.4, 0.6))
    assert demo.layer(layer).receptive_field.rows.size <= tiled.tiling.margin
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_no_seam_shows_where_a_tile_sees_less_than_its_units(demo):
    layer = demo.last_spatial_layer
    options = {"octaves": 1, "steps": 16, "rate": 0.02, "levels": 1, "jitter": 0}
    photo = noise(256, 256)
    tiled, whole = (finished(Dream(demo, photo, {layer: 1.0}, tile=tile, **options)).picture for tile in (64, 10_000))
    assert slope_of(demo, {layer: 1.0}, tile=64).tiling.margin < demo.layer(layer).receptive_field.rows.size
    for axis in (2, 3):
        edges = [picture.diff(dim=axis).abs().mean((0, 1, 5 - axis)) for picture in (tiled, whole)]
        # How much stronger than elsewhere edges are where tiles of 64 would meet if they always began at the corner.
        at_seams = [float(each[63::64].mean() / each.median()) for each in edges]
        assert at_seams[0] < 1.02 * at_seams[1]


@pytest.mark.parametrize("size", [(97, 330), (64, 65), (1, 500), (700, 640)])
@pytest.mark.parametrize("side", [64, 100, None])
def test_tiles_fill_every_pixel_once_and_begin_on_the_grid(size, side):
    tiling, rows = Tiling(side, 8, 24), np.zeros(size, int)
    for corner in ((0.0, 0.0), (0.5, 0.99)):
        for ((top, bottom), (left, right)), ((up, down), (west, east)) in tiling.tiles(size, corner):
            rows[top:bottom, left:right] += 1
            assert 0 <= up <= top < bottom <= down <= size[0]
            assert 0 <= west <= left < right <= east <= size[1]
            assert not up % 8
            assert not west % 8
            assert down - up >= min(size[0], (side or 1) // 8 * 8)
    assert (rows == 2).all()


def test_octaves_grow_by_the_ratio_to_the_picture_itself_and_keep_its_shape(network):
    dream = Dream(network, noise(100, 140), {"1": 1}, octaves=4, ratio=1.4)
    assert dream.sizes == ((36, 51), (51, 71), (71, 100), (100, 140))
    assert dream.total == 4 * dream.steps


def test_what_is_lost_by_scaling_is_put_back(network):
    photo = noise(96, 131)
    dream = finished(Dream(network, photo, {"1": 1}, octaves=3, steps=2, rate=1e-9))
    torch.testing.assert_close(dream.picture, photo, atol=1e-6, rtol=0)
    torch.testing.assert_close(dream.frame, photo, atol=1e-6, rtol=0)


def test_an_octave_begins_with_the_photo_at_its_size_and_the_enlarged_dream_on_it(network):
    photo = noise(96, 130) * 0.4 + 0.3
    dream = Dream(network, photo, {"1": 1}, octaves=2, steps=3, rate=0.01)
    for _ in range(3):
        dream.step()
    small, before = resized(photo, dream.sizes[0]), dream.frame
    assert torch.equal(dream.picture, (photo + resized(before - small, (96, 130))).clamp(0, 1))
    expected = dream.picture
    dream.step()
    assert (dream.octave, dream.step_in_octave, dream.done) == (1, 1, 4)
    assert abs(float((dream.frame - expected).abs().mean()) - 0.01) < 1e-3


@pytest.mark.parametrize("levels", [1, 4])
def test_a_step_changes_pixels_by_the_rate_on_average(network, levels):
    photo = noise() * 0.2 + 0.4
    dream = Dream(network, photo, {"1": 1}, octaves=1, rate=0.003, levels=levels)
    dream.step()
    assert float((dream.frame - photo).abs().mean()) == pytest.approx(0.003, rel=1e-3)


def test_every_unit_pulled_up_grows_and_one_pushed_down_shrinks(demo, scene):
    layer = demo.last_spatial_layer
    strongest = demo.trace(scene, layer)[layer].mean((0, 2, 3)).topk(2).indices.tolist()
    up, down = (f"{layer}:{index}" for index in strongest)
    dream = finished(Dream(demo, scene, {up: 1.0, down: -1.0}, octaves=2, steps=6))
    assert dream.pull[up] > 1.5 * dream.start_pull[up]
    assert dream.pull[down] < 0.7 * dream.start_pull[down]


def test_weights_count_alike_however_loud_a_layer_is(network):
    model = module_of(CASE)
    loud = module_of(CASE)
    with torch.no_grad():
        loud[0][3].weight *= 100
        loud[0][3].bias *= 100
    pulls, photo = {"0.0": 1.0, "0.3": 1.0}, noise()
    quiet_dream, loud_dream = (
        finished(Dream(network_of(CASE, each), photo, pulls, octaves=1, steps=3)) for each in (model, loud)
    )
    torch.testing.assert_close(quiet_dream.picture, loud_dream.picture, atol=1e-4, rtol=0)


def test_pull_is_the_mean_activation_of_a_channel_and_the_mean_size_of_a_layers(network):
    photo = noise()
    dream = Dream(network, photo, {"0.3:1": 1, "0.3": 1}, octaves=1)
    maps = maps_of(photo, "0.3").detach()
    assert dream.start_pull["0.3:1"] == pytest.approx(float(maps[:, 1].mean()), rel=1e-4)
    assert dream.start_pull["0.3"] == pytest.approx(float(maps.abs().mean()), rel=1e-4)
    assert dream.pull == dream.start_pull


def test_a_dream_resumed_is_one_never_interrupted(network):
    options = {"octaves": 2, "steps": 4, "seed": 7}
    expected = finished(Dream(network, noise(), {"1": 1}, **options)).picture
    dream, states = Dream(network, noise(), {"1": 1}, **options), []
    while not dream.finished:
        states.append(dream.state())
        dream.step()
    for state in states:
        other = Dream(network, noise(seed=9), {"1": 1}, **options)
        other.resume(state)
        assert torch.equal(finished(other).picture, expected)
    dream.resume(states[0])  # step back to the start
    assert (dream.done, torch.equal(dream.picture, dream.photo)) == (0, True)


def test_the_seed_decides(network):
    one, same, other = (finished(Dream(network, noise(), {"1": 1}, octaves=1, steps=3, seed=s)) for s in (1, 1, 2))
    assert torch.equal(one.picture, same.picture)
    assert not torch.equal(one.picture, other.picture)


def test_every_step_is_shifted_anew_also_after_a_zoom(network, monkeypatch):
    shifts, roll = [], torch.roll
    monkeypatch.setattr(torch, "roll", lambda picture, by, axes: shifts.append(tuple(by)) or roll(picture, by, axes))
    dream = finished(Dream(network, noise(), {"1": 1}, octaves=1, steps=6, jitter=20))
    dream.zoom(1.0)
    finished(dream)
    there, back = shifts[::2], shifts[1::2]
    assert len(set(there)) == 12
    assert all(-20 <= each <= 20 for shift in there for each in shift)
    assert back == [(-down, -across) for down, across in there]


def test_a_step_back_goes_beyond_a_zoom(network):
    dream = finished(Dream(network, noise(), {"1": 1}, octaves=2, steps=2))
    state, picture = dream.state(), dream.picture
    dream.zoom(1.5, octaves=1, steps=5)
    finished(dream)
    dream.resume(state)
    assert (dream.done, dream.total, dream.octaves, dream.steps) == (4, 4, 2, 2)
    assert torch.equal(dream.picture, picture)


def test_zoom_goes_on_from_the_enlarged_middle(network):
    dream = finished(Dream(network, noise(64, 90), {"1": 1}, octaves=2, steps=2))
    before, small = dream.picture, dream.sizes[0]
    dream.zoom(1.25, octaves=1, steps=3)
    assert (dream.done, dream.total, dream.sizes) == (0, 3, ((64, 90),))
    assert small != (64, 90)
    assert torch.equal(dream.frame, enlarged_middle(before, 1.25))
    finished(dream)
    assert dream.done == 3


def test_the_enlarged_middle_is_cut_about_the_center():
    across = torch.linspace(0, 1, 101).expand(1, 1, 61, 101)
    torch.testing.assert_close(enlarged_middle(across, 1.0), across, atol=1e-6, rtol=0)
    twice = enlarged_middle(across, 2.0)
    torch.testing.assert_close(twice[0, 0, 30, 2:-2], torch.linspace(0.25, 0.75, 101)[2:-2], atol=3e-3, rtol=0)


def test_other_pulls_take_over_from_the_picture_as_it_is(network):
    dream = Dream(network, noise(), {"1": 1}, octaves=2, steps=2)
    dream.step()
    frame = dream.frame
    dream.change({"0.0": 1.0})
    assert dream.frame is frame
    assert list(dream.pull) == ["0.0"]
    with pytest.raises(AscentError, match="every weight is 0"):
        dream.change({"0.0": 0.0})
    assert dream.pulls == {"0.0": 1.0}
    finished(dream)


def test_the_bands_of_a_leveled_gradient_are_equally_strong():
    fine, coarse = noise(64, 64, seed=1) - 0.5, resized(noise(8, 8, seed=2) - 0.5, (64, 64))
    strong, weak = leveled(fine + 30 * coarse, 4), leveled(fine + 0.03 * coarse, 4)
    assert along(strong, coarse) > along(fine + 0.03 * coarse, coarse) + 0.3
    assert along(weak, fine) > 0.3
    assert along(strong, fine) > 3 * along(fine + 30 * coarse, fine)
    torch.testing.assert_close(leveled(fine, 1), fine / fine.abs().mean())


def test_nothing_behind_the_last_pulled_layer_is_computed():
    model, calls = module_of(CASE), []
    network = network_of(case=CASE, model=model)
    assert network.layers
    with model[0][3].register_forward_hook(lambda *_: calls.append("deep")):
        finished(Dream(network, noise(), {"0.0": 1}, octaves=1, steps=1))
    assert calls == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_kind_of_small_network_dreams_and_is_left_as_it_was(case):
    model = module_of(case).train()
    network, photo = network_of(case, model), noise(41, 30, case.channels)
    before, pixels = fingerprint(model), photo.clone()
    with torch.inference_mode():
        dream = finished(Dream(network, photo, {case.layer: 1.0, f"{case.layer}:2": 0.3}, octaves=2, steps=2))
    assert fingerprint(model) == before
    assert torch.equal(photo, pixels)
    assert dream.picture.shape == photo.shape
    assert 0 <= dream.picture.min() <= dream.picture.max() <= 1


def test_a_color_photo_is_dreamed_on_in_gray_where_the_network_sees_gray():
    dream = Dream(network_of(CASES["one channel"]), noise(), {"1": 1}, octaves=1)
    assert dream.picture.shape == (1, 1, 40, 53)


def silent(dead: bool) -> nn.Module:
    """Every unit of the convolution is shut on any picture, and can be opened unless it is dead."""
    model = module_of(CASE)
    with torch.no_grad():
        model[0][0].bias.fill_(-50.0)
        model[0][0].weight.mul_(0.0 if dead else 1.0)
    return model


def test_a_unit_that_is_silent_in_the_photo_still_shows_a_way_up():
    dream = Dream(network_of(CASE, silent(dead=False)), noise(), {"0.1:1": 1}, octaves=1, steps=2)
    assert dream.pull["0.1:1"] == 0
    dream.step()
    assert not torch.equal(dream.picture, dream.photo)


def test_a_dead_unit_is_said_to_be_and_the_picture_stays():
    dream = Dream(network_of(CASE, silent(dead=True)), noise(), {"0.1:1": 1}, octaves=1)
    with pytest.raises(AscentError, match=r"Nothing leads up.*0\.1:1"):
        dream.step()
    assert (dream.done, torch.equal(dream.picture, dream.photo)) == (0, True)


def test_weights_that_are_no_numbers_are_said_to_be_and_the_picture_stays():
    model = module_of(CASE)
    with torch.no_grad():
        model[0][0].weight[0, 0, 0, 0] = float("nan")
    dream = Dream(network_of(CASE, model), noise(), {"0.3": 1}, octaves=1)
    with pytest.raises(AscentError, match="no numbers"):
        dream.step()
    assert torch.equal(dream.picture, dream.photo)


def test_a_picture_too_small_for_the_layers_is_refused_and_small_octaves_are_left_out(network):
    with pytest.raises(AscentError, match=r"1×1 pixels does not go through.*larger one"):
        Dream(network, noise(1, 1), {"1": 1})
    with pytest.raises(AscentError, match="does not go through"):
        Dream(network, noise(300, 3), {"1": 1})
    assert len(Dream(network, noise(30, 30), {"1": 1}, octaves=6).sizes) < 6


def test_a_picture_of_one_pixel_can_be_dreamed_on_where_the_layers_can_see_it():
    case = CASES["depthwise"]
    dream = finished(Dream(network_of(case), noise(1, 1), {"0": 1.0}, steps=2))
    assert dream.picture.shape == (1, 3, 1, 1)


def test_a_million_steps_cost_nothing_until_they_are_taken(network):
    dream = Dream(network, noise(), {"1": 1}, steps=1_000_000)
    dream.step()
    assert (dream.done, dream.total) == (1, 1_000_000 * len(dream.sizes))


@pytest.mark.parametrize(
    ("pulls", "options", "message"),
    [
        ({}, {}, "every weight is 0"),
        ({"1": 0.0}, {}, "every weight is 0"),
        ({"1": float("nan")}, {}, "weight of 1 is nan"),
        ({"1": 1}, {"octaves": 0}, "octaves is 0"),
        ({"1": 1}, {"ratio": 0.9}, "ratio 0.9"),
        ({"1": 1}, {"ratio": float("nan")}, "ratio nan"),
        ({"1": 1}, {"steps": 0}, "steps 0"),
        ({"1": 1}, {"rate": 0.0}, "rate 0.0"),
        ({"1": 1}, {"jitter": -1}, "jitter -1"),
        ({"1": 1}, {"levels": 0}, "levels 0"),
        ({"1": 1}, {"tile": 8}, "tile of 8 pixels"),
    ],
)
def test_what_cannot_be_dreamed_is_refused_with_what_to_give(network, pulls, options, message):
    with pytest.raises(AscentError, match=message):
        Dream(network, noise(), pulls, **options)


@pytest.mark.parametrize("unit", ["l", "1:8", "0.33"])
def test_a_unit_that_does_not_exist_is_refused(network, unit):
    with pytest.raises(cw.LayerError):
        Dream(network, noise(), {unit: 1.0})
    with pytest.raises(AscentError, match=r"zoom is 0\.5"):
        Dream(network, noise(), {"1": 1.0}).zoom(0.5)


def test_a_dreams_state_is_written_and_read_by_torch_with_weights_only(network):
    dream = Dream(network, noise(), {"0.3": 1.0, "0.3:1": 0.5}, octaves=2, steps=2)
    dream.step()
    file = io.BytesIO()
    torch.save(dream.state(), file)
    file.seek(0)
    other = Dream(network, noise(seed=1), {"1": 1.0}, octaves=1, steps=5)
    other.resume(torch.load(file, weights_only=True))
    torch.testing.assert_close(finished(other).picture, finished(dream).picture, atol=0, rtol=0)


def test_what_is_no_state_of_a_dream_is_refused_and_changes_nothing(network):
    dream = Dream(network, noise(), {"0.3": 1.0}, octaves=1, steps=3)
    dream.step()
    before = dream.picture
    for bad in (None, {}, {**dream.state(), "start": None}):
        with pytest.raises(AscentError, match="no state of a dream"):
            dream.resume(bad)
    torch.testing.assert_close(dream.picture, before, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("pulls", "options", "message"),
    [
        ({"0.3": "x"}, {}, "weight of 0.3 is 'x'"),
        (5, {}, "What is pulled is 5"),
        ({"0.3": 1.0}, {"octaves": None}, "octaves is None"),
        ({"0.3": 1.0}, {"steps": "a"}, "steps 'a'"),
        ({"0.3": 1.0}, {"rate": None}, "rate None"),
        ({"0.3": 1.0}, {"tile": "x"}, "tile of 'x'"),
        ({"0.3": 1.0}, {"seed": None}, "seed is None"),
        ({"0.3": 1.0}, {"guide": np.zeros((3, 1, 1), np.float32)}, "guide of 1×1 pixels does not go through"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_with_what_to_give(network, pulls, options, message):
    with pytest.raises(AscentError, match=message):
        Dream(network, noise(), pulls, **options)


def test_any_whole_number_is_a_seed(network):
    assert finished(Dream(network, noise(), {"0.3": 1.0}, octaves=1, steps=1, seed=-3)).finished


def test_the_tokens_of_a_transformer_can_be_pulled_and_a_single_one_climbed():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 16, num_classes=3)
    network = cw.Network(model, preprocess=cw.Preprocess(size=(32, 32)))
    layer = "encoder.layers.encoder_layer_0"
    dream = finished(Dream(network, noise(32, 32), {layer: 1.0}, octaves=2, steps=2))
    assert dream.size == (32, 32)
    tokens = network.trace(noise(32, 32), layer)[layer]
    _, (score,) = network.ask(noise(32, 32), cw.neuron(layer, 5, 0, 7))
    torch.testing.assert_close(score, tokens[:, 7, 5], atol=1e-6, rtol=0)
    cw.activation_maximization(network, [0, cw.neuron(layer, 5)], recipe=cw.Recipe(steps=2)).result()
