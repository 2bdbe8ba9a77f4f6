"""Curves, colors and a supersampled canvas: what the scenes are drawn with."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Points = NDArray[np.float64]
Color = tuple[int, int, int]
Box = tuple[int, int, int, int]

#: Every pixel of the picture is painted as 3 x 3, for smooth edges.
SUPERSAMPLING = 3


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, *, corners: int = 26) -> Points:
    """An ellipse around (x, y), turned by `angle` degrees: (corners, 2)."""
    turn = np.linspace(0.0, 2 * math.pi, corners, endpoint=False)
    a, b = rx * np.cos(turn), ry * np.sin(turn)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.stack([x + c * a - s * b, y + s * a + c * b], axis=1)


def polygon(*corners: tuple[float, float]) -> Points:
    """Straight edges between the corners: (corners, 2)."""
    return np.array(corners, dtype=np.float64)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle: (4, 2)."""
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


_STEPS = np.linspace(0.0, 1.0, 6, endpoint=False)[None, :, None]


def curve(*knots: tuple[float, float]) -> Points:
    """A smooth closed (Catmull-Rom) curve through the knots: (6 * knots, 2)."""
    p1 = np.array(knots, dtype=np.float64)[:, None]
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = _STEPS
    bend = (2 * p0 - 5 * p1 + 4 * p2 - p3) * t + (3 * p1 - p0 - 3 * p2 + p3) * t * t
    points: Points = (p1 + 0.5 * ((p2 - p0) + bend) * t).reshape(-1, 2)
    return points


def symmetric(*knots: tuple[float, float]) -> Points:
    """A smooth closed curve from the knots of its right half, top to bottom."""
    left = [(-x, y) for x, y in reversed(knots) if abs(x) > 1e-9]
    return curve(*knots, *left)


def mirror(points: Points) -> Points:
    """The same points on the other side of the vertical axis."""
    return np.multiply(points, (-1.0, 1.0))


def color(hue: float, saturation: float, value: float) -> Color:
    """RGB (0..255) of a hue in degrees, and saturation and value in 0..1."""
    s, v = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    r, g, b = colorsys.hsv_to_rgb(hue % 360 / 360, s, v)
    return round(255 * r), round(255 * g), round(255 * b)


def mix(first: Color, second: Color, share: float) -> Color:
    """`first`, with `share` (0..1) of `second` stirred in."""
    r, g, b = (min(max(round(p + (q - p) * share), 0), 255) for p, q in zip(first, second, strict=True))
    return r, g, b


def darker(base: Color, share: float = 0.3) -> Color:
    """A deeper tone of a color."""
    return mix(base, (16, 10, 24), share)


def lighter(base: Color, share: float = 0.3) -> Color:
    """A paler tone of a color."""
    return mix(base, (255, 252, 244), share)


class Palette:
    """Draws random numbers and colors from one generator.

    Parameters
    ----------
    random : numpy.random.Generator
        The only source of chance.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def between(self, low: float, high: float) -> float:
        """A number, uniform in low..high."""
        return low + (high - low) * float(self.random.random())

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return float(self.random.random()) < probability

    def count(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + int(float(self.random.random()) * (high - low + 1))

    def tone(
        self,
        hues: Sequence[float],
        saturation: tuple[float, float] = (0.6, 0.95),
        value: tuple[float, float] = (0.6, 0.95),
        spread: float = 10.0,
    ) -> Color:
        """A color near one of the hues (degrees)."""
        hue = hues[self.count(0, len(hues) - 1)] + self.between(-spread, spread)
        return color(hue, self.between(*saturation), self.between(*value))

    def vivid(self) -> Color:
        """Any clear color."""
        return color(self.between(0, 360), self.between(0.55, 0.95), self.between(0.6, 0.95))


class Canvas:
    """A transparent sheet, supersampled, on which shapes are painted.

    Shapes come in the object's own coordinates: x to the right, y down, about -1..1.

    Parameters
    ----------
    extent : float
        Pixels (of the final picture) that two of the object's units take.
    angle : float
        Clockwise turn in degrees.
    stretch : tuple of float
        Factors of x and y; a negative one flips.
    """

    def __init__(self, extent: float, angle: float = 0.0, stretch: tuple[float, float] = (1.0, 1.0)) -> None:
        scale = extent * SUPERSAMPLING / 2
        side = math.ceil(scale * 1.45) * 2 + 2
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        turn = np.array([[c, s], [-s, c]])
        self._to_pixels: Points = np.diag(stretch) @ turn * scale
        self._middle = side / 2
        self._scale = scale
        self.image = Image.new("RGBA", (side, side))
        self._draw = ImageDraw.Draw(self.image)

    def fill(self, shape: Points, paint: Color) -> None:
        """Cover a shape with one color."""
        self._draw.polygon(self._place(shape), fill=paint)

    def line(self, shape: Points, paint: Color, width: float = 0.05) -> None:
        """Draw an open line, `width` in the object's units (never thinner than a hair)."""
        pixels = max(SUPERSAMPLING - 1, round(width * self._scale))
        self._draw.line(self._place(shape), fill=paint, width=pixels, joint="curve")

    def glaze(self, shape: Points, paint: Color, opacity: float) -> None:
        """Lay a translucent color over what is painted already, within a shape."""
        box, mask = self._stencil(shape)
        if box is not None:
            part = self.image.crop(box)
            tinted = Image.blend(part, Image.new("RGBA", part.size, (*paint, 255)), opacity)
            tinted.putalpha(part.getchannel("A"))
            self.image.paste(tinted, box[:2], mask)

    def inlay(self, within: Points, shapes: Iterable[tuple[Points, Color]]) -> None:
        """Fill shapes, but only where they lie inside another shape."""
        box, mask = self._stencil(within)
        if box is not None:
            before = self.image.copy()
            for shape, paint in shapes:
                self.fill(shape, paint)
            painted = self.image.crop(box)
            self.image.paste(before)
            self.image.paste(painted, box[:2], mask)

    # The box of a shape (None where it lies off the sheet), and the shape cut out of that box.
    def _stencil(self, shape: Points) -> tuple[Box | None, Image.Image]:
        placed = np.array(self._place(shape)).reshape(-1, 2)
        side = self.image.size[0]
        left, top = (max(int(v) - 1, 0) for v in placed.min(0))
        right, bottom = (min(int(v) + 2, side) for v in placed.max(0))
        if right <= left or bottom <= top:
            return None, Image.new("L", (1, 1))
        mask = Image.new("L", (right - left, bottom - top))
        outline = (placed - (left, top)).ravel().tolist()
        ImageDraw.Draw(mask).polygon(outline, fill=255)
        return (left, top, right, bottom), mask

    def _place(self, shape: Points) -> list[float]:
        # Rounded, so that the last bit of a sine never decides about a pixel.
        placed = np.round(shape @ self._to_pixels + self._middle, 3)
        flat: list[float] = placed.ravel().tolist()
        return flat
