"""Which explanation to trust: every method on scenes whose truth is known, in one table that fills while it is computed."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _poster, _trust_told
from ._base import Update, Viewer, _as_network, built
from ._methods import Attribution, chosen
from ._traits import option, state
from ._trust_map import drawn, levels, refusal
from ._truth import Truth, listed, parts

if TYPE_CHECKING:
    from ..engine.ranking import Ranking
    from ..engine.steps import Steps

#: What is compared where nothing is said: gradients, their relatives, and CAMs.
DEFAULT = ("saliency", "smooth_grad", "integrated_gradients", "guided_backprop", "deconvnet", "grad_cam", "layer_cam")
#: The key of the last row: what chance gets.
RANDOM = "random"
#: The longest side of maps at all layers, which a page without Python can show.
COARSE = 28


@dataclass(frozen=True)
class _Scene:
    """One picture with its truth, as `rank_methods` takes it."""

    image: Any
    mask: np.ndarray
    label: int
    name: str
    background: str


class _Shelf:
    """A folder that is gone with this object: what was measured is not lost when a later scene fails or another one joins."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="trust_board_")
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


class TrustBoard(Viewer):
    """The table of `rank_methods`, filling up while it is computed, and the map behind every number.

    A row is a method, a column a measure, each number a mean over the scenes with its 95 % interval. A tick marks what a
    random map gets. Pictures without a mask can be looked at, but nothing is measured on them.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    scenes
        Anything with `.image`, `.mask` and `.label`, or tuples (picture, mask, class); a list of these. By default twelve of
        the package's own scenes, for a network that has learned their classes.
    methods
        What to compare: names or functions of the package, or a mapping from titles to functions of (network, images,
        target). By default saliency, SmoothGrad, integrated gradients, guided backprop, DeconvNet, Grad-CAM and LayerCAM.
    measures
        Keys of measures, as in `rank_methods`; by default all of them.
    seed
        Of the random map, the noise and the random weights.
    store
        A folder where what is computed is kept, so that the work goes on where it stopped, also after a restart.
    **options
        `layer` (of the CAMs), `method` (the chosen row), `measure` (the column to sort by), `worst_first`, `view`.

    Examples
    --------
    >>> board = TrustBoard(cw.demo())  # doctest: +SKIP
    >>> board.wait(None) and board.ranking  # doctest: +SKIP
    """

    _esm = built("trust_board.js")
    _css = built("trust_board.css")
    title = "Trust board"

    method = option(traitlets.Unicode())
    measure = option(traitlets.Unicode("energy"))
    worst_first = option(traitlets.Bool(default_value=False))
    view = option(traitlets.Enum(["overlay", "map", "picture"], "overlay"))
    scenes: traitlets.List[Any] = state(traitlets.List(), ts="SceneInfo[]")
    methods: traitlets.List[Any] = state(traitlets.List(), ts="MethodInfo[]")
    table = state(traitlets.Dict(), ts="RankTable | Empty")
    heatmaps: traitlets.List[Any] = state(traitlets.List(), ts="TrustMap[]")
    kept = state(traitlets.Dict(), ts="Record<string, TrustMap>")

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "target", "method")
    _poster_patience: ClassVar[float] = 1.0  # the table is wanted while it fills, not after

    def __init__(
        self,
        network: Any,
        scenes: Any = None,
        *,
        methods: Mapping[str, Callable[..., Any]] | Sequence[Callable[..., Any] | str] | None = None,
        measures: Sequence[str] | None = None,
        seed: int = 0,
        store: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        network = _as_network(network)
        self._rows = _compared(methods)
        self._how: dict[str, Any] = {"measures": measures, "seed": seed, "store": store}
        self._truths: list[Truth] = []
        self._drawn: dict[str, dict[str, Any]] = {}
        self._scores: dict[int, bytes] = {}
        self._looked = ""
        self._ranking: Ranking | None = None
        self._steps: Steps[Ranking] | None = None
        self._question: dict[str, Any] = {}
        self._filling, self._share, self._spent = True, 0.0, 0.0
        self._refused: dict[str, str] = {}
        self._shelf: _Shelf | None = None
        super().__init__(network, listed(scenes, network), **options)
        if self.status == "empty":
            self.message = "Waiting for scenes with masks"

    # for a person in Python ---------------------------------------------------------------------------------------

    @property
    def ranking(self) -> Ranking | None:
        """The result as far as it is computed; None before the first number."""
        return self._ranking

    def add_image(self, image: Any, name: str | None = None) -> int:
        """Put another picture or scene in the strip and choose it; its index. A scene with a mask joins the table."""
        self._append(image, name)
        if self._truths[-1].mask is not None:
            self._start_over()
        self.image = len(self._inputs) - 1
        return self.image

    def run(self) -> None:
        """Go on filling the table, or fill it again if it is full or was made for another layer."""
        asked = {**self._question, "rows": self._now()["rows"]}
        full = self._ranking is not None and self._ranking.done == self._ranking.scenes
        if full and self._now() == asked:
            self._shelf = None  # whoever has seen it all and asks again wants it computed again
        if self._ranking is None or full or self._now() != asked:
            self._start_over()
        self._filling = True
        self._ask()

    # life of a question -------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop filling the table; what is filled stays, and `run` goes on from there."""
        if not self._task.wanted:
            return
        super().cancel()
        self._filling = False
        if self._ranking is not None:
            self.message = f"Cancelled; {self._ranking.done} of {self._ranking.scenes} scenes are kept."
            self._keep_still()

    def _asked(self, change: Any) -> None:
        """What is there already needs no work: the table goes on filling."""
        choice = change["name"] in ("image", "method") and self._task.wanted and 0 <= self.image < len(self._inputs)
        if not (choice and self._key(self.image, self.method, self.layer) in self._drawn):
            super()._asked(change)

    def _received(self, widget: Any, content: Any, buffers: list[memoryview]) -> None:
        again = isinstance(content, dict) and content.get("type") == "run" and content.get("again")
        if again and len(self._inputs) and not self._task.wanted:
            self.send({"type": "alive"})
            self.run()
        else:
            super()._received(widget, content, buffers)

    def _work(self) -> Iterator[Update]:
        yield from self._look()
        if self._filling and self._measured():
            yield from self._fill()

    def _look(self) -> Iterator[Update]:
        """The map of the chosen method on the chosen picture."""
        self.network.layer(self.layer)
        self._input()
        image, row, started = self.image, self._row(self.method), perf_counter()
        if row is not None:
            yield from self._draw(image, row, self.layer)
            self._looked = f"{row.title} of {self.pictures[image]['name']} in {_time(perf_counter() - started)}"
        yield self._news()

    def _draw(self, image: int, row: Attribution, layer: str) -> Iterator[Update]:
        """One map of one method; long methods can be stopped at each of their steps."""
        from ..engine.errors import GradientError, LayerError
        from ..engine.steps import Steps

        self._score(image)
        key = self._key(image, row.key, layer)
        if key in self._drawn:
            return
        try:
            found = _function(row, layer)(self.network, self._inputs[image], self._label(image))
            if isinstance(found, Steps):
                for step in found:
                    found = step.result
                    yield self._news()
        except (GradientError, LayerError) as error:
            self._drawn[key] = {**refusal(str(error)), "key": key, "layer": layer}
        else:
            self._drawn[key] = {**drawn(np.asarray(found)[0]), "key": key, "layer": layer}

    def _fill(self) -> Iterator[Update]:
        """Go on with the ranking."""
        if self._steps is None:
            self._question = self._now()
            self._ranking = self._empty()
            yield self._news()
            yield from self._try_each()
            self._steps = self._begun()
        steps, started = self._steps, perf_counter()
        try:
            for step in steps:
                self._take(step.result)
                self._share = step.done / step.total
                self._spent, started = self._spent + perf_counter() - started, perf_counter()
                yield self._news()
        except Exception:
            self._steps = None
            raise
        self._steps, self._filling = None, False
        yield self._news()

    def _try_each(self) -> Iterator[Update]:
        """Quick methods once, on the first scene: one that cannot be used with this network is left out, and says why."""
        image, refused = self._question["images"][0], {}
        for row in self._rows:
            if row.long:
                continue
            yield from self._draw(image, row, self._question["layer"])
            yield self._news()
            entry = self._drawn[self._key(image, row.key, self._question["layer"])]
            if not entry["height"]:
                refused[row.key] = entry["why"]
        if len(refused) == len(self._rows):
            from ..engine.errors import GradientError

            raise GradientError(next(iter(refused.values())))
        self._refused = refused
        self._question["rows"] = [key for key in self._question["rows"] if key not in refused]
        self._ranking = self._empty()

    def _empty(self) -> Ranking:
        """A table with nothing in it."""
        from ..engine.ranking import RANDOM as CHANCE
        from ..engine.ranking import Ranking, measures_for

        rows, columns, scenes = (
            self._question["rows"],
            measures_for(self._how["measures"]),
            len(self._question["images"]),
        )
        values = np.full((len(rows), len(columns), scenes), np.nan)
        return Ranking((*rows[:-1], CHANCE), columns, values, 0, scenes)

    def _begun(self) -> Steps[Ranking]:
        layer, scenes = self._question["layer"], [self._scene(image) for image in self._question["images"]]
        used = [row for row in self._rows if row.key in self._question["rows"]]
        functions = {f"{row.key} at {layer}" if row.layered else row.key: _function(row, layer) for row in used}
        self._shelf = self._shelf or _Shelf()
        return _rank(
            self.network, scenes, functions, **{**self._how, "store": self._how["store"] or self._shelf.folder}
        )

    def _take(self, ranking: Ranking) -> None:
        """Keep a partial result, and the maps that are new in it."""
        self._ranking = ranking
        rows, images = self._question["rows"], self._question["images"]
        for (row, scene), values in ranking.maps.items():
            key = self._key(images[scene], rows[row], self._question["layer"])
            if key not in self._drawn:
                map_ = drawn(values, ranking.peaks[row, scene] / self._inputs[images[scene]].shape[-2:])
                self._drawn[key] = {**map_, "key": key, "layer": self._question["layer"]}
        for image in images[: ranking.done]:
            self._score(image)

    def _now(self) -> dict[str, Any]:
        """What the table would be made for."""
        rows = [*(row.key for row in self._rows), RANDOM]
        return {"layer": self.layer, "target": self.target, "images": self._measured(), "rows": rows}

    def _start_over(self) -> None:
        self._ranking, self._steps, self._question, self._refused = None, None, {}, {}
        self._filling, self._share, self._spent = True, 0.0, 0.0

    def _release(self) -> None:
        super()._release()
        self._drawn.clear()
        self._scores.clear()
        self._steps, self._shelf = None, None

    def _done(self) -> None:
        super()._done()
        self._keep_still()

    def _presentable(self) -> bool:
        return super()._presentable() or self._ranking is not None

    def _keep_still(self) -> None:
        """Without a table there is nothing that was not there before."""
        if self._ranking is not None:
            super()._keep_still()

    # what the page is told ----------------------------------------------------------------------------------------

    def _news(self) -> Update:
        """Whatever the page does not have yet. The task may skip an update, so each says all that is missing."""
        news: dict[str, Any] = {"message": self._sentence()}
        pictures = [{**each, "scores": self._scores.get(k, each["scores"])} for k, each in enumerate(self.pictures)]
        if pictures != self.pictures:
            news["pictures"] = pictures
        if self._ranking is not None:
            left_out = [(row.title, self._refused[row.key]) for row in self._rows if row.key in self._refused]
            news["table"] = _trust_told.table(self._ranking, self._question, left_out)
            finished = self._of_scenes(self._question["images"][: self._ranking.done])
            if finished and finished.keys() != self.kept.keys():
                news["kept"] = finished
        shown = self._drawn.get(self._key(self.image, self.method, self.layer))
        news["heatmaps"] = [*self._of_scenes(self._at_work()).values(), *([shown] if shown else [])]
        return Update(news, self._share if self._filling and self._measured() else None)

    def _sentence(self) -> str:
        ranking, device = self._ranking, f"on {self.network.device.type}"
        if not self._measured():
            return f"{self._looked} {device}; without a mask nothing can be measured."
        if ranking is not None and ranking.done == ranking.scenes:
            count = len(ranking.methods) - 1
            rows = f"{count} methods" if count > 1 else "1 method"
            kept = ", with what the store had" if self._how["store"] else ""
            return f"{ranking.scenes} scenes, {rows} and a random map in {_time(self._spent)} {device}{kept}"
        done, scenes = (ranking.done, ranking.scenes) if ranking is not None else (0, len(self._measured()))
        if not self._filling:
            return f"{done} of {scenes} scenes are measured; Continue goes on."
        return f"Scene {done + 1} of {scenes}: {self._next()}"

    def _next(self) -> str:
        """The title of the method at work."""
        if self._ranking is None:
            return "first maps"
        rows, begun = self._question["rows"], int(_trust_told.reached(self._ranking)[:, self._ranking.done].sum())
        row = self._row(rows[min(begun, len(rows) - 1)])
        return row.title if row is not None else "random map"

    def _at_work(self) -> list[int]:
        ranking = self._ranking
        return [] if ranking is None else self._question["images"][ranking.done : ranking.done + 1]

    def _of_scenes(self, images: Sequence[int]) -> dict[str, Any]:
        """The maps that the table was measured on."""
        keys = [self._key(image, row, self._question["layer"]) for image in images for row in self._question["rows"]]
        return {key: self._drawn[key] for key in keys if key in self._drawn}

    def _archived(self) -> dict[str, Any]:
        """Every method on every picture; Grad-CAM at all layers, coarsely."""
        from ..methods.grad_cam import grad_cam_of_layers

        layers = [layer.name for layer in self.network.layers if layer.spatial and not layer.container]
        entries: dict[str, dict[str, Any]] = {}
        for image, picture in enumerate(self._inputs):
            self._score(image)
            for row in self._rows:
                list(self._draw(image, row, self.layer))
                if row.key == "grad_cam":
                    target = self._label(image)
                    for (layer, _), values in grad_cam_of_layers(self.network, picture, [target], layers).items():
                        key = self._key(image, row.key, layer)
                        entries[key] = {**drawn(values, longest=COARSE), "key": key, "layer": layer}
        self.pictures = [{**each, "scores": self._scores[k]} for k, each in enumerate(self.pictures)]
        entries = {key: entry for key, entry in (entries | self._drawn).items() if key not in self.kept}
        return {"kind": "trust_board", "entries": entries}

    def _poster(self) -> bytes | None:
        ranking = self._ranking  # as it is now: the question may be another before this is drawn
        if ranking is not None:
            titles = [self._title(name) for name in ranking.methods[:-1]]
            return _poster.board(f"{self.title}   {self.subject}", ranking, titles)
        entry = self._drawn.get(self._key(self.image, self.method, self.layer))
        row = self._row(self.method)
        if not entry or not entry["height"] or row is None:
            return None
        panel = (row.title, float("nan"), levels(entry))
        return _poster.pair(
            f"{self.title}   {self.subject}", self.layer, [panel], self._inputs[self.image], signed=True
        )

    def _title(self, name: str) -> str:
        """What a method of a ranking is called, which may be named with the layer it was asked at."""
        titles = {row.key: row.title for row in self._rows}
        return titles[name] if name in titles else titles[name.rpartition(" at ")[0]]

    # what is known ------------------------------------------------------------------------------------------------

    @traitlets.default("methods")
    def _listed_methods(self) -> list[dict[str, Any]]:
        rows = [{"key": row.key, "title": row.title, "layered": row.layered} for row in self._rows]
        return [*rows, {"key": RANDOM, "title": "Random map", "layered": False}]

    @traitlets.default("method")
    def _first_method(self) -> str:
        return next((row.key for row in self._rows if row.layered), self._rows[0].key)

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "method":
            self._row(value)
        return super()._resolved(name, value)

    def _append(self, picture: Any, name: str | None = None) -> None:
        picture, truth = parts(picture, self.network)
        super()._append(picture, name or truth.name or None)
        self._truths.append(truth)
        self.scenes = [*self.scenes, truth.packed()]

    def _measured(self) -> list[int]:
        """The pictures whose mask is known."""
        return [index for index, truth in enumerate(self._truths) if truth.mask is not None]

    def _scene(self, image: int) -> _Scene:
        self._score(image)
        truth = self._truths[image]
        mask = truth.mask if truth.mask is not None else np.zeros((0, 0), bool)
        return _Scene(self._inputs[image], mask, self._label(image), truth.name, truth.background)

    def _label(self, image: int) -> int:
        """The class that is asked about: the scene's own, or the one chosen, or the most probable one; -1: not known yet."""
        label = self._truths[image].label
        if label is not None:
            return label
        if self.target >= 0 or image not in self._scores:
            return self.target
        return int(np.frombuffer(self._scores[image], np.float32).argmax())

    def _score(self, image: int) -> bytes:
        if image not in self._scores:
            probabilities = self.network.predict(self._inputs[image]).probabilities[0]
            self._scores[image] = probabilities.astype(np.float32).tobytes()
        return self._scores[image]

    def _row(self, key: str) -> Attribution | None:
        """A method; None for the random map, which has none."""
        known = {row.key: row for row in self._rows}
        if key not in known and key != RANDOM:
            from ..engine.errors import suggestion

            msg = f"The board has no method {key!r}. {suggestion(key, [*known, RANDOM])}"
            raise ValueError(msg)
        return known.get(key)

    def _key(self, image: int, method: str, layer: str) -> str:
        """Under which a map is kept: layers matter only to methods that look at one."""
        layered = any(row.key == method and row.layered for row in self._rows)
        return f"{image}|{layer if layered else ''}|{method}|{self._label(image)}"


def _compared(methods: Any) -> list[Attribution]:
    """The rows; where nothing is said, the usual ones. The gradient is measured by its size, so it is called saliency."""
    rows = chosen(DEFAULT if methods is None else methods)
    return [replace(row, title="Saliency") if row.key == "saliency" else row for row in rows]


def _function(row: Attribution, layer: str) -> Callable[..., Any]:
    """A method as `rank_methods` takes it, looking at this layer if it looks at any."""
    from .. import methods

    if row.family == "own":
        return lambda network, images, target: row.call(network, images, target, layer)
    function: Callable[..., Any] = getattr(methods, row.key)
    return partial(function, layer=layer) if row.layered else function


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _rank(network: Any, scenes: Sequence[_Scene], functions: Mapping[str, Any], **how: Any) -> Steps[Ranking]:
    from ..methods.rank_methods import rank_methods

    return rank_methods(network, scenes, functions, **how)
