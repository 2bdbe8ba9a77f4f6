"""Where a layer speaks for a class: gradient-weighted class activation mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..engine.cams import Reshape, gradient_cam, mean_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target, class_score
from ..engine.results import Heatmap


def grad_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """Grad-CAM of a class, or of any objective, at any layer with spatial axes.

    The map is the sum of the layer's channels, each weighted by the mean over positions of the objective's gradient.

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
        `values` (N, h, w), signed and raw, at the layer's resolution: no rectifier, no scaling. The published picture is
        its positive part, which is what `display` draws. Several layers are fused at the finest one's resolution, each map
        divided by its largest size first.

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
    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
    """
    return gradient_cam(network, images, target, layer, reshape, "Grad-CAM", mean_gradient)


def grad_cam_of_layers(
    network: Network, image: Tensor, targets: Sequence[int], layers: Sequence[str]
) -> dict[tuple[str, int], np.ndarray]:
    """Grad-CAM of one picture for several classes at many layers, with one backward pass a class.

    Parameters
    ----------
    image
        (1, C, H, W) float in [0, 1].
    targets
        Class indices.
    layers
        Names of layers with spatial axes, in execution order.

    Returns
    -------
    dict
        (layer, class) -> float32 (h, w), as `grad_cam` gives it.
    """
    trace = network.trace(image, wrt=layers)
    maps = {}
    for target in targets:
        gradients = trace.gradients(class_score(target)(trace), layers, retain_graph=True)
        for layer, gradient in zip(layers, gradients, strict=True):
            read = network.layer(layer).channels_first
            maps[layer, target] = mean_gradient(read(trace[layer].detach()), read(gradient))[0].float().cpu().numpy()
    return maps

