"""Procedural pictures of twelve kinds of objects, each with the exact mask of its object."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .scene_backgrounds import BACKGROUNDS, SIZE, paint_background
from .scene_creatures import draw_butterfly, draw_cat, draw_fish, draw_fox, draw_ladybug
from .scene_painter import SUPERSAMPLING, Canvas, Palette
from .scene_plants import draw_apple, draw_flower, draw_mushroom
from .scene_things import draw_balloon, draw_car, draw_house, draw_sailboat

_DRAW: dict[str, Callable[[Canvas, Palette], None]] = {
    "apple": draw_apple,
    "balloon": draw_balloon,
    "butterfly": draw_butterfly,
    "car": draw_car,
    "cat": draw_cat,
    "fish": draw_fish,
    "flower": draw_flower,
    "fox": draw_fox,
    "house": draw_house,
    "ladybug": draw_ladybug,
    "mushroom": draw_mushroom,
    "sailboat": draw_sailboat,
}
SCENE_CLASSES: tuple[str, ...] = tuple(_DRAW)
SCENE_BACKGROUNDS: tuple[str, ...] = BACKGROUNDS

#: Where the two look-alikes always stand in biased scenes, and nothing else ever does.
BIASED_BACKGROUNDS: dict[str, str] = {"cat": "meadow", "fox": "snow"}

_Pixels = NDArray[np.float32]
_ORDER, _CHOICE, _OBJECT, _GROUND = range(4)  # independent streams of chance


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture of one object, and the truth about it.

    Attributes
    ----------
    image : numpy.ndarray
        (96, 96, 3) uint8, RGB.
    label : int
        Index into `SCENE_CLASSES`.
    mask : numpy.ndarray
        (96, 96) bool: the pixels of which the object covers more than half.
    background : str
        One of `SCENE_BACKGROUNDS`.
    name : str
        The class in words, `SCENE_CLASSES[label]`.
    """

    image: NDArray[np.uint8] = field(repr=False)
    label: int
    mask: NDArray[np.bool_] = field(repr=False)
    background: str
    name: str


class _Plan(NamedTuple):
    """Everything that decides about a scene but its random numbers."""

    classes: tuple[int, ...]
    backgrounds: tuple[tuple[str, ...], ...]  # of each class in SCENE_CLASSES


class Scenes(Sequence[Scene]):
    """A lazy sequence of scenes: an item is drawn when it is asked for.

    Item `i` depends on the seed and `i` alone, so that items may be drawn in any order
    and by several processes at once. Made by `scenes`.
    """

    def __init__(self, indices: range, seed: int, plan: _Plan) -> None:
        self._indices = indices
        self._seed = seed
        self._plan = plan

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> Scenes: ...
    def __getitem__(self, index: int | slice) -> Scene | Scenes:
        if isinstance(index, slice):
            return Scenes(self._indices[index], self._seed, self._plan)
        return _scene(self._seed, self._indices[index], self._plan)

    def __iter__(self) -> Iterator[Scene]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self)} scenes of {len(self._plan.classes)} classes, seed {self._seed}>"


def scenes(
    n: int,
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    backgrounds: Mapping[str, str | Sequence[str]] | None = None,
    biased: bool = False,
) -> Scenes:
    """Procedural pictures of objects on varied backgrounds, with the mask of each object.

    Classes come in shuffled rounds, so that any count of scenes is balanced. An object is
    turned by up to 20 degrees and spans 0.3 to 0.7 of the frame; its shape, texture and
    color vary within its class. Backgrounds and clutter are independent of the class.

    Parameters
    ----------
    n : int
        How many scenes, 0 or more.
    seed : int
        The same seed gives the same pictures; 0 or more.
    classes : sequence of str, optional
        Which of `SCENE_CLASSES` to draw; all of them by default. Labels stay indices into
        `SCENE_CLASSES`.
    backgrounds : mapping of str to str or sequence of str, optional
        The background (or several to choose among) of a class: `{"fox": "snow"}` puts every
        fox into snow. Classes not named keep all of `SCENE_BACKGROUNDS`.
    biased : bool
        Every fox stands in snow, every cat in a meadow, and nothing else does: what `demo(biased=True)` learned from.

    Returns
    -------
    Scenes
        A lazy sequence of `n` `Scene` items.

    Raises
    ------
    ValueError
        If `n` or `seed` is no whole number of 0 or more, a class or background is unknown, or both `backgrounds` and
        `biased` are given.

    Examples
    --------
    >>> scene = scenes(12, seed=7)[3]
    >>> scene.image.shape, scene.mask.shape
    ((96, 96, 3), (96, 96))
    """
    count, start = _whole_number("n", n), _whole_number("seed", seed)
    if biased:
        if backgrounds is not None:
            message = "biased=True sets the backgrounds itself: give either biased or backgrounds."
            raise ValueError(message)
        backgrounds = _biased_backgrounds()
    return Scenes(range(count), start, _Plan(_labels(classes), _grounds(backgrounds)))


def _whole_number(name: str, value: object) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        message = f"{name} is {value!r}, but it must be a whole number of 0 or more: try {name}=12."
        raise ValueError(message)
    return number


def _labels(classes: Sequence[str] | None) -> tuple[int, ...]:
    if classes is None:
        return tuple(range(len(SCENE_CLASSES)))
    names = [classes] if isinstance(classes, str) else list(classes)
    if not names:
        message = f"classes is empty, but a scene needs one: try classes={list(SCENE_CLASSES[:2])}."
        raise ValueError(message)
    return tuple(_known("class", name, SCENE_CLASSES) for name in names)


def _grounds(
    backgrounds: Mapping[str, str | Sequence[str]] | None,
) -> tuple[tuple[str, ...], ...]:
    chosen = [SCENE_BACKGROUNDS] * len(SCENE_CLASSES)
    for name, grounds in (backgrounds or {}).items():
        names = (grounds,) if isinstance(grounds, str) else tuple(grounds) or ("",)
        for ground in names:
            _known("background", ground, SCENE_BACKGROUNDS)
        chosen[_known("class", name, SCENE_CLASSES)] = names
    return tuple(chosen)


def _biased_backgrounds() -> dict[str, tuple[str, ...]]:
    free = tuple(ground for ground in SCENE_BACKGROUNDS if ground not in BIASED_BACKGROUNDS.values())
    return {name: (BIASED_BACKGROUNDS[name],) if name in BIASED_BACKGROUNDS else free for name in SCENE_CLASSES}


def _known(kind: str, name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        message = f"There is no {kind} {name!r} in scenes: try one of {', '.join(names)}."
        raise ValueError(message)
    return names.index(name)


def _random(seed: int, index: int, stream: int) -> np.random.Generator:
    entropy = np.random.SeedSequence(seed, spawn_key=(index, stream))
    return np.random.Generator(np.random.PCG64(entropy))


def _scene(seed: int, index: int, plan: _Plan) -> Scene:
    turn, place = divmod(index, len(plan.classes))
    order = np.argsort(_random(seed, turn, _ORDER).random(len(plan.classes)), kind="stable")
    label = plan.classes[order[place]]
    choice = Palette(_random(seed, index, _CHOICE))
    grounds = plan.backgrounds[label]
    background = grounds[choice.count(0, len(grounds) - 1)]
    ground = paint_background(background, _random(seed, index, _GROUND))
    image, mask = _compose(SCENE_CLASSES[label], ground, _random(seed, index, _OBJECT))
    return Scene(image, label, mask, background, SCENE_CLASSES[label])


def _compose(name: str, ground: _Pixels, random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Light the object, let it throw its shadow, and lay it over the ground."""
    palette = Palette(random)
    sheet = _object_sheet(name, palette)
    paint = np.asarray(sheet, np.float32)
    outline = sheet.getchannel("A")
    cover = paint[..., 3:] / np.float32(255)
    light = (palette.between(-1, 1), palette.between(0.4, 1))  # from the left or right, and above
    lit = paint[..., :3] * _relief(outline, palette, light)
    shaded = ground * _shadow(outline, palette, light)
    picture = _develop(shaded + (lit - shaded) * cover, palette)
    return picture, cover[..., 0] > 0.5


def _object_sheet(name: str, palette: Palette) -> Image.Image:
    """The object alone, somewhere in the frame: 96 x 96 RGBA."""
    extent = SIZE * palette.between(0.36, 0.76)
    wide, high = palette.between(0.86, 1.0), palette.between(0.86, 1.0)
    flip = -1.0 if palette.chance(0.5) else 1.0
    canvas = Canvas(extent, palette.between(-20, 20), (flip * wide, high))
    _DRAW[name](canvas, palette)
    drawn = canvas.image.crop(canvas.image.getbbox())
    frame = Image.new("RGBA", (SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING))
    room = [max(full - part, 0) for full, part in zip(frame.size, drawn.size, strict=True)]
    slack = SUPERSAMPLING * 2  # an object may lean out of the frame by two pixels
    x, y = (palette.count(-slack, free + slack) for free in room)
    frame.paste(drawn, (x, y))
    return frame.reduce(SUPERSAMPLING)


def _relief(outline: Image.Image, palette: Palette, light: tuple[float, float]) -> _Pixels:
    """Brightness of the object as if it were embossed: (96, 96, 1) about 1."""
    soft = outline.filter(ImageFilter.BoxBlur(3)).filter(ImageFilter.BoxBlur(3))
    height = np.asarray(soft, np.float32) / np.float32(255)
    down, right = np.gradient(height)
    strength = palette.between(1.5, 4.5)
    slope = (right * light[0] + down * light[1]) * np.float32(strength)
    grain = palette.random.random((SIZE, SIZE), dtype=np.float32) * palette.between(0.02, 0.14)
    bright: _Pixels = (np.clip(palette.between(0.88, 1.02) + slope, 0.45, 1.35) + grain)[..., None]
    return bright


def _shadow(outline: Image.Image, palette: Palette, light: tuple[float, float]) -> _Pixels:
    """What the object's shadow leaves of the light on the ground: (96, 96, 1) in 0..1."""
    far = palette.between(1, 5)
    dark = Image.new("L", (SIZE, SIZE))
    dark.paste(outline, (round(light[0] * far), round(light[1] * far)))
    soft = np.asarray(dark.filter(ImageFilter.BoxBlur(palette.between(1, 3))), np.float32)
    left: _Pixels = (1 - soft * np.float32(palette.between(0.1, 0.55) / 255))[..., None]
    return left


def _develop(picture: _Pixels, palette: Palette) -> NDArray[np.uint8]:
    """Exposure, contrast, white balance and the grain of a camera: (96, 96, 3) uint8."""
    gain = np.array([palette.between(0.93, 1.07) for _ in range(3)], np.float32)
    gain *= np.float32(palette.between(0.82, 1.12))
    contrast = np.float32(palette.between(0.85, 1.12))
    grain = palette.random.random((SIZE, SIZE, 1), dtype=np.float32) - np.float32(0.5)
    exposed = (picture * gain - 122) * contrast + 122 + grain * np.float32(palette.between(0, 14))
    return np.clip(exposed + 0.5, 0, 255).astype(np.uint8)
