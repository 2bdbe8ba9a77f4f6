"""The filter gallery: how soon a wall sharpens, how smoothly thousands of cells scroll, how soon it is there again.

In a real JupyterLab in Chromium with no GPU. The wall that is scrolled has 2,000 finished pictures on the disk.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _timing import Limit, told

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))

if TYPE_CHECKING:
    from lab import Lab

NETWORK = """
import torch, cnnvis_widgets as cw
network = cw.demo()
network.layers  # read once
torch.manual_seed(0)
wide = torch.nn.Sequential(torch.nn.Conv2d(3, 2000, 8, stride=8), torch.nn.ReLU())
many = cw.Network(wide, cw.Preprocess(size=(96, 96)))
warm = cw.FilterGallery(network, "stem", steps=1, seed=99)
warm.wait()
"""
GALLERY = "gallery = cw.FilterGallery(network, 'residual2')\ngallery"
MANY = "gallery = cw.FilterGallery(many, '0', steps=1, whole=True)\ngallery.wait(None)"
SHOWN = "gallery = cw.FilterGallery(many, '0', steps=1)\ngallery"
#: How many cells make a page.
PAGE = 24
#: So often it is opened again from the disk.
MORE = 6
#: Run the cell in which the cursor is; milliseconds until so many cells have a picture that has been climbed at least a step.
SHARPENING = """async ([cell, wanted]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = cell;
    const started = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    const there = () => [...document.querySelectorAll(`.jp-Cell:nth-child(n + ${cell + 1}) .fg-wall [role=gridcell]`)]
        .filter((tile) => tile.firstElementChild.width > 1 && /step [1-9]|answers|silent/.test(tile.ariaLabel)).length;
    while (there() < wanted) {
        if (performance.now() - started > 60000) throw new Error(`only ${there()} cells`);
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - started;
}"""
#: Scroll through the whole wall at a steady pace, and note when each frame was shown; how many tiles were blank when it ended.
SCROLLING = """async (seconds) => {
    const wall = document.querySelector(".fg-wall .cnn-tiles");
    const [from, to] = [0, wall.scrollHeight - wall.clientHeight];
    const frames = [];
    const begun = performance.now();
    await new Promise((done) => {
        const next = (now) => {
            frames.push(now);
            const share = (performance.now() - begun) / (1000 * seconds);
            wall.scrollTop = from + share * (to - from);
            if (share < 1) requestAnimationFrame(next);
            else done();
        };
        requestAnimationFrame(next);
    });
    return frames.slice(1).map((at, k) => at - frames[k]);
}"""


def opening(lab: Lab) -> None:
    """From running the cell to a page of sharpening pictures; and the same from the disk."""
    notebook = lab.open([NETWORK, GALLERY, *(GALLERY.replace("gallery", f"again{k}") for k in range(MORE))])
    run = "() => { window.jupyterapp.commands.execute('notebook:run-cell'); }"
    notebook.page.evaluate(run)
    notebook.settle()
    notebook.evaluate_python("warm.status", timeout=120)
    first = notebook.page.evaluate(SHARPENING, [1, PAGE])
    notebook.settle()
    again = []
    for k in range(MORE):
        again.append(notebook.page.evaluate(SHARPENING, [2 + k, PAGE]))
        notebook.settle()
    print("Opening a gallery of the demo network")
    told(f"until {PAGE} cells in view sharpen", first / 1000, Limit(2.0), "s")
    told(f"the same pictures from the disk, until {PAGE} are painted", again[0] / 1000, Limit(1.0), "s")
    told(f"the same, with {MORE} other galleries in the notebook", again[-1] / 1000, Limit(1.0), "s")
    notebook.close()
    lab.opened.remove(notebook)


def scrolling(lab: Lab) -> None:
    """Frames a second while 2,000 finished cells pass by."""
    notebook = lab.run([NETWORK, MANY, SHOWN])
    notebook.page.evaluate(SCROLLING, 2)
    notebook.settle()
    lasted = notebook.page.evaluate(SCROLLING, 8)
    print("Scrolling a wall of 2,000 cells from top to bottom in 8 s")
    told("frames a second, mean", 1000 * len(lasted) / sum(lasted), Limit(30, at_most=False), "")
    told("a frame, median", statistics.median(lasted), None, "ms")
    told("the slowest of twenty", sorted(lasted)[-len(lasted) // 20], Limit(1000 / 30), "ms")
    told("tiles in the page", notebook.page.get_by_role("gridcell").count(), None, "")
    notebook.close()
    lab.opened.remove(notebook)


def main() -> None:
    """Print the report."""
    from lab import Lab, Server, launch
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as cache,
        Server({"CNNVIS_CACHE": cache}) as server,
        sync_playwright() as playwright,
    ):
        lab = Lab(server, launch(playwright))
        opening(lab)
        scrolling(lab)
        lab.close()


if __name__ == "__main__":
    main()
