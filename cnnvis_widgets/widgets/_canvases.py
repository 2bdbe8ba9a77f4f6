"""The pictures of a dream canvas at the sizes they are dreamed on: their own shape, within reason or as long as asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network

#: A canvas of its own choosing is at most so many pixels long …
LONGEST = 512
#: … and at least so many, or three times what the network takes, whichever is less.
SHORTEST = 320


class Canvases:
    """What the user gave, and what was made of it: tensors (1, C, H, W), kept until another size is wanted.

    Parameters
    ----------
    network
        Whose colors they have.
    size
        Longest side in pixels; 0: the picture's own, within reason.
    """

    def __init__(self, network: Network, size: int) -> None:
        self._network, self._size = network, size
        self._given: list[Any] = []
        self._made: dict[int, Tensor] = {}

    def append(self, picture: Any) -> Tensor:
        """Keep a picture at the end; as it is dreamed on."""
        self._given.append(picture)
        return self[len(self) - 1]

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, image: int) -> Tensor:
        from ..engine.dream import read_at_its_size, resized

        self.check(image)
        if image not in self._made:
            own = read_at_its_size(self._network.at_any_size(), self._given[image])
            height, width = own.shape[2:]
            scale = self._length(max(height, width)) / max(height, width)
            size = max(1, round(height * scale)), max(1, round(width * scale))
            self._made[image] = resized(own, size).clamp(0, 1)
        return self._made[image]

    def check(self, image: int) -> None:
        """Whether there is such a picture.

        Raises
        ------
        ImageError
            If there is not.
        """
        if not 0 <= image < len(self):
            there = f"There are {len(self)} pictures, 0–{len(self) - 1}" if len(self) else "There is no picture yet"
            msg = f"{there}; {image} is not one of them."
            raise ImageError(msg)

    def resize(self, size: int) -> None:
        """From now on as long as that."""
        if size != self._size:
            self._size = size
            self.release()

    def release(self) -> None:
        """Let go of the tensors, not of the pictures."""
        self._made.clear()

    def _length(self, own: int) -> int:
        """The longest side of the canvas of a picture whose own is `own`."""
        least = min(3 * max(self._network.preprocess.size or (0,)), SHORTEST)
        return self._size or min(max(own, least), LONGEST)
