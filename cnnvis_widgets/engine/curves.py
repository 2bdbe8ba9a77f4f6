"""Results that are lines: one value for each step along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .svg import Markup, element, path

_WIDE, _HIGH = 480.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 190.0, 38.0, 44.0
_DASHES = (None, "6 3", "2 3", "9 3 2 3")
_LINE = 14.0  # height of a line of text


@dataclass(frozen=True, eq=False)
class Curves:
    """Values along an axis, one curve for each thing that was asked.

    Attributes
    ----------
    values : ndarray
        float32 (N, points).
    x : ndarray
        float64 (points,), rising.
    names : tuple of str
        What each curve is of.
    title : str
        What they are.
    x_label, y_label : str
        What the axes show, with units.
    x_names : tuple of str
        The points by name, where they are things and not numbers; else empty.
    notes : tuple of str
        Facts about how they were made, for a caption.
    """

    values: np.ndarray
    x: np.ndarray
    names: tuple[str, ...]
    title: str
    x_label: str
    y_label: str
    x_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        areas = ", ".join(f"{area:.3f}" for area in self.auc[:3])
        return f"Curves({self.title}, {len(self)} × {len(self.x)} points, area {areas}{', …' if len(self) > 3 else ''})"

    @property
    def auc(self) -> np.ndarray:
        """The area under each curve by trapezoids, its axis taken as running from 0 to 1: float64 (N,).

        It is the mean height, so that areas of curves with different axes compare.
        """
        values = self.values.astype(np.float64)
        span = float(self.x[-1] - self.x[0]) if len(self.x) > 1 else 0.0
        if span <= 0:
            mean: np.ndarray = values.mean(1)
            return mean
        area: np.ndarray = ((values[:, 1:] + values[:, :-1]) / 2 * np.diff(self.x)).sum(1) / span
        return area

    @classmethod
    def together(cls, *several: Curves) -> Curves:
        """Curves along the same axis in one drawing.

        Raises
        ------
        ValueError
            If there are none, or their axes differ.
        """
        if not several or any(not np.array_equal(each.x, several[0].x) for each in several):
            msg = "Curves that stand together need the same points along the axis: compute them with the same steps."
            raise ValueError(msg)
        first = several[0]
        titles = list(dict.fromkeys(each.title for each in several))
        y_labels = list(dict.fromkeys(each.y_label for each in several))
        names = tuple(name for each in several for name in each.names)
        values = np.concatenate([each.values for each in several])
        notes = tuple(dict.fromkeys(note for each in several for note in each.notes))
        return cls(values, first.x, names, ", ".join(titles), first.x_label, " / ".join(y_labels), first.x_names, notes)

    def _repr_html_(self) -> str:
        low, high = _range(self.values)
        parts = [
            element("title", repr(self)),
            element("text", self.title, x=0, y=12, font_weight="bold"),
            *_y_axis(low, high, self.y_label),
            *_x_axis(self),
            *_lines(self, low, high),
        ]
        style = (
            "font:11px/14px var(--jp-ui-font-family, system-ui, sans-serif);font-variant-numeric:tabular-nums;max-width:100%;"
            "height:auto"
        )
        svg = element(
            "svg",
            *parts,
            viewBox=f"0 0 {_WIDE:g} {_HIGH:g}",
            width=_WIDE,
            height=_HIGH,
            role="img",
            aria_label=repr(self),
            fill="currentColor",
            style=style,
        )
        notes = [element("div", note, style="font-size:11px;opacity:.7") for note in self.notes]
        return element("div", svg, *notes)


def _range(values: np.ndarray) -> tuple[float, float]:
    """What the upright axis shows: 0 to 1 where all values are shares, else the values and 0."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    if low >= -1e-6 and 0 < high <= 1 + 1e-6:
        return 0.0, 1.0
    if low >= -1 - 1e-6 and high <= 1 + 1e-6 and low < 0:
        return (-1.0, 1.0) if low < -0.5 else (-0.5, 1.0)  # correlations
    return (low, high) if high > low else (0.0, 1.0)


def _across(share: float) -> float:
    return _LEFT + share * (_WIDE - _LEFT - _RIGHT)


def _up(share: float) -> float:
    return _HIGH - _BOTTOM - share * (_HIGH - _TOP - _BOTTOM)


def _y_axis(low: float, high: float, label: str) -> list[Markup]:
    parts = [element("text", label, x=0, y=27, fill_opacity=0.7)]
    heights = (-0.5, 0.0, 0.5, 1.0) if (low, high) == (-0.5, 1.0) else np.linspace(low, high, 3).tolist()
    for value in heights:
        y = _height(value, low, high)
        look = {"stroke": "currentColor", "stroke_opacity": 0.5 if value == 0 else 0.16}
        parts.append(element("line", x1=_across(0), x2=_across(1), y1=y, y2=y, **look))
        written = f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
        parts.append(element("text", written, x=_LEFT - 6, y=y + 4, text_anchor="end", fill_opacity=0.7))
    return parts


def _x_axis(curves: Curves) -> list[Markup]:
    label = element("text", curves.x_label, x=_across(0.5), y=_HIGH - 6, text_anchor="middle", fill_opacity=0.7)
    return [label, *(_tick(share, text, anchor) for share, text, anchor in _ticks(curves))]


def _tick(share: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=_across(share), y=_HIGH - _BOTTOM + 15, text_anchor=anchor, fill_opacity=0.7)


def _ticks(curves: Curves) -> list[tuple[float, str, str]]:
    """(place, text, anchor): both ends and the middle, or the first and last name."""
    if curves.x_names:
        ends = [(0.0, curves.x_names[0], "start"), (1.0, curves.x_names[-1], "end")]
        return ends[: len(curves.x_names)]
    low, high = float(curves.x[0]), float(curves.x[-1])
    places = [(0.0, "start"), (0.5, "middle"), (1.0, "end")]
    return [(share, f"{low + share * (high - low):.3g}", anchor) for share, anchor in places]


def _lines(curves: Curves, low: float, high: float) -> list[Markup]:
    """Up to four curves, each with a dash of its own and its name at its end; of more, all of them faint and their mean."""
    few = len(curves) <= len(_DASHES)
    parts = [] if few else [_line(row, curves.x, low, high, stroke_opacity=0.25) for row in curves.values]
    shown = curves.values if few else np.nanmean(curves.values, 0, keepdims=True)
    names = curves.names if few else (f"mean of {len(curves)}",)
    areas = curves.auc if few else curves.auc.mean(keepdims=True)
    ends = [_height(float(row[-1]), low, high) for row in shown]
    for index, (row, dash, y) in enumerate(zip(shown, _DASHES, _apart(ends), strict=False)):
        parts.append(_line(row, curves.x, low, high, stroke_width=1.5, stroke_dasharray=dash))
        parts += _key(names[index] if index < len(names) else "", float(areas[index]), dash, y)
    return parts


def _key(name: str, area: float, dash: str | None, y: float) -> list[Markup]:
    """What one kind of line is, beside the end of the axis."""
    left, right = _across(1) + 10, _across(1) + 34
    look = {"stroke": "currentColor", "stroke_width": 1.5, "stroke_dasharray": dash}
    written = f"area {area:.2f}".replace("-", "\N{MINUS SIGN}")
    return [
        element("line", x1=left, x2=right, y1=y, y2=y, **look),
        element("text", _short(name), x=right + 6, y=y + 4),
        element("text", written, x=right + 6, y=y + 4 + _LINE, fill_opacity=0.7),
    ]


def _line(row: np.ndarray, x: np.ndarray, low: float, high: float, **look: object) -> Markup:
    span = float(x[-1] - x[0]) or 1.0
    points = [
        (_across(float(place - x[0]) / span), _height(float(value), low, high))
        for place, value in zip(x, row, strict=True)
        if np.isfinite(value)
    ]
    return element("path", d=path(points) if points else None, fill="none", stroke="currentColor", **look)


def _height(value: float, low: float, high: float) -> float:
    return _up((value - low) / (high - low)) if np.isfinite(value) else _up(0)


def _apart(heights: list[float]) -> list[float]:
    """Heights of the names at the ends, moved so that none covers another and all stay in the drawing."""
    room, last = 2 * _LINE + 2, _HIGH - _LINE - 6
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    for before, index in zip([None, *order], order, strict=False):
        least = _TOP if before is None else placed[before] + room
        placed[index] = max(placed[index], least)
    for after, index in zip([None, *order[::-1]], order[::-1], strict=False):
        most = last if after is None else placed[after] - room
        placed[index] = min(placed[index], most)
    return placed


def _short(name: str) -> str:
    return name if len(name) <= 25 else f"{name[:24]}…"
