"""What a layer keeps of a picture, and pictures made from it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from torch import Tensor

from .errors import ImageError
from .images import ImageLike
from .network import Network
from .synthesis import Synthesis


@dataclass(frozen=True)
class Kept:
    """What a layer keeps of one picture.

    Attributes
    ----------
    layer : str
        Which.
    activations : Tensor
        (1, C, h, w), or as the layer gives them.
    size : tuple of int
        (height, width) of the picture in pixels.
    """

    layer: str
    activations: Tensor
    size: tuple[int, int]

    @classmethod
    def of(cls, network: Network, image: ImageLike | Sequence[ImageLike], layer: str | None) -> Kept:
        """By a pass that ends at the layer; by default the last one that knows where things are.

        Raises
        ------
        ImageError
            If there is more than one picture.
        """
        picture = network.read(image)
        if len(picture) != 1:
            msg = f"{len(picture)} pictures were given: give one at a time."
            raise ImageError(msg)
        name = network.last_spatial_layer if layer is None else layer
        kept = network.trace(picture, name, logits=False)[name].detach()
        return cls(name, kept, (picture.shape[2], picture.shape[3]))


@dataclass(frozen=True, eq=False)
class Inversion(Synthesis):
    """A picture made from the activations of another; the score is minus their distance."""

    @classmethod
    def from_synthesis(cls, made: Synthesis) -> Inversion:
        """The same, with its error."""
        return cls(**{each.name: getattr(made, each.name) for each in fields(Synthesis)})

    @property
    def error(self) -> np.ndarray:
        """How far the activations are from those of the picture: squared distance in units of their own square, float32 (N,).

        0 is reached by the picture itself, 1 by a layer that is silent.
        """
        return -self.scores

    def __repr__(self) -> str:
        count, _, height, width = self.images.shape
        return f"Inversion({', '.join(self.names)}, {count} × {height} × {width}, error {float(self.error.mean()):.3g})"
