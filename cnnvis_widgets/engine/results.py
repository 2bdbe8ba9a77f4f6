"""What methods return: arrays of raw signed values that can show themselves. Display never changes the values."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .colormaps import colorize
from .images import encode_png
from .pictures import alone, contact_sheet, overlay, resize


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A signed field over each picture, raw and at the resolution of the layer it was read at.

    Attributes
    ----------
    values : ndarray
        float32 (N, h, w).
    images : ndarray
        uint8 (N, H, W, 3), the pictures it lies over.
    method, layer : str
        What made it, and where.
    targets : tuple of str
        What it is an answer for, one a picture.
    notes : tuple of str
        Facts about how it was made, for a caption.
    channels : ndarray or None
        float32 (N, C, H, W): the value of each channel of each pixel, where the map lies on the picture itself.
    relus : int or None
        How many ReLUs were intercepted, where the method changes what they pass back.
    completeness_error : ndarray or None
        float32 (N,): how far the map's sum is from the difference in score that it has to explain (integrated gradients).
    """

    values: np.ndarray
    images: np.ndarray
    method: str
    layer: str = ""
    targets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    channels: np.ndarray | None = None
    relus: int | None = None
    completeness_error: np.ndarray | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        count, height, width = self.values.shape
        about = f" for {', '.join(self.targets[:3])}" if self.targets else ""
        return f"{type(self).__name__}({self.method}{about}, {count} × {height} × {width}, {self.layer or 'image'})"

    @property
    def why_empty(self) -> tuple[str, ...]:
        """For each picture, why there is nothing to see in its positive part; "" where there is."""
        return tuple(why_empty(values) for values in self.values)

    def display(self, index: int = 0, *, signed: bool = False, height: int | None = None) -> np.ndarray:
        """One map in color, uint8 (H, W, 3), at full strength of its own scale.

        Maps of a layer lie over the picture. Maps of single pixels stand alone, since fine dots cannot be told from a picture
        under them; their scale ends where it holds 99 % of the pixels, and it has both signs where the map has.

        Parameters
        ----------
        signed
            Show both signs about 0 on a gray picture; otherwise the positive part only.
        height
            Of the result in pixels; by default that of the picture.
        """
        image = self.images[index]
        scale = (height or image.shape[0]) / image.shape[0]
        size = (round(image.shape[0] * scale), round(image.shape[1] * scale))
        if self.channels is not None:
            return resize(alone(self.values[index]), size)
        return overlay(self.values[index], resize(image, size), signed=signed)

    def in_color(self, index: int = 0) -> np.ndarray:
        """The values of each color channel as a picture about mid gray, uint8 (H, W, 3), as guided backprop is often shown.

        Raises
        ------
        ValueError
            If the map has no values for each channel of a pixel.
        """
        if self.channels is None:
            msg = f"{self.method} has one value a position, not one a color: use display()."
            raise ValueError(msg)
        tile = np.nan_to_num(np.moveaxis(self.channels[index], 0, -1), posinf=0, neginf=0)
        bound = float(np.abs(tile).max(initial=0)) or 1.0
        gray = ((tile / bound / 2 + 0.5) * 255).round().astype(np.uint8)
        return gray if gray.shape[-1] == 3 else np.repeat(gray[..., :1], 3, -1)

    def _repr_png_(self) -> bytes:
        tiles = [self.display(index, height=max(224, self.images.shape[1])) for index in range(min(len(self), 8))]
        return encode_png(contact_sheet(tiles, columns=4, gap=8))


@dataclass(frozen=True, eq=False)
class Gallery:
    """Signed pictures of units: activation maps or filters.

    Attributes
    ----------
    values : ndarray
        float32 (N, K, h, w): K units, each against N things (pictures, or the input channels of a filter).
    addresses : tuple of str
        The K units, `layer:channel`.
    title : str
        What they are.
    rgb : bool
        Whether the N = 3 things are red, green and blue, so that each unit is one color picture.
    """

    values: np.ndarray
    addresses: tuple[str, ...]
    title: str
    rgb: bool = False
    notes: tuple[str, ...] = field(default=())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return self.values.shape[1]

    def __repr__(self) -> str:
        count, units, height, width = self.values.shape
        return f"Gallery({self.title}, {units} units × {count}, {height} × {width})"

    @property
    def minimum(self) -> np.ndarray:
        """Smallest value of each picture, (N, K)."""
        return self.values.min((2, 3))

    @property
    def maximum(self) -> np.ndarray:
        """Largest value of each picture, (N, K)."""
        return self.values.max((2, 3))

    @property
    def mean(self) -> np.ndarray:
        """Mean value of each picture, (N, K)."""
        return self.values.mean((2, 3))

    @property
    def sparsity(self) -> np.ndarray:
        """Share of positions that are exactly 0, (N, K), in [0, 1]."""
        return (self.values == 0).mean((2, 3))

    @property
    def dead(self) -> np.ndarray:
        """Units that do nothing, bool (K,): no entry larger than a thousandth of the layer's largest."""
        size = np.abs(self.values).max((0, 2, 3))
        return size <= 1e-3 * size.max(initial=0)

    def display(self, index: int = 0, unit: int = 0) -> np.ndarray:
        """One picture in color, uint8 (h, w, 3): signed values about 0, others from 0 to their maximum."""
        if self.rgb:
            tile = np.nan_to_num(np.moveaxis(self.values[:, unit], 0, -1), posinf=0, neginf=0)
            bound = float(np.abs(tile).max()) or 1.0
            return ((tile / bound / 2 + 0.5) * 255).round().astype(np.uint8)
        return _in_color(self.values[index, unit])

    def _repr_png_(self) -> bytes:
        shown = min(len(self), 64)
        side = max(self.values.shape[2:])
        scale = max(1, 56 // side)
        tiles = [_enlarged(self.display(0, unit), scale) for unit in range(shown)]
        return encode_png(contact_sheet(tiles, columns=16, gap=4))


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of pictures.

    Attributes
    ----------
    probabilities : ndarray
        float32 (N, classes), rows sum to 1.
    logits : ndarray
        float32, as the network gives them.
    labels : tuple of str
        Names of the classes; may be empty.
    """

    probabilities: np.ndarray
    logits: np.ndarray
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, logits: np.ndarray, labels: Sequence[str] = ()) -> Predictions:
        """From logits (N, classes), or (N, classes, H, W) where each pixel is classified.

        Rows that already are probabilities (none negative, summing to 1) are taken as they are.
        """
        if logits.ndim < 2:
            logits = logits.reshape(len(logits), -1)
        spread = tuple(range(2, logits.ndim))
        sums = logits.sum(1)
        already = bool((logits >= 0).all() and np.allclose(sums, 1, atol=1e-4))
        shares = logits if already else _softmax(logits)
        return cls(shares.mean(spread) if spread else shares, logits, tuple(labels))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.probabilities, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        best = [f"{label} {share:.1%}" for label, share in self.top(1, 0)] if len(self) else []
        return f"Predictions({len(self)} pictures{', first: ' + best[0] if best else ''})"

    def name(self, index: int) -> str:
        """The label of a class, or `class 7`."""
        return self.labels[index] if index < len(self.labels) else f"class {index}"

    def top(self, count: int = 5, picture: int = 0) -> list[tuple[str, float]]:
        """The most probable classes of one picture with their probabilities, best first."""
        return [(self.name(index), float(self.probabilities[picture, index])) for index in self.order(picture)[:count]]

    def order(self, picture: int = 0) -> list[int]:
        """The classes of one picture, most probable first."""
        return [int(index) for index in np.argsort(-self.probabilities[picture], kind="stable")]

    def _repr_html_(self) -> str:
        rows = []
        for picture in range(min(len(self), 8)):
            for label, share in self.top(5, picture):
                rows.append(f"<tr><td style='text-align:left'>{html.escape(label)}</td><td>{share:.1%}</td></tr>")
        return (
            f"<table><thead><tr><th>class</th><th>probability</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def why_empty(values: np.ndarray) -> str:
    """Why a map shows nothing in its positive part; "" if it shows something."""
    if not np.isfinite(values).all():
        return "The map holds NaN or infinite values: the network's weights or activations are not finite numbers."
    if values.size == 1:
        return "The layer has one position only, so its map over the picture would be one flat color."
    if not values.any():
        return "Every value is zero: the gradient is zero, so no change at this layer would change the score."
    if values.max() <= 0:
        return "No position speaks for it: every value is negative or zero. The signed map shows what speaks against."
    if values.max() == values.min():
        return "Every position has the same value: the map says nothing about where."
    return ""


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _in_color(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    if low < 0:
        bound = max(-low, high)
        return colorize(values, -bound, bound, "polar")
    return colorize(values, 0, high, "tide")


def _enlarged(tile: np.ndarray, scale: int) -> np.ndarray:
    return tile.repeat(scale, 0).repeat(scale, 1)
