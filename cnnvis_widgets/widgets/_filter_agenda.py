"""What a filter gallery has to do next, each a little at a time, and what has come of it beside the pictures of its wall."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _filter_facts as facts
from . import _filter_study as study

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.picture_cache import PictureCache
    from ..engine.strongest import Strongest
    from ._filter_wall import Wall

#: Units whose variants, large pictures and ways are kept in memory.
STUDIES = 64
#: Units most like the chosen one that stand beside it.
ALIKE = 5
#: Cells of an earlier day that are looked up at once.
LOOKED_UP = 32
#: Of the units that nobody looks at, so many are begun with at a time.
REST = 64

#: Which of the page's traits have changed.
Changed = tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What is looked at.

    Attributes
    ----------
    seen : list of int
        The channels in view, in the order seen.
    channel : int
        The chosen one, or -1.
    mode : str
        What the cells show.
    whole : bool
        Whether the whole layer is wanted.
    dataset : sequence
        The pictures that are searched.
    """

    seen: list[int]
    channel: int
    mode: str
    whole: bool
    dataset: Sequence[Any]


class Agenda:
    """Jobs that take turns. Each does one step, and yields what the page is to be told; it yields nothing if nothing is left of it.

    Attributes
    ----------
    found : dict of str to Strongest
        By layer, the strongest patches, as far as the data set is searched.
    profiles : dict of str to (ndarray, str)
        By layer, what tells its units apart, and which pictures they were asked about.
    studies : dict of Errand to Found
        What has come of the errands.
    paused : bool
        Whether nothing is computed. What is on the disk is looked up all the same.
    trouble : str
        Why the last errand came to nothing.
    """

    def __init__(self, network: Network, cache: PictureCache | None) -> None:
        self.found: dict[str, Strongest] = {}
        self.profiles: dict[str, tuple[np.ndarray, str]] = {}
        self.studies: OrderedDict[study.Errand, study.Found] = OrderedDict()
        self.paused = False
        self.trouble = ""
        self._network, self._cache = network, cache
        self._errands: deque[study.Errand] = deque()
        self._wished: set[study.Errand] = set()  # asked for by a person
        self._running: tuple[study.Errand, Iterator[study.Found]] | None = None
        self._search: tuple[tuple[str, int], Iterator[Any]] | None = None  # of a layer over so many pictures
        self._searched: dict[str, int] = {}  # by layer, over how many pictures it has come to its end
        self._profiled: dict[str, int] = {}

    # what is known of it ----------------------------------------------------------------------------------------------

    @property
    def running(self) -> study.Errand | None:
        """The errand that is under way."""
        running = self._running
        return running[0] if running else None

    @property
    def searching(self) -> bool:
        """Whether a data set is being searched."""
        return self._search is not None

    def alike(self, wall: Wall, channel: int) -> list[int]:
        """The units whose answers are most like those of one, best first."""
        profile, _ = self.profiles.get(wall.layer, (None, ""))
        if profile is None or not 0 <= channel < wall.channels:
            return []
        near = facts.likeness(profile, channel)
        near[channel] = np.nan
        return [int(each) for each in np.argsort(-np.nan_to_num(near, nan=-1), kind="stable")[:ALIKE] if near[each] > 0]

    # what is asked of it ----------------------------------------------------------------------------------------------

    def wish(self, errand: study.Errand) -> None:
        """Take on an errand that a person asks for."""
        self.trouble = ""
        self._wished.add(errand)
        if errand not in self._errands:
            self._errands.append(errand)

    def drop(self) -> None:
        """Let go of every errand."""
        self._errands.clear()
        self._wished.clear()
        self._running = None

    def forget(self) -> None:
        """Let go of all that is known: the network is another, or memory is wanted back."""
        for known in (self.found, self.profiles, self.studies, self._searched, self._profiled):
            known.clear()
        self._search = None

    # the jobs ---------------------------------------------------------------------------------------------------------

    @property
    def jobs(self) -> tuple[Any, ...]:
        """All that take turns once what is on the disk has been looked up, the most urgent first."""
        return (self._climb, self._run_errand, self._search_on, self._profile, self._climb_alike, self._climb_rest)

    def look_up(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """What is in view and on the disk."""
        if any(cell is not None for cell in [wall.cell(each) for each in wall.unknown(look.seen)]):
            yield ()

    def recall(self, wall: Wall) -> bool:
        """Of the units out of view, look up what is on the disk, so that they can be sorted; whether there were any."""
        unknown = wall.unknown(range(wall.channels))[:LOOKED_UP]
        for channel in unknown:
            wall.cell(channel)
        return bool(unknown)

    def _climb(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A step of what is in view."""
        if self.paused or (look.mode == "patches" and look.dataset and wall.layer not in self.found):
            return
        batch = wall.next(look.seen, look.channel)
        if batch is not None:
            before = wall.done[batch.channels].max(initial=0)
            wall.step(batch)
            marked = any(before < mark <= batch.done for mark in wall.marks) or batch.finished
            yield ("unit",) if marked and look.channel in batch.channels else ()

    def _climb_alike(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A step of the units most like the chosen one, which stand beside it, once all that is in view is finished."""
        if self.paused or look.mode != "synthesized" or wall.steps_left(look.seen):
            return
        left = [each for each in self.alike(wall, look.channel) if wall.cell(each) is None or not wall.whole(each)]
        batch = wall.next(left) if left else None
        if batch is not None:
            wall.step(batch)
            yield ()

    def _climb_rest(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A step of what nobody looks at, once all that is in view is finished."""
        if self.paused or not look.whole or wall.steps_left(look.seen):
            return
        rest = np.flatnonzero(wall.done < wall.steps)[:REST].tolist()
        for channel in wall.unknown(rest):
            wall.cell(channel)
        batch = wall.next([each for each in rest if not wall.whole(each)])
        if batch is not None:
            wall.step(batch)
        if rest:
            yield ()

    def _run_errand(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A step of what was asked for of one unit."""
        if self._running is None and not self.paused:
            yield from self._take_on(wall, look)
        running = self._running
        if running is None:
            return
        errand, steps = running
        if errand.kind == "variants" and errand.channel != look.channel and errand not in self._wished:
            self._running = None  # begun unasked, and nobody looks at it any more
            self.studies.pop(errand, None)
            yield ()
            return
        found = self._next_of(steps)
        if found is None:
            self._running = None
            yield ("unit",)
            return
        self._keep(errand, found)
        yield ("unit",) if (errand.layer, errand.channel) == (wall.layer, look.channel) else ()

    def _take_on(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """Begin with the next errand, if its units have pictures."""
        if not self._errands:
            self._think_ahead(wall, look)
        errand = self._errands.popleft() if self._errands else None
        if errand is None or errand.layer != wall.layer:
            return
        if all(map(wall.whole, errand.units)):
            self._running = (errand, study.run(errand, self._network, wall, self._cache))
        else:
            yield from self._prepare(wall, errand)

    def _think_ahead(self, wall: Wall, look: Look) -> None:
        """When all that is in view is finished: the variants of the chosen unit."""
        errand = study.Errand("variants", wall.layer, look.channel)
        chosen = look.mode == "synthesized" and 0 <= look.channel < wall.channels
        idle = chosen and not wall.steps_left(look.seen)
        if idle and errand not in self.studies and wall.whole(look.channel) and look.channel not in wall.notes:
            self._errands.append(errand)

    def _prepare(self, wall: Wall, errand: study.Errand) -> Iterator[Changed]:
        """The units' own pictures come first."""
        self._errands.append(errand)
        batch = wall.next([each for each in errand.units if not wall.whole(each)])
        if batch is not None:
            wall.step(batch)
            yield ()

    def _next_of(self, steps: Iterator[study.Found]) -> study.Found | None:
        from ..engine.errors import CnnvisError

        try:
            return next(steps, None)
        except CnnvisError as error:  # a picture of 512 px that the network does not take, say: all else goes on
            self.trouble = str(error)
            return None

    def _keep(self, errand: study.Errand, found: study.Found) -> None:
        self.studies[errand] = found
        self.studies.move_to_end(errand)
        while len(self.studies) > STUDIES:
            self.studies.popitem(last=False)

    def _search_on(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A batch of the data set."""
        from ..engine.strongest import strongest_patches

        count = len(look.dataset)
        if self.paused or self._searched.get(wall.layer, 0) == count:
            return
        if self._search is None or self._search[0] != (wall.layer, count):
            found = strongest_patches(self._network, wall.layer, look.dataset[:count], count=facts.PATCHES)
            self._search = ((wall.layer, count), iter(found))
        step = next(self._search[1], None)
        if step is None:
            self._search, self._searched[wall.layer] = None, count
            yield ("wall", "unit")
            return
        self.found[wall.layer] = step.result
        yield ("wall",) if step.done == step.total or look.mode == "patches" else ()

    def _profile(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """What the units answer to the same pictures."""
        count = len(look.dataset)
        if self.paused or self._profiled.get(wall.layer) == count:
            return
        pictures = facts.probes(self._network, look.dataset[:count], wall.seed, wall.size)
        answered = facts.answers(self._network, self._network.layer(wall.layer), pictures)
        what = "pictures of the data set" if count else "pictures of noise"
        self.profiles[wall.layer] = (facts.profiles(answered), f"{len(pictures)} {what}")
        self._profiled[wall.layer] = count
        yield ("wall", "unit")
