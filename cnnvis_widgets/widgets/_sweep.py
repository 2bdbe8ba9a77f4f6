"""Maps of covers that fill together: from coarse to fine, a batch at a time, and what a page is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ._fast_map import fast

if TYPE_CHECKING:
    from ._cover_maps import CoverMap
    from ._covering import Subject

#: A growing map is sent at most so many bytes a second.
RATE = 2e6


class Sweep:
    """One map, or two that are compared, of one picture.

    Parameters
    ----------
    chosen
        Classes that the page has to get: first the one whose map is shown.
    device
        Where the network computes, for the message.
    """

    def __init__(self, subject: Subject, maps: Sequence[CoverMap], chosen: list[int], device: str) -> None:
        self.fresh = False  # whether anything was computed
        self._subject, self._maps, self._chosen, self._device = subject, maps, chosen, device
        self._told: tuple[float, int, list[dict[str, Any]]] = (0.0, -1, [])

    @property
    def whole(self) -> bool:
        """Whether nothing is left to compute."""
        return all(each.whole for each in self._maps)

    @property
    def done(self) -> float | None:
        """The share that is computed; None when all is."""
        return None if self.whole else sum(each.done for each in self._maps) / len(self._maps)

    def batches(self) -> Iterator[None]:
        """Compute the next finer grid of the map that is behind, a batch at a time; it can be left at any."""
        lagging = min(self._maps, key=lambda each: each.done)
        exact = lagging.setting.exact
        for _ in lagging.ask(self._subject, lagging.due()) if exact else fast(lagging, self._subject, self._chosen[0]):
            self.fresh = True
            yield

    def traits(self, *, waiting: bool = False) -> dict[str, Any]:
        """All that the page is to know."""
        return {"maps": self._entries(), "message": self._sentence(waiting=waiting)}

    def _entries(self) -> list[dict[str, Any]]:
        """The maps as the page takes them; made anew where that is worth sending."""
        when, count, entries = self._told
        known = sum(each.count + len(each.sampled) for each in self._maps)
        size = sum(len(value) for each in entries for value in each.values() if isinstance(value, bytes))
        if known != count and (self.whole or perf_counter() - when >= size / RATE):
            name = self._subject.network.class_name(self._chosen[0])
            entries = [each.entry(self._chosen, name) for each in self._maps]
            self._told = (perf_counter(), known, entries)
        return entries

    def _sentence(self, *, waiting: bool) -> str:
        known, total = (sum(each) for each in zip(*((each.count, len(each.best)) for each in self._maps), strict=True))
        if self.whole:
            asked = sum(int(each.computed.sum()) for each in self._maps)
            places = f"{total} places" if asked == total else f"{asked} of {total} places"
            return f"{places} in {_lasted(sum(each.seconds for each in self._maps))} on {self._device}"
        if known == total:
            return "Measuring how far off the map is"
        if waiting:
            return f"The map waits while you drag: {known} of {total} places"
        left = [each.left for each in self._maps]
        to_go = f", {_lasted(sum(left))} to go" if min(left) >= 0 else ""
        return f"{known} of {total} places{to_go}"


def _lasted(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
