"""The weights of a convolution, as pictures."""

from __future__ import annotations

import numpy as np
from torch import nn

from ..engine.errors import LayerError, suggestion
from ..engine.network import Network
from ..engine.results import Gallery


def filters(network: Network, layer: str) -> Gallery:
    """The filters of a convolution.

    Parameters
    ----------
    network
        The network to look into.
    layer
        Name of a two-dimensional convolution.

    Returns
    -------
    Gallery
        `values` (I, K, h, w): K filters against their I input channels, raw and signed. Filters over red, green and blue
        are color pictures (`rgb`). `dead` marks filters whose weights are all but zero.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no filters; the convolutions nearest to it are named.

    Notes
    -----
    Filters of a transposed convolution are shown from the side of its output. With groups, I is the number of input
    channels of one group.

    References
    ----------
    Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, figure 3.
    """
    module = network.layer(layer).address.module
    if not isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        convolutions = [each.name for each in network.layers if isinstance(each.address.module, nn.Conv2d)]
        inside = [name for name in convolutions if name.startswith(layer + ".")]
        advice = f"Inside it are {', '.join(map(repr, inside[:3]))}." if inside else suggestion(layer, convolutions)
        msg = f"{layer} is a {type(module).__name__}, which has no filters. {advice}"
        raise LayerError(msg)
    weight = module.weight.detach().float().cpu().numpy()
    values = _from_output(weight, module.groups) if isinstance(module, nn.ConvTranspose2d) else weight.swapaxes(0, 1)
    addresses = tuple(f"{layer}:{index}" for index in range(values.shape[1]))
    first = next(
        (each for each in network.layers if isinstance(each.address.module, (nn.Conv2d, nn.ConvTranspose2d))), None
    )
    rgb = first is not None and first.name == layer and values.shape[0] == 3 and network.preprocess.channels == 3
    return Gallery(np.ascontiguousarray(values), addresses, f"filters of {layer}", rgb=rgb)


def _from_output(weight: np.ndarray, groups: int) -> np.ndarray:
    """Weights (I, K / groups, h, w) of a transposed convolution as (I / groups, K, h, w)."""
    inputs, outputs, *size = weight.shape
    split = weight.reshape(groups, inputs // groups, outputs, *size)
    return split.swapaxes(0, 1).reshape(inputs // groups, groups * outputs, *size)
