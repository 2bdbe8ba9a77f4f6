"""Maps of all places of a cover, as far as they are computed: kept, taken up again, and cut to what a page needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.errors import ImageError
from ._covering import CoverError

if TYPE_CHECKING:
    from ._covering import Said, Subject

#: A page gets the scores of so many classes for each place.
CLASSES = 16
#: Of these, so many are the most probable ones of the picture as it is.
TOP = 5
#: Maps are kept until they take this many bytes.
KEPT = 200 * 2**20


@dataclass(frozen=True)
class Setting:
    """What makes one map differ from another."""

    image: int
    fill: str
    shape: str
    window: int
    stride: int
    exact: bool

    @property
    def name(self) -> str:
        """The name by which pages find the map."""
        return "|".join(
            [str(self.image), self.fill, self.shape, str(self.window), str(self.stride), str(self.exact).lower()]
        )


class CoverMap:
    """The scores of every class at every place, float32 (P, classes); NaN where they are not computed yet.

    Raises
    ------
    CoverError
        If there is no such cover.
    """

    def __init__(self, setting: Setting, subject: Subject) -> None:
        from ..engine.covers import sliding

        side = fitted(subject.size)
        try:
            self.covers = sliding(subject.size, setting.window, setting.stride, setting.shape)  # type: ignore[arg-type]
        except ImageError as error:
            raise CoverError(str(error), f"Use {side} px", window=side, stride=max(1, side // 2)) from error
        subject.fill(setting.fill)  # one that does not exist is refused before anything is computed
        self.setting = setting
        self.clean, self.clean_logits = subject.probabilities, subject.logits
        self.logits = np.full((len(self.covers), len(self.clean)), np.nan, np.float32)
        self.probabilities = self.logits.copy()
        self.best = np.full(len(self.covers), -1, np.int32)
        self.known = np.zeros(len(self.covers), bool)
        self.seconds = 0.0
        self.note = ""  # how far off it is, or why it took long
        self._levels = self.covers.levels()

    @property
    def nbytes(self) -> int:
        """The size of what is kept."""
        return 2 * self.logits.nbytes

    @property
    def count(self) -> int:
        """How many places are computed."""
        return int(self.known.sum())

    @property
    def done(self) -> float:
        """The share of places that are computed."""
        return self.count / len(self.best)

    @property
    def left(self) -> float:
        """Seconds still to go; -1 while nothing is known."""
        return self.seconds / self.count * (len(self.best) - self.count) if self.count else -1.0

    def due(self) -> np.ndarray:
        """The places to compute next: those missing in the coarsest grid that is not complete."""
        for level in self._levels:
            missing = level[~self.known[level]]
            if len(missing):
                return missing
        return np.arange(0)

    def take(self, said: Said, seconds: float) -> None:
        """Put in what the network said of some places, and how long that took."""
        self.logits[said.places] = said.logits
        self.probabilities[said.places] = said.probabilities
        numbers = np.isfinite(said.probabilities).all(1)
        self.best[said.places] = np.where(numbers, said.probabilities.argmax(1), -1)
        self.known[said.places] = True
        self.seconds += seconds

    def classes(self, chosen: list[int]) -> list[int]:
        """Classes that a page gets: those chosen, the most probable, then those that lead in most places."""
        top = np.argsort(-self.clean, kind="stable")[:TOP].tolist()
        leads = np.bincount(self.best[self.best >= 0], minlength=1)
        often = [int(each) for each in np.argsort(-leads, kind="stable")[:CLASSES] if leads[each]]
        return list(dict.fromkeys([each for each in chosen if each >= 0] + top + often))[:CLASSES]

    def entry(self, chosen: list[int], *, form: str = "<f4") -> dict[str, Any]:
        """The map as the page takes it; `form` is that of the numbers."""
        classes = self.classes(chosen)
        rows, columns = self.covers.grid
        return {
            **asdict(self.setting),
            "rows": rows,
            "columns": columns,
            "boxes": self.covers.boxes.astype("<i4").tobytes(),
            "classes": classes,
            "probabilities": self.probabilities[:, classes].astype(form).tobytes(),
            "logits": self.logits[:, classes].astype(form).tobytes(),
            "uncovered": self.clean_logits[classes].astype("<f4").tobytes(),
            "best": self.best.astype("<i4").tobytes(),
            "done": self.done,
            "left": self.left,
            "note": self.note,
        }


class Shelf:
    """The maps that are kept, those used last for longest."""

    def __init__(self) -> None:
        self._maps: OrderedDict[Setting, CoverMap] = OrderedDict()

    def map(self, setting: Setting, subject: Subject) -> CoverMap:
        """The map of a setting, as far as it is computed."""
        found = self._maps.get(setting) or CoverMap(setting, subject)
        self._maps[setting] = found
        self._maps.move_to_end(setting)
        while len(self._maps) > 2 and sum(each.nbytes for each in self._maps.values()) > KEPT:  # two are compared
            self._maps.popitem(last=False)
        return found

    def finished(self) -> list[CoverMap]:
        """All maps that are whole."""
        return [each for each in list(self._maps.values()) if each.done == 1]

    def clear(self) -> None:
        """Let go of them all."""
        self._maps.clear()


def fitted(size: Sequence[int]) -> int:
    """A window that covers a part of a picture and not the whole of it: 32 pixels, or a quarter of the shorter side."""
    return min(32, max(1, min(size) // 4))


def coarse(setting: Setting, size: tuple[int, int]) -> Setting:
    """The same cover at few places: at most eight in a row."""
    stride = max(setting.stride, -(-(max(size) - setting.window) // 7))
    return replace(setting, stride=stride)
