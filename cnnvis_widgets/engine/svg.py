"""Small drawings as text that stands in a page: every attribute and every word is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Markup(str):
    """Text that is markup already, because `element` made it."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """One element; children that are no `Markup` are text. `stroke_width=2` is `stroke-width="2"`; None leaves one out.

    Examples
    --------
    >>> element("text", "a < b", x=1, font_size=11)
    '<text x="1" font-size="11">a &lt; b</text>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(_plain(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else html.escape(child) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>")


def path(points: Iterable[tuple[float, float]]) -> str:
    """Straight lines through points, for the attribute `d`."""
    return "M" + "L".join(f"{_plain(x)} {_plain(y)}" for x, y in points)


def _plain(value: object) -> str:
    """Numbers to a hundredth of a pixel."""
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)
