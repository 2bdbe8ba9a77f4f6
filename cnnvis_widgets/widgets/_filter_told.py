"""What a page is told of a wall, of one unit, and of pictures on their way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _filter_facts as facts
from . import _filter_study as study
from ._filter_wall import Cell, Wall

if TYPE_CHECKING:
    from ..engine.strongest import Strongest


def wall_told(
    wall: Wall, found: Strongest | None, profile: tuple[np.ndarray, str], pictures: int, unread: str
) -> dict[str, Any]:
    """All units of a layer: how far they are, what they answer, what tells them apart.

    Parameters
    ----------
    pictures
        How many the data set has.
    unread
        Why it was not looked through to its end.
    """
    return {
        "layer": wall.layer,
        "key": wall.key(0),
        "channels": wall.channels,
        "size": list(wall.size),
        "steps": wall.steps,
        "marks": sorted(wall.marks),
        "seed": wall.seed,
        "recipe": wall.recipe.code(),
        "pictures": pictures,
        "seen": found.done if found else 0,
        "unreadable": list(found.unreadable) if found else [],
        "unread": unread,
        "done": wall.done.astype("<i4").tobytes(),
        "score": wall.score.astype("<f4").tobytes(),
        "notes": {str(channel): note for channel, note in wall.notes.items()},
        "peak": found.peak.astype("<f4").tobytes() if found else b"",
        "frequency": found.frequency.astype("<f4").tobytes() if found else b"",
        "profile": profile[0].tobytes(),
        "probe": profile[1],
    }


def unit_told(
    wall: Wall, channel: int, found: Strongest | None, studies: Mapping[study.Errand, study.Found]
) -> dict[str, Any]:
    """One unit: its film, what was asked for of it, its strongest patches."""
    cell = wall.cell(channel) or Cell(channel)
    frames = sorted(cell.frames.items())
    return {
        "layer": wall.layer,
        "key": wall.key(0),
        "channel": channel,
        "done": cell.done,
        "note": cell.note,
        "film": {"steps": [step for step, _ in frames], "data": [file for _, file in frames]},
        "history": np.asarray(cell.history, "<f4").tobytes(),
        **_studied(wall, channel, studies),
        "patches": facts.patches_of(found, channel) if found else [],
        "sheet": facts.sheet(found, channel, facts.LARGE_PATCH) if found else b"",
    }


def _studied(wall: Wall, channel: int, studies: Mapping[study.Errand, study.Found]) -> dict[str, Any]:
    here = [each for each in studies if (each.layer, each.channel) == (wall.layer, channel)]
    last = {each.kind: each for each in here}
    way = last.get("between")
    return {
        "sharp": study.told(studies[last["sharp"]]) if "sharp" in last else {},
        "variants": study.told(studies[last["variants"]]) if "variants" in last else {},
        "between": study.told(studies[way], other=way.other) if way else {},
    }


def pictures_told(wall: Wall, channels: Iterable[int], found: Strongest | None) -> dict[str, Any]:
    """The pictures of some cells, for the saved state."""
    there = list(wall.cells(channels))
    shown = [cell.channel for cell in there]
    return {
        "layer": wall.layer,
        "key": wall.key(0),
        "channels": shown,
        "done": [cell.done for cell in there],
        "data": [cell.jpeg for cell in there],
        "patched": shown if found else [],
        "patches": [facts.sheet(found, each) for each in shown] if found else [],
    }


def parcel(wall: Wall, due: Sequence[Cell]) -> dict[str, Any]:
    """The head of a message with the pictures of some cells."""
    return {
        **_head(wall, "synthesized", [cell.channel for cell in due]),
        "done": [cell.done for cell in due],
        "scores": [float(cell.score) if np.isfinite(cell.score) else None for cell in due],
        "notes": {str(cell.channel): cell.note for cell in due if cell.note},
    }


def parcel_of_patches(wall: Wall, due: Sequence[int], seen: int) -> dict[str, Any]:
    """The same for sheets of patches, after so many pictures."""
    return {**_head(wall, "patches", due), "done": [seen] * len(due)}


def _head(wall: Wall, kind: str, channels: Sequence[int]) -> dict[str, Any]:
    return {"type": "cells", "kind": kind, "layer": wall.layer, "key": wall.key(0), "channels": list(channels)}
