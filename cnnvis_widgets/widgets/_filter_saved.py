"""What stays of a gallery without Python: a sheet of its pictures, and a page with the films of all walls looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _filter_facts as facts
from . import _filter_study as study
from . import _filter_told as told
from ._filter_poster import contact_sheet
from ._filter_wall import Wall, decoded

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.strongest import Strongest

#: The films in an exported page may take so many bytes.
FILMS = 12e6


def in_order(wall: Wall, seen: Sequence[int]) -> list[int]:
    """Every channel that has been begun: those seen as they are seen, then the others."""
    return list(dict.fromkeys([*seen, *np.flatnonzero(wall.done > 0).tolist()]))


def sheet(title: str, wall: Wall, channels: Sequence[int]) -> bytes | None:
    """A PNG of the pictures of some channels, as far as there are any."""
    tiles = [(cell.channel, "silent" if cell.note else "", decoded(cell.jpeg)) for cell in wall.cells(channels)]
    caption = (
        f"{wall.layer}: {len(tiles)} of {wall.channels} units ({wall.finished} finished), "
        "each painted so that it answers strongly"
    )
    return contact_sheet(title, caption, tiles) if tiles else None


class Archive:
    """Every wall that was looked at: all its pictures, and films as far as there is room."""

    def __init__(
        self,
        network: Network,
        found: Mapping[str, Strongest],
        studies: Mapping[study.Errand, study.Found],
        room: float = FILMS,
    ) -> None:
        self._network, self._found, self._studies, self._room = network, found, studies, room

    def of(
        self, walls: Iterable[Wall], seen: Callable[[Wall], list[int]], wall_told: Callable[[Wall], dict[str, Any]]
    ) -> dict[str, Any]:
        """The trait `archive`: of several walls of one layer, the first."""
        entries: dict[str, Any] = {}
        for wall in walls:
            if wall.layer not in entries:
                entries[wall.layer] = self._entry(wall, in_order(wall, seen(wall)), wall_told(wall))
        return {"kind": "filter_gallery", "entries": entries}

    def _entry(self, wall: Wall, order: Sequence[int], wall_told: dict[str, Any]) -> dict[str, Any]:
        return {
            "wall": wall_told,
            "weights": facts.weights_of(self._network, wall.layer),
            "cells": told.pictures_told(wall, order, self._found.get(wall.layer)),
            "units": self._units(wall, order),
        }

    def _units(self, wall: Wall, order: Sequence[int]) -> dict[str, Any]:
        units = {}
        for cell in wall.cells(order):
            unit = told.unit_told(wall, cell.channel, self._found.get(wall.layer), self._studies)
            self._room -= sum(map(len, [*unit["film"]["data"], unit["sheet"]]))
            if self._room < 0:
                break
            units[str(cell.channel)] = unit
        return units
