"""The pictures of README.md, taken of the widgets as they are. `make pictures` keeps them; otherwise they are only taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import REPOSITORY
from PIL import Image

if TYPE_CHECKING:
    from lab import Lab

SETUP = """
import cnnvis_widgets as cw
network = cw.demo()
shown = {"butterfly", "fox", "sailboat", "ladybug", "house", "fish"}
images = [scene.image for scene in cw.scenes(60, seed=31) if scene.name in shown][:8]
"""
WIDGETS = {
    "dream_canvas": (
        "from skimage.data import chelsea, coffee, rocket\n"
        "mix = {'separable2': 0.2, 'separable2:13': 1.0, 'separable2:24': 1.0, 'separable2:19': 0.6}\n"
        "viewer = cw.DreamCanvas(network, [chelsea(), coffee(), rocket()], mix, octaves=5, rate=0.012)\n"
        "viewer.wait()\nviewer"
    ),
    "layer_explorer": "cw.LayerExplorer(network, images, layer='residual2')",
    "grad_cam_viewer": "viewer = cw.GradCAMViewer(network, images, classes=['fox', 'cat'])\nviewer.image = 4\nviewer",
    "saliency_viewer": "viewer = cw.SaliencyViewer(network, images)\nviewer.image = 4\nviewer.wait()\nviewer",
    "occlusion_slider": (
        "viewer = cw.OcclusionSlider(network, images, window=24, stride=8, compare='cat')\n"
        "viewer.image = 4\nviewer.wait()\nviewer.place = [56, 24]\nviewer.wait()\nviewer"
    ),
    "trust_board": (
        "methods = [cw.grad_cam, cw.layer_cam, cw.saliency, cw.integrated_gradients, cw.guided_backprop, cw.deconvnet]\n"
        "viewer = cw.TrustBoard(network, cw.scenes(6, seed=31), methods=methods)\nviewer.wait(200)\nviewer"
    ),
    "feature_lab": (
        "pictures = [scene.image for scene in cw.scenes(400, seed=31)]\n"
        "viewer = cw.FeatureLab(network, 'residual2', 5, dataset=pictures, size=128)\nviewer.wait(200)\nviewer"
    ),
    "filter_gallery": (
        "pictures = [scene.image for scene in cw.scenes(120, seed=31)]\n"
        "viewer = cw.FilterGallery(network, 'residual2', pictures, channel=20, whole=True)\nviewer.wait(200)\nviewer"
    ),
}
SCALES = {"saliency_viewer": 1.5, "filter_gallery": 1.5}  # fine noise takes many bytes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_a_picture_of_each_widget_for_the_readme(lab: Lab, tmp_path: Path, name: str, theme: str) -> None:
    folder = REPOSITORY / "docs" / "pictures" if os.environ.get("CNNVIS_PICTURES") else tmp_path
    notebook = lab.run([SETUP, WIDGETS[name]], theme=theme, width=1180, device_scale_factor=SCALES.get(name, 2))
    file = notebook.screenshot(folder / f"{name}_{theme}.png", notebook.page.locator("section.cnn"))
    with Image.open(file) as picture:
        assert picture.width > 1500
        colors = picture.convert("RGB").resize((64, 64)).getcolors(4096)
    assert colors is not None
    assert len(colors) > 200  # something is drawn
