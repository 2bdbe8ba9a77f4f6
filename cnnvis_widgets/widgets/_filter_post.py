"""Pictures on their way to a page, as messages: those in view of which it has an older one, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import _filter_facts as facts
from . import _filter_told as told

if TYPE_CHECKING:
    from ..engine.strongest import Strongest
    from ._filter_wall import Cell, Wall

#: A message: its head, and the files of its pictures.
Parcel = tuple[dict[str, Any], list[bytes]]


class Post:
    """What a page has been sent, and what it is to be sent next."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int], Any] = {}

    def forget(self) -> None:
        """A page has been opened that has no pictures, or those it has are another network's."""
        self._sent.clear()

    def due(self, wall: Wall, channels: Sequence[int]) -> list[Cell]:
        """The cells of which the page has an older picture, or none."""
        return [each for each in wall.cells(channels) if self._sent.get(_at(wall, each)) != (wall.key(0), each.done)]

    def parcels(self, wall: Wall, channels: Sequence[int]) -> Iterator[Parcel]:
        """Their pictures, if any are due."""
        due = self.due(wall, channels)
        if due:
            yield told.parcel(wall, due), [cell.jpeg for cell in due]
            self._sent |= {_at(wall, cell): (wall.key(0), cell.done) for cell in due}

    def parcels_of_patches(self, wall: Wall, channels: Sequence[int], found: Strongest) -> Iterator[Parcel]:
        """Their sheets of strongest patches."""
        name = f"{wall.layer} patches"
        due = [each for each in channels if self._sent.get((name, each)) != found.done]
        if due:
            yield told.parcel_of_patches(wall, due, found.done), [facts.sheet(found, each) for each in due]
            self._sent |= {(name, each): found.done for each in due}


def _at(wall: Wall, cell: Cell) -> tuple[str, int]:
    return wall.layer, cell.channel
