"""A network's operations there and back are the network, and its gradient is autograd's."""

from __future__ import annotations

import copy
from random import Random

import pytest
import torch
import torchvision
from engine.random_nets import drawn, randomized
from torch import Tensor, nn
from torch.nn import functional

import cnnvis_widgets as cw
from cnnvis_widgets.engine.flow import FlowError, read_flow
from cnnvis_widgets.engine.round_trip import AnyWay, ConvolutionWay, MaxPoolWay, RoundTrip
from cnnvis_widgets.engine.thin_gradient import Part


def call_of(model: nn.Module, layer: str) -> tuple[nn.Module, int]:
    return model.get_submodule(layer), 0


def trip_to(model: nn.Module, *layers: str, parts: dict[str, Part] | None = None) -> tuple[RoundTrip, list[str]]:
    """A round trip to the outputs of some modules, and what these are called in it."""
    calls = tuple(call_of(model, layer) for layer in layers)
    with torch.no_grad():
        flow = read_flow(model, calls)
    names = [flow.calls[call] for call in calls]
    few = {flow.calls[call_of(model, layer)]: part for layer, part in (parts or {}).items()}
    return RoundTrip(flow, names, few), names


def by_autograd(
    model: nn.Module, layers: tuple[str, ...], x: Tensor, pulls: list[Tensor]
) -> tuple[list[Tensor], Tensor]:
    """Outputs of some modules, and the gradient at the picture of their sum weighted by `pulls`."""
    outputs: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(layer).register_forward_hook(
            lambda _m, _i, made, layer=layer: outputs.update({layer: made.clone()})
        )
        for layer in layers
    ]
    leaf = x.clone().requires_grad_()
    model(leaf)
    for handle in handles:
        handle.remove()
    total = sum((outputs[layer] * pull).sum() for layer, pull in zip(layers, pulls, strict=True))
    (gradient,) = torch.autograd.grad(total, leaf)
    return [outputs[layer].detach() for layer in layers], gradient


def assert_it_is_autograd(model: nn.Module, layers: tuple[str, ...], x: Tensor, tolerance: float = 1e-9) -> RoundTrip:
    trip, names = trip_to(model, *layers)
    for _ in range(2):  # a second picture meets what the first left behind
        found = trip.there(x)
        pulls = [torch.randn_like(found[name]) for name in names]
        back = trip.back(dict(zip(names, pulls, strict=True)))
        outputs, gradient = by_autograd(model, layers, x, pulls)
        for name, output in zip(names, outputs, strict=True):
            torch.testing.assert_close(found[name], output, rtol=tolerance, atol=tolerance * float(output.abs().max()))
        torch.testing.assert_close(back, gradient, rtol=0, atol=tolerance * float(gradient.abs().max()) + 1e-30)
        x = torch.rand_like(x)
    return trip


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("squeezenet1_1", ("features.9",)),
        ("squeezenet1_1", ("features.4", "features.12.expand3x3", "classifier")),
        ("resnet18", ("layer3",)),
        ("resnet50", ("layer2", "layer1")),
        ("mobilenet_v2", ("features.8",)),
        ("vgg11_bn", ("features.20", "features.4")),
        ("googlenet", ("inception4b",)),
        ("densenet121", ("features.denseblock2",)),
        ("efficientnet_b0", ("features.4",)),
        ("convnext_tiny", ("features.3",)),
        ("alexnet", ("classifier",)),
        ("regnet_x_400mf", ("trunk_output.block3",)),
        ("mnasnet0_5", ("layers.9",)),
    ],
)
def test_known_networks_there_and_back_are_autograd(name, layers):
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    model = randomized(torchvision.models.get_model(name, weights=None, **options)).double()
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # so that the outputs autograd keeps are those that are asked for
    assert_it_is_autograd(model, layers, torch.rand(2, 3, 96, 80).double())


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "mobilenet_v2"])
def test_in_single_precision_they_are_it_up_to_rounding(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    layer = {"squeezenet1_1": "features.9", "resnet18": "layer3", "mobilenet_v2": "features.8"}[name]
    assert_it_is_autograd(model, (layer,), torch.rand(1, 3, 96, 80), 2e-4)


def answer(model: nn.Module, count: int, size: tuple[int, int], seed: int) -> RoundTrip | None:
    """A trip to a layer of a random network, compared with autograd; None where there is none."""
    layers = [name for name, module in model.named_modules() if name and not list(module.children())]
    layers = [name for name in layers if not getattr(model.get_submodule(name), "inplace", False)]
    Random(seed).shuffle(layers)
    x = torch.rand(2, count, *size, dtype=torch.double)
    for layer in layers:
        try:
            trip, (name,) = trip_to(model, layer)
            found = trip.there(x)[name]
        except (FlowError, KeyError):
            continue
        pull = torch.randn_like(found)
        back = trip.back({name: pull})
        try:
            (output,), gradient = by_autograd(copy.deepcopy(model), (layer,), x, [pull])
        except RuntimeError:
            continue  # torch itself cannot differentiate it
        torch.testing.assert_close(found, output, rtol=1e-9, atol=1e-9)
        if back is None:
            assert not gradient.any()
        else:
            torch.testing.assert_close(back, gradient, rtol=0, atol=1e-9 * float(gradient.abs().max()) + 1e-12)
        return trip
    return None


def test_random_networks_there_and_back_are_autograd():
    kinds: dict[str, int] = {}
    for seed in range(160):
        model, count, size = drawn(seed, odd=True)
        trip = answer(model.double(), count, size, seed)
        for way in trip._ways if trip else []:
            kinds[type(way).__name__] = kinds.get(type(way).__name__, 0) + 1
        kinds["trips"] = kinds.get("trips", 0) + (trip is not None)
    assert kinds["trips"] >= 120
    assert min(kinds.get(each, 0) for each in ("ConvolutionWay", "MaxPoolWay", "JoinWay", "AnyWay")) >= 5


def branching(activation: nn.Module, reads_before: bool) -> nn.Module:
    """A convolution whose activation a pool reads, alone or not."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act, self.pool = nn.Conv2d(3, 8, 3), activation, nn.MaxPool2d(3, 2)
            self.next, self.out = nn.Conv2d(8, 4, 3), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            before = self.act(self.conv(x))
            after = self.next(self.pool(before))
            more = functional.adaptive_avg_pool2d(before, after.shape[2:])[:, :4] if reads_before else 0
            return self.next(functional.pad(after, (1, 1, 1, 1)).repeat(1, 2, 1, 1)) + more

    torch.manual_seed(0)
    return Model().double().eval()


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6(), nn.SiLU()], ids=["relu", "relu6", "silu"])
@pytest.mark.parametrize("reads_before", [False, True])
def test_a_pool_masks_for_an_activation_only_where_it_alone_reads_it(activation, reads_before):
    model = branching(activation, reads_before)
    with torch.no_grad():
        model.conv.weight.mul_(8)  # so that some are above 6
    with torch.no_grad():
        flow = read_flow(model, ())
    trip = RoundTrip(flow, [str(flow.output)])
    pools = [way for way in trip._ways if isinstance(way, MaxPoolWay)]
    masked = not reads_before and not isinstance(activation, nn.SiLU)
    assert [bool(pool.masks) for pool in pools] == [masked]
    x = torch.rand(1, 3, 20, 17).double()
    found = trip.there(x)[str(flow.output)]
    pull = torch.randn_like(found)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf), leaf, pull)
    torch.testing.assert_close(trip.back({str(flow.output): pull}), gradient, atol=1e-10, rtol=1e-9)


def test_an_activation_that_is_wanted_itself_is_not_left_to_the_pool():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3)).double().eval()
    assert_it_is_autograd(model, ("1", "3"), torch.rand(1, 3, 14, 14).double())
    trip, _ = trip_to(model, "1", "3")
    assert not any(isinstance(way, MaxPoolWay) and way.masks for way in trip._ways)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (2, 5), "padding": (1, 0)},
        {"kernel_size": 3, "dilation": 2, "padding": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3, "padding": 4},  # more than a window
        {"kernel_size": 1},
        {"kernel_size": 3, "groups": 4, "padding": 1},
        {"kernel_size": 3, "groups": 8, "padding": 1, "stride": 2},
        {"kernel_size": 3, "groups": 2, "padding": 1, "bias": False},
    ],
    ids=str,
)
def test_every_kind_of_convolution_goes_back(options):
    torch.manual_seed(0)
    model = (
        nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, **options), nn.ReLU(), nn.Conv2d(16, 4, 1))
        .double()
        .eval()
    )
    trip = assert_it_is_autograd(model, ("3",), torch.rand(2, 3, 23, 26).double())
    assert sum(isinstance(way, ConvolutionWay) for way in trip._ways) == 3


@pytest.mark.parametrize("channels", [[5], [2, 3, 4], [1, 6], []], ids=str)
def test_of_a_part_of_a_convolution_the_rest_reads_a_number(channels):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8), nn.ReLU()
    )
    model = randomized(model).double()
    x = torch.rand(2, 3, 15, 12).double()
    trip, (name,) = trip_to(model, "4", parts={"2": Part(channels, 7.0)})
    found = trip.there(x)[name]
    pull = torch.randn_like(found)
    back = trip.back({name: pull})
    rest = [index for index in range(8) if index not in channels]
    assert (found[:, rest] == 7).all()
    pull[:, rest] = 0
    (output,), gradient = by_autograd(model, ("4",), x, [pull])
    torch.testing.assert_close(found[:, channels], output[:, channels])
    if channels:
        torch.testing.assert_close(back, gradient)
    else:
        assert back is None


def test_only_what_leads_to_what_is_wanted_is_computed():
    model = torchvision.models.squeezenet1_1(weights=None).eval()
    trip, _ = trip_to(model, "features.4")
    assert len(trip._ways) == 10  # a convolution and a pool, and two blocks of three convolutions and a join
    assert not trip.calls_modules
    assert not any(isinstance(way, AnyWay) for way in trip._ways)


def test_what_gives_several_things_at_once_is_refused():
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.out = nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            first, _ = self.conv(x).chunk(2, 1)
            return self.out(first)

    trip, _ = trip_to(Halves().eval(), "out")
    with pytest.raises(FlowError, match="tuple"):
        trip.there(torch.rand(1, 3, 9, 9))


def test_it_is_of_no_consequence_to_the_model():
    torch.manual_seed(0)
    model = cw.load("resnet18", None).model
    before = {name: each.clone() for name, each in model.state_dict().items()}
    trip, (name,) = trip_to(model, "layer2")
    trip.back({name: torch.ones_like(trip.there(torch.rand(1, 3, 64, 64))[name])})
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())
