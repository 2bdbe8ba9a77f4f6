"""What in the picture excited a class or a unit: the way back through filters, switches and rectifiers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.errors import TargetError
from ..engine.gradients import image_gradient
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target, unit_squared
from ..engine.results import Heatmap


def deconvnet(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    unit: str | None = None,
) -> Heatmap:
    """The deconvolutional network's answer, from a class or from one unit's strongest activation.

    Each ReLU passes back what is positive, whether it was open or not; pooling hands back to the place that won; convolutions
    are transposed. `deconvnet_steps` does the same by hand and keeps every stage. What ties the answer to the picture are the
    switches alone: a network that strides instead of pooling gives nearly the same map for any picture.

    Parameters
    ----------
    network
        The network to explain; it must have ReLUs.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    unit
        Begin at a unit instead: "layer:channel" at its strongest position in each picture, or "layer:channel@row,column". The
        signal that begins is the activation itself, as in the paper.

    Returns
    -------
    Heatmap
        `values` (N, H, W), signed: the sum over the color channels, with respect to pixels in [0, 1]. What the first layer's
        filters hand back is not rectified, so negative values are normal. `channels` (N, C, H, W). `relus` counts the ReLUs
        intercepted.

    Raises
    ------
    GradientError
        If the network computes no ReLU on the way, so that nothing would be rectified.
    LayerError
        If there is no such unit.
    TargetError
        If there is no such class, or both a target and a unit are given.

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    if unit is not None and target is not None:
        msg = f"DeconvNet begins at a target or at a unit: give {unit!r} or the target, not both."
        raise TargetError(msg)
    begin = target if unit is None else unit_squared(unit, network)
    found = image_gradient(network, images, begin, rectify="deconvnet")
    return found.heatmap("DeconvNet", found.values, found.values.sum(1))
