"""Colors for fields: the same in Python and in the front-ends, even to the eye, symmetric where values are signed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cnnvis_widgets.engine.colormaps import STOPS, colorize, table

TOKENS = Path(__file__).parents[2] / "js" / "src" / "kit" / "tokens.css"


def lightness(colors: np.ndarray) -> np.ndarray:
    """OKLab lightness of sRGB colors (Ottosson 2020)."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array([[0.4122, 0.2119, 0.0883], [0.5363, 0.6807, 0.2817], [0.0514, 0.1074, 0.6300]])
    return np.cbrt(cones) @ np.array([0.2105, 0.7936, -0.0041])


@pytest.mark.parametrize("name", STOPS)
def test_python_draws_with_the_colors_of_the_front_end(name: str) -> None:
    (stops,) = re.findall(rf"--cnn-map-{name}: ([^;]*);", TOKENS.read_text())
    assert tuple(stops.split(", ")) == STOPS[name]


@pytest.mark.parametrize("name", ["tide", "viridis", "gray"])
def test_maps_for_magnitudes_grow_steadily_lighter(name: str) -> None:
    assert (np.diff(lightness(table(name)[::8] / 255)) > 0).all()


def test_the_map_for_signed_values_is_lightest_at_zero_and_falls_to_both_sides() -> None:
    light = lightness(table("polar")[::8] / 255)
    assert light.argmax() in (len(light) // 2 - 1, len(light) // 2)
    assert abs(light[0] - light[-1]) < 0.12


def test_values_find_their_colors() -> None:
    colors = colorize(np.array([0.0, 0.5, 1.0, 2.0, -1.0]), 0, 1, "gray")
    assert colors[0].tolist() == [11, 11, 11]
    assert colors[2].tolist() == colors[3].tolist() == [253, 253, 253]
    assert colors[4].tolist() == colors[0].tolist()
    assert 115 < colors[1][0] < 131


def test_what_is_no_number_is_gray() -> None:
    assert colorize(np.array([np.nan, np.inf]), 0, 1, "tide").tolist() == [[128] * 3] * 2


def test_a_map_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="no color map 'jet': choose one of tide"):
        table("jet")
