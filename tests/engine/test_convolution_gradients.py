"""Convolutions that are differentiated another way than torch's: the same numbers, for less."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine import convolution_gradients
from cnnvis_widgets.engine.convolution_gradients import (
    ImageConvolution,
    PictureGradient,
    SmallConvolution,
    is_of_pictures,
    may_be_small,
)
from cnnvis_widgets.engine.thin_gradient import thin_layers

KERNELS = [(3, 3), (7, 7), (11, 11), (2, 3), (4, 4), (5, 1)]
STRIDES = [(1, 1), (2, 2), (4, 4), (2, 1), (3, 5)]
PADDINGS = [(0, 0), (1, 1), (3, 3), (2, 0)]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_the_gradient_of_pictures_is_the_transposed_convolution(channels: int, kernel: tuple[int, int]) -> None:
    """Every stride, padding and size, also such that the last pixels are not seen."""
    tried = 0
    for stride, padding, size in itertools.product(STRIDES, PADDINGS, [(23, 17), (32, 40)]):
        module = nn.Conv2d(channels, 5, kernel, stride, padding).double()
        if not is_of_pictures(module) and max(padding) > 0:
            continue
        x = torch.rand(2, channels, *size, dtype=torch.double, requires_grad=True)
        output = module(x)
        gradient = torch.randn_like(output)
        (true,) = torch.autograd.grad(output, x, gradient)
        found = PictureGradient(module.weight.detach(), stride, padding)(gradient, x.shape)
        assert found.shape == true.shape
        torch.testing.assert_close(found, true, atol=1e-12, rtol=1e-10)
        tried += 1
    assert tried >= 10


def model_of(first: nn.Conv2d) -> nn.Sequential:
    head = nn.Linear(first.out_channels, 5)
    return nn.Sequential(first, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()


def both(model: nn.Sequential, images: torch.Tensor, unit: int = 3) -> tuple[torch.Tensor, torch.Tensor, cw.Trace]:
    """The gradient at the image by a trace, and by plain autograd in double precision."""
    network = cw.Network(model, cw.Preprocess(size=tuple(images.shape[2:])))
    trace = network.trace(images, "0", wrt="image")
    exact = nn.Sequential(*(part for part in model)).double()
    leaf = images.double().requires_grad_()
    (true,) = torch.autograd.grad(exact(leaf)[:, unit].sum(), leaf)
    model.float()
    return trace.gradient(trace.logits[:, unit], "image"), true.float(), trace


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"stride": 2, "padding": 1}, {"padding": (1, 0), "bias": False}]
)
def test_a_network_s_first_convolution_equals_autograd(options, layout) -> None:
    torch.manual_seed(0)
    model = model_of(nn.Conv2d(3, 32, 3, **options)).to(memory_format=layout)
    found, true, trace = both(model, torch.rand(2, 3, 141, 150))
    assert ImageConvolution.__name__ in type(trace["0"].grad_fn).__name__
    torch.testing.assert_close(found, true, atol=1e-9, rtol=1e-4)
    assert true.abs().max() > 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "options", [{"padding": 1}, {}, {"padding": 2, "dilation": 2}, {"stride": 2, "bias": False}, {"padding": (1, 0)}]
)
def test_a_convolution_of_a_small_map_equals_autograd(options, layout, monkeypatch) -> None:
    monkeypatch.setattr(convolution_gradients, "_TINY", 0)
    torch.manual_seed(0)
    model = model_of(nn.Conv2d(48, 96, 3, **options)).to(memory_format=layout)
    found, true, trace = both(model, torch.rand(1, 48, 14, 15))
    assert SmallConvolution.__name__ in type(trace["0"].grad_fn).__name__
    torch.testing.assert_close(found, true, atol=1e-8, rtol=1e-4)
    assert true.abs().max() > 0
    with torch.no_grad():
        torch.testing.assert_close(trace["0"], model[0](trace.images), atol=1e-5, rtol=1e-4)


def test_they_are_in_use_only_where_they_pay() -> None:
    picture, small = nn.Conv2d(3, 32, 3), nn.Conv2d(48, 192, 3, padding=1)
    assert ImageConvolution.pays(picture, torch.rand(1, 3, 100, 100))
    assert not ImageConvolution.pays(picture, torch.rand(1, 3, 32, 32))
    assert SmallConvolution.pays(small, torch.rand(1, 48, 15, 15))
    assert not SmallConvolution.pays(small, torch.rand(1, 48, 5, 5))
    assert not SmallConvolution.pays(small, torch.rand(2, 48, 15, 15))
    assert not SmallConvolution.pays(small, torch.rand(1, 48, 30, 30))
    for function, module, shape in (
        (ImageConvolution, picture, (1, 3, 100, 100)),
        (SmallConvolution, small, (1, 48, 15, 15)),
    ):
        assert not function.pays(module, torch.rand(*shape, dtype=torch.double))


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(3, 8, 3, dilation=2),
        nn.Conv2d(3, 9, 3, groups=3),
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 8, 3, padding="same"),
        nn.Conv2d(3, 8, 3, padding=3),
        nn.Conv2d(5, 8, 3),
    ],
    ids=["dilated", "grouped", "reflecting", "same", "padded by more than it sees", "more channels"],
)
def test_what_it_does_not_follow_is_left_to_autograd(module: nn.Conv2d) -> None:
    assert not is_of_pictures(module)


def test_what_the_user_watches_runs_as_it_always_does() -> None:
    """A hook of the user's sees the module run on the picture, not on none."""
    module = nn.Conv2d(48, 192, 3, padding=1)
    model = nn.Sequential(module, nn.ReLU())
    assert may_be_small(module)
    assert thin_layers(model, 3, to_image=True) == {module: SmallConvolution}
    module.register_forward_hook(lambda *_: None)
    assert not thin_layers(model, 3, to_image=True)


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("how", ["hook", "forward"])
def test_a_layer_whose_output_the_user_changes_is_left_to_autograd(place: int, how: str) -> None:
    """The picture's convolution, one that gives the classes, and a global average."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 40, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    if how == "hook":
        model[place].register_forward_hook(lambda _module, _inputs, output: output * output)
    else:
        plain = model[place].forward
        model[place].forward = lambda x: plain(x) ** 2
    network, images = cw.Network(model.eval(), cw.Preprocess(size=(120, 120))), torch.rand(1, 3, 120, 120)
    trace = network.trace(images, wrt="image")
    leaf = images.clone().requires_grad_()
    (true,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    assert true.abs().max() > 0
    torch.testing.assert_close(trace.gradient(trace.logits[:, 1], "image"), true, atol=1e-10, rtol=1e-4)


def test_hooks_of_another_pass_are_not_the_user_s() -> None:
    network = cw.Network(model_of(nn.Conv2d(3, 32, 3)), cw.Preprocess(size=(120, 120)))
    found: list[bool] = []
    with network.edit(
        "0", lambda output: found.append(network.model[0] in thin_layers(network.model, 5, to_image=True)) or output
    ):
        network.trace(torch.rand(1, 3, 120, 120), "0", wrt="image")
    assert found == [True]


def test_a_layer_of_a_kind_of_its_own_is_left_to_autograd() -> None:
    class Own(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    assert not thin_layers(nn.Sequential(Own(3, 8, 3), Own(48, 96, 3)), 3, to_image=True)


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 1}, {"groups": 2}])
def test_pointwise_convolutions_are_left_to_autograd(options) -> None:
    assert not thin_layers(nn.Sequential(nn.Conv2d(4, 6, 1, **options)), 3, to_image=True)


def test_a_pass_that_went_the_same_way_before_looks_only_at_what_paid() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()
    network, images = cw.Network(model, cw.Preprocess(size=(120, 120))), torch.rand(1, 3, 120, 120)

    def gradient() -> torch.Tensor:
        trace = network.trace(images, wrt="image")
        return trace.gradient(trace.logits[:, 1], "image")

    first = gradient()
    ((remembered,),) = (ways.values() for ways in network._thin.values())
    assert remembered == {model[0], model[3]}
    assert torch.equal(gradient(), first)
    model[0].stride = (2, 2)  # what was remembered is looked at again
    leaf = images.clone().requires_grad_()
    (true,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    torch.testing.assert_close(gradient(), true, atol=1e-9, rtol=1e-4)


def test_a_copy_of_the_network_with_another_module_remembers_its_own() -> None:
    network = cw.Network(model_of(nn.Conv2d(3, 32, 3)), cw.Preprocess(size=(120, 120)))
    other, images = copy.copy(network), torch.rand(1, 3, 120, 120)
    other.model, other._layers = copy.deepcopy(network.model), None
    for each in (network, other, network, other):
        trace = each.trace(images, "0", wrt="image")
        assert ImageConvolution.__name__ in type(trace["0"].grad_fn).__name__
