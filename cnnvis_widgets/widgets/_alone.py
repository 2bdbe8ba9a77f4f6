"""What a single unit makes of a picture, small: so that one sees what a pull adds before pulling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._film import encoded

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network

#: Longest side in pixels, and what is done there.
SIDE, OCTAVES, STEPS, RATE, JITTER = 128, 2, 10, 0.01, 8

_QUIET = re.compile("norm|relu|elu|silu|swish|sigmoid|tanh|softmax|mish", re.IGNORECASE)


def listed(network: Network) -> list[str]:
    """The layers a mix is offered from: blocks with positions, but no normalization, activation, pool, nor the classes themselves."""
    return [
        layer.name
        for layer in network.layers
        if layer.spatial and not layer.container and not layer.passive and layer.channels != network.classes
        if not _QUIET.search(layer.kind) and not _inside_a_block(network, layer)
    ] or [layer.name for layer in network.layers if layer.spatial and not layer.container]


def _inside_a_block(network: Network, layer: Any) -> bool:
    known = {each.name: each for each in network.layers}
    parent = known.get(layer.parent)
    while parent is not None and parent.container:
        parent = known.get(parent.parent)
    return parent is not None


def alone(network: Network, photo: Tensor, unit: str) -> dict[str, Any]:
    """The picture as a small JPEG, or why there is none."""
    from ..engine.dream import Dream, shrunk
    from ..engine.errors import CnnvisError

    try:
        dream = Dream(network, shrunk(photo, SIDE), {unit: 1.0}, octaves=OCTAVES, steps=STEPS, rate=RATE, jitter=JITTER)
        while not dream.finished:
            dream.step()
    except CnnvisError as error:
        return {"data": b"", "why": str(error)}
    return {"data": encoded(dream.picture, quality=85), "why": ""}
