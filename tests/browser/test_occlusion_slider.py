"""The occlusion slider in a real JupyterLab, and in a page of its own."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import nbformat
import numpy as np
import pytest
from lab import still
from PIL import Image

import cnnvis_widgets as cw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab import Lab, Notebook
    from playwright.sync_api import Browser, Page

SETUP = """
import time
import numpy as np
import torch
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(2, seed=7)]

def covered(row, column, side=24, level=0.5, picture=0):
    image = network.read(images[picture]).clone()
    image[..., max(0, row):row + side, max(0, column):column + side] = level
    return network.predict(image).probabilities[0].tolist()
"""
VIEWER = "viewer = cw.OcclusionSlider(network, images, stride=8)\nviewer"
#: So many places that it is still filling when the test begins.
LONG = "viewer = cw.OcclusionSlider(network, images, stride=1)\nviewer"


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, VIEWER])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def photo(page: Page) -> Any:
    return page.get_by_role("group", name="The picture ").first


def cover(page: Page) -> Any:
    return page.get_by_role("slider", name="Cover")


def sweep(page: Page, number: int = 0) -> Any:
    return page.locator(".cnn-sweep-map").nth(number)


def bars(page: Page) -> dict[str, float]:
    """Class -> probability in percent, as the page shows it."""
    found = {}
    for row in page.locator(".cnn-answers [role=radio]").all():
        name, share, *_ = str(row.get_attribute("aria-label")).split(", ")
        found[name.split(": ")[-1]] = float(share.replace("%", "").replace("<", ""))
    return found


def until(page: Page, happened: Callable[[], Any], seconds: float = 10) -> Any:
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        page.wait_for_timeout(20)
    return found


def agree(page: Page, truth: list[float], labels: list[str]) -> bool:
    """Whether the bars are those probabilities, to the digits shown."""
    return all(abs(share - 100 * truth[labels.index(name)]) <= 0.051 for name, share in bars(page).items())


def corner(notebook: Notebook) -> tuple[int, int]:
    row, column = notebook.evaluate_python("viewer.place")
    return row, column


def point(page: Page, row: float, column: float) -> tuple[float, float]:
    """Where a pixel of the picture is on the screen."""
    box = photo(page).bounding_box()
    return box["x"] + box["width"] * column / 96, box["y"] + box["height"] * row / 96


def drag(page: Page, places: list[tuple[int, int]], *, drop: bool = True) -> None:
    """Take hold of the picture at the first place and go to the last."""
    page.mouse.move(*point(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*point(page, *place), steps=6)
    if drop:
        page.mouse.up()


def bars_are_right(notebook: Notebook, **how: Any) -> None:
    """The bars come to be what the network says of the picture covered where the cover lies."""
    more = ", ".join(f"{name}={value!r}" for name, value in how.items())
    labels = notebook.evaluate_python("list(viewer.labels)")

    def right() -> bool:
        row, column = corner(notebook)
        return agree(notebook.page, notebook.evaluate_python(f"covered({row}, {column}, {more})"), labels)

    until(notebook.page, right)


# the cover --------------------------------------------------------------------------------------------------------


def test_the_bars_follow_the_cover_by_pointer(notebook: Notebook) -> None:
    page = notebook.page
    for places in ([(20, 20), (34, 66)], [(50, 50), (90, 10)]):
        before = bars(page)
        drag(page, places)
        bars_are_right(notebook)
        assert bars(page) != before
    assert not notebook.evaluate_python("viewer.held")


def test_the_bars_follow_while_the_pointer_is_still_down(notebook: Notebook) -> None:
    page = notebook.page
    drag(page, [(20, 20), (34, 66)], drop=False)
    bars_are_right(notebook)
    assert notebook.evaluate_python("viewer.held")
    page.mouse.up()
    until(page, lambda: not notebook.evaluate_python("viewer.held"))


def test_the_bars_follow_the_cover_by_finger(lab: Lab) -> None:
    notebook = lab.run([SETUP, VIEWER], has_touch=True)
    page = notebook.page
    page.touchscreen.tap(*point(page, 34, 66))
    until(page, lambda: notebook.evaluate_python("viewer.place"))
    bars_are_right(notebook)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *place: float) -> None:
        points = [{"x": x, "y": y} for x, y in [point(page, *place)]] if place else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 34, 66)
    for step in range(1, 9):
        touch("touchMove", 34 + 4 * step, 66 - 4 * step)
    touch("touchEnd")
    until(page, lambda: abs(corner(notebook)[0] - 54) < 4)
    bars_are_right(notebook)


def test_the_bars_follow_the_cover_by_keys(notebook: Notebook) -> None:
    page = notebook.page
    drag(page, [(40, 40), (44, 44)])
    until(page, lambda: not notebook.evaluate_python("viewer.held"))
    cover(page).focus()
    row, column = corner(notebook)
    page.keyboard.press("ArrowRight")
    until(page, lambda: corner(notebook)[1] > column)
    assert corner(notebook) == (row, (column // 8 + 1) * 8)
    column = corner(notebook)[1]
    page.keyboard.press("Alt+ArrowDown")
    until(page, lambda: corner(notebook) == (row + 1, column))
    page.keyboard.press("Shift+ArrowLeft")
    until(page, lambda: corner(notebook)[1] <= max(0, column - 24))
    bars_are_right(notebook)
    page.keyboard.press("f")
    until(page, lambda: notebook.evaluate_python("viewer.fill") != "gray")
    page.keyboard.press("t")
    page.keyboard.press("+")
    until(page, lambda: notebook.evaluate_python("viewer.window") > 24)
    page.keyboard.press("Escape")
    until(page, lambda: notebook.evaluate_python("viewer.place") == [])


def test_size_and_fill_change_what_is_said_at_once(notebook: Notebook) -> None:
    page = notebook.page
    drag(page, [(20, 20), (34, 66)])
    page.get_by_role("slider", name="Size").focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    until(page, lambda: notebook.evaluate_python("viewer.window") > 24)
    notebook.settle()
    bars_are_right(notebook, side=notebook.evaluate_python("viewer.window"))
    page.get_by_role("combobox", name="Fill").select_option(label="Black")
    notebook.settle()
    bars_are_right(notebook, side=notebook.evaluate_python("viewer.window"), level=0)


def test_a_drawing_is_covered_as_it_is_drawn_and_cleared(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("radio", name="Brush", exact=True).first.click()
    drag(page, [(30, 55), (30, 85), (45, 70)], drop=False)
    until(page, lambda: notebook.evaluate_python("viewer.answer.get('brush', False)"))
    page.mouse.up()
    notebook.settle()
    truth = notebook.evaluate_python(
        "(lambda image, mask: network.predict(torch.where(torch.from_numpy(mask), torch.tensor(0.5), image))"
        ".probabilities[0].tolist())(network.read(images[0]), "
        "np.unpackbits(np.frombuffer(bytes(viewer.brush['data']), np.uint8), count=96 * 96).reshape(96, 96).astype(bool))"
    )
    assert agree(page, truth, notebook.evaluate_python("list(viewer.labels)"))
    before = bars(page)
    page.get_by_role("button", name="Clear").click()
    notebook.settle()
    assert notebook.evaluate_python("viewer.answer") == {}
    assert bars(page) != before


# the map ----------------------------------------------------------------------------------------------------------


def test_the_map_fills_in_waits_while_the_cover_is_held_and_goes_on_after(lab: Lab) -> None:
    # A network so slow that a busy page is still there in time.
    slow = "network.model.register_forward_hook(lambda *_: time.sleep(0.02))"
    notebook = lab.open([SETUP, f"{slow}\n{LONG}"])
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.locator("section.cnn[data-state=busy]").wait_for()
    until(page, lambda: notebook.evaluate_python("bool(viewer.maps) and 0 < viewer.maps[0]['done'] < 0.9"))
    drag(page, [(20, 20), (34, 66)], drop=False)
    bars_are_right(notebook)
    share = notebook.evaluate_python("viewer.maps[0]['done']")
    assert share < 1
    page.wait_for_timeout(500)
    assert notebook.evaluate_python("viewer.maps[0]['done']") <= share + 0.02
    assert "waits" in page.locator("section.cnn").inner_text()
    page.mouse.up()
    until(page, lambda: notebook.evaluate_python("viewer.maps[0]['done']") > share + 0.02)
    page.get_by_role("button", name="Cancel").click()
    page.locator("section.cnn[data-state=ready]").wait_for(timeout=1000)
    shares = []
    for place in ((70, 30), (30, 70)):  # covers are answered, and the map stays as it is
        drag(page, [(20, 20), place])
        bars_are_right(notebook)
        shares.append(notebook.evaluate_python("viewer.maps[0]['done']"))
    assert shares[0] == shares[1] < 1


def test_the_still_picture_in_the_notebook_is_that_of_the_whole_map(lab: Lab) -> None:
    notebook = lab.run([SETUP, LONG.replace("stride=1", "stride=2")])
    whole = notebook.evaluate_python("__import__('base64').b64encode(viewer._poster()).decode()")
    outputs = nbformat.read(notebook.save(), as_version=4).cells[1].outputs
    assert outputs[0]["data"]["image/png"].replace("\n", "") == whole


def test_hovering_over_a_map_replays_a_place_without_a_word_to_python(notebook: Notebook) -> None:
    page = notebook.page
    notebook.run_python("heard = []\nviewer.on_msg(lambda *_: heard.append('message'))")
    notebook.run_python("viewer.observe(lambda change: heard.append(change['name']))")
    labels = notebook.evaluate_python("list(viewer.labels)")
    seen = []
    for row, column in ((32, 48), (0, 0), (72, 72)):
        box = sweep(page).bounding_box()
        sweep(page).hover(position={"x": box["width"] * (column + 12) / 96, "y": box["height"] * (row + 12) / 96})
        truth = notebook.evaluate_python(f"covered({row}, {column})")
        until(page, lambda truth=truth: agree(page, truth, labels))
        seen.append(bars(page))
    assert seen[0] != seen[1]
    assert notebook.evaluate_python("heard") == []
    page.get_by_role("heading", name="Occlusion slider").hover()
    until(
        page,
        lambda: agree(page, notebook.evaluate_python("network.predict(images[0]).probabilities[0].tolist()"), labels),
    )


def test_two_classes_and_two_fills_are_two_maps_on_one_scale(notebook: Notebook) -> None:
    page = notebook.page
    assert page.locator(".cnn-sweep-map:visible").count() == 1
    compare = page.get_by_role("radiogroup", name="Compare", exact=True)
    compare.get_by_role("radio", name="Class").click()
    notebook.settle()
    assert page.locator(".cnn-sweep-map:visible").count() == 2
    assert notebook.evaluate_python("viewer.compare") >= 0
    assert page.locator("section.cnn .cnn-legend:visible").count() == 1
    compare.get_by_role("radio", name="Fill").click()
    notebook.settle()
    assert notebook.evaluate_python("[each['done'] for each in viewer.maps]") == [1, 1]
    assert notebook.evaluate_python("viewer.compare_fill") in ("mean", "black", "white", "blur", "noise")
    assert page.locator(".cnn-sweep-map:visible").count() == 2
    assert np.abs(pixels(sweep(page, 0)) - pixels(sweep(page, 1))).mean() > 0.5
    compare.get_by_role("radio", name="Off").click()
    notebook.settle()
    assert notebook.evaluate_python("[viewer.compare, viewer.compare_fill, len(viewer.maps)]") == [-1, "", 1]


def test_a_cover_that_cannot_be_laid_is_said_with_a_way_out(notebook: Notebook) -> None:
    page = notebook.page
    notebook.run_python("viewer.fill = '#zz'")
    notebook.settle()
    assert "There is no fill '#zz'" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Use gray").click()
    notebook.settle()
    assert page.get_by_role("alert").count() == 0
    assert notebook.evaluate_python("viewer.status") == "ready"


def test_two_views_of_one_slider_move_together(lab: Lab) -> None:
    notebook = lab.run([SETUP, VIEWER, "viewer"], height=2400)
    page = notebook.page
    drag(page, [(20, 20), (34, 66)])
    notebook.settle()
    row, column = corner(notebook)
    for view in page.locator("section.cnn").all():
        assert f"row {row}, column {column}" in view.locator(".cnn-where").inner_text()
    assert notebook.errors == []


@pytest.mark.parametrize("width", [1100, 760, 400])
def test_names_of_any_length_stay_in_their_panel_and_script_in_them_is_text(lab: Lab, width: int) -> None:
    notebook = lab.run([SETUP, VIEWER], width=width)
    page = notebook.page
    notebook.run_python("viewer.labels = ['<img src=x onerror=window.hit=1>'] + ['\\u202e' + 'x' * 300] * 7")
    page.get_by_role("radiogroup", name="Compare", exact=True).get_by_role("radio", name="Class").click()
    for choice in ("Class", "Off"):
        page.get_by_role("radiogroup", name="Compare", exact=True).get_by_role("radio", name=choice).click()
        notebook.settle()
        wide = page.locator("section.cnn").evaluate(
            "(root) => [...root.querySelectorAll('.cnn-panel')].map((panel) => panel.scrollWidth - panel.clientWidth)"
        )
        assert max(wide) <= 0
    assert page.evaluate("window.hit") is None


# without Python ---------------------------------------------------------------------------------------------------


def test_without_a_kernel_the_cover_snaps_to_the_places_computed(notebook: Notebook) -> None:
    page = notebook.page
    labels = notebook.evaluate_python("list(viewer.labels)")
    truth = notebook.evaluate_python("covered(32, 48)")
    notebook.kill_kernel()
    drag(page, [(12, 12), (20, 20)])
    page.locator("section.cnn[data-state=offline]").wait_for(timeout=15_000)
    drag(page, [(20, 20), (32 + 12 + 3, 48 + 12 - 3)])
    until(page, lambda: agree(page, truth, labels))
    assert "row 32, column 48" in page.locator("section.cnn").inner_text()
    notebook.errors.clear()  # JupyterLab itself complains about the kernel


def test_an_exported_page_drags_offline_bars_and_all(browser: Browser, tmp_path: Path) -> None:
    network, images = cw.demo(), [scene.image for scene in cw.scenes(2, seed=7)]
    viewer = cw.OcclusionSlider(network, images, stride=8)
    viewer.wait()
    file = viewer.to_html(tmp_path / "page.html")
    viewer.close()
    truth = []
    for picture, (row, column) in enumerate([(32, 48), (36, 36)]):
        image = network.read(images[picture]).clone()
        image[..., row : row + 24, column : column + 24] = 0.5
        truth.append(network.predict(image).probabilities[0].tolist())
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    photo(page).wait_for()
    assert page.locator("section.cnn").get_attribute("data-state") == "offline"
    drag(page, [(12, 12), (32 + 12 + 3, 48 + 12 - 3)])
    until(page, lambda: agree(page, truth[0], list(network.labels)))
    before = bars(page)
    cover(page).focus()
    page.keyboard.press("ArrowLeft")
    assert "row 32, column 40" in page.locator("section.cnn").inner_text()
    assert bars(page) != before
    page.get_by_role("radio", name="picture 2").click()
    still(page)
    drag(page, [(12, 12), (36 + 12, 36 + 12)])
    row, column = (int(text) for text in _numbers(cover(page).get_attribute("aria-valuetext"))[:2])
    image = network.read(images[1]).clone()
    image[..., row : row + 24, column : column + 24] = 0.5
    found = network.predict(image).probabilities[0].tolist()
    until(page, lambda: agree(page, found, list(network.labels)))
    context.close()
    assert complaints == []


def _numbers(text: str | None) -> list[str]:
    return "".join(each if each.isdigit() else " " for each in text or "").split()
