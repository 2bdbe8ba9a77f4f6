"""The filter gallery in a real JupyterLab, and in a page of its own."""

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
import torch
import cnnvis_widgets as cw
network = cw.demo()
pictures = cw.scenes(24, seed=7)
"""
VIEWER = "viewer = cw.FilterGallery(network, 'residual2', pictures, steps=12, cache=False)\nviewer"
#: So long that it is still sharpening when the test begins.
LONG = "viewer = cw.FilterGallery(network, 'residual2', pictures, steps=2000, cache=False)\nviewer"
BROKEN = """
class Broken:
    broken = True
    def __len__(self):
        return len(pictures)
    def __getitem__(self, index):
        if self.broken and index == 5:
            raise OSError("the disk has gone")
        return pictures[index].image, 0
dataset = Broken()
viewer = cw.FilterGallery(network, 'residual2', dataset, mode="patches", steps=2, cache=False)
viewer
"""
WIDE = """
torch.manual_seed(0)
wide = torch.nn.Sequential(torch.nn.Conv2d(3, 2048, 5, padding=2), torch.nn.ReLU())
viewer = cw.FilterGallery(cw.Network(wide, cw.Preprocess(size=(32, 32))), '0', steps=2, cache=False)
viewer
"""


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, VIEWER])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def tile(page: Page, channel: int) -> Any:
    return page.locator(f".fg-wall [role=gridcell][data-item='{channel}']")


def figure(page: Page) -> Any:
    return page.get_by_role("img", name="What residual2:")


def test_pictures_appear_while_they_are_computed_and_sharpen(lab: Lab) -> None:
    notebook = lab.open([SETUP, LONG])
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.get_by_role("gridcell", name="step ").first.wait_for(timeout=60_000)
    page.wait_for_timeout(700)
    early = pixels(tile(page, 0).locator("canvas"))
    assert early.std() > 3
    for _ in range(30):  # as long as a slow machine takes
        page.wait_for_timeout(1000)
        if (changed := float(np.abs(pixels(tile(page, 0).locator("canvas")) - early).mean())) > 3:
            break
    assert changed > 3
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Continue").wait_for()
    assert notebook.evaluate_python("viewer.status") == "ready"
    notebook.run_python("viewer.wait()")


def test_a_click_chooses_the_unit_in_python_and_shows_its_film(notebook: Notebook) -> None:
    page = notebook.page
    tile(page, 9).click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.channel") == 9
    assert page.get_by_role("radio", name="Step 12").get_attribute("aria-checked") == "true"
    late = pixels(figure(page))
    page.get_by_role("radio", name="Step 0").click()
    still(page)
    assert np.abs(pixels(figure(page)) - late).mean() > 5
    page.keyboard.press("r")
    page.wait_for_timeout(3000)
    assert np.abs(pixels(figure(page)) - late).mean() < 1


def test_the_keyboard_does_everything(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("gridcell", selected=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    notebook.settle()
    assert notebook.evaluate_python("viewer.channel") == 2
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Back to the wall").wait_for()
    page.keyboard.press("Escape")
    notebook.settle()
    assert page.evaluate("() => document.activeElement.dataset.item") == "2"
    page.keyboard.press("3")
    notebook.settle()
    assert notebook.evaluate_python("viewer.mode") == "patches"
    page.keyboard.press("2")
    page.keyboard.press("o")
    notebook.settle()
    assert notebook.evaluate_python("viewer.layer") == "residual2.conv1"
    page.keyboard.press("u")
    notebook.settle()
    assert notebook.evaluate_python("viewer.layer") == "residual2"
    assert notebook.cells.count() == 2


def test_a_second_unit_gives_the_way_to_it(notebook: Notebook) -> None:
    page = notebook.page
    tile(page, 3).click()
    tile(page, 8).click(modifiers=["Shift"])
    notebook.settle()
    assert notebook.evaluate_python("[viewer.channel, viewer.unit['between']['other']]") == [3, 8]
    strip = page.locator(".fg-way canvas")
    assert strip.count() == 7
    assert np.abs(pixels(strip.nth(0)) - pixels(strip.nth(6))).mean() > 3


def test_strongest_patches_are_seen_and_sorted(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("radio", name="Strongest patches").click()
    notebook.settle()
    assert pixels(tile(page, 5).locator("canvas")).std() > 10
    page.get_by_role("combobox", name="Sort").select_option("activation")
    notebook.settle()
    first = int(page.get_by_role("gridcell").first.get_attribute("data-item") or -1)
    assert first == notebook.evaluate_python("int(viewer._agenda.found['residual2'].peak.argmax())")


def test_a_data_set_that_breaks_off_says_so_and_is_read_again(lab: Lab) -> None:
    notebook = lab.run([SETUP, BROKEN])
    page = notebook.page
    assert page.get_by_text("64 units, 5 of 24 pictures").is_visible()
    assert "Picture 6 of the data set cannot be fetched (OSError: the disk has gone)" in (
        page.get_by_role("status").last.inner_text()
    )
    before = pixels(tile(page, 5).locator("canvas"))
    assert before.std() > 10
    page.get_by_role("radio", name="Synthesized").click()
    notebook.run_python("viewer.whole = True; viewer.wait(60)")  # and nothing is left to be painted
    notebook.settle()
    notebook.run_python("dataset.broken = False")
    page.get_by_role("button", name="Read the data set again").click()
    notebook.settle()
    page.get_by_role("radio", name="Strongest patches").click()
    notebook.settle()
    assert page.get_by_text("64 units, 24 pictures").is_visible()
    assert page.get_by_role("button", name="Read the data set again").count() == 0
    assert np.abs(pixels(tile(page, 5).locator("canvas")) - before).mean() > 3


def test_a_finger_chooses_a_unit_and_enlarges_it(lab: Lab) -> None:
    notebook = lab.run([SETUP, VIEWER], has_touch=True)
    page = notebook.page
    tile(page, 9).tap()
    notebook.settle()
    assert notebook.evaluate_python("viewer.channel") == 9
    page.get_by_role("radio", name="Step 0").tap()
    assert page.get_by_role("radio", name="Step 0").get_attribute("aria-checked") == "true"
    page.get_by_role("button", name="Large view").tap()
    page.get_by_role("button", name="Back to the wall").tap()
    page.get_by_role("radio", name="Strongest patches").tap()
    notebook.settle()
    assert notebook.evaluate_python("viewer.mode") == "patches"


def test_of_two_thousand_units_few_are_in_the_page_and_those_scrolled_to_are_computed(lab: Lab) -> None:
    notebook = lab.run([SETUP, WIDE])
    page = notebook.page
    assert page.get_by_role("gridcell").count() < 120
    page.evaluate("() => { document.querySelector('.fg-wall .cnn-tiles').scrollTop = 20000; }")
    still(page)
    notebook.settle()
    seen = notebook.evaluate_python("viewer.viewport")
    assert min(seen) > 300
    assert page.get_by_role("gridcell").count() < 120
    assert pixels(tile(page, seen[0]).locator("canvas")).std() > 3


def test_weights_are_drawn_where_there_are_some(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("radio", name="Weights").click()
    page.get_by_role("button", name="Go to residual2.conv1").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.layer") == "residual2.conv1"
    assert pixels(tile(page, 0).locator("canvas")).std() > 10
    assert page.get_by_role("img", name="Colors: weights from").count() == 1


def test_a_layer_is_chosen_and_what_is_typed_filters(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("combobox", name="Layer").select_option("separable1")
    notebook.settle()
    assert page.get_by_text("64 units, 96").is_visible()
    page.get_by_role("searchbox").fill("3, 10-12")
    notebook.settle()
    assert page.get_by_role("gridcell").count() == 4


@pytest.mark.parametrize("width", [1300, 900, 480])
def test_nothing_overflows_at_any_width(lab: Lab, width: int) -> None:
    notebook = lab.run([SETUP, VIEWER], width=width)
    overflow = "() => { const widget = document.querySelector('section.cnn'); return widget.scrollWidth - widget.clientWidth; }"
    assert notebook.page.evaluate(overflow) <= 0
    tile(notebook.page, 1).dblclick()
    still(notebook.page)
    assert notebook.page.evaluate(overflow) <= 0


def test_a_second_view_gets_the_pictures_too(lab: Lab) -> None:
    notebook = lab.run([SETUP, VIEWER, "viewer"])
    second = notebook.output(2)
    assert pixels(second.locator(".fg-wall canvas").nth(4)).std() > 3


def test_a_dead_kernel_is_said_and_looking_goes_on(notebook: Notebook) -> None:
    page = notebook.page
    tile(page, 4).click()
    notebook.settle()
    notebook.kill_kernel()
    page.get_by_role("combobox", name="Layer").select_option("separable1")
    page.locator("section.cnn[data-state=offline]").wait_for(timeout=15_000)
    assert "kernel" in page.get_by_role("status").last.inner_text()
    page.get_by_role("combobox", name="Layer").select_option("residual2")
    still(page)
    assert pixels(tile(page, 5).locator("canvas")).std() > 3
    notebook.errors.clear()  # JupyterLab itself complains about the kernel


def test_a_page_of_its_own_shows_pictures_and_films(browser: Browser, tmp_path: Path) -> None:
    gallery = cw.FilterGallery(cw.demo(), "residual1", cw.scenes(8, seed=7), steps=6, cache=False)
    assert gallery.wait(60)
    file = gallery.to_html(tmp_path / "page.html")
    gallery.close()
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    tile(page, 7).click()
    still(page)
    large = page.get_by_role("img", name="What residual1:7")
    before = pixels(large)
    assert before.std() > 3
    page.keyboard.press(",")
    page.keyboard.press(",")
    still(page)
    assert np.abs(pixels(large) - before).mean() > 2
    page.keyboard.press("3")
    still(page)
    assert pixels(tile(page, 7).locator("canvas")).std() > 10
    context.close()
    assert complaints == []
