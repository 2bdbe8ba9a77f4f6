"""A picture becomes an input as torchvision would make it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms as v1
from torchvision.transforms import v2

import cnnvis_widgets as cw

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def _network(preprocess, channels=3):
    return cw.Network(nn.Sequential(nn.Conv2d(channels, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), preprocess)


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet50", "efficientnet_b0", "inception_v3", "vit_b_16"])
def test_reading_equals_the_transform_of_torchvision(name, shared_data):
    """torchvision rounds to 8 bits after each pass (rows, columns); bicubic overshoot is clipped there as well."""
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    for file in ("cat_dog.png", "pets.jpg", "grace_hopper.jpg"):
        network, path = _network(preset), shared_data / "photos" / file
        found = network.preprocess.normalize(network.read(path))
        difference = (found - preset(Image.open(path).convert("RGB"))[None]).abs() * torch.tensor(preset.std).view(
            1, 3, 1, 1
        )
        bicubic = preset.interpolation is torchvision.transforms.InterpolationMode.BICUBIC
        assert difference.max() <= (8 if bicubic else 1.5) / 255
        assert difference.mean() <= 0.4 / 255


@pytest.mark.parametrize("v", [v1, v2])
def test_a_compose_is_read(v, shared_data):
    steps = [v.Resize(64), v.CenterCrop((48, 40)), v.ToTensor() if v is v1 else v.ToImage()]
    steps += [v.ConvertImageDtype(torch.float)] if v is v1 else [v.ToDtype(torch.float, scale=True)]
    compose = v.Compose([*steps, v.Normalize(MEAN, STD)])
    network, path = _network(compose), shared_data / "photos" / "pets.jpg"
    found = network.preprocess.normalize(network.read(path))
    assert found.shape == (1, 3, 48, 40)
    assert (found - compose(Image.open(path).convert("RGB"))).abs().max() <= 1.5 / 255 / min(STD)


def test_the_interpolation_of_a_compose_is_kept():
    nearest = v2.Compose([v2.Resize((4, 4), interpolation=v2.InterpolationMode.NEAREST)])
    pixels = np.random.default_rng(0).integers(0, 2, (9, 9, 3), dtype=np.uint8) * 255
    assert set(_network(nearest).read(pixels).unique().tolist()) <= {0.0, 1.0}


def test_steps_that_are_not_understood_are_named():
    with pytest.raises(cw.ModelError, match=r"transform RandomErasing is not understood here: use Resize"):
        _network(v2.Compose([v2.RandomErasing()]))
    with pytest.raises(cw.ModelError, match="str is none of these"):
        _network("imagenet")


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_color_fit_either_network(channels):
    network = _network(cw.Preprocess(channels=channels, size=(4, 4)), channels)
    color = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    gray = np.asarray(Image.fromarray(color).convert("L"))
    found = network.read(color), network.read(gray)
    assert found[0].shape == found[1].shape == (1, channels, 4, 4)
    if channels == 1:
        assert (found[0] - found[1]).abs().max() <= 0.51 / 255
    clear = np.dstack([color, np.zeros((4, 4), np.uint8)])
    assert torch.equal(network.read(clear), torch.ones(1, channels, 4, 4))


def test_other_numbers_of_channels_are_refused():
    network = _network(cw.Preprocess(channels=3, size=(8, 8)))
    for array in (np.zeros((8, 8, 2)), np.zeros((5, 8, 8))):
        with pytest.raises(
            cw.ImageError, match=rf"takes 3 channels and the picture has {min(array.shape)}: .*\(3, H, W\)"
        ):
            network.read(array)


def test_the_number_of_channels_is_that_of_the_first_convolution():
    assert _network(None, 5).preprocess.channels == 5
    assert _network(lambda x: x * 2 - 1, 1).preprocess.channels == 1


def test_a_picture_too_thin_to_be_fitted_is_refused_before_it_fills_the_memory():
    network = _network(cw.Preprocess(channels=3, size=(224, 224), resize=256))
    with pytest.raises(cw.ImageError, match=r"2×9000 is too thin to be fitted: crop it first"):
        network.read(np.zeros((2, 9000, 3), np.uint8))
    assert network.read(np.zeros((1, 1, 3), np.uint8)).shape == (1, 3, 224, 224)


def test_a_normalizing_function_may_write_into_what_it_is_given():
    network, images = _network(lambda x: x.sub_(0.5).div_(0.5), 1), torch.rand(2, 1, 32, 32)
    before = images.clone()
    logits = network.trace(images).logits
    assert torch.equal(images, before)
    torch.testing.assert_close(logits, network.model(images * 2 - 1))
