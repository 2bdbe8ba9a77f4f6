"""What a widget shows, as one still picture: for GitHub, nbconvert and PDF. Light, for paper."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.ranking import Measure, Ranking

#: Stands at the beginning of every poster's file, so that the front-end knows it among other pictures.
MARK = "cnnvis_widgets poster"

_INK, _QUIET, _RULE = (31, 31, 31), (92, 92, 92), (222, 222, 222)
_TRACK, _MARK = (236, 236, 236), (150, 150, 150)
_MARGIN, _LINE = 16, 20
_LIGHT = 600_000  # bytes; a notebook with a few posters above that is heavy to load and to look at on the web
_SCALE = 2  # drawn at twice the size, for sharp screens


def wall(title: str, layer: str, values: np.ndarray, image: Tensor) -> bytes:
    """The picture, and beside it the strongest maps of a layer.

    Parameters
    ----------
    values
        float32 (C, h, w).
    image
        float (1, C, H, W) in [0, 1].
    """
    from ..engine.colormaps import colorize
    from ..engine.pictures import resize

    order = np.argsort(-np.nan_to_num(values.mean((1, 2)), nan=-np.inf), kind="stable")[:40]
    side, gap, columns = 54 * _SCALE, 8 * _SCALE, 10
    photo = _fitted(image, 4 * side + 3 * gap)
    sheet = _Sheet(photo.shape[1] + 2 * gap + columns * (side + gap) - gap, photo.shape[0], title)
    sheet.paste(photo, 0, 0)
    for place, channel in enumerate(order):
        tile = values[channel]
        low, high = float(np.nan_to_num(tile).min()), float(np.nan_to_num(tile).max())
        bound = max(-low, high)
        colors = colorize(tile, -bound, bound, "polar") if low < 0 else colorize(tile, 0, high, "tide")
        left = photo.shape[1] + 2 * gap + place % columns * (side + gap)
        sheet.paste(resize(colors, (side, side)), left, place // columns * (side + gap))
    shape = f"{values.shape[1]} by {values.shape[2]}"
    return sheet.png(f"{layer}: the {len(order)} strongest of {len(values)} maps of {shape}, each on its own scale")


def pair(
    title: str, layer: str, panels: Sequence[tuple[str, float, np.ndarray]], image: Tensor, *, signed: bool
) -> bytes:
    """One panel a class: its name and probability over its map over the picture.

    Parameters
    ----------
    panels
        (name, probability, float32 (h, w)) of each class.
    """
    from ..engine.pictures import overlay

    photo = _fitted(image, 330 * _SCALE)
    gap, head = 16 * _SCALE, 24 * _SCALE
    height, width = photo.shape[:2]
    sheet = _Sheet(len(panels) * (width + gap) - gap, head + height, title)
    for index, (name, share, values) in enumerate(panels):
        left = index * (width + gap)
        sheet.text(name, left, 0, strong=True)
        if share == share:  # noqa: PLR0124 (not NaN)
            sheet.text(_percent(share), left + width, 0, right=True)
        sheet.paste(overlay(values, photo, signed=signed), left, head)
    ranges = ", ".join(f"{values.min():.3g} to {values.max():.3g}" for _, _, values in panels)
    return sheet.png(f"{layer}, values {ranges}")


def covering(
    title: str,
    said: tuple[Tensor, Sequence[tuple[str, float, float]]],
    shown: tuple[str, np.ndarray, Tensor],
    caption: str,
) -> bytes:
    """A picture partly covered, the probabilities of some classes then, and a map over the picture.

    Parameters
    ----------
    said
        The covered picture (1, C, H, W), and (name, probability, probability with nothing covered) of each class.
    shown
        A title, the signed map (h, w) and the picture (1, C, H, W).
    """
    from ..engine.pictures import overlay

    (photo, bars), (head, values, image) = said, shown
    covered, whole = _fitted(photo, 300 * _SCALE), _fitted(image, 300 * _SCALE)
    gap, top, wide, row = 24 * _SCALE, 24 * _SCALE, 260 * _SCALE, 40 * _SCALE
    height, width = whole.shape[:2]
    sheet = _Sheet(2 * (width + gap) + wide, top + max(height, len(bars) * row), title)
    sheet.paste(covered, 0, top)
    for place, (name, share, before) in enumerate(bars):
        left, y = width + gap, top + place * row
        change = f"{100 * (share - before):+.1f}".replace("-", "\N{MINUS SIGN}")
        sheet.text(_shortened(name), left, y, strong=True)
        sheet.text(f"{_percent(share)}   {change}", left + wide, y, right=True)
        sheet.bar(left, y + 20 * _SCALE, wide, [share, float("nan"), float("nan"), before])
    sheet.text("What the network says", width + gap, 0, strong=True)
    sheet.text(head, width + wide + 2 * gap, 0, strong=True)
    sheet.paste(overlay(values, whole, signed=True), width + wide + 2 * gap, top)
    return sheet.png(f"{caption}; tick: nothing covered")


def multiples(
    title: str, target: str, panels: Sequence[tuple[str, np.ndarray]], image: Tensor, *, signed: bool
) -> bytes:
    """The picture, and beside it one map a method, each on its own scale.

    Parameters
    ----------
    panels
        (title, float32 (h, w)) of each method.
    """
    from ..engine.colormaps import colorize
    from ..engine.pictures import resize

    side, gap, head, columns = 168 * _SCALE, 12 * _SCALE, 24 * _SCALE, 4
    photo = _fitted(image, side)
    size = photo.shape[:2]
    rows = -(-(len(panels) + 1) // columns)
    across = min(columns, len(panels) + 1)
    sheet = _Sheet(across * (size[1] + gap) - gap, rows * (head + size[0] + gap) - gap, title)
    for place, (name, values) in enumerate([("", None), *panels]):
        left, top = place % columns * (size[1] + gap), place // columns * (head + size[0] + gap)
        sheet.text(name or target, left, top, strong=True)
        if values is None:
            sheet.paste(photo, left, top + head)
            continue
        shown = np.nan_to_num(values if signed else np.abs(values), posinf=0, neginf=0)
        bound = float(np.quantile(np.abs(shown), 0.99 if shown.size > 400 else 1)) or 1.0
        colors = colorize(shown, -bound if signed else 0, bound, "polar" if signed else "tide")
        sheet.paste(resize(colors, size), left, top + head)
    kind = "warm is positive, cool negative" if signed else "strength without sign"
    return sheet.png(f"{target}: {kind}; each map on its own scale")


def board(title: str, ranking: Ranking, names: Sequence[str]) -> bytes:
    """A row a method, a column a measure: the mean, a bar, the 95 % interval, and a tick where a random map is."""
    left, wide, gap, high, head = 150 * _SCALE, 92 * _SCALE, 20 * _SCALE, 36 * _SCALE, 44 * _SCALE
    rows = [*names, ranking.methods[-1]]
    sheet = _Sheet(left + len(ranking.measures) * (wide + gap) - gap, head + len(rows) * high, title)
    for row, name in enumerate(rows):
        sheet.rule(head + row * high)
        sheet.text(name, 0, head + row * high + 10 * _SCALE, strong=row < len(names))
    for column, measure in enumerate(ranking.measures):
        x = left + column * (wide + gap)
        sheet.text(measure.title, x + wide, 0, right=True, strong=True)
        sheet.text(f"best: {measure.better}", x + wide, 18 * _SCALE, right=True)
        largest = float(np.nan_to_num(ranking.mean[:, column]).max())
        top = measure.top or max(largest, 1e-9)
        apart = ranking.told_apart_from_random(measure)
        for row in range(len(rows)):
            mean, low, end, chance = (
                float(each)
                for each in (
                    ranking.mean[row, column],
                    ranking.low[row, column],
                    ranking.high[row, column],
                    ranking.mean[-1, column],
                )
            )
            y = head + row * high
            sheet.text(_figure(mean, measure, largest), x + wide, y + 6 * _SCALE, right=True, strong=bool(apart[row]))
            sheet.bar(x, y + 24 * _SCALE, wide, [each / top for each in (mean, low, end, chance)])
    done = f"{ranking.done} of {ranking.scenes} scenes" if ranking.done < ranking.scenes else f"{ranking.scenes} scenes"
    return sheet.png(
        f"{done}; bar: mean, line: 95 % interval, tick: random map; gray numbers are not told apart from it"
    )


def _figure(value: float, measure: Measure, largest: float) -> str:
    if value != value:  # noqa: PLR0124 (NaN)
        return "-"
    if measure.hit:
        return f"{100 * value:.0f} %"
    if measure.key == "cost":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{value:.3f}" if largest < 0.1 else f"{value:.2f}"


def publish(png: bytes, name: str, *, again: bool = False) -> bool:
    """Show a poster as an output of its own, where the host is JupyterLab or Notebook; whether it was.

    `again` puts it in place of the one that was shown under this name, if any was.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    elsewhere = "google.colab" in sys.modules or any(name.startswith("VSCODE_") for name in os.environ)
    if shell is None or not hasattr(shell, "kernel") or elsewhere:
        return False
    with Image.open(io.BytesIO(png)) as image:
        shown = {"width": image.width // _SCALE, "height": image.height // _SCALE}
    data = {"image/png": lighter(png), "text/plain": "a picture of the widget below"}
    shell.display_pub.publish(data, {"image/png": shown}, transient={"display_id": name}, update=again)
    return True


def lighter(png: bytes) -> bytes:
    """A poster as it is kept in a notebook: a large one with 256 colors, dithered, which takes a third."""
    if len(png) <= _LIGHT:
        return png
    with Image.open(io.BytesIO(png)) as image:
        colored = image.convert("RGB")
    # Colors are chosen on a fourth of the pixels, which is four times as fast.
    palette = colored.reduce(2).quantize(256, Image.Quantize.MEDIANCUT)
    return _marked(colored.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))


def _marked(image: Image.Image) -> bytes:
    """A PNG that the front-end knows as a poster."""
    out = io.BytesIO()
    marked = PngInfo()
    marked.add_text("Software", MARK)
    image.save(out, "PNG", compress_level=4, pnginfo=marked)
    return out.getvalue()


def _fitted(image: Tensor, height: int) -> np.ndarray:
    from ..engine.images import to_uint8
    from ..engine.pictures import resize

    pixels = to_uint8(image[0])
    return resize(pixels, (height, max(1, round(pixels.shape[1] * height / pixels.shape[0]))))


def _shortened(name: str, most: int = 24) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


class _Sheet:
    """A white sheet with a title, a field, and one line below."""

    def __init__(self, width: int, height: int, title: str) -> None:
        margin, self.top = _MARGIN * _SCALE, (_MARGIN + _LINE + 12) * _SCALE
        self.height = height
        self.image = Image.new("RGB", (max(width, 300 * _SCALE) + 2 * margin, self.top + height + 44 * _SCALE), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.draw.text((margin, margin), title, _INK, _font())
        self.draw.line([(0, self.top - 12 * _SCALE), (self.image.width, self.top - 12 * _SCALE)], _RULE, _SCALE)

    def paste(self, pixels: np.ndarray, left: int, top: int) -> None:
        self.image.paste(Image.fromarray(pixels), (_MARGIN * _SCALE + left, self.top + top))

    def text(self, text: str, x: int, y: int, *, right: bool = False, strong: bool = False) -> None:
        place = (_MARGIN * _SCALE + x, self.top + y)
        self.draw.text(place, text, _INK if strong else _QUIET, _font(), anchor="ra" if right else "la")

    def rule(self, y: int) -> None:
        self.draw.line([(0, self.top + y), (self.image.width, self.top + y)], _RULE, _SCALE // 2)

    def bar(self, x: int, y: int, width: int, shares: Sequence[float]) -> None:
        """A mean as a bar, the ends of its interval as a line, and a reference as a tick: shares of the width, or NaN."""
        x, y = _MARGIN * _SCALE + x, self.top + y
        mean, low, high, reference = (x + width * min(1, max(0, share)) if share == share else None for share in shares)  # noqa: PLR0124 (not NaN)
        self.draw.rectangle([(x, y), (x + width, y + 5 * _SCALE)], _TRACK)
        if mean is not None:
            self.draw.rectangle([(x, y), (mean, y + 5 * _SCALE)], _MARK)
        if reference is not None:
            self.draw.line([(reference, y - 3 * _SCALE), (reference, y + 8 * _SCALE)], _QUIET, _SCALE)
        if low is not None and high is not None:
            middle = y + 5 * _SCALE // 2
            self.draw.line([(low, middle), (high, middle)], _INK, _SCALE)

    def png(self, caption: str) -> bytes:
        self.text(caption, 0, self.height + 10 * _SCALE)
        return _marked(self.image)


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(12 * _SCALE)
