"""The stated field of a unit is the set of input pixels whose gradient is not zero."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw

SIZE = (231, 257)


def _positive(model: nn.Module) -> nn.Module:
    """Every weight positive, max-pools averaging: no gradient cancels and none is hidden."""
    for part in model.modules():
        for child, pool in list(part.named_children()):
            if isinstance(pool, nn.MaxPool2d):
                options = {"ceil_mode": pool.ceil_mode, "count_include_pad": False}
                setattr(part, child, nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, **options))
        if isinstance(part, nn.ReLU6):
            part.max_val = float("inf")
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
        parameter.data /= max(1, parameter[0].numel())
    return model.eval().double()


def _network(model, size, channels=3):
    return cw.Network(_positive(model), cw.Preprocess(channels=channels, size=size))


def _support(network, layer, row, column):
    """(top, left, bottom, right) of the pixels whose gradient is not zero."""
    images = torch.rand(1, network.preprocess.channels, *network.preprocess.size).double()
    trace = network.trace(images, layer, wrt="image", logits=False)
    gradient = trace.gradient(trace[layer][:, :, row, column].sum(1), "image")[0].abs().sum(0)
    rows, columns = gradient.sum(1).nonzero()[:, 0], gradient.sum(0).nonzero()[:, 0]
    return rows[0].item(), columns[0].item(), rows[-1].item() + 1, columns[-1].item() + 1


def _stated(network, layer, row, column):
    top, left, bottom, right = network.layer(layer).receptive_field.box(row, column)
    height, width = network.preprocess.size
    return max(0, top), max(0, left), min(height, bottom), min(width, right)


def _check(network, layer):
    """Exact in the middle and in two corners."""
    height, width = network.layer(layer).size
    for row, column in ((height // 2, width // 2), (0, 0), (height - 1, width - 1)):
        assert _stated(network, layer, row, column) == _support(network, layer, row, column), (layer, row, column)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "squeezenet1_1",
            {"features.0": (3, 2), "features.2": (7, 4), "features.7": (63, 8), "features.12": (207, 16)},
        ),
        ("resnet18", {"conv1": (7, 2), "maxpool": (11, 4), "layer2.1": (99, 8), "layer4.1": (435, 32)}),
        ("mobilenet_v2", {"features.7": (75, 16), "features.1": (7, 2)}),
    ],
)
def test_fields_of_torchvision_models_are_the_support_of_the_gradient(name, fields):
    network = _network(torchvision.models.get_model(name, weights=None), SIZE)
    for layer, (size, jump) in fields.items():
        field = network.layer(layer).receptive_field
        assert (field.rows.size, field.rows.jump) == (field.columns.size, field.columns.jump) == (size, jump)
        _check(network, layer)
    last = network.layers[-1]
    assert last.receptive_field is None


class _Functional(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.first, self.between, self.last = nn.Conv2d(2, 3, 3, stride=2), between, nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.last(self.between(self.first(x)))


_EXACT = {
    "dilated": nn.Conv2d(2, 3, 3, dilation=4, stride=2),
    "padded": nn.Sequential(nn.ZeroPad2d((2, 1, 0, 2)), nn.Conv2d(2, 3, (5, 3), padding=(1, 0))),
    "asymmetric": nn.Sequential(nn.Conv2d(2, 3, (1, 7), padding=(0, 3)), nn.Conv2d(3, 3, (7, 1), (2, 1), (3, 0))),
    "same": nn.Sequential(nn.Conv2d(2, 3, 5, padding="same"), nn.Conv2d(3, 2, 3, padding="same", dilation=2)),
    "pools": nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.MaxPool2d((2, 3)), nn.AvgPool2d(2)),
    "negative slice": _Functional(lambda x: x[:, :, -9:, 2:]),
    "cropped and strided": _Functional(lambda x: x[:, :, 1::2, :-3]),
    "concatenated": _Functional(lambda x: torch.cat([x, x], 1)[:, :3] + F.avg_pool2d(x, 3, 1, 1)),
    "scaled by a constant": _Functional(lambda x: x * torch.full((1, 3, 1, 1), 2.0) + 1),
    "a list of chunks": _Functional(lambda x: x.chunk(3, 1)[1].expand(-1, 3, -1, -1)),
}


@pytest.mark.parametrize("name", _EXACT)
def test_fields_of_single_operations_are_the_support_of_the_gradient(name):
    network = _network(nn.Sequential(_EXACT[name]), (37, 53), channels=2)
    _check(network, network.layers[-1].name)


def test_reflection_moves_the_grid_as_padding_does():
    network = _network(
        nn.Sequential(nn.ReflectionPad2d((2, 2, 1, 1)), nn.Conv2d(2, 3, 3, stride=2)), (36, 52), channels=2
    )
    size = network.layer("1").size
    assert _stated(network, "1", size[0] // 2, size[1] // 2) == _support(network, "1", size[0] // 2, size[1] // 2)


_UNEVEN = {
    "transposed 2": nn.ConvTranspose2d(3, 2, 2, 2),
    "transposed 3": nn.ConvTranspose2d(3, 2, 3, 2, 1, 1),
    "transposed 4": nn.ConvTranspose2d(3, 2, 4, 2, 1),
    "transposed 8": nn.ConvTranspose2d(3, 2, 8, 2, 3),
    "transposed, no padding": nn.ConvTranspose2d(3, 2, 5, 3),
    "transposed, dilated": nn.ConvTranspose2d(3, 2, 3, 2, dilation=3),
    "nearest": nn.Upsample(scale_factor=3),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "shrunk": nn.Upsample(scale_factor=0.5, mode="bilinear"),
}


@pytest.mark.parametrize("name", _UNEVEN)
def test_where_neighbors_see_unevenly_the_field_holds_them_all_and_little_more(name):
    network = _network(nn.Sequential(nn.Conv2d(2, 3, 3, 2), _UNEVEN[name]), (45, 61), channels=2)
    jump = network.layer("0").receptive_field.rows.jump
    height, width = network.layer("1").size
    for row, column in ((height // 2 + i, width // 2 + i) for i in range(6)):
        found, stated = _support(network, "1", row, column), _stated(network, "1", row, column)
        for low, inner in zip(stated[:2], found[:2], strict=True):
            assert low <= inner + 1e-6
            assert inner - low <= 2 * jump
        for high, inner in zip(stated[2:], found[2:], strict=True):
            assert high >= inner - 1e-6
            assert high - inner <= 2 * jump


@pytest.mark.parametrize(
    "whole",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveMaxPool2d((2, 3)),
        _Functional(lambda x: x.softmax(-1)),
        _Functional(lambda x: x - x.mean((2, 3), keepdim=True).expand_as(x)),
        _Functional(lambda x: (x.flatten(2) @ x.flatten(2).transpose(1, 2) @ x.flatten(2)).view_as(x)),
    ],
)
def test_what_sees_the_whole_picture_has_no_field(whole):
    network = _network(nn.Sequential(nn.Conv2d(2, 2, 3), whole), (20, 30), channels=2)
    assert network.layers[-1].receptive_field is None
    assert network.layers[0].receptive_field is not None


@pytest.mark.parametrize("turn", [lambda x: x.flip(3), lambda x: x.transpose(2, 3), lambda x: x.permute(0, 1, 3, 2)])
def test_a_turned_picture_is_not_given_the_field_of_the_upright_one(turn):
    network = _network(nn.Sequential(_Functional(turn)), (31, 31), channels=2)
    assert network.layer("0.last").receptive_field is None
