"""The curves of the laboratory as a live figure of bqplot, which is optional."""

from __future__ import annotations

from typing import Any

import numpy as np

_STYLES = {"A": "solid", "B": "dashed"}


def figure(lab: Any) -> Any:
    """A `bqplot.Figure` of a `FeatureLab`: responses on the left axis, distances on the right one; A solid, B dashed.

    Raises
    ------
    ImportError
        If bqplot is not installed.
    """
    try:
        import bqplot
    except ImportError as error:
        msg = "bqplot_curves() needs bqplot, which is not installed: pip install bqplot (or 'cnnvis-widgets[lab]')."
        raise ImportError(msg) from error

    steps = bqplot.LinearScale(min=0)
    scales = {"responses": bqplot.LinearScale(), "distances": bqplot.LinearScale()}
    colors = {"responses": "#1f1f1f", "distances": "#1976d2"}
    lines = {
        (side, name): bqplot.Lines(
            x=[],
            y=[],
            scales={"x": steps, "y": scales[name]},
            colors=[colors[name]],
            line_style=_STYLES[side],
            labels=[f"{side}, {name[:-1]}"],
            display_legend=True,
        )
        for name in scales
        for side in _STYLES
    }
    # Until bqplot 0.12 an axis has an orientation; later its side says it all.
    upright = {"orientation": "vertical"} if "orientation" in bqplot.Axis.class_trait_names() else {}
    axes = [
        bqplot.Axis(scale=steps, label="step"),
        bqplot.Axis(scale=scales["responses"], side="left", label="response", **upright),
        bqplot.Axis(scale=scales["distances"], side="right", label="distance", grid_lines="none", **upright),
    ]
    drawn = bqplot.Figure(marks=list(lines.values()), axes=axes, title=str(lab.run_a.get("unit", "")))

    def follow(_change: Any = None) -> None:
        for (side, name), line in lines.items():
            x, y = measured(lab.run_a if side == "A" else lab.run_b, name)
            with line.hold_sync():
                line.x, line.y = x, y
        drawn.title = str((lab.run_a or lab.run_b).get("unit", ""))

    lab.observe(follow, names=["run_a", "run_b"])
    follow()
    return drawn


def measured(run: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which something was measured, and what: both (K,)."""
    if not run:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    steps, values = np.frombuffer(run["steps"], np.int32), np.frombuffer(run[name], np.float32)
    there = np.isfinite(values)
    return steps[there], values[there]
