"""The saliency viewer in a real JupyterLab, and in a page of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image

import cnnvis_widgets as cw

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab, Notebook
    from playwright.sync_api import Browser, Page

SETUP = """
import time
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(2, seed=7)]
"""
VIEWER = "viewer = cw.SaliencyViewer(network, images)\nviewer"


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, VIEWER])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def panels(page: Page) -> list[str]:
    found = page.locator("section.cnn [role=gridcell]")
    return [str(each.get_attribute("data-method")) for each in found.all()]


def figure(page: Page, method: str) -> Any:
    return page.locator(f"[role=gridcell][data-method={method}] .sv-figure")


def read(page: Page, method: str) -> str:
    return page.locator(f"[role=gridcell][data-method={method}] header .cnn-num").inner_text().replace("\u2212", "-")


def test_methods_are_switched_off_and_on_and_sorted_by_agreement(notebook: Notebook) -> None:
    page = notebook.page
    assert panels(page) == notebook.evaluate_python("viewer.shown")
    page.get_by_role("button", name="SmoothGrad", exact=True).click()
    notebook.settle()
    assert "smooth_grad" not in panels(page)
    assert len(panels(page)) == 5
    page.get_by_role("combobox", name="More methods").select_option(label="LayerCAM")
    notebook.settle()
    assert panels(page)[-1] == "layer_cam"
    assert notebook.evaluate_python("viewer.message").startswith("1 new map in ")
    assert notebook.evaluate_python("viewer.method") == "layer_cam"
    page.get_by_role("combobox", name="Sort").select_option("agreement")
    still(page)
    means = [float(read(page, method).replace("ρ", "")) for method in panels(page)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1]
    assert notebook.evaluate_python("viewer.sort") == "agreement"


def test_pointer_and_zoom_are_shared_by_all_panels(notebook: Notebook) -> None:
    page = notebook.page
    box = figure(page, "saliency").bounding_box()
    row, column = 40, 61
    place = {"x": box["width"] * (column + 0.5) / 96, "y": box["height"] * (row + 0.5) / 96}
    figure(page, "saliency").hover(position=place)
    true = notebook.evaluate_python(
        f"{{'saliency': float(cw.saliency(network, images[0], signed=True).values[0, {row}, {column}]), "
        f"'deconvnet': float(cw.deconvnet(network, images[0]).values[0, {row}, {column}]), "
        f"'grad_cam': float(cw.grad_cam(network, images[0]).values[0, {row // 8}, {column // 8}])}}"
    )
    for method, value in true.items():
        assert float(read(page, method)) == pytest.approx(value, rel=0.006 if abs(value) >= 1e-3 else 0.06)
    assert f"@{row},{column}" in page.get_by_role("complementary", name="Chosen map").inner_text()
    page.get_by_role("heading", name="Saliency viewer").hover()
    assert read(page, "saliency").startswith("ρ")
    page.get_by_role("heading", name="Saliency viewer").hover()
    before = {method: pixels(figure(page, method)) for method in ("saliency", "grad_cam")}
    page.get_by_role("radio", name="4×").click()
    still(page)
    zoomed = {method: pixels(figure(page, method)) for method in before}
    assert all(np.abs(zoomed[method] - before[method]).mean() > 1 for method in before)
    box = figure(page, "saliency").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=4)
    page.mouse.up()
    page.get_by_role("heading", name="Saliency viewer").hover()
    assert np.abs(pixels(figure(page, "grad_cam")) - zoomed["grad_cam"]).mean() > 1
    figure(page, "saliency").click()
    page.keyboard.press("Escape")
    notebook.settle()
    assert notebook.evaluate_python("viewer.zoom") == 1


def test_the_keyboard_goes_through_panels_ways_back_and_signs(notebook: Notebook) -> None:
    page = notebook.page
    figure(page, "saliency").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    notebook.settle()
    third = notebook.evaluate_python("viewer.method")
    assert third == panels(page)[4]
    page.keyboard.press("b")
    notebook.settle()
    assert notebook.evaluate_python("viewer.method") == "saliency"
    page.keyboard.press("b")
    page.keyboard.press("m")
    notebook.settle()
    assert notebook.evaluate_python("[viewer.method, viewer.signed]") == ["guided_backprop", False]


def test_a_long_method_grows_keeps_the_older_map_meanwhile_and_stops_at_once(lab: Lab) -> None:
    slow = """
def slow(network, images, target):
    def steps():
        for done in range(1, 41):
            time.sleep(0.1)
            yield cw.Step(done, 40, cw.saliency(network, images, target))
    return cw.Steps(steps(), 40)
viewer = cw.SaliencyViewer(network, images, methods={"Quick": cw.guided_backprop, "Slow": slow})
viewer"""
    notebook = lab.run([SETUP, slow])
    page = notebook.page
    page.get_by_role("radiogroup", name="Class").get_by_role("radio").nth(1).click()
    page.locator("[data-method=Slow][data-state=part]").wait_for(timeout=2000)
    assert " of 40" in read(page, "Slow")
    page.get_by_role("button", name="Cancel").click()
    page.locator("section.cnn[data-state=ready]").wait_for(timeout=1000)
    told = notebook.evaluate_python(
        "[entry['method'] for entry in viewer.heatmaps if entry['target'] == viewer.target]"
    )
    assert told == ["Quick"]


def test_the_stages_are_walked_from_a_class_or_a_unit(notebook: Notebook) -> None:
    page = notebook.page
    figure(page, "deconvnet").click()
    page.get_by_role("button", name="Walk the stages").click()
    film = page.get_by_role("listbox", name="Stages")
    film.get_by_role("option", selected=True).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    notebook.settle()
    assert notebook.evaluate_python("viewer.step") == 2
    film.get_by_role("option", name="Unpool").click()
    assert page.get_by_role("img", name="Switches: 24").is_visible()
    step = notebook.evaluate_python("viewer.step")
    page.keyboard.press("ArrowUp")
    notebook.settle()
    assert notebook.evaluate_python("viewer.step") == step - 1
    page.keyboard.press("End")
    assert page.get_by_text("Sum over colors, signed").is_visible()
    page.get_by_role("button", name="Back to all methods").click()
    assert len(panels(page)) == 6
    page.get_by_role("radio", name="Steps").click()
    page.get_by_role("radio", name="Unit").click()
    unit = page.get_by_role("textbox", name="From one unit")
    unit.fill("residual2:5")
    unit.press("Enter")
    notebook.settle()
    count = notebook.evaluate_python("len(cw.deconvnet_steps(network, images[0], unit='residual2:5'))")
    assert page.get_by_role("option", name="Stage ").count() == count
    unit.fill("residual2:500")
    unit.press("Enter")
    notebook.settle()
    assert "channels 0–63" in page.locator(".sv-main").inner_text()
    page.get_by_role("radio", name="Class", exact=True).click()
    notebook.settle()
    assert page.get_by_role("option", name="Stage ").count() > count


def test_a_saved_page_zooms_sorts_reads_and_walks_without_python(browser: Browser, tmp_path: Path) -> None:
    viewer = cw.SaliencyViewer(cw.demo(), cw.scenes(1, seed=7)[0].image)
    viewer.wait()
    true = unpacked_value(viewer, 40, 61)
    file = viewer.to_html(tmp_path / "page.html")
    viewer.close()
    context = browser.new_context(viewport={"width": 1100, "height": 1400}, offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.locator("[data-state=map]").first.wait_for()
    assert page.locator("section.cnn").get_attribute("data-state") == "offline"
    box = figure(page, "saliency").bounding_box()
    figure(page, "saliency").hover(position={"x": box["width"] * 61.5 / 96, "y": box["height"] * 40.5 / 96})
    assert float(read(page, "saliency")) == pytest.approx(true, rel=0.006)
    before = pixels(figure(page, "saliency"))
    page.get_by_role("radiogroup", name="Class").get_by_role("radio").nth(1).click()
    still(page)
    assert np.abs(pixels(figure(page, "saliency")) - before).mean() > 1
    page.get_by_role("combobox", name="Sort").select_option("cost")
    page.get_by_role("radio", name="Strength").click()
    page.get_by_role("radio", name="2×").click()
    page.get_by_role("radio", name="Steps").click()
    page.get_by_role("listbox", name="Stages").get_by_role("option").nth(3).click()
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("option", selected=True).get_attribute("aria-label").startswith("Stage 4")
    context.close()
    assert complaints == []


def unpacked_value(viewer: cw.SaliencyViewer, row: int, column: int) -> float:
    return float(cw.saliency(viewer.network, viewer._inputs[0], viewer.target, signed=True).values[0, row, column])
