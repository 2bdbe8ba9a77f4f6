"""Maps of all places of a cover, as far as they are computed: kept, taken up again, and cut to what a page needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
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
    """The scores of every class at every place, float32 (P, classes); NaN where they are not there yet.

    Attributes
    ----------
    known, computed : ndarray
        bool (P,): the places that there are scores of, and those that the network was asked about: the others of a map that is
        not exact lie between them.
    limit : float
        How far covers' effects are followed; 0 until that is chosen.
    sampled : dict
        place -> exact probabilities, where a map that is not exact was measured.

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
        self.computed = self.known.copy()
        self.limit = 1.0 if setting.exact else 0.0
        self.sampled: dict[int, np.ndarray] = {}
        self.seconds = 0.0
        self.why_whole = ""
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
    def whole(self) -> bool:
        """Whether nothing is left to do; what is not exact has to be measured."""
        return bool(self.known.all()) and (self.setting.exact or bool(self.sampled))

    @property
    def done(self) -> float:
        """The share of places that are known; 1 only if nothing is left to do."""
        return 1.0 if self.whole else min(0.99, self.count / len(self.best))

    @property
    def left(self) -> float:
        """Seconds still to go; -1 while nothing is known."""
        return self.seconds / self.count * (len(self.best) - self.count) if self.count else -1.0

    @property
    def first(self) -> np.ndarray:
        """The coarsest grid."""
        return self._levels[0]

    def due(self) -> np.ndarray:
        """The places to compute next: those missing in the coarsest grid that is not complete."""
        for level in self._levels:
            missing = level[~self.known[level]]
            if len(missing):
                return missing
        return np.arange(0)

    def ask(self, subject: Subject, places: np.ndarray) -> Iterator[Said]:
        """Compute some places, in batches, each of which is put in."""
        for said in self.tried(subject, places, self.limit or 1.0):
            self.take(said)
            self.computed[said.places] = True
            yield said

    def tried(self, subject: Subject, places: np.ndarray, limit: float) -> Iterator[Said]:
        """What the network says of some places, in batches; only the time is noted."""
        started = perf_counter()
        for said in subject.answers(self.covers, self.setting.fill, places, limit=limit):
            self.seconds, self.why_whole = self.seconds + perf_counter() - started, subject.why_whole
            yield said
            started = perf_counter()

    def take(self, said: Said) -> None:
        """Put in what is known of some places."""
        self.logits[said.places] = said.logits
        self.probabilities[said.places] = said.probabilities
        numbers = np.isfinite(said.probabilities).all(1)
        self.best[said.places] = np.where(numbers, said.probabilities.argmax(1), -1)
        self.known[said.places] = True

    def classes(self, chosen: list[int]) -> list[int]:
        """Classes that a page gets: those chosen, the most probable, then those that lead in most places."""
        top = np.argsort(-self.clean, kind="stable")[:TOP].tolist()
        leads = np.bincount(self.best[self.best >= 0], minlength=1)
        often = [int(each) for each in np.argsort(-leads, kind="stable")[:CLASSES] if leads[each]]
        return list(dict.fromkeys([each for each in chosen if each >= 0] + top + often))[:CLASSES]

    def note(self, name: str, target: int) -> str:
        """Why it took long, and how far off it is for a class that has a name."""
        why = (
            f"{self.why_whole.split(' (')[0].rstrip('.')}." if self.why_whole else ""
        )  # what was raised is not for a page
        if self.setting.exact or not self.whole:
            return why
        places = np.array(list(self.sampled))
        exact = np.stack([self.sampled[place][target] for place in places])
        off = 100 * np.abs(exact - self.probabilities[places, target])
        asked = int(self.computed.sum())
        rest = ", the others lie between them" if asked < len(self.best) else ""
        short = "; distant effects are left out" if self.limit < 1 else ""
        sizes = f"{_points(float(off.mean()))} points on average, {_points(float(off.max()))} points at most"
        told = f"Fast: {asked} of {len(self.best)} places computed{rest}{short}."
        return f"{told} \u201c{name}\u201d is off by {sizes}, measured at {len(places)} places. {why}".strip()

    def entry(self, chosen: list[int], name: str, *, form: str = "<f4") -> dict[str, Any]:
        """The map as the page takes it; `name` is that of the first class chosen, `form` that of the numbers."""
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
            "note": self.note(name, chosen[0]),
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
        return [each for each in list(self._maps.values()) if each.whole]

    def clear(self) -> None:
        """Let go of them all."""
        self._maps.clear()


def _points(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else "<0.01" if 0 < value < 0.01 else f"{value:.2g}"


def fitted(size: Sequence[int]) -> int:
    """A window that covers a part of a picture and not the whole of it: 32 pixels, less of a small one, more of a large one."""
    side = min(size)
    return max(1, min(side // 4, max(32, side // 14)))


def coarse(setting: Setting, size: tuple[int, int]) -> Setting:
    """The same cover at few places: at most eight in a row."""
    stride = max(setting.stride, -(-(max(size) - setting.window) // 7))
    return replace(setting, stride=stride)
