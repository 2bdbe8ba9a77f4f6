"""Cover a part of a picture, and watch what the network then says; a map of all places fills in behind it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import traitlets

from ._base import Update, Viewer, built
from ._cover_maps import Setting, Shelf, coarse, fitted
from ._cover_poster import cover_poster
from ._covering import CoverError, Placed, Subject, answers
from ._sweep import Sweep
from ._traits import option, state

#: While the cover is held the map waits; but no longer than so many seconds after the last move, as a page may be gone.
PATIENCE = 10.0
#: Pictures whose activations are kept, so that a drag needs no pass of its own for them.
SUBJECTS = 2


class OcclusionSlider(Viewer):
    """Drag a cover over a picture and see the probabilities follow; let go, and the map of all places fills in.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes.
    **options
        `window` (side of the cover in pixels; by default 32, less of a small picture, more of a large one), `stride` (from one
        place of the map to the next; by default half a window), `fill` ("gray", "mean", "black", "white", "blur", "noise",
        "inpaint" or "#rrggbb"), `shape` ("square" or "circle"), `target` (the class whose map is shown; by default the most
        probable one), `compare` (a second class) or `compare_fill` (a second fill), `measure` ("probability" or "score"),
        `exact`, `opacity`.

    Examples
    --------
    >>> OcclusionSlider(network, "elephant.jpg", window=48, fill="blur")  # doctest: +SKIP
    """

    _esm = built("occlusion_slider.js")
    _css = built("occlusion_slider.css")
    title = "Occlusion slider"

    window = option(traitlets.Int(32))
    stride = option(traitlets.Int(16))
    fill = option(traitlets.Unicode("gray"))
    shape = option(traitlets.Enum(["square", "circle"], "square"))
    compare = option(traitlets.Int(-1))
    compare_fill = option(traitlets.Unicode())
    measure = option(traitlets.Enum(["probability", "score"], "probability"))
    exact = option(traitlets.Bool(default_value=True))
    opacity = option(traitlets.Float(0.8, min=0, max=1))

    mode = state(traitlets.Enum(["cover", "brush"], "cover"))
    place: traitlets.List[Any] = state(traitlets.List(traitlets.Int(), maxlen=2), ts="number[]")
    held = state(traitlets.Bool(default_value=False))
    brush = state(traitlets.Dict(), ts="Brush | Empty")
    answer = state(traitlets.Dict(), ts="CoverAnswer | Empty")
    uncovered = state(traitlets.Dict(), ts="Uncovered | Empty")
    maps: traitlets.List[Any] = state(traitlets.List(), ts="OcclusionInfo[]")

    _asks: ClassVar[tuple[str, ...]] = (
        *("image", "layer", "target", "compare"),
        *("window", "stride", "fill", "compare_fill", "shape", "exact"),
    )
    _poster_patience: ClassVar[float] = 1.0  # the map is wanted while it fills, not after

    def __init__(self, network: Any, image: Any = None, **options: Any) -> None:
        self._given = options
        self._subjects: OrderedDict[int, Subject] = OrderedDict()
        self._shelf = Shelf()
        self._door = threading.Lock()  # so that no move is lost between the last look and the end of the work
        self._news = threading.Event()
        self._heard = monotonic()
        self._listening = False
        self._sweep: Sweep | None = None
        self._state: Any = None  # of the network, when it was asked for what is kept
        self._filling = True  # False after a cancel: covers are answered, and the map stays as it is
        super().__init__(network, image, **options)

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "compare" and value != -1:
            return self.network.class_index(value)
        return super()._resolved(name, value)

    def _append(self, picture: Any, name: str | None = None) -> None:
        super()._append(picture, name)
        if len(self._inputs) == 1:
            given = self._given.get("window")
            window = given if isinstance(given, int) else fitted(self._inputs[0].shape[2:])
            own = {"window": window, "stride": max(1, window // 2)}
            for trait in own.keys() - self._given:
                self._filled[trait] = own[trait]
                self.set_trait(trait, own[trait])

    # moves ---------------------------------------------------------------------------------------------------------

    @traitlets.observe("place", "held", "mode", "brush")
    def _moved(self, _change: Any) -> None:
        """Hand the cover to the work under way, which answers it first; the map it fills is not dropped for that."""
        if not self._started or not len(self._inputs):
            return
        with self._door:
            self._heard = monotonic()
            self._news.set()
            taken = self._listening and self._task.wanted
        if taken:
            return
        if self.status == "failed":
            self._ask()
        else:
            self._task.submit(self._work)

    def _ask(self) -> None:
        self._filling = True
        super()._ask()
        self._news.set()  # who waits for the cover to be let go of sees that something else is wanted

    def cancel(self) -> None:
        """Stop filling the map; what is shown stays, and covers are still answered."""
        self._filling = False
        super().cancel()
        self._news.set()

    def _release(self) -> None:
        super()._release()
        self._subjects.clear()
        self._shelf.clear()
        self._sweep = None
        self._news.set()

    # the work ------------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Update]:
        with self._door:
            self._listening = True
        try:
            while True:
                if self._trained():
                    yield Update(self._forgotten(), now=True)
                if (yield from self._answer_and_fill()):
                    return
        finally:
            with self._door:
                self._listening = False

    def _trained(self) -> bool:
        """Whether the network is another than the one that was asked for what is kept: it was trained, say."""
        from ..engine.flows import state_of

        state = state_of(self.network)
        self._state = self._state or state
        return bool(state != self._state)

    def _forgotten(self) -> dict[str, Any]:
        """Let go of what another network said; what the page is to know of this one."""
        self._state = None
        self._subjects.clear()
        self._shelf.clear()
        pictures = [{**picture, "scores": b""} for picture in self.pictures]
        return {"maps": [], "answer": {}, "uncovered": {}, "pictures": pictures}

    def _answer_and_fill(self) -> Generator[Update, None, bool]:
        """Answer each cover as it comes, before anything else; then fill the map, a batch at a time.

        False if the network was trained meanwhile, so that all has to begin again.
        """
        image, asked, compared = self.image, self.target, self.compare
        self._input()  # a picture and a layer that do not exist are said
        self.network.layer(self.layer)
        settings, subject = self._settings(image), self._subject(image)
        target = self.network.class_index(asked) if asked >= 0 else int(subject.probabilities.argmax())
        yield Update(self._clean(subject, image), chosen={"target": (asked, target)}, now=True)
        chosen = [self.network.class_index(each) for each in (target, compared) if each >= 0]
        maps = [self._shelf.map(each, subject) for each in settings]
        sweep = self._sweep = Sweep(subject, maps, chosen, self.network.device.type)
        yield Update(self._told(sweep), sweep.done)
        while True:
            self._news.clear()
            placed = self._placed(settings[0])
            if self._trained():
                return False
            if not answers(self.answer, placed):
                answer = subject.answer(placed) if placed else {}
                yield Update({**self._told(sweep), "answer": answer}, sweep.done, now=True)
            elif sweep.whole or not self._filling:
                if self._end():
                    return True
            elif self._waits():
                yield Update(self._told(sweep, waiting=True), sweep.done)
                self._news.wait(max(0.0, self._heard + PATIENCE - monotonic()))
            else:
                yield from self._fill_in(sweep)

    def _fill_in(self, sweep: Sweep) -> Iterator[Update]:
        """A part of the map, until the page has news."""
        for _ in sweep.batches():
            if self._trained():
                return
            yield Update(self._told(sweep), sweep.done)
            if self._news.is_set():
                return

    def _waits(self) -> bool:
        """Whether the map waits for the cover to be let go of."""
        return self.held and monotonic() - self._heard < PATIENCE

    def _end(self) -> bool:
        """Stop listening, unless something has been said since."""
        with self._door:
            self._listening = self._news.is_set()
            return not self._listening

    def _settings(self, image: int) -> list[Setting]:
        """The map that is wanted; and the one it is compared with, if any."""
        first = Setting(image, self.fill, self.shape, self.window, self.stride, self.exact)
        return [first, replace(first, fill=self.compare_fill)] if self.compare_fill not in ("", self.fill) else [first]

    def _placed(self, setting: Setting) -> Placed | None:
        """The cover as it lies now, if one does."""
        same = (setting.window, setting.fill, setting.shape)
        if self.mode == "cover":
            corner = self.place
            return Placed(setting.image, corner[0], corner[1], *same) if len(corner) == 2 else None
        drawing = self.brush
        if drawing.get("image") != setting.image or not any(data := bytes(drawing.get("data") or b"")):
            return None
        return Placed(setting.image, 0, 0, *same, brush=True, stroke=int(drawing.get("stroke", 0)), data=data)

    def _subject(self, image: int) -> Subject:
        found = self._subjects.get(image) or Subject(self.network, self._inputs[image])
        self._subjects[image] = found
        self._subjects.move_to_end(image)
        while len(self._subjects) > SUBJECTS:
            self._subjects.popitem(last=False)
        return found

    def _clean(self, subject: Subject, image: int) -> dict[str, Any]:
        """What the page does not know yet of the picture as it is."""
        changes: dict[str, Any] = {}
        if not self.pictures[image]["scores"]:
            changes["pictures"] = self._scored(subject.probabilities.tobytes(), image)
        if self.uncovered.get("image") != image:
            changes["uncovered"] = {"image": image, "logits": subject.logits.tobytes()}
        return changes

    def _told(self, sweep: Sweep, *, waiting: bool = False) -> dict[str, Any]:
        """What an update says of the map; after a cancel no more than that it is there."""
        told = sweep.traits(waiting=waiting)
        return told if self._filling or sweep.whole else {"maps": told["maps"]}

    def _done(self) -> None:
        super()._done()
        if self._displayed and self._sweep is not None and self._sweep.whole and self._sweep.fresh:
            self._sweep.fresh = False
            self._keep_still()

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            super()._fail(error)
            if isinstance(error, CoverError):
                self.notice = self.notice | {"title": "This cover cannot be used", "actions": [error.way_out]}
                self.message = self.notice["title"]

    # what stays ----------------------------------------------------------------------------------------------------

    def _presentable(self) -> bool:
        return bool(self.maps)

    def _poster(self) -> bytes | None:
        """The picture with the cover where it lies, or where it costs most; the probabilities there; the map."""
        entry = self.maps[0] if self.maps else None
        if entry is None or entry["image"] >= len(self._inputs) or self.target not in entry["classes"]:
            return None
        image = entry["image"]
        placed = self._placed(Setting(image, *(entry[name] for name in ("fill", "shape", "window", "stride", "exact"))))
        return cover_poster(
            f"{self.title}   {self.subject}",
            self.network,
            self._inputs[image],
            np.frombuffer(self.pictures[image]["scores"], np.float32),
            entry,
            self.target,
            self.measure,
            placed if answers(self.answer, placed) else None,
            self.answer,
        )

    def _archived(self) -> dict[str, Any]:
        """Every map that is whole; where a picture has none of the chosen cover, one at few places, made now."""
        if self._trained():
            self._ask()
            self.wait()
        chosen = [each for each in (self.target, self.compare) if 0 <= each < self.network.classes]
        for image, picture in enumerate(self._inputs):
            settings = self._settings(image)
            whole = {each.setting for each in self._shelf.finished()}
            if all(each in whole for each in settings):
                continue
            subject = Subject(self.network, picture)  # its own: the other may be at work
            self.pictures = self._clean(subject, image).get("pictures", self.pictures)
            for setting in settings:
                try:
                    found = self._shelf.map(setting if setting in whole else coarse(setting, subject.size), subject)
                except CoverError:  # another picture may be large enough for it
                    continue
                sweep = Sweep(subject, [found], chosen or [int(subject.probabilities.argmax())], "")
                while not sweep.whole:
                    for _ in sweep.batches():
                        pass
        entries = {}
        for found in self._shelf.finished():
            told = chosen or [int(found.clean.argmax())]
            entries[found.setting.name] = found.entry(told, self.network.class_name(told[0]), form="<f2")
        return {"kind": "occlusion_slider", "entries": entries}
