"""All units of a layer on one wall: their filters, the pictures they want to see, and what excites them most in a data set."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _filter_facts as facts
from . import _filter_study as study
from . import _filter_told as told
from ._base import Update, Viewer, _as_network, built
from ._filter_agenda import Agenda, Changed, Look
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
        self._state: Any = None
        self._print = ""
        self._walls: OrderedDict[Any, Wall] = OrderedDict()
        self._sent: dict[tuple[str, int], Any] = {}
        self._began = (0.0, 0)
        if layer is not None:
            options = {"layer": layer, **options}
        network = _as_network(network)
        self._agenda = Agenda(network, self._cache)
        super().__init__(network, None, **options)

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
        self._agenda.paused = True
        self._agenda.drop()
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
        self._agenda.wish(study.Errand(kind, self.layer, chosen, other))
        self.channel = chosen
        self._moved(None)

    def _ask(self) -> None:
        if not self._started:
            return
        self._agenda.paused = False
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
        for changed in self._changes(wall):
            done = False
            yield Update({**self._values(changed, wall), **self._told(wall)}, self._progress(wall))
        done = done and not self._agenda.recall(wall)
        if done:
            yield Update(self._closing(wall))
        return done

    def _changes(self, wall: Wall) -> Iterator[Changed]:
        """Once around all jobs: after each step, which traits have changed. What is looked at may change between two."""
        yield from self._agenda.look_up(wall, self._look(wall))
        if self._due(wall):
            yield ()
        if self.unit.get("channel", -1) != self._chosen(wall):
            yield ("unit",)
        for job in self._agenda.jobs:
            yield from job(wall, self._look(wall))

    def _look(self, wall: Wall) -> Look:
        return Look(self._seen(wall), self.channel, self.mode, self.whole, self.dataset)

    def _seen(self, wall: Wall) -> list[int]:
        """The channels in view, in the order seen."""
        chosen = [each for each in self.viewport if 0 <= each < wall.channels]
        return chosen or list(range(min(PAGE, wall.channels)))

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
            self._agenda.forget()
            self._sent.clear()
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

    def _values(self, changed: Changed, wall: Wall) -> dict[str, Any]:
        tell = {"wall": self._wall_told, "unit": self._unit}
        return {name: tell[name](wall) for name in changed}

    def _wall_told(self, wall: Wall) -> dict[str, Any]:
        profile = self._agenda.profiles.get(wall.layer, (np.zeros((0, 0), np.int8), ""))
        return told.wall_told(wall, self._agenda.found.get(wall.layer), profile, len(self.dataset))

    def _unit(self, wall: Wall) -> dict[str, Any]:
        """All about the chosen unit; nothing where none is chosen."""
        chosen, found = self._chosen(wall), self._agenda.found.get(wall.layer)
        return told.unit_told(wall, chosen, found, self._agenda.studies) if chosen >= 0 else {}

    def _chosen(self, wall: Wall) -> int:
        return self.channel if self.channel < wall.channels else -1

    def _told(self, wall: Wall) -> dict[str, Any]:
        """A sentence, and whether anything is computed."""
        seen = self._seen(wall)
        there = sum(map(wall.whole, seen))
        every = int((wall.done >= wall.steps).sum())
        if self._agenda.paused:
            return {"message": f"Stopped: {every} of {wall.channels} units are finished"}
        errand = self._agenda.running
        if errand is not None:
            return {"message": self._errand_told(errand), "status": "busy"}
        if self._agenda.searching and self.mode == "patches":
            found = self._agenda.found.get(wall.layer)
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
        return {"message": self._agenda.trouble or f"{every} of {wall.channels} units finished{kept}"}

    def _errand_told(self, errand: study.Errand) -> str:
        found = self._agenda.studies.get(errand)
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
        if self._agenda.paused:
            return None
        errand = self._agenda.running
        if errand is not None:
            found = self._agenda.studies.get(errand)
            return found.done / max(1, found.steps) if found else None
        seen = self._seen(wall)
        wanted = range(wall.channels) if self.whole and not wall.steps_left(seen) else seen
        done = float(wall.done[list(wanted)].clip(0, wall.steps).mean() / wall.steps) if len(wanted) else 1.0
        return done if done < 1 else None

    # pictures, as messages ------------------------------------------------------------------------------------------------

    def _due(self, wall: Wall) -> list[Cell]:
        """The cells in view of which the page has an older picture, or none."""
        wanted = [*self._seen(wall), *self._agenda.alike(wall, self.channel)]
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
        found = self._agenda.found.get(wall.layer)
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
        return told.pictures_told(wall, self._seen(wall)[:SAVED], self._agenda.found.get(wall.layer))

    def _has_result(self) -> bool:
        return any(bool(wall.done.any()) for wall in list(self._walls.values()))

    def _presentable(self) -> bool:
        return self._has_result()

    def _release(self) -> None:
        super()._release()
        self._walls.clear()
        self._agenda.forget()
        self._agenda.drop()
        self._sent.clear()
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
                unit = told.unit_told(wall, cell.channel, self._agenda.found.get(wall.layer), self._agenda.studies)
                room -= sum(map(len, [*unit["film"]["data"], unit["sheet"]]))
                if room < 0:
                    break
                units[str(cell.channel)] = unit
            entries.setdefault(
                wall.layer,
                {
                    "wall": self._wall_told(wall),
                    "weights": facts.weights_of(self.network, wall.layer),
                    "cells": told.pictures_told(wall, order, self._agenda.found.get(wall.layer)),
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
