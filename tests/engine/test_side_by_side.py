"""Shares of a batch in threads of their own: the same pictures, and nothing of it is seen outside."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine import side_by_side as sharing
from cnnvis_widgets.engine import viewing
from cnnvis_widgets.engine.side_by_side import multiply_adds, side_by_side, twin

RECIPE = cw.Recipe(steps=6)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch) -> Iterator[None]:
    """As if torch had two, and every batch were worth sharing."""
    monkeypatch.setattr(viewing, "_WORTH_SHARING", 0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def model_of() -> nn.Sequential:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 12, 3), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5))


@pytest.fixture
def network() -> cw.Network:
    return cw.Network(model_of(), cw.Preprocess(size=(24, 24)))


def climbed(network: cw.Network, objectives, *, count: int = 1, shared: bool = True, monkeypatch=None) -> cw.Ascent:
    ascent = cw.Ascent(network, objectives, RECIPE, size=24, count=count)
    if not shared:
        ascent._view._shares = []
    while not ascent.finished:
        ascent.step()
    return ascent


@pytest.mark.parametrize(
    "objectives", [[cw.channel("3", index) for index in range(5)], [cw.class_score(1), cw.class_score(2)]]
)
def test_pictures_in_shares_are_those_of_the_whole_batch(network: cw.Network, objectives) -> None:
    shared, whole = climbed(network, objectives), climbed(network, objectives, shared=False)
    assert [part.stop - part.start for part, _ in shared._view._shares] == ([2, 3] if len(objectives) == 5 else [1, 1])
    torch.testing.assert_close(shared.pictures, whole.pictures, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.as_tensor(shared.history), torch.as_tensor(whole.history), atol=1e-5, rtol=1e-4)
    assert shared.history[-1].min() > shared.history[0].min()


def test_several_pictures_of_one_objective_are_shared_as_well(network: cw.Network) -> None:
    shared = climbed(network, cw.channel("3", 2), count=4)
    whole = climbed(network, cw.channel("3", 2), count=4, shared=False)
    assert len(shared._view._shares) == 2
    torch.testing.assert_close(shared.pictures, whole.pictures, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "objective",
    [
        cw.channel("3", 2) + cw.diversity("3"),
        -cw.diversity("3"),
        2 * cw.alignment("3"),
        cw.Objective(lambda trace: trace["3"].flatten(1).mean(1) - trace["3"].mean(), ("3",), logits=False),
    ],
    ids=["and diversity", "diversity", "alignment", "the user's own"],
)
def test_what_may_look_at_the_whole_batch_is_not_shared(network: cw.Network, objective: cw.Objective) -> None:
    assert not cw.Ascent(network, objective, RECIPE, size=24, count=4)._view._shares
    assert not cw.Ascent(network, [objective, cw.channel("3", 1)], RECIPE, size=24)._view._shares


def test_a_dead_unit_in_one_share_is_told_of_its_own_picture(network: cw.Network) -> None:
    with torch.no_grad():
        network.model[3].weight[7] = 0
        network.model[3].bias[7] = -1
    ascent = cw.Ascent(network, [cw.channel("4", index) for index in (1, 3, 7)], cw.Recipe(steps=80), size=24)
    assert len(ascent._view._shares) == 2
    while not ascent.finished:
        ascent.step()
    assert [bool(note) for note in ascent.notes] == [False, False, True]


def test_a_twin_has_the_very_weights_and_hooks_of_its_own(network: cw.Network) -> None:
    other = twin(network)
    assert other is not None
    assert other.model is not network.model
    assert all(a is b for a, b in zip(other.model.parameters(), network.model.parameters(), strict=True))
    assert all(a is b for a, b in zip(other.model.buffers(), network.model.buffers(), strict=True))
    other.model[0].register_forward_hook(lambda *_: None)
    assert not network.model[0]._forward_hooks
    assert other.layers == network.layers
    assert all(a.address.module is not b.address.module for a, b in zip(other.layers, network.layers, strict=True))


def test_a_module_somebody_watches_has_no_twin(network: cw.Network) -> None:
    handle = network.model[0].register_forward_hook(lambda *_: None)
    assert twin(network) is None
    handle.remove()
    assert twin(network) is not None
    with network.edit("0", lambda output: output * 0):
        assert twin(network) is None
    network.model[3].forward = lambda x: x
    assert twin(network) is None


def test_a_module_that_cannot_be_copied_climbs_as_a_whole() -> None:
    model = model_of()
    model.lock = threading.Lock()
    network = cw.Network(model, cw.Preprocess(size=(24, 24)))
    assert twin(network) is None
    assert np_increasing(climbed(network, [cw.channel("3", 1), cw.channel("3", 2)]))


def np_increasing(ascent: cw.Ascent) -> bool:
    return bool((ascent.history[-1] > ascent.history[0]).all())


def test_the_module_is_as_it_was(network: cw.Network) -> None:
    network.model.train()
    before = {name: value.clone() for name, value in network.model.state_dict().items()}
    climbed(network, [cw.channel("3", index) for index in range(4)])
    assert network.model.training
    assert all(torch.equal(value, before[name]) for name, value in network.model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.model.parameters())


def test_torch_s_threads_are_as_they_were() -> None:
    sharing._hands.cache_clear()
    inside = side_by_side([torch.get_num_threads, torch.get_num_threads])
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert inside == [1, 1]
    assert torch.get_num_threads() == 2
    assert found == [2]


def test_an_error_comes_out_when_all_have_ended() -> None:
    ended: list[str] = []

    def fail() -> None:
        msg = "of the first"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="of the first"):
        side_by_side([fail, lambda: ended.append("second")])
    assert ended == ["second"]
    assert side_by_side([lambda: 1, lambda: 2]) == [1, 2]


def test_a_forked_child_has_threads_of_its_own() -> None:
    code = (
        "import os, torch; torch.set_num_threads(2)\n"
        "from cnnvis_widgets.engine.side_by_side import side_by_side\n"
        "assert side_by_side([lambda: 1, lambda: 2]) == [1, 2]\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if side_by_side([lambda: 3, lambda: 4]) == [3, 4] else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_multiply_adds_are_those_of_the_convolutions_up_to_the_layer(network: cw.Network) -> None:
    first, second = 24 * 24 * 8 * 27, 22 * 22 * 12 * 72
    assert multiply_adds(network, ("0",)) == first / 24**2
    assert multiply_adds(network) == multiply_adds(network, ("3", "0")) == (first + second) / 24**2


def test_small_passes_are_not_shared(network: cw.Network, monkeypatch) -> None:
    monkeypatch.undo()
    torch.set_num_threads(2)
    ascent = cw.Ascent(network, [cw.channel("3", index) for index in range(4)], RECIPE, size=24)
    monkeypatch.setattr(viewing, "side_by_side", lambda tasks: pytest.fail("shared"))
    ascent.step()
    assert ascent.done == 1
