"""The dream canvas in a real JupyterLab, and in a page of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image
from saved import opened_again, saved

import cnnvis_widgets as cw

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab, Notebook
    from playwright.sync_api import Browser, Page

SETUP = """
import time
import torch
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(2, seed=7)]
"""
CANVAS = "canvas = cw.DreamCanvas(network, images, {'residual1': 1.0}, steps=5)\ncanvas"
#: Every pass waits, so that there is time to look and to change something on the way.
SLOW = """
class Slow(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, x):
        time.sleep(0.06)
        return self.model(x)
slow = cw.Network(Slow(network.model), network.preprocess, network.labels, name="slow")
canvas = cw.DreamCanvas(slow, images, {'model.residual1': 1.0}, steps=12)
canvas
"""


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, CANVAS])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def figure(page: Page) -> Any:
    return page.locator(".dc-picture")


def film(page: Page) -> Any:
    return page.get_by_role("slider", name="Film")


def step_shown(page: Page) -> int:
    return int(film(page).get_attribute("aria-valuenow"))


def steps(notebook: Notebook) -> list[int]:
    found: list[int] = notebook.evaluate_python("[frame['step'] for frame in canvas.film.get('frames', [])]")
    return found


def test_the_film_is_walked_by_keys_buttons_and_pointer_and_played(notebook: Notebook) -> None:
    page = notebook.page
    assert step_shown(page) == 20
    newest = pixels(figure(page))
    figure(page).click()
    film(page).focus()
    page.keyboard.press("Home")
    still(page)
    assert step_shown(page) == 0
    photo = pixels(figure(page))
    assert np.abs(photo - newest).mean() > 10
    page.keyboard.press(".")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Frame after").click()
    still(page)
    assert step_shown(page) == 3
    assert notebook.evaluate_python("canvas.shown") == 3
    box = film(page).bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=8)
    page.mouse.up()
    still(page)
    assert 8 <= step_shown(page) <= 12
    page.keyboard.press("p")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Stop film").wait_for()
    page.wait_for_function("() => document.querySelector('.dc-track').getAttribute('aria-valuenow') === '20'")
    page.get_by_role("button", name="Play").wait_for()
    assert notebook.evaluate_python("canvas.shown") == -1
    np.testing.assert_allclose(pixels(figure(page)), newest, atol=2)


def test_it_dreams_before_ones_eyes_and_a_weight_moved_meanwhile_acts_at_once(lab: Lab) -> None:
    notebook = lab.open([SETUP, SLOW.replace("steps=12", "steps=36")])  # long enough for a slow page to stop it
    page = notebook.page
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator("section.cnn[data-state=busy]").wait_for(timeout=60_000)
    page.wait_for_function("() => Number(document.querySelector('.dc-track')?.getAttribute('aria-valuenow')) >= 3")
    seen, seconds = page.evaluate(
        """() => new Promise((done) => {
            const seen = new Set(), began = performance.now();
            const look = setInterval(() => {
                seen.add(document.querySelector(".dc-picture img").src);
                const seconds = (performance.now() - began) / 1000;
                if (seen.size < 6 && seconds < 20) return;
                clearInterval(look);
                done([seen.size, seconds]);
            }, 10);
        })"""
    )
    assert seen == 6
    assert seconds > 0.4  # ten frames a second, at most
    weight = page.get_by_role("slider", name="model.residual2", exact=True)
    weight.focus()
    weight.press("ArrowRight")
    weight.press("ArrowRight")
    page.wait_for_timeout(600)
    assert notebook.evaluate_python("canvas.status") == "busy"
    assert notebook.evaluate_python("canvas.plan['asked']['pulls']['model.residual2']") == pytest.approx(0.2)
    before = step_shown(page)
    page.locator(".dc-transport").get_by_role("button", name="Stop", exact=True).click()
    page.locator("section.cnn[data-state=ready]").wait_for(timeout=10_000)
    page.wait_for_timeout(300)
    stopped = step_shown(page)
    assert before <= stopped < 4 * 36
    assert "it can go on from here" in page.locator(".cnn-task-text").inner_text()
    page.keyboard.press(",")
    page.keyboard.press(",")
    page.keyboard.press(",")
    page.get_by_role("button", name="Dream on from here").click()
    page.wait_for_function(
        f"() => Number(document.querySelector('.dc-track').getAttribute('aria-valuenow')) > {stopped}"
    )
    page.keyboard.press("Escape")
    page.locator("section.cnn[data-state=ready]").wait_for(timeout=2000)
    assert notebook.evaluate_python("canvas.plan['reel']") == 1
    assert steps(notebook) == list(range(len(steps(notebook))))


def test_dream_on_zooms_and_the_film_is_saved(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("button", name="Dream on").click()
    notebook.settle()
    assert notebook.evaluate_python("[each['kind'] for each in canvas.plan['sections']].count('zoom')") == 6
    assert step_shown(page) == 32
    assert "6 zooms" in page.locator(".dc-heads").inner_text()
    for name, form, frames in (("picture as PNG", "png", 1), ("film as an animation", "webp", 33)):
        with page.expect_download() as saving:
            page.get_by_role("button", name=f"Save the {name}").click()
        assert saving.value.suggested_filename == f"picture 1_dream.{form}"
        with Image.open(saving.value.path()) as saved:
            assert saved.size == (288, 288)
            assert getattr(saved, "n_frames", 1) == frames
    page.get_by_role("radio", name="GIF").click()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save the film").click()
    with Image.open(saving.value.path()) as saved:
        assert saved.format == "GIF"


def test_small_pictures_come_a_channel_is_added_and_the_dream_is_dreamed_anew(notebook: Notebook) -> None:
    page = notebook.page
    rows = page.locator(".dc-row").count()
    page.wait_for_function("(rows) => document.querySelectorAll('.dc-alone img[src]').length === rows", arg=rows)
    page.get_by_role("button", name="Add a layer or a channel").click()
    page.get_by_role("combobox", name="Layer").select_option("separable2.pointwise")
    channel = page.get_by_role("spinbutton", name="Channel")
    channel.fill("5")
    channel.press("Enter")
    page.locator(".dc-row", has_text="channel 5").locator("img[src]").wait_for()
    assert notebook.evaluate_python("canvas.mix['separable2.pointwise:5']") == 1
    assert page.get_by_text("older than the mix").is_visible()
    page.get_by_role("slider", name="residual1", exact=True).press("0")
    before = pixels(figure(page))
    page.get_by_role("button", name="Dream anew").click()
    notebook.settle()
    assert notebook.evaluate_python("canvas.curves['units']") == ["separable2.pointwise:5"]
    assert np.abs(pixels(figure(page)) - before).mean() > 3
    assert not page.get_by_text("older than the mix").is_visible()


def test_the_line_between_photo_and_dream_is_dragged(notebook: Notebook) -> None:
    page = notebook.page
    dream = pixels(figure(page))
    page.get_by_role("radio", name="Photo", exact=True).click()
    still(page)
    photo = pixels(figure(page))
    page.get_by_role("radio", name="Split").click()
    box = figure(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=4)
    page.mouse.up()
    still(page)
    both, edge = pixels(figure(page)), dream.shape[1] // 4
    left, right = slice(4, edge - 20), slice(edge + 20, -4)  # the outermost pixels may be blended otherwise
    np.testing.assert_allclose(both[4:-4, left], photo[4:-4, left], atol=2)
    np.testing.assert_allclose(both[4:-4, right], dream[4:-4, right], atol=2)


def test_a_picture_that_is_dropped_in_is_dreamed_on(notebook: Notebook, tmp_path: Path) -> None:
    page = notebook.page
    file = tmp_path / "stripes.png"
    Image.fromarray((np.indices((120, 200)).sum(0) % 40 * 6).astype(np.uint8)).convert("RGB").save(file)
    page.locator("section.cnn input[type=file]").set_input_files(file)
    page.get_by_role("radio", name="stripes.png").wait_for()
    notebook.settle()
    assert notebook.evaluate_python("[canvas.image, canvas.status, canvas.plan['height'], canvas.plan['width']]") == [
        *(2, "ready", 173, 288)
    ]
    assert page.get_by_role("combobox", name="Guide").locator("option").count() == 4
    page.get_by_role("radio", name="picture 1").click()
    notebook.settle()
    assert step_shown(page) == 20


@pytest.mark.parametrize("width", [1280, 860, 560, 484])
def test_nothing_stands_out_of_a_cell_of_any_width(lab: Lab, width: int) -> None:
    notebook = lab.run([SETUP, CANVAS], width=width)
    page = notebook.page
    page.get_by_role("button", name="Add a layer or a channel").click()
    over = page.evaluate(
        """() => [...document.querySelectorAll("section.cnn *")].filter((each) => {
            const [own, all] = [each.getBoundingClientRect(), document.querySelector("section.cnn").getBoundingClientRect()];
            return own.width > 1 && (own.right > all.right + 1 || own.left < all.left - 1) && !each.closest(".cnn-sr, .dc-picture");
        }).map((each) => each.className || each.tagName)"""
    )
    assert over == []


def test_without_a_kernel_the_film_still_plays(notebook: Notebook) -> None:
    notebook.kill_kernel()
    page = notebook.page
    page.get_by_role("button", name="Dream anew").click()
    page.locator("section.cnn[data-state=offline]").wait_for(timeout=15_000)
    film(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert step_shown(page) == 1
    assert page.get_by_role("slider", name="residual1", exact=True).is_disabled()
    notebook.errors.clear()  # JupyterLab itself complains about the kernel


def test_a_kernel_that_dies_while_it_dreams_is_found_out_and_the_film_so_far_is_there_also_when_saved(lab: Lab) -> None:
    notebook = lab.open([SETUP, SLOW])
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    notebook.page.wait_for_function(  # the first octave of twelve steps is done
        "() => Number(document.querySelector('.dc-track')?.getAttribute('aria-valuemax')) > 13", timeout=60_000
    )
    file = saved(notebook, "canvas")
    notebook.kill_kernel()
    notebook.page.locator("section.cnn[data-state=offline]").wait_for(timeout=30_000)  # with nobody doing anything
    with opened_again(notebook, file) as again:
        for page in (notebook.page, again):
            page.locator("section.cnn").focus()
            film(page).press("Home")
            page.get_by_role("button", name="Play").click()
            page.wait_for_function(
                "() => Number(document.querySelector('.dc-track').getAttribute('aria-valuenow')) > 11"
            )
    notebook.errors.clear()  # JupyterLab itself complains about the kernel


def test_a_saved_page_keeps_the_film_the_curves_and_the_small_pictures(browser: Browser, tmp_path: Path) -> None:
    canvas = cw.DreamCanvas(cw.demo(), cw.scenes(1, seed=7)[0].image, {"residual1": 1.0, "residual2": 0.5}, steps=4)
    canvas.wait()
    file = canvas.to_html(tmp_path / "page.html")
    canvas.close()
    context = browser.new_context(viewport={"width": 1100, "height": 1200}, offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    film(page).wait_for()
    assert page.locator("section.cnn").get_attribute("data-state") == "offline"
    assert step_shown(page) == 16
    newest = pixels(figure(page))
    film(page).focus()
    page.keyboard.press("Home")
    still(page)
    assert np.abs(pixels(figure(page)) - newest).mean() > 10
    assert page.locator(".dc-one-pull").count() == 2
    assert page.locator(".dc-alone img[src]").count() == page.locator(".dc-row").count()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save the picture").click()
    assert saving.value.suggested_filename.startswith("dream_0.")
    context.close()
    assert complaints == []
