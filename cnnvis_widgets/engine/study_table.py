"""A study of regularization as a table in a page: picture, distance and improvement a channel, and their mean as a bar from zero."""

from __future__ import annotations

import base64
import io
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .study_grid import family as known_family
from .svg import Markup, element

if TYPE_CHECKING:
    from .study import RegularizationStudy

_WIDE, _HIGH, _TILE = 96, 10, 36
_LINE = "border-top:1px solid color-mix(in srgb, currentColor 16%, transparent)"
_QUIET = "opacity:.66"
_BEST = "font-weight:bold;text-decoration:underline"
_CELL = "padding:4px 16px 4px 0;vertical-align:top;text-align:left"
_SMALL = f"font-size:11px;line-height:14px;white-space:nowrap;{_QUIET}"
_MOST = 6  # channels shown


def table(study: RegularizationStudy) -> str:
    """The finding in words, and one row for each family at its best value; the best of a column is bold and underlined."""
    rows = [study.best(each) for each in study.families]
    shown = range(min(len(study.channels), _MOST))
    head = [
        "Recipe",
        *(f":{study.channels[column]}" for column in shown),
        f"Mean of {len(study.channels)}",
        "Response",
        "Range",
    ]
    heads = [element("th", text, style=_CELL) for text in head]
    body = [_row(study, row, rows, shown) for row in rows]
    body += [
        _control(study, *each, shown) for each in (("Plain gray", study.gray), ("Another real patch", study.among))
    ]
    caption = element(
        "caption", _caption(study, len(shown)), style="caption-side:bottom;text-align:left;padding-top:8px"
    )
    style = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;line-height:16px;text-align:left"
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", *body), caption, style=style)
    return element("div", element("p", finding(study), style="margin:0 0 8px"), whole)


def finding(study: RegularizationStudy) -> str:
    """What came out, in a sentence."""
    order = [each for each in study.order() if each != study.families[0]]
    if not order:
        return f"{study.done} of {study.total} cells: nothing to compare yet."
    row = study.best(order[0])
    title, value = study.variants[row].title, float(study.mean[row])
    if value <= 0:
        return "No regularization comes closest: every other recipe lies farther from the references on average."
    sure = isfinite(float(study.low[row])) and study.low[row] > 0
    doubt = "" if sure else ", which is not told apart from chance"
    return f"{title} comes closest: {_percent(value)[1:]} closer than no regularization on average{doubt}."


def _row(study: RegularizationStudy, row: int, rows: list[int], shown: range) -> Markup:
    title = element("th", study.variants[row].title, style=f"font-weight:normal;white-space:nowrap;{_CELL}")
    cells = [_cell(study, row, column, rows) for column in shown]
    return element("tr", title, *cells, _mean(study, row, rows), _response(study, row), _range(study, row), style=_LINE)


def _control(study: RegularizationStudy, title: str, distances: np.ndarray, shown: range) -> Markup:
    """What says nothing, or all there is to say, gets."""
    bare = _means(study.distances[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        better = 100 * (bare - distances) / bare
    change, value = float(_means(better)), float(_means(distances))
    cells = [_numbers(float(distances[column]), float(better[column]), "") for column in shown]
    name = element("th", title, style=f"font-weight:normal;white-space:nowrap;{_CELL}")
    empty = element("td", style=_CELL)
    return element(
        "tr", name, *cells, _numbers(value, change, f";width:{_WIDE}px"), empty, empty, style=f"{_LINE};{_QUIET}"
    )


def _numbers(value: float, better: float, style: str) -> Markup:
    if not isfinite(value):
        return element("td", "–", style=_CELL)
    written = _percent(better) if isfinite(better) else ""
    return element(
        "td", f"{value:.3f}", element("div", written, style=f"font-size:11px;line-height:14px{style}"), style=_CELL
    )


def _cell(study: RegularizationStudy, row: int, column: int, rows: list[int]) -> Markup:
    distances = _means(study.distances[rows, column])
    value = float(distances[rows.index(row)])
    if not isfinite(value):
        why = "–" if (row, column) not in study.pictures else "silent"
        return element("td", element("span", why, style=_QUIET), style=_CELL)
    better = float(study.by_channel[row, column])
    about = "baseline" if row == 0 else _percent(better)
    numbers = element(
        "span",
        element("div", f"{value:.3f}", style=_weight(value, distances)),
        element("div", about, style=_SMALL),
        style="display:inline-block;vertical-align:top;padding-left:8px",
    )
    return element("td", _picture(study, row, column), numbers, style=f"white-space:nowrap;{_CELL}")


def _mean(study: RegularizationStudy, row: int, rows: list[int]) -> Markup:
    """The mean distance, how much closer that is, and a bar that grows from a marked zero."""
    columns = _means(_means(study.distances[rows]))
    value, better = float(columns[rows.index(row)]), float(study.mean[row])
    if not isfinite(value):
        return element("td", element("span", "–", style=_QUIET), style=_CELL)
    best = np.nanmax(study.mean[rows])  # the mean improvement is what is compared: distances of channels differ in size
    written = element("span", f"{value:.3f}", style=_BEST if better == best > 0 or (row == 0 and best <= 0) else "")
    if row == 0:
        return element("td", written, style=_CELL)
    change = element("span", _percent(better), style=f"float:right;{_QUIET}")
    line = element("div", change, written, style=f"width:{_WIDE}px")
    return element("td", line, _bar(study, row, rows), element("div", _ends(study, row), style=_SMALL), style=_CELL)


def _bar(study: RegularizationStudy, row: int, rows: list[int]) -> Markup:
    ends = np.stack([study.mean[rows], study.low[rows], study.high[rows]])
    known = ends[np.isfinite(ends)]
    least, most = min(0.0, float(known.min(initial=0))), max(0.0, float(known.max(initial=0)))
    span = (most - least) or 1.0

    def place(value: float) -> float:
        return (value - least) / span * _WIDE

    value, low, high = (float(each[row]) for each in (study.mean, study.low, study.high))
    zero, middle = place(0), _HIGH / 2
    left, right = sorted((zero, place(value)))
    parts = [
        element("rect", x=0, y=2, width=_WIDE, height=_HIGH - 4, fill="currentColor", fill_opacity=0.1),
        element("rect", x=left, y=2, width=right - left, height=_HIGH - 4, fill="currentColor", fill_opacity=0.36),
        element("rect", x=zero - 0.5, y=0, width=1, height=_HIGH, fill="currentColor", fill_opacity=0.6),
    ]
    if isfinite(low) and isfinite(high):
        line = f"M{place(low):.1f} {middle}H{place(high):.1f}"
        caps = "".join(f"M{place(end):.1f} {middle - 2}V{middle + 2}" for end in (low, high))
        parts.append(element("path", d=line + caps, stroke="currentColor", fill="none"))
    style = "display:block;overflow:visible;margin:2px 0"
    return element("svg", *parts, width=_WIDE, height=_HIGH, aria_hidden="true", style=style)


def _ends(study: RegularizationStudy, row: int) -> str:
    low, high = float(study.low[row]), float(study.high[row])
    if not (isfinite(low) and isfinite(high)):
        return "one seed"
    return f"{_percent(low)} to {_percent(high)}"


def _response(study: RegularizationStudy, row: int) -> Markup:
    """How many times as much as to the references."""
    value = float(_means(study.response)[row])
    if not isfinite(value):
        return element("td", element("span", "–", style=_QUIET), style=_CELL)
    digits = 1 if value < 10 else 0
    lines = [element("div", f"× {value:.{digits}f}")]
    if study.faint[row]:
        lines.append(element("div", "less than real", style=_SMALL))
    return element("td", *lines, style=f"white-space:nowrap;{_CELL}")


def _range(study: RegularizationStudy, row: int) -> Markup:
    """The values that do about as well as the best, those tried, and what lectures say."""
    one, about = study.variants[row].family, known_family(study.variants[row].family)
    if study.variants[row].value is None or about is None:
        return element("td", style=_CELL)
    found = study.recommended(one)
    tried = ", ".join(f"{study.variants[each].value:g}{'*' if study.faint[each] else ''}" for each in study.rows(one))
    first = "none helps" if found is None else _between(found[0], found[1], about.written)
    lines = [element("div", first), element("div", f"of {tried}", style=_SMALL)]
    if found is not None and row in (study.rows(one)[0], study.rows(one)[-1]):
        lines.append(element("div", "best at the end of it", style=_SMALL))
    if about.lectures is not None:
        lines.append(element("div", f"lectures: {_between(*about.lectures, about.written)}", style=_SMALL))
    return element("td", *lines, style=f"white-space:nowrap;{_CELL}")


def _between(low: float, high: float, written: object) -> str:
    text = written(high)  # type: ignore[operator]
    return text if low == high else f"{low:g}–{text}"


def _picture(study: RegularizationStudy, row: int, column: int) -> Markup:
    pixels = study.pictures[row, column][0]
    out = io.BytesIO()
    Image.fromarray(pixels).resize((2 * _TILE, 2 * _TILE), Image.Resampling.BILINEAR).save(out, "JPEG", quality=85)
    source = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
    name = f"{study.layer}:{study.channels[column]}, {study.variants[row].title}"
    return element(
        "img", src=source, width=_TILE, height=_TILE, alt=name, style="vertical-align:top;display:inline-block;margin:0"
    )


def _caption(study: RegularizationStudy, shown: int) -> str:
    unfinished = f"{study.done} of {study.total} cells." if study.done < study.total else ""
    over = "channels" if len(study.channels) >= 3 else "seeds"
    left_out = len(study.channels) - shown
    more = f"{left_out} more channels are not shown." if left_out else ""
    seeds = f"{len(study.seeds)} seeds" if len(study.seeds) > 1 else "One seed"
    what = f"{study.measure[:1].upper()}{study.measure[1:]} to the references; below it, how much closer than no regularization."
    sure = f"{seeds}, paired; intervals (95\N{THIN SPACE}%) over {over}."
    which = "Each family at the value that does best here; the range: values that are not told apart from it."
    response = "Response: that of the channel, in multiples of that to the references."
    if study.faint.any():
        response += " * less than to the references: however close, such a picture shows nothing of the channel, and is not chosen."
    controls = (
        "Plain gray and another real patch of the same channel: what nothing gets, and as close as real ones come."
    )
    words = [unfinished, what, sure, which, response, controls, "Underlined: best of its column.", more, *study.notes]
    return " ".join(word for word in words if word)


def _weight(value: float, column: np.ndarray) -> str:
    known = column[np.isfinite(column)]
    return _BEST if len(known) > 1 and f"{value:.3f}" == f"{known.min():.3f}" else ""


def _means(values: np.ndarray) -> np.ndarray:
    given = np.isfinite(values)
    return np.where(given.any(-1), np.where(given, values, 0).sum(-1) / np.maximum(given.sum(-1), 1), np.nan)


def _percent(value: float) -> str:
    """Signed, with a true minus."""
    return f"{value:+.1f}\N{THIN SPACE}%".replace("-", "\N{MINUS SIGN}")
