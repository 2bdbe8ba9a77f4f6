"""Which pixels excite what speaks for a class: backpropagation with all that is negative left out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.gradients import image_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def guided_backprop(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
) -> Heatmap:
    """Guided backpropagation: each ReLU passes back what is positive, where it was open.

    The picture is sharp and often depends little on the class: compare two classes, or run `randomization_check`.

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
        `values` (N, H, W), signed: the sum over the color channels. `channels` (N, C, H, W), shown by `in_color`. `relus` counts
        the ReLUs intercepted, whether modules, functions, in place or reused.

    Raises
    ------
    GradientError
        If the network computes no ReLU, so that this would be the plain gradient.
    TargetError
        If there is no such class.

    References
    ----------
    Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR workshop 2015.
    """
    found = image_gradient(network, images, target, rectify="guided")
    return found.heatmap("Guided backprop", found.values, found.values.sum(1))
