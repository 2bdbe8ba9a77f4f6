"""What every unit of a layer answers to a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.errors import LayerError
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.results import Gallery


def activation_maps(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    layer: str,
    *,
    channels: Sequence[int] | None = None,
) -> Gallery:
    """The output of a layer, channel by channel.

    Parameters
    ----------
    network
        The network to look into.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    layer
        Name of the layer; its output before anything that follows overwrites it in place.
    channels
        Which channels, in this order; by default all.

    Returns
    -------
    Gallery
        `values` (N, channels, h, w), raw and signed, with `minimum`, `maximum`, `mean` and `sparsity` of each map. A layer
        without spatial axes gives maps of 1 × 1; tokens (N, T, C) give maps of 1 × T.

    Raises
    ------
    LayerError
        If there is no such layer or channel.

    References
    ----------
    Yosinski et al., "Understanding Neural Networks Through Deep Visualization", 2015.
    """
    chosen = None if channels is None else _checked(channels, network, layer)
    trace = network.trace(images, layer, logits=False)
    maps = network.layer(layer).maps(trace[layer])
    picked = range(maps.shape[1]) if chosen is None else chosen
    if chosen is not None:
        maps = maps[:, chosen]
    values = maps.detach().float().cpu().contiguous().numpy()
    addresses = tuple(f"{layer}:{channel}" for channel in picked)
    return Gallery(np.ascontiguousarray(values), addresses, f"activation maps of {layer}")


def _checked(channels: Sequence[int], network: Network, layer: str) -> list[int]:
    count = network.layer(layer).channels
    wrong = [channel for channel in channels if not -count <= channel < count]
    if wrong:
        msg = f"{layer} has channels 0–{count - 1}; {wrong[0]} is not one of them."
        raise LayerError(msg)
    return [channel % count for channel in channels]
