"""The DeconvNet by hand: the same as by automatic differentiation, stage by stage what the paper says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from methods.nets import CASES, module_of, network_of, pictures_for
from methods.references import real_network
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw


def agree(network, image, **asked):
    """Both ways to the picture, and the stages."""
    stages, whole = cw.deconvnet_steps(network, image, **asked), cw.deconvnet(network, image, **asked)
    np.testing.assert_allclose(stages.values, whole.channels[0], rtol=0, atol=1e-6 * max(1e-9, np.abs(whole.channels).max()))
    assert stages.relus == whole.relus
    assert stages.target == whole.targets[0]
    np.testing.assert_array_equal(stages.image, whole.images[0])
    return stages


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_equals_deconvnet_on_every_small_network(case):
    model = module_of(case).double()
    network, image = network_of(case, model), pictures_for(case, count=1).double()
    for asked in ({}, {"target": 2}, {"unit": f"{case.layer}:2"}, {"unit": f"{case.layer}:3@2,4"}):
        agree(network, image, **asked)
    agree(network, image, target=cw.class_score(1) - 0.5 * cw.channel(case.layer, 1))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "vgg11_bn", "shufflenet_v2_x0_5", "mnasnet0_5"])
def test_it_equals_deconvnet_on_torchvision_s_architectures(name):
    """Residual sums, concatenations, nets that only stride, grouped and depthwise filters, BatchNorm."""
    torch.manual_seed(0)
    network = cw.load(name, weights=None)
    network = cw.Network(network.model.double(), cw.Preprocess(3, (64, 64), mean=(0.5,) * 3, std=(0.25,) * 3))
    stages = agree(network, torch.rand(1, 3, 64, 64).double(), target=3)
    assert not [stage.text for stage in stages if stage.deed == "derivative"]


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2", "resnet20"])
def test_it_equals_deconvnet_on_real_weights_and_photos(name, shared_data):
    network, images, layers, targets = real_network(name, shared_data)
    agree(network, images[:1], target=targets[0])
    agree(network, images[:1], unit=f"{layers[1]}:7")


def test_the_stages_of_a_small_network_are_those_of_the_paper():
    """Filter, rectify, unpool where windows overlap: written out with loops."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(2, 3, 2), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    network = cw.Network(nn.Sequential(*model, *head).double(), cw.Preprocess(channels=1, size=(10, 12)))
    image = torch.rand(1, 1, 10, 12).double()
    first = model[0](image).relu().detach()
    pooled = model[2](first)
    top = model[4](model[3](pooled))[0].detach()
    unit = int(top.flatten(1).amax(1).argmax())
    row, column = divmod(int(top[unit].argmax()), top.shape[2])
    value = top[unit, row, column]
    stages = agree(network, image, unit=f"4:{unit}")
    assert [stage.deed for stage in stages] == ["start", "rectify", "filter", "unpool", "rectify", "filter"]
    assert [stage.layer for stage in stages] == ["4", "4", "3", "2", "1", "0"]
    signal = torch.zeros_like(top)
    signal[unit, row, column] = value
    np.testing.assert_allclose(stages[0].signal, signal, atol=1e-6)
    np.testing.assert_allclose(stages[1].signal, signal.clamp(min=0), atol=1e-6)
    kernel = model[3].weight.detach()
    back = torch.zeros_like(pooled[0])
    for k, i, j in itertools.product(range(3), range(top.shape[1]), range(top.shape[2])):
        back[:, i : i + 2, j : j + 2] += signal[k, i, j] * kernel[k]
    np.testing.assert_allclose(stages[2].signal, back.detach(), atol=1e-6)
    unpooled, switches = torch.zeros_like(first[0]), np.zeros(pooled.shape[1:], int)
    width = first.shape[3]
    for k, i, j in itertools.product(range(2), range(pooled.shape[2]), range(pooled.shape[3])):
        window = first[0, k, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        y, x = divmod(int(window.argmax()), window.shape[1])
        unpooled[k, 2 * i + y, 2 * j + x] += back[k, i, j].detach()  # summed where windows share their winner
        switches[k, i, j] = (2 * i + y) * width + 2 * j + x
    np.testing.assert_allclose(stages[3].signal, unpooled, atol=1e-6)
    np.testing.assert_array_equal(stages[3].switches, switches)
    assert len(np.unique(switches[0])) < switches[0].size  # some do share it
    np.testing.assert_allclose(stages[4].signal, unpooled.clamp(min=0), atol=1e-6)
    np.testing.assert_allclose(
        stages[5].signal, F.conv_transpose2d(unpooled.clamp(min=0)[None], model[0].weight.detach())[0].detach(), atol=1e-6
    )


def test_each_stage_hands_on_what_the_next_one_gets():
    case = CASES["in-place ReLU"]
    stages = cw.deconvnet_steps(network_of(case), pictures_for(case, count=1), 1)
    for before, after in itertools.pairwise(stages.stages):
        np.testing.assert_array_equal(before.signal.ravel(), after.before.ravel())
    assert all(stage.text for stage in stages)
    assert stages[-1].signal.shape == stages.values.shape
    assert all(0 <= stage.zeros <= 1 for stage in stages)
    assert stages[1:3] == stages.stages[1:3]
    assert stages._repr_png_().startswith(b"\x89PNG")
    np.testing.assert_array_equal(np.asarray(stages), stages.values)


def test_a_silent_unit_sends_nothing_back():
    case = CASES["not square"]
    network, image = network_of(case), pictures_for(case, count=1)
    maps = network.trace(image, "1")["1"][0]
    silent = int(maps.flatten(1).amax(1).argmin())
    assert maps[silent].max() <= 0
    assert not cw.deconvnet_steps(network, image, unit=f"1:{silent}").values.any()
    assert "gradient is zero" in cw.deconvnet(network, image, unit=f"1:{silent}").why_empty[0]


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("features", "is no unit: write layer:channel"),
        ("0.0:99", "channels 0–5; 99 is not one"),
        ("0.9:1", "no layer '0.9'"),
        ("0.0:1@99,0", "row 99, column 0 is outside"),
    ],
)
def test_a_unit_that_does_not_exist_is_refused(unit, message):
    case = CASES["in-place ReLU"]
    network, image = network_of(case), pictures_for(case, count=1)
    for method in (cw.deconvnet, cw.deconvnet_steps):
        with pytest.raises(cw.LayerError, match=message):
            method(network, image, unit=unit)


def test_a_target_and_a_unit_together_are_refused():
    case = CASES["in-place ReLU"]
    network, image = network_of(case), pictures_for(case, count=1)
    for method in (cw.deconvnet, cw.deconvnet_steps):
        with pytest.raises(cw.TargetError, match="not both"):
            method(network, image, 1, unit="0.0:1")


def test_without_switches_the_answer_is_the_same_for_every_picture(shared_data):
    """MobileNetV2 only strides: a DeconvNet has nothing left that knows the picture. SqueezeNet pools three times."""

    def alike(network, images, method):
        maps = np.abs(method(network, images, 243).values).reshape(len(images), -1)
        return np.corrcoef(maps)[np.triu_indices(len(images), 1)]

    striding, images, *_ = real_network("mobilenet_v2", shared_data)
    assert alike(striding, images, cw.deconvnet).min() > 0.99
    assert alike(striding, images, cw.saliency).max() < 0.3
    pooling, images, *_ = real_network("squeezenet1_1", shared_data)
    assert alike(pooling, images, cw.deconvnet).max() < 0.3
