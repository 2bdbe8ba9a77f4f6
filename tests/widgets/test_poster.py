"""Still pictures: a large one is kept with fewer colors, and is known as a poster all the same."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from cnnvis_widgets.widgets._poster import MARK, _Sheet, lighter


def poster(pixels):
    sheet = _Sheet(pixels.shape[1], pixels.shape[0], "A widget")
    sheet.paste(pixels, 0, 0)
    return sheet.png("what it shows")


def test_a_small_poster_is_kept_as_it_is():
    png = poster(np.full((200, 300, 3), 120, np.uint8))
    assert lighter(png) == png


def test_a_large_poster_takes_less_than_half_and_looks_the_same_from_afar():
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3)).astype(np.uint8)
    png = poster(noise)
    light = lighter(png)
    assert len(light) < len(png) / 2
    before, after = (Image.open(io.BytesIO(each)).convert("RGB") for each in (png, light))
    assert before.size == after.size
    small = [np.asarray(each.resize((60, 40), Image.Resampling.BOX), float) for each in (before, after)]
    assert np.abs(small[0] - small[1]).mean() < 8  # of 255


def test_a_lighter_poster_is_still_known_by_its_first_bytes():
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3)).astype(np.uint8)
    assert MARK.encode() in lighter(poster(noise))[:150]  # the front-end looks at 200 characters of base64
