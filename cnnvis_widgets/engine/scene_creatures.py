"""Animals, drawn by hand in code: butterfly, cat, fish, fox, ladybug."""

from __future__ import annotations

import math

import numpy as np

from .scene_painter import (
    Canvas,
    Color,
    Palette,
    Points,
    curve,
    darker,
    ellipse,
    lighter,
    mirror,
    mix,
    polygon,
    symmetric,
)

_INK: Color = (28, 24, 30)
_CREAM: Color = (248, 242, 230)


def draw_butterfly(canvas: Canvas, palette: Palette) -> None:
    """A butterfly from above: bordered wings with veins and eyespots."""
    wing, second = palette.vivid(), palette.vivid()
    border = _INK if palette.chance(0.6) else darker(wing, 0.6)
    tip, tail = palette.between(0.6, 0.92), palette.between(0.55, 0.9)
    upper = curve((0.04, -0.1), (0.3, -0.6), (0.72, -tip), (0.97, -tip + 0.2), (0.85, -0.2), (0.45, 0.08))
    lower = curve((0.04, 0.0), (0.45, 0.02), (0.76, 0.25), (0.7, tail - 0.1), (0.45, tail), (0.18, 0.5))
    spots = palette.count(1, 3)
    for side in (lower, upper):
        tone = wing if side is upper else (wing if palette.chance(0.4) else second)
        for whole in (side, mirror(side)):
            _wing(canvas, whole, tone, border, spots)
    canvas.fill(ellipse(0, 0.05, 0.075, 0.46), _INK)
    canvas.fill(ellipse(0, -0.4, 0.09, 0.1), _INK)
    for way in (-1, 1):
        feeler = polygon((0, -0.42), (way * 0.1, -0.66), (way * 0.24, -0.84))
        canvas.line(feeler, _INK, 0.035)
        canvas.fill(ellipse(way * 0.24, -0.85, 0.045, 0.045), _INK)


def _wing(canvas: Canvas, wing: Points, tone: Color, border: Color, spots: int) -> None:
    canvas.fill(wing, border)
    root, middle = wing[0], wing.mean(0)
    field = root * 0.14 + middle * 0.04 + wing * 0.82
    canvas.fill(field, tone)
    canvas.glaze(root + (field - root) * 0.6, lighter(tone, 0.6), 0.55)
    for k in (8, 13, 18, 23, 28):
        canvas.line(np.stack([root, field[k]]), border, 0.022)
    for k in range(spots):
        at = middle + (wing[(14 + 6 * k) % len(wing)] - middle) * 0.42
        canvas.fill(ellipse(at[0], at[1], 0.1, 0.1), border)
        canvas.fill(ellipse(at[0], at[1], 0.055, 0.055), lighter(tone, 0.75))


def draw_cat(canvas: Canvas, palette: Palette) -> None:
    """A cat's face: round cheeks, pricked ears, slit pupils, whiskers; many coats."""
    fur = _coat(palette)
    ear = palette.between(0.52, 0.66)
    inner = palette.tone([350, 10], (0.3, 0.5), (0.75, 0.95))
    for side in (1, -1):
        outer = curve((0.86, 0.05), (0.78, -0.45), (ear, -0.98), (0.12, -0.48), (0.4, 0.0))
        canvas.fill(outer * (side, 1.0), fur)
        canvas.fill(polygon((side * 0.7, -0.38), (side * ear, -0.82), (side * 0.3, -0.46)), inner)
    head = symmetric((0, -0.56), (0.45, -0.5), (0.83, -0.1), (0.9, 0.3), (0.6, 0.68), (0, 0.85))
    canvas.fill(head, fur)
    _cat_markings(canvas, palette, head, fur)
    if palette.chance(0.6):
        canvas.glaze(symmetric((0, 0.12), (0.32, 0.32), (0.36, 0.6), (0, 0.8)), _CREAM, 0.8)
    iris = palette.tone([50, 90, 120, 200], (0.5, 0.9), (0.75, 0.95))
    for side in (-1, 1):
        _cat_eye(canvas, side * 0.36, -0.02, (0.19, 0.16), iris)
    canvas.fill(polygon((-0.1, 0.24), (0.1, 0.24), (0, 0.36)), darker(inner, 0.15))
    mouth = polygon((-0.22, 0.46), (-0.1, 0.5), (0, 0.36), (0.1, 0.5), (0.22, 0.46))
    canvas.line(mouth, darker(fur, 0.75), 0.035)
    hair = _CREAM if sum(fur) < 420 else darker(fur, 0.55)
    for side in (-1, 1):
        for drop in (-0.1, 0.02, 0.14):
            canvas.line(polygon((side * 0.32, 0.4), (side * 0.98, 0.36 + drop * 1.7)), hair, 0.028)


def _coat(palette: Palette) -> Color:
    if palette.chance(0.45):
        return palette.tone([28, 32], (0.45, 0.8), (0.6, 0.95))
    return palette.tone([30, 220], (0.02, 0.2), (0.16, 0.95))


def _cat_markings(canvas: Canvas, palette: Palette, head: Points, fur: Color) -> None:
    kind = palette.count(0, 3)
    dark = darker(fur, 0.5) if sum(fur) > 200 else lighter(fur, 0.35)
    if kind == 1:
        brow = [polygon((x - 0.045, -0.7), (x + 0.045, -0.7), (x * 0.7, -0.24)) for x in (-0.24, 0, 0.24)]
        cheek = [polygon((1.0, y - 0.06), (1.0, y + 0.06), (0.6, y)) for y in (0.08, 0.28)]
        canvas.inlay(head, [(bar, dark) for bar in (*brow, *cheek, *map(mirror, cheek))])
    if kind == 2:
        patch = palette.tone([28, 30, 20], (0.3, 0.8), (0.2, 0.9))
        x = palette.between(0.3, 0.6) * (1 if palette.chance(0.5) else -1)
        canvas.inlay(head, [(ellipse(x, -0.25, 0.5, 0.45), patch)])
    if kind == 3:
        canvas.glaze(symmetric((0, -0.1), (0.5, 0.1), (0.55, 0.5), (0, 0.8)), dark, 0.55)


def _cat_eye(canvas: Canvas, x: float, y: float, radii: tuple[float, float], iris: Color) -> None:
    rx, ry = radii
    canvas.fill(ellipse(x, y, rx + 0.03, ry + 0.03), _INK)
    canvas.fill(ellipse(x, y, rx, ry), iris)
    canvas.fill(ellipse(x, y, rx * 0.34, ry * 0.95), _INK)
    canvas.fill(ellipse(x + rx * 0.3, y - ry * 0.4, 0.045, 0.045), (255, 255, 255))


def draw_fox(canvas: Canvas, palette: Palette) -> None:
    """A fox's face: a pointed snout, white cheeks, big dark-tipped ears."""
    fur = _fox_coat(palette)
    white = palette.tone([40], (0.0, 0.1), (0.88, 1.0))
    tip = darker(fur, 0.7)
    lean = palette.between(0.55, 0.72)
    for side in (1, -1):
        ear = polygon((side * 0.82, -0.08), (side * lean, -1.0), (side * 0.1, -0.4), (side * 0.3, 0.0))
        canvas.fill(ear, fur)
        canvas.inlay(ear, [(ellipse(side * lean, -1.0, 0.3, 0.3), tip)])
        canvas.fill(polygon((side * 0.66, -0.3), (side * lean, -0.74), (side * 0.3, -0.4)), darker(white, 0.2))
    head = symmetric((0, -0.5), (0.4, -0.44), (0.72, -0.12), (0.94, 0.22), (0.52, 0.5), (0.17, 0.9), (0, 0.96))
    canvas.fill(head, fur)
    cheek = curve((0.96, 0.2), (0.5, 0.16), (0.24, 0.42), (0.1, 0.95), (0.5, 0.7), (0.8, 0.5))
    canvas.inlay(head, [(cheek, white), (mirror(cheek), white)])
    canvas.glaze(symmetric((0, -0.35), (0.12, 0.1), (0.13, 0.6), (0, 0.75)), darker(fur, 0.3), 0.5)
    iris = palette.tone([35, 45], (0.6, 0.9), (0.6, 0.9))
    for side in (-1, 1):
        slant = ellipse(side * 0.36, 0.02, 0.16, 0.1, side * -22)
        canvas.fill(slant, _INK)
        canvas.fill(ellipse(side * 0.35, 0.02, 0.09, 0.07), iris)
        canvas.fill(ellipse(side * 0.35, 0.02, 0.045, 0.06), _INK)
    canvas.fill(ellipse(0, 0.84, 0.15, 0.11), _INK)
    canvas.fill(ellipse(-0.04, 0.8, 0.045, 0.03), (210, 210, 220))


def _fox_coat(palette: Palette) -> Color:
    kind = palette.count(0, 5)
    if kind < 4:
        return palette.tone([16, 24], (0.65, 0.95), (0.65, 0.98))
    if kind == 4:
        return palette.tone([210, 30], (0.04, 0.18), (0.3, 0.6))
    return palette.tone([30, 215], (0.08, 0.22), (0.75, 0.92))


def draw_fish(canvas: Canvas, palette: Palette) -> None:
    """A fish from the side: fins, tail, an eye; stripes, scales or a pale belly."""
    skin, fin = palette.vivid(), palette.vivid()
    if palette.chance(0.4):
        fin = darker(skin, 0.3)
    high = palette.between(0.36, 0.56)
    fork = palette.between(0.3, 0.5)
    canvas.fill(polygon((-0.4, 0.0), (-0.98, -fork), (-0.84, 0.0), (-0.98, fork)), fin)
    canvas.fill(curve((-0.3, -high * 0.6), (0.0, -high - 0.26), (0.3, -high * 0.8), (0.0, -high * 0.5)), fin)
    canvas.fill(curve((-0.2, high * 0.6), (-0.12, high + 0.2), (0.2, high * 0.8)), fin)
    back = ((0.62, -high * 0.72), (0.15, -high), (-0.35, -high * 0.6), (-0.66, -0.06))
    belly = ((-0.66, 0.06), (-0.35, high * 0.6), (0.15, high), (0.62, high * 0.75))
    body = curve((0.97, 0.02), *back, *belly)
    canvas.fill(body, skin)
    _fish_skin(canvas, palette, body, skin)
    canvas.inlay(body, [(ellipse(0.92, 0.0, 0.42, 0.75), mix(skin, fin, 0.35))])
    canvas.line(ellipse(0.86, 0.0, 0.42, 0.6)[10:17], darker(skin, 0.5), 0.035)
    canvas.fill(ellipse(0.62, -high * 0.26, 0.12, 0.12), (250, 250, 244))
    canvas.fill(ellipse(0.65, -high * 0.26, 0.065, 0.065), _INK)
    canvas.line(polygon((0.94, 0.1), (0.84, 0.15), (0.76, 0.13)), darker(skin, 0.6), 0.035)
    canvas.fill(curve((0.3, 0.08), (0.02, 0.02), (-0.06, 0.26), (0.12, 0.24)), darker(fin, 0.15))
    for k in (-0.4, 0.0, 0.4):
        canvas.line(polygon((-0.68, k * 0.2), (-0.9, k * fork * 2)), darker(fin, 0.35), 0.022)


def _fish_skin(canvas: Canvas, palette: Palette, body: Points, skin: Color) -> None:
    kind = palette.count(0, 3)
    if kind == 0:
        band = _CREAM if palette.chance(0.5) else palette.vivid()
        canvas.inlay(body, [(_FISH_BAND + np.array([x, 0]), band) for x in (-0.5, -0.18, 0.16)])
    elif kind == 1:
        _scales(canvas, darker(skin, 0.4))
    elif kind == 2:
        spots = [(palette.between(-0.45, 0.45), palette.between(-0.35, 0.35)) for _ in range(9)]
        canvas.inlay(body, [(ellipse(x, y, 0.075, 0.075, corners=14), darker(skin, 0.45)) for x, y in spots])
    if kind > 1:
        canvas.inlay(body, [(ellipse(0.1, 0.62, 0.9, 0.42), lighter(skin, 0.55))])
    canvas.glaze(ellipse(0.1, -0.2, 0.5, 0.1, -4), (255, 255, 255), 0.3)


_FISH_BAND = curve((0, -0.8), (0.16, -0.8), (0.1, 0), (0.16, 0.8), (0, 0.8), (-0.06, 0))


def _scales(canvas: Canvas, tone: Color) -> None:
    for row, x in enumerate(np.arange(-0.5, 0.5, 0.13)):
        for y in np.arange(-0.42, 0.45, 0.15):
            if abs(y) < 0.52 * (1 - (x / 0.75) ** 2) - 0.14:
                scale = ellipse(x, y + 0.075 * (row % 2), 0.09, 0.085, corners=12)
                canvas.line(scale[[9, 10, 11, 0, 1, 2, 3]], tone, 0.024)


def draw_ladybug(canvas: Canvas, palette: Palette) -> None:
    """A ladybug from above: domed, spotted wing cases, a black head, six legs."""
    shell, spot = _shell(palette)
    for side in (-1, 1):
        for y, reach in ((-0.25, 0.88), (0.12, 0.96), (0.48, 0.86)):
            leg = polygon((side * 0.4, y), (side * reach, y + 0.02), (side * (reach + 0.04), y + 0.17))
            canvas.line(leg, _INK, 0.065)
        canvas.line(polygon((side * 0.12, -0.72), (side * 0.3, -0.97)), _INK, 0.04)
    canvas.fill(ellipse(0, -0.6, 0.34, 0.27), _INK)
    for side in (-1, 1):
        canvas.fill(ellipse(side * 0.19, -0.66, 0.1, 0.085, side * 20), _CREAM)
    wide = palette.between(0.62, 0.74)
    case = symmetric((0, -0.52), (0.46, -0.44), (wide, -0.02), (wide * 0.92, 0.42), (0.42, 0.84), (0, 0.93))
    canvas.fill(case, shell)
    pairs = palette.count(2, 4)
    spots = [ellipse(0, -0.42, 0.17, 0.13)] if palette.chance(0.6) else []
    for k in range(pairs):
        turn = math.pi * (k + 0.5) / pairs
        x, y = 0.12 + wide * 0.44 * math.sin(turn), 0.2 - 0.5 * math.cos(turn)
        size = palette.between(0.1, 0.16)
        spots += [ellipse(x, y, size, size * 1.1), ellipse(-x, y, size, size * 1.1)]
    canvas.inlay(case, [(one, spot) for one in spots])
    canvas.line(polygon((0, -0.5), (0, 0.92)), darker(shell, 0.75), 0.04)
    canvas.glaze(ellipse(-0.28, -0.18, 0.14, 0.22, 24), (255, 255, 255), 0.45)


def _shell(palette: Palette) -> tuple[Color, Color]:
    if palette.chance(0.15):
        return _INK, palette.tone([5, 35], (0.8, 1.0), (0.75, 0.95))
    return palette.tone([2, 12, 28, 45, 340], (0.7, 0.98), (0.68, 0.98)), _INK
