"""What a picture must survive: it is moved, scaled and turned anew at every step, so that no fine pattern fits one grid alone."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .errors import AscentError
from .plain_numbers import number, whole

_GRAY = 0.5
_CORNERS = False  # -1 and 1 are the edges of the picture, not the middles of its outermost pixels


@dataclass(frozen=True)
class Drawn:
    """One draw of transforms for each picture of a batch.

    Attributes
    ----------
    shifts, settled : list of pairs of float
        For each picture, pixels down and across, before and after the turn; whole numbers.
    scales, angles : list of float
        For each picture, a factor, and radians counterclockwise as seen on it.
    """

    shifts: list[tuple[float, float]]
    settled: list[tuple[float, float]]
    scales: list[float]
    angles: list[float]

    @property
    def whole(self) -> bool:
        """Whether pictures are only moved by whole pixels."""
        return all(scale == 1 for scale in self.scales) and not any(self.angles)


@dataclass(frozen=True)
class Transforms:
    """How far a picture is moved, scaled and turned at a step; drawn anew for every picture and step.

    Parameters
    ----------
    pad
        Pixels of gray put around the picture, where the network takes any size: so its border is seen as other places are.
    jitter
        It is moved by whole pixels down and across, drawn from −jitter/2 … jitter/2.
    scale
        Least and largest factor.
    rotate
        Degrees: the angle is drawn from −rotate … rotate.
    settle
        A second jitter, after the turn.

    Notes
    -----
    What lies outside the picture is gray. All of it is one resampling (bilinear); whole shifts alone move pixels without any.

    References
    ----------
    Mordvintsev et al. 2015 (jitter); Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section "Transformation
    Robustness".
    """

    pad: int = 0
    jitter: int = 0
    scale: tuple[float, float] = (1.0, 1.0)
    rotate: float = 0.0
    settle: int = 0

    def __post_init__(self) -> None:
        given = self.scale if isinstance(self.scale, Iterable) else (self.scale, self.scale)
        pair = [number(each) for each in given]
        if len(pair) != 2 or not all(math.isfinite(each) and each > 0 for each in pair) or pair[0] > pair[1]:
            msg = f"scale is {self.scale!r}: give the least and the largest factor, such as (0.9, 1.1)."
            raise AscentError(msg)
        object.__setattr__(self, "scale", (float(pair[0]), float(pair[1])))
        for name in ("pad", "jitter", "rotate", "settle"):
            value = number(getattr(self, name)) if name == "rotate" else whole(getattr(self, name))
            if not math.isfinite(value) or value < 0:
                msg = f"{name} is {getattr(self, name)!r}: give {'degrees' if name == 'rotate' else 'whole pixels'}, 0 or more."
                raise AscentError(msg)
            object.__setattr__(self, name, value)

    def draw(self, generators: Sequence[torch.Generator]) -> Drawn:
        """One draw a picture, each from its own generator, so that a picture's draws do not depend on its company."""
        # Always six numbers a step: so a change of one range leaves the others' draws as they are.
        rolls = [torch.rand(6, generator=each, dtype=torch.float64).tolist() for each in generators]
        low, high = self.scale
        return Drawn(
            [(_whole(roll[0], self.jitter), _whole(roll[1], self.jitter)) for roll in rolls],
            [(_whole(roll[2], self.settle), _whole(roll[3], self.settle)) for roll in rolls],
            [low + (high - low) * roll[4] for roll in rolls],
            [(2 * roll[5] - 1) * math.radians(self.rotate) for roll in rolls],
        )


#: Lucid's defaults (Olah et al. 2017).
STANDARD = Transforms(pad=12, jitter=8, scale=(0.9, 1.1), rotate=10, settle=4)
#: The picture as it is.
NONE = Transforms()
#: What lectures recommend: jitter in pixels, scale as a factor, rotate in degrees, octaves as the ratio of sizes.
RANGES = {"jitter": (8.0, 64.0), "scale": (1.0, 1.4), "rotate": (15.0, 180.0), "octave": (1.0, 1.2)}


def transformed(pictures: Tensor, drawn: Drawn, pad: int = 0) -> Tensor:
    """Pictures (N, C, H, W) after a draw, (N, C, H + 2 pad, W + 2 pad); outside is gray."""
    if drawn.whole:
        both = zip(drawn.shifts, drawn.settled, strict=True)
        return _moved(pictures, [(int(one[0] + two[0]), int(one[1] + two[1])) for one, two in both], pad)
    grid = _grid(drawn, pictures.shape, pad).to(pictures)
    # Zeros are what `grid_sample` puts outside, so gray has to be zero meanwhile.
    moved: Tensor = _Resampled.apply(pictures - _GRAY, grid)
    return moved.add_(_GRAY)


class _Resampled(torch.autograd.Function):
    """`grid_sample`, differentiated with respect to the pictures alone.

    Torch's way back reads the pictures to differentiate the grid too, even if nobody asks. By then they are no longer in the caches,
    and fetching them takes as long as all the rest; their own gradient does not depend on them.
    """

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, grid: Tensor) -> Tensor:
        """(N, C, H, W) at (N, H', W', 2): (N, C, H', W')."""
        ctx.grid, ctx.shape = grid, pictures.shape
        return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=_CORNERS)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """That of the pictures; one zero stands in for all of them."""
        (gradient,) = gradients
        any_pictures = gradient.new_zeros(()).expand(ctx.shape)
        back = torch.ops.aten.grid_sampler_2d_backward  # bilinear, zeros beyond the edge
        found, _ = back(gradient, any_pictures, ctx.grid, 0, 0, _CORNERS, [True, False])
        return found, None


def _whole(roll: float, reach: int) -> float:
    """A whole number in −reach/2 … reach/2, all as likely, of a number in 0 … 1."""
    half = reach // 2
    return float(math.floor(roll * (2 * half + 1)) - half)


def _moved(pictures: Tensor, shifts: list[tuple[int, int]], pad: int) -> Tensor:
    """Each moved by whole pixels."""
    reach = max(abs(each) for shift in shifts for each in shift)
    if not reach and not pad:
        return pictures
    height, width = (side + 2 * pad for side in pictures.shape[2:])
    room = functional.pad(pictures, (reach + pad,) * 4, value=_GRAY)
    if len(set(shifts)) == 1:
        down, across = shifts[0]
        return room[:, :, reach - down : reach - down + height, reach - across : reach - across + width]
    views = [
        room[index : index + 1, :, reach - down : reach - down + height, reach - across : reach - across + width]
        for index, (down, across) in enumerate(shifts)
    ]
    return torch.cat(views)


def _grid(drawn: Drawn, shape: torch.Size, pad: int) -> Tensor:
    """For each pixel of the result where it lies in the picture, as `grid_sample` counts: (N, H', W', 2)."""
    height, width = shape[2:]
    # As complex numbers, x + iy, a turn is one product. A point goes by: moved, scaled, turned, moved; so it comes back the other way.
    places = []
    for shift, settled, scale, angle in zip(drawn.shifts, drawn.settled, drawn.scales, drawn.angles, strict=True):
        back = cmath.rect(1 / scale, angle)
        start = -back * complex(settled[1], settled[0]) - complex(shift[1], shift[0])
        places.append([_scaled(each, height, width) for each in (back * 1j, start, back)])
    a_row, start, a_column = np.array(places)[:, :, None].swapaxes(0, 1)
    rows = (a_row * _about_the_middle(height + 2 * pad) + start).astype(np.complex64)
    columns = (a_column * _about_the_middle(width + 2 * pad)).astype(np.complex64)
    return torch.view_as_real(torch.from_numpy(rows)[:, :, None] + torch.from_numpy(columns)[:, None, :])


def _scaled(point: complex, height: int, width: int) -> complex:
    """From pixels about the middle to -1 … 1 over the picture."""
    return complex(point.real * 2 / width, point.imag * 2 / height)


@lru_cache(maxsize=32)
def _about_the_middle(length: int) -> np.ndarray:
    """The positions of so many pixels."""
    found: np.ndarray = np.arange(length) - (length - 1) / 2
    return found
