"""Taking parts of a picture away: what is put in their place, in which order, and what the network says of what is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .errors import ImageError
from .images import from_array
from .place_fills import PlaceFill, inpainted

FillName = Literal["gray", "mean", "black", "white", "blur", "noise"]
#: A name, a color "#rrggbb", or a picture.
Fill: TypeAlias = "str | np.ndarray | Tensor"
#: What can cover one place after another: also "inpaint", or a function of the picture and the pixels covered.
AnyFill: TypeAlias = "Fill | PlaceFill"
FILLS: tuple[str, ...] = get_args(FillName)

#: Standard deviation of the blur, in shorter sides: one at which the class of a picture can no longer be told.
BLUR = 0.1
_LEVELS = {"gray": 0.5, "black": 0.0, "white": 1.0}
_COLOR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)
_BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue, as Pillow weighs them
_COARSE = 8  # rows and columns of a random map, as coarse as those of a late layer


def filled(images: Tensor, fill: Fill, *, seed: int = 0) -> Tensor:
    """What stands in place of the pixels that are taken away, in the shape of the pictures.

    Parameters
    ----------
    images
        (N, C, H, W) in [0, 1].
    fill
        "gray" (0.5), "black", "white", "mean" (of each picture and channel), "blur" (Gaussian, a tenth of the shorter side
        wide), "noise" (uniform, the same for every picture), a color "#rrggbb", or a picture: an array (C, H, W) or (H, W, C)
        of the same size.
    seed
        Of the noise.

    Raises
    ------
    ImageError
        If there is no such fill, the array has another size than the pictures, or the fill depends on the place covered.
    """
    if callable(fill) or (isinstance(fill, str) and fill == "inpaint"):
        name = repr(fill) if isinstance(fill, str) else getattr(fill, "__name__", "a function")
        msg = f"The fill {name} depends on which pixels are covered, and here it is a whole picture: choose one of {_choice()}."
        raise ImageError(msg)
    if not isinstance(fill, str):
        return _given(images, fill)
    if fill in _LEVELS:
        return torch.full_like(images, _LEVELS[fill])
    if fill == "mean":
        return images.mean((2, 3), keepdim=True).expand_as(images)
    if fill == "blur":
        return blurred(images)
    if fill == "noise":
        noise = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(seed))
        return noise.to(images).expand_as(images)
    if _COLOR.fullmatch(fill):
        return _color(images, fill)
    msg = f"There is no fill {fill!r}: choose one of {_choice()}, or give a picture as an array."
    raise ImageError(msg)


def fill_of_each(images: Tensor, fill: AnyFill, *, seed: int = 0) -> list[Tensor | PlaceFill]:
    """For each picture, what stands in place of what is covered: a whole picture (1, C, H, W), or a function of the place.

    Parameters
    ----------
    images, seed
        As for `filled`.
    fill
        As for `filled`; or "inpaint" (what is around goes on, with scikit-image), or a function (picture (C, H, W), covered
        pixels bool (H, W)) -> picture (C, H, W), such as `patch_fill(row, column)`.

    Raises
    ------
    ImageError
        If there is no such fill, or the array has another size than the pictures.
    """
    if isinstance(fill, str) and fill == "inpaint":
        return [inpainted] * len(images)
    if callable(fill):
        return [fill] * len(images)
    return list(filled(images, fill, seed=seed).split(1))


def blurred(images: Tensor, width: float = BLUR) -> Tensor:
    """Pictures under a Gaussian whose standard deviation is `width` times their shorter side; edges are drawn out."""
    sigma = width * min(images.shape[2:])
    radius = max(1, round(3 * sigma))
    steps = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-((steps / sigma) ** 2) / 2)
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, -1)
    wide = functional.pad(images, (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(wide, weights, groups=images.shape[1])
    return functional.conv2d(rows, weights.mT, groups=images.shape[1]).clamp_(0, 1)


def pixel_order(values: np.ndarray, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """At which place each pixel comes when a map is followed from its strongest place down.

    Parameters
    ----------
    values
        (h, w), raw: negative places come after those that are 0. What is not a number counts as the smallest that is.
    size
        (height, width) of the picture; the map is drawn out to it bilinearly.
    seed
        Of the random map that decides between equal values, so that a constant map has the order of a random one and
        neither gains nor loses by the order in which pixels are stored.

    Returns
    -------
    ndarray
        int64 (height, width), a permutation of 0 … height × width − 1.
    """
    finite = np.isfinite(values)
    least = values[finite].min() if finite.any() else 0.0
    field = upsampled(np.where(finite, values, least), size)
    order = np.lexsort((-random_map(size, seed).ravel(), -field.ravel()))
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    return place.reshape(size)


def upsampled(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map (h, w) at the size of its picture, bilinear between the centers of cells, float64."""
    field = torch.from_numpy(np.asarray(values, np.float64))[None, None]
    if field.shape[2:] != size:
        field = functional.interpolate(field, size, mode="bilinear", align_corners=False)
    return field[0, 0].numpy()


@lru_cache(maxsize=16)
def random_map(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A map that knows nothing, float64 (height, width) in [0, 1]: 8 × 8 random values, drawn out bilinearly.

    It is as smooth as the map of a late layer. Single random pixels would destroy any picture by their texture alone.
    """
    coarse = np.random.default_rng(seed).random((_COARSE, _COARSE))
    field = upsampled(coarse, size)
    field.setflags(write=False)
    return field


def partly_filled(
    picture: Tensor, fill: Tensor, place: np.ndarray, counts: np.ndarray, batch: int = 16
) -> Iterator[Tensor]:
    """The picture with its first pixels filled, for several numbers of pixels, in batches.

    Parameters
    ----------
    picture, fill
        (1, C, H, W).
    place
        int (H, W), from `pixel_order`.
    counts
        How many pixels are filled, one number for each picture to make.
    batch
        How many pictures at most go together.

    Yields
    ------
    Tensor
        (B, C, H, W).
    """
    order = torch.from_numpy(place).to(picture.device)[None, None]
    for part in np.array_split(counts, -(-len(counts) // batch)):  # parts of equal size: no small one at the end
        number = torch.from_numpy(part).to(picture.device).view(-1, 1, 1, 1)
        yield torch.where(order < number, fill, picture)


def even_counts(pixels: int, steps: int) -> np.ndarray:
    """0 to all pixels in equal steps, int64 (steps + 1,).

    Raises
    ------
    ValueError
        If there is no step.
    """
    if steps < 1:
        msg = f"steps is {steps}, and there must be at least 1: try steps=32."
        raise ValueError(msg)
    counts: np.ndarray = np.linspace(0, pixels, steps + 1).round().astype(np.int64)
    return counts


def _choice() -> str:
    return f"{', '.join(FILLS)}, a color '#rrggbb'"


def _color(images: Tensor, fill: str) -> Tensor:
    """A color as pictures; gray ones take its brightness."""
    levels = [int(fill[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    if images.shape[1] == 1:
        levels = [sum(weight * level for weight, level in zip(_BRIGHTNESS, levels, strict=True))]
    if images.shape[1] != len(levels):
        msg = f"The fill {fill!r} is a color, and the pictures have {images.shape[1]} channels: give a picture as an array."
        raise ImageError(msg)
    return torch.tensor(levels).to(images).view(1, -1, 1, 1).expand_as(images)


def _given(images: Tensor, fill: Any) -> Tensor:
    """A picture that a user gave to fill with."""
    array = fill.detach().cpu().numpy() if isinstance(fill, Tensor) else np.asarray(fill)
    shape = tuple(images.shape[1:])
    if array.shape in (shape, (1, *shape)):
        picture = from_array(array, channels_last=False)
    elif array.shape == (*shape[1:], shape[0]):
        picture = from_array(array, channels_last=True)
    else:
        channels, height, width = shape
        wanted = f"({channels}, {height}, {width}) or ({height}, {width}, {channels})"
        msg = f"The fill has shape {array.shape}, and the pictures need {wanted}; or choose one of {_choice()}."
        raise ImageError(msg)
    return picture.to(images).expand_as(images)
