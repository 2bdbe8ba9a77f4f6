"""A picture that a network dreams on: mix layers and channels, watch it dream, step back, dream on."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import traitlets

from . import _poster
from ._alone import alone, listed
from ._base import Update, Viewer, built
from ._dream_poster import dream_poster
from ._dreaming import ZOOMS, Reel, Settings
from ._film import SHOWN_SIDE, animation
from ._task import Task
from ._traits import option, state

if TYPE_CHECKING:
    from torch import Tensor

#: A canvas of its own choosing is at most so many pixels long …
LONGEST = 512
#: … and at least so many, or three times what the network takes, whichever is less.
SHORTEST = 320
#: Dreams that are kept, so that going back to a picture finds its film.
REELS = 3
#: Seconds that a cell waits for the first frames, of which a still picture is made.
FIRST_FRAMES = 5.0
#: Small pictures of single units that are kept, and that an exported page has besides those of the mix.
MOST_ALONE, MOST_ARCHIVED = 256, 24

Wish: TypeAlias = tuple[str, int]
"""What the next work is to do: dream from the "photo" on, go "on" from a step, or "nothing" but show what there is."""
NOTHING: Wish = ("nothing", -1)


class DreamCanvas(Viewer):
    """DeepDream on a picture: choose what pulls and how hard, watch it octave by octave, step back, zoom in and dream on.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes. They keep their shape.
    layers
        What pulls and how hard: "layer" or "layer:channel" -> weight; or the name of one layer. By default a layer about
        two thirds of the way through the network.
    **options
        `size` (longest side of the canvas in pixels; by default the picture's own, at most 512), `octaves`, `ratio`, `steps`
        (in each octave), `rate` (by how much a step changes a pixel on average), `levels` (bands of frequency made equally
        strong: more is coarser), `jitter` (pixels), `zoom` (of each zoom of "dream on"), `guide` (which other picture guides the
        dream; -1: none), `seed`, `speed` (of animations, in frames a second), `view` ("dream", "split" or "photo"), `shown` (the
        step looked at; -1: the newest), `layer` and `channel` (the unit offered to be added to the mix).

    Examples
    --------
    >>> canvas = DreamCanvas(network, "owl.jpg", {"features.9": 1.0, "features.10:3": 0.5})  # doctest: +SKIP
    >>> canvas.mix = {"features.6": 1.0}  # doctest: +SKIP
    >>> canvas.dream_on()  # doctest: +SKIP
    >>> canvas.save("dream.webp")  # doctest: +SKIP
    """

    _esm = built("dream_canvas.js")
    _css = built("dream_canvas.css")
    title = "Dream canvas"

    octaves = option(traitlets.Int(4, min=1, max=12))
    ratio = option(traitlets.Float(1.4, min=1, max=4))
    steps = option(traitlets.Int(10, min=1, max=500))
    rate = option(traitlets.Float(0.01, min=1e-5, max=1))
    levels = option(traitlets.Int(2, min=1, max=8))
    jitter = option(traitlets.Int(32, min=0, max=512))
    zoom = option(traitlets.Float(1.1, min=1, max=4))
    size = option(traitlets.Int(0, min=0, max=4096))
    guide = option(traitlets.Int(-1))
    seed = option(traitlets.Int(0, min=0))
    speed = option(traitlets.Float(12.0, min=0.5, max=50))
    view = option(traitlets.Enum(["dream", "split", "photo"], "dream"))
    shown = option(traitlets.Int(-1))

    mix = state(traitlets.Dict(), ts="Record<string, number>")
    rows: traitlets.List[Any] = state(traitlets.List(), ts="string[]")  # layers that a mix is offered from
    plan = state(traitlets.Dict(), ts="DreamPlan | Empty")
    live = state(traitlets.Dict(), ts="LiveFrame | Empty")
    film = state(traitlets.Dict(), ts="DreamFilm | Empty")
    curves = state(traitlets.Dict(), ts="PullCurves | Empty")
    alone = state(traitlets.Dict(), ts="Record<string, AloneInfo>")
    wanted: traitlets.List[Any] = state(traitlets.List(traitlets.Unicode()), ts="string[]")
    says = state(traitlets.Dict(), ts="DreamSays | Empty")
    saving = state(traitlets.Unicode())

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer")
    _poster_patience: ClassVar[float] = 0.0

    def __init__(
        self, network: Any, image: Any = None, layers: Mapping[str, float] | str | None = None, **options: Any
    ) -> None:
        self._given = options
        self._sources: list[Any] = []  # the pictures as they were given
        self._canvases: dict[int, Tensor] = {}
        self._reels: OrderedDict[int, Reel] = OrderedDict()
        self._number = 0
        self._wish: Wish = ("photo", 0)
        self._dreamt = -1  # the picture that the wish is about
        self._made = False
        self._displayed, self._still = False, (-1, -1)  # the dream and step of which the notebook has a still picture
        self._side: Task[Update] = Task(self._show_beside, lambda: None, self._fail_beside)
        self._files: Task[Update] = Task(self._show_beside, lambda: None, self._fail_beside)
        super().__init__(network, image, **options)
        try:
            self.mix = self._checked_mix({self.layer: 1.0} if layers is None else layers)
        except Exception:
            self.close()
            raise
        self.rows = listed(self.network)
        self._made = True
        self._ask()

    # for a person in Python ---------------------------------------------------------------------------------------

    def dream(self) -> None:
        """Start again from the photo, with what is set now."""
        self._go(("photo", 0))

    def dream_on(self, step: int | None = None) -> None:
        """Go on from the frame after a step (by default the one shown): to the end of the octaves, or zooming in if that is reached.

        What came after that frame is dropped from the film.
        """
        self._go(("on", self.shown if step is None else step))

    def picture(self, step: int | None = None) -> np.ndarray:
        """The picture after a step (by default the one shown), uint8 (H, W, 3)."""
        from ..engine.images import to_uint8

        reel = self._reel()
        found: np.ndarray = to_uint8(reel.picture(self.shown if step is None else step)[0])
        return found

    def frames(self) -> list[np.ndarray]:
        """The film from the photo on, each frame as uint8 (H, W, 3), at most 768 pixels long."""
        from ._film import decoded

        return [decoded(frame.shown) for frame in self._reel().film.frames]

    def save(self, path: str | os.PathLike[str], step: int | None = None) -> Path:
        """Write the picture shown (".png", full size), or the film up to it (".webp" or ".gif").

        Parameters
        ----------
        path
            Its ending says which.
        step
            Of the picture, or the last of the film; by default the one shown.

        Raises
        ------
        ImageError
            If there is no dream yet, or the ending is another.
        """
        from ..engine.errors import ImageError

        target = Path(path).expanduser()
        form = target.suffix.lower().removeprefix(".")
        if form not in ("png", "webp", "gif"):
            msg = f"A dream is saved as .png, .webp or .gif; {target.name!r} ends otherwise."
            raise ImageError(msg)
        target.write_bytes(self._file(self._reel(), form, self.shown if step is None else step))
        return target

    # what is set --------------------------------------------------------------------------------------------------

    def _first_layer(self) -> str:
        """About two thirds of the way: late enough for shapes, early enough for many of them."""
        rows = listed(self.network)
        return rows[int(0.6 * len(rows))] if rows else self.network.last_spatial_layer

    def _checked_mix(self, given: Mapping[str, float] | str) -> dict[str, float]:
        mix = {given: 1.0} if isinstance(given, str) else {str(unit): float(each) for unit, each in given.items()}
        for unit in mix:
            self._checked_unit(unit)
        return mix

    def _checked_unit(self, unit: str) -> None:
        from ..engine.errors import LayerError

        layer, colon, channel = unit.rpartition(":")
        if not colon or not channel.isdigit() or unit in {each.name for each in self.network.layers}:
            self.network.layer(unit)
            return
        count = self.network.layer(layer).channels
        if int(channel) >= count:
            msg = f"{layer} has channels 0–{count - 1}; {channel} is not one of them."
            raise LayerError(msg)

    @traitlets.observe("mix", "octaves", "ratio", "steps", "rate", "levels", "jitter", "zoom", "guide", "seed", "size")
    def _set_anew(self, change: Any) -> None:
        """A dream under way looks for itself; one that failed tries again with what is set now."""
        if change["name"] == "size":
            self._canvases.clear()
        if not self.__dict__.get("_made"):
            return
        if change["name"] == "mix":
            try:
                self._checked_mix(change["new"])
            except Exception as error:  # noqa: BLE001 (from a page nobody would see it)
                self._fail(error)
                return
        if self.status == "failed":
            self._ask()

    def _settings(self) -> Settings:
        names = ("octaves", "ratio", "steps", "rate", "levels", "jitter", "zoom", "seed", "guide", "size")
        return Settings(tuple(self.mix.items()), **{name: getattr(self, name) for name in names})

    # pictures -----------------------------------------------------------------------------------------------------

    def _append(self, picture: Any, name: str | None = None) -> None:
        """A picture keeps its shape here, so what is shown of it is the canvas, not what the network would take."""
        from ..engine.images import encode_picture

        super()._append(picture, name)
        self._sources.append(picture)
        canvas = self._canvas(len(self._sources) - 1)
        entry = {"width": canvas.shape[3], "height": canvas.shape[2], "data": encode_picture(canvas)}
        self.pictures = [*self.pictures[:-1], {**self.pictures[-1], **entry}]

    def _canvas(self, image: int) -> Tensor:
        """A picture at the size it is dreamed on, (1, C, H, W); kept until another size is wanted."""
        from ..engine.dream import read_at_its_size, resized
        from ..engine.errors import ImageError

        if not 0 <= image < len(self._sources):
            msg = f"There are {len(self._sources)} pictures, 0–{len(self._sources) - 1}; {image} is not one of them."
            raise ImageError(msg)
        if image not in self._canvases:
            own = read_at_its_size(self.network.at_any_size(), self._sources[image])
            height, width = own.shape[2:]
            scale = self._length(max(height, width)) / max(height, width)
            self._canvases[image] = resized(own, (max(1, round(height * scale)), max(1, round(width * scale)))).clamp(
                0, 1
            )
        return self._canvases[image]

    def _length(self, own: int) -> int:
        """The longest side of the canvas of a picture whose own is `own`."""
        size = self.size if self._started else int(self._given.get("size", 0))
        least = min(3 * max(self.network.preprocess.size or (0,)), SHORTEST)
        return size or min(max(own, least), LONGEST)

    # the work -----------------------------------------------------------------------------------------------------

    def _go(self, wish: Wish) -> None:
        self._wish, self._dreamt = wish, self.image
        self._ask()

    def _ask(self) -> None:
        if not self.__dict__.get("_made"):
            return
        if self._dreamt != self.image:
            self._dreamt = self.image
            self._wish = NOTHING if self.image in self._reels else ("photo", 0)
        super()._ask()

    def cancel(self) -> None:
        """Stop dreaming; the frames so far stay, and one can go on from there."""
        busy = self._task.wanted
        super().cancel()
        self._files.cancel()
        self._wish = NOTHING
        with self.hold_sync():
            self.saving = ""
            if busy and self._reels.get(self.image) is not None:
                self._tell(self._reels[self.image])
                self.message = f"Cancelled after {_steps(self._reels[self.image].step)}; it can go on from here."

    def _work(self) -> Iterator[Update]:
        picture, image = self._input(), self.image
        self.network.layer(self.layer)  # one that does not exist is said, though only the list of units looks at it
        started = perf_counter()
        (wish, step), reel = self._wish, self._reels.get(image)
        changes = self._scores(picture, image)
        if wish == "photo" or (wish == "on" and reel is None):
            reel = self._begun(image)
        elif wish == "on" and reel is not None:
            self._taken_up(reel, step)
        if reel is None or wish == "nothing":
            yield Update({**changes, **({} if reel is None else _told(reel))})
            return
        self._wish = ("on", -1)  # should it fail, trying again goes on from there
        before = reel.step
        yield Update({**changes, **_growing(reel), "film": {}, "shown": -1, "message": "Dreaming"}, 0.0, now=True)
        for frame in reel.steps(self._settings):
            live = {"reel": reel.number, "step": frame.step, "data": frame.shown}
            share = frame.step / max(frame.step, reel.planned)
            yield Update({**_growing(reel), "live": live, "message": f"Dreaming: {reel.where()}"}, share)
        self._wish = NOTHING
        lasted = f"{perf_counter() - started:.1f} s on {self.network.device.type}"
        message = f"{_steps(reel.step - before)} on {self.pictures[image]['name']} in {lasted}"
        yield Update({**_told(reel), "says": self._said(reel), "message": message})

    def _scores(self, picture: Tensor, image: int) -> dict[str, Any]:
        """What the network says of the photo, where that is new."""
        if self.pictures[image]["scores"]:
            return {}
        scores = self.network.predict(picture).probabilities[0].astype(np.float32)
        return {"pictures": self._scored(scores.tobytes(), image)}

    def _said(self, reel: Reel) -> dict[str, Any]:
        """What the network says of the newest frame."""
        scores = self.network.predict(reel.picture()).probabilities[0].astype(np.float32)
        return {"reel": reel.number, "step": reel.step, "scores": scores.tobytes()}

    def _begun(self, image: int) -> Reel:
        settings, guide = self._settings(), self._guide()
        self._number += 1
        reel = Reel(self._number, image, self._canvas(image), settings)
        reel.begin(self.network, guide)
        self._reels[image] = reel
        self._reels.move_to_end(image)
        while len(self._reels) > REELS:
            self._reels.popitem(last=False)
        return reel

    def _taken_up(self, reel: Reel, step: int) -> None:
        """Make ready to go on from a frame; where everything is done there, zooming is what is left to do."""
        if 0 <= step < reel.step:
            reel.back_to(step)
        reel.wake(self.network, self._settings(), self._guide())
        if reel.finished:
            reel.zooms_left = ZOOMS

    def _guide(self) -> Tensor | None:
        return None if self.guide in (-1, self.image) else self._canvas(self.guide)

    def _reel(self) -> Reel:
        from ..engine.errors import ImageError

        reel = self._reels.get(self.image)
        if reel is None:
            msg = "There is no dream of this picture yet: call dream() and wait() first."
            raise ImageError(msg)
        return reel

    def _tell(self, reel: Reel) -> None:
        for name, value in _told(reel).items():
            self.set_trait(name, value)

    def _done(self) -> None:
        super()._done()
        self._look_beside()
        reel = self._reels.get(self.image)
        if self._displayed and reel is not None and (reel.number, reel.step) != self._still:
            self._still = (reel.number, reel.step)
            threading.Thread(target=self._keep_still, daemon=True).start()  # drawing it would hold up the page

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            super()._fail(error)
            reel = self._reels.get(self.image)
            if reel is not None and self.film == {}:
                self._tell(reel)
            if reel is not None and not any(self.mix.values()):
                way_out = {"label": "Bring back the last mix", "set": {"mix": dict(reel.settings.pulls)}}
                self.notice = self.notice | {"title": "Nothing is left to climb", "actions": [way_out]}
                self.message = f"Stopped after {_steps(reel.step)}: every weight is 0"

    def _release(self) -> None:
        super()._release()
        self._side.cancel()
        self._files.cancel()
        self._canvases.clear()
        for reel in self._reels.values():
            reel.dream = None

    def wait(self, timeout: float | None = 60) -> bool:
        """Until what was asked for is computed; False if that takes longer than `timeout` seconds."""
        return super().wait(timeout) and self._files.wait(timeout) and self._side.wait(timeout)

    # beside the dream: small pictures of single units, files ----------------------------------------------------------

    @traitlets.observe("wanted")
    def _look_beside(self, _change: Any = None) -> None:
        if self.__dict__.get("_made") and self.wanted and self.status in ("ready", "failed"):
            self._side.submit(self._alone)

    def _alone(self) -> Iterator[Update]:
        """Small pictures of the units that a page shows, one after the other; a dream goes first."""
        image = self.image
        if not 0 <= image < len(self._sources):
            return
        for unit in self.wanted:
            if self.status == "busy":
                return
            key = f"{image}|{unit}"
            if key not in self.alone:
                kept = dict(list(self.alone.items())[-MOST_ALONE:])
                yield Update({"alone": {**kept, key: alone(self.network, self._canvas(image), unit)}}, now=True)

    def _show_beside(self, update: Update) -> None:
        with self.hold_sync():
            for name, value in update.traits.items():
                self.set_trait(name, value)

    def _fail_beside(self, error: Exception) -> None:
        self.saving = f"That did not work: {error}" if self.saving else ""

    def _received(self, widget: Any, content: Any, buffers: list[memoryview]) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        try:
            if kind == "dream":
                self.send({"type": "alive"})
                self._go(("photo", 0) if content.get("from") == "photo" else ("on", int(content.get("from", -1))))
            elif kind == "save":
                self._offer(str(content.get("format")), int(content.get("step", -1)))
            else:
                super()._received(widget, content, buffers)
        except Exception as error:  # noqa: BLE001 (a bad message must not kill the widget, and must be seen)
            self._fail(error)

    def _offer(self, form: str, step: int) -> None:
        """Encode a picture or a film beside whatever else goes on, and send it."""
        reel = self._reel()
        mime = f"image/{form}"
        name = f"{Path(self.pictures[reel.image]['name']).stem}_dream.{form}"

        def work() -> Iterator[Update]:
            yield Update({"saving": f"Writing {name}"}, now=True)
            data = self._file(reel, form, step)
            self.send({"type": "dream file", "name": name, "mime": mime}, [data])
            yield Update({"saving": ""}, now=True)

        self._files.submit(work)

    def _file(self, reel: Reel, form: str, step: int) -> bytes:
        from ..engine.images import encode_png, to_uint8

        if form == "png":
            return encode_png(to_uint8(reel.picture(step)[0]))
        if form not in ("webp", "gif"):
            msg = f"A film is saved as webp or gif, not as {form!r}."
            raise ValueError(msg)
        last = reel.film.at(step).step
        shown = [frame.shown for frame in reel.film.frames if frame.step <= last]
        height, width = reel.photo.shape[2:]
        scale = min(1.0, SHOWN_SIDE / max(height, width))
        return animation(shown, form, self.speed, (max(1, round(height * scale)), max(1, round(width * scale))))

    # what stays ---------------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The dream is wanted while it is dreamed, so its still picture is taken early, and again when it is done."""
        self._displayed = True
        until = monotonic() + FIRST_FRAMES
        while self.status == "busy" and not self._presentable() and monotonic() < until:
            sleep(0.01)
        return super()._repr_mimebundle_(**kwargs)

    def _keep_still(self) -> None:
        with suppress(AttributeError):  # closed meanwhile
            poster = self._poster()
            if poster is not None:
                _poster.publish(poster, self.model_id, again=True)

    def _presentable(self) -> bool:
        return self.image in self._reels and len(self._reels[self.image].film) > 1

    def _poster(self) -> bytes | None:
        reel = self._reels.get(self.image)
        if reel is None or not len(reel.film):
            return None
        name = self.pictures[reel.image]["name"]
        return dream_poster(f"{self.title}   {self.subject}", name, reel, self.shown)

    def _archived(self) -> dict[str, Any]:
        """What each unit of the mix and of the list makes of the picture; the film and the curves are traits."""
        if self.image in self._reels:
            self._tell(self._reels[self.image])
        units = list(dict.fromkeys([*self.mix, *listed(self.network)[:MOST_ARCHIVED]]))
        entries = dict(self.alone)
        for unit in units if 0 <= self.image < len(self._sources) else []:
            key = f"{self.image}|{unit}"
            if key not in entries:
                entries[key] = alone(self.network, self._canvas(self.image), unit)
        return {"kind": "dream_canvas", "entries": entries}


def _growing(reel: Reel) -> dict[str, Any]:
    return {"plan": reel.plan(), "curves": reel.curves()}


def _told(reel: Reel) -> dict[str, Any]:
    """All of a reel, as the page takes it."""
    return {**_growing(reel), "film": reel.told(), "live": {}}


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
