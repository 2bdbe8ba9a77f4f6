"""Climbed pictures as files: with their opacity, if they have one, and what mattered in them as levels."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

#: Pixels up to which a transparent picture is as small without loss.
_SMALL = 128 * 128
#: Longest side of what is sent of a map of what mattered.
_MAP_SIDE = 128


def encoded(picture: Tensor, opacity: Tensor | None, *, exact: bool = False) -> bytes:
    """A picture (1, C, H, W) as PNG, JPEG or WebP, whichever is small; `exact` as PNG. Its opacity (1, H, W) goes along.

    A transparent picture keeps the colors of what is not seen, as PNG.
    """
    from ..engine.images import encode_picture, encode_png, to_uint8

    pixels = to_uint8(picture[0])
    if opacity is None:
        return encode_png(pixels) if exact else encode_picture(picture)
    levels = (opacity[0].cpu().numpy().clip(0, 1) * 255).round().astype(np.uint8)
    pixels = np.dstack([pixels, levels])
    if exact or levels.size <= _SMALL:
        return encode_png(pixels)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=88, method=0)
    return out.getvalue()


def opaque(data: bytes) -> Image.Image:
    """A file as a picture in color, on white where it is transparent."""
    with Image.open(io.BytesIO(data)) as file:
        image = file.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def mattered(importance: Tensor | None) -> dict[str, Any]:
    """A map (1, H, W) of numbers up to 1 as the page takes it: 8-bit levels of a few cells; empty where there is none."""
    from torch.nn.functional import adaptive_avg_pool2d

    if importance is None:
        return {}
    scale = min(1.0, _MAP_SIDE / max(importance.shape[1:]))
    height, width = (max(1, round(side * scale)) for side in importance.shape[1:])
    cells = adaptive_avg_pool2d(importance.float(), (height, width))[0]
    levels = (cells / cells.max().clamp(min=1e-12) * 255).round().cpu().numpy().astype(np.uint8)
    return {"height": height, "width": width, "data": levels.tobytes()}
