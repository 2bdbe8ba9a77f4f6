"""The walls that were looked at last, and whether the network is still the one whose pictures they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _filter_facts as facts
from ._filter_wall import Wall

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.picture_cache import PictureCache
    from ..engine.recipe import Recipe

#: Side of a picture in pixels, where nothing is said.
SIDE = 96
#: Layers whose walls are kept in memory.
LAYERS = 4


@dataclass(frozen=True)
class Setting:
    """What a wall is asked for with; a `size` of 0 is fitted to the network."""

    layer: str
    recipe: Recipe
    size: int
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others; a recipe may hold arrays, which do not compare."""
        return (self.layer, str(self.recipe.as_dict()), self.size, self.seed)


class Walls:
    """Walls by what they were asked for with, the last one looked at last."""

    def __init__(self, network: Network, cache: PictureCache | None) -> None:
        self._network, self._cache = network, cache
        self._walls: OrderedDict[Any, Wall] = OrderedDict()
        self._state: Any = None
        self._weights = ""  # what they are told apart by

    def __iter__(self) -> Iterator[Wall]:
        return iter(list(self._walls.values()))

    @property
    def shown(self) -> Wall | None:
        """The one that was asked for last."""
        return next(reversed(self._walls.values()), None)

    def of(self, setting: Setting) -> Wall:
        """The wall of a setting, which is now the one shown."""
        found = self._walls.get(setting.key) or self._made(setting)
        self._walls[setting.key] = found
        self._walls.move_to_end(setting.key)
        while len(self._walls) > LAYERS:
            self._walls.popitem(last=False)
        return found

    def shows(self, wall: Wall, setting: Setting) -> bool:
        """Whether a wall is the one shown, and that of a setting."""
        return wall is self.shown and self._walls.get(setting.key) is wall

    def stale(self) -> bool:
        """Whether the network is another than when this was last asked: trained, watched by hooks, edited. Then no wall is left."""
        from ..engine.flows import state_of

        before, self._state = self._state, state_of(self._network)
        changed = before is not None and before != self._state
        if changed:
            self._walls.clear()
        if changed or before is None:
            self._weights = ""
        return changed

    def clear(self) -> None:
        """Let go of all."""
        self._walls.clear()
        self._state = None

    def _made(self, setting: Setting) -> Wall:
        from ..engine.result_store import fingerprint, fingerprint_of_network

        self._weights = self._weights or fingerprint_of_network(self._network)
        # Hooks, edits and a module's own code decide a picture too, and stand in no weight.
        answer = facts.answer_to_noise(self._network, setting.layer)
        told_apart = fingerprint(self._weights, answer)
        size = self._sides(setting)
        return Wall(self._network, setting.layer, setting.recipe, size, setting.seed, self._cache, told_apart)

    def _sides(self, setting: Setting) -> tuple[int, int]:
        """Height and width of the pictures: 96 px, or the network's own size where that is less or no other can be had."""
        own = self._network.preprocess.size
        if setting.size or own is None:
            return (setting.size or SIDE, setting.size or SIDE)
        small = (min(SIDE, own[0]), min(SIDE, own[1]))
        return small if small == own or facts.takes(self._network, setting.layer, small) else own
