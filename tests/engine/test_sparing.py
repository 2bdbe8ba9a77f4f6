"""What an ascent leaves out of a layer: the numbers are the same as without, and where they would not be, nothing is left out."""

from __future__ import annotations

from random import Random

import pytest
import torch
import torchvision
from engine.random_nets import drawn
from torch import Tensor, nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.feature_objectives import channels, each_its_own
from cnnvis_widgets.engine.network import Network
from cnnvis_widgets.engine.sparing import found_parts

OBJECTIVE = cw.channel("2", 5)


def plain(block: nn.Module | None = None, width: int = 16) -> nn.Sequential:
    """A convolution, a ReLU, and what is looked at."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), block or nn.Conv2d(8, width, 3)).eval()


class Block(nn.Module):
    """Two convolutions and what is made of them."""

    def __init__(self, join) -> None:
        super().__init__()
        self.first, self.second, self.join = nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1), join

    def forward(self, x: Tensor) -> Tensor:
        before = self.first(x)
        return self.join(before, self.second(torch.relu(before)))


def prepared(model: nn.Module, size: int = 16) -> Network:
    return cw.Network(model, cw.Preprocess(size=(size, size))).at_any_size().sparing()


def left_out(network: Network, objective: cw.Objective, count: int = 1, size: int = 16) -> dict[str, list[int]]:
    """The channels that are computed, by the name of the convolution."""
    torch.manual_seed(1)
    parts = found_parts(network, torch.rand(count, 3, size, size), [objective])
    names = {module: name for name, module in network.model.named_modules()}
    return {names[module]: part.channels for module, part in parts.items()}


def answers(network: Network, objective: cw.Objective, images: Tensor) -> tuple[Tensor, Tensor]:
    trace, (score,) = network.ask(images, objective, wrt="image")
    return score.detach(), trace.gradient(score, "image")


def assert_the_same(network: Network, objective: cw.Objective, images: Tensor, repeats: int = 3) -> None:
    """Asked again and again, a network answers as one that leaves nothing out."""
    score, gradient = answers(network.with_parts({}), objective, images)
    for _ in range(repeats):
        again, its_gradient = answers(network, objective, images)
        torch.testing.assert_close(again, score, rtol=1e-4, atol=1e-5)
        size = float(gradient.abs().max())
        torch.testing.assert_close(its_gradient, gradient, rtol=1e-3, atol=1e-5 * size + 1e-12)


@pytest.mark.parametrize(
    ("name", "layer", "index", "parts"),
    [
        ("squeezenet1_1", "features.9", 10, {"features.9.expand1x1": [10], "features.9.expand3x3": [10]}),
        ("squeezenet1_1", "features.9", 250, {"features.9.expand1x1": [], "features.9.expand3x3": [58]}),
        ("resnet18", "layer4", 10, {"layer4.1.conv2": [10]}),
        ("resnet18", "layer2.0", 3, {"layer2.0.conv2": [3], "layer2.0.downsample.0": [3]}),
        ("mobilenet_v2", "features.10", 7, {"features.10.conv.2": [7]}),
        ("vgg11", "features.8", 7, {"features.8": [7]}),
    ],
)
def test_a_channel_of_a_known_network_takes_the_convolutions_it_hangs_on(name, layer, index, parts):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    network, objective = prepared(model, 64), cw.channel(layer, index)
    assert left_out(network, objective, size=64) == parts
    assert_the_same(network, objective, torch.rand(1, 3, 64, 64))


def test_branches_that_are_joined_are_left_out_whole():
    torch.manual_seed(0)
    model = torchvision.models.googlenet(weights=None, init_weights=False).eval()
    objective = cw.channel("inception4c", 500)
    found = left_out(prepared(model, 96), objective, size=96)
    assert found["inception4c.branch1.conv"] == []
    assert_the_same(prepared(model, 96), objective, torch.rand(1, 3, 96, 96))


def climbing() -> cw.Ascent:
    return cw.Ascent(cw.Network(plain(), cw.Preprocess(size=(32, 32))), OBJECTIVE, cw.Recipe(steps=24))


def steps(ascent: cw.Ascent, count: int) -> cw.Ascent:
    for _ in range(count):
        ascent.step()
    return ascent


def test_an_ascent_leaves_something_out_once_it_is_a_long_one(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "cnnvis_widgets.engine.sparing.found_parts", lambda *given: asked.append(ascent.done) or found_parts(*given)
    )
    ascent = climbing()
    for _ in range(24):
        ascent.step()
        ascent.measure()  # looking at it changes nothing
    assert asked == [8]


@pytest.mark.parametrize("until", [4, 8, 12])
def test_a_resumed_ascent_goes_the_same_way(until):
    resumed = climbing()
    resumed.resume(steps(climbing(), until).state())
    assert torch.equal(steps(resumed, 24 - until).pictures, steps(climbing(), 24).pictures)


def test_only_a_sparing_network_leaves_something_out():
    network = cw.Network(plain(), cw.Preprocess(size=(16, 16)))
    trace, _ = network.ask(torch.rand(1, 3, 16, 16), OBJECTIVE, wrt="image")
    assert (trace["2"] != 0).any((0, 2, 3)).all()
    trace, _ = network.sparing().ask(torch.rand(1, 3, 16, 16), OBJECTIVE, wrt="image")
    assert (trace["2"] != 0).any((0, 2, 3)).sum() == 1


@pytest.mark.parametrize(
    ("join", "parts"),
    [
        (lambda a, b: torch.relu(a + b), {"second": [5]}),
        (lambda a, b: torch.cat([b, a], 1), {"second": [5]}),
        (lambda a, b: nn.functional.silu(a * b), {"second": [5]}),
        (lambda a, b: (a * b).abs().add(1).sqrt(), {"second": [5]}),
        (lambda a, b: b.softmax(1), {}),
        (lambda a, b: b / b.norm(dim=1, keepdim=True), {}),
        (lambda a, b: nn.functional.group_norm(b, 2), {}),
        (lambda a, b: b * b.mean((2, 3), keepdim=True).flip(1).sigmoid(), {"second": [5, 10]}),
        (lambda a, b: b * (b[:, :1] > 0), {}),
        (lambda a, b: torch.maximum(b, b.roll(1, 1)), {"second": [4, 5]}),
        (lambda a, b: b if b.max() > 0 else -b, {}),
        (lambda a, b: torch.where(b[:, :1].abs() <= 0, -b, b), {}),
    ],
    ids=[
        "added",
        "joined",
        "silu",
        "root",
        "softmax",
        "normalized",
        "groups",
        "gated",
        "masked",
        "largest",
        "decided",
        "turned",
    ],
)
def test_what_a_block_makes_of_its_channels_decides(join, parts):
    model = plain(Block(join))
    found = left_out(prepared(model), OBJECTIVE)
    # Where a channel is taken that does not matter, nothing is wrong; where one is missing, all is.
    assert found.keys() == {f"2.{name}" for name in parts}
    for name, needed in parts.items():
        assert set(needed) <= set(found[f"2.{name}"])
    assert_the_same(prepared(model), OBJECTIVE, torch.rand(1, 3, 16, 16))


def test_a_silent_unit_is_not_spoiled():
    model = plain(nn.Sequential(nn.Conv2d(8, 16, 3), nn.ReLU()))
    with torch.no_grad():
        model[2][0].bias[5] = -100
    assert_the_same(prepared(model), OBJECTIVE, torch.rand(1, 3, 16, 16))


def test_where_one_branch_is_silent_the_other_is_left_out_all_the_same():
    model = plain(Block(lambda a, b: torch.cat([a, b.relu()], 1)))
    with torch.no_grad():
        model[2].second.bias[5] = -100
    objective = cw.channel("2", 16 + 5)
    assert left_out(prepared(model), objective) == {}  # `second` reads all of `first`
    model[2].join = lambda a, b: torch.cat([b.relu(), a], 1)
    assert left_out(prepared(model), cw.channel("2", 5)) == {"2.second": [5]}
    assert_the_same(prepared(model), objective, torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize(
    "objective",
    [
        channels("2", [3, 9]),
        each_its_own([cw.channel("2", 3), cw.neuron("2", 9)]),
        each_its_own([cw.channel("2", 3) - 0.5 * cw.channel("2", 4), -cw.channel("2", -1)]),
    ],
    ids=["channels", "each its own", "sums"],
)
def test_pictures_with_channels_of_their_own_are_climbed_together(objective):
    network = prepared(plain(width=40))
    (found,) = left_out(network, objective, count=2).values()
    assert {3, 9} <= set(found) or {3, 4, 39} <= set(found)
    assert len(found) < 10
    assert_the_same(network, objective, torch.rand(2, 3, 16, 16))


@pytest.mark.parametrize(
    "objective",
    [cw.layer_energy("2"), cw.diversity("2"), OBJECTIVE + cw.layer_energy("2"), OBJECTIVE + cw.class_score(3)],
    ids=["energy", "diversity", "a channel and the layer", "a channel and a class"],
)
def test_what_is_read_whole_is_computed_whole(objective):
    network, images = prepared(plain()), torch.rand(2, 3, 16, 16)
    for _ in range(2):
        trace, _ = network.ask(images, objective, wrt="image")
    assert (trace["2"] != 0).any((0, 2, 3)).all()


def test_a_user_s_hook_sees_the_whole_layer_from_when_it_is_there():
    model, seen = plain(Block(torch.add)), []
    network, images = prepared(model), torch.rand(1, 3, 16, 16)
    for _ in range(2):
        network.ask(images, OBJECTIVE, wrt="image")
    handle = model[2].second.register_forward_hook(lambda _module, _args, output: seen.append(output.detach().clone()))
    network.ask(images, OBJECTIVE, wrt="image")
    handle.remove()
    assert len(seen) == 1
    assert (seen[0] != 0).any((0, 2, 3)).all()


def test_a_layer_that_is_kept_or_edited_besides_is_whole():
    network, images = prepared(plain(Block(lambda a, b: b))), torch.rand(1, 3, 16, 16)
    for _ in range(2):
        network.ask(images, OBJECTIVE, wrt="image")
    trace, _ = network.ask(images, OBJECTIVE, layers=["2"], wrt="image")
    assert (trace["2"] != 0).any((0, 2, 3)).all()
    seen = []
    with network.edit("2", lambda output: seen.append(output) or output):
        network.ask(images, OBJECTIVE, wrt="image")
    assert (seen[0] != 0).any((0, 2, 3)).all()


class Detached(nn.Module):
    """Its output does not hang on the picture as far as autograd sees."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.detach())


def test_where_nothing_can_be_differentiated_the_scores_come_all_the_same():
    network, images = prepared(plain(Detached()).requires_grad_(False)), torch.rand(1, 3, 16, 16)
    _, (true,) = network.with_parts({}).ask(images, OBJECTIVE)
    for _ in range(2):
        _, (score,) = network.ask(images, OBJECTIVE)
        torch.testing.assert_close(score, true)


def test_an_ascent_ends_where_one_does_that_leaves_nothing_out(monkeypatch):
    found = steps(climbing(), 24).pictures
    monkeypatch.setattr("cnnvis_widgets.engine.sparing.found_parts", lambda *_given: {})
    torch.testing.assert_close(found, steps(climbing(), 24).pictures, rtol=1e-3, atol=1e-3)


def differentiable(seed: int) -> tuple[nn.Module, int, tuple[int, int]]:
    """The first random network from a seed on that torch itself can differentiate; some overwrite what that takes."""
    model, count, size = drawn(seed, odd=True)
    try:
        model(torch.rand(1, count, *size, requires_grad=True)).sum().backward()
    except RuntimeError:
        return differentiable(seed + 1000)
    return model, count, size


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_answer_as_they_do_whole(seed):
    model, count, size = differentiable(seed)
    network = cw.Network(model, cw.Preprocess(size=size, channels=count))
    layers = [each for each in network.layers if each.spatial and each.channels >= 4]
    if layers:
        layer = Random(seed).choice(layers)
        objective = cw.channel(layer.name, seed % layer.channels)
        assert_the_same(network.at_any_size().sparing(), objective, torch.rand(1, count, *size))
