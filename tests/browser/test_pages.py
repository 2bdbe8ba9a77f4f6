"""Pages written by `to_html`: opened from a file, with no kernel and no connection, still interactive."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image

import cnnvis_widgets as cw

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return [scene.image for scene in cw.scenes(2, seed=7)]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[[Path], Page]]:
    """Opens a file in a browser that cannot reach anything; afterwards nothing may have been asked for."""
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, offline=True)

    def open_page(file: Path) -> Page:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        page.locator("section.cnn").wait_for()
        return page

    yield open_page
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert complaints == []


def pixels(locator: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def test_a_page_of_the_explorer_shows_every_layer(opened: Any, images: list[np.ndarray], tmp_path: Path) -> None:
    explorer = cw.LayerExplorer(cw.demo(), images, layer="residual2")
    explorer.wait()
    page = opened(explorer.to_html(tmp_path / "page.html"))
    explorer.close()
    assert page.locator("section.cnn").get_attribute("data-state") == "offline"
    tiles = page.get_by_role("grid", name="Activation maps")
    tiles.get_by_role("gridcell", name="residual2:31,").click()
    figure = page.get_by_role("img", name="Activation of residual2:31")
    before = pixels(figure)
    page.get_by_role("option", name="separable3,").click()
    tiles.get_by_role("gridcell", name="separable3:").first.click()
    after = pixels(page.get_by_role("img", name="Activation of separable3:"))
    assert np.abs(after - before).mean() > 3
    page.get_by_role("radio", name="picture 2").click()
    still(page)
    assert np.abs(pixels(page.get_by_role("img", name="Activation of separable3:")) - after).mean() > 3


def test_a_page_of_the_grad_cam_viewer_shows_every_layer_and_the_top_classes(
    opened: Any, images: list[np.ndarray], tmp_path: Path
) -> None:
    viewer = cw.GradCAMViewer(cw.demo(), images)
    viewer.wait()
    page = opened(viewer.to_html(tmp_path / "page.html"))
    viewer.close()
    maps = page.get_by_role("img", name="Grad-CAM for")
    before = pixels(maps)
    page.get_by_role("button", name="Show butterfly as A").click()
    page.get_by_role("heading", name="butterfly").wait_for()
    still(page)
    middle = pixels(maps)
    assert np.abs(middle - before).mean() > 3
    page.get_by_role("option", name="residual1,").click()
    still(page)
    assert np.abs(pixels(maps) - middle).mean() > 3
    page.get_by_role("radio", name="Signed").click()
    still(page)
    assert page.get_by_role("combobox", name="Color map").input_value() == "polar"


def test_a_page_with_hostile_names_shows_them_as_text(opened: Any, tmp_path: Path) -> None:
    import torch
    from torch import nn

    hostile = "</script><img src=x onerror='hacked=1'>"
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = cw.Network(model, cw.Preprocess(size=(16, 16)), [hostile, "b"], name=hostile)
    for number, widget in enumerate((cw.GradCAMViewer, cw.LayerExplorer)):
        viewer = widget(network, torch.rand(1, 3, 16, 16))
        viewer.wait()
        page = opened(viewer.to_html(tmp_path / f"{number}.html"))
        viewer.close()
        assert page.evaluate("() => window.hacked") is None
        assert page.locator("img[src='x']").count() == 0
        assert hostile in page.locator("section.cnn").inner_text()
