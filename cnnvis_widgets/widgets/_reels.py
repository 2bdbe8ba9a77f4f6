"""The dreams that are kept, one a picture, so that going back to a picture finds its film; and what the page is told of one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..engine.errors import ImageError
from ._dreaming import ZOOMS, Reel, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network

#: So many; of more, the one that was begun first is let go of.
REELS = 3


class Reels:
    """Picture -> dream.

    Parameters
    ----------
    network
        Which dreams.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._kept: OrderedDict[int, Reel] = OrderedDict()
        self._number = 0

    def __contains__(self, image: int) -> bool:
        return image in self._kept

    def get(self, image: int) -> Reel | None:
        """The dream on a picture, if there is one."""
        return self._kept.get(image)

    def __getitem__(self, image: int) -> Reel:
        reel = self._kept.get(image)
        if reel is None:
            msg = "There is no dream of this picture yet: call dream() and wait() first."
            raise ImageError(msg)
        return reel

    def begin(self, image: int, photo: Tensor, settings: Settings, guide: Tensor | None) -> Reel:
        """A new dream from the photo on."""
        self._number += 1
        reel = Reel(self._number, image, photo, settings)
        reel.begin(self._network, guide)
        self._kept[image] = reel
        self._kept.move_to_end(image)
        while len(self._kept) > REELS:
            self._kept.popitem(last=False)
        return reel

    def take_up(self, reel: Reel, step: int, settings: Settings, guide: Tensor | None) -> None:
        """Make ready to go on from a frame; where everything is done there, zooming is what is left to do."""
        if 0 <= step < reel.step:
            reel.back_to(step)
        reel.wake(self._network, settings, guide)
        if reel.finished:
            reel.zooms_left = ZOOMS

    def release(self) -> None:
        """Let go of what can be made again from the films."""
        for reel in self._kept.values():
            reel.dream = None


def growing(reel: Reel) -> dict[str, Any]:
    """What changes with every step."""
    return {"plan": reel.plan(), "curves": reel.curves()}


def told(reel: Reel) -> dict[str, Any]:
    """All of a reel, as the page takes it."""
    return {**growing(reel), "film": reel.told(), "live": {}}


def counted(steps: int) -> str:
    """`12 steps`."""
    return f"{steps} step{'' if steps == 1 else 's'}"
