"""What pulls at a dream, and how hard: units with weights, as a person gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from ..engine.errors import AscentError, LayerError
from ._options import Option, plain, told

if TYPE_CHECKING:
    from ..engine.network import Network


class Mix(Option, traitlets.Dict):
    """Unit -> weight; one layer's name alone has the weight 1."""

    def read(self, value: Any) -> dict[str, float]:
        """As a dict; whether the network has the units is not looked at here."""
        return mix_of(value, self.name or "mix")


def mix_of(given: Any, name: str) -> dict[str, float]:
    """What was given by that name, as a dict.

    Raises
    ------
    AscentError
        If it is no mix, or a weight is no number.
    """
    if isinstance(given, str):
        return {given: 1.0}
    if not isinstance(given, Mapping):
        example = "{'features.9': 1.0, 'features.9:3': 0.5}"
        msg = f"{name} is {told(given)}: give a layer's name, or units with weights, such as {example}."
        raise AscentError(msg)
    for unit, weight in given.items():
        if not math.isfinite(plain(weight)):
            msg = f"The weight of {unit} is {told(weight)}: give a number, such as 1."
            raise AscentError(msg)
    return {str(unit): float(plain(weight)) for unit, weight in given.items()}


def check_units(network: Network, mix: Mapping[str, float]) -> None:
    """Whether the network has all of them.

    Raises
    ------
    LayerError
        Naming those most like the first that it has not.
    """
    names = {each.name for each in network.layers}
    for unit in mix:
        layer, colon, channel = unit.rpartition(":")
        if not colon or not channel.isdigit() or unit in names:
            network.layer(unit)
        elif int(channel) >= (count := network.layer(layer).channels):
            msg = f"{layer} has channels 0–{count - 1}; {channel} is not one of them."
            raise LayerError(msg)


def begun_with(network: Network, given: Any) -> dict[str, float]:
    """The mix that a dream begins with; where nothing pulls, that is a mistake.

    Raises
    ------
    AscentError
        If it is no mix, or every weight is 0.
    LayerError
        If the network has not all of its units.
    """
    mix = mix_of(given, "layers")
    check_units(network, mix)
    if not any(mix.values()):
        example = f"{{{network.last_spatial_layer!r}: 1.0}}"
        msg = f"layers is {told(given)}, so nothing pulls: give a layer or a channel a weight, such as {example}."
        raise AscentError(msg)
    return mix
