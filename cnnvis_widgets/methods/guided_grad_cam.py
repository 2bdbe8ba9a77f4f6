"""The sharpness of guided backprop, where Grad-CAM speaks for the class."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.cams import Reshape, gradient_cam, mean_gradient, upsampled
from ..engine.gradients import image_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def guided_grad_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """Guided backprop times the positive part of Grad-CAM, enlarged to the picture (bilinear).

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
        Where to read Grad-CAM, or several layers to fuse; by default the last block that still has spatial axes.
    reshape
        For layers of tokens (vision transformers): the grid (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).

    Returns
    -------
    Heatmap
        `values` (N, H, W), signed: the sum over the color channels. `channels` (N, C, H, W). `relus` counts the ReLUs
        intercepted.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    GradientError
        If the network computes no ReLU.
    TargetError
        If there is no such class.

    References
    ----------
    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
    """
    cam = gradient_cam(network, images, target, layer, reshape, "Grad-CAM", mean_gradient)
    guided = image_gradient(network, images, target, rectify="guided")
    size = guided.values.shape[2:]
    weight = upsampled(guided.values.new_tensor(cam.values).clamp(min=0)[:, None], size)
    product = guided.values * weight
    return guided.heatmap("Guided Grad-CAM", product, product.sum(1))
