"""What a filter gallery has to do next, each a little at a time, and what has come of it beside the pictures of its wall."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _filter_facts as facts
from . import _filter_study as study

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.picture_cache import PictureCache
    from ..engine.steps import Step
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
        The channels in view, in the order seen, and the chosen one.
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
    unread : dict of str to str
        By layer, why the data set was not looked through to its end.
    """

    def __init__(self, network: Network, cache: PictureCache | None) -> None:
        self.found: dict[str, Strongest] = {}
        self.profiles: dict[str, tuple[np.ndarray, str]] = {}
        self.studies: OrderedDict[study.Errand, study.Found] = OrderedDict()
        self.paused = False
        self.trouble = ""
        self.unread: dict[str, str] = {}
        self._network, self._cache = network, cache
        self._errands: deque[study.Errand] = deque()
        self._wished: set[study.Errand] = set()  # asked for by a person
        self._in_vain: set[study.Errand] = set()  # not to be begun again unasked
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
        known = (self.found, self.profiles, self.studies, self.unread, self._searched, self._profiled, self._in_vain)
        for each in known:
            each.clear()
        self._search = None

    def hope(self) -> None:
        """What could not be done is tried again."""
        self.paused = False
        self._in_vain.clear()
        for layer in self.unread:
            self._searched.pop(layer, None)
            self._profiled.pop(layer, None)
        self.unread.clear()

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
        if self.paused or (look.mode == "patches" and self._to_search(wall, look) and wall.layer not in self.found):
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
        found = self._next_of(errand, steps)
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
        idle = chosen and not wall.steps_left(look.seen) and errand not in self._in_vain
        if idle and errand not in self.studies and wall.whole(look.channel) and look.channel not in wall.notes:
            self._errands.append(errand)

    def _prepare(self, wall: Wall, errand: study.Errand) -> Iterator[Changed]:
        """The units' own pictures come first."""
        self._errands.append(errand)
        batch = wall.next([each for each in errand.units if not wall.whole(each)])
        if batch is not None:
            wall.step(batch)
            yield ()

    def _next_of(self, errand: study.Errand, steps: Iterator[study.Found]) -> study.Found | None:
        from ..engine.errors import CnnvisError

        try:
            return next(steps, None)
        except CnnvisError as error:  # a picture of 512 px that the network does not take, say: all else goes on
            if errand in self._wished:
                self.trouble = str(error)
            self._in_vain.add(errand)
            return None

    def _keep(self, errand: study.Errand, found: study.Found) -> None:
        self.studies[errand] = found
        self.studies.move_to_end(errand)
        while len(self.studies) > STUDIES:
            self.studies.popitem(last=False)

    def _search_on(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """A batch of the data set."""
        if self.paused or not self._to_search(wall, look):
            return
        step = self._step_of_search(wall, look.dataset)
        if step is None:
            self._search, self._searched[wall.layer] = None, len(look.dataset)
            yield ("wall", "unit")
            return
        self.found[wall.layer] = step.result
        yield ("wall",) if step.done == step.total or look.mode == "patches" else ()

    def _to_search(self, wall: Wall, look: Look) -> bool:
        """Whether the data set has not been looked through to its end."""
        return self._searched.get(wall.layer, 0) != len(look.dataset)

    def _step_of_search(self, wall: Wall, dataset: Sequence[Any]) -> Step[Strongest] | None:
        """What is strongest after another batch; None at the end, which may be one before the last picture."""
        from ..engine.strongest import strongest_patches

        of = (wall.layer, len(dataset))
        try:
            if self._search is None or self._search[0] != of:
                self.unread.pop(wall.layer, None)
                self._search = (of, iter(strongest_patches(self._network, wall.layer, dataset, count=facts.PATCHES)))
            return next(self._search[1], None)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the pictures of others, the cells go on)
            self.unread[wall.layer] = f"The data set could not be looked through: {_told(error)}"
            return None

    def _profile(self, wall: Wall, look: Look) -> Iterator[Changed]:
        """What the units answer to the same pictures."""
        count = len(look.dataset)
        if self.paused or self._profiled.get(wall.layer) == count:
            return
        self.profiles[wall.layer] = self._profiles_of(wall, look.dataset)
        self._profiled[wall.layer] = count
        yield ("wall", "unit")

    def _profiles_of(self, wall: Wall, dataset: Sequence[Any]) -> tuple[np.ndarray, str]:
        """What the units answer to pictures of the data set, or to noise where it has none that the network takes."""
        layer = self._network.layer(wall.layer)
        pictures = facts.probes(self._network, dataset)
        with suppress(Exception):
            if pictures:
                answered = facts.answers(self._network, layer, pictures)
                return facts.profiles(answered), f"{len(pictures)} pictures of the data set"
        noise = facts.noise(self._network, facts.PROBES, wall.seed, wall.size)
        return facts.profiles(facts.answers(self._network, layer, noise.split(1))), f"{len(noise)} pictures of noise"


def _told(error: Exception) -> str:
    from ..engine.errors import CnnvisError

    first = (str(error).splitlines() or [""])[0]
    return first if isinstance(error, CnnvisError) else f"{type(error).__name__}: {first}"
