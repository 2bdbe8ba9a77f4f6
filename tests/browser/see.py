"""Look at a notebook, or at a few cells, in a real JupyterLab: ``python tests/browser/see.py NOTEBOOK --out DIR``.

Writes one picture for each cell that shows something, one of the whole notebook, and the browser's console.
Ends with status 1 when a cell failed, the browser complained, or a page asked for something outside this machine.

    python tests/browser/see.py notebooks/00_tour.ipynb --theme both --out pictures
    python tests/browser/see.py --cell "import cnnvis_widgets as cv" --cell "cv.LayerExplorer(...)" --out pictures
    python tests/browser/see.py look.py --do "click button[aria-label=Next]" --do "press ArrowRight" --out pictures
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab import REPOSITORY, Lab, Server, Theme, launch, notebook_of
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab import Cells, Notebook


FAILURES = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="notebooks, or Python files (cells at # %%%%)"
    )
    parser.add_argument("--cell", action="append", default=[], metavar="CODE", help="a cell to run; may be repeated")
    parser.add_argument("--theme", choices=("light", "dark", "both"), default="light")
    parser.add_argument("--width", type=int, default=1100, help="of the browser's window, in pixels (default 1100)")
    parser.add_argument("--scale", type=float, default=1, help="device pixels for one CSS pixel (default 1)")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures (default pictures)")
    parser.add_argument(
        "--do",
        action="append",
        default=[],
        metavar="STEP",
        dest="steps",
        help="after the run: 'click SELECTOR', 'hover SELECTOR', 'focus SELECTOR', 'press KEY', 'type TEXT', 'wait MS' "
        "or 'python EXPRESSION' (printed); may be repeated",
    )
    parser.add_argument(
        "--data",
        nargs="?",
        type=Path,
        const=REPOSITORY.parent / "shared" / "data",
        metavar="DIR",
        help="set CNNVIS_DATA in the kernel (default: shared/data beside the repository)",
    )
    parser.add_argument("--timeout", type=float, default=600, help="seconds that the cells may take (default 600)")
    chosen = parser.parse_args()
    if not chosen.files and not chosen.cell:
        parser.error("name a notebook or a Python file, or give --cell")
    return chosen


def subjects(chosen: argparse.Namespace) -> Iterator[tuple[str, Cells, Path]]:
    """What there is to look at: a name, its cells and the folder beside it."""
    for file in chosen.files:
        yield file.stem, notebook_of(file), file.resolve().parent
    if chosen.cell:
        yield "cells", chosen.cell, Path.cwd()


def act(notebook: Notebook, step: str) -> None:
    """Carry out one ``--do``."""
    verb, _, rest = step.partition(" ")
    page = notebook.page
    match verb:
        case "click" | "hover" | "focus":
            getattr(page.locator(rest).first, verb)()
        case "press":
            page.keyboard.press(rest)
        case "type":
            page.keyboard.type(rest)
        case "wait":
            page.wait_for_timeout(float(rest))
        case "python":
            print(f"{rest} = {notebook.evaluate_python(rest)!r}")
        case _:
            sys.exit(f"unknown step: {step}")
    notebook.settle()


def picture(notebook: Notebook, folder: Path, name: str) -> None:
    """Save a picture of every output and of the whole notebook."""
    print(notebook.screenshot(folder / f"{name}.png"))
    for number in range(notebook.cells.count()):
        output = notebook.output(number)
        box = output.bounding_box() if output.count() else None
        if box and box["height"] > 1:
            size = f"{box['width']:.0f} × {box['height']:.0f}"
            print(notebook.screenshot(folder / f"{name}_{number + 1}.png", output), size)


def report(notebook: Notebook, folder: Path, name: str) -> bool:
    """Write down what the browser said; whether all is well."""
    failed = notebook.page.locator(", ".join(f'.jp-Notebook [data-mime-type="{kind}"]' for kind in FAILURES))
    tracebacks = [f"cell output: {text}" for text in failed.all_inner_texts()]
    troubles = [*tracebacks, *notebook.errors, *(f"asked for {address}" for address in notebook.left)]
    file = folder / f"{name}_console.txt"
    file.write_text("\n".join([*notebook.console, "", "TROUBLES:", *(troubles or ["none"])]) + "\n")
    print(file)
    for trouble in troubles:
        print("  TROUBLE", trouble)
    return not troubles


def main() -> int:
    """Run, look, write."""
    chosen = arguments()
    themes: tuple[Theme, ...] = ("light", "dark") if chosen.theme == "both" else (chosen.theme,)
    environment = {"CNNVIS_DATA": str(chosen.data.resolve())} if chosen.data else {}
    well = True
    with Server(environment) as server, sync_playwright() as playwright:
        lab = Lab(server, launch(playwright))
        for name, cells, beside in subjects(chosen):
            for file in beside.iterdir() if name != "cells" else ():
                link = server.root / file.name
                if file.suffix != ".ipynb" and not link.exists():
                    link.symlink_to(file)
            for theme in themes:
                label = f"{name}_{theme}" if chosen.width == 1100 else f"{name}_{theme}_{chosen.width}"
                notebook = lab.run(
                    cells, theme=theme, width=chosen.width, timeout=chosen.timeout, device_scale_factor=chosen.scale
                )
                for step in chosen.steps:
                    act(notebook, step)
                picture(notebook, chosen.out, label)
                well &= report(notebook, chosen.out, label)
                lab.close()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
