"""The frames of a dream, as encoded pictures: so many that one can step back, and never more than fit."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

#: A film has no more frames than this, and no more bytes.
MOST_FRAMES = 120
MOST_BYTES = 24_000_000
#: Longest side in pixels of what a page is sent.
SHOWN_SIDE = 768


@dataclass(frozen=True)
class Frame:
    """The picture after a step.

    Attributes
    ----------
    step : int
        How many steps were done; 0 is the photo.
    shown : bytes
        The whole picture, at most `SHOWN_SIDE` pixels long.
    own : bytes
        The picture at the size of its octave, from which a dream goes on; empty where `shown` is that already.
    position : dict
        Where in the dream it is: what `Dream.state` holds besides pictures.
    last : bool
        Whether an octave or a zoom ends with it.
    """

    step: int
    shown: bytes
    own: bytes = b""
    position: dict[str, Any] = field(default_factory=dict)
    last: bool = False

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.shown) + len(self.own)


class Film:
    """Frames in order of their steps, from the photo on."""

    def __init__(self, most: int = MOST_FRAMES, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self.frames: tuple[Frame, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def add(self, frame: Frame) -> None:
        """Put a frame at the end; where there are too many, every second one goes."""
        frames = [*self.frames, frame]
        while len(frames) > 3 and (len(frames) > self._most or sum(each.size for each in frames) > self._most_bytes):
            frames = _thinned(frames)
        self.frames = tuple(frames)

    def cut(self, step: int) -> Frame:
        """Let go of what comes after a step; the last frame that stays."""
        self.frames = tuple(each for each in self.frames if each.step <= step) or self.frames[:1]
        return self.frames[-1]

    def at(self, step: int) -> Frame:
        """The last frame that is no later than a step; for -1 the newest."""
        if step < 0:
            return self.frames[-1]
        return max((each for each in self.frames if each.step <= step), key=lambda each: each.step)


def _thinned(frames: list[Frame]) -> list[Frame]:
    """Without every second frame; the photo and the newest stay, and the ends of octaves as long as others can go."""
    inner = [each for each in frames[1:-1] if not each.last] or frames[1:-1]
    gone = {id(each) for each in inner[::2]}
    return [each for each in frames if id(each) not in gone]


def encoded(picture: Tensor, *, longest: int = 0, quality: int = 88) -> bytes:
    """A picture (1, C, H, W) as PNG where it is small, else as JPEG; scaled down to a longest side, if one is given."""
    from ..engine.images import encode_png, to_uint8

    image = Image.fromarray(np.ascontiguousarray(to_uint8(picture[0])))
    scale = longest / max(image.size) if longest else 1.0
    if scale < 1:
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), _SMOOTH)
    if image.width * image.height <= 64 * 64:
        return encode_png(np.asarray(image))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def decoded(data: bytes) -> np.ndarray:
    """uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def animation(pictures: Iterable[bytes], form: str, speed: float, size: tuple[int, int]) -> bytes:
    """Encoded pictures as an animated "webp" or "gif" of one (height, width); the last one stays for a second.

    Parameters
    ----------
    speed
        Frames a second.
    """
    frames = [_page(data, size, form) for data in pictures]
    pause = round(1000 / speed)
    lasts = [pause] * (len(frames) - 1) + [1000]
    out = io.BytesIO()
    more = {"optimize": False, "disposal": 1} if form == "gif" else {"quality": 82, "method": 2}
    frames[0].save(out, form.upper(), save_all=True, append_images=frames[1:], duration=lasts, loop=0, **more)
    return out.getvalue()


def _page(data: bytes, size: tuple[int, int], form: str) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        page = image.convert("RGB")
    if page.size != size[::-1]:
        page = page.resize(size[::-1], _SMOOTH)
    return page.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG) if form == "gif" else page


_SMOOTH = Image.Resampling.BICUBIC
