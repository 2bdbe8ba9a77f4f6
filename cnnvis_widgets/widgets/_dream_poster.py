"""What a dream canvas shows, as one still picture: the dream, the photo it came from, the mix and some frames of the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._film import decoded
from ._poster import _SCALE, _Sheet, _shortened

if TYPE_CHECKING:
    from ._dreaming import Reel

_HIGH, _FRAMES = 280, 9


def dream_poster(title: str, name: str, reel: Reel, step: int) -> bytes:
    """A PNG of the frame after a step.

    Parameters
    ----------
    name
        What the picture is called.
    """
    from ..engine.images import to_uint8
    from ..engine.pictures import resize

    frames = reel.film.frames
    shown = to_uint8(reel.picture(step)[0])
    gap, head = 16 * _SCALE, 24 * _SCALE
    height = _HIGH * _SCALE
    width = max(1, min(2 * height, round(height * shown.shape[1] / shown.shape[0])))
    height = max(1, round(width * shown.shape[0] / shown.shape[1]))
    beside = max(160 * _SCALE, width // 2)
    small = max(1, round(beside * height / width))
    chosen = [frames[round(k)] for k in np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames)))]
    thumb = (width + gap + beside - (len(chosen) - 1) * gap // 2) // max(len(chosen), 3)
    strip = max(1, round(thumb * height / width))
    pulls = sorted(reel.settings.pulled.items(), key=lambda item: -abs(item[1]))[:6]
    tall = max(height, head + small + (len(pulls) + 1) * head)
    sheet = _Sheet(width + gap + beside, head + tall + gap + strip, title)
    sheet.text(name, 0, 0, strong=True)
    sheet.paste(resize(shown, (height, width)), 0, head)
    left = width + gap
    sheet.text("The photo", left, 0, strong=True)
    sheet.paste(resize(decoded(frames[0].shown), (small, beside)), left, head)
    top = head + small + head // 2
    strongest = max((abs(weight) for _, weight in pulls), default=1.0)
    for row, (unit, weight) in enumerate(pulls):
        y = top + row * head
        sheet.text(_shortened(unit), left, y)
        sheet.bar(
            left + beside // 2, y + 5 * _SCALE, beside // 2 - 40 * _SCALE, [abs(weight) / strongest] + 3 * [np.nan]
        )
        sheet.text(f"{weight:g}", left + beside, y, right=True, strong=True)
    for place, frame in enumerate(chosen):
        pixels = resize(decoded(frame.shown), (strip, thumb))
        sheet.paste(pixels, place * (thumb + gap // 2), head + tall + gap)
    return sheet.png(_caption(reel))


def _caption(reel: Reel) -> str:
    octaves = [each for each in reel.sections if each.kind == "octave"]
    zooms = len(reel.sections) - len(octaves)
    zoomed = f", {zooms} zooms of {reel.settings.zoom:g}" if zooms else ""
    counted = f"{len(octaves)} octave{'s' if len(octaves) != 1 else ''}"
    return f"{reel.step} steps, {counted}{zoomed}, seed {reel.settings.seed}; last row: the way there"
