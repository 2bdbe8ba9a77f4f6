"""DeepDream as a method: thin steps over a `Dream`, whose own tests hold its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of

import cnnvis_widgets as cw
from cnnvis_widgets.engine.dream import Dream
from cnnvis_widgets.engine.images import decode

CASE = CASES["in-place ReLU"]


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


@pytest.fixture(scope="module")
def photo():
    return torch.rand(1, 3, 41, 58, generator=torch.Generator().manual_seed(2))


def test_every_step_is_the_dream_as_it_is(network, photo):
    options = {"octaves": 2, "steps": 3, "seed": 4, "levels": 2, "jitter": 5, "rate": 0.02, "ratio": 1.3}
    dream = Dream(network, photo, {"1": 1.0, "0.0:2": 0.5}, **options)
    seen = list(cw.deepdream(network, photo, {"1": 1.0, "0.0:2": 0.5}, **options))
    scores = []
    for step in seen:
        dream.step()
        scores.append(dream.pull["1"] + 0.5 * dream.pull["0.0:2"])
        assert (step.done, step.total) == (dream.done, 6)
        torch.testing.assert_close(torch.from_numpy(step.result.images), dream.picture, atol=1e-5, rtol=0)
        np.testing.assert_allclose(step.result.history[:, 0], scores, rtol=1e-5)
    assert dream.finished
    last = seen[-1].result
    assert np.asarray(last).shape == (3, 41, 58)
    assert last.names == ("1 + 0.0:2",)
    assert last.display().shape == (41, 58, 3)
    assert last._repr_png_().startswith(b"\x89PNG")


def test_layers_are_one_several_or_weighted_and_the_last_spatial_one_by_default(network, photo):
    def dreamed(layers):
        return cw.deepdream(network, photo, layers, octaves=1, steps=2).result().images

    np.testing.assert_array_equal(dreamed("1"), dreamed({"1": 1.0}))
    np.testing.assert_array_equal(dreamed(["1", "0.0"]), dreamed({"1": 1.0, "0.0": 1.0}))
    np.testing.assert_array_equal(dreamed(None), dreamed(network.last_spatial_layer))


def test_a_guided_dream_comes_to_look_like_the_guide_to_the_layer():
    network, layer = cw.demo(), "residual2"
    guide, photo = (
        decode(cw.scenes(1, seed=seed, classes=[name])[0].image) for seed, name in ((1, "flower"), (2, "car"))
    )
    options = {"octaves": 1, "steps": 12}
    features = network.trace(guide, layer)[layer][0].flatten(1)

    def liking(steps):
        maps = network.trace(torch.from_numpy(steps.result().images), layer)[layer][0].flatten(1)
        return float((features.T @ maps).amax(0).mean())

    guided = liking(cw.deepdream(network, photo, layer, guide=guide, **options))
    assert guided > 1.05 * liking(cw.deepdream(network, photo, layer, **options))


def test_a_large_picture_is_dreamed_on_in_tiles_within_the_memory_of_one(network):
    shapes = []
    with network.model[0][0].register_forward_hook(lambda module, args, output: shapes.append(output.shape[2:])):
        large = torch.rand(1, 3, 700, 900, generator=torch.Generator().manual_seed(0))
        cw.deepdream(network, large, "0.3", octaves=1, steps=1).result()
    assert max(max(shape) for shape in shapes[1:]) < 700


def test_a_dream_can_be_stopped_at_any_step_and_bad_options_are_refused_at_once(network, photo):
    steps = cw.deepdream(network, photo, "1", steps=100_000)
    next(steps)
    steps.close()
    with pytest.raises(cw.AscentError, match="ratio 0"):
        cw.deepdream(network, photo, "1", ratio=0)
    with pytest.raises(cw.LayerError, match="no layer"):
        cw.deepdream(network, photo, "9")


def test_a_real_photo_is_dreamed_on_at_its_own_size(shared_data):
    network = cw.load("squeezenet1_1", shared_data / "squeezenet1_1_imagenet.safetensors")
    made = cw.deepdream(network, shared_data / "photos" / "sunflower.jpg", "features.12", octaves=2, steps=3, tile=256)
    height, width = decode(shared_data / "photos" / "sunflower.jpg").shape[2:]
    first, *_, last = made
    assert np.asarray(last.result).shape == (3, height, width)
    assert last.result.history[-1, 0] > 1.3 * first.result.history[0, 0]
