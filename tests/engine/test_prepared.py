"""A prepared network answers as the network itself, and gives way to it where it does not."""

from __future__ import annotations

import copy
import sys
import threading
from random import Random

import numpy as np
import pytest
import torch
from engine.random_nets import drawn
from torch import Tensor, nn
from torch.nn import functional

import cnnvis_widgets as cw
from cnnvis_widgets.engine import flows, prepared
from cnnvis_widgets.engine.feature_objectives import channels, each_its_own
from cnnvis_widgets.engine.network import Network
from cnnvis_widgets.engine.objectives import Objective, unit, unit_squared
from cnnvis_widgets.engine.optimizers import OnePassAdam
from cnnvis_widgets.engine.prepared import Prepared
from cnnvis_widgets.engine.trace import Trace

OBJECTIVE = cw.channel("2", 5)


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(16 * 36, 5)).eval()


def network_of(model: nn.Module, size: int = 16, **options) -> Network:
    return cw.Network(model, cw.Preprocess(size=(size, size), **options)).at_any_size()


def pictures(count: int = 1, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size)


def by_the_network(network: Network, objective: Objective, images: Tensor) -> tuple[Tensor, Tensor]:
    trace, (score,) = network.ask(images, objective, wrt="image")
    return score.detach(), trace.gradient(score, "image")


def assert_the_same(ready: Prepared, network: Network, objective: Objective, images: Tensor) -> None:
    """Up to rounding; which may turn single units about at the corner of their ReLU."""
    answer = ready.answer(images)
    assert answer is not None
    score, gradient = by_the_network(network, objective, images)
    torch.testing.assert_close(answer[0], score, rtol=1e-3, atol=1e-5)
    assert torch.linalg.vector_norm(answer[1] - gradient) <= 5e-3 * torch.linalg.vector_norm(gradient)


@pytest.mark.parametrize(
    "objective",
    [
        OBJECTIVE,
        cw.neuron("2", 3),
        cw.neuron("0", 3, 1, 2),
        OBJECTIVE - 0.5 * cw.channel("0", 1),
        cw.layer_energy("2"),
        cw.class_score(3),
        cw.class_probability(2),
        OBJECTIVE + cw.class_score(1),
        cw.diversity("2"),
        channels("2", [4, 7]),
        each_its_own([OBJECTIVE, cw.class_score(0)]),
        cw.direction("2", np.linspace(-1, 1, 16)),
    ],
    ids=lambda objective: objective.name,
)
@pytest.mark.parametrize("mean", [(), (0.4, 0.5, 0.6)])
def test_every_objective_is_answered_as_by_the_network(objective, mean):
    network = network_of(plain(), mean=mean, std=(0.2, 0.3, 0.4) if mean else ())
    ready = Prepared(network, objective)
    for _ in range(3):
        assert_the_same(ready, network, objective, pictures(2))


def test_an_objective_that_reads_the_picture_itself_is_answered_as_by_the_network():
    network = network_of(plain())
    objective = OBJECTIVE + Objective(lambda trace: 3 * (trace.images**2).mean((1, 2, 3)), ("0",), logits=False)
    ready = Prepared(network, objective)
    for _ in range(3):
        assert_the_same(ready, network, objective, pictures(2))


@pytest.mark.parametrize(
    ("name", "layer"),
    [("squeezenet1_1", "features.9"), ("resnet18", "layer3"), ("mobilenet_v2", "features.8"), ("vgg11", "features.13")],
)
def test_known_networks_are_answered_for_at_any_size_and_in_batches(name, layer):
    torch.manual_seed(0)
    network = cw.load(name, None).at_any_size()
    for objective in (cw.channel(layer, 7), cw.class_score(3)):
        ready = Prepared(network, objective)
        for count, size in ((1, 96), (3, 96), (1, 128), (1, 96)):
            assert_the_same(ready, network, objective, pictures(count, size))


def test_the_network_itself_is_asked_once_a_size_and_now_and_then(monkeypatch):
    network = network_of(plain())
    asked = []
    monkeypatch.setattr(
        Prepared, "_agrees", lambda _self, _ready, images: asked.append(tuple(images.shape[2:])) or True
    )
    ready = Prepared(network, OBJECTIVE)
    for step in range(1, 300):
        ready.answer(pictures(size=16 if step % 2 else 20))
    assert asked == [(16, 16), (20, 20), (20, 20), (20, 20)]


def test_operations_that_say_something_else_are_not_used(monkeypatch):
    network = network_of(plain())
    true = flows.read_flow

    def wrong(model, calls):
        flow = true(model, calls)
        flow.operations[0].bias = flow.operations[0].bias + 0.5
        return flow

    monkeypatch.setattr(flows, "read_flow", wrong)
    ready, compared = Prepared(network, OBJECTIVE), []
    agrees = Prepared._agrees
    monkeypatch.setattr(Prepared, "_agrees", lambda *given: compared.append(0) or agrees(*given))
    assert [ready.answer(pictures()) for _ in range(8)] == [None] * 8
    assert len(compared) == 2 * prepared._CHANCES


def test_one_picture_that_is_answered_otherwise_is_no_reason_to_give_up(monkeypatch):
    network, agrees = network_of(plain()), iter([True, False, False, True, *[True] * 200])
    ready = Prepared(network, OBJECTIVE)
    monkeypatch.setattr(Prepared, "_agrees", lambda *_given: next(agrees))
    monkeypatch.setattr(prepared, "_NOW_AND_THEN", 4)
    answers = [ready.answer(pictures()) is not None for _ in range(7)]
    assert answers == [True, True, True, False, True, True, True]


def edited(network: Network) -> Network:
    return network.edited("0", lambda output: output * 2)


def hooked(network: Network) -> Network:
    network.model.register_forward_hook(lambda *_given: None)
    return network


def watched_back(network: Network) -> Network:
    network.model[2].register_full_backward_hook(lambda *_given: None)
    return network


class Loop(nn.Module):
    """Goes a way that torch.fx cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        while x.abs().max() < 2:
            x = self.conv(x) * 2 + 0.1
        return x


@pytest.mark.parametrize(
    "made",
    [
        lambda: edited(network_of(plain())),
        lambda: hooked(network_of(plain())),
        lambda: watched_back(network_of(plain())),
        lambda: network_of(nn.Sequential(Loop(), nn.ReLU(), nn.Conv2d(3, 16, 3)).eval()),
        lambda: network_of(plain().double()),
        lambda: cw.Network(plain(), lambda images: images / images.amax((1, 2, 3), keepdim=True)).at_any_size(),
    ],
    ids=["edited", "hooked", "watched on the way back", "a loop", "double", "a normalization of one's own"],
)
def test_where_it_would_not_be_the_same_the_network_is_asked(made):
    network = made()
    images = pictures().double() if next(network.model.parameters()).dtype == torch.float64 else pictures()
    assert Prepared(network, OBJECTIVE).answer(images) is None


@pytest.mark.parametrize("watch", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"])
def test_who_begins_to_watch_sees_what_there_is_from_then_on(watch):
    model, seen = plain(), []
    network = network_of(model)
    ascent = cw.Ascent(network, OBJECTIVE, cw.Recipe(steps=24), size=16)
    for _ in range(12):
        ascent.step()
    handle = getattr(model[0], watch)(lambda *_given: seen.append(ascent.done))
    for _ in range(4):
        ascent.step()
    handle.remove()
    assert set(seen) >= {12, 13, 14, 15}


def test_weights_that_are_trained_meanwhile_are_seen_at_once():
    model = plain()
    network = network_of(model)
    ready = Prepared(network, OBJECTIVE)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for step in range(6):
        images = pictures()
        answer = ready.answer(images)
        if answer is not None:
            torch.testing.assert_close(answer[1], by_the_network(network, OBJECTIVE, images)[1], rtol=1e-3, atol=1e-6)
        assert (answer is None) == (1 <= step <= 3)  # while it is trained, the network itself is asked
        if step < 3:
            model(pictures())[:, 1].sum().backward()
            optimizer.step()


def test_weights_written_to_behind_torch_s_back_are_seen_now_and_then():
    model = plain()
    network = network_of(model)
    ready = Prepared(network, OBJECTIVE)
    ready.answer(pictures())
    model[2].weight.data.neg_()
    answers = [ready.answer(pictures()) for _ in range(prepared._NOW_AND_THEN)]
    assert None not in answers
    assert_the_same(ready, network, OBJECTIVE, pictures())
    assert_the_same(Prepared(network, OBJECTIVE), network, OBJECTIVE, pictures())  # and by the next one at once


def test_an_ascent_begun_after_such_a_change_sees_it_at_once():
    model = plain()
    network = cw.Network(model, cw.Preprocess(size=(16, 16)))
    recipe = cw.Recipe(steps=20)
    first = cw.activation_maximization(network, OBJECTIVE, recipe=recipe).result()
    model[2].weight.data.neg_()
    second = cw.activation_maximization(network, OBJECTIVE, recipe=recipe).result()
    with torch.no_grad():
        model[2].weight.neg_().neg_()
    third = cw.activation_maximization(network, OBJECTIVE, recipe=recipe).result()
    assert abs(first.scores - second.scores).max() > 1e-3
    np.testing.assert_array_equal(second.scores, third.scores)


def test_a_network_is_not_kept_for_every_question_there_was():
    network = network_of(plain())
    for layer in ("0", "1", "2", "3", "4"):
        assert Prepared(network, cw.channel(layer, 1)).answer(pictures()) is not None
    assert len(network._flows) == 1 + flows._KEPT


def test_two_threads_may_ask_the_same_network():
    network = cw.load("squeezenet1_1", None).at_any_size()
    objectives = [cw.channel("features.4", index) for index in (3, 9)]
    images = pictures(size=64)
    trues = [by_the_network(network, objective, images)[1] for objective in objectives]
    wrong: list[int] = []

    def ask(index: int) -> None:
        ready = Prepared(network, objectives[index])
        for _ in range(12):
            answer = ready.answer(images)
            if answer is None or not torch.allclose(answer[1], trues[index], rtol=1e-2, atol=1e-6):
                wrong.append(index)

    threads = [threading.Thread(target=ask, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.fixture
def hurried():
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_other_threads_go_on_while_a_network_is_read():
    """torch.fx puts something in place of what every module's call does."""
    followed, other, wrong, over = plain(), plain(), [], threading.Event()
    truth = followed(torch.ones(1, 3, 16, 16))

    def call(model: nn.Module) -> None:
        while not over.is_set():
            try:
                with torch.no_grad():
                    right = torch.equal(model(torch.ones(1, 3, 16, 16)), truth)
            except Exception as error:  # noqa: BLE001
                wrong.append(repr(error))
            else:
                wrong.extend([] if right else ["other numbers"])

    def read() -> None:
        for _ in range(40):
            with torch.no_grad():
                if len(flows.read_flow(followed, ()).operations) != 5:
                    wrong.append("other operations")

    before = nn.Module.__call__
    callers = [threading.Thread(target=call, args=(model,)) for model in (followed, other)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in callers + readers:
        thread.start()
    for thread in readers:
        thread.join()
    over.set()
    for thread in callers:
        thread.join()
    assert wrong == []
    assert nn.Module.__call__ is before


STEADY = [
    cw.channel("2", 1),
    cw.neuron("2", 1),
    channels("2", [1, 4]),
    each_its_own([cw.channel("2", 1), -cw.neuron("0", 2)]),
    2 * cw.channel("2", 1) - cw.channel("0", 1) + 1,
]
UNSTEADY = [
    cw.channel("2", 1) * cw.channel("2", 2),
    each_its_own([cw.channel("2", 1), cw.layer_energy("2")]),
    cw.layer_energy("2"),
    cw.layer_energy("2", 1),
    cw.class_score(1),
    cw.class_probability(1),
    cw.diversity("2"),
    cw.direction("2", [1.0] * 16),
]


@pytest.mark.parametrize("objective", STEADY + UNSTEADY, ids=lambda objective: objective.name)
def test_what_is_steady_has_one_gradient_whatever_it_reads(objective):
    assert objective.steady == any(objective is each for each in STEADY)
    if not objective.steady:
        return
    network, found = network_of(plain()), []
    for _ in range(2):
        kept = {name: torch.randn(2, 8 if name == "0" else 16, 6, 5, requires_grad=True) for name in objective.layers}
        trace = Trace(network, pictures(2), ("image",))
        trace._kept = kept
        found.append(torch.autograd.grad(objective(trace).sum(), list(kept.values())))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("made", [unit, unit_squared])
def test_the_largest_value_of_a_channel_is_not_steady(made):
    assert not made("2:1", network_of(plain())).steady


class Parted(nn.Module):
    """A pool whose source is read twice, and a branch that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.last = nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Conv2d(16, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        before = self.conv(x).relu()
        self.last(torch.cat([before, before], 1))
        small = self.pool(before)
        return self.last(torch.cat([small, functional.avg_pool2d(before, 2)], 1))


def test_a_layer_that_is_called_twice_is_told_apart():
    torch.manual_seed(0)
    network = network_of(Parted().eval())
    names = [layer.name for layer in network.layers if layer.name.startswith("last")]
    assert len(names) == 2
    for name in names:
        assert_the_same(Prepared(network, cw.channel(name, 3)), network, cw.channel(name, 3), pictures())


def answered(seed: int) -> int:
    """How many pictures a random network was answered for, each as by the network itself."""
    model, count, size = drawn(seed, odd=True)
    try:
        copy.deepcopy(model)(torch.rand(1, count, *size, requires_grad=True)).sum().backward()
    except RuntimeError:
        return 0  # torch itself cannot differentiate it
    network = cw.Network(model, cw.Preprocess(size=size, channels=count)).at_any_size()
    layers = [each for each in network.layers if each.spatial and each.channels >= 2]
    if not layers:
        return 0
    layer = Random(seed).choice(layers)
    objective = cw.channel(layer.name, seed % layer.channels)
    ready, found = Prepared(network, objective), 0
    for _ in range(3):
        images = torch.rand(2, count, *size)
        answer = ready.answer(images)
        if answer is not None:
            score, gradient = by_the_network(network, objective, images)
            torch.testing.assert_close(answer[0], score, rtol=1e-3, atol=1e-4)
            off = torch.linalg.vector_norm(answer[1] - gradient)
            assert off <= 1e-2 * torch.linalg.vector_norm(gradient)
            found += 1
    return found


def test_random_networks_are_answered_for_or_left_to_themselves():
    found = [answered(seed) for seed in range(60)]
    assert sum(each > 0 for each in found) >= 30


def test_adam_in_one_pass_is_adam():
    torch.manual_seed(0)
    ours, theirs = ([torch.randn(2, 3, 5), torch.randn(4)] for _ in range(2))
    for one, other in zip(ours, theirs, strict=True):
        other.copy_(one)
    first = OnePassAdam(ours, 0.05, fused=True, maximize=True)
    second = torch.optim.Adam(theirs, 0.05, fused=True, maximize=True)
    for _ in range(12):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        first.step()
        second.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    again = OnePassAdam(theirs, 0.05, fused=True, maximize=True)
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    for one, other in zip(ours, theirs, strict=True):
        one.grad = other.grad = torch.randn_like(one)
    first.step()
    again.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
