"""Dragging a cover: from a move of the pointer until the bars are repainted, beside an echo and one forward pass.

In a real JupyterLab in Chromium with no GPU; squeezenet1_1 with random weights.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from _timing import Limit, told
from front_end import ECHO, ECHOES

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))

if TYPE_CHECKING:
    from lab import Lab

#: A move may cost so many forward passes of one picture, over an echo.
FORWARDS = 1.3

SLIDER = """
import time, statistics, torch, cnnvis_widgets as cw
from skimage.data import chelsea
torch.manual_seed(0)
network = cw.load("squeezenet1_1", None)
slider = cw.OcclusionSlider(network, chelsea(), stride=STRIDE)
slider
"""
FORWARD = """
taken = []
picture = slider._inputs[0]
with torch.inference_mode():
    for turn in range(40):
        started = time.perf_counter()
        network.model(picture)
        taken.append(1000 * (time.perf_counter() - started))
"""
#: Moves of a pointer that is down all the while; or, `again`, of one that takes hold anew each time, while the map goes on.
MOVES = """async ([count, again]) => {
    const photo = document.querySelector("section.cnn .cnn-cover-photo");
    const area = photo.getBoundingClientRect();
    const point = (type, x, y) => photo.dispatchEvent(new PointerEvent(type, {
        bubbles: true, composed: true, cancelable: true, pointerId: 1, pointerType: "mouse", button: 0, buttons: 1,
        clientX: area.left + x * area.width, clientY: area.top + y * area.height,
    }));
    photo.setPointerCapture = () => {};
    const answered = (since) => performance.getEntriesByName("cnn-paint-cover")
        .some((mark) => mark.startTime >= since && mark.detail.source === "answer");
    const pause = (time) => new Promise((done) => setTimeout(done, time));
    const taken = [];
    let [x, y] = [0.5, 0.5];
    if (!again) point("pointerdown", x, y);
    await pause(500);
    for (let turn = 0; turn < count; turn++) {
        [x, y] = [0.15 + 0.7 * ((turn * 0.618) % 1), 0.15 + 0.7 * ((turn * 0.383) % 1)];
        const started = performance.now();
        point(again ? "pointerdown" : "pointermove", x, y);
        while (!answered(started)) {
            if (performance.now() - started > 20000) throw new Error(`no answer to move ${turn}`);
            await new Promise(requestAnimationFrame);
        }
        taken.push(performance.now() - started);
        if (again) point("pointerup", x, y);
        await pause(again ? 250 : 50);
    }
    if (!again) point("pointerup", x, y);
    return taken;
}"""


def dragging(lab: Lab, name: str, *, stride: int, again: bool) -> None:
    """From a move to the repainted bars, beside an echo in the same browser and a forward pass in the same kernel."""
    notebook = lab.open([ECHO, SLIDER.replace("STRIDE", str(stride))])
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.locator("section.cnn .cnn-sweep-map").wait_for()
    notebook.run_python("slider.cancel(); slider.wait()")
    notebook.run_python(FORWARD)
    forward = notebook.evaluate_python("statistics.median(taken)")
    page.evaluate(ECHOES)
    echo = statistics.median(page.evaluate(ECHOES))
    before = notebook.evaluate_python("slider.maps[0]['done']")
    if again:
        notebook.run_python("slider.target = slider.target - 1")  # asks for the map again
    moves = page.evaluate(MOVES, [40, again])
    share = notebook.evaluate_python("slider.maps[0]['done']")
    print(name)
    if again:
        told("the map while these moves were made", 100 * before, None, "%")
        told("and after them", 100 * share, None, "%")
    told("a move until the bars are repainted, median of 40", statistics.median(moves), None, "ms")
    told("the slowest of ten", sorted(moves)[-4], None, "ms")
    told("an echo's round trip in the same browser, median", echo, None, "ms")
    told("one forward pass in the same kernel, median", forward, None, "ms")
    told(
        f"a move, over an echo and {FORWARDS:g} forward passes",
        statistics.median(moves) / (echo + FORWARDS * forward),
        Limit(1.0),
    )
    notebook.close()
    lab.opened.remove(notebook)


def main() -> None:
    """Print the report."""
    from lab import Lab, Server, launch
    from playwright.sync_api import sync_playwright

    with Server() as server, sync_playwright() as playwright:
        lab = Lab(server, launch(playwright))
        dragging(lab, "The pointer is down, the map waits", stride=16, again=False)
        dragging(lab, "The pointer takes hold again and again while the map fills", stride=1, again=True)
        lab.close()


if __name__ == "__main__":
    main()
