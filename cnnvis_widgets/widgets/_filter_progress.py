"""How far a gallery is: a sentence, whether it is busy, and a share."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from . import _filter_study as study

if TYPE_CHECKING:
    from ._filter_agenda import Agenda, Look
    from ._filter_wall import Wall

#: Steps of batches after which it is said how long the rest will take.
ENOUGH = 6


class Progress:
    """What is said of the work of an agenda."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._began = (0.0, 0)  # when, and how many steps were left then

    def told(self, wall: Wall, look: Look, why_not_kept: str) -> dict[str, Any]:
        """The traits that say it."""
        agenda = self._agenda
        if agenda.paused:
            return {"message": f"Stopped: {wall.finished} of {wall.channels} units are finished"}
        busy = self._deed(look, wall) or self._sharpening(wall, look)
        if busy:
            return {"message": busy, "status": "busy"}
        trouble = agenda.trouble or agenda.unread.get(wall.layer, "")
        kept = f" ({why_not_kept})" if why_not_kept else ""
        return {"message": trouble or f"{wall.finished} of {wall.channels} units finished{kept}"}

    def share(self, wall: Wall, look: Look) -> float | None:
        """How much of what is under way is done; None of nothing."""
        if self._agenda.paused:
            return None
        errand = self._agenda.running
        if errand is not None:
            found = self._agenda.studies.get(errand)
            return found.done / max(1, found.steps) if found else None
        wanted = range(wall.channels) if look.whole and not wall.steps_left(look.seen) else look.seen
        done = wall.share(wanted)
        return done if done < 1 else None

    def _deed(self, look: Look, wall: Wall) -> str:
        """What is done beside the cells."""
        errand = self._agenda.running
        if errand is not None:
            return self._errand(errand)
        if self._agenda.searching and look.mode == "patches":
            found = self._agenda.found.get(wall.layer)
            return f"Strongest patches of {found.done if found else 0} of {len(look.dataset)} pictures"
        return ""

    def _sharpening(self, wall: Wall, look: Look) -> str:
        there = sum(map(wall.whole, look.seen))
        if there < len(look.seen):
            return f"Sharpening: {there} of {len(look.seen)} units in view finished{self._left(wall, look.seen)}"
        unfinished = look.whole and wall.finished < wall.channels
        return f"Sharpening: {wall.finished} of {wall.channels} units finished" if unfinished else ""

    def _errand(self, errand: study.Errand) -> str:
        found = self._agenda.studies.get(errand)
        name = f"{errand.layer}:{errand.channel}"
        what = {"sharp": f"Sharpening {name} to {study.LARGE} px", "variants": f"Painting {name} in other ways"}
        deed = what.get(errand.kind, f"Painting the way from {name} to {errand.other}")
        return f"{deed}, step {found.done} of {found.steps}" if found else deed

    def _left(self, wall: Wall, seen: Sequence[int]) -> str:
        """How long it will take, from how long it took."""
        left = wall.steps_left(seen)
        since, then = self._began
        now = perf_counter()
        if then < left or not since:
            self._began = (now, left)
            return ""
        gone = then - left
        seconds = (now - since) / gone * left if gone >= ENOUGH else 0
        return f", {seconds:.0f} s left" if seconds >= 1 else ""
