"""What grows, drawn by hand in code: apple, flower, mushroom."""

from __future__ import annotations

import math

import numpy as np

from .scene_painter import (
    Canvas,
    Color,
    Palette,
    Points,
    box,
    curve,
    darker,
    ellipse,
    lighter,
    mix,
    polygon,
    symmetric,
)

_LEAF_HUES = (95.0, 115.0, 80.0)


def draw_apple(canvas: Canvas, palette: Palette) -> None:
    """An apple: dimple, stem, a leaf, a blush or streaks, pale specks."""
    skin = palette.tone([2, 10, 355, 90, 75, 55], (0.65, 0.95), (0.6, 0.95))
    blush = palette.tone([0, 12, 50, 90], (0.65, 0.95), (0.65, 0.95))
    wide, foot = palette.between(0.82, 0.96), palette.between(0.38, 0.56)
    body = symmetric(
        (0, -0.44),
        (0.32, -0.62),
        (wide * 0.82, -0.5),
        (wide, -0.05),
        (wide * 0.8, 0.5),
        (foot, 0.88),
        (0.16, 0.9),
        (0, 0.84),
    )
    canvas.fill(body, skin)
    side = 1 if palette.chance(0.5) else -1
    for reach in (1.0, 0.75, 0.5):
        canvas.glaze(ellipse(side * 0.5, 0.1, 0.55 * reach, 0.72 * reach), blush, 0.3)
    if palette.chance(0.45):
        _streaks(canvas, palette, body, mix(skin, blush, 0.6))
    for _ in range(palette.count(0, 22)):
        at = palette.between(-0.6, 0.6), palette.between(-0.35, 0.7)
        canvas.fill(ellipse(*at, 0.022, 0.022, corners=8), lighter(skin, 0.55))
    canvas.glaze(ellipse(0, -0.46, 0.3, 0.12), darker(skin, 0.8), 0.55)
    lean = palette.between(-0.14, 0.14)
    canvas.line(polygon((0, -0.44), (lean * 0.4, -0.7), (lean, -0.94)), (84, 56, 34), 0.085)
    if palette.chance(0.75):
        _leaf(canvas, palette, (lean * 0.4, -0.68), (0.62 * side, -0.92))
    canvas.glaze(ellipse(-0.42, -0.22, 0.16, 0.26, 22), (255, 255, 255), palette.between(0.3, 0.6))


def _streaks(canvas: Canvas, palette: Palette, body: Points, tone: Color) -> None:
    bands = []
    for x in np.linspace(-0.8, 0.8, palette.count(6, 10)):
        w = palette.between(0.02, 0.05)
        bands.append((curve((0.15 * x, -0.6), (x - w, 0), (0.4 * x, 0.85), (x + w, 0)), tone))
    canvas.inlay(body, bands)


def _leaf(canvas: Canvas, palette: Palette, start: tuple[float, float], tip: tuple[float, float]) -> None:
    tone = palette.tone(_LEAF_HUES, (0.5, 0.85), (0.4, 0.75))
    (x0, y0), (x1, y1) = start, tip
    across, down = -(y1 - y0) * 0.3, (x1 - x0) * 0.3
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    canvas.fill(curve(start, (x + across, y + down), tip, (x - across, y - down)), tone)
    canvas.line(polygon(start, tip), darker(tone, 0.4), 0.03)


def draw_flower(canvas: Canvas, palette: Palette) -> None:
    """A flower: one or two rings of petals around a seeded heart, on a leafy stem or none."""
    stemmed = palette.chance(0.65)
    y, reach = (-0.34, 0.62) if stemmed else (0.0, 0.95)
    if stemmed:
        _stem(canvas, palette)
    petal = palette.tone([0, 330, 300, 270, 220, 45, 25], (0.35, 0.9), (0.75, 1.0))
    if palette.chance(0.2):
        petal = palette.tone([50], (0.0, 0.12), (0.92, 1.0))
    heart = palette.tone([45, 35, 20, 55], (0.6, 0.95), (0.45, 0.95))
    count = palette.count(5, 8) if palette.chance(0.65) else palette.count(11, 15)
    plump = min(0.92 * math.pi / count, 0.42) * palette.between(0.8, 1.05)
    shift = palette.between(0, 360)
    double = palette.chance(0.4)
    for ring, size in enumerate((1.0, 0.68) if double else (1.0,)):
        tone = petal if ring == 0 else lighter(petal, 0.35)
        for k in range(count):
            angle = shift + 360 * (k + 0.5 * ring) / count
            _petal(canvas, tone, y, (reach * size, plump * reach * size), angle)
    _heart(canvas, y, reach * palette.between(0.2, 0.34), heart)


def _petal(canvas: Canvas, tone: Color, y: float, size: tuple[float, float], angle: float) -> None:
    length, plump = size
    turn = math.radians(angle)
    c, s = math.cos(turn), math.sin(turn)
    spin = np.array([[c, s], [-s, c]])
    at = np.array([0.0, y])
    right = ((length * 0.55, -plump), (length * 0.92, -plump * 0.6))
    left = ((length * 0.92, plump * 0.6), (length * 0.55, plump))
    outline = curve((0.05, 0), *right, (length, 0), *left)
    canvas.fill(outline @ spin + at, darker(tone, 0.28))
    canvas.fill(outline * (0.95, 0.82) @ spin + at, tone)
    canvas.glaze(outline * 0.55 @ spin + at, darker(tone, 0.35), 0.4)
    canvas.line(polygon((0, 0), (length * 0.75, 0)) @ spin + at, darker(tone, 0.25), 0.02)


def _stem(canvas: Canvas, palette: Palette) -> None:
    green = palette.tone(_LEAF_HUES, (0.5, 0.8), (0.35, 0.65))
    bend = palette.between(-0.2, 0.2)
    canvas.line(curve((0, -0.3), (bend, 0.35), (0, 1.0), (bend, 0.35))[:13], green, 0.085)
    for side in (-1, 1):
        if palette.chance(0.75):
            _leaf(canvas, palette, (bend * 0.8, 0.66), (side * 0.55, palette.between(0.2, 0.45)))


def _heart(canvas: Canvas, y: float, radius: float, tone: Color) -> None:
    canvas.fill(ellipse(0, y, radius, radius), darker(tone, 0.3))
    canvas.fill(ellipse(0, y, radius * 0.86, radius * 0.86), tone)
    for k in range(16):  # seeds spiral as in a sunflower
        r, turn = radius * 0.78 * math.sqrt((k + 0.5) / 16), k * 2.39996
        seed = ellipse(r * math.cos(turn), y + r * math.sin(turn), 0.026, 0.026, corners=6)
        canvas.fill(seed, darker(tone, 0.55))


def draw_mushroom(canvas: Canvas, palette: Palette) -> None:
    """A mushroom: a domed, flat or pointed cap, often with warts, on a ringed stalk."""
    cap = _cap_color(palette)
    stalk = palette.tone([38], (0.06, 0.25), (0.78, 0.97))
    thick, rim = palette.between(0.17, 0.27), palette.between(-0.08, 0.12)
    root = thick * palette.between(1.0, 1.6)
    _stalk(canvas, stalk, thick, root, rim)
    _gills(canvas, stalk, rim)
    if palette.chance(0.5):
        out, y = thick + 0.06, rim + 0.36
        canvas.fill(curve((-out, y), (0, rim + 0.24), (out, y), (0, rim + 0.43)), lighter(stalk, 0.4))
    dome = _cap(palette, rim)
    canvas.fill(dome, cap)
    if palette.chance(0.65):
        _warts(canvas, palette, dome, rim, lighter(cap, 0.85))
    canvas.glaze(box(-1, rim - 0.1, 1, rim + 0.03), (10, 6, 20), 0.16)
    canvas.glaze(ellipse(-0.36, rim - 0.5, 0.2, 0.12, -32), (255, 255, 255), 0.35)


def _stalk(canvas: Canvas, tone: Color, thick: float, root: float, rim: float) -> None:
    waist = thick * 0.95
    foot = ((root, 0.88), (0, 0.97), (-root, 0.88))
    canvas.fill(curve((-thick, rim), (thick, rim), (waist, 0.5), *foot, (-waist, 0.5)), tone)
    canvas.glaze(curve((0.04, rim), (thick, rim), (root, 0.9), (0.05, 0.95)), darker(tone, 0.6), 0.3)
    for x in (-0.08, 0.05):
        canvas.line(polygon((x, rim + 0.2), (x * 1.2, 0.8)), darker(tone, 0.15), 0.02)


def _gills(canvas: Canvas, tone: Color, rim: float) -> None:
    canvas.fill(ellipse(0, rim, 0.74, 0.14), darker(tone, 0.25))
    for x in np.linspace(-0.62, 0.62, 11):
        canvas.line(polygon((x * 0.3, rim - 0.02), (x, rim + 0.06)), darker(tone, 0.5), 0.02)


def _cap_color(palette: Palette) -> Color:
    if palette.chance(0.4):
        return palette.tone([0, 8], (0.75, 0.95), (0.6, 0.9))
    return palette.tone([25, 32, 20, 280, 45, 200], (0.3, 0.75), (0.4, 0.9))


def _cap(palette: Palette, rim: float) -> Points:
    top = palette.between(-0.98, -0.62)
    shoulder = palette.between(0.35, 0.75)  # a low one makes a pointed cap
    y = top + (rim - top) * 0.28
    edge = ((0.93, rim - 0.16), (0.86, rim + 0.02), (0.4, rim - 0.03), (0, rim - 0.05))
    return symmetric((0, top), (shoulder * 0.9, y), *edge)


def _warts(canvas: Canvas, palette: Palette, dome: Points, rim: float, tone: Color) -> None:
    dots = []
    for k in range(palette.count(7, 12)):
        x = -0.78 + 1.56 * ((k * 0.618 + palette.between(0, 0.12)) % 1.0)
        y = rim - 0.12 - palette.between(0, 0.7) * (1 - abs(x) ** 2)
        size = palette.between(0.05, 0.115)
        dots.append((ellipse(x, y, size, size * 0.8, corners=14), tone))
    canvas.inlay(dome, dots)
