"""Class activation maps that stay sharp in shallow layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.cams import Reshape, gradient_cam
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def layer_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """LayerCAM of a class, or of any objective.

    The map is the sum over channels of activation times the positive part of the gradient, position by position.

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
    Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE TIP 2021.
    """
    return gradient_cam(network, images, target, layer, reshape, "LayerCAM", _weigh)


def _weigh(activation: Tensor, gradient: Tensor) -> Tensor:
    return (activation * gradient.clamp(min=0)).sum(1)
