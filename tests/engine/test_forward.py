"""A forward pass with eyes: true outputs, gradients, edits, threads, and what a model may do on the way."""

from __future__ import annotations

import threading
from collections import namedtuple

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, normalized, pictures_for, watched
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

import cnnvis_widgets as cw


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


def _plain(model, size=(8, 8), channels=3):
    return cw.Network(model, cw.Preprocess(channels=channels, size=size))


def test_a_trace_of_every_layer_equals_an_independent_forward(case):
    model, images = module_of(case), pictures_for(case)
    network = network_of(case, model)
    home = {module: name for name, module in model.named_modules()}
    expected, output = watched(model, normalized(case, images))
    trace = network.trace(images, *(layer.name for layer in network.layers))
    for layer in network.layers:
        torch.testing.assert_close(trace[layer.name], expected[home[layer.address.module], layer.address.call])
    torch.testing.assert_close(trace.logits, output)
    assert len(network.layers) == len(expected)


def test_each_layer_alone_equals_all_together_and_stops_early(case):
    network, images = network_of(case), pictures_for(case)
    together = network.trace(images, *(layer.name for layer in network.layers))
    for layer in network.layers:
        alone = network.trace(images, layer.name, logits=False)
        assert torch.equal(alone[layer.name], together[layer.name]), layer.name
        with pytest.raises(cw.GradientError, match="stopped before its end: trace with logits=True"):
            _ = alone.logits


def test_the_gradient_at_every_layer_equals_autograd_on_a_functional_copy(case):
    """By definition: add a zero to the layer's output and differentiate with respect to the zero."""
    model, images = module_of(case), pictures_for(case)
    network = network_of(case, model)
    for layer in network.layers:
        trace = network.trace(images, wrt=layer.name)
        found = trace.gradient(cw.class_score(2)(trace), layer.name)
        zero = torch.zeros_like(trace[layer.name], requires_grad=True)
        calls = iter(range(100))
        hook = layer.address.module.register_forward_hook(
            lambda _m, _a, out, call=layer.address.call, zero=zero, calls=calls: (
                out + zero if next(calls) == call else None
            )
        )
        with hook:
            state = {name: value.detach() for name, value in model.state_dict().items()}
            score = functional_call(model, state, normalized(case, images))[:, 2].sum()
        (expected,) = torch.autograd.grad(score, zero)
        torch.testing.assert_close(found, expected, msg=layer.name)


def test_the_gradient_of_the_image_is_in_its_own_units(case):
    model, images = module_of(case), pictures_for(case).requires_grad_()
    (expected,) = torch.autograd.grad(model(normalized(case, images))[:, 1].sum(), images)
    trace = network_of(case, model).trace(images, wrt="image")
    torch.testing.assert_close(trace.gradient(cw.class_score(1)(trace), "image"), expected)


def test_with_frozen_parameters_parallel_branches_can_both_be_differentiated():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x):
            return (self.left(x) * self.right(x)).mean((2, 3))

    model = Branches().requires_grad_(requires_grad=False)
    trace = _plain(model).trace(torch.rand(2, 3, 8, 8), wrt=["left", "right"])
    left, right = trace.gradients(cw.class_score(0)(trace), ["left", "right"])
    torch.testing.assert_close(left[:, 0], trace["right"][:, 0].detach() / 64)
    torch.testing.assert_close(right[:, 0], trace["left"][:, 0].detach() / 64)


def test_a_tensor_that_a_skip_shares_with_an_in_place_relu_does_not_change_the_output():
    class SharesItsInput(nn.Module):
        """In evaluation mode the dropout gives back the very tensor that the sum reads after it was overwritten."""

        def __init__(self):
            super().__init__()
            self.conv, self.drop, self.relu = nn.Conv2d(3, 4, 3), nn.Dropout(), nn.ReLU(inplace=True)

        def forward(self, x):
            x = self.conv(x)
            return (self.relu(self.drop(x)) + 2 * x).mean((2, 3))

    model, images = SharesItsInput().eval(), torch.rand(2, 3, 8, 8)
    network = _plain(model)
    with torch.no_grad():
        expected = model(images.contiguous(memory_format=torch.channels_last))
        before = model.conv(images)
    trace = network.trace(images, "conv", "drop")
    torch.testing.assert_close(trace.logits, expected)
    torch.testing.assert_close(trace["drop"], before)
    torch.testing.assert_close(trace["conv"], before)


def test_the_gradient_at_the_image_where_the_model_overwrites_its_input():
    case = CASES["writes into its input"]
    images = pictures_for(case)
    trace = network_of(case).trace(images, wrt="image")
    assert trace.gradient(cw.class_score(0)(trace), "image").abs().sum() > 0


def test_structured_outputs_are_traced_and_edited_part_by_part():
    pair = namedtuple("pair", ["first", "second"])  # noqa: PYI024

    class Structured(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.conv, self.wrap = nn.Conv2d(3, 4, 1), wrap

        def forward(self, x):
            x = self.conv(x)
            return self.wrap(x, x * 2)

    class Whole(nn.Module):
        def __init__(self, wrap, key):
            super().__init__()
            self.inner, self.key = Structured(wrap), key

        def forward(self, x):
            out = self.inner(x)
            return out[self.key].relu_().mean((2, 3))

    for wrap, key in (
        (lambda a, b: (a, b), 1),
        (lambda a, b: [a, b], 1),
        (pair, 1),
        (lambda a, b: {"a": a, "b": b}, "b"),
    ):
        network = _plain(Whole(wrap, key))
        name = f"inner[{key}]"
        trace = network.trace(torch.rand(2, 3, 8, 8), "inner.conv", name)
        torch.testing.assert_close(trace[name], trace["inner.conv"] * 2)
        with network.edit(name, torch.ones_like):
            torch.testing.assert_close(network.trace(torch.rand(2, 3, 8, 8)).logits, torch.ones(2, 4))


def test_a_model_that_catches_the_error_of_a_part_keeps_its_layers_in_order():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.good, self.bad = nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 4, 1), nn.Linear(99, 1))
            self.last = nn.Sequential(nn.Conv2d(4, 5, 1), nn.ReLU())

        def forward(self, x):
            x = self.good(x)
            try:
                x = self.bad(x)
            except RuntimeError:
                x = self.last(x)
            return x.mean((2, 3))

    layers = {layer.name: layer for layer in _plain(Tries()).layers}
    assert list(layers) == ["good", "bad.0", "last", "last.0", "last.1"]
    assert layers["last"].kind == "Sequential"
    assert layers["last.0"].shape == (5, 8, 8)


def test_a_module_that_calls_itself_is_two_layers():
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x, depth=0):
            x = self.conv(x)
            return x if depth else self(x, 1) + 1

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.again = Again()

        def forward(self, x):
            return self.again(x).mean((2, 3))

    network = _plain(Outer())
    assert [layer.name for layer in network.layers] == ["again", "again.conv", "again_1", "again.conv_1"]
    trace = network.trace(torch.rand(1, 3, 8, 8), "again", "again_1", "again.conv_1")
    torch.testing.assert_close(trace["again"], trace["again_1"] + 1)
    torch.testing.assert_close(trace["again_1"], trace["again.conv_1"])


def test_a_layer_that_this_pass_never_reached_is_said():
    class Bright(nn.Module):
        def __init__(self):
            super().__init__()
            self.dark, self.light = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return (self.light(x) if x.mean() > 0.7 else self.dark(x)).mean((2, 3))

    network = _plain(Bright())
    assert "dark" in [layer.name for layer in network.layers]
    with pytest.raises(cw.LayerError, match=r"never reached 'dark'.*another way"):
        network.trace(torch.ones(1, 3, 8, 8), "dark")


# edits -------------------------------------------------------------------------------------------------------------


def test_ablating_a_channel_equals_zeroing_what_reads_it():
    case = CASES["in-place ReLU"]
    model, images = module_of(case), pictures_for(case)
    network = network_of(case, model)
    with network.edit("0.0", lambda a: a * torch.tensor([1.0, 0, 1, 1, 1, 1]).view(1, -1, 1, 1)):
        ablated = network.trace(images, "0.0").logits
    with torch.no_grad():
        model[0][3].weight[:, 1] = 0
        torch.testing.assert_close(ablated, model(normalized(case, images)))
    torch.testing.assert_close(network.trace(images).logits, ablated)


def test_edits_hold_for_one_call_of_a_reused_module_and_nest_in_order():
    network, images = network_of(CASES["reused ReLU"]), pictures_for(CASES["reused ReLU"])
    with network.edit("relu_1_", lambda a: a + 1), network.edit("relu_1_", lambda a: a * 2):
        inner = network.trace(images, "relu", "relu_1_")
    plain = network.trace(images, "relu", "relu_1_")
    assert torch.equal(inner["relu"], plain["relu"])
    torch.testing.assert_close(inner["relu_1_"], (plain["relu_1_"] + 1) * 2)


def test_grad_cam_and_its_gradient_are_taken_at_the_edited_layer():
    case = CASES["BatchNorm and residual"]
    network, images = network_of(case), pictures_for(case)
    kept = network.trace(images, "norm2")["norm2"]
    trace = network.trace(images, wrt="norm2")
    with network.edit("norm2", lambda a: a * 3):
        edited = network.trace(images, wrt="norm2")
        cam = np.asarray(cw.grad_cam(network, images, 1, layer="norm2"))
        gradient = edited.gradient(cw.class_score(1)(edited), "norm2")
    torch.testing.assert_close(edited["norm2"].detach(), kept * 3)
    expected = (gradient.mean((2, 3), keepdim=True) * kept * 3).sum(1)
    np.testing.assert_allclose(cam, expected, atol=1e-6)
    assert not torch.equal(gradient, trace.gradient(cw.class_score(1)(trace), "norm2"))


@pytest.mark.parametrize(
    ("change", "given"),
    [(lambda a: a[:, :1], r"\(3, 1, 14, 14\)"), (lambda a: None, "NoneType"), (lambda a: a.numpy(), "ndarray")],
)
def test_an_edit_of_the_wrong_shape_is_refused_and_undone(change, given):
    case = CASES["in-place ReLU"]
    model, images = module_of(case), pictures_for(case)
    network, before = network_of(case, model), fingerprint(model)
    refused = pytest.raises(cw.LayerError, match=rf"edit of 0.0 returned {given}.*\(3, 6, 14, 14\).*same shape")
    with refused, network.edit("0.0", change):
        network.trace(images)
    assert fingerprint(model) == before
    assert network.trace(images).logits.isfinite().all()


def test_an_error_within_an_edit_ends_the_edit():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    plain = network.trace(images).logits
    with pytest.raises(ZeroDivisionError), network.edit("0.0", lambda a: a / (1 // 0)):
        network.trace(images)
    assert torch.equal(network.trace(images).logits, plain)
    with pytest.raises(cw.LayerError, match="no layer 'nowhere'"), network.edit("nowhere", lambda a: a):
        pass


@pytest.mark.parametrize("wrt", [None, "0.0", "image"])
def test_what_an_edit_returns_is_never_overwritten(wrt):
    """The ReLU after it is in place: a steering vector that is broadcast, or patched in from another trace, stays."""
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    donor = network.trace(images.flip(0), "0.0")["0.0"].clone()
    copy = donor.clone()
    with network.edit("0.0", lambda a: donor):
        patched = network.trace(images, wrt=wrt)
    torch.testing.assert_close(patched.logits, network.trace(images.flip(0)).logits)
    assert torch.equal(donor, copy)
    with network.edit("0.0", lambda a: torch.full((1, 1, 1, 1), -1.0).expand_as(a)):
        assert network.trace(images, "0.0", wrt=wrt)["0.0"].unique().tolist() == [-1]


# threads -----------------------------------------------------------------------------------------------------------


def test_a_model_called_by_somebody_else_meanwhile_answers_as_always():
    class Waits(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.gate = nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), None

        def forward(self, x):
            x = self.conv(x)
            if self.gate:
                self.gate()
            return self.relu(x).mean((2, 3))

    model, ours, theirs = Waits().eval(), torch.rand(1, 3, 8, 8), torch.rand(2, 3, 8, 8)
    network = _plain(model)
    expected = network.trace(ours, "conv", "relu")
    right, answers = model(theirs), []

    def gate():
        model.gate = None
        worker = threading.Thread(target=lambda: answers.append(model(theirs)))
        worker.start()
        worker.join(30)

    model.gate = gate
    trace = network.trace(ours, "conv", "relu", logits=False)
    assert torch.equal(trace["conv"], expected["conv"])
    assert torch.equal(trace["relu"], expected["relu"])
    assert torch.equal(answers[0], right)


def test_two_networks_over_one_module_take_turns():
    case = CASES["BatchNorm and residual"]
    model, images = module_of(case).train(), pictures_for(case)
    first, second = network_of(case, model), cw.Network(model, cw.Preprocess(channels=3, size=case.size))
    expected = [np.asarray(cw.grad_cam(each, images, 1, layer="norm2")) for each in (first, second)]
    wrong, errors = [], []

    def work(network, right):
        try:
            found = (np.asarray(cw.grad_cam(network, images, 1, layer="norm2")) for _ in range(25))
            wrong.extend(np.abs(each - right).max() for each in found)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    workers = [threading.Thread(target=work, args=pair) for pair in zip((first, second), expected, strict=True)]
    for worker in workers:
        worker.start()
    with second.edit("norm1", lambda a: a):
        for worker in workers:
            worker.join(60)
    assert not errors
    assert len(wrong) == 50
    assert max(wrong) < 1e-6
    assert all(part.training for part in model.modules())


def test_dropout_that_runs_in_evaluation_too_does_not_use_up_the_random_state():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return F.dropout(self.conv(x), 0.5, training=True).mean((2, 3))

    network = _plain(Noisy())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    network.trace(torch.rand(1, 3, 8, 8, generator=torch.Generator()), "conv")
    assert torch.equal(torch.rand(4), expected)
