"""How a picture is written as numbers that are climbed: what a step can change easily decides what the picture comes to look like.

A `Parameterization` says how, a `Canvas` holds the numbers (`leaves`) of a batch of pictures and shows them as `pictures()` in [0, 1].
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .errors import AscentError
from .plain_numbers import number, whole

#: Square root of the covariance of ImageNet's colors, as Lucid has it (Olah et al. 2017): lightness, blue to yellow, green to magenta.
IMAGENET_COLORS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
_FOURIER_SCALE = 4.0  # Lucid's: a larger one saturates less
_EDGE = 5e-3  # a start picture is kept so far from black and white, where a sigmoid has no slope

Colors = tuple[tuple[float, ...], ...]
Noise = Callable[..., Tensor]


class Canvas:
    """The numbers of a batch of pictures.

    Attributes
    ----------
    leaves : list of Tensor
        What is climbed; the first axis of each is the batch.
    """

    def __init__(self, leaves: list[Tensor], show: Callable[[list[Tensor]], Tensor]) -> None:
        self.leaves = [leaf.detach().clone(memory_format=torch.contiguous_format).requires_grad_() for leaf in leaves]
        self._show = show

    def pictures(self) -> Tensor:
        """(N, C, H, W) in [0, 1], in the graph of the leaves."""
        return self._show(self.leaves)


@dataclass(frozen=True)
class Parameterization:
    """Base of all.

    Parameters
    ----------
    spread
        Standard deviation of the numbers that an ascent begins with.
    decorrelated
        Whether the channels are mixed by `colors`, so that a step changes colors as they go together in photos.
    colors
        That mixing, (C, C), from `color_matrix`; by default ImageNet's for three channels, and none for other numbers.
    """

    spread: float = 0.01
    decorrelated: bool = True
    colors: Colors | None = None

    def __post_init__(self) -> None:
        if self.colors is not None:
            object.__setattr__(self, "colors", _rows(self.colors))
        self._keep_number("spread", 0.01)

    def _keep_number(self, name: str, example: float) -> None:
        """A field as a plain number ≥ 0; `AscentError` if it is none."""
        value = number(getattr(self, name))
        if not (math.isfinite(value) and value >= 0):
            msg = f"{name} is {getattr(self, name)!r}: give a number ≥ 0, such as {example}."
            raise AscentError(msg)
        object.__setattr__(self, name, value)

    @abstractmethod
    def noise(self, shape: tuple[int, int, int, int], normal: Noise) -> list[Tensor]:
        """What an ascent begins with; `normal(*shape)` draws (N, *shape) from a standard normal."""

    @abstractmethod
    def written(self, values: Tensor) -> list[Tensor]:
        """The leaves that stand for unbounded values (N, C, H, W)."""

    @abstractmethod
    def values(self, leaves: list[Tensor], shape: tuple[int, int, int, int]) -> Tensor:
        """The unbounded values (N, C, H, W) of leaves."""

    def canvas(
        self, shape: tuple[int, int, int, int], normal: Noise | None = None, start: Tensor | None = None
    ) -> Canvas:
        """A canvas for pictures (N, C, H, W).

        Parameters
        ----------
        shape
            Of the pictures.
        normal
            Draws noise: `normal(C, H, W)` -> (N, C, H, W). Without it, and without a start, the canvas is plain gray.
        start
            (N, C, H, W) in [0, 1] to begin with, instead of noise.
        """
        colors = self._colors(shape[1])

        def show(leaves: list[Tensor]) -> Tensor:
            values = self.values(leaves, shape)
            return torch.sigmoid(values) if colors is None else mixed(values, colors).sigmoid_()

        if start is not None:
            values = torch.logit(start.detach().to(torch.float32), _EDGE)
            return Canvas(self.written(values if colors is None else _unmixed(values, colors)), show)
        draw = normal or (lambda *size: torch.zeros(shape[0], *size))
        return Canvas(self.noise(shape, draw), show)

    def _colors(self, channels: int) -> Tensor | None:
        if not self.decorrelated or (self.colors is None and channels != 3):
            return None
        if self.colors is not None and len(self.colors) != channels:
            msg = f"colors is {len(self.colors)} × {len(self.colors)} and the pictures have {channels} channels: give one row each."
            raise AscentError(msg)
        return _normalized(self.colors or IMAGENET_COLORS)


@dataclass(frozen=True)
class Pixels(Parameterization):
    """Each pixel by itself. A step changes high frequencies most, so that pictures come out as fine noise unless regularized."""

    decorrelated: bool = False

    def noise(self, shape: tuple[int, int, int, int], normal: Noise) -> list[Tensor]:
        """Values of their own."""
        return [normal(*shape[1:]) * self.spread]

    def written(self, values: Tensor) -> list[Tensor]:
        """The values themselves."""
        return [values]

    def values(self, leaves: list[Tensor], shape: tuple[int, int, int, int]) -> Tensor:
        """The leaves themselves."""
        return leaves[0]


@dataclass(frozen=True)
class Fourier(Parameterization):
    """Frequencies in place of pixels, low ones scaled up as photos have them, which steers ascent to shapes instead of noise.

    Parameters
    ----------
    decay
        Frequency f is scaled by 1 / f to this power; 1 is that of photos, more is smoother, 0 is as with pixels.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section "Preconditioning and Parameterization".
    """

    decay: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_number("decay", 1.0)

    def noise(self, shape: tuple[int, int, int, int], normal: Noise) -> list[Tensor]:
        """Real and imaginary parts (N, C, H, W // 2 + 1, 2)."""
        return [normal(shape[1], *frequencies(shape[2], shape[3]).shape, 2) * self.spread]

    def written(self, values: Tensor) -> list[Tensor]:
        """The spectrum, divided by what it will be scaled with."""
        scale = _fourier_scale(values.shape[2], values.shape[3], self.decay).to(values)
        return [torch.view_as_real(torch.fft.rfft2(values, norm="ortho")) / scale]

    def values(self, leaves: list[Tensor], shape: tuple[int, int, int, int]) -> Tensor:
        """The inverse transform, of any size, odd ones too."""
        scales = (each.to(leaves[0]) for each in _fourier_scales(shape[2], shape[3], self.decay))
        waves: Tensor = _Waves.apply(leaves[0], *scales, shape[2:])
        return waves


class _Waves(torch.autograd.Function):
    """Scaled frequencies as a picture. The way back is a transform too; autograd takes two more passes over memory for it."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, scale: Tensor, back: Tensor, size: Sequence[int]) -> Tensor:
        """(N, C, H, W // 2 + 1, 2) to (N, C, H, W)."""
        ctx.back = back
        return torch.fft.irfft2(torch.view_as_complex(spectrum * scale), s=size, norm="ortho")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Each frequency by what it is scaled with, twice where it stands for its mirror image as well."""
        spectrum = torch.fft.rfft2(gradients[0], norm="ortho")
        return torch.view_as_real(spectrum).mul_(ctx.back), None, None, None


@dataclass(frozen=True)
class Laplacian(Parameterization):
    """A sum of pictures of halved and halved again size: each level paints details of its own size (Burt and Adelson 1983).

    Parameters
    ----------
    levels
        How many, the finest counted; fewer where a picture is too small for them.
    """

    levels: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        levels = whole(self.levels)
        if levels < 1:
            msg = f"levels is {self.levels!r}: give a whole number, at least 1."
            raise AscentError(msg)
        object.__setattr__(self, "levels", levels)

    def noise(self, shape: tuple[int, int, int, int], normal: Noise) -> list[Tensor]:
        """One level after the other, finest first."""
        return [normal(shape[1], *size) * self.spread for size in self._sizes(shape)]

    def written(self, values: Tensor) -> list[Tensor]:
        """What the coarser levels leave over is in the finer ones, so that the sum is exact."""
        found: list[Tensor] = []
        coarser: Tensor | None = None
        for size in reversed(self._sizes(tuple(values.shape))):
            wanted = values if size == tuple(values.shape[2:]) else functional.adaptive_avg_pool2d(values, size)
            found.insert(0, wanted if coarser is None else wanted - _enlarged(coarser, size))
            coarser = wanted
        return found

    def values(self, leaves: list[Tensor], shape: tuple[int, int, int, int]) -> Tensor:
        """The sum of all levels, enlarged; from the coarsest up, which enlarges each only by two."""
        total = leaves[-1]
        for leaf in reversed(leaves[:-1]):
            total = leaf + _enlarged(total, leaf.shape[2:])
        return _enlarged(total, shape[2:])

    def _sizes(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        sizes = [(shape[2], shape[3])]
        while len(sizes) < self.levels and min(sizes[-1]) >= 2:
            sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
        return sizes


@dataclass(frozen=True)
class MaCo(Parameterization):
    """Phases alone are climbed; how strong each frequency is stays as in photos, so that no picture gets noisier than these.

    Parameters
    ----------
    contrast
        Standard deviation of the picture before the colors are mixed.
    decay
        Strengths fall as 1 / f to this power (photos: about 1; Field 1987) where no spectrum is given.
    spectrum
        Strength of each frequency, (C, h, w // 2 + 1) from `spectrum_of`, resized to the picture.

    References
    ----------
    Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization", NeurIPS 2023. Field,
    "Relations between the statistics of natural images and the response properties of cortical cells", JOSA A 1987.
    """

    spread: float = 1.0
    contrast: float = 1.0
    decay: float = 1.0
    spectrum: np.ndarray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep_number("contrast", 1.0)
        self._keep_number("decay", 1.0)
        if self.spectrum is not None:
            object.__setattr__(self, "spectrum", _strengths(self.spectrum))

    def __hash__(self) -> int:
        return hash((self.spread, self.decorrelated, self.colors, self.contrast, self.decay))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MaCo):
            return NotImplemented
        numbers = [getattr(self, each.name) == getattr(other, each.name) for each in fields(self) if each.compare]
        return all(numbers) and np.array_equal(self.spectrum, other.spectrum)  # type: ignore[arg-type]

    def noise(self, shape: tuple[int, int, int, int], normal: Noise) -> list[Tensor]:
        """Phases in radians, (N, C, H, W // 2 + 1)."""
        return [normal(shape[1], *frequencies(shape[2], shape[3]).shape) * self.spread]

    def written(self, values: Tensor) -> list[Tensor]:
        """The phases of the values; their strengths are lost, that is the constraint."""
        return [torch.fft.rfft2(values).angle()]

    def values(self, leaves: list[Tensor], shape: tuple[int, int, int, int]) -> Tensor:
        """The inverse transform, its mean and deviation set to 0 and the contrast, picture by picture."""
        strength = self._strength(shape).to(leaves[0])
        waves = torch.fft.irfft2(torch.polar(strength.expand_as(leaves[0]).contiguous(), leaves[0]), s=shape[2:])
        # A mean of products instead of `std`, whose gradient is not finite where nothing varies (a picture of 1 px).
        waves = waves - waves.mean((1, 2, 3), keepdim=True)
        deviation = (waves.square().mean((1, 2, 3), keepdim=True) + 1e-12).sqrt()
        return waves / deviation * self.contrast

    def _strength(self, shape: tuple[int, int, int, int]) -> Tensor:
        if self.spectrum is None:
            strength = _fourier_scale(shape[2], shape[3], self.decay)[..., 0].clone()
            strength[0, 0] = 0  # the mean says nothing about a shape
            return strength
        given = torch.as_tensor(self.spectrum, dtype=torch.float32)
        if given.shape[0] not in (1, shape[1]):
            msg = f"The spectrum is {tuple(given.shape)} and the pictures have {shape[1]} channels: take it from spectrum_of(images)."
            raise AscentError(msg)
        return _resized_spectrum(given, shape[2], shape[3])


def color_matrix(images: np.ndarray | Tensor | Sequence[Any]) -> np.ndarray:
    """How the channels of pictures go together: what `colors` takes.

    Parameters
    ----------
    images
        (N, C, H, W) float in [0, 1], or a sequence of (C, H, W) of any sizes.

    Returns
    -------
    ndarray
        (C, C), the square root of the covariance of the channels over all pixels, by its singular vectors: columns are independent.

    Raises
    ------
    AscentError
        If there are no pixels to learn from.
    """
    pictures = [torch.as_tensor(np.asarray(each), dtype=torch.float64) for each in images]
    if not pictures or any(each.ndim != 3 for each in pictures):
        msg = "Colors are learned from pictures (N, C, H, W) with at least one pixel in each: give some."
        raise AscentError(msg)
    pixels = torch.cat([each.flatten(1) for each in pictures], 1)
    centered = pixels - pixels.mean(1, keepdim=True)
    vectors, strengths, _ = torch.linalg.svd(centered @ centered.T / max(1, centered.shape[1]))
    root: np.ndarray = (vectors * (strengths + 1e-10).sqrt()).numpy()
    return root


def spectrum_of(images: np.ndarray | Tensor | Sequence[Any], *, size: tuple[int, int] = (128, 128)) -> np.ndarray:
    """How strong each frequency is in pictures, on the average: what `MaCo(spectrum=…)` takes.

    Parameters
    ----------
    images
        A sequence of (C, H, W) float in [0, 1].
    size
        Height and width that they are brought to.

    Returns
    -------
    ndarray
        float32 (C, size[0], size[1] // 2 + 1).
    """
    total: Tensor | None = None
    count = 0
    for each in images:
        picture = torch.as_tensor(np.asarray(each), dtype=torch.float32)[None]
        fitted = functional.interpolate(picture, size, mode="bilinear", antialias=True)[0]
        strength = torch.fft.rfft2(fitted - fitted.mean((1, 2), keepdim=True)).abs()
        total, count = (strength if total is None else total + strength), count + 1
    if total is None:
        msg = "A spectrum is learned from pictures (C, H, W): give at least one."
        raise AscentError(msg)
    return (total / count).numpy()


def _rows(colors: Any) -> Colors:
    """A color matrix as plain numbers."""
    try:
        matrix = np.asarray(colors, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all() or not matrix.any():
        about = f"of shape {matrix.shape}" if matrix.size else repr(colors)
        msg = f"colors is {about}: give a square matrix of numbers, one row a channel, not all 0; take it from color_matrix(images)."
        raise AscentError(msg)
    return tuple(tuple(row) for row in matrix.tolist())


def _strengths(spectrum: Any) -> np.ndarray:
    """A spectrum as an array."""
    try:
        found = np.asarray(spectrum, np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0, np.float32)
    if found.ndim != 3 or not found.size or not np.isfinite(found).all():
        about = (
            f"of shape {found.shape}, or holds values that are no numbers"
            if found.size
            else "no array (C, h, w // 2 + 1)"
        )
        msg = f"The spectrum is {about}: take it from spectrum_of(images)."
        raise AscentError(msg)
    return found


def frequencies(height: int, width: int) -> np.ndarray:
    """The frequency of each entry of `rfft2`, in cycles a pixel: float64 (height, width // 2 + 1)."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    length: np.ndarray = np.sqrt(down * down + across * across)
    return length


def mixed(values: Tensor, colors: Tensor) -> Tensor:
    """Channels (N, C, H, W) mixed by a matrix (C, C)."""
    return (colors.to(values) @ values.flatten(2)).view(values.shape)


def _unmixed(values: Tensor, colors: Tensor) -> Tensor:
    return mixed(values.double(), torch.linalg.pinv(colors.double())).to(values)


@lru_cache(maxsize=32)
def _normalized(colors: Colors) -> Tensor:
    """Divided by the length of its longest column."""
    matrix = np.asarray(colors, np.float32)
    with torch.inference_mode(mode=False):
        return torch.as_tensor(matrix / np.linalg.norm(matrix, axis=0).max())


@lru_cache(maxsize=32)
def _fourier_scales(height: int, width: int, decay: float) -> tuple[Tensor, Tensor]:
    """The scale, and that of the way back: columns that stand for their mirror image too count twice."""
    scale = _fourier_scale(height, width, decay)
    with torch.inference_mode(mode=False):
        twice = torch.full((scale.shape[1], 1), 2.0)
        twice[0] = 1
        if width % 2 == 0:
            twice[-1] = 1
        return scale, scale * twice


@lru_cache(maxsize=32)
def _fourier_scale(height: int, width: int, decay: float) -> Tensor:
    """What real and imaginary part of each frequency are multiplied with, (height, width // 2 + 1, 2)."""
    least = 1.0 / max(height, width)
    scale = 1.0 / np.maximum(frequencies(height, width), least) ** decay / _FOURIER_SCALE
    with torch.inference_mode(mode=False):
        # Written out for both parts: torch takes four times as long where the last axis is spread.
        return torch.as_tensor(scale, dtype=torch.float32)[..., None].repeat(1, 1, 2)


def _enlarged(level: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(level.shape[2:]) == tuple(size):
        return level
    return functional.interpolate(level, tuple(size), mode="bilinear", align_corners=False)


def _resized_spectrum(spectrum: Tensor, height: int, width: int) -> Tensor:
    """At another size: the same frequencies in cycles a pixel, whatever the number of entries."""
    centered = torch.fft.fftshift(spectrum, 1)
    sized = functional.interpolate(centered[None], (height, width // 2 + 1), mode="bilinear", align_corners=True)[0]
    strength = torch.fft.ifftshift(sized, 1)
    strength[:, 0, 0] = 0
    return strength
