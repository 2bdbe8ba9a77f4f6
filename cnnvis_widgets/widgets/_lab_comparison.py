"""What the laboratory compares pictures with while they are climbed: found beside the ascent, and measured step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.errors import CnnvisError, ModelError
from ._lab_reference import Patches, Reference, Ruler
from ._options import told

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network
    from ._climb import Climb, Unit


class Comparison:
    """The unit's strongest patch of a data set, or a picture that was given.

    Parameters
    ----------
    network
        Whose units.
    dataset
        Pictures, as `strongest_patches` takes them, or None.
    given
        A picture in their place, or None.
    backbone
        By whose eyes distances are measured; None: the network's own.

    Attributes
    ----------
    searched : str
        What is to be said while patches are looked for, else "".
    """

    def __init__(self, network: Network, dataset: Iterable[Any] | None, given: Any, backbone: Any) -> None:
        from torch import nn

        from ..engine.network import Network

        if not (backbone is None or isinstance(backbone, (str, Network, nn.Module))):
            msg = f"backbone is {told(backbone)}: give a Network, a module, or the name of a torchvision model."
            raise ModelError(msg)
        self._backbone = network if backbone is None else backbone
        self._patches = Patches(network, dataset)
        self._given = None if given is None else read(given)
        self._ruler: tuple[Reference, Ruler] | None = None
        self._refused = ""  # why nothing can be measured
        self._search: Iterator[tuple[int, int]] | None = None
        self.searched = ""

    def give(self, picture: Any, name: str | None = None) -> None:
        """Compare with this picture from now on."""
        self._given = read(picture, name)

    @property
    def searching(self) -> bool:
        """Whether patches are still looked for."""
        return self._search is not None

    def seek(self, unit: Unit) -> None:
        """Begin to look for the strongest patch, unless it is known or not wanted."""
        if self._given is None and self._patches and self._patches.of(unit.layer, unit.channel) is None:
            self._search = self._patches.search(unit.layer)
        else:
            self._search, self.searched = None, ""

    def look_further(self) -> None:
        """At one more batch of the data set."""
        found = next(self._search, None) if self._search is not None else None
        self.searched = f"; its strongest patch is looked for in {found[1]} pictures" if found else ""
        if found is None:
            self._search = None

    def with_what(self, unit: Unit) -> Reference | None:
        """The reference, if it is known."""
        return self._given or self._patches.of(unit.layer, unit.channel)

    def take(self, unit: Unit, climbs: Iterable[Climb]) -> None:
        """Measure with what is known of a unit; distances to something else are forgotten."""
        reference = self.with_what(unit)
        if reference is None:
            self._ruler = None
        elif not self._refused and (self._ruler is None or self._ruler[0] is not reference):
            self._ruler = self._made(reference)
            for climb in climbs:
                climb.forget_distances()

    def _made(self, reference: Reference) -> tuple[Reference, Ruler] | None:
        """None where the backbone cannot measure: no ascent is stopped for that, but it is said."""
        from ..engine.perception import perception_of

        try:
            return reference, Ruler(perception_of(self._backbone), reference.pixels)
        except CnnvisError as error:
            self._refused = f"No distance is measured. {error} Another backbone may."
            return None

    def distance(self, picture: Tensor) -> float:
        """Of a picture; NaN where there is nothing to compare with."""
        return float("nan") if self._ruler is None else self._ruler[1].distance(picture)

    def measure(self, climb: Climb) -> Iterator[None]:
        """The distances that are not measured yet, the newest first."""
        if self._ruler is None:
            return
        for step in sorted(climb.kept, reverse=True):
            if np.isnan(climb.kept[step].distance):
                climb.measure(step, self.distance(climb.kept[step].picture))
                yield

    def told(self, unit: Unit) -> dict[str, Any]:
        """As the page takes it."""
        reference = self.with_what(unit)
        if reference is None:
            return {}
        return {
            "kind": reference.kind,
            "name": reference.name,
            "data": reference.data,
            "response": reference.response,
            "about": reference.about,
            "distance": self._refused if self._ruler is None else f"Distance: {self._ruler[1].measure}",
        }

    def release(self) -> None:
        """Let go of what can be found again."""
        self._ruler = self._search = None
        self._patches.clear()


def read(picture: Any, name: str | None = None) -> Reference:
    """A picture as a reference.

    Raises
    ------
    ImageError
        If it is none.
    """
    from ..engine.images import decode, name_of, to_uint8

    called = name or name_of(picture, 0)
    return Reference("picture", called, to_uint8(decode(picture)[0]), None, called)
