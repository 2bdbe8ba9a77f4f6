"""A ranking as a table in a page: number, bar, whisker, and a tick for what a random map gets."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from .svg import Markup, element

if TYPE_CHECKING:
    from .ranking import Measure, Ranking

_WIDE, _HIGH = 76, 10
_LINE = "border-top:1px solid color-mix(in srgb, currentColor 16%, transparent)"
_QUIET = "opacity:.66"


def table(ranking: Ranking) -> str:
    """The whole table; the best of a column is bold and underlined, what is not told apart from chance is quiet."""
    head = [element("th", "Method", style="text-align:left;vertical-align:bottom")]
    head += [_heading(measure) for measure in ranking.measures]
    rows = [_row(ranking, row) for row in range(len(ranking.methods))]
    caption = element("caption", _caption(ranking), style="caption-side:bottom;text-align:left;padding-top:8px")
    body = [element("thead", element("tr", *head)), element("tbody", *rows)]
    style = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;line-height:16px"
    return element("table", *body, caption, style=style)


def number(measure: Measure, value: float) -> str:
    """A value as it is written in its column.

    Examples
    --------
    >>> from cnnvis_widgets.engine.ranking import MEASURES
    >>> number(MEASURES[0], 0.5), number(MEASURES[1], 0.123), number(MEASURES[6], 23.4)
    ('50\u2009%', '0.12', '23')
    """
    if not isfinite(value):
        return "–"
    if measure.hit:
        return f"{value:.0%}".replace("%", "\N{THIN SPACE}%")
    digits = 3 if measure.key == "deletion" else 2 if abs(value) < 10 else 0
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _heading(measure: Measure) -> Markup:
    style = "text-align:right;vertical-align:bottom;padding:4px 8px"
    best = element("div", f"best: {measure.better}", style=f"font-weight:normal;{_QUIET}")
    return element("th", element("div", measure.title), best, style=style, title=measure.how)


def _row(ranking: Ranking, row: int) -> Markup:
    reference = row == len(ranking.methods) - 1
    style = f"text-align:left;font-weight:normal;padding:4px 16px 4px 0;{_QUIET if reference else ''}"
    cells = [_cell(ranking, row, column) for column in range(len(ranking.measures))]
    return element("tr", element("th", ranking.methods[row], style=style), *cells, style=_LINE)


def _cell(ranking: Ranking, row: int, column: int) -> Markup:
    measure, value = ranking.measures[column], float(ranking.mean[row, column])
    low, high = float(ranking.low[row, column]), float(ranking.high[row, column])
    style = "text-align:right;padding:4px 8px;vertical-align:top"
    if not isfinite(value):
        return element("td", element("span", "–", style=_QUIET), style=style)
    text = number(measure, value)
    known = isfinite(low) and isfinite(high)
    ends = f"{number(measure, low)} to {number(measure, high)}" if known else "\N{NO-BREAK SPACE}"
    return element(
        "td",
        element("div", text, style=_weight(ranking, row, column)),
        _bar(ranking, row, column),
        element("div", ends, style=f"font-size:10px;line-height:14px;white-space:nowrap;{_QUIET}"),
        style=style,
    )


def _weight(ranking: Ranking, row: int, column: int) -> str:
    measure, rows = ranking.measures[column], ranking.mean[:-1, column]
    if row == len(ranking.methods) - 1 or not ranking.told_apart_from_random(measure)[row]:
        return _QUIET
    best = np.nanmax(rows) if measure.better == "high" else np.nanmin(rows)
    strong = number(measure, float(rows[row])) == number(measure, float(best))
    return "font-weight:bold;text-decoration:underline" if strong else ""


def _bar(ranking: Ranking, row: int, column: int) -> Markup:
    measure = ranking.measures[column]
    finite = ranking.mean[:, column][np.isfinite(ranking.mean[:, column])]
    top = max(measure.top or 0, float(finite.max())) or 1.0

    def place(value: float) -> float:
        return min(max(value / top, 0), 1) * _WIDE

    value, chance = float(ranking.mean[row, column]), float(ranking.mean[-1, column])
    low, high = float(ranking.low[row, column]), float(ranking.high[row, column])
    middle = _HIGH / 2
    parts = [
        element("rect", x=0, y=2, width=_WIDE, height=_HIGH - 4, fill="currentColor", fill_opacity=0.1),
        element("rect", x=0, y=2, width=place(value), height=_HIGH - 4, fill="currentColor", fill_opacity=0.36),
    ]
    if isfinite(low) and isfinite(high):
        line = f"M{place(low):.1f} {middle}H{place(high):.1f}"
        caps = "".join(f"M{place(end):.1f} {middle - 2}V{middle + 2}" for end in (low, high))
        parts.append(element("path", d=line + caps, stroke="currentColor", fill="none"))
    if isfinite(chance) and row < len(ranking.methods) - 1:
        parts.append(
            element("rect", x=place(chance) - 1, y=0, width=2, height=_HIGH, fill="currentColor", fill_opacity=0.6)
        )
    style = "display:inline-block;vertical-align:middle;overflow:visible"
    return element("svg", *parts, width=_WIDE, height=_HIGH, aria_hidden="true", style=style)


def _caption(ranking: Ranking) -> str:
    done = (
        f"{ranking.done} of {ranking.scenes} scenes." if ranking.done < ranking.scenes else f"{ranking.scenes} scenes."
    )
    return (
        f"{done} Means with 95\N{THIN SPACE}% intervals; the tick is what a random map gets. Underlined: the best of a column. "
        "Pale: not told apart from a random map."
    )
