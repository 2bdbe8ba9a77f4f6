"""Man-made things, drawn by hand in code: balloon, car, house, sailboat."""

from __future__ import annotations

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
    mix,
    polygon,
)

_WHITE: Color = (244, 242, 236)
_RUBBER: Color = (38, 38, 44)


def draw_balloon(canvas: Canvas, palette: Palette) -> None:
    """A hot-air balloon: gores or bands of cloth, ropes and a basket."""
    heights, widths = _envelope(palette.between(0.68, 0.8))
    cloth = [palette.vivid(), palette.vivid() if palette.chance(0.6) else _WHITE]
    if palette.chance(0.5):
        cloth.append(palette.vivid())
    for x in (-0.13, 0.13):
        canvas.line(polygon((x * 1.1, 0.48), (x, 0.8)), (92, 70, 52), 0.035)
    _basket(canvas, palette)
    if palette.chance(0.65):
        _gores(canvas, heights, widths, cloth, palette.count(5, 9))
    else:
        _bands(canvas, heights, widths, cloth, palette.count(4, 7))
    canvas.fill(box(-0.17, 0.47, 0.17, 0.53), darker(cloth[0], 0.45))
    canvas.glaze(ellipse(-0.3, -0.55, 0.16, 0.3, 20), (255, 255, 255), palette.between(0.15, 0.4))


def _envelope(wide: float) -> tuple[Points, Points]:
    """Half widths of the envelope at heights from its crown to its mouth: (22,) each."""
    heights = np.linspace(-1.0, 0.5, 22)
    crown = wide * np.sqrt(np.clip(1 - ((heights + 0.3) / 0.72) ** 2, 0, None))
    taper = 0.16 + (wide - 0.16) * np.clip((0.5 - heights) / 0.8, 0, 1) ** 0.75
    return heights, np.where(heights < -0.3, crown, np.minimum(taper, wide))


def _gores(canvas: Canvas, heights: Points, widths: Points, cloth: list[Color], count: int) -> None:
    bounds = np.sin(np.linspace(-np.pi / 2, np.pi / 2, count + 1))
    for k in range(count):
        left = np.stack([widths * bounds[k], heights], 1)
        right = np.stack([widths * bounds[k + 1], heights], 1)
        shade = 0.28 * abs(k - (count - 1) / 2) / count
        gore = np.concatenate([left, right[::-1]])
        canvas.fill(gore, darker(cloth[k % len(cloth)], shade))


def _bands(canvas: Canvas, heights: Points, widths: Points, cloth: list[Color], count: int) -> None:
    left, right = np.stack([-widths, heights], 1), np.stack([widths, heights], 1)
    outline = np.concatenate([left, right[::-1]])
    canvas.fill(outline, cloth[0])
    edges = np.linspace(-1.0, 0.5, count + 1)
    sagging = [
        (curve((-1, y), (0, y + 0.1), (1, y), (1, y + 0.25), (0, y + 0.36), (-1, y + 0.25)), tone)
        for y, tone in zip(edges, cloth * count, strict=False)
    ]
    canvas.inlay(outline, sagging)


def _basket(canvas: Canvas, palette: Palette) -> None:
    wicker = palette.tone([30], (0.45, 0.7), (0.4, 0.7))
    canvas.fill(polygon((-0.17, 0.76), (0.17, 0.76), (0.14, 1.0), (-0.14, 1.0)), wicker)
    for y in (0.84, 0.92):
        canvas.line(polygon((-0.15, y), (0.15, y)), darker(wicker), 0.025)
    canvas.fill(box(-0.19, 0.74, 0.19, 0.79), darker(wicker, 0.4))


def draw_car(canvas: Canvas, palette: Palette) -> None:
    """A car from the side: wheels, windows, lamps, a door; four bodies."""
    body = _car_paint(palette)
    roof = body if palette.chance(0.7) else palette.tone([0, 40, 210], (0, 0.2), (0.2, 0.95))
    front, rear, top = _CABINS[palette.count(0, len(_CABINS) - 1)]
    top += palette.between(-0.05, 0.04)
    cabin = polygon((rear[0], 0.0), (rear[1], top), (front[1], top), (front[0], 0.0))
    canvas.fill(cabin, roof)
    canvas.fill(curve((rear[1], top + 0.02), (0, top - 0.03), (front[1], top + 0.02), (0, -0.1)), roof)
    canvas.fill(curve(*_CAR_BODY), body)
    _windows(canvas, palette, front, rear, top)
    canvas.glaze(box(-0.93, 0.17, 0.93, 0.3), (10, 10, 20), 0.35)
    canvas.glaze(box(-0.9, -0.05, 0.85, 0.02), (255, 255, 255), 0.3)
    if palette.chance(0.3):
        canvas.fill(box(-0.93, 0.06, 0.93, 0.13), palette.vivid())
    canvas.line(polygon((0.02, -0.06), (0.02, 0.27)), darker(body, 0.45), 0.025)
    canvas.line(polygon((-0.14, 0.06), (-0.05, 0.06)), darker(body, 0.6), 0.035)
    canvas.fill(ellipse(0.93, 0.1, 0.05, 0.07), (255, 238, 160))
    canvas.fill(box(-0.98, 0.03, -0.92, 0.13), (200, 30, 36))
    for x in (-0.56, 0.56):
        _wheel(canvas, x)


_CABINS = (  # front (foot, top), rear (foot, top), height: saloon, hatchback, van, coupe
    ((0.5, 0.2), (-0.62, -0.36), -0.42),
    ((0.48, 0.22), (-0.9, -0.74), -0.44),
    ((0.74, 0.52), (-0.95, -0.92), -0.56),
    ((0.4, 0.02), (-0.72, -0.28), -0.36),
)


_CAR_BODY = (
    *((-0.97, 0.24), (-0.97, 0.02), (-0.8, -0.07), (-0.3, -0.09), (0.3, -0.09)),
    *((0.75, -0.02), (0.96, 0.08), (0.98, 0.26), (0.6, 0.31), (-0.6, 0.31)),
)


def _car_paint(palette: Palette) -> Color:
    if palette.chance(0.25):
        return palette.tone([210], (0.0, 0.12), (0.3, 0.95))
    return palette.vivid()


def _windows(
    canvas: Canvas,
    palette: Palette,
    front: tuple[float, float],
    rear: tuple[float, float],
    top: float,
) -> None:
    glass = palette.tone([205], (0.15, 0.5), (0.35, 0.85))
    y0, y1 = top + 0.07, -0.06
    canvas.fill(polygon((rear[0] + 0.14, y1), (rear[1] + 0.06, y0), (-0.05, y0), (-0.05, y1)), glass)
    ahead = max(front[1] - 0.05, 0.04)
    canvas.fill(polygon((0.02, y1), (0.02, y0), (ahead, y0), (front[0] - 0.13, y1)), glass)
    canvas.glaze(polygon((0.06, y1), (0.12, y0), (0.2, y0), (0.14, y1)), (255, 255, 255), 0.5)


def _wheel(canvas: Canvas, x: float) -> None:
    radius = 0.21
    canvas.fill(ellipse(x, 0.3, radius, radius), _RUBBER)
    canvas.fill(ellipse(x, 0.3, radius * 0.56, radius * 0.56), (190, 192, 198))
    hub, rim = (ellipse(x, 0.3, r, r, corners=5) for r in (0.02, 0.11))
    for spoke in np.stack([hub, rim], 1):
        canvas.line(spoke, (96, 98, 106), 0.03)


def draw_house(canvas: Canvas, palette: Palette) -> None:
    """A house: gabled or hipped roof with shingles, walls of brick, boards or plaster."""
    wide, top = palette.between(0.58, 0.85), palette.between(-0.18, 0.05)
    eaves, ridge = wide + palette.between(0.08, 0.16), palette.between(-0.95, -0.75)
    flat = palette.between(0.25, 0.5) * wide if palette.chance(0.45) else 0.0
    wall = palette.tone([30, 45, 200, 10, 90], (0.05, 0.55), (0.6, 0.98))
    roof = palette.tone([8, 20, 210, 350, 120, 270], (0.25, 0.8), (0.28, 0.75))
    if palette.chance(0.75):
        _chimney(canvas, palette, palette.between(0.22, 0.42) * eaves, ridge)
    walls = box(-wide, top - 0.02, wide, 0.85)
    canvas.fill(walls, wall)
    _wall_texture(canvas, palette, walls, wall)
    canvas.glaze(box(-wide, top, wide, top + 0.1), (20, 16, 40), 0.35)
    gable = polygon((-eaves, top + 0.04), (-flat, ridge), (flat + 0.001, ridge), (eaves, top + 0.04))
    canvas.fill(gable, roof)
    _shingles(canvas, gable, roof, ridge, top)
    _door_and_windows(canvas, palette, wide, top)


def _chimney(canvas: Canvas, palette: Palette, x: float, ridge: float) -> None:
    brick = palette.tone([12], (0.4, 0.65), (0.4, 0.65))
    canvas.fill(box(x, ridge - 0.05, x + 0.17, -0.3), brick)
    canvas.fill(box(x - 0.03, ridge - 0.11, x + 0.2, ridge - 0.03), darker(brick, 0.35))


def _wall_texture(canvas: Canvas, palette: Palette, walls: Points, wall: Color) -> None:
    (left, top), (right, bottom) = walls.min(0), walls.max(0)
    kind = palette.count(0, 2)
    joint = darker(wall, 0.2)
    rows = np.arange(top + 0.13, bottom, 0.13)
    if kind < 2:
        for y in rows:
            canvas.line(polygon((left, y), (right, y)), joint, 0.02)
    if kind == 1:
        for row, y in enumerate(rows[1:]):
            for x in np.arange(left + (0.1 if row % 2 else 0.22), right, 0.26):
                canvas.line(polygon((x, y - 0.13), (x, y)), joint, 0.02)


def _shingles(canvas: Canvas, gable: Points, roof: Color, ridge: float, top: float) -> None:
    bars = [(box(-1.2, y, 1.2, y + 0.045), darker(roof, 0.28)) for y in np.arange(ridge + 0.12, top, 0.15)]
    canvas.inlay(gable, bars)
    canvas.line(gable[[0, 3]], darker(roof, 0.5), 0.05)


def _door_and_windows(canvas: Canvas, palette: Palette, wide: float, top: float) -> None:
    x = palette.between(-0.45, 0.45) * wide if palette.chance(0.5) else 0.0
    door = palette.tone([20, 0, 220, 140], (0.4, 0.85), (0.3, 0.7))
    canvas.fill(box(x - 0.17, 0.3, x + 0.17, 0.85), darker(door, 0.5))
    canvas.fill(box(x - 0.13, 0.34, x + 0.13, 0.85), door)
    canvas.fill(ellipse(x + 0.08, 0.6, 0.03, 0.03), (240, 210, 120))
    glass = (255, 226, 140) if palette.chance(0.4) else palette.tone([205], (0.2, 0.5), (0.5, 0.9))
    size = 0.13
    for side in (-1, 1):
        at = side * wide * 0.62
        if abs(at - x) > 0.17 + size:
            _window(canvas, at, max(top + 0.33, 0.36), size, glass)
    if top < -0.05 or palette.chance(0.5):
        _window(canvas, 0.0, top - 0.22, 0.11, glass)


def _window(canvas: Canvas, x: float, y: float, size: float, glass: Color) -> None:
    canvas.fill(box(x - size - 0.04, y - size - 0.04, x + size + 0.04, y + size + 0.04), _WHITE)
    canvas.fill(box(x - size, y - size, x + size, y + size), glass)
    canvas.line(polygon((x, y - size), (x, y + size)), _WHITE, 0.035)
    canvas.line(polygon((x - size, y), (x + size, y)), _WHITE, 0.035)


def draw_sailboat(canvas: Canvas, palette: Palette) -> None:
    """A sailboat: hull with a stripe, mast, mainsail and jib with battens or bands."""
    hull = palette.tone([0, 15, 30, 210, 225, 150], (0.2, 0.85), (0.25, 0.9))
    sail = palette.vivid() if palette.chance(0.55) else palette.tone([45], (0, 0.15), (0.88, 1))
    jib_sail = sail if palette.chance(0.5) else palette.vivid()
    mast, foot = palette.between(-0.1, 0.08), 0.42
    belly = palette.between(0.05, 0.16)
    canvas.line(polygon((mast, -0.98), (mast, 0.6)), (96, 68, 44), 0.055)
    main = _sail(mast + 0.05, -0.92, 0.72, foot, belly)
    jib = _sail(mast - 0.05, -0.8, -0.72, foot + 0.02, -belly)
    for shape, tone in ((main, sail), (jib, jib_sail)):
        canvas.fill(shape, tone)
        _sailcloth(canvas, palette, shape, tone)
    if palette.chance(0.6):
        canvas.fill(polygon((mast, -1.0), (mast + 0.26, -0.93), (mast, -0.86)), palette.vivid())
    keel = polygon((-0.95, 0.53), (0.95, 0.5), (0.72, 0.88), (0.6, 0.94), (-0.55, 0.94), (-0.7, 0.86))
    canvas.fill(keel, hull)
    stripe = box(-1, 0.6, 1, 0.68)
    canvas.inlay(keel, [(stripe, _WHITE if sum(hull) < 480 else darker(hull, 0.6))])
    canvas.inlay(keel, [(box(-1, 0.82, 1, 1), darker(hull, 0.45))])
    canvas.line(polygon((-0.95, 0.53), (0.95, 0.5)), mix(hull, (120, 84, 50), 0.7), 0.05)


def _sail(x: float, head: float, clew: float, foot: float, belly: float) -> Points:
    leech = np.linspace(0.0, 1.0, 8)
    bulge = 4 * leech * (1 - leech)
    outer = np.stack([x + (clew - x) * leech + belly * bulge, head + (foot - head) * leech], 1)
    return np.concatenate([outer, polygon((x, foot))])


def _sailcloth(canvas: Canvas, palette: Palette, sail: Points, tone: Color) -> None:
    (left, top), (right, bottom) = sail.min(0), sail.max(0)
    if palette.chance(0.45):
        stripe = palette.vivid()
        y, high = palette.between(-0.4, 0.0), palette.between(0.12, 0.24)
        canvas.inlay(sail, [(box(left, y, right, y + high), stripe)])
    for y in np.linspace(top, bottom, 5)[1:-1]:
        seam = polygon((left, y), (right, y + 0.06), (right, y + 0.09), (left, y + 0.03))
        canvas.inlay(sail, [(seam, darker(tone, 0.22))])
    canvas.glaze(sail[2:], (30, 30, 70) if right > 0.3 else (255, 255, 255), 0.12)
