"""Grad-CAM whose weights count positions, so that several objects of a class all show."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.cams import Reshape, gradient_cam
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap

_EPSILON = 1e-6


def grad_cam_plus_plus(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """Grad-CAM++ of a class, or of any objective.

    A channel's weight is the sum over positions of alpha times the positive part of the gradient g, with alpha = g² /
    (2 g² + sum(A) g³) wherever the gradient is not zero (equation 19 of the paper, for an exponential of the score).

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
    Chattopadhyay et al., "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional Networks",
    WACV 2018.
    """
    return gradient_cam(network, images, target, layer, reshape, "Grad-CAM++", _weigh)


def _weigh(activation: Tensor, gradient: Tensor) -> Tensor:
    square = gradient**2
    total = activation.sum((2, 3), keepdim=True)
    below = 2 * square + total * square * gradient
    alpha = torch.where(gradient == 0, 0, square / (below + _EPSILON))
    weights = (alpha * gradient.clamp(min=0)).sum((2, 3))
    return torch.einsum("nchw,nc->nhw", activation, weights)
