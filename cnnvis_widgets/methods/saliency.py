"""Which pixels move the score: the gradient with respect to the picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.gradients import image_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.results import Heatmap


def saliency(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    signed: bool = False,
) -> Heatmap:
    """The gradient of a score with respect to the pixels: how much a small change of each would change the score.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    signed
        If False, a pixel has the largest size among its color channels, as in the paper. If True, the sum over its
        channels: what making it brighter would do.

    Returns
    -------
    Heatmap
        `values` (N, H, W), `channels` the gradient itself, (N, C, H, W), both in units of score per full range of a pixel.

    Raises
    ------
    TargetError
        If there is no such class.
    GradientError
        If the objective cannot be differentiated.

    References
    ----------
    Simonyan et al., "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps", ICLR 2014.
    """
    found = image_gradient(network, images, target)
    values = found.values.sum(1) if signed else found.values.abs().amax(1)
    return found.heatmap("Gradient" if signed else "Saliency", found.values, values)
