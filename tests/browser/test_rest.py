"""What is out of sight rests: a notebook of many widgets stays as quick as one of a single widget."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from lab import Lab

SETUP = "import cnnvis_widgets as cw\nnetwork, scene = cw.demo(), cw.scenes(1, seed=0)[0]"
EXPLORER = "cw.LayerExplorer(network, scene.image, layer='stem.conv')"

AWAY = """(expected) => JSON.stringify(expected) ===
    JSON.stringify([...document.querySelectorAll('section.cnn')].map((root) => root.hasAttribute('data-away')))"""
CANVAS = ".cnn-tiles canvas"
SEEN = "(query) => [...document.querySelectorAll(query)].map((canvas) => getComputedStyle(canvas).visibility)"


def test_widgets_far_from_the_screen_rest_and_are_awake_where_one_scrolls_and_when_printed(lab: Lab) -> None:
    notebook = lab.run([SETUP, EXPLORER, EXPLORER, EXPLORER, EXPLORER], height=600)
    page = notebook.page
    page.evaluate("document.querySelector('section.cnn').scrollIntoView({ block: 'end' })")
    page.wait_for_function(AWAY, arg=[False, False, True, True])  # the second is just below the screen
    assert page.evaluate(SEEN, f"section.cnn[data-away] {CANVAS}")[-1] == "hidden"
    page.emulate_media(media="print")
    assert set(page.evaluate(SEEN, f"section.cnn {CANVAS}")) == {"visible"}
    page.emulate_media(media="screen")

    page.evaluate("[...document.querySelectorAll('section.cnn')].at(-1).scrollIntoView({ block: 'end' })")
    page.wait_for_function(AWAY, arg=[True, True, True, False])
    picture = page.locator("section.cnn").last.locator(CANVAS).first.screenshot()
    assert np.ptp(np.asarray(Image.open(io.BytesIO(picture)).convert("L")).astype(int)) > 50
