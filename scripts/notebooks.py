"""Run the notebooks and keep what a reader without a kernel can see: `make notebooks`.

Widgets leave their still pictures; the widgets themselves are taken out, since nothing answers for them any more.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def run(file: Path) -> None:
    """Run one notebook in its folder, and write it back with its outputs."""
    notebook = nbformat.read(file, as_version=4)
    place = {"metadata": {"path": str(file.parent)}}
    NotebookClient(notebook, timeout=600, resources=place, coalesce_streams=True).execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    nbformat.write(notebook, file)


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        sys.stdout.write(f"{path.name}\n")
        run(path)
