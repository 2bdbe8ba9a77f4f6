"""What a score loses without each of several things, without every two, and without all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .svg import Markup, element

_LINE = "border-top:1px solid color-mix(in srgb, currentColor 16%, transparent)"
_QUIET = "opacity:.66"


@dataclass(frozen=True, eq=False)
class ObjectFalls:
    """How much a score falls when things are covered, alone and together.

    Attributes
    ----------
    alone : ndarray
        float32 (N, K), signed: with each thing covered by itself.
    pairs : ndarray
        float32 (N, K, K): with two covered; on the diagonal, one. NaN where not computed (yet).
    together : ndarray
        float32 (N,): with all of them covered.
    clean : ndarray
        float32 (N,): the score of the picture as it is.
    names : tuple of str
        The K things.
    targets : tuple of str
        What was asked.
    """

    alone: np.ndarray
    pairs: np.ndarray
    together: np.ndarray
    clean: np.ndarray
    names: tuple[str, ...]
    targets: tuple[str, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.alone, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.alone)

    def __repr__(self) -> str:
        falls = ", ".join(f"{name} {_signed(fall)}" for name, fall in zip(self.names, self.alone[0], strict=True))
        return f"ObjectFalls({self.targets[0]}: {falls}; together {_signed(float(self.together[0]))})"

    @property
    def interaction(self) -> np.ndarray:
        """How much more falls without two than without each of them, summed: float32 (N, K, K), 0 on the diagonal.

        Above 0, each can stand in for the other: the score holds until both are gone. Below 0, it needs both: one gone is
        already most of what there is to lose; so it is with things that overlap, which lose the same twice.
        """
        extra: np.ndarray = self.pairs - self.alone[:, :, None] - self.alone[:, None]
        return np.where(np.eye(len(self.names), dtype=bool), 0, extra)

    @property
    def surplus(self) -> np.ndarray:
        """How much more falls without all than without each of them, summed: float32 (N,)."""
        more: np.ndarray = self.together - self.alone.sum(1)
        return more

    def _repr_html_(self) -> str:
        return element("div", *(_table(self, row) for row in range(len(self))))


def _table(falls: ObjectFalls, row: int) -> Markup:
    """A line for each thing: its fall, and how it goes with the others."""
    titles = ("the score falls by", *(f"and {name}" for name in falls.names))
    others = [_cell(text, quiet=place > 0, tag="th") for place, text in enumerate(titles)]
    head = element("tr", _cell("without", first=True, tag="th"), *others)
    lines = [_line(falls, row, place) for place in range(len(falls.names))]
    all_gone = _cell("all of them", first=True), _cell(_signed(float(falls.together[row])))
    last = element("tr", *all_gone, style=_LINE)
    how = "Right: how much more falls without both than their sum; above 0 one stands in for the other, below 0 both are needed."
    title = element("div", f"{falls.targets[row]}: {_signed(float(falls.clean[row]))}", style="font-weight:bold")
    caption = element("caption", title, element("div", how, style=_QUIET), style="text-align:left;padding:8px 8px 0")
    style = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;line-height:16px;min-width:340px"
    return element("table", caption, element("thead", head), element("tbody", *lines, last), style=style)


def _line(falls: ObjectFalls, row: int, place: int) -> Markup:
    extras = falls.interaction[row, place]
    others = ["" if other == place else _signed(float(extra)) for other, extra in enumerate(extras)]
    first = _cell(falls.names[place], first=True), _cell(_signed(float(falls.alone[row, place])))
    return element("tr", *first, *(_cell(text, quiet=True) for text in others), style=_LINE)


def _cell(text: str, *, first: bool = False, quiet: bool = False, tag: str = "td") -> Markup:
    side = "left" if first else "right"
    look = f"text-align:{side};font-weight:normal;padding:4px 8px;{_QUIET if quiet else ''}"
    return element(tag, text, style=look)


def _signed(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
