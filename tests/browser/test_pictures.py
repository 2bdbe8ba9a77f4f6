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

KEPT = bool(os.environ.get("CNNVIS_PICTURES"))
#: A picture that is not kept need not be beautiful: it is painted in fewer steps.
SCENES, STEPS = (400, 256) if KEPT else (12, 24)
OCTAVES, RANKED = (5, 6) if KEPT else (2, 2)
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
        f"viewer = cw.DreamCanvas(network, [chelsea(), coffee(), rocket()], mix, octaves={OCTAVES}, rate=0.012)\n"
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
        f"viewer = cw.TrustBoard(network, cw.scenes({RANKED}, seed=31), methods=methods)\nviewer.wait(200)\nviewer"
    ),
    "feature_lab": (
        f"pictures = [scene.image for scene in cw.scenes({SCENES}, seed=31)]\n"
        f"recipes = {{'recipe_a': {{'steps': {STEPS}}}, 'recipe_b': {{'preset': 'plain', 'steps': {STEPS}}}}}\n"
        "viewer = cw.FeatureLab(network, 'residual2', 5, dataset=pictures, size=128, **recipes)\nviewer.wait(200)\nviewer"
    ),
    "filter_gallery": (
        f"pictures = [scene.image for scene in cw.scenes({min(120, SCENES)}, seed=31)]\n"
        f"options = {{'channel': 20, 'whole': {KEPT}, 'steps': {96 if KEPT else 6}, 'cache': {KEPT}}}\n"
        "viewer = cw.FilterGallery(network, 'residual2', pictures, **options)\nviewer.wait(200)\nviewer"
    ),
}
SCALES = {"saliency_viewer": 1.5, "filter_gallery": 1.5}  # fine noise takes many bytes
MOST = 1_000_000  # bytes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_a_picture_of_each_widget_for_the_readme(lab: Lab, tmp_path: Path, name: str, theme: str) -> None:
    folder = REPOSITORY / "docs" / "pictures" if KEPT else tmp_path
    notebook = lab.run([SETUP, WIDGETS[name]], theme=theme, width=1180, device_scale_factor=SCALES.get(name, 2))
    file = notebook.screenshot(folder / f"{name}_{theme}.png", notebook.page.locator("section.cnn"))
    with Image.open(file) as picture:
        assert picture.width > 1500
        colors = picture.convert("RGB").resize((64, 64)).getcolors(4096)
    assert colors is not None
    assert len(colors) > 200  # something is drawn
    lighten(file)


def lighten(file: Path) -> None:
    """A picture full of fine noise with 256 colors, dithered: it takes a third, and the repository stays light."""
    if file.stat().st_size > MOST:
        with Image.open(file) as picture:
            few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(file, optimize=True)
