"""The redirected rule, by its definition: as differentiated, but a picture that nothing would pass for is pulled open."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.rectifier import Rectifier


def redirected_by_hand(x, gradient, ceiling=float("inf")):
    """Number by number, picture by picture."""
    found = torch.zeros_like(x)
    for picture in range(len(x)):
        values, pulls = x[picture].flatten().tolist(), gradient[picture].flatten().tolist()
        passed = [pull if 0 < value < ceiling else 0.0 for value, pull in zip(values, pulls, strict=True)]
        if not any(passed):
            up = [value <= 0 and pull > 0 for value, pull in zip(values, pulls, strict=True)]
            down = [value >= ceiling and pull < 0 for value, pull in zip(values, pulls, strict=True)]
            passed = [
                pull if open_ else 0.0 for pull, open_ in zip(pulls, map(max, zip(up, down, strict=True)), strict=True)
            ]
        found[picture] = torch.tensor(passed).view(x.shape[1:])
    return found


def gradient_through(relu, x, gradient):
    leaf = x.clone().requires_grad_()
    with Rectifier("redirected"):
        output = relu(leaf * 1)
    return torch.autograd.grad(output, leaf, gradient)[0]


@pytest.mark.parametrize(
    ("relu", "ceiling"),
    [
        (torch.relu, float("inf")),
        (nn.ReLU(inplace=True), float("inf")),
        (nn.functional.relu6, 6.0),
        (lambda x: x.clamp(min=0), float("inf")),
    ],
    ids=["function", "in place", "relu6", "clamp"],
)
def test_a_redirected_gradient_is_that_of_its_definition(relu, ceiling):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 3, 4, 5, generator=generator) * 6
    gradient = torch.randn(6, 3, 4, 5, generator=generator)
    x[0] = -x[0].abs()  # nothing passes: closed everywhere
    x[1] = -x[1].abs()
    x[1, 0, 0, 0] = 2.0  # one open unit
    gradient[1, 0, 0, 0] = 0.0  # which nothing comes back to
    x[2] = 7 + x[2].abs()  # above a ceiling everywhere
    assert torch.equal(gradient_through(relu, x, gradient), redirected_by_hand(x, gradient, ceiling))


def test_a_picture_that_something_passes_for_gets_its_true_gradient_whatever_its_company():
    generator = torch.Generator().manual_seed(1)
    x, gradient = torch.randn(2, 3, 4, 4, generator=generator), torch.randn(2, 3, 4, 4, generator=generator)
    silent = torch.cat([x, -x[:1].abs()])
    found = gradient_through(torch.relu, silent, torch.cat([gradient, gradient[:1]]))
    assert torch.equal(found[:2], gradient * (x > 0))
    assert found[2].any()


def silent_network():
    """A unit that is silent on any picture near gray, and answers to white."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 3), nn.ReLU())
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.fill_(1.0)
        model[0].bias.fill_(-7.0)  # nine pixels of more than 0.78
        model[2].bias.fill_(-1.0)
    return cw.Network(model, cw.Preprocess(channels=1, size=(12, 12)))


def test_a_unit_that_is_silent_on_noise_is_woken():
    network = silent_network()
    recipe = cw.Recipe(cw.Pixels(), cw.Transforms(), steps=80)
    found = cw.activation_maximization(network, cw.channel("3", 0), recipe=recipe).result()
    assert found.history[0, 0] == 0
    assert found.scores[0] > 1
    assert found.notes == ("",)


def test_a_dead_unit_is_given_up_and_said_while_its_company_goes_on():
    network = silent_network()
    with torch.no_grad():
        network.model[2].weight[1] = 0.0
    recipe = cw.Recipe(cw.Pixels(), cw.Transforms(), steps=80)
    found = cw.activation_maximization(network, [cw.channel("3", 0), cw.channel("3", 1)], recipe=recipe).result()
    assert found.scores[0] > 1
    assert found.scores[1] == 0
    assert found.notes[0] == ""
    assert "stayed silent" in found.notes[1]
