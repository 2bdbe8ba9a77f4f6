"""The same answers wherever the network lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cnnvis_widgets as cw

DEVICES = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    if not DEVICES[request.param]:
        pytest.skip(f"this machine has no {request.param} device")
    return request.param


def pair(name: str, device: str) -> tuple[cw.Network, cw.Network]:
    torch.manual_seed(0)
    here = cw.load(name, None)
    return here, cw.Network(here.model, here.preprocess, device=device)


def test_a_copy_is_put_on_the_device_and_the_model_stays_where_it_was(device: str) -> None:
    here, there = pair("squeezenet1_1", device)
    assert there.device.type == device
    assert here.device.type == "cpu"
    assert there.model is not here.model


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "mobilenet_v2"])
def test_activations_and_grad_cam_are_those_of_the_cpu(device: str, name: str) -> None:
    here, there = pair(name, device)
    images = torch.rand(2, 3, 224, 224)
    for layer in (here.layers[1].name, here.last_spatial_layer):
        expected = cw.activation_maps(here, images, layer).values
        found = cw.activation_maps(there, images, layer).values
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())
    expected, found = (np.asarray(cw.grad_cam(network, images, [3, 5])) for network in (here, there))
    np.testing.assert_allclose(found, expected, atol=5e-3 * np.abs(expected).max() + 1e-12)
    assert np.isfinite(found).all()


def test_pictures_from_anywhere_are_brought_to_it(device: str) -> None:
    _, there = pair("resnet18", device)
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert there.read(picture).device.type == device
    assert there.predict(torch.rand(1, 3, 224, 224).to(device)).probabilities.shape == (1, 1000)
