"""The feature laboratory in a real JupyterLab, reopened from a saved notebook, and in a page of its own."""

from __future__ import annotations

import io
import json
import re
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
import cnnvis_widgets as cw
demo = cw.demo()
pictures = [scene.image for scene in cw.scenes(12, seed=7)]
"""
QUICK = """
lab = cw.FeatureLab(demo, "residual2", 5, dataset=pictures, recipe_a={"steps": 48}, recipe_b={"preset": "plain", "steps": 48})
lab
"""
LONG = "lab = cw.FeatureLab(demo, 'residual2', 5, dataset=pictures, recipe_a={'steps': 2048})\nlab"


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, QUICK])


def begun(lab: Lab) -> Notebook:
    """A long ascent under way."""
    notebook = lab.open([SETUP, LONG])
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    notebook.page.locator("section.cnn[data-state=busy]").wait_for()
    notebook.page.wait_for_function(
        "() => /step [1-9]/.test(document.querySelector('[data-side=A] .fl-step')?.textContent)"
    )
    return notebook


def pixels(locator: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def picture(page: Page, side: str = "A") -> Any:
    return page.get_by_role("img", name=f"Recipe {side}, ")


def step(page: Page, side: str = "A") -> int:
    found = re.search(r"step (\d+) of", picture(page, side).get_attribute("aria-label") or "")
    assert found is not None
    return int(found[1])


def numbers(page: Page, name: str) -> list[float]:
    row = page.locator(".fl-numbers [role=row]").filter(has_text=name).locator("[role=cell]")
    return [float(text) for text in row.all_inner_texts()]


def test_the_picture_evolves_about_ten_times_a_second_and_cancel_stops_it_at_once(lab: Lab) -> None:
    notebook = begun(lab)
    page = notebook.page
    seen = page.evaluate(
        """() => new Promise((done) => {
            const image = document.querySelector("[data-side=A] img");
            let count = 0;
            image.addEventListener("load", () => count++);
            setTimeout(() => done(count), 3000);
        })"""
    )
    assert 12 <= seen <= 36
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled; what was computed before is still shown.").wait_for()
    notebook.settle()
    stopped = step(page)
    page.wait_for_timeout(400)
    assert step(page) == stopped
    assert page.get_by_role("radio", name="Step 2048, not computed yet").count() == 1
    page.get_by_role("button", name="Go on").click()
    page.wait_for_function(
        "(stopped) => Number(document.querySelector('[data-side=A] .fl-step').textContent.slice(5)) > stopped",
        arg=stopped,
    )
    assert notebook.evaluate_python("lab.run_a['changes']") == []
    notebook.run_python("lab.cancel()")


def test_a_slider_that_moves_while_it_climbs_goes_on_from_there(lab: Lab) -> None:
    notebook = begun(lab)
    page = notebook.page
    before = step(page)
    jitter = page.get_by_role("slider", name="Jitter", exact=True)
    box = jitter.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.2, 0.3, 0.4, 0.5):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        page.wait_for_timeout(60)
    page.mouse.up()
    page.locator(".cnn-chart-notch").first.wait_for(state="attached")
    page.wait_for_timeout(600)
    assert step(page) > before
    assert jitter.get_attribute("aria-valuetext") == "48\u202fpx, inside the usual 8 to 64"
    notebook.run_python("lab.cancel()\nlab.wait()")
    told = notebook.evaluate_python(
        "[lab.recipe_a['jitter'], lab.run_a['recipe']['jitter'], len(lab.run_a['changes']) > 0]"
    )
    assert told == [48, 48, True]
    assert notebook.evaluate_python("float(abs(lab.picture('A') - 0.5).mean())") > 0.02


def test_a_slider_by_keyboard_climbs_further(notebook: Notebook) -> None:
    page = notebook.page
    before = pixels(picture(page))
    page.get_by_role("slider", name="Rotate").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    notebook.settle()
    assert notebook.evaluate_python("lab.recipe_a['rotate']") == 25
    assert step(page) > 48
    assert np.abs(pixels(picture(page)) - before).mean() > 1
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Rotate"


def test_a_and_b_stand_side_by_side_and_are_swapped(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("radio", name="A and B").click()
    boxes = [picture(page, side).bounding_box() for side in "AB"]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
    assert boxes[0]["y"] == boxes[1]["y"]
    response, distance = numbers(page, "Response"), numbers(page, "Distance")
    true = notebook.evaluate_python(
        "[[float(c.values[i][-1]) for i in (0, 1)] for c in (lab.curves(), lab.curves('distance'))]"
    )
    np.testing.assert_allclose([response, distance], true, rtol=5e-3, atol=6e-4)
    page.locator("section.cnn").press("x")
    notebook.settle()
    assert numbers(page, "Response") == response[::-1]
    assert notebook.evaluate_python("[lab.recipe_a['preset'], lab.run_a['done'], lab.run_b['done']]") == [
        "plain",
        48,
        48,
    ]
    picture(page, "B").click()
    page.get_by_role("heading", name="Recipe B").wait_for()


def test_the_film_is_walked_with_keys_and_each_frame_is_the_picture_of_its_step(notebook: Notebook) -> None:
    page = notebook.page
    newest = pixels(picture(page))
    page.locator("section.cnn").focus()
    for _ in range(4):
        page.keyboard.press(",")
    still(page)
    frame = notebook.evaluate_python("lab.film_a[-5]['step']")
    assert step(page) == frame
    assert np.abs(pixels(picture(page)) - newest).mean() > 5
    assert page.get_by_role("radio", name=f"Step {frame}", exact=True).get_attribute("aria-checked") == "true"
    page.get_by_role("radio", name=f"Step {frame}", exact=True).focus()
    page.keyboard.press("End")
    still(page)
    assert step(page) == 48
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Step 48"


def test_the_code_on_the_page_makes_the_picture_in_the_notebook(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("slider", name="Variation").focus()
    page.keyboard.press("End")
    notebook.settle()
    page.get_by_role("combobox", name="Size").select_option("64")
    page.get_by_role("combobox", name="Opaque").select_option("needed")
    notebook.settle()
    assert picture(page).locator("xpath=self::*[@data-alpha]").count() == 1
    code = page.locator(".fl-code").inner_text()
    assert "    demo,\n    cw.channel" in code  # as the network is called in this notebook
    notebook.run_python(f"import numpy as np\nexec({code!r})")
    assert notebook.evaluate_python("float(abs(np.asarray(picture) - lab.picture('A')).max())") == 0
    assert notebook.evaluate_python("float(abs(np.asarray(opacity) - lab.opacity('A')).max())") == 0
    assert notebook.evaluate_python("lab.picture('A').shape") == [3, 64, 64]


def test_a_unit_is_chosen_on_the_page_and_its_strongest_patch_comes_along(notebook: Notebook) -> None:
    page = notebook.page
    patch = page.get_by_role("img", name="Strongest patch, from")
    before = pixels(patch)
    page.get_by_role("spinbutton", name="Channel").fill("11")
    page.keyboard.press("Enter")
    notebook.settle()
    page.get_by_role("heading", name="residual2:11").wait_for()
    assert notebook.evaluate_python("[lab.channel, lab.run_a['unit'], lab.run_b['unit']]") == [
        11,
        "residual2:11",
        "residual2:11",
    ]
    assert np.abs(pixels(patch) - before).mean() > 5
    page.get_by_role("button", name="Channel after").click()
    notebook.settle()
    page.get_by_role("heading", name="residual2:12").wait_for()


def test_restart_begins_again_from_noise(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("slider", name="Jitter", exact=True).press("ArrowRight")
    notebook.settle()
    assert step(page) == 96
    page.get_by_role("button", name="Restart", exact=True).click()
    notebook.settle()
    assert step(page) == 48
    assert page.locator(".cnn-chart-notch").count() == 0


def test_a_dead_kernel_is_said_and_the_film_still_plays(notebook: Notebook) -> None:
    notebook.kill_kernel()
    page = notebook.page
    page.get_by_role("slider", name="Jitter", exact=True).press("ArrowRight")
    page.locator("section.cnn[data-state=offline]").wait_for(timeout=15_000)
    assert page.get_by_role("slider", name="Rotate").is_disabled()
    page.locator("section.cnn").press(",")
    still(page)
    assert step(page) < 48
    notebook.errors.clear()  # JupyterLab itself complains about the kernel


def test_a_saved_laboratory_is_alive_when_it_is_opened_again(notebook: Notebook) -> None:
    with opened_again(notebook, saved(notebook, "lab")) as page:
        page.get_by_role("img", name="Recipe A, Fourier, robust, step 48 of 48").wait_for()
        assert page.locator(".cnn-chart-line").count() == 6  # two charts and the key
        page.locator("section.cnn").press(",")
        page.get_by_role("img", name="Recipe A, Fourier, robust, step 36 of 48").wait_for()
        page.get_by_role("button", name="Play").click()
        page.get_by_role("img", name="Recipe A, Fourier, robust, step 48 of 48").wait_for()


@pytest.mark.parametrize("width", [400, 760])
def test_narrow_it_neither_overflows_nor_loses_anything(lab: Lab, width: int) -> None:
    page = lab.run([SETUP, QUICK], width=width).page
    assert page.evaluate(
        "() => { const box = document.querySelector('section.cnn'); return box.scrollWidth <= box.clientWidth; }"
    )
    for part in (".fl-recipe", ".fl-field", ".fl-curves", ".fl-python", ".fl-film"):
        assert page.locator(part).is_visible(), part
    assert page.get_by_role("slider").count() == 13


def test_a_page_without_python_plays_its_film_and_keeps_curves_and_code(browser: Browser, tmp_path: Path) -> None:
    pictures = [scene.image for scene in cw.scenes(4, seed=7)]
    lab = cw.FeatureLab(cw.demo(), "residual2:5", dataset=pictures, recipe_a={"steps": 32}, recipe_b={"steps": 32})
    assert lab.wait(120)
    code, file = lab.code("B"), lab.to_html(tmp_path / "lab.html")
    lab.close()
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
    newest = pixels(picture(page))
    page.get_by_role("radio", name="Step 4", exact=True).click()
    still(page)
    assert step(page) == 4
    assert np.abs(pixels(picture(page)) - newest).mean() > 3
    response = page.get_by_role("img", name=re.compile("^Response, Mean of the map"))
    response.locator(".cnn-chart-plot").hover(position={"x": 60, "y": 40})
    assert page.locator(".fl-numbers").inner_text() != ""
    page.get_by_role("radio", name="B", exact=True).click()
    page.get_by_role("heading", name="Recipe B").wait_for()
    assert page.locator(".fl-code").inner_text().strip() == code.strip()
    assert page.get_by_role("slider", name="Rate").is_disabled()
    context.close()
    assert complaints == []


def test_the_picture_that_stays_in_the_notebook_is_that_of_the_end(lab: Lab) -> None:
    notebook = lab.run([SETUP, QUICK])
    saved = json.loads(notebook.save().read_text())
    stills = [
        out["data"]["image/png"]
        for each in saved["cells"]
        for out in each["outputs"]
        if "image/png" in out.get("data", {})
    ]
    notebook.run_python("import base64\nfrom cnnvis_widgets.widgets._poster import lighter")
    true = notebook.evaluate_python("base64.b64encode(lighter(lab._poster())).decode()")
    assert [still.replace("\n", "") for still in stills] == [true]
