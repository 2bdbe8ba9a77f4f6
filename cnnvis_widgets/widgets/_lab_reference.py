"""What a climbed picture is compared with: the unit's strongest patch of a data set, or a picture that was given; and how far."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..engine.network import Network
    from ..engine.perception import Perception
    from ..engine.steps import Steps
    from ..engine.strongest import Strongest

#: Layers whose strongest patches are kept.
_LAYERS = 4


@dataclass(frozen=True, eq=False)
class Reference:
    """One picture to be compared with.

    Attributes
    ----------
    kind
        "patch" or "picture".
    pixels
        uint8 (h, w, 3).
    response
        What the unit answered there; None where it was not asked.
    about
        Where it comes from, in a few words.
    """

    kind: str
    name: str
    pixels: np.ndarray
    response: float | None
    about: str

    @cached_property
    def data(self) -> bytes:
        """The same as a PNG file."""
        from ..engine.images import encode_png

        return encode_png(self.pixels)


class Patches:
    """The strongest patches of the channels of a layer, found once for all channels.

    Parameters
    ----------
    network
        Whose channels.
    dataset
        Pictures, as `strongest_patches` takes them; None: there is none.

    Raises
    ------
    ImageError
        If it is no data set.
    """

    def __init__(self, network: Network, dataset: Iterable[Any] | None) -> None:
        self._network = network
        self._dataset = list(dataset) if isinstance(dataset, Iterator) else dataset
        self._found: OrderedDict[str, Strongest] = OrderedDict()
        self._made: dict[tuple[str, int], Reference] = {}
        self._look(network.last_spatial_layer)  # looks at nothing yet, but says now what is wrong

    def __bool__(self) -> bool:
        return self._dataset is not None

    def search(self, layer: str) -> Iterator[tuple[int, int]]:
        """Look through the data set, a batch at a time: (pictures seen, of how many)."""
        steps = None if layer in self._found else self._look(layer)
        if steps is None:
            return
        for step in steps:
            yield step.done, step.total
        self._found[layer] = step.result
        while len(self._found) > _LAYERS:
            self._found.popitem(last=False)

    def of(self, layer: str, channel: int) -> Reference | None:
        """What a channel answers to most; None if it was not looked for yet, or answers to nothing."""
        if (layer, channel) in self._made:
            return self._made[layer, channel]
        found = self._found.get(layer)
        if found is None or not found.count(channel):
            return None
        row = found.row(channel)
        picture = int(found.pictures[row, 0])
        name = found.names.get(picture, f"picture {picture + 1}")
        response = float(found.values[row, 0])
        about = f"of {found.done} pictures: {name}" if response > 0 else f"silent in all {found.done} pictures"
        self._made[layer, channel] = Reference("patch", name, found.patch(channel), response, about)
        return self._made[layer, channel]

    def _look(self, layer: str) -> Steps[Strongest] | None:
        from ..engine.strongest import strongest_patches

        if self._dataset is None:
            return None
        return strongest_patches(self._network, layer, self._dataset, count=1)

    def clear(self) -> None:
        """Let go of what can be found again."""
        self._found.clear()
        self._made.clear()


class Ruler:
    """Measures how far pictures are from a reference, which is brought to their size.

    Parameters
    ----------
    perception
        By whose eyes.
    pixels
        The reference, uint8 (h, w, 3).
    """

    def __init__(self, perception: Perception, pixels: np.ndarray) -> None:
        self._perception, self._pixels = perception, pixels
        self._kept: dict[tuple[int, int], Any] = {}

    def distance(self, picture: Tensor) -> float:
        """Of a picture, float (1, C, H, W) in [0, 1]."""
        height, width = picture.shape[2:]
        if (height, width) not in self._kept:
            from ..engine.pictures import resize

            self._kept[height, width] = self._perception.reference(resize(self._pixels, (height, width)))
        return float(self._kept[height, width].distances(picture)[0])

    @property
    def measure(self) -> str:
        """What is measured, as a sentence."""
        notes = [each.rstrip(".") for each in self._perception.notes]
        return ". ".join([self._perception.measure, *notes, "The reference is brought to the picture's size"]) + "."
