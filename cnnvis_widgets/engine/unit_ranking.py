"""Which units a score needs: how much it falls without each of them, largest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .svg import Markup, element

_WIDE, _HIGH = 160, 10
_SHOWN, _PICTURES = 10, 4
_LINE = "border-top:1px solid color-mix(in srgb, currentColor 16%, transparent)"
_QUIET = "opacity:.66"


@dataclass(frozen=True, eq=False)
class UnitRanking:
    """How much a score falls when each unit of a layer is taken away.

    Attributes
    ----------
    falls : ndarray
        float32 (N, K), signed: the score as it is less the score without the unit; NaN where it is not computed (yet).
    units : tuple of str
        The K units, `layer:channel`.
    clean : ndarray
        float32 (N,): the score with all units.
    targets : tuple of str
        What was asked, one a picture.
    images : ndarray
        uint8 (N, H, W, 3), the pictures.
    notes : tuple of str
        Facts about how it was made, for a caption.
    """

    falls: np.ndarray
    units: tuple[str, ...]
    clean: np.ndarray
    targets: tuple[str, ...]
    images: np.ndarray
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.falls, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.falls)

    def __repr__(self) -> str:
        first = ", ".join(f"{unit} {_signed(fall)}" for unit, fall in self.top(3))
        return f"UnitRanking({len(self)} × {len(self.units)} units, first: {first or 'none yet'})"

    @property
    def mean(self) -> np.ndarray:
        """The mean fall over the pictures where it is known, float64 (K,); NaN where it is known for none."""
        known = np.isfinite(self.falls)
        total = np.where(known, self.falls, 0).sum(0, dtype=np.float64)
        return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)

    def order(self, picture: int | None = None) -> np.ndarray:
        """The units, int64, the one most needed first, by one picture or by the mean of all; those not known yet are left out."""
        falls = self.mean if picture is None else self.falls[picture]
        found = np.argsort(-falls, kind="stable")
        return found[np.isfinite(falls[found])]

    def top(self, count: int = 10, picture: int | None = None) -> list[tuple[str, float]]:
        """The units most needed with how much the score falls without each, by one picture or by the mean of all."""
        falls = self.mean if picture is None else self.falls[picture]
        return [(self.units[index], float(falls[index])) for index in self.order(picture)[:count]]

    def _repr_html_(self) -> str:
        shown = range(min(len(self), _PICTURES))
        tables = [_table(self, picture) for picture in shown]
        left_out = len(self) - len(shown)
        notes = [*self.notes, *([f"{left_out} more pictures are not shown."] if left_out else [])]
        caption = element("div", " ".join(notes), style=f"font-size:11px;{_QUIET}")
        return element("div", *tables, caption)


def _table(ranking: UnitRanking, picture: int) -> Markup:
    """The units needed most, and those without which the score rises most."""
    order = ranking.order(picture)
    falls = ranking.falls[picture]
    first, last = order[:_SHOWN], order[_SHOWN:][-3:]
    against = last[falls[last] < 0]
    bound = float(np.abs(falls[order]).max(initial=0)) or 1.0
    rows = [_row(ranking.units[unit], place + 1, float(falls[unit]), bound) for place, unit in enumerate(first)]
    start = len(order) - len(against) + 1
    rows += [_row(ranking.units[unit], start + place, float(falls[unit]), bound) for place, unit in enumerate(against)]
    heads = [
        element("th", text, style=f"text-align:{side};padding:4px 8px")
        for text, side in (("", "right"), ("without", "left"), ("the score falls by", "left"), ("", "right"))
    ]
    written = f"{ranking.targets[picture]}: {ranking.clean[picture]:.3g}, {len(order)} of {len(ranking.units)} units"
    caption = element("caption", written, style="text-align:left;font-weight:bold;padding:8px 8px 0")
    style = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;line-height:16px"
    return element("table", caption, element("thead", element("tr", *heads)), element("tbody", *rows), style=style)


def _row(unit: str, place: int, fall: float, bound: float) -> Markup:
    style = "padding:2px 8px;text-align:"
    return element(
        "tr",
        element("td", str(place), style=f"{style}right;{_QUIET}"),
        element("td", unit, style=f"{style}left"),
        element("td", _bar(fall / bound), style=f"{style}left"),
        element("td", _signed(fall), style=f"{style}right"),
        style=_LINE,
    )


def _bar(share: float) -> Markup:
    """To the right what falls, to the left of the line, hollow, what rises."""
    middle = _WIDE / 4
    length = abs(share) * (_WIDE - middle if share >= 0 else middle)
    look = (
        {"fill_opacity": 0.36} if share >= 0 else {"fill_opacity": 0, "stroke": "currentColor", "stroke_opacity": 0.6}
    )
    left = middle if share >= 0 else middle - length
    parts = [
        element("rect", x=left, y=1.5, width=length, height=_HIGH - 3.0, fill="currentColor", **look),
        element("rect", x=middle - 0.5, y=0, width=1, height=_HIGH, fill="currentColor", fill_opacity=0.6),
    ]
    style = "display:inline-block;vertical-align:middle;overflow:visible"
    return element("svg", *parts, width=_WIDE, height=_HIGH, aria_hidden="true", style=style)


def _signed(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
