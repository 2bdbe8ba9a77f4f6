"""A picture that a network dreams on: mix layers and channels, watch it dream, step back, dream on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import traitlets

from ..engine.errors import ImageError
from ._alone import alone, listed
from ._base import Update, Viewer, _as_network, built
from ._canvases import Canvases
from ._dream_file import file_of, form_of
from ._dream_poster import dream_poster
from ._dreaming import Reel, Settings
from ._mix import Mix, begun_with, check_units
from ._options import LARGEST, Choice, Number, Whole
from ._reels import Reels, counted, growing, told
from ._task import Task
from ._traits import option, state

if TYPE_CHECKING:
    from torch import Tensor

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

    octaves = option(Whole(4, 1, 12))
    ratio = option(Number(1.4, 1, 4))
    steps = option(Whole(10, 1, 500))
    rate = option(Number(0.01, 1e-5, 1))
    levels = option(Whole(2, 1, 8))
    jitter = option(Whole(32, 0, 512, "pixels"))
    zoom = option(Number(1.1, 1, 4))
    size = option(Whole(0, 0, 4096, "pixels on the longest side (0: the picture's own)", such="512"))
    guide = option(
        Whole(-1, -1, unit="that says which picture guides the dream (-1: none)", such="0", wrong=ImageError)
    )
    seed = option(Whole(0, 0, LARGEST))
    speed = option(Number(12.0, 0.5, 50, "frames a second"))
    view = option(Choice(["dream", "split", "photo"], "dream"))
    shown = option(Whole(-1, -1, unit="that says which step is shown (-1: the newest)", such="0"))

    mix = state(Mix(), ts="Record<string, number>")
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
        self._check(options)
        network = _as_network(network)
        mix = {} if layers is None else begun_with(network, layers)
        self._canvases = Canvases(network, int(options.get("size", 0)))
        self._reels = Reels(network)
        self._wish: Wish = ("photo", 0)
        self._dreamt = -1  # the picture that the wish is about
        self._made = False
        self._still = (-1, -1)  # the dream and step of which the notebook has a still picture
        self._side: Task[Update] = Task(self._show_beside, lambda: None, self._fail_beside)
        self._files: Task[Update] = Task(self._show_beside, lambda: None, self._fail_beside)
        super().__init__(network, image, **options)
        self.mix = mix or {self.layer: 1.0}
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

        reel = self._reels[self.image]
        found: np.ndarray = to_uint8(reel.picture(self.shown if step is None else step)[0])
        return found

    def frames(self) -> list[np.ndarray]:
        """The film from the photo on, each frame as uint8 (H, W, 3), at most 768 pixels long."""
        from ._film import decoded

        return [decoded(frame.shown) for frame in self._reels[self.image].film.frames]

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
        target = Path(path).expanduser()
        form = form_of(target)
        target.write_bytes(file_of(self._reels[self.image], form, self.shown if step is None else step, self.speed))
        return target

    # what is set --------------------------------------------------------------------------------------------------

    def _first_layer(self) -> str:
        """About two thirds of the way: late enough for shapes, early enough for many of them."""
        rows = listed(self.network)
        return rows[int(0.6 * len(rows))] if rows else self.network.last_spatial_layer

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "guide" and value != -1:
            self._canvases.check(int(value))
        return super()._resolved(name, value)

    @traitlets.observe("mix", "octaves", "ratio", "steps", "rate", "levels", "jitter", "zoom", "guide", "seed", "size")
    def _set_anew(self, change: Any) -> None:
        """A dream under way looks for itself; one that failed tries again with what is set now."""
        if change["name"] == "size":
            self._canvases.resize(self.size)
        if not self.__dict__.get("_made"):
            return
        if change["name"] == "mix":
            try:
                check_units(self.network, change["new"])
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
        canvas = self._canvases.append(picture)
        entry = {"width": canvas.shape[3], "height": canvas.shape[2], "data": encode_picture(canvas)}
        self.pictures = [*self.pictures[:-1], {**self.pictures[-1], **entry}]

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
                self.message = f"Cancelled after {counted(self._reels[self.image].step)}; it can go on from here."

    def _work(self) -> Iterator[Update]:
        picture, image = self._input(), self.image
        self.network.layer(self.layer)  # one that does not exist is said, though only the list of units looks at it
        started = perf_counter()
        (wish, step), reel = self._wish, self._reels.get(image)
        changes = self._scores(picture, image)
        if wish == "photo" or (wish == "on" and reel is None):
            reel = self._reels.begin(image, self._canvases[image], self._settings(), self._guide())
        elif wish == "on" and reel is not None:
            self._reels.take_up(reel, step, self._settings(), self._guide())
        if reel is None or wish == "nothing":
            yield Update({**changes, **({} if reel is None else told(reel))})
            return
        self._wish = ("on", -1)  # should it fail, trying again goes on from there
        before = reel.step
        yield Update({**changes, **growing(reel), "film": {}, "shown": -1, "message": "Dreaming"}, 0.0, now=True)
        for frame in reel.steps(self._settings):
            live = {"reel": reel.number, "step": frame.step, "data": frame.shown}
            share = frame.step / max(frame.step, reel.planned)
            # What is saved while it dreams is to have a film, too; the whole one at every step would be too much.
            octave = frame.last and share < 1 and reel.sections[-1].kind == "octave"
            whole = {"film": reel.told()} if octave else {}
            news = {**growing(reel), **whole, "live": live, "message": f"Dreaming: {reel.where()}"}
            yield Update(news, share, now=bool(whole))
        self._wish = NOTHING
        lasted = f"{perf_counter() - started:.1f} s on {self.network.device.type}"
        message = f"{counted(reel.step - before)} on {self.pictures[image]['name']} in {lasted}"
        says = {"reel": reel.number, "step": reel.step, "scores": self._said(reel.picture())}
        yield Update({**told(reel), "says": says, "message": message})

    def _scores(self, picture: Tensor, image: int) -> dict[str, Any]:
        """What the network says of the photo, where that is new."""
        known = self.pictures[image]["scores"]
        return {} if known else {"pictures": self._scored(self._said(picture), image)}

    def _said(self, picture: Tensor) -> bytes:
        return self.network.predict(picture).probabilities[0].astype(np.float32).tobytes()

    def _guide(self) -> Tensor | None:
        return None if self.guide in (-1, self.image) else self._canvases[self.guide]

    def _tell(self, reel: Reel) -> None:
        for name, value in told(reel).items():
            self.set_trait(name, value)

    def _done(self) -> None:
        super()._done()
        self._look_beside()
        reel = self._reels.get(self.image)
        if self._displayed and reel is not None and (reel.number, reel.step) != self._still:
            self._still = (reel.number, reel.step)
            self._keep_still()

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            super()._fail(error)
            reel = self._reels.get(self.image)
            if reel is not None and (self.live or not self.film):
                self._tell(reel)
            if reel is not None and not any(self.mix.values()):
                way_out = {"label": "Bring back the last mix", "set": {"mix": dict(reel.settings.pulls)}}
                self.notice = self.notice | {"title": "Nothing is left to climb", "actions": [way_out]}
                self.message = f"Stopped after {counted(reel.step)}: every weight is 0"

    def _release(self) -> None:
        super()._release()
        self._side.cancel()
        self._files.cancel()
        self._canvases.release()
        self._reels.release()

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
        if not 0 <= image < len(self._canvases):
            return
        for unit in self.wanted:
            if self.status == "busy":
                return
            key = f"{image}|{unit}"
            if key not in self.alone:
                kept = dict(list(self.alone.items())[-MOST_ALONE:])
                yield Update({"alone": {**kept, key: alone(self.network, self._canvases[image], unit)}}, now=True)

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
        reel = self._reels[self.image]
        mime = f"image/{form}"
        name = f"{Path(self.pictures[reel.image]['name']).stem}_dream.{form}"

        def work() -> Iterator[Update]:
            yield Update({"saving": f"Writing {name}"}, now=True)
            data = file_of(reel, form, step, self.speed)
            self.send({"type": "dream file", "name": name, "mime": mime}, [data])
            yield Update({"saving": ""}, now=True)

        self._files.submit(work)

    # what stays ---------------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The dream is wanted while it is dreamed, so its still picture is taken early, and again when it is done."""
        until = monotonic() + FIRST_FRAMES
        while self.status == "busy" and not self._presentable() and monotonic() < until:
            sleep(0.01)
        return super()._repr_mimebundle_(**kwargs)

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
        for unit in units if 0 <= self.image < len(self._canvases) else []:
            key = f"{self.image}|{unit}"
            if key not in entries:
                entries[key] = alone(self.network, self._canvases[self.image], unit)
        return {"kind": "dream_canvas", "entries": entries}
