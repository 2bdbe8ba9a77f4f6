"""The Grad-CAM viewer in a real JupyterLab."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image

if TYPE_CHECKING:
    from lab import Lab, Notebook

SETUP = """
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(3, seed=7)]
"""
VIEWER = "viewer = cw.GradCAMViewer(network, images)\nviewer"


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, VIEWER])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def maps(notebook: Notebook) -> Any:
    return notebook.page.get_by_role("img", name="Grad-CAM for")


def test_the_most_probable_class_is_shown_first(notebook: Notebook) -> None:
    best = notebook.evaluate_python("network.predict(images[0]).order()[0]")
    assert notebook.evaluate_python("viewer.target") == best
    assert notebook.page.get_by_role("heading", name="car").is_visible()


def test_a_click_on_a_class_repaints_the_map(notebook: Notebook) -> None:
    before = pixels(maps(notebook))
    notebook.page.get_by_role("button", name="Show sailboat as A").click()
    notebook.page.get_by_role("heading", name="sailboat").wait_for()
    notebook.settle()
    assert notebook.evaluate_python("viewer.network.class_name(viewer.target)") == "sailboat"
    assert np.abs(pixels(maps(notebook)) - before).mean() > 3


def test_any_class_can_be_found_by_its_name(notebook: Notebook) -> None:
    notebook.page.get_by_role("searchbox", name="Search classes").fill("lady")
    notebook.page.get_by_role("button", name="Show ladybug as A").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.network.class_name(viewer.target)") == "ladybug"


def test_two_classes_stand_side_by_side_and_swap(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("button", name="Show fish as B").click()
    notebook.settle()
    assert maps(notebook).count() == 2
    a, b = notebook.evaluate_python("[viewer.target, viewer.compare]")
    page.get_by_role("radio", name="Positive").focus()
    page.keyboard.press("x")
    notebook.settle()
    assert notebook.evaluate_python("[viewer.target, viewer.compare]") == [b, a]
    page.keyboard.press("Escape")
    notebook.settle()
    assert notebook.evaluate_python("viewer.compare") == -1
    assert maps(notebook).count() == 1


def test_sign_opacity_and_colors_need_no_python(notebook: Notebook) -> None:
    page = notebook.page
    notebook.run_python("before = id(viewer.heatmaps)")
    for change in (
        lambda: page.get_by_role("radio", name="Signed").click(),
        lambda: page.get_by_role("slider", name="Opacity").fill("0.3"),
        lambda: page.get_by_role("radio", name="Positive").click(),
        lambda: page.get_by_role("combobox", name="Color map").select_option("gray"),
    ):
        shown = pixels(maps(notebook))
        change()
        still(page)
        assert np.abs(pixels(maps(notebook)) - shown).mean() > 1
    assert notebook.evaluate_python("[viewer.opacity, viewer.colormap, viewer.signed]") == [0.3, "gray", False]
    assert notebook.evaluate_python("id(viewer.heatmaps) == before")


def test_the_value_under_the_pointer_is_the_true_one(notebook: Notebook) -> None:
    box = maps(notebook).bounding_box()
    assert box is not None
    row, column = 4, 7
    maps(notebook).hover(position={"x": box["width"] * (column + 0.5) / 12, "y": box["height"] * (row + 0.5) / 12})
    true = notebook.evaluate_python(f"float(cw.grad_cam(network, images[0]).values[0, {row}, {column}])")
    text = notebook.page.get_by_text(f"row {row}, column {column}").first
    text.wait_for()
    shown = text.inner_text().replace("−", "-").split(":")[-1].split()[0]
    assert abs(float(shown) - true) <= abs(true) * 0.006 + 1e-9


def test_every_layer_can_be_chosen_also_inside_a_block(notebook: Notebook) -> None:
    notebook.page.get_by_role("option", name="residual2,").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.layer") == "residual2"
    notebook.page.get_by_role("combobox", name="Part of the block").select_option(label="conv2")
    notebook.settle()
    assert notebook.evaluate_python("viewer.layer") == "residual2.conv2"
    assert notebook.evaluate_python("viewer.heatmaps[0]['layer']") == "residual2.conv2"


def test_a_layer_without_positions_says_why_there_is_no_map(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("option", name="head,").click()
    notebook.settle()
    assert "position" in page.locator(".gc-pair, .gc-main").first.inner_text()
    page.get_by_role("button", name="Use ").first.click()
    notebook.settle()
    assert maps(notebook).count() == 1


def test_dragging_through_the_classes_ends_at_the_last(notebook: Notebook) -> None:
    page = notebook.page
    notebook.run_python(
        "calls = 0\n"
        "def count(*_):\n    global calls\n    calls += 1\n"
        "handle = network.model.register_forward_hook(count)"
    )
    page.evaluate(
        """async () => {
            const rows = [...document.querySelectorAll("section.cnn [aria-label^='Show '][aria-label$=' as A']")];
            for (let turn = 0; turn < 100; turn++) rows[turn % rows.length].click();
        }"""
    )
    notebook.settle()
    calls = notebook.evaluate_python("calls")
    shown, chosen = notebook.evaluate_python("[viewer.heatmaps[0]['target'], viewer.target]")
    assert shown == chosen
    assert 1 <= calls <= 30


def test_a_method_is_picked_and_a_refused_one_leads_back(notebook: Notebook) -> None:
    page = notebook.page
    picker = page.get_by_role("combobox", name="Method")
    page.get_by_role("option", name="residual1,").click()  # before a linear head the two are the same map
    notebook.settle()
    before = pixels(maps(notebook))
    picker.select_option("HiResCAM")
    notebook.settle()
    assert notebook.evaluate_python("[viewer.method, viewer.heatmaps[0]['method']]") == ["hires_cam", "hires_cam"]
    assert page.get_by_text("each position weighted by its own gradient").is_visible()
    shown = page.get_by_role("img", name="HiResCAM for car")
    assert np.abs(pixels(shown) - before).mean() > 1
    picker.select_option("CAM")
    notebook.settle()
    assert "no linear function" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Back to Grad-CAM").click()
    notebook.settle()
    assert notebook.evaluate_python("[viewer.method, viewer.layer, viewer.status]") == [
        "grad_cam",
        "residual1",
        "ready",
    ]
    assert maps(notebook).count() == 1


def test_a_long_method_fills_in_and_is_cancelled(notebook: Notebook) -> None:
    page = notebook.page
    notebook.run_python(
        "import time\nhandle = network.model.register_forward_pre_hook(lambda *_: time.sleep(0.2))\n"
        "shares = []\nviewer.observe(lambda change: shares.append(change['new'][0]['done']), names=['heatmaps'])"
    )
    page.get_by_role("combobox", name="Method").select_option("Score-CAM")
    page.get_by_text("of this map is computed").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Compute the rest").wait_for()
    assert notebook.evaluate_python("viewer.status") == "ready"
    assert 0 < notebook.evaluate_python("shares[-1]") < 1
    notebook.run_python("handle.remove()")
    page.get_by_role("button", name="Compute the rest").click()
    page.get_by_role("button", name="Compute the rest").wait_for(state="hidden")
    notebook.settle()
    assert notebook.evaluate_python("shares[-1]") == 1
    assert notebook.evaluate_python("shares.count(1)") == 1


def test_a_against_b_is_one_map_of_both_signs(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("button", name="Show fish as B").click()
    page.get_by_role("radio", name="A \u2212 B").click()
    notebook.settle()
    assert maps(notebook).count() == 1
    assert page.get_by_role("heading", name="car \u2212 fish").is_visible()
    row, column = 5, 7
    code = "cw.class_score(viewer.target) - cw.class_score(viewer.compare)"
    true = notebook.evaluate_python(f"float(cw.grad_cam(network, images[0], {code}).values[0, {row}, {column}])")
    box = maps(notebook).bounding_box()
    assert box is not None
    maps(notebook).hover(position={"x": box["width"] * (column + 0.5) / 12, "y": box["height"] * (row + 0.5) / 12})
    text = page.get_by_text(f"row {row}, column {column}").first.inner_text().replace("\u2212", "-")
    assert abs(float(text.split(":")[-1].split()[0]) - true) <= abs(true) * 0.006 + 1e-9


def test_hiding_what_is_weak_asks_python_for_nothing(notebook: Notebook) -> None:
    page = notebook.page
    asked = "before = id(viewer.heatmaps)\ncalls = []\nhandle = network.model.register_forward_hook(lambda *_: calls.append(1))"
    notebook.run_python(asked)
    shown = pixels(maps(notebook))
    page.get_by_role("slider", name="Hide below").fill("0.5")
    still(page)
    assert np.abs(pixels(maps(notebook)) - shown).mean() > 3
    values = "viewer.heatmaps[0]['data']"
    count = f"int((np.frombuffer({values}, np.float32) >= np.frombuffer({values}, np.float32).max() / 2).sum())"
    notebook.run_python("import numpy as np")
    assert f"({notebook.evaluate_python(count)} of 12" in page.get_by_text("of the top").inner_text()
    assert notebook.evaluate_python("[viewer.threshold, len(calls), id(viewer.heatmaps) == before]") == [0.5, 0, True]


def test_two_layers_are_fused_by_clicks_and_by_keys(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("button", name="Fuse layers").click()
    page.get_by_role("option", name="residual1,").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.heatmaps[0]['layer']") == "residual1 + separable3"
    assert page.get_by_text("Fused: residual1 and separable3").is_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    notebook.settle()
    assert notebook.evaluate_python("viewer.fused") == ["residual1", "separable1", "separable3"]
    page.get_by_role("button", name="Fuse layers").click()
    notebook.settle()
    assert notebook.evaluate_python("[viewer.fused, len(viewer.heatmaps[0]['layer'].split('+'))]") == [[], 1]


PLACES = """
import torch
from torch import nn

class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 3, 3, padding=1)
        self.tell = nn.Conv2d(3, 3, 1)
    def forward(self, x):
        return {"out": self.tell(torch.relu(self.look(x))) + 9 * x}

class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.look, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)
        self.boxes = torch.tensor([[0.0, 0.0, 48.0, 48.0], [24.0, 24.0, 96.0, 96.0], [60.0, 60.0, 84.0, 84.0]])
    def forward(self, x):
        found = []
        for maps in torch.relu(self.look(x)):
            rows = [maps[:, int(b[1]):int(b[3]), int(b[0]):int(b[2])].mean((1, 2)) for b in self.boxes]
            scores = self.head(torch.stack(rows)).softmax(1).amax(1)
            found.append({"boxes": self.boxes, "labels": torch.tensor([1, 2, 1]), "scores": scores})
        return found

torch.manual_seed(0)
halves = torch.zeros(1, 3, 96, 96)
halves[:, 0, :, :48] = halves[:, 1, :, 48:] = 1
size = cw.Preprocess(channels=3, size=(96, 96))
segmenter = cw.Network(Segmenter(), size, ["red", "green", "blue"], name="segmenter")
detector = cw.Network(Detector(), size, ["nothing", "cat", "dog"], name="detector")
"""


def test_a_click_asks_about_a_region_or_a_box(lab: Lab) -> None:
    cells = [SETUP + PLACES, "viewer = cw.GradCAMViewer(segmenter, halves)\nviewer"]
    notebook = lab.run([*cells, "boxes = cw.GradCAMViewer(detector, halves)\nboxes"])
    figure = notebook.output(1).locator(".cnn-cam-picture")
    area = figure.bounding_box()
    assert area is not None
    figure.click(position={"x": area["width"] * 0.8, "y": area["height"] * 0.5})
    notebook.settle()
    assert notebook.evaluate_python(
        "[viewer.target, viewer.place[1] > 70, viewer.heatmaps[0]['place'] == viewer.place]"
    ) == [1, True, True]
    assert "The region of green" in notebook.output(1).locator(".gc-place").inner_text()
    notebook.output(1).get_by_role("button", name="Whole picture").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.place") == []
    figure = notebook.output(2).locator(".cnn-cam-picture")
    figure.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        notebook.page.keyboard.press(f"Shift+{key}" if key.startswith("Arrow") else key)
    notebook.settle()
    place, target = notebook.evaluate_python("[boxes.place, boxes.target]")
    asked = notebook.evaluate_python(
        "boxes.regions[0]['labels'][boxes.place[0]], boxes._found[0].boxes[boxes.place[0]].tolist()"
    )
    assert len(place) == 1
    assert asked[0] == target
    assert asked[1] in ([24, 24, 96, 96], [60, 60, 84, 84])
    area = figure.bounding_box()
    assert area is not None
    figure.click(position={"x": area["width"] * 0.1, "y": area["height"] * 0.1})
    notebook.settle()
    assert notebook.evaluate_python("boxes._found[0].boxes[boxes.place[0]].tolist()") == [0, 0, 48, 48]
    assert notebook.output(2).locator(".cnn-cam-boxes [data-chosen=true]").count() == 1


def test_hostile_names_are_text(lab: Lab) -> None:
    hostile = "<img src=x onerror='hacked=1'>"
    code = f"""
import torch, cnnvis_widgets as cw
from torch import nn
parts = {{"{hostile}": nn.Conv2d(3, 4, 3), "relu": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1)}}
parts |= {{"flat": nn.Flatten(), "head": nn.Linear(4, 3)}}
model = nn.Module(); model.parts = nn.ModuleDict(parts)
model.forward = lambda x: [x := part(x) for part in model.parts.values()][-1]
network = cw.Network(model, cw.Preprocess(size=(16, 16)), ["{hostile}", "b", "c"], name="{hostile}")
image = torch.rand(1, 3, 16, 16)
"""
    notebook = lab.run([code, "cw.GradCAMViewer(network, image, target=0)", "cw.LayerExplorer(network, [image])"])
    assert notebook.page.locator("section.cnn img[src='x']").count() == 0
    assert notebook.page.evaluate("() => window.hacked") is None
    for number in (1, 2):
        assert hostile in notebook.output(number).inner_text()


def test_linked_widgets_move_together(lab: Lab) -> None:
    link = "import ipywidgets\nlink = ipywidgets.jslink((viewer, 'image'), (explorer, 'image'))"
    notebook = lab.run([SETUP, VIEWER, "explorer = cw.LayerExplorer(network, images)\nexplorer", link])
    notebook.output(1).get_by_role("radio", name="picture 3").click()
    notebook.settle()
    assert notebook.evaluate_python("[viewer.image, explorer.image]") == [2, 2]
    chosen = notebook.output(2).get_by_role("radio", name="picture 3")
    assert chosen.get_attribute("aria-checked") == "true"


def test_running_the_cell_again_fifty_times_leaves_nothing_behind(lab: Lab) -> None:
    notebook = lab.run([SETUP, VIEWER])
    notebook.run_python("import gc, threading, torch")
    count = "[threading.active_count(), sum(len(m._forward_hooks) for m in network.model.modules())]"
    tensors = "sum(isinstance(o, torch.Tensor) for o in gc.get_objects())"
    page = notebook.page
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(1).click()

    def run_again(times: int) -> None:
        for _ in range(times):
            page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
        notebook.settle()

    run_again(5)
    notebook.run_python("viewer.wait(); gc.collect()")
    threads, tensors_before = notebook.evaluate_python(count)[0], notebook.evaluate_python(tensors)
    run_again(50)
    notebook.run_python("viewer.wait(); gc.collect()")
    threads_after, hooks = notebook.evaluate_python(count)
    assert hooks == 0
    assert threads_after <= threads + 7  # the pool's eight workers, of which one at least was there; not fifty
    assert notebook.evaluate_python(tensors) - tensors_before <= 10
    assert page.locator("section.cnn").count() == 1
