"""What a person waits for: importing, drawing, and a click until the picture has changed.

The last two in a real JupyterLab in Chromium with no GPU; squeezenet1_1 with random weights.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _timing import Limit, told

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))

if TYPE_CHECKING:
    from lab import Lab

ECHO = """
import anywidget, traitlets
class Echo(anywidget.AnyWidget):
    _esm = '''export default { render({ model }) { window.echo = model; } };'''
    ping, pong = traitlets.Int().tag(sync=True), traitlets.Int().tag(sync=True)
    @traitlets.observe("ping")
    def _answer(self, change): self.pong = change.new
echo = Echo()
echo
"""
NETWORK = """
import time, statistics, torch, cnnvis_widgets as cw
from skimage.data import chelsea
torch.manual_seed(0)
network = cw.load("squeezenet1_1", None)
viewer = cw.GradCAMViewer(network, chelsea())
viewer
"""
MANY = """
wide = torch.nn.Sequential(torch.nn.Conv2d(3, 512, 8, stride=8), torch.nn.ReLU())
explorer = cw.LayerExplorer(cw.Network(wide, cw.Preprocess(size=(224, 224))), chelsea(), layer="1")
explorer
"""
GRAD_CAM = """
taken = []
for target in range(30):
    started = time.perf_counter()
    cw.grad_cam(network, viewer._inputs[0], target)
    taken.append(1000 * (time.perf_counter() - started))
"""
ECHOES = """async () => {
    const taken = [];
    for (let turn = 1; turn <= 40; turn++) {
        const started = performance.now();
        await new Promise((done) => {
            const heard = () => { echo.off("change:pong", heard); requestAnimationFrame(done); };
            echo.on("change:pong", heard);
            echo.set("ping", turn);
            echo.save_changes();
        });
        taken.push(performance.now() - started);
    }
    return taken;
}"""
CLICKS = """async () => {
    const names = [...document.querySelectorAll("section.cnn button[aria-label^='Show '][aria-label$=' as A']")]
        .map((button) => button.getAttribute("aria-label"));
    const taken = [];
    for (const name of names.slice(1, 31)) {
        const button = document.querySelector(`section.cnn button[aria-label="${CSS.escape(name)}"]`);
        if (!button) continue;
        const started = performance.now();
        button.click();
        await new Promise((done) => {
            const look = () => {
                const mark = performance.getEntriesByName("cnn-paint-cam").at(-1);
                if (mark && mark.startTime >= started) requestAnimationFrame(done);
                else setTimeout(look, 0);
            };
            look();
        });
        taken.push(performance.now() - started);
        await new Promise((done) => setTimeout(done, 100));
    }
    return taken;
}"""


def importing() -> None:
    """Time of `import cnnvis_widgets` in a new process, over that of an empty one."""
    taken: dict[str, list[float]] = {"pass": [], "import cnnvis_widgets": []}
    for _ in range(7):
        for code, times in taken.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)
            times.append(time.perf_counter() - started)
    empty, full = (statistics.median(times) for times in taken.values())
    told("import cnnvis_widgets, over an empty Python", full - empty, Limit(0.3), "s")


def bundles() -> None:
    """Size of each front-end."""
    for file in sorted((REPOSITORY / "cnnvis_widgets" / "static").glob("*.js")):
        told(f"{file.name}", file.stat().st_size / 1000, Limit(60), "kB")


def drawing(lab: Lab) -> None:
    """Time to paint 512 maps."""
    notebook = lab.run([NETWORK.rsplit("\n", 2)[0], MANY])
    taken = []
    for turn in range(10):
        notebook.page.get_by_role("combobox", name="Color map").select_option(("viridis", "tide")[turn % 2])
        notebook.page.wait_for_timeout(200)
        (mark,) = notebook.page.evaluate("() => performance.getEntriesByName('cnn-paint-maps').map((e) => e.toJSON())")
        taken.append(mark["duration"])
    told("512 maps of 28 × 28 painted, median", statistics.median(taken), Limit(50), "ms")
    notebook.close()
    lab.opened.remove(notebook)


def clicking(lab: Lab) -> None:
    """From a click on a class to the repainted map, beside an echo in the same browser."""
    notebook = lab.run([ECHO, NETWORK])
    notebook.page.evaluate(ECHOES)
    clicks = statistics.median(notebook.page.evaluate(CLICKS))
    echo = statistics.median(notebook.page.evaluate(ECHOES))
    notebook.run_python(GRAD_CAM)
    grad_cam = notebook.evaluate_python("statistics.median(taken)")
    told("a click on a class until the map is repainted, median", clicks, None, "ms")
    told("an echo's round trip in the same browser, median", echo, None, "ms")
    told("grad_cam itself in the same kernel, median", grad_cam, None, "ms")
    told("the click, over the echo and grad_cam", clicks - echo - grad_cam, Limit(30), "ms")


def main() -> None:
    """Print the report."""
    from lab import Lab, Server, launch
    from playwright.sync_api import sync_playwright

    importing()
    bundles()
    with Server() as server, sync_playwright() as playwright:
        lab = Lab(server, launch(playwright))
        drawing(lab)
        clicking(lab)
        lab.close()


if __name__ == "__main__":
    main()
