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
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=500, resources=place, coalesce_streams=True).execute()  # a line may come in pieces
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
    whole, off = (
        numbers(pattern, text)[0] for pattern in (r"sum of the map ([\d.]+)", r"too much or too little: (-?[\d.]+)")
    )
    assert abs(off) < 0.02 * abs(whole)


def test_the_husky_and_the_wolf(tmp_path, monkeypatch):
    text = ran("husky_or_wolf.ipynb", tmp_path, monkeypatch)
    rows = dict(re.findall(r"(?m)^((?:fox|cat|house) +\w+) .*?([\d.-]+)$", text))
    assert len(rows) == 11
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


def test_what_the_network_needs_to_see(tmp_path, monkeypatch):
    text = ran("occlusion.ipynb", tmp_path, monkeypatch)
    for claims in (
        of_the_map,
        of_the_fill,
        of_the_digit,
        of_sizes,
        of_units_and_things,
        of_incremental,
        of_approximate,
    ):
        claims(text)


def of_the_map(text):
    assert re.search(r"as it is +fox 0\.95", text)
    assert re.search(r"covered +fox 0\.75", text)
    first, *_, last = numbers(r"(\d+) of 100  ", text)
    assert first <= 16  # "first of few places"
    assert last == 100
    assert numbers(r"surer when covered at (\d+)", text)[0] > 0
    score, probability = re.findall(r"(?m)^(?:probability of )?fox +falls by up to .* (at row \d+, column \d+)$", text)
    assert score != probability  # "alike, but not the same"
    assert 0.8 < numbers(r"correlation of the two: ([\d.]+)", text)[0] < 1
    assert numbers(r"lies on the object in (\d+)%", text)[0] >= 90
    assert numbers(r"random point would in (\d+)%", text)[0] < 20


def of_the_fill(text):
    alike = dict(re.findall(r"(?m)^(\w[\w ]*?) +falls by up to .* like gray: ([\d.-]+)", text))
    inside = {name: int(share) for name, share in re.findall(r"(?m)^(\w[\w ]*?) +falls by .* on the fox: (\d+)%", text)}
    assert len(alike) == len(inside) == 6
    assert max(float(alike["black"]), float(alike["noise"])) < min(float(alike["mean"]), float(alike["blur"]))
    assert max(inside, key=inside.get) == "a patch of sky"


def of_the_digit(text):
    assert numbers(r"([\d.]+)% of 497 fresh digits", text)[0] > 90
    assert re.search(r"as it is +9 (0\.9|1\.0)", text)
    assert re.search(r"covered +3 (0\.9|1\.0)", text)
    assert numbers(r"the surest three: row \d, column (\d)", text)[0] <= 3  # "on the left"


def of_sizes(text):
    kept, halved = (
        dict(zip(("most", "eye", "sky"), numbers(rf"(?:costs most|an eye|the sky) .*{each}", text), strict=True))
        for each in (r"24 pixels ([\d.]+)", r"half from (\d+)")
    )
    assert kept["sky"] > 0.9 > kept["eye"] > kept["most"]
    assert halved["sky"] > 80 > halved["eye"] > halved["most"]


def of_units_and_things(text):
    shares = numbers(r"without +\d+ of 160 channels: fox ([\d.]+)", text)
    assert shares[0] > 0.9  # "not one channel alone decides"
    assert shares[-1] < 0.1
    falls = re.findall(r"falls by ([\d.]+) without one, ([\d.]+) without the other, ([\d.]+) without both", text)
    (one, other, both), (first, second, together) = ([float(each) for each in row] for row in falls)
    assert max(one, other) < 0.1
    assert both > 0.9
    assert abs(first - 5) < 1  # "by about 5 without either, and without both by about the sum"
    assert abs(second - 5) < 1
    assert abs(together - first - second) < 0.5
    biased, fair = numbers(r"(?:biased|fair) +network: (\d+)% of the fall", text)
    assert biased > 75
    assert fair < 60


def of_incremental(text):
    by_hand, by_engine = (re.search(pattern, text)[1] for pattern in (r"16 pixels: ([\d,]+) of", r"middle: ([\d,]+) "))
    assert by_hand == by_engine
    shares = numbers(r"(?m)^(?:stem|residual\d|separable\d)\.(?!short).* +\d+% +(\d+)%$", text)
    assert shares == sorted(shares)  # "with every layer it grows, until it fills the map"
    assert shares[-1] == 100
    assert numbers(r"largest difference to whole pictures: ([\d.e-]+)", text)[0] < 1e-4  # "the difference is rounding"
    least, spent = numbers(r"least (\d+) M", text)[0], numbers(r"spent (\d+) M", text)[0]
    assert least <= spent < 1.25 * least  # "a little more than the least"
    fewer = numbers(r"([\d.]+) times fewer", text)
    assert len(fewer) == 6
    assert min(fewer) > 1.5


def of_approximate(text):
    assert min(numbers(r"Correlation with the exact map ([\d.]+)", text)) > 0.99
    sampled, whole = numbers(r"Off by ([\d.]+)%", text), numbers(r"the map is off by ([\d.]+)%", text)
    assert len(sampled) == len(whole) == 2
    assert all(after < before for before, after in zip(sampled, whole, strict=True))


def test_what_filters_look_for(tmp_path, monkeypatch):
    text = ran("filters_and_features.ipynb", tmp_path, monkeypatch)
    responses = numbers(r"step +\d+ +response +([\d.]+)", text)
    assert responses == sorted(responses)
    assert responses[-1] > 5
    rows = re.findall(r"strongest scene +([\d.]+) +painted +([\d.]+)", text)
    assert len(rows) == 4
    for scene, painted in rows:
        assert float(painted) > 2 * float(scene)  # "far above every scene"
    recipes = dict(re.findall(r"(?m)^(plain|total variation|transforms|Fourier|standard) +score of apple +([\d.]+)", text))
    assert float(recipes["plain"]) == max(map(float, recipes.values()))  # "the plain ascent gets a very high score"
    rough = dict(re.findall(r"(?m)^(plain|total variation|standard) .*roughness ([\d.]+)$", text))
    assert float(rough["plain"]) > 1.5 * float(rough["standard"])
    assert float(rough["plain"]) > float(rough["total variation"])
    assert "Recipe(parameterization=Fourier(decay=1.2), regularizers=(TotalVariation(weight=0.2),)" in text
    assert numbers(r"of its own class: at least ([\d.]+)", text)[0] > 0.9
    assert numbers(r"moved and turned: at least ([\d.]+)", text)[0] > 0.9
    errors = numbers(r"channels of \(\d+, \d+\) +error ([\d.]+)", text)
    assert errors == sorted(errors)  # the deeper, the less is left


def test_which_regularization_helps(tmp_path, monkeypatch):
    text = ran("regularization_study.ipynb", tmp_path, monkeypatch)
    rows = re.findall(r"best of 240 scenes +([\d.]+) +plain +([\d.]+) +standard +([\d.]+)", text)
    assert len(rows) == 4
    for real, plain, standard in rows:
        assert float(plain) > float(standard) > float(real)  # "what helps us see always costs response"
    (pixels, features), (noisy_pixels, noisy_features) = re.findall(r"difference of pixels ([\d.]+) .* ([\d.]+)", text)
    assert float(pixels) > float(noisy_pixels)  # "by pixels the moved picture is the farther one"
    assert float(features) < float(noisy_features)
    assert "deep-feature distance (demo)" in text
    improved = dict(re.findall(r"(?m)^(\w[\w .,°]*?) +([+-][\d.]+)%", text))
    assert len(improved) == 9
    assert next(iter(improved)).startswith(("Total variation", "Rotate"))
    assert list(improved)[-1] == "No regularization"  # at its best value every family is better than none
    helps, hurts = numbers(r"recipes: (\d+) help", text)[0], numbers(r"help, (\d+) make it worse", text)[0]
    assert helps > 12
    assert hurts <= 1  # "one misses by chance"


def test_what_a_network_dreams(tmp_path, monkeypatch):
    text = ran("deepdream.ipynb", tmp_path, monkeypatch)
    energies = numbers(r"energy ([\d.]+)", text)
    assert energies == sorted(energies)  # "it climbs"
    assert energies[-1] > 20 * energies[0]
    assert numbers(r"a unit sees (\d+) of 451", text)[0] < 100  # "only a part of the photo at a time"
    once, often = (numbers(rf"{count} octaves? +(\d+)% of the change is coarse", text)[0] for count in ("one", "five"))
    assert often > 1.5 * once
    bands = numbers(r"\d levels: (\d+)% of the change", text)
    assert bands == sorted(bands)  # "few levels give fine pencil strokes, many give shapes"
    assert min(numbers(r"pulled +([\d.]+) times as strongly", text)) > 1.5
    assert numbers(r"the guide changes (\d+) of 255", text)[0] > 10
    assert min(numbers(r"in the end +([\d.]+) times as active", text)) > 1
    assert numbers(r"(\d+) frames of 451 × 300", text)[0] > 60
    believed = re.findall(r"photo [\d.]+ (\w+) +dream [\d.]+ (\w+)", text)
    assert len(believed) == 8
    assert sum(photo != dream for photo, dream in believed) >= 4  # "often it does not say the same any more"


def test_every_notebook_is_run_by_a_test_and_keeps_its_outputs():
    here = {"attribution.ipynb", "husky_or_wolf.ipynb", "occlusion.ipynb", "which_explanation_to_trust.ipynb"}
    here |= {"deepdream.ipynb", "filters_and_features.ipynb", "regularization_study.ipynb"}
    tested = here | IN_THE_BROWSER
    assert set(NOTEBOOKS) == tested
    for name in NOTEBOOKS:
        cells = nbformat.read(REPOSITORY / "notebooks" / name, as_version=4).cells
        assert all(cell.execution_count for cell in cells if cell.cell_type == "code"), name
        assert not [cell for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
