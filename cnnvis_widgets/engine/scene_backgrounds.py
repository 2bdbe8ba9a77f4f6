"""Backgrounds of the scenes, and the clutter that lies about on them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .scene_painter import Color, Palette, Points, darker, ellipse, lighter, mix

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 96
Pixels = NDArray[np.float32]
_ROWS, _COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / np.float32(SIZE - 1)


def noise(palette: Palette, *grids: tuple[int, int]) -> Pixels:
    """Smooth noise about 0, each grid (rows, columns) half as strong as the one before: (96, 96)."""
    total = np.zeros((SIZE, SIZE), dtype=np.float32)
    for octave, grid in enumerate(grids):
        cells = palette.random.random(grid, dtype=np.float32) - np.float32(0.5)
        smooth = Image.fromarray(cells).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) * np.float32(0.5**octave)
    return total


def _as_image(picture: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))


def blend(first: Color, second: Color, share: Pixels) -> Pixels:
    """Two colors mixed pixel by pixel, `share` 0..1 of the second: (96, 96, 3) in 0..255."""
    a, b = np.array(first, np.float32), np.array(second, np.float32)
    return a + (b - a) * np.clip(share, 0, 1)[..., None]


def _whitened(picture: Pixels, share: Pixels, white: float) -> Pixels:
    veil: Pixels = share[..., None]
    return picture + (np.float32(white) - picture) * veil


def _sky(palette: Palette) -> Pixels:
    high = palette.tone([205, 215, 225], (0.35, 0.75), (0.55, 0.95))
    low = palette.tone([200, 210, 25, 340, 45], (0.1, 0.4), (0.85, 1.0))
    plain = blend(high, low, _ROWS * palette.between(0.7, 1.3))
    clouds = np.clip((noise(palette, (4, 3), (8, 6), (18, 14)) + palette.between(-0.25, 0.1)) * 3, 0, 0.9)
    return _whitened(plain, clouds, 250)


def _meadow(palette: Palette) -> Pixels:
    near = palette.tone([85, 100, 115, 70], (0.45, 0.8), (0.3, 0.6))
    far = lighter(near, palette.between(0.05, 0.35))
    picture = _as_image(blend(far, near, _ROWS + noise(palette, (5, 5), (12, 12)) * 0.7))
    draw = ImageDraw.Draw(picture)
    blades = palette.random.random((190, 4))
    tones = [darker(near, 0.25), lighter(near, 0.2), mix(near, (200, 190, 60), 0.3)]
    for k, (x, y, lean, length) in enumerate(blades.tolist()):
        tip = (x * SIZE + lean * 6 - 3, y * 104 - 3 - length * 7)
        draw.line([(x * SIZE, y * 104), tip], fill=tones[k % 3])
    return np.asarray(picture, np.float32)


def _sand(palette: Palette) -> Pixels:
    tone = palette.tone([38, 32, 44], (0.25, 0.5), (0.7, 0.95))
    slope, waves = palette.between(-0.6, 0.6), palette.between(5, 14)
    bend = noise(palette, (3, 3), (7, 5)) * palette.between(0.8, 2.5)
    ripple = ((_ROWS + _COLUMNS * slope) * waves + bend) % 1
    grain = palette.random.random((SIZE, SIZE), dtype=np.float32) * 0.35
    depth = palette.between(0.2, 1.2)
    return blend(lighter(tone, 0.2), darker(tone, 0.25), np.abs(ripple - 0.5) * depth + grain)


def _snow(palette: Palette) -> Pixels:
    shade = palette.tone([210, 220, 235], (0.08, 0.28), (0.72, 0.92))
    drifts = noise(palette, (3, 4), (6, 5), (20, 20)) + _ROWS * 0.4
    picture = blend((246, 248, 252), shade, drifts * 1.4 + 0.25)
    for x, y, size in palette.random.random((palette.count(0, 40), 3)).tolist():
        row, column = int(y * 95), int(x * 95)
        picture[row : row + 1 + round(size), column : column + 1 + round(size)] = 255
    return picture


def _water(palette: Palette) -> Pixels:
    deep = palette.tone([195, 205, 180, 215], (0.5, 0.85), (0.35, 0.75))
    swell = noise(palette, (14, 3), (28, 6), (48, 12))
    picture = blend(lighter(deep, 0.25), darker(deep, 0.25), _ROWS * 0.5 + swell * 0.7 + 0.25)
    glints = np.clip((noise(palette, (40, 7), (60, 14)) - palette.between(0.22, 0.34)) * 7, 0, 0.8)
    return _whitened(picture, glints, 245)


def _wood(palette: Palette) -> Pixels:
    tone = palette.tone([25, 30, 20], (0.35, 0.7), (0.35, 0.8))
    grain = noise(palette, (60, 2), (90, 4), (96, 10))
    picture = blend(lighter(tone, 0.2), darker(tone, 0.35), grain + 0.5)
    planks = palette.count(2, 6)
    edges = [round(SIZE * (k + palette.between(-0.15, 0.15)) / planks) for k in range(1, planks)]
    for start, stop in zip([0, *edges], [*edges, SIZE], strict=True):
        picture[start:stop] *= np.float32(palette.between(0.82, 1.12))
        picture[start : start + 1] *= np.float32(0.45)
    return picture.transpose(1, 0, 2) if palette.chance(0.4) else picture


def _bricks(palette: Palette) -> Pixels:
    clay = palette.tone([8, 14, 20, 30], (0.15, 0.65), (0.4, 0.8))
    mortar = palette.tone([35, 210], (0.02, 0.15), (0.5, 0.9))
    high = palette.count(8, 14)
    long = round(high * palette.between(1.8, 2.4))
    picture = Image.new("RGB", (SIZE, SIZE), mortar)
    draw = ImageDraw.Draw(picture)
    shift = palette.count(0, long)
    for row in range(-1, SIZE // high + 1):
        for column in range(-2, SIZE // long + 2):
            x, y = column * long + shift + (row % 2) * long // 2, row * high + shift % high
            tone = mix(clay, darker(clay, 0.6) if palette.chance(0.5) else lighter(clay), palette.between(0, 0.4))
            draw.rectangle((x, y, x + long - 2, y + high - 2), fill=tone)
    return np.asarray(picture, np.float32) + (noise(palette, (48, 48), (90, 90)) * 34)[..., None]


def _bokeh(palette: Palette) -> Pixels:
    dark = palette.tone([220, 270, 120, 30, 350], (0.2, 0.7), (0.12, 0.55))
    glow = palette.tone([30, 200, 320, 50, 100], (0.3, 0.8), (0.5, 0.9))
    picture = _as_image(blend(dark, glow, _ROWS * 0.4 + noise(palette, (3, 3)) * 0.9))
    for _ in range(palette.count(7, 16)):
        disc = Image.new("L", (SIZE, SIZE))
        x, y, r = palette.between(0, 96), palette.between(0, 96), palette.between(4, 13)
        ImageDraw.Draw(disc).ellipse((x - r, y - r, x + r, y + r), fill=palette.count(60, 160))
        picture.paste(lighter(palette.vivid(), 0.3), (0, 0, SIZE, SIZE), disc)
    return np.asarray(picture.filter(ImageFilter.BoxBlur(palette.between(0.8, 2))), np.float32)


def _cobbles(palette: Palette) -> Pixels:
    stone = palette.tone([30, 210, 40, 250], (0.03, 0.2), (0.4, 0.75))
    picture = Image.new("RGB", (SIZE, SIZE), darker(stone, 0.55))
    draw = ImageDraw.Draw(picture)
    step = palette.count(11, 19)
    for row in range(-1, SIZE // step + 2):
        for column in range(-1, SIZE // step + 2):
            x = (column + 0.5 * (row % 2)) * step + palette.between(-2, 2)
            y, r = row * step + palette.between(-2, 2), step * palette.between(0.4, 0.5)
            tone = mix(stone, lighter(stone, 0.6), palette.between(-0.5, 0.6))
            draw.ellipse((x - r, y - r * 0.85, x + r, y + r * 0.85), fill=darker(tone, 0.25))
            draw.ellipse((x - r * 0.9, y - r * 0.85, x + r * 0.6, y + r * 0.5), fill=tone)
    return np.asarray(picture, np.float32) + (noise(palette, (30, 30), (90, 90)) * 36)[..., None]


def _night(palette: Palette) -> Pixels:
    high = palette.tone([225, 240, 260], (0.5, 0.85), (0.06, 0.25))
    low = palette.tone([230, 260, 290, 200], (0.4, 0.75), (0.2, 0.5))
    picture = blend(high, low, _ROWS + noise(palette, (4, 4), (9, 9)) * 0.7)
    for x, y, shine in palette.random.random((palette.count(20, 70), 3)).tolist():
        picture[int(y * 95), int(x * 95)] += np.float32(60 + 170 * shine)
    if palette.chance(0.4):
        x, y = palette.between(0.1, 0.9), palette.between(0.05, 0.4)
        far = np.sqrt((_COLUMNS - x) ** 2 + (_ROWS - y) ** 2)
        picture += (np.clip(0.1 - far, 0, 0.02) * 9000 + np.clip(0.35 - far, 0, 1) * 120)[..., None]
    return picture


def _fabric(palette: Palette) -> Pixels:
    cloth = palette.tone([0, 30, 120, 210, 280, 340], (0.1, 0.6), (0.5, 0.95))
    thread = palette.tone([0, 50, 150, 220, 300], (0.2, 0.8), (0.3, 0.95))
    period, width = palette.count(10, 26), palette.between(0.25, 0.55)
    across = ((_COLUMNS * 95 + palette.count(0, 25)) % period < period * width).astype(np.float32)
    along = ((_ROWS * 95 + palette.count(0, 25)) % period < period * width).astype(np.float32)
    share = (across + along * (0.0 if palette.chance(0.35) else 1.0)) * 0.42
    weave = ((_ROWS * 95 + _COLUMNS * 95) % 2 * 0.07) + noise(palette, (5, 5), (40, 40)) * 0.15
    return blend(cloth, thread, share + weave)


def _leaves(palette: Palette) -> Pixels:
    hues = (90.0, 110.0, 130.0) if palette.chance(0.6) else (15.0, 30.0, 45.0)
    picture = Image.new("RGB", (SIZE, SIZE), palette.tone(hues, (0.5, 0.8), (0.12, 0.25)))
    draw = ImageDraw.Draw(picture)
    count = palette.count(50, 90)
    for k in range(count):
        tone = palette.tone(hues, (0.45, 0.85), (0.2 + 0.3 * k / count, 0.3 + 0.4 * k / count))
        x, y, size = palette.between(0, 96), palette.between(0, 96), palette.between(5, 11)
        leaf = ellipse(x, y, size, size * 0.42, palette.between(0, 360), corners=10)
        draw.polygon(leaf.round(2).ravel().tolist(), fill=tone)
        draw.line([*leaf[0].round(2), *leaf[5].round(2)], fill=darker(tone, 0.35))
    return np.asarray(picture, np.float32)


_PAINTERS: dict[str, Callable[[Palette], Pixels]] = {
    "bokeh": _bokeh,
    "bricks": _bricks,
    "cobbles": _cobbles,
    "fabric": _fabric,
    "leaves": _leaves,
    "meadow": _meadow,
    "night": _night,
    "sand": _sand,
    "sky": _sky,
    "snow": _snow,
    "water": _water,
    "wood": _wood,
}

BACKGROUNDS: tuple[str, ...] = tuple(_PAINTERS)


def paint_background(name: str, random: np.random.Generator) -> Pixels:
    """A background with clutter on it: (96, 96, 3) float32 in 0..255."""
    palette = Palette(random)
    picture = _as_image(_PAINTERS[name](palette))
    for _ in range(palette.count(0, 6)):
        _add_clutter(picture, palette)
    return np.asarray(picture, np.float32)


def _add_clutter(picture: Image.Image, palette: Palette) -> None:
    """One small thing that is of no class: a pebble, stick, shard, ring or cross."""
    size = palette.between(2.5, 7.5)
    side = 2 * math.ceil(size) + 2
    mask = Image.new("L", (3 * side, 3 * side))
    draw = ImageDraw.Draw(mask)
    for shape, opacity in _clutter_shapes(palette, 1.5 * side, 3 * size):
        draw.polygon(shape.round(2).ravel().tolist(), fill=opacity)
    x, y = palette.count(-side // 2, SIZE - side // 2), palette.count(-side // 2, SIZE - side // 2)
    tone = palette.vivid() if palette.chance(0.6) else palette.tone([30], (0, 0.3), (0.1, 0.95))
    place = (x, y, x + side, y + side)
    picture.paste(darker(tone, 0.5), (x, y + 1, x + side, y + side + 1), mask.reduce(3))
    picture.paste(tone, place, mask.reduce(3))


def _clutter_shapes(palette: Palette, middle: float, size: float) -> list[tuple[Points, int]]:
    turn, kind = palette.between(0, 360), palette.count(0, 4)
    if kind == 0:  # a pebble
        return [(ellipse(middle, middle, size, size * palette.between(0.5, 1), turn, corners=14), 255)]
    if kind == 1:  # a stick
        return [(ellipse(middle, middle, size, size * 0.16, turn, corners=8), 255)]
    if kind == 2:  # a shard
        return [(ellipse(middle, middle, size, size, turn, corners=palette.count(3, 5)), 255)]
    if kind == 3:  # a ring
        hole = ellipse(middle, middle, size * 0.6, size * 0.6)
        return [(ellipse(middle, middle, size, size), 255), (hole, 0)]
    bar = ellipse(middle, middle, size, size * 0.25, turn, corners=8)
    across = ellipse(middle, middle, size, size * 0.25, turn + 90, corners=8)
    return [(bar, 255), (across, 255)]
