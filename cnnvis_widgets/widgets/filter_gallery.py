"""All units of a layer on one wall: their filters, the pictures they want to see, and what excites them most in a data set."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _filter_facts as facts
from . import _filter_saved as saved
from . import _filter_study as study
from . import _filter_told as told
from ._base import Update, Viewer, _as_network, built
from ._filter_agenda import Agenda, Changed, Look
from ._filter_dataset import DataSet
from ._filter_post import Post
from ._filter_progress import Progress
from ._filter_wall import Wall, decoded, small_recipe
from ._filter_walls import Setting, Walls
from ._options import Choice, Whole
from ._traits import option, state

if TYPE_CHECKING:
    from ..engine.picture_cache import PictureCache

#: So many cells are begun with before a page has said what it shows.
PAGE = 24
#: Cells that a saved notebook keeps, in the order seen.
SAVED = 40


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

    mode = option(Choice(["weights", "synthesized", "patches"], "synthesized"))
    sort = option(Choice(["channel", "response", "activation", "frequency", "likeness"], "channel"))
    only = option(traitlets.Unicode())
    recipe = option(traitlets.Dict(), ts="Record<string, unknown>")
    steps = option(Whole(96, 1, 1_000_000))
    size = option(Whole(0, 0, 8192, "pixels", such="128"))
    seed = option(Whole(0, 0))
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
        dataset: Iterable[Any] | None = None,
        *,
        cache: str | os.PathLike[str] | bool = True,
        **options: Any,
    ) -> None:
        self.dataset = DataSet(dataset)
        self._cache = _cache_of(cache)
        self._door = threading.Lock()  # no word from the page is lost between the last look and the end of the work
        self._news = threading.Event()
        self._listening = False
        if layer is not None:
            options = {"layer": layer, **options}
        network = _as_network(network)
        self._walls = Walls(network, self._cache)
        self._agenda = Agenda(network, self._cache)
        self._progress = Progress(self._agenda)
        self._post = Post()
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
        wall = self._walls.shown
        found = list(wall.cells([self._checked_channel(channel)])) if wall is not None else []
        return decoded(found[0].jpeg) if found else None

    def cancel(self) -> None:
        """Stop what is being computed; what is there stays and can be looked at, and `run` in the page goes on with it."""
        self._agenda.paused = True
        self._agenda.drop()
        super().cancel()
        wall = self._walls.shown
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
            self._post.forget()  # a page has just been opened: it has none of the pictures
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
        self._agenda.hope()
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
            while not (yield from self._round()):
                pass
        finally:
            with self._door:
                self._listening = False

    def _round(self) -> Generator[Update, None, bool]:
        """All there is to do for one network and one setting; whether it is time to end."""
        self._notice_training()
        try:
            wall = self._walls.of(self._setting())
            yield Update(self._opening(wall), now=True)
            while not self._notice_training() and self._walls.shows(wall, self._setting()):
                self._news.clear()
                if (yield from self._turns(wall)) and self._end():
                    return True
        except Exception:
            if not self._notice_training():  # weights that are written to during a pass break it: it is done again
                raise
        return False

    def _turns(self, wall: Wall) -> Generator[Update, None, bool]:
        """Whatever is to be done now, a little of each in turn; whether nothing is left."""
        done = True
        for changed in self._changes(wall):
            done = False
            told_now = {**self._values(changed, wall), **self._told(wall)}
            yield Update(told_now, self._progress.share(wall, self._look(wall)))
        done = done and not self._agenda.recall(wall)
        if done:
            yield Update(self._closing(wall))
        return done

    def _changes(self, wall: Wall) -> Iterator[Changed]:
        """Once around all jobs: after each step, which traits have changed. What is looked at may change between two."""
        yield from self._agenda.look_up(wall, self._look(wall))
        if self._post.due(wall, self._shown(wall)):
            yield ()
        if self.unit.get("channel", -1) != self._chosen(wall):
            yield ("unit",)
        for job in self._agenda.jobs:
            yield from job(wall, self._look(wall))

    def _look(self, wall: Wall) -> Look:
        return Look(self._seen(wall), self.channel, self.mode, self.whole, self.dataset)

    def _seen(self, wall: Wall) -> list[int]:
        """The channels in view, in the order seen, and the chosen one, which need not be on the wall."""
        viewed = [each for each in self.viewport if 0 <= each < wall.channels]
        chosen = [self.channel] if self._chosen(wall) >= 0 else []
        return list(dict.fromkeys([*(viewed or range(min(PAGE, wall.channels))), *chosen]))

    def _shown(self, wall: Wall) -> list[int]:
        """The channels whose pictures stand in the page, also beside the wall."""
        return [*self._seen(wall), *self._agenda.alike(wall, self.channel)]

    def _chosen(self, wall: Wall) -> int:
        return self.channel if self.channel < wall.channels else -1

    def _end(self) -> bool:
        """Stop listening, unless something has been said since."""
        with self._door:
            self._listening = self._news.is_set()
            return not self._listening

    def _notice_training(self) -> bool:
        """Whether the network is another than the one whose pictures are kept; then all is forgotten."""
        changed = self._walls.stale()
        if changed:
            self._agenda.forget()
            self._post.forget()
        return changed

    def _setting(self) -> Setting:
        from ..engine.recipe import Recipe

        recipe = Recipe.of_dict(self.recipe) if self.recipe else small_recipe()
        return Setting(self.layer, recipe.with_steps(self.steps), self.size, self.seed)

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

    def _told(self, wall: Wall) -> dict[str, Any]:
        """A sentence, and whether anything is computed."""
        return self._progress.told(wall, self._look(wall), self._cache.why_not if self._cache is not None else "")

    def _wall_told(self, wall: Wall) -> dict[str, Any]:
        agenda = self._agenda
        profile = agenda.profiles.get(wall.layer, (np.zeros((0, 0), np.int8), ""))
        unread = agenda.unread.get(wall.layer, "")
        return told.wall_told(wall, agenda.found.get(wall.layer), profile, len(self.dataset), unread)

    def _unit(self, wall: Wall) -> dict[str, Any]:
        """All about the chosen unit; nothing where none is chosen."""
        chosen, found = self._chosen(wall), self._agenda.found.get(wall.layer)
        return told.unit_told(wall, chosen, found, self._agenda.studies) if chosen >= 0 else {}

    def _show(self, update: Update) -> None:
        super()._show(update)
        wall = self._walls.shown
        if wall is None:
            return
        for content, pictures in self._post.parcels(wall, self._shown(wall)):
            self.send(content, pictures)
        found = self._agenda.found.get(wall.layer)
        if found is not None and self.mode == "patches":
            for content, sheets in self._post.parcels_of_patches(wall, self._seen(wall), found):
                self.send(content, sheets)

    # what stays -----------------------------------------------------------------------------------------------------------

    def _saved(self, wall: Wall) -> dict[str, Any]:
        """The pictures in view, for a notebook that is opened again."""
        return told.pictures_told(wall, self._seen(wall)[:SAVED], self._agenda.found.get(wall.layer))

    def _has_result(self) -> bool:
        return any(bool(wall.done.any()) for wall in self._walls)

    def _presentable(self) -> bool:
        return self._has_result()

    def _release(self) -> None:
        super()._release()
        self._walls.clear()
        self._agenda.forget()
        self._agenda.drop()
        self._post.forget()
        self._news.set()

    def _done(self) -> None:
        super()._done()
        self._keep_still()

    def _poster(self) -> bytes | None:
        wall = self._walls.shown
        return saved.sheet(self._headline, wall, self._seen(wall)[:SAVED]) if wall is not None else None

    @property
    def _headline(self) -> str:
        return f"{self.title}   {self.subject}"

    def _export(self, form: Any) -> None:
        """The contact sheet holds every unit that has a picture, in the order seen."""
        wall = self._walls.shown
        if form != "png" or wall is None:
            return super()._export(form)
        order = saved.in_order(wall, self._seen(wall))
        sheet = saved.sheet(self._headline, wall, order if self.sort != "channel" else sorted(order))
        if sheet is not None:
            self.send({"type": "file", "name": f"{type(self).__name__}.png", "mime": "image/png"}, [sheet])
        return None

    def _archived(self) -> dict[str, Any]:
        archive = saved.Archive(self.network, self._agenda.found, self._agenda.studies)
        return archive.of(reversed(list(self._walls)), self._seen, self._wall_told)


def _cache_of(given: Any) -> PictureCache | None:
    """The cache in a folder; of True and None the usual one, of False none."""
    from ..engine.picture_cache import PictureCache

    if given is False:
        return None
    if given is True or given is None:
        return PictureCache()
    if not isinstance(given, (str, os.PathLike)) or not str(given).strip() or "\0" in str(given):
        msg = f"cache is {given!r}: give a folder for finished pictures, or False for none."
        raise TypeError(msg)
    return PictureCache(given)
