"""Where a layer speaks for a class, position by position: exact for networks that end in one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.cams import Reshape, gradient_cam
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def hires_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """HiResCAM of a class, or of any objective.

    The map is the sum over channels of activation times gradient, without averaging the gradient first. It points only
    to positions that truly raised the score, which Grad-CAM does not guarantee.

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
    Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    arXiv:2011.08891.
    """
    return gradient_cam(network, images, target, layer, reshape, "HiResCAM", _weigh)


def _weigh(activation: Tensor, gradient: Tensor) -> Tensor:
    return (activation * gradient).sum(1)
