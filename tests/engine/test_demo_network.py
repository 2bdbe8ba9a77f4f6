"""The network in the package: what it is, and that it knows its scenes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from cnnvis_widgets.engine.demo_network import (
    DEMO_MEAN,
    DEMO_STD,
    DemoNet,
    ResidualBlock,
    SeparableBlock,
    build_demo_model,
)
from cnnvis_widgets.engine.scenes import SCENE_CLASSES, scenes

WEIGHTS = files("cnnvis_widgets").joinpath("assets", "demo.safetensors")
RECIPE_SEEDS = (20_000, 30_000)  # of scripts/demo_weights.py: pictures it learned from, and was judged by
FRESH_SEED = 987_654


@pytest.fixture(scope="module")
def model() -> DemoNet:
    return build_demo_model()


@pytest.fixture(scope="module")
def judged(model) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Probabilities, labels and backgrounds of 1,560 scenes that the recipe never drew."""
    assert FRESH_SEED not in RECIPE_SEEDS
    fresh, parts, labels, grounds = scenes(1_560, seed=FRESH_SEED), [], [], []
    for start in range(0, len(fresh), 64):
        batch = list(fresh[start : start + 64])
        parts.append(probabilities(model, np.stack([s.image for s in batch])))
        labels += [s.label for s in batch]
        grounds += [s.background for s in batch]
    return torch.cat(parts), torch.tensor(labels), grounds


@torch.no_grad()
def probabilities(model: nn.Module, images: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (DEMO_MEAN, DEMO_STD))
    return model((x - mean) / std).softmax(1)


def metadata() -> dict[str, str]:
    with safe_open(str(WEIGHTS), "pt") as file:
        return file.metadata()


def test_the_shipped_network_names_ninety_seven_percent_of_fresh_scenes(judged):
    scores, labels, _ = judged
    assert (scores.argmax(1) == labels).float().mean() >= 0.97


def test_no_class_and_no_background_is_left_behind(judged):
    scores, labels, grounds = judged
    right = scores.argmax(1) == labels
    assert min(right[labels == k].float().mean() for k in range(12)) >= 0.9
    for ground in set(grounds):
        assert right[[g == ground for g in grounds]].float().mean() >= 0.9


def test_it_is_about_as_sure_as_it_is_right(judged):
    scores, labels, _ = judged
    accuracy = (scores.argmax(1) == labels).float().mean()
    assert abs(scores.max(1).values.mean() - accuracy) < 0.06


def test_it_looks_at_objects_and_not_at_backgrounds(model):
    # With the object painted over in gray, it does not find the class any more.
    hidden = []
    for scene in scenes(96, seed=FRESH_SEED):
        rows, columns = (slice(max(v.min() - 3, 0), v.max() + 4) for v in np.nonzero(scene.mask))
        image = scene.image.copy()
        image[rows, columns] = 128
        hidden.append(image)
    labels = torch.tensor([s.label for s in scenes(96, seed=FRESH_SEED)])
    assert (probabilities(model, np.stack(hidden)).argmax(1) == labels).float().mean() < 0.3


def test_the_evidence_for_a_class_peaks_on_its_object(model):
    # Average pooling and a linear head: the class activation map is exact.
    kept, some = [], list(scenes(120, seed=FRESH_SEED))
    handle = model.separable3.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    probabilities(model, np.stack([s.image for s in some]))
    handle.remove()
    evidence = torch.einsum("nchw,nc->nhw", kept[0], model.head.weight.detach()[[s.label for s in some]])
    hits = 0
    for scene, cells in zip(some, evidence, strict=True):
        row, column = divmod(int(cells.argmax()), 12)
        hits += scene.mask[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].any()
    assert hits / len(some) > 0.85


def test_the_file_takes_at_most_two_megabytes():
    assert len(WEIGHTS.read_bytes()) <= 2_000_000


def test_the_file_says_what_it_is():
    what = metadata()
    assert what["name"] == "cnnvis_widgets demo network"
    assert what["recipe"]
    assert int(what["seed"]) in RECIPE_SEEDS
    assert tuple(what["classes"].split(",")) == SCENE_CLASSES
    assert 0.97 <= float(what["accuracy"]) <= 1
    assert "96 x 96" in what["input"]


def test_the_file_is_safetensors_and_nothing_that_could_run():
    data = WEIGHTS.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} <= {"F32", "F16", "I64"}


def test_it_loads_in_eval_mode_on_the_cpu_in_float32(model):
    assert not any(module.training for module in model.modules())
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_every_call_builds_a_network_of_its_own(model):
    other = build_demo_model()
    with torch.no_grad():
        other.head.weight.zero_()
    assert model.head.weight.abs().sum() > 0


def test_it_loads_in_under_a_second_and_without_a_network():
    code = (
        "import socket, time; from cnnvis_widgets.engine.demo_network import build_demo_model\n"
        "def refuse(*_, **__): raise OSError('offline')\n"
        "socket.socket.connect = refuse; start = time.process_time(); build_demo_model()\n"
        "print(time.process_time() - start)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert float(told) < 1


def test_it_has_batchnorm_a_residual_a_depthwise_separable_block_and_a_max_pool(model):
    kinds = [type(module) for module in model.modules()]
    assert {nn.BatchNorm2d, ResidualBlock, SeparableBlock, nn.MaxPool2d, nn.AdaptiveAvgPool2d} <= set(kinds)
    depthwise = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert all(m.groups == m.in_channels == m.out_channels for m in depthwise)
    assert depthwise


def test_a_residual_block_adds_its_shortcut_and_uses_one_relu_twice():
    block, calls = ResidualBlock(4, 4).eval(), []
    block.relu.register_forward_hook(lambda *_: calls.append(1))
    x = torch.rand(2, 4, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    assert torch.equal(block(x), x)
    assert len(calls) == 2


def test_relu_in_place_is_its_only_activation(model):
    kinds = {type(m) for m in model.modules() if not list(m.children())}
    layers = {nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Linear, nn.Identity}
    assert kinds - layers == {nn.ReLU}
    assert all(m.inplace for m in model.modules() if isinstance(m, nn.ReLU))


def test_the_last_map_is_twelve_by_twelve(model):
    shapes = []
    handle = model.average.register_forward_hook(lambda _, inputs, __: shapes.append(tuple(inputs[0].shape)))
    assert model(torch.zeros(2, 3, 96, 96)).shape == (2, 12)
    handle.remove()
    assert shapes == [(2, 160, 12, 12)]


def test_its_parameters_are_few():
    assert sum(p.numel() for p in DemoNet().parameters()) <= 450_000


def test_the_input_is_left_untouched(model):
    x = torch.rand(1, 3, 96, 96)
    before = x.clone()
    model(x)
    assert torch.equal(x, before)


def test_batch_and_single_pictures_agree(model):
    x = torch.rand(3, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(model(x), torch.cat([model(one[None]) for one in x]), atol=1e-4)
