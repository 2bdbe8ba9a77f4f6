"""All units of a layer on one wall: their filters, the pictures they want to see, and what excites them most in a data set."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _filter_facts as facts
from . import _filter_study as study
from . import _filter_told as told
from ._base import Update, Viewer, _as_network, built
from ._filter_poster import contact_sheet
from ._filter_wall import Cell, Wall, decoded, small_recipe
from ._traits import option, state

if TYPE_CHECKING:
    from ..engine.picture_cache import PictureCache
    from ..engine.recipe import Recipe
    from ..engine.strongest import Strongest

#: Side of a picture in pixels, where nothing is said.
SIDE = 96
#: So many cells are begun with before a page has said what it shows.
PAGE = 24
#: Cells that a saved notebook keeps, in the order seen.
SAVED = 40
#: Layers whose walls are kept in memory.
LAYERS = 4
#: The films in an exported page may take so many bytes.
FILMS = 12e6
#: Units whose variants, large pictures and ways are kept in memory.
STUDIES = 64
#: Units most like the chosen one that stand beside it.
ALIKE = 5
#: Cells of an earlier day that are looked up at once.
LOOKED_UP = 32


class FilterGallery(Viewer):
    """Every unit of a layer as a cell of a wall, and all about the chosen one.

    A cell shows the unit's filter, a picture made so that the unit answers as strongly as it can, or the pieces of a data set to
    which it answers most. What is in view is computed first and sharpens while you look. Finished pictures are kept on the disk, so
    that the same gallery opens at once tomorrow: in the folder `$CNNVIS_CACHE`, else where the system keeps a user's caches.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    layer
        Which layer; by default the last one with positions.
    dataset
        Pictures for the strongest patches: a list of anything that `Network.read` takes, of scenes or of (picture, class) pairs,
        such as `cw.folder(path)`.
    cache
        The folder for finished pictures; False: none are kept.
    **options
        `channel` (the chosen unit), `mode` ("weights", "synthesized" or "patches"), `recipe` (a `Recipe`, or the name of one),
        `steps` (of an ascent), `size` (side of a picture in pixels; 0: fitted to the network), `seed`, `sort` ("channel", "response",
        "activation", "frequency" or "likeness"), `only` (which channels: "3, 10-20, dead"), `whole` (compute the whole layer, not
        only what is in view).

    Examples
    --------
    >>> FilterGallery(network, "features.9", dataset=cw.folder("photos"))  # doctest: +SKIP
    """

    _esm = built("filter_gallery.js")
    _css = built("filter_gallery.css")
    title = "Filter gallery"

    mode = option(traitlets.Enum(["weights", "synthesized", "patches"], "synthesized"))
    sort = option(traitlets.Enum(["channel", "response", "activation", "frequency", "likeness"], "channel"))
    only = option(traitlets.Unicode())
    recipe = option(traitlets.Dict(), ts="Record<string, unknown>")
    steps = option(traitlets.Int(96, min=1))
    size = option(traitlets.Int(0, min=0))
    seed = option(traitlets.Int(0))
    whole = option(traitlets.Bool(default_value=False))

    viewport: traitlets.List[Any] = state(traitlets.List(traitlets.Int()), ts="number[]")
    wall = state(traitlets.Dict(), ts="FilterWall | Empty")
    weights = state(traitlets.Dict(), ts="FilterWeights | Empty")
    cells = state(traitlets.Dict(), ts="FilterCells | Empty")
    unit = state(traitlets.Dict(), ts="FilterUnit | Empty")

    _asks: ClassVar[tuple[str, ...]] = ("layer", "recipe", "steps", "size", "seed", "whole")
    _poster_patience: ClassVar[float] = 1.0  # the wall is wanted while it sharpens, not after

    def __init__(
        self,
        network: Any,
        layer: str | None = None,
        dataset: Sequence[Any] | None = None,
        *,
        cache: str | os.PathLike[str] | bool = True,
        **options: Any,
    ) -> None:
        from ..engine.picture_cache import PictureCache

        self.dataset: list[Any] = _listed(dataset)
        self._cache: PictureCache | None = None if cache is False else PictureCache(None if cache is True else cache)
        self._door = (
            threading.Lock()
        )  # so that no word from the page is lost between the last look and the end of the work
        self._news = threading.Event()
        self._listening = False
        self._paused = False
        self._state: Any = None
        self._print = ""
        self._walls: OrderedDict[Any, Wall] = OrderedDict()
        self._found: dict[str, Strongest] = {}  # by layer
        self._search: tuple[tuple[str, int], Iterator[Any]] | None = None  # of a layer over so many pictures
        self._searched: dict[str, int] = {}  # by layer, over how many pictures it has come to its end
        self._profiled: dict[str, int] = {}
        self._profiles: dict[str, tuple[np.ndarray, str]] = {}
        self._errands: deque[study.Errand] = deque()
        self._wished: set[study.Errand] = set()  # asked for by a person
        self._running: tuple[study.Errand, Iterator[study.Found]] | None = None
        self._studies: OrderedDict[study.Errand, study.Found] = OrderedDict()
        self._sent: dict[tuple[str, int], Any] = {}
        self._trouble = ""  # why the last errand came to nothing
        self._began = (0.0, 0)
        if layer is not None:
            options = {"layer": layer, **options}
        super().__init__(_as_network(network), None, **options)

    # for a person in Python -----------------------------------------------------------------------------------------

    def add_image(self, image: Any, name: str | None = None) -> int:
        """Put another picture into the data set, and look again for the strongest patches; its index."""
        self.network.read(image)  # one that is none is said at once
        self.dataset.append(image)
        self._ask()
        return len(self.dataset) - 1

    def sharpen(self, channel: int | None = None) -> None:
        """Climb on from a unit's picture at 512 px."""
        self._go("sharp", channel)

    def diversify(self, channel: int | None = None) -> None:
        """Three more pictures for a unit, kept unlike its own and each other."""
        self._go("variants", channel)

    def interpolate(self, channel: int, other: int) -> None:
        """Pictures that want a share of two units, from one to the other."""
        self._go("between", channel, self._checked_channel(other))

    def picture(self, channel: int) -> np.ndarray | None:
        """A unit's picture as far as it is computed, uint8 (H, W, 3)."""
        wall = self._wall_shown()
        found = list(wall.cells([self._checked_channel(channel)])) if wall else []
        return decoded(found[0].jpeg) if found else None

    def cancel(self) -> None:
        """Stop what is being computed; what is there stays and can be looked at, and `run` in the page goes on with it."""
        self._paused = True
        self._errands.clear()
        self._wished.clear()
        self._running = None
        super().cancel()
        wall = self._wall_shown()
        if wall is not None:
            self.cells = self._saved(wall)
        self._news.set()

    # words from the page --------------------------------------------------------------------------------------------

    @traitlets.observe("viewport", "channel", "mode")
    def _moved(self, _change: Any) -> None:
        """Hand what is looked at to the work under way; nothing is dropped for it."""
        if not self._started:
            return
        with self._door:
            self._news.set()
            taken = self._listening and self._task.wanted
        if not taken and self.status != "failed":
            self._task.submit(self._work)

    def _received(self, widget: Any, content: Any, buffers: list[memoryview]) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "run":
            self.send({"type": "alive"})
            self._sent.clear()  # a page has just been opened: it has none of the pictures
            if content.get("again") or self.status == "failed":
                self._ask()
            else:
                self._moved(None)
        elif kind in ("sharp", "variants", "between"):
            try:
                self._go(kind, int(content["channel"]), int(content.get("other", -1)))
            except Exception as error:  # noqa: BLE001 (as every message)
                self._fail(error)
        else:
            super()._received(widget, content, buffers)

    def _go(self, kind: Any, channel: int | None, other: int = -1) -> None:
        chosen = self._checked_channel(self.channel if channel is None else channel)
        if chosen < 0 or (kind == "between" and not 0 <= self._checked_channel(other) != chosen):
            from ..engine.errors import LayerError

            msg = (
                f"Choose a unit of {self.layer} first: channel=0, say." if chosen < 0 else "Choose two different units."
            )
            raise LayerError(msg)
        errand = study.Errand(kind, self.layer, chosen, other)
        self._trouble = ""
        self._wished.add(errand)
        if errand not in self._errands:
            self._errands.append(errand)
        self.channel = chosen
        self._moved(None)

    def _ask(self) -> None:
        if not self._started:
            return
        self._paused = False
        self.status = "busy"
        self._task.submit(self._work)
        self._news.set()

    def _resolved(self, name: str, value: Any) -> Any:
        from ..engine.recipe import Recipe

        if name != "recipe":
            return super()._resolved(name, value)
        found = Recipe.named(value) if isinstance(value, str) else value
        found = Recipe.of_dict(found) if isinstance(found, Mapping) else found
        if not isinstance(found, Recipe):
            msg = f"recipe is a Recipe or the name of one; {type(value).__name__} is neither."
            raise TypeError(msg)
        return found.as_dict()

    # the work ---------------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Update]:
        with self._door:
            self._listening = True
        try:
            while True:
                wall = self._wall_now()
                yield Update(self._opening(wall), now=True)
                while not self._trained() and self._asked_for(wall):
                    self._news.clear()
                    if (yield from self._turns(wall)) and self._end():
                        return
        finally:
            with self._door:
                self._listening = False

    def _turns(self, wall: Wall) -> Generator[Update, None, bool]:
        """Whatever is to be done now, a little of each in turn; whether nothing is left."""
        done = True
        for job in (
            self._look_up,
            self._climb,
            self._run_errand,
            self._search_on,
            self._profile,
            self._climb_alike,
            self._climb_rest,
        ):
            for traits in job(wall):
                done = False
                yield Update({**traits, **self._told(wall)}, self._progress(wall))
        if done:
            done = not any(True for _ in self._recall(wall))
        if done:
            yield Update(self._closing(wall))
        return done

    def _end(self) -> bool:
        """Stop listening, unless something has been said since."""
        with self._door:
            self._listening = self._news.is_set()
            return not self._listening

    def _trained(self) -> bool:
        """Whether the network is another than the one whose pictures are kept."""
        from ..engine.incremental import state_of

        found = state_of(self.network)
        changed = self._state is not None and found != self._state
        if changed or self._state is None:
            self._state, self._print = found, ""
        if changed:
            self._walls.clear()
            self._found.clear()
            self._profiles.clear()
            self._searched.clear()
            self._profiled.clear()
            self._studies.clear()
            self._sent.clear()
            self._search = None
        return changed

    def _asked_for(self, wall: Wall) -> bool:
        return bool(self._walls) and next(reversed(self._walls.values())) is wall and self._setting() in self._walls

    def _recipe(self) -> Recipe:
        from ..engine.recipe import Recipe

        found = Recipe.of_dict(self.recipe) if self.recipe else small_recipe()
        return found.with_steps(self.steps)

    def _setting(self) -> Any:
        return (self.layer, str(self.recipe), self.steps, self.size, self.seed)

    def _wall_now(self) -> Wall:
        """The wall of what is asked for."""
        from ..engine.result_store import fingerprint_of_network

        self._trained()
        self._print = self._print or fingerprint_of_network(self.network)
        setting = self._setting()
        found = self._walls.get(setting)
        if found is None:
            size = self._side()
            found = Wall(self.network, self.layer, self._recipe(), size, self.seed, self._cache, self._print)
        self._walls[setting] = found
        self._walls.move_to_end(setting)
        while len(self._walls) > LAYERS:
            self._walls.popitem(last=False)
        return found

    def _wall_shown(self) -> Wall | None:
        return next(reversed(self._walls.values()), None)

    def _side(self) -> tuple[int, int]:
        """Height and width of the pictures: 96 px, or the network's own size where that is less or no other can be had."""
        own = self.network.preprocess.size
        if self.size or own is None:
            return (self.size or SIDE, self.size or SIDE)
        small = (min(SIDE, own[0]), min(SIDE, own[1]))
        return small if small == own or facts.takes(self.network, self.layer, small) else own

    # what there is to do, each a little at a time ---------------------------------------------------------------------

    def _seen(self, wall: Wall) -> list[int]:
        """The channels in view, in the order seen."""
        chosen = [each for each in self.viewport if 0 <= each < wall.channels]
        return chosen or list(range(min(PAGE, wall.channels)))

    def _look_up(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """What is in view and on the disk."""
        unknown = wall.unknown(self._seen(wall))
        if unknown:
            found = [cell for cell in map(wall.cell, unknown) if cell is not None]
            if found:
                yield {}
        if self._due(wall):
            yield {}

    def _climb(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """A step of what is in view."""
        if self._paused or (self.mode == "patches" and self.dataset and self.layer not in self._found):
            return
        batch = wall.next(self._seen(wall), self.channel)
        if batch is not None:
            before = wall.done[batch.channels].max(initial=0)
            wall.step(batch)
            marked = any(before < mark <= batch.done for mark in wall.marks) or batch.finished
            yield {"unit": self._unit(wall)} if marked and self.channel in batch.channels else {}

    def _climb_alike(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """A step of the units most like the chosen one, which stand beside it, once all that is in view is finished."""
        if self._paused or self.mode != "synthesized" or wall.steps_left(self._seen(wall)):
            return
        left = [each for each in self._alike(wall) if wall.cell(each) is None or not wall.whole(each)]
        batch = wall.next(left) if left else None
        if batch is not None:
            wall.step(batch)
            yield {}

    def _alike(self, wall: Wall) -> list[int]:
        """The units whose answers are most like those of the chosen one."""
        profile, _ = self._profiles.get(wall.layer, (None, ""))
        if profile is None or not 0 <= self.channel < wall.channels:
            return []
        near = facts.likeness(profile, self.channel)
        near[self.channel] = np.nan
        return [int(each) for each in np.argsort(-np.nan_to_num(near, nan=-1), kind="stable")[:ALIKE] if near[each] > 0]

    def _climb_rest(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """A step of what nobody looks at, once all that is in view is finished."""
        if self._paused or not self.whole or wall.steps_left(self._seen(wall)):
            return
        rest = np.flatnonzero(wall.done < wall.steps)[:64].tolist()
        unknown = wall.unknown(rest)
        for channel in unknown:
            wall.cell(channel)
        batch = wall.next([each for each in rest if not wall.whole(each)])
        if batch is not None:
            wall.step(batch)
        if rest:
            yield {}

    def _run_errand(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """A step of what was asked for of one unit."""
        from ..engine.errors import CnnvisError

        if self._running is None and not self._errands and not self._paused:
            self._think_ahead(wall)
        if self._running is None and self._errands and not self._paused:
            errand = self._errands.popleft()
            if errand.layer == wall.layer and all(
                wall.whole(each) for each in (errand.channel, errand.other) if each >= 0
            ):
                self._running = (errand, study.run(errand, self.network, wall, self._cache))
            elif errand.layer == wall.layer:
                yield from self._prepare(wall, errand)
        if self._running is None:
            return
        errand, steps = self._running
        if errand.kind == "variants" and errand.channel != self.channel and errand not in self._wished:
            self._running = None  # begun unasked, and nobody looks at it any more
            self._studies.pop(errand, None)
            yield {}
            return
        try:
            found = next(steps, None)
        except CnnvisError as error:  # a picture of 512 px that the network does not take, say: all else goes on
            self._trouble, found = str(error), None
        if found is None:
            self._running = None
            yield {"unit": self._unit(wall)}
            return
        self._studies[errand] = found
        self._studies.move_to_end(errand)
        while len(self._studies) > STUDIES:
            self._studies.popitem(last=False)
        here = errand.layer == wall.layer and errand.channel == self.channel
        yield {"unit": self._unit(wall)} if here else {}

    def _think_ahead(self, wall: Wall) -> None:
        """When all that is in view is finished: the variants of the chosen unit."""
        errand = study.Errand("variants", wall.layer, self.channel)
        idle = (
            self.mode == "synthesized" and 0 <= self.channel < wall.channels and not wall.steps_left(self._seen(wall))
        )
        if idle and errand not in self._studies and wall.whole(self.channel) and self.channel not in wall.notes:
            self._errands.append(errand)

    def _prepare(self, wall: Wall, errand: study.Errand) -> Iterator[dict[str, Any]]:
        """The units' own pictures come first."""
        self._errands.append(errand)
        batch = wall.next([each for each in (errand.channel, errand.other) if each >= 0 and not wall.whole(each)])
        if batch is not None:
            wall.step(batch)
            yield {}

    def _search_on(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """A batch of the data set."""
        from ..engine.strongest import strongest_patches

        count = len(self.dataset)
        if self._paused or self._searched.get(wall.layer, 0) == count:
            return
        if self._search is None or self._search[0] != (wall.layer, count):
            found = strongest_patches(self.network, wall.layer, self.dataset[:count], count=facts.PATCHES)
            self._search = ((wall.layer, count), iter(found))
        step = next(self._search[1], None)
        if step is None:
            self._search, self._searched[wall.layer] = None, count
            yield {"wall": self._wall_told(wall), "unit": self._unit(wall)}
            return
        self._found[wall.layer] = step.result
        yield {"wall": self._wall_told(wall)} if step.done == step.total or self.mode == "patches" else {}

    def _profile(self, wall: Wall) -> Iterator[dict[str, Any]]:
        """What the units answer to the same pictures."""
        count = len(self.dataset)
        if self._paused or self._profiled.get(wall.layer) == count:
            return
        pictures = facts.probes(self.network, self.dataset[:count], self.seed, self._side())
        answered = facts.answers(self.network, self.network.layer(wall.layer), pictures)
        what = "pictures of the data set" if self.dataset else "pictures of noise"
        self._profiles[wall.layer] = (facts.profiles(answered), f"{len(pictures)} {what}")
        self._profiled[wall.layer] = count
        yield {"wall": self._wall_told(wall), "unit": self._unit(wall)}

    def _recall(self, wall: Wall) -> Iterator[None]:
        """Of the units out of view, what is on the disk: so that they can be sorted."""
        unknown = wall.unknown(range(wall.channels))[:LOOKED_UP]
        for channel in unknown:
            wall.cell(channel)
        if unknown:
            yield

    # what the page is told ----------------------------------------------------------------------------------------------

    def _opening(self, wall: Wall) -> dict[str, Any]:
        """What is known of a layer at once."""
        changes: dict[str, Any] = {}
        if self.weights.get("layer") != wall.layer:
            changes["weights"] = facts.weights_of(self.network, wall.layer)
        if self.channel >= wall.channels:
            self.channel = -1
        return {**changes, "wall": self._wall_told(wall), "unit": self._unit(wall), **self._told(wall)}

    def _closing(self, wall: Wall) -> dict[str, Any]:
        return {"wall": self._wall_told(wall), "unit": self._unit(wall), "cells": self._saved(wall), **self._told(wall)}

    def _wall_told(self, wall: Wall) -> dict[str, Any]:
        profile = self._profiles.get(wall.layer, (np.zeros((0, 0), np.int8), ""))
        return told.wall_told(wall, self._found.get(wall.layer), profile, len(self.dataset))

    def _unit(self, wall: Wall) -> dict[str, Any]:
        """All about the chosen unit; nothing where none is chosen."""
        chosen = self.channel
        found = self._found.get(wall.layer)
        return told.unit_told(wall, chosen, found, self._studies) if 0 <= chosen < wall.channels else {}

    def _told(self, wall: Wall) -> dict[str, Any]:
        """A sentence, and whether anything is computed."""
        seen = self._seen(wall)
        there = sum(map(wall.whole, seen))
        every = int((wall.done >= wall.steps).sum())
        if self._paused:
            return {"message": f"Stopped: {every} of {wall.channels} units are finished"}
        if self._running is not None:
            return {"message": self._errand_told(self._running[0]), "status": "busy"}
        if self._search is not None and self.mode == "patches":
            found = self._found.get(wall.layer)
            return {
                "message": f"Strongest patches of {found.done if found else 0} of {len(self.dataset)} pictures",
                "status": "busy",
            }
        if there < len(seen):
            return {
                "message": f"Sharpening: {there} of {len(seen)} units in view finished{self._left(wall)}",
                "status": "busy",
            }
        if self.whole and every < wall.channels:
            return {"message": f"Sharpening: {every} of {wall.channels} units finished", "status": "busy"}
        kept = f" ({self._cache.why_not})" if self._cache is not None and self._cache.why_not else ""
        return {"message": self._trouble or f"{every} of {wall.channels} units finished{kept}"}

    def _errand_told(self, errand: study.Errand) -> str:
        found = self._studies.get(errand)
        name = f"{errand.layer}:{errand.channel}"
        what = {"sharp": f"Sharpening {name} to {study.LARGE} px", "variants": f"Painting {name} in other ways"}
        deed = what.get(errand.kind, f"Painting the way from {name} to {errand.other}")
        return f"{deed}, step {found.done} of {found.steps}" if found else deed

    def _left(self, wall: Wall) -> str:
        """How long it will take, from how long it took."""
        left = wall.steps_left(self._seen(wall))
        since, then = self._began
        now = perf_counter()
        if then < left or not since:
            self._began = (now, left)
            return ""
        gone = then - left
        if gone < 6:
            return ""
        seconds = (now - since) / gone * left
        return f", {seconds:.0f} s left" if seconds >= 1 else ""

    def _progress(self, wall: Wall) -> float | None:
        if self._paused:
            return None
        if self._running is not None:
            found = self._studies.get(self._running[0])
            return found.done / max(1, found.steps) if found else None
        seen = self._seen(wall)
        wanted = range(wall.channels) if self.whole and not wall.steps_left(seen) else seen
        done = float(wall.done[list(wanted)].clip(0, wall.steps).mean() / wall.steps) if len(wanted) else 1.0
        return done if done < 1 else None

    # pictures, as messages ------------------------------------------------------------------------------------------------

    def _due(self, wall: Wall) -> list[Cell]:
        """The cells in view of which the page has an older picture, or none."""
        wanted = [*self._seen(wall), *self._alike(wall)]
        return [
            cell
            for cell in wall.cells(wanted)
            if self._sent.get((wall.layer, cell.channel)) != (wall.key(0), cell.done)
        ]

    def _show(self, update: Update) -> None:
        super()._show(update)
        wall = self._wall_shown()
        if wall is not None:
            self._deliver(wall)

    def _deliver(self, wall: Wall) -> None:
        due = self._due(wall)
        if due:
            self.send(told.parcel(wall, due), [cell.jpeg for cell in due])
            self._sent |= {(wall.layer, cell.channel): (wall.key(0), cell.done) for cell in due}
        found = self._found.get(wall.layer)
        if found is not None and self.mode == "patches":
            self._deliver_patches(wall, found)

    def _deliver_patches(self, wall: Wall, found: Strongest) -> None:
        name = f"{wall.layer} patches"
        due = [each for each in self._seen(wall) if self._sent.get((name, each)) != found.done]
        if due:
            self.send(told.parcel_of_patches(wall, due, found.done), [facts.sheet(found, each) for each in due])
            self._sent |= {(name, each): found.done for each in due}

    # what stays -----------------------------------------------------------------------------------------------------------

    def _saved(self, wall: Wall) -> dict[str, Any]:
        """The pictures in view, for a notebook that is opened again."""
        return told.pictures_told(wall, self._seen(wall)[:SAVED], self._found.get(wall.layer))

    def _has_result(self) -> bool:
        return any(bool(wall.done.any()) for wall in list(self._walls.values()))

    def _presentable(self) -> bool:
        return self._has_result()

    def _release(self) -> None:
        super()._release()
        self._walls.clear()
        self._found.clear()
        self._profiles.clear()
        self._searched.clear()
        self._profiled.clear()
        self._studies.clear()
        self._sent.clear()
        self._errands.clear()
        self._search = self._running = None
        self._state = None
        self._news.set()

    def _poster(self) -> bytes | None:
        wall = self._wall_shown()
        return self._sheet(wall, self._seen(wall)[:SAVED]) if wall is not None else None

    def _sheet(self, wall: Wall, channels: Sequence[int]) -> bytes | None:
        tiles = [(cell.channel, "silent" if cell.note else "", decoded(cell.jpeg)) for cell in wall.cells(channels)]
        every = int((wall.done >= wall.steps).sum())
        caption = f"{wall.layer}: {len(tiles)} of {wall.channels} units ({every} finished), each painted so that it answers strongly"
        return contact_sheet(f"{self.title}   {self.subject}", caption, tiles) if tiles else None

    def _export(self, form: Any) -> None:
        """The contact sheet holds every unit that has a picture, in the order seen."""
        wall = self._wall_shown()
        if form != "png" or wall is None:
            return super()._export(form)
        order = list(dict.fromkeys([*self._seen(wall), *np.flatnonzero(wall.done > 0).tolist()]))
        sheet = self._sheet(wall, order if self.sort != "channel" else sorted(order))
        if sheet is not None:
            self.send({"type": "file", "name": f"{type(self).__name__}.png", "mime": "image/png"}, [sheet])
        return None

    def _archived(self) -> dict[str, Any]:
        """Every layer that was looked at: all its pictures, and films as far as there is room."""
        room = FILMS
        entries: dict[str, Any] = {}
        for wall in reversed(list(self._walls.values())):
            order = list(dict.fromkeys([*self._seen(wall), *np.flatnonzero(wall.done > 0).tolist()]))
            units = {}
            for cell in wall.cells(order):
                unit = told.unit_told(wall, cell.channel, self._found.get(wall.layer), self._studies)
                room -= sum(map(len, [*unit["film"]["data"], unit["sheet"]]))
                if room < 0:
                    break
                units[str(cell.channel)] = unit
            entries.setdefault(
                wall.layer,
                {
                    "wall": self._wall_told(wall),
                    "weights": facts.weights_of(self.network, wall.layer),
                    "cells": told.pictures_told(wall, order, self._found.get(wall.layer)),
                    "units": units,
                },
            )
        return {"kind": "filter_gallery", "entries": entries}


def _listed(dataset: Any) -> list[Any]:
    """The items of a data set; one path alone is a mistake that iterating would hide."""
    if isinstance(dataset, (str, bytes, os.PathLike)):
        msg = f"dataset is {os.fspath(dataset)!r}: give a list of pictures, or cw.folder(path)."
        raise TypeError(msg)
    return [] if dataset is None else list(dataset)
