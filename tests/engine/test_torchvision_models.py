"""Every model of torchvision that takes a picture: each layer's true output, and a model that is bit for bit as it was.

What was traced is printed by `pytest -rA`, what was left out and why by `pytest -rs`.
"""

from __future__ import annotations

import pytest
import torch
import torchvision
from methods.nets import fingerprint, watched
from torchvision.models.feature_extraction import get_graph_node_names

from cnnvis_widgets import Network, Preprocess

LARGEST = 100_000_000  # parameters
_MOVING = {"torchvision.models.video": "takes a film", "torchvision.models.optical_flow": "takes two pictures"}
# The smallest picture each can be called with, in pixels; all others run at 32.
_SIDES = {"alexnet": 64, "maxvit_t": 224, "inception_v3": 75, "quantized_inception_v3": 75}
_SIDES |= dict.fromkeys(("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32"), 224)
_SMALL_DETECTION = {"min_size": 64, "max_size": 64}
_FEW_BOXES = {"box_detections_per_img": 4, "rpn_post_nms_top_n_test": 16, "rpn_pre_nms_top_n_test": 64}


def _parameters(name: str) -> int:
    """As torchvision states them, without building the model; the quantizable ones are the size of their originals."""
    entries = list(torchvision.models.get_model_weights(name))
    if entries and "num_params" in entries[0].meta:
        return entries[0].meta["num_params"]
    with torch.device("meta"):
        return sum(each.numel() for each in torchvision.models.get_model(name, weights=None).parameters())


def _left_out(name: str) -> str:
    home = torchvision.models.get_model_builder(name).__module__
    return next((reason for package, reason in _MOVING.items() if home.startswith(package)), "")


def _built(name: str) -> torch.nn.Module:
    home = torchvision.models.get_model_builder(name).__module__
    options = {"weights": None}
    if ".detection" in home or ".segmentation" in home:
        options["weights_backbone"] = None
    if ".quantization" in home:
        options["quantize"] = False
    if "googlenet" in name or "inception" in name:
        options["init_weights"] = False
    if ".detection" in home and not name.startswith("ssd"):
        options |= _SMALL_DETECTION
    if "rcnn" in name:
        options |= _FEW_BOXES
    torch.manual_seed(0)
    return torchvision.models.get_model(name, **options)


def _aimless(model: torch.nn.Module) -> None:
    """Modes as a person in the midst of training would have them: not all the same, some parameters frozen."""
    parts = [part for part in model.modules() if not list(part.children())]
    for index, part in enumerate(parts):
        part.training = index % 3 != 0
    next(model.parameters()).requires_grad_(False)


def _same(found, expected) -> bool:
    """Equal to the bit, structures and NaN included."""
    if isinstance(expected, torch.Tensor):
        return found.shape == expected.shape and torch.equal(found.nan_to_num(7.25), expected.nan_to_num(7.25))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(_same, found, expected))
    return found == expected


@pytest.mark.parametrize("name", torchvision.models.list_models())
def test_a_trace_holds_the_true_output_of_every_layer_and_leaves_the_model_bit_for_bit(name):
    if reason := _left_out(name):
        pytest.skip(f"{name} {reason}")
    if (count := _parameters(name)) >= LARGEST:
        pytest.skip(f"{name} has {count / 1e6:.0f} million parameters")
    side = _SIDES.get(name, 32)
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3))
    model = _built(name)
    expected, output = watched(model.eval(), picture.contiguous(memory_format=torch.channels_last))
    _aimless(model)
    before = fingerprint(model)
    network = Network(model, Preprocess(channels=3, size=(side, side)))
    home = {module: name for name, module in model.named_modules()}
    places = {each.name: (home[each.address.module] + _part(each), each.address.call) for each in network.layers}

    trace = network.trace(picture, *places)

    assert fingerprint(model) == before
    assert sorted(places.values()) == sorted(expected), "every call of every module is a layer with a name of its own"
    for layer, place in places.items():
        assert _same(trace[layer], expected[place]), layer
    assert _same(trace.output, output)
    repeats = sum(call > 0 for _, call in places.values())
    print(f"{name}: {len(places)} layers at {side} × {side}, {repeats} of them repeats, {count / 1e6:.1f} M parameters")


def _part(layer) -> str:
    return "" if layer.address.part is None else f"[{layer.address.part}]"


def test_the_repeats_of_a_reused_relu_are_named_as_torchvision_names_its_graph_nodes():
    model = torchvision.models.resnet18(weights=None).eval()
    _, nodes = get_graph_node_names(model)
    names = [layer.name for layer in Network(model, Preprocess(channels=3, size=(32, 32))).layers]
    assert "layer1.0.relu_1" in names
    modules = {name for name, _ in model.named_modules() if name}
    assert [each for each in nodes if each.rpartition("_")[0] in modules or each in modules] == [
        each for each in names if each in nodes
    ]
