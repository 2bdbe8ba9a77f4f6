"""What axe-core finds wrong with each widget for people who use a keyboard, a screen reader or few colors: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lab import REPOSITORY

if TYPE_CHECKING:
    from lab import Lab

AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
SETUP = """
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(3, seed=7)]
"""
WIDGETS = {
    "DreamCanvas": "viewer = cw.DreamCanvas(network, images, {'residual1': 1.0, 'residual2:5': 0.5}, view='split')\nviewer",
    "FeatureLab": "viewer = cw.FeatureLab(network, 'residual2', 5, dataset=images, recipe_a={'steps': 20},"
    " recipe_b={'steps': 20})\nviewer",
    "FeatureLab with a study": "study = cw.regularization_study(network, 'residual2', [5, 9], ['l2'], references=images,"
    " steps=4, seeds=2).result()\nviewer = cw.FeatureLab(network, 'residual2', 5, dataset=images, study=study,"
    " recipe_a={'steps': 20}, recipe_b={'steps': 20}, view='both')\nviewer",
    "FilterGallery": "viewer = cw.FilterGallery(network, 'residual2', images, steps=6, cache=False)\nviewer",
    "LayerExplorer": "viewer = cw.LayerExplorer(network, images)\nviewer",
    "GradCAMViewer": "viewer = cw.GradCAMViewer(network, images, classes=['car', 'fish'])\nviewer",
    "OcclusionSlider": "viewer = cw.OcclusionSlider(network, images, stride=16, compare_fill='blur')\nviewer",
    "SaliencyViewer": "viewer = cw.SaliencyViewer(network, images)\nviewer",
    "TrustBoard": "viewer = cw.TrustBoard(network, cw.scenes(2, seed=7), methods=['saliency', 'grad_cam'],"
    " measures=['pointing', 'energy', 'insertion'])\nviewer",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_axe_finds_no_violation_in_any_state(lab: Lab, name: str, theme: str) -> None:
    notebook = lab.run([SETUP, WIDGETS[name]], theme=theme)
    notebook.page.add_script_tag(path=str(AXE))

    def violations() -> list[str]:
        found = notebook.page.evaluate("() => axe.run('section.cnn').then((found) => found.violations)")
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    assert violations() == [], "ready"
    notebook.page.get_by_role("button", name="Keys and help").click()
    assert violations() == [], "help"
    notebook.page.keyboard.press("Escape")
    notebook.run_python("viewer.layer = 'no such layer'")
    notebook.settle()
    assert notebook.page.get_by_role("alert").count() == 1
    assert violations() == [], "failed"


def test_motion_is_left_out_where_it_is_not_wanted(lab: Lab) -> None:
    notebook = lab.run([SETUP, WIDGETS["LayerExplorer"]], reduced_motion="reduce")
    moving = notebook.page.evaluate(
        """() => [...document.querySelectorAll("section.cnn, section.cnn *")].filter((element) => {
            const style = getComputedStyle(element);
            const lasts = (text) => text.split(",").some((part) => parseFloat(part) > 0);
            return lasts(style.transitionDuration) || (style.animationName !== "none" && lasts(style.animationDuration));
        }).length"""
    )
    assert moving == 0
