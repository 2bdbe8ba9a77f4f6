"""What each pixel contributes, if the network were linear: its value times its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.gradients import image_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def input_x_gradient(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
) -> Heatmap:
    """Pixel times gradient, with respect to black.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.

    Returns
    -------
    Heatmap
        `values` (N, H, W), signed: the sum over the color channels, in units of the score. `channels` (N, C, H, W).

    Raises
    ------
    TargetError
        If there is no such class.
    GradientError
        If the objective cannot be differentiated.

    References
    ----------
    Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
    arXiv:1605.01713.
    """
    found = image_gradient(network, images, target)
    product = found.images * found.values
    return found.heatmap("Input × gradient", product, product.sum(1))
