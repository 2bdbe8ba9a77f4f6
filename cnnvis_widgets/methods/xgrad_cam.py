"""Grad-CAM whose weights follow from two axioms: sensitivity and conservation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.cams import Reshape, gradient_cam
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap

_EPSILON = 1e-7


def xgrad_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """XGrad-CAM of a class, or of any objective.

    A channel's weight is the mean of its gradient over positions, weighted by the activation there: sum(g A) / sum(A).
    A channel that is nowhere active has no weight.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    layer
        Where to read, or several layers to fuse; by default the last block that still has spatial axes.
    reshape
        For layers of tokens (vision transformers): the grid (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).

    Returns
    -------
    Heatmap
        `values` (N, h, w), signed and raw, at the layer's resolution; fused ones at the finest layer's, each divided by its
        largest size first. The published picture is its positive part, which is what `display` draws.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    TargetError
        If there is no such class.
    GradientError
        If the objective does not depend on the layer in a way that can be differentiated.

    References
    ----------
    Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", BMVC 2020.
    """
    return gradient_cam(network, images, target, layer, reshape, "XGrad-CAM", _weigh)


def _weigh(activation: Tensor, gradient: Tensor) -> Tensor:
    total = activation.sum((2, 3))
    weights = torch.where(total == 0, 0, (gradient * activation).sum((2, 3)) / (total + _EPSILON))
    return torch.einsum("nchw,nc->nhw", activation, weights)
