"""The layer explorer in a real JupyterLab."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lab import still
from PIL import Image

if TYPE_CHECKING:
    from lab import Lab, Notebook

SETUP = """
import cnnvis_widgets as cw
network = cw.demo()
images = [scene.image for scene in cw.scenes(3, seed=7)]
"""
EXPLORER = "explorer = cw.LayerExplorer(network, images, layer='residual2')\nexplorer"


@pytest.fixture
def notebook(lab: Lab) -> Notebook:
    return lab.run([SETUP, EXPLORER])


def pixels(locator: Any) -> np.ndarray:
    """What is on the screen there."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def unit(layer: str, channel: int) -> re.Pattern[str]:
    """A unit's address in a heading, whose two halves are elements of their own."""
    return re.compile(rf"{layer} ?:{channel}$")


def figure(notebook: Notebook) -> Any:
    return notebook.page.get_by_role("img", name="Activation of")


def test_a_click_on_a_tile_chooses_the_unit_in_python_and_paints_it_large(notebook: Notebook) -> None:
    before = pixels(figure(notebook))
    notebook.page.get_by_role("gridcell", name="residual2:31,").click()
    notebook.settle()
    assert notebook.evaluate_python("explorer.channel") == 31
    assert notebook.page.get_by_role("heading", name=unit("residual2", 31)).is_visible()
    assert np.abs(pixels(figure(notebook)) - before).mean() > 3


def test_a_click_on_a_layer_shows_its_maps(notebook: Notebook) -> None:
    notebook.page.get_by_role("option", name="residual1,").click()
    notebook.settle()
    assert notebook.evaluate_python("explorer.layer") == "residual1"
    assert notebook.page.get_by_text("32 maps of 24").is_visible()
    assert notebook.page.get_by_role("gridcell", name="residual1:").count() == 32


def test_python_moves_the_widget(notebook: Notebook) -> None:
    notebook.run_python("explorer.layer = 'separable1'; explorer.channel = 5; explorer.image = 1")
    notebook.settle()
    assert notebook.page.get_by_role("heading", name=unit("separable1", 5)).is_visible()
    assert notebook.page.get_by_role("radio", name="picture 2").get_attribute("aria-checked") == "true"


def test_the_value_under_the_pointer_is_the_true_one(notebook: Notebook) -> None:
    notebook.page.get_by_role("gridcell", name="residual2:31,").click()
    notebook.settle()
    box = figure(notebook).bounding_box()
    assert box is not None
    row, column = 7, 4
    position = {"x": box["width"] * (column + 0.5) / 12, "y": box["height"] * (row + 0.5) / 12}
    figure(notebook).hover(position=position)
    true = notebook.evaluate_python(
        f"float(cw.activation_maps(network, images[0], 'residual2').values[0, 31, {row}, {column}])"
    )
    side = notebook.page.get_by_role("complementary", name="Chosen unit")
    shown = f"{true:.3g}" if true else "0"
    side.get_by_text(f"@{row},{column}").wait_for()
    assert shown in side.inner_text()


def test_the_keyboard_does_everything(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("gridcell", selected=True).focus()
    first = notebook.evaluate_python("explorer.channel")
    page.keyboard.press("ArrowRight")
    notebook.settle()
    second = notebook.evaluate_python("explorer.channel")
    assert second != first
    page.keyboard.press("ArrowLeft")
    notebook.settle()
    assert notebook.evaluate_python("explorer.channel") == first
    page.keyboard.press("o")
    notebook.settle()
    assert notebook.evaluate_python("explorer.layer") == "separable2"
    page.keyboard.press("u")
    page.keyboard.press("u")
    notebook.settle()
    assert notebook.evaluate_python("explorer.layer") == "separable1"
    page.keyboard.press("i")
    notebook.settle()
    assert notebook.evaluate_python("explorer.image") == 1
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog", name="Keys").is_visible()
    before = pixels(figure(notebook))
    page.keyboard.press("z")
    still(page)
    assert np.abs(pixels(figure(notebook)) - before).mean() > 3


def test_keys_used_here_do_not_reach_jupyterlab(notebook: Notebook) -> None:
    """In JupyterLab's command mode, x cuts the cell, i i interrupts, and 0 0 restarts the kernel."""
    notebook.page.get_by_role("gridcell", selected=True).focus()
    for key in "iiuoz":
        notebook.page.keyboard.press(key)
    notebook.settle()
    assert notebook.cells.count() == 2
    assert notebook.evaluate_python("1 + 1") == 2
    assert notebook.page.locator(".jp-Dialog").count() == 0


def test_a_picture_can_be_uploaded_dropped_and_pasted(notebook: Notebook) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), (200, 30, 30), np.uint8)).save(file, "PNG")
    page = notebook.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Drop pictures here or browse").click()
    chooser.value.set_files({"name": "red.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.get_by_role("radio", name="red.png").wait_for()
    notebook.settle()
    assert notebook.evaluate_python("[len(explorer.pictures), explorer.image, explorer.status]") == [4, 3, "ready"]
    transfer = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], kind + ".png", { type: "image/png" }));
        const widget = document.querySelector("section.cnn");
        const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        widget.dispatchEvent(event);
    }"""
    for count, kind in ((5, "drop"), (6, "paste")):
        page.evaluate(transfer, [kind, list(file.getvalue())])
        page.get_by_role("radio", name=f"{kind}.png").wait_for()
        notebook.settle()
        assert notebook.evaluate_python("len(explorer.pictures)") == count


def test_a_broken_picture_is_said_and_the_widget_lives_on(notebook: Notebook) -> None:
    page = notebook.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Drop pictures here or browse").click()
    chooser.value.set_files({"name": "bad.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    page.get_by_role("alert").wait_for()
    assert "no picture in a known format" in page.get_by_role("alert").inner_text()
    page.get_by_role("option", name="residual1,").click()
    page.get_by_role("gridcell", name="residual1:").first.wait_for()
    notebook.settle()
    assert notebook.evaluate_python("explorer.status") == "ready"


def test_two_views_of_one_widget_both_live(lab: Lab) -> None:
    notebook = lab.run([SETUP, EXPLORER, "explorer"])
    first, second = notebook.output(1), notebook.output(2)
    first.get_by_role("gridcell", name="residual2:31,").click()
    notebook.settle()
    for view in (first, second):
        assert view.get_by_role("heading", name=unit("residual2", 31)).is_visible()
    notebook.page.evaluate("() => document.querySelectorAll('section.cnn')[0].remove()")
    second.get_by_role("option", name="residual1,").click()
    notebook.settle()
    assert second.get_by_text("32 maps of 24").is_visible()


def test_it_follows_the_theme_while_it_is_shown(notebook: Notebook) -> None:
    widget = notebook.page.locator("section.cnn")
    light = pixels(widget).mean()
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    notebook.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    notebook.page.wait_for_timeout(500)  # JupyterLab's style sheets come by and by
    assert light > 170
    assert pixels(widget).mean() < 90


@pytest.mark.parametrize("width", [1300, 900, 560])
def test_nothing_overflows_at_any_width(lab: Lab, width: int) -> None:
    notebook = lab.run([SETUP, EXPLORER], width=width)
    overflow = notebook.page.evaluate(
        """() => { const widget = document.querySelector("section.cnn");
            return widget.scrollWidth - widget.clientWidth; }"""
    )
    assert overflow <= 0


def test_the_poster_is_hidden_while_the_widget_lives_and_stays_without_it(lab: Lab) -> None:
    notebook = lab.run([SETUP, EXPLORER])
    poster = notebook.output(1).locator("img[src^='data:image/png']")
    poster.first.wait_for(state="hidden")
    saved = notebook.save()
    notebook.page.wait_for_timeout(1000)
    import nbformat

    outputs = nbformat.read(saved, as_version=4).cells[1].outputs
    assert "image/png" in outputs[0]["data"]


def test_a_dead_kernel_is_said_and_looking_goes_on(notebook: Notebook) -> None:
    notebook.kill_kernel()
    page = notebook.page
    page.get_by_role("option", name="residual1,").click()
    page.locator("section.cnn[data-state=offline]").wait_for(timeout=15_000)
    assert "kernel" in page.get_by_role("status").last.inner_text()
    page.get_by_role("gridcell", name="residual2:31,").click()
    notebook.errors.clear()  # JupyterLab itself complains about the kernel
