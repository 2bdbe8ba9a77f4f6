"""The tour, as a new user would take it: every cell run in a real JupyterLab, then clicked through."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from lab import REPOSITORY, cells_of
from PIL import Image

if TYPE_CHECKING:
    from lab import Lab


def test_the_tour_runs_offline_from_top_to_bottom_and_answers_to_clicks(lab: Lab) -> None:
    notebook = lab.run(cells_of(REPOSITORY / "notebooks" / "00_tour.ipynb"), height=6000)
    page = notebook.page
    text = page.locator(".jp-Notebook").inner_text()
    assert "Traceback" not in text
    assert "Grad-CAM's peak lies on the object in" in text

    explorer, viewer = (
        page.get_by_role("region", name="Layer explorer, demo"),
        page.get_by_role("region", name="Grad-CAM"),
    )
    assert explorer.get_by_role("heading", name="residual2").first.is_visible()

    explorer.get_by_role("option", name="stem.conv,").click()
    notebook.settle()
    explorer.get_by_role("gridcell", name="stem.conv:3,").click()
    notebook.settle()
    assert notebook.evaluate_python("[explorer.layer, explorer.channel]") == ["stem.conv", 3]

    figure = viewer.get_by_role("img", name="Grad-CAM for")
    before = np.asarray(Image.open(io.BytesIO(figure.screenshot()))).astype(int)
    viewer.get_by_role("button", name="Show fish as A").click()
    notebook.settle()
    assert notebook.evaluate_python("network.class_name(viewer.target)") == "fish"
    after = np.asarray(Image.open(io.BytesIO(figure.screenshot()))).astype(int)
    assert np.abs(after - before).mean() > 3

    viewer.get_by_role("radio", name="picture 4").click()  # linked by the notebook
    notebook.settle()
    assert notebook.evaluate_python("[viewer.image, explorer.image]") == [3, 3]
    assert notebook.evaluate_python("page.stat().st_size") > 100_000
