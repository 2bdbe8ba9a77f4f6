"""Activation maps are a layer's own output, on toys by definition and on real networks by Captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, normalized, pictures_for
from torch import nn

import cnnvis_widgets as cw

FILES = {
    "squeezenet1_1": "squeezenet1_1_imagenet.safetensors",
    "mobilenet_v2": "mobilenet_v2_imagenet_fp16.safetensors",
}
LAYERS = {
    "squeezenet1_1": ("features.0", "features.1", "features.3.squeeze", "features.12", "classifier.1"),
    "mobilenet_v2": ("features.0.0", "features.0.1", "features.3.conv.0.1", "features.18", "classifier.1"),
}


@pytest.mark.parametrize("name", FILES)
def test_they_equal_captum_on_real_networks_and_photos(name, shared_data):
    attr = pytest.importorskip("captum.attr")
    network = cw.load(name, shared_data / FILES[name])
    images = network.read([shared_data / "photos" / file for file in ("cat_dog.png", "bird.jpg")])
    x = network.preprocess.normalize(images)
    for layer in LAYERS[name]:
        module = dict(network.model.named_modules())[layer]
        expected = attr.LayerActivation(network.model, module).attribute(x).detach().numpy()
        for count in (1, 2):
            found = np.asarray(cw.activation_maps(network, images[:count], layer))
            scale = max(1, np.abs(expected).max())
            np.testing.assert_allclose(found.reshape(expected[:count].shape), expected[:count], atol=1e-5 * scale)


def test_a_map_before_a_relu_in_place_keeps_its_negative_values():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    found = cw.activation_maps(network, images, "0.0")
    with torch.no_grad():
        np.testing.assert_allclose(found.values, network.model[0][0](normalized(case, images)), atol=1e-6)
    assert found.values.min() < 0


def test_each_call_of_a_reused_module_has_maps_of_its_own():
    case = CASES["reused ReLU"]
    network, images = network_of(case), pictures_for(case)
    shapes = [cw.activation_maps(network, images, name).values.shape for name in ("relu", "relu_1_", "relu_2")]
    assert shapes == [(3, 6, 14, 14), (3, 8, 12, 12), (3, 8, 12, 12)]


def test_channels_are_chosen_in_the_order_given():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    whole = cw.activation_maps(network, images, "0.0")
    some = cw.activation_maps(network, images, "0.0", channels=[4, 0, -1])
    np.testing.assert_array_equal(some.values, whole.values[:, [4, 0, 5]])
    assert some.addresses == ("0.0:4", "0.0:0", "0.0:5")
    for channel in (6, -7):
        with pytest.raises(cw.LayerError, match=rf"0.0 has channels 0–5; {channel} is not one"):
            cw.activation_maps(network, images, "0.0", channels=[0, channel])


def test_vectors_and_tokens_are_maps_too():
    case = CASES["in-place ReLU"]
    assert cw.activation_maps(network_of(case), pictures_for(case), "3").values.shape == (3, 8, 1, 1)

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(3, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.inner(x.flatten(2).transpose(1, 2)).mean(1))

    network, images = cw.Network(Tokens(), cw.Preprocess(channels=3, size=(4, 4))), torch.rand(2, 3, 4, 4)
    maps = cw.activation_maps(network, images, "inner")
    assert maps.values.shape == (2, 6, 1, 16)
    trace = network.trace(images, "inner")
    np.testing.assert_allclose(cw.channel("inner", 5)(trace), maps.mean[:, 5], rtol=1e-5)
    np.testing.assert_allclose(
        cw.direction("inner", [1.0, 0, 0, 0, 0, 2])(trace), maps.mean @ [1, 0, 0, 0, 0, 2], rtol=1e-5
    )


def test_the_statistics_are_those_of_each_map():
    case = CASES["in-place ReLU"]
    maps = cw.activation_maps(network_of(case), pictures_for(case), "1")
    np.testing.assert_allclose(maps.mean, maps.values.mean((2, 3)))
    np.testing.assert_allclose(maps.sparsity, (maps.values == 0).mean((2, 3)))
    assert (maps.minimum <= maps.mean).all()
    assert (maps.maximum >= maps.mean).all()


def test_a_batch_may_be_an_array_or_a_list_of_anything():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    expected = cw.activation_maps(network, images, "0.0").values
    for batch in (
        list(images),
        images.numpy(),
        images.double(),
        [image.numpy().transpose(1, 2, 0) for image in images],
    ):
        np.testing.assert_allclose(cw.activation_maps(network, batch, "0.0").values, expected, atol=1e-6)
