"""The widgets as a user gets them: from the wheel, on a machine without Node."""

from __future__ import annotations

import pytest
from lab import Lab, Server

from cnnvis_widgets import widgets

OPEN = """
import os, shutil
os.environ["PATH"] = ""
assert shutil.which("node") is None
import torch
import cnnvis_widgets as cw
torch.manual_seed(0)
from torch import nn
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
widget = cw.{name}(cw.Network(model), {given})
widget
"""

#: What a widget is opened with, where that is not a picture.
GIVEN = {
    "FeatureLab": '"0", 0, recipe_a={"steps": 20}, recipe_b={"steps": 20}',
    "FilterGallery": '"0", steps=4, cache=False',
}


@pytest.fixture(scope="module")
def server(installed):
    # Nothing is found by its name, also where the package is imported before there is a kernel.
    with Server({"PYTHONPATH": str(installed), "PATH": ""}) as running:
        yield running


@pytest.fixture(scope="module")
def shared_lab(server, browser):
    return Lab(server, browser)


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_widget_opens_from_the_wheel_without_node(name, lab, installed):
    notebook = lab.run([OPEN.format(name=name, given=GIVEN.get(name, "torch.rand(1, 3, 32, 32)"))])
    assert notebook.evaluate_python("cw.__file__").startswith(str(installed))
    assert notebook.evaluate_python("widget.status") == "ready"
    notebook.output(0).locator("canvas:visible, .dc-picture img:visible, .fl-pic img:visible").first.wait_for()
    assert (notebook.errors, notebook.left) == ([], [])
