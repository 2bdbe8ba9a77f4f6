"""The trust board in a real JupyterLab, and in a page of its own."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image

import cnnvis_widgets as cw

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab, Notebook
    from playwright.sync_api import Browser

SETUP = """
import time
import cnnvis_widgets as cw
network = cw.demo()
quick = dict(methods=["saliency", "guided_backprop", "grad_cam"], measures=["pointing", "energy", "insertion", "deletion"])
"""
BOARD = "board = cw.TrustBoard(network, cw.scenes(5, seed=7), **quick)\nboard"
SLOW = """
import threading
gate = threading.Semaphore(2)  # the map that is looked at, and the first scene
def patient(network, images, target):
    gate.acquire()
    return cw.grad_cam(network, images, target)
board = cw.TrustBoard(network, cw.scenes(3, seed=7), methods={"Patient": patient}, measures=["pointing", "energy"])
board
"""


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, BOARD])


def pixels(locator: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def rows(page: Any) -> list[str]:
    return page.locator(".tb-line .tb-name").all_inner_texts()


def cell(page: Any, method: str, column: int) -> Any:
    return page.locator(f"[role=gridcell][data-row='{method}'][data-column='{column}']")


def test_the_table_fills_live_and_cancelled_it_keeps_what_it_has_and_goes_on(lab: Lab) -> None:
    notebook = lab.open([SETUP, SLOW])
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.get_by_text("1 of 3 scenes").wait_for()
    page.get_by_text("Scene 2 of 3: Patient").wait_for()
    page.locator("section.cnn[data-state=busy]").wait_for()  # shown after a moment, so that quick work does not flicker
    assert "%" in cell(page, "Patient", 0).inner_text()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled; 1 of 3 scenes are kept.").wait_for()
    assert "%" in cell(page, "Patient", 0).inner_text()
    notebook.run_python("gate.release(99)\nboard.wait()")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("3 of 3 scenes").wait_for()
    page.get_by_role("button", name="Run again").wait_for()
    assert notebook.evaluate_python("[board.status, board.ranking.done]") == ["ready", 3]


def test_a_heading_sorts_and_turns_around(notebook: Notebook) -> None:
    page = notebook.page
    order = notebook.evaluate_python(
        "[dict(zip(board.ranking.methods, [m['title'] for m in board.methods]))[m] for m in board.ranking.order('deletion')]"
    )
    page.get_by_role("button", name="Deletion AUC, less is better").click()
    notebook.settle()
    assert rows(page) == [*order, "Random map"]
    assert page.get_by_role("columnheader", name="Deletion AUC").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    notebook.settle()
    assert rows(page) == [*reversed(order), "Random map"]
    assert notebook.evaluate_python("[board.measure, board.worst_first]") == ["deletion", True]


def test_a_click_opens_the_scene_with_its_mask_and_the_map_of_the_method(notebook: Notebook) -> None:
    page = notebook.page
    figure = page.get_by_role("img", name=re.compile("^Scene "))
    before = pixels(figure)
    page.get_by_role("radio", name="Scene 3,").click()
    cell(page, "guided_backprop", 1).click()
    page.get_by_role("heading", name="Scene 3, Guided backprop").wait_for()
    still(page)
    assert np.abs(pixels(figure) - before).mean() > 5
    assert notebook.evaluate_python("[board.image, board.method]") == [2, "guided_backprop"]
    outline, box = page.locator(".cnn-outline-over").bounding_box(), figure.bounding_box()
    assert outline is not None
    assert box is not None
    mask = notebook.evaluate_python(
        "[[int(v.min()), int(v.max()) + 1] for v in cw.scenes(5, seed=7)[2].mask.nonzero()]"
    )
    top, left = outline["y"] - box["y"], outline["x"] - box["x"]
    size = box["width"] / 96
    found = [top / size, (top + outline["height"]) / size, left / size, (left + outline["width"]) / size]
    assert np.abs(np.array(found) - np.array(mask).ravel()).max() < 1.5
    row, column = 40, 50
    figure.hover(position={"x": (column + 0.5) * size, "y": (row + 0.5) * size})
    text = page.get_by_text(f"row {row}, column {column}")
    text.wait_for()
    true, reach = notebook.evaluate_python(
        f"[float(v) for m in [board.ranking.maps[1, 2]] for v in (m[{row}, {column}], m.max() - m.min())]"
    )
    assert abs(float(text.inner_text().replace("−", "-").split(":")[-1]) - true) <= reach / 255


def test_the_keyboard_walks_the_table_and_the_scenes(notebook: Notebook) -> None:
    page = notebook.page
    cell(page, "grad_cam", 1).focus()
    for key in ("Home", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    notebook.settle()
    focused = page.evaluate("() => [document.activeElement.dataset.row, document.activeElement.dataset.column]")
    assert focused == [notebook.evaluate_python("board.method"), "1"]
    for key in (".", "i", ",", "z"):
        page.keyboard.press(key)
    notebook.settle()
    assert notebook.evaluate_python("[board.image, board.view]") == [1, "map"]
    assert page.evaluate("() => document.activeElement.dataset.column") == "1"


def test_narrow_it_shows_one_measure_at_a_time(lab: Lab) -> None:
    page = lab.run([SETUP, BOARD], width=520).page
    assert page.locator("[role=columnheader]:visible").all_inner_texts()[1].startswith("Energy in mask")
    page.get_by_role("combobox", name="Measure").select_option(label="Deletion AUC")
    still(page)
    assert page.locator("[role=gridcell]:visible").count() == 4
    cell(page, "grad_cam", 3).focus()
    page.keyboard.press("ArrowLeft")
    still(page)
    assert page.get_by_role("combobox", name="Measure").input_value() == "insertion"
    assert page.evaluate("() => document.activeElement.dataset.column") == "2"
    assert page.evaluate(
        "() => { const box = document.querySelector('section.cnn'); return box.scrollWidth <= box.clientWidth; }"
    )


def test_the_picture_that_stays_in_the_notebook_is_that_of_the_full_table(lab: Lab) -> None:
    notebook = lab.open([SETUP, SLOW])
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    notebook.page.get_by_text("1 of 3 scenes").wait_for()
    notebook.run_python("gate.release(99)")
    notebook.settle()
    shown = notebook.page.locator(".jp-OutputArea-child img[src^='data:image/png']")
    assert [each.is_visible() for each in shown.all()] == [False]
    saved = json.loads(notebook.save().read_text())
    stills = [
        output["data"]["image/png"]
        for each in saved["cells"]
        for output in each["outputs"]
        if "image/png" in output["data"]
    ]
    true = notebook.evaluate_python("__import__('base64').b64encode(board._poster()).decode()")
    assert [still.replace("\n", "") for still in stills] == [true]


def test_a_page_without_python_sorts_and_shows_every_scene_and_map(browser: Browser, tmp_path: Path) -> None:
    board = cw.TrustBoard(
        cw.demo(), cw.scenes(3, seed=7), methods=["saliency", "grad_cam"], measures=["pointing", "energy", "insertion"]
    )
    assert board.wait(120)
    file = board.to_html(tmp_path / "board.html")
    board.close()
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "blob:", "data:")) else complaints.append(request.url),
    )
    page.goto(file.as_uri())
    assert page.locator("section.cnn").get_attribute("data-state") == "offline"
    first = rows(page)
    page.get_by_role("button", name="Energy in mask, more").click()
    assert rows(page) == [*reversed(first[:2]), "Random map"]
    figure = page.get_by_role("img", name=re.compile("^Scene "))
    before = pixels(figure)
    page.get_by_role("radio", name="Scene 2,").click()
    for method in ("saliency", "random", "grad_cam"):
        cell(page, method, 1).click()
        still(page)
        said = "It points to no one place" if method == "random" else "Strongest place"
        assert said in page.locator(".tb-value").inner_text()
    after = pixels(figure)
    assert np.abs(after - before).mean() > 5
    page.get_by_role("combobox", name="Layer").select_option("residual1")
    still(page)
    assert np.abs(pixels(figure) - after).mean() > 2
    assert page.locator(".cnn-curve:visible").count() == 1
    assert page.get_by_role("img", name="Insertion curve of Grad-CAM in scene 2").count() == 1
    context.close()
    assert complaints == []
