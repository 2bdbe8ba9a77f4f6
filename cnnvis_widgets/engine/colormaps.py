"""Colors for fields: perceptually even maps, the same ones the front-ends draw with.

Nine stops each, equal steps in OKLab. `tide` is for magnitudes, `polar` for signed values, always symmetric about 0.
"""

from __future__ import annotations

import numpy as np

STOPS: dict[str, tuple[str, ...]] = {
    "tide": ("#0a0d23", "#182153", "#21407d", "#006699", "#008aa5", "#0fafae", "#68cfa8", "#bbe7a4", "#fcfacc"),
    "polar": ("#004d74", "#0178b1", "#35a7e0", "#8bd5f1", "#f1f4f5", "#eec08f", "#dc844f", "#b25026", "#782c07"),
    "viridis": ("#440154", "#472c7a", "#3b518b", "#2c718e", "#21908d", "#27ad81", "#5cc863", "#aadc32", "#fde725"),
    "gray": ("#0b0b0b", "#272727", "#424242", "#5e5e5e", "#7b7b7b", "#9a9a9a", "#bababa", "#dbdbdb", "#fdfdfd"),
}


def table(name: str) -> np.ndarray:
    """256 colors of a map, uint8 (256, 3).

    Raises
    ------
    ValueError
        If there is no map of that name.
    """
    if name not in STOPS:
        msg = f"There is no color map {name!r}: choose one of {', '.join(STOPS)}."
        raise ValueError(msg)
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in STOPS[name]], dtype=np.float64)
    place = np.linspace(0, len(stops) - 1, 256)
    return (
        np.stack([np.interp(place, np.arange(len(stops)), stops[:, c]) for c in range(3)], 1).round().astype(np.uint8)
    )


def colorize(values: np.ndarray, low: float, high: float, name: str) -> np.ndarray:
    """Values of any shape as colors, uint8 (..., 3); what is not a number becomes mid gray."""
    span = high - low if high > low else 1.0
    finite = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    index = ((finite - low) / span * 255).round().clip(0, 255).astype(np.uint8)
    colors = table(name)[index]
    colors[~np.isfinite(values)] = 128
    return colors
