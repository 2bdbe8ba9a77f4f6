"""What a climbed picture is kept from: penalties on its pixels, taken from the score.

Every weight is a number ≥ 0 and every penalty is subtracted, so that a larger weight always means less of it. Penalties are means over
the positions and channels of a picture in [0, 1]; a weight's unit is score per unit of that mean (times `Recipe.unit`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from .errors import AscentError
from .plain_numbers import number

_GRAY = 0.5


@dataclass(frozen=True)
class Regularizer:
    """A penalty and its weight.

    Parameters
    ----------
    weight
        How much of the penalty is taken from the score; ≥ 0.
    """

    weight: float

    def __post_init__(self) -> None:
        weight = number(self.weight)
        if not (math.isfinite(weight) and weight >= 0):
            msg = f"The weight of {type(self).__name__} is {self.weight!r}: give a number ≥ 0; it is subtracted from the score."
            raise AscentError(msg)
        object.__setattr__(self, "weight", weight)

    @abstractmethod
    def penalty(self, pictures: Tensor) -> Tensor:
        """How much there is of it in each picture: (N, C, H, W) in [0, 1] -> (N,), ≥ 0."""


@dataclass(frozen=True)
class L2(Regularizer):
    """The mean square of a pixel's distance from gray: strong pixels cost most (Simonyan et al. 2014)."""

    def penalty(self, pictures: Tensor) -> Tensor:
        """In [0, 0.25]."""
        return (pictures - _GRAY).square().flatten(1).mean(1)


@dataclass(frozen=True)
class L1(Regularizer):
    """The mean distance of a pixel from gray: most pixels stay gray."""

    def penalty(self, pictures: Tensor) -> Tensor:
        """In [0, 0.5]."""
        return (pictures - _GRAY).abs().flatten(1).mean(1)


@dataclass(frozen=True)
class TotalVariation(Regularizer):
    """The mean difference to the pixel below plus that to the one at the right: noise costs (Mahendran and Vedaldi 2015)."""

    def penalty(self, pictures: Tensor) -> Tensor:
        """In [0, 2]; 0 for one color."""
        down = (pictures[:, :, 1:] - pictures[:, :, :-1]).abs().flatten(1)
        across = (pictures[..., 1:] - pictures[..., :-1]).abs().flatten(1)
        return _mean(down) + _mean(across)


@dataclass(frozen=True)
class Blur(Regularizer):
    """The mean square of what a blur takes away: high frequencies cost (Yosinski et al. 2015 blur between steps).

    Parameters
    ----------
    sigma
        Of the Gaussian, in pixels.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        sigma = number(self.sigma)
        if not (math.isfinite(sigma) and sigma > 0):
            msg = f"The sigma of Blur is {self.sigma!r}: give a number of pixels above 0, such as 1."
            raise AscentError(msg)
        object.__setattr__(self, "sigma", sigma)

    def penalty(self, pictures: Tensor) -> Tensor:
        """In [0, 1]. What the blurred picture changes by is not differentiated, so a step moves every pixel towards it."""
        return (pictures - blurred(pictures, self.sigma).detach()).square().flatten(1).mean(1)


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """Pictures (N, C, H, W) after a Gaussian blur of `sigma` pixels; the border goes on as it ends."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = _gaussian(sigma, reach).to(pictures)
    padded = functional.pad(pictures, (reach,) * 4, mode="replicate")
    flat = padded.reshape(-1, 1, *padded.shape[2:])
    across = functional.conv2d(flat, kernel.view(1, 1, 1, -1))
    return functional.conv2d(across, kernel.view(1, 1, -1, 1)).reshape(pictures.shape)


@lru_cache(maxsize=32)
def _gaussian(sigma: float, reach: int) -> Tensor:
    with torch.inference_mode(mode=False):
        steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
        heights = torch.exp(-steps.square() / (2 * sigma**2))
        return heights / heights.sum()


def _mean(values: Tensor) -> Tensor:
    """The mean of each row; 0 where there is nothing (a picture of one row or column has no neighbors that way)."""
    return values.mean(1) if values.shape[1] else values.sum(1)
