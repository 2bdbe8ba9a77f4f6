"""A dream as a file: the picture after a step, or the film up to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import ImageError
from ._film import SHOWN_SIDE, animation

if TYPE_CHECKING:
    import os

    from ._dreaming import Reel

FORMS = ("png", "webp", "gif")


def form_of(path: str | os.PathLike[str]) -> str:
    """What the ending of a file asks for.

    Raises
    ------
    ImageError
        If a dream cannot be saved so.
    """
    form = Path(path).suffix.lower().removeprefix(".")
    if form not in FORMS:
        msg = f"A dream is saved as .png, .webp or .gif; {Path(path).name!r} ends otherwise."
        raise ImageError(msg)
    return form


def file_of(reel: Reel, form: str, step: int, speed: float) -> bytes:
    """The picture after a step as "png" at full size, or the film up to it as "webp" or "gif", so many frames a second.

    Raises
    ------
    ImageError
        If the form is another.
    """
    from ..engine.images import encode_png, to_uint8

    if form == "png":
        return encode_png(to_uint8(reel.picture(step)[0]))
    if form not in FORMS:
        msg = f"A film is saved as webp or gif, not as {form!r}."
        raise ImageError(msg)
    last = reel.film.at(step).step
    shown = [frame.shown for frame in reel.film.frames if frame.step <= last]
    height, width = reel.photo.shape[2:]
    scale = min(1.0, SHOWN_SIDE / max(height, width))
    return animation(shown, form, speed, (max(1, round(height * scale)), max(1, round(width * scale))))
