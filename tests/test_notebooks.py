"""The notebooks say what is true: each is run from top to bottom, and what its text promises is looked for in its outputs."""

from __future__ import annotations

import os
import re

import nbformat
from commands import REPOSITORY
from nbclient import NotebookClient

NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
IN_THE_BROWSER = {"00_tour.ipynb"}  # tests/browser/test_tour.py


def ran(name, folder, monkeypatch):
    """All text that the notebook prints, run in another folder."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(REPOSITORY / "notebooks" / name, as_version=4)
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def numbers(pattern, text):
    found = re.findall(pattern, text)
    assert found, pattern
    return [float(each) for each in found]


def test_the_road_of_attribution_methods(tmp_path, monkeypatch):
    text = ran("attribution.ipynb", tmp_path, monkeypatch)
    assert "11 ReLUs intercepted" in text
    (alike,) = numbers(r"maps for fox and for sailboat: ([\d.]+)", text)
    assert alike > 0.8  # "the two maps are much alike"
    assert all(each < 1e-4 for each in numbers(r"largest difference: ([\d.e-]+)", text))  # "both agree", "they are"
    whole, off = (numbers(pattern, text)[0] for pattern in (r"sum of the map ([\d.]+)", r"too much or too little: (-?[\d.]+)"))
    assert abs(off) < 0.02 * abs(whole)


def test_the_husky_and_the_wolf(tmp_path, monkeypatch):
    text = ran("husky_or_wolf.ipynb", tmp_path, monkeypatch)
    rows = dict(re.findall(r"(?m)^((?:fox|cat|house) +\w+) .*?([\d.-]+)$", text))
    assert len(rows) == 9
    for row, size in rows.items():
        assert float(size) > 1.5 if not row.startswith("house") else float(size) < 1, (row, size)
    exchanged = re.findall(r"biased network (\d+)%, fair network (\d+)%", text)
    assert int(exchanged[-1][0]) < 50
    assert int(exchanged[-1][1]) > 95
    assert re.search(r"the same fox in snow +\[\('fox'", text)
    assert re.search(r"the same fox in a meadow +\[\('cat'", text)


def test_which_explanation_to_trust(tmp_path, monkeypatch):
    text = ran("which_explanation_to_trust.ipynb", tmp_path, monkeypatch)
    assert "12 of 12 scenes" in text
    areas = numbers(r"([\d.]+)\)", re.search(r"Curves\(Weights drawn anew.*", text).group())
    assert areas[-1] == 1  # the edge detector does not change
    assert re.search(r"Random weights +best: Grad-CAM", text)


def test_every_notebook_is_run_by_a_test_and_keeps_its_outputs():
    tested = {"attribution.ipynb", "husky_or_wolf.ipynb", "which_explanation_to_trust.ipynb"} | IN_THE_BROWSER
    assert set(NOTEBOOKS) == tested
    for name in NOTEBOOKS:
        cells = nbformat.read(REPOSITORY / "notebooks" / name, as_version=4).cells
        assert all(cell.execution_count for cell in cells if cell.cell_type == "code"), name
        assert not [cell for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
