"""What in a picture made a network say a class: many methods side by side, and DeconvNet stage by stage."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _methods, _poster
from ._base import Update, Viewer, built
from ._fields import counted, number, packed, unpacked
from ._stages import walked
from ._traits import option, state

if TYPE_CHECKING:
    from torch import Tensor

#: Classes of each picture that an exported page can show.
ARCHIVED_CLASSES = 3
#: Maps that are kept in Python, so that a method shown again is there at once.
KEPT = 96
#: A long method tells no more often than this, in seconds.
PAUSE = 0.1


@dataclass(frozen=True)
class Kept:
    """A finished map as the page takes it, and the ranks by which it is compared with others."""

    entry: dict[str, Any]
    ranks: np.ndarray


class SaliencyViewer(Viewer):
    """Attribution methods side by side on one picture, with one zoom window and one pointer for all of them.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes.
    methods
        Names of the package's methods (`["saliency", "score_cam"]`), or a mapping from titles to functions
        (network, images, target) that return a `Heatmap`, `Steps` of them, or an array over the picture. By default
        the gradient, SmoothGrad, integrated gradients, guided backpropagation, DeconvNet and Grad-CAM.
    **options
        `target` (a class, by label or index; by default the most probable one), `shown` (which of the methods),
        `layer` (of the CAM family), `sort`, `signed`, `zoom`, `method` (the one chosen), `mode` ("compare" or "steps"),
        `unit` ("features.7:66", where DeconvNet's stages begin) and `step`.

    Examples
    --------
    >>> SaliencyViewer(network, "pets.jpg", target="bull mastiff")  # doctest: +SKIP
    >>> def occlusion(network, images, target):
    ...     return captum.attr.Occlusion(network.model).attribute(images, (3, 16, 16), 8, target=target)
    >>> SaliencyViewer(network, "pets.jpg", methods={"Occlusion": occlusion})  # doctest: +SKIP
    """

    _esm = built("saliency_viewer.js")
    _css = built("saliency_viewer.css")
    title = "Saliency viewer"

    methods: traitlets.List[Any] = state(traitlets.List(), ts="AttributionMethod[]")
    heatmaps: traitlets.List[Any] = state(traitlets.List(), ts="AttributionInfo[]")
    partial = state(traitlets.Dict(), ts="AttributionInfo | Empty")
    stages = state(traitlets.Dict(), ts="Walk | Empty")

    shown: traitlets.List[Any] = option(traitlets.List(traitlets.Unicode()), ts="string[]")
    method = option(traitlets.Unicode())
    mode = option(traitlets.Enum(["compare", "steps"], "compare"))
    sort = option(traitlets.Enum(["family", "agreement", "cost"], "family"))
    signed = option(traitlets.Bool(default_value=True))
    zoom = option(traitlets.Enum([1, 2, 4], 1), ts="number")
    unit = option(traitlets.Unicode())
    step = option(traitlets.Int(0))

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "target", "shown", "mode", "unit")

    def __init__(
        self,
        network: Any,
        image: Any = None,
        *,
        methods: Mapping[str, Callable[..., Any]] | Iterable[str | Callable[..., Any]] | str | None = None,
        **options: Any,
    ) -> None:
        given = _methods.chosen(methods)
        offered = {} if isinstance(methods, Mapping) else _methods.known()
        self._methods = {method.key: method for method in given} | {
            key: method for key, method in offered.items() if key not in {each.key for each in given}
        }
        self._kept: OrderedDict[tuple[Any, ...], Kept] = OrderedDict()
        self._under_way: Run | None = None
        listed = [method.key for method in given]
        super().__init__(network, image, **{"shown": listed, "method": listed[0] if listed else "", **options})
        self.methods = [method.info | {"listed": key in listed} for key, method in self._methods.items()]

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "shown":
            return [self._method(each).key for each in ([value] if isinstance(value, str) else value)]
        if name == "method" and value:
            return self._method(value).key
        return super()._resolved(name, value)

    def _method(self, key: str) -> _methods.Attribution:
        from ..engine.errors import suggestion

        if key not in self._methods:
            msg = f"This viewer has no method {key!r}. {suggestion(key, self._methods)}"
            raise TypeError(msg)
        return self._methods[key]

    # computing ----------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Update]:
        image, layer, asked = self.image, self.layer, self.target
        picture = self._input()
        self.network.layer(layer)  # one that does not exist is refused before anything is computed
        changes, target = self._question(picture, image, asked)
        chosen = {"target": (asked, target)}
        if self.mode == "steps":
            yield from self._walk(picture, image, target, changes, chosen)
        else:
            yield from self._compare(picture, (image, target, layer), changes, chosen)

    def _question(self, picture: Tensor, image: int, asked: int) -> tuple[dict[str, Any], int]:
        """Probabilities, where they are new, and the class: the one asked for, or the most probable."""
        scores = np.frombuffer(self.pictures[image]["scores"], np.float32)
        changes = {}
        if not len(scores):
            scores = self.network.predict(picture).probabilities[0].astype(np.float32)
            changes["pictures"] = self._scored(scores.tobytes(), image)
        return changes, self.network.class_index(asked) if asked >= 0 else int(scores.argmax())

    def _compare(
        self, picture: Tensor, place: tuple[int, int, str], changes: dict[str, Any], chosen: dict[str, Any]
    ) -> Iterator[Update]:
        """The maps that are shown: those known at once, then quick methods, then long ones as they grow."""
        wanted = [self._method(key) for key in self.shown]
        missing = sorted((each for each in wanted if _key(place, each) not in self._kept), key=lambda each: each.long)
        self._leave_all_but({_key(place, each) for each in missing})
        failed: dict[str, dict[str, Any]] = {}
        errors: list[Exception] = []
        seconds = 0.0
        for done, method in enumerate(missing):
            waiting = len(missing) - done - 1
            message = _coming(method, waiting)
            told = self._telling(place, wanted, failed, {}, message)
            yield Update({**changes, **told}, done / len(missing), chosen, now=method.long)
            try:
                for part, fresh in self._runs(method, picture, place):
                    message = _growing(method, part, waiting)
                    share = (done + part["done"] / part["total"]) / len(missing)
                    told = self._telling(place, wanted, failed, part, message)
                    yield Update({**changes, **told}, share, chosen, now=fresh)
                kept = self._kept.get(_key(place, method))
                seconds += kept.entry["ms"] / 1000 if kept else 0
            except Exception as error:  # noqa: BLE001 (one method that fails leaves the others their place)
                errors.append(error)
                failed[method.key] = _refused(method, place, error)
        if errors and len(errors) == len(wanted) and not any(_ours(error) for error in errors):
            raise errors[0]
        new, made = len(missing) - len(failed), len(wanted) - len(failed)
        said = _summary(new, made, len(wanted), seconds, self.network.device.type)
        yield Update({**changes, **self._telling(place, wanted, failed, {}, said)}, None, chosen)

    def _runs(
        self, method: _methods.Attribution, picture: Tensor, place: tuple[int, int, str]
    ) -> Iterator[tuple[dict[str, Any], bool]]:
        """Partial maps of a method, one a step, and whether it is a new one; at the end the whole one is kept.

        It can be left at any step, and the next call takes the work up again.
        """
        _, target, layer = place
        key = _key(place, method)
        run = self._under_way if self._under_way is not None and self._under_way.key == key else None
        run = self._under_way = run or Run(key, lambda: method.call(self.network, picture, target, layer))
        told, whole = 0.0, False
        entry: dict[str, Any] = {}
        try:
            for values, done, total, more in run:
                whole = done >= total
                fresh = whole or not entry or perf_counter() - told >= PAUSE
                if fresh:
                    told = perf_counter()
                    entry = _entry(method, place, values, done, total, run.seconds, more)
                if whole:
                    self._keep(key, entry, values)
                    run.close()
                    break
                yield entry, fresh
        except Exception:
            self._under_way = None
            raise
        self._under_way = None
        if not whole:
            msg = f"{method.title} ended before its last step, so there is no map."
            raise RuntimeError(msg)

    def _keep(self, key: tuple[Any, ...], entry: dict[str, Any], values: np.ndarray) -> None:
        """Keep a map, compared with those of the same picture and class that are there already."""
        self._kept[key] = Kept(entry, self._compared(key, entry, values))
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _compared(self, key: tuple[Any, ...], entry: dict[str, Any], values: np.ndarray) -> np.ndarray:
        """The ranks of a map; its rank correlations with what is kept are written into its entry."""
        from ..engine.agreement import ranks

        own = ranks(values)
        others = [kept for other, kept in self._kept.items() if other[:2] == key[:2] and other != key]
        entry["rho"] = {_name(kept.entry): number(own @ kept.ranks) for kept in others}
        return own

    def _telling(
        self,
        place: tuple[int, int, str],
        wanted: list[_methods.Attribution],
        failed: dict[str, dict[str, Any]],
        part: dict[str, Any],
        message: str,
    ) -> dict[str, Any]:
        """All that is known of a question, and older maps where there is no new one; set anew only where it has changed."""
        keys = [(_key(place, each), each.key) for each in wanted]
        older = {entry["method"]: entry for entry in self.heatmaps if not entry["failed"]}
        told = [
            self._kept[key].entry if key in self._kept else failed.get(name) or older.get(name) for key, name in keys
        ]
        entries = [entry for entry in told if entry]
        for key, _ in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
        same = len(entries) == len(self.heatmaps) and all(a is b for a, b in zip(entries, self.heatmaps, strict=True))
        return {"partial": part, "message": message} | ({} if same else {"heatmaps": entries})

    def _leave_all_but(self, keys: set[tuple[Any, ...]]) -> None:
        """Let go of work that nobody waits for any more."""
        if self._under_way is not None and self._under_way.key not in keys:
            self._under_way.close()
            self._under_way = None

    def _walk(
        self, picture: Tensor, image: int, target: int, changes: dict[str, Any], chosen: dict[str, Any]
    ) -> Iterator[Update]:
        """The stages of DeconvNet, from the class or from one unit back to the pixels."""
        unit = self.unit.strip()
        known = self.stages.get("unit") == unit and (unit or self.stages.get("target") == target)
        if known and self.stages.get("image") == image and not self.stages["failed"]:
            yield Update(changes, None, chosen)
            return
        yield Update({**changes, "message": "DeconvNet sends the signal back"}, None, chosen)
        started = perf_counter()
        walk = walked(self.network, picture, target, unit)
        seconds = perf_counter() - started
        said = f"{len(walk['rows'])} stages in {_lasted(seconds)} on {self.network.device.type}"
        message = "DeconvNet cannot be walked here" if walk["failed"] else said
        yield Update(
            {**changes, "stages": {"image": image, "target": target, **walk}, "message": message}, None, chosen
        )

    def _release(self) -> None:
        super()._release()
        self._kept.clear()
        self._under_way = None

    # what stays ---------------------------------------------------------------------------------------------------

    def _poster(self) -> bytes | None:
        entries = [entry for entry in self.heatmaps if entry["image"] < len(self._inputs) and not entry["failed"]]
        now = [entry for entry in entries if (entry["image"], entry["target"]) == (self.image, self.target)]
        entries = now or entries[:1]  # those of a question that was cancelled may still stand among them
        if not entries:
            return None
        first = entries[0]
        name = self.network.class_name(first["target"])
        panels = [(self._methods[entry["method"]].title, unpacked(entry)) for entry in entries]
        return _poster.multiples(
            f"{self.title}   {self.subject}", name, panels, self._inputs[first["image"]], signed=self.signed
        )

    def _archived(self) -> dict[str, Any]:
        """Every shown method and the stages, for the most probable classes of every picture and the chosen one."""
        from ..methods.grad_cam import grad_cam_of_layers

        entries: dict[str, Any] = {}
        wanted = [self._method(key) for key in self.shown]
        names = [layer.name for layer in self.network.layers if layer.spatial and not layer.container]
        for image, picture in enumerate(self._inputs):
            changes, top = self._question(picture, image, -1)
            self.pictures = changes.get("pictures", self.pictures)
            scores = np.frombuffer(self.pictures[image]["scores"], np.float32)
            own = [self.target] if image == self.image and self.target >= 0 else []
            best = np.argsort(-scores, kind="stable")[:ARCHIVED_CLASSES]
            targets = list(dict.fromkeys([*own, top, *(int(index) for index in best)]))[: ARCHIVED_CLASSES + len(own)]
            for target in targets:
                for method in wanted:
                    entry = self._now(method, picture, (image, target, self.layer))
                    entries[_name(entry)] = _deflated(entry)
                walk = walked(self.network, picture, target, self.unit.strip())
                entries[f"{image}|{target}|{self.unit.strip()}"] = {"image": image, "target": target, **_thinner(walk)}
            if "grad_cam" in self.shown:
                method = self._methods["grad_cam"]
                for (layer, target), values in grad_cam_of_layers(self.network, picture, targets, names).items():
                    place = (image, target, layer)
                    entry = _entry(method, place, values, 1, 1, 0.0, {"where": layer})
                    self._compared(_key(place, method), entry, values)
                    entries.setdefault(_name(entry), _deflated(entry))
        return {"kind": "saliency_viewer", "entries": entries}

    def _now(self, method: _methods.Attribution, picture: Tensor, place: tuple[int, int, str]) -> dict[str, Any]:
        """A finished map, computed here where it is not known; or the reason why there is none."""
        key = _key(place, method)
        try:
            if key not in self._kept:
                run = Run(key, lambda: method.call(self.network, picture, place[1], place[2]))
                values, done, total, more = list(run)[-1]
                self._keep(key, _entry(method, place, values, done, total, run.seconds, more), values)
        except Exception as error:  # noqa: BLE001 (the page says it in the method's panel)
            return _refused(method, place, error)
        return self._kept[key].entry


class Run:
    """A method at work on one picture: it can be left at any step and taken up again."""

    def __init__(self, key: tuple[Any, ...], start: Callable[[], Any]) -> None:
        self.key = key
        self.seconds = 0.0
        self._parts = self._begin(start)

    def __iter__(self) -> Iterator[tuple[np.ndarray, int, int, dict[str, Any]]]:
        """(values (h, w), done, total, what else the result tells) of every step."""
        while True:
            started = perf_counter()
            part = next(self._parts, None)
            self.seconds += perf_counter() - started
            if part is None:
                return
            yield part

    def close(self) -> None:
        """Stop for good."""
        self._parts.close()

    @staticmethod
    def _begin(start: Callable[[], Any]) -> Any:
        from ..engine.steps import Steps

        result = start()
        if not isinstance(result, Steps):
            yield _field(result), 1, 1, _told(result)
            return
        try:
            for step in result:
                yield _field(step.result), step.done, step.total, _told(step.result)
        finally:
            result.close()


def _field(result: Any) -> np.ndarray:
    """The first map of what a method returned, float32 (h, w); the channels of an array over the picture are summed."""
    values = result
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    values = np.asarray(values, dtype=np.float32)
    while values.ndim > 3 or (values.ndim == 3 and (len(values) == 1 or hasattr(result, "images"))):
        values = values[0]
    if values.ndim == 3:
        values = values.sum(0) if len(values) < values.shape[2] else values.sum(2)
    if values.ndim != 2 or not values.size:
        msg = f"A method returns a Heatmap, Steps of them or an array over the picture; this one has shape {np.shape(result)}."
        raise ValueError(msg)
    return np.ascontiguousarray(values)


def _told(result: Any) -> dict[str, Any]:
    """What a `Heatmap` says of itself beside its values."""
    error = getattr(result, "completeness_error", None)
    relus = getattr(result, "relus", None)
    return {
        "relus": None if relus is None else int(relus),
        "error": None if error is None else number(np.asarray(error).ravel()[0]),
        "notes": [str(note) for note in getattr(result, "notes", ())],
        "where": str(getattr(result, "layer", "") or ""),
    }


def _entry(
    method: _methods.Attribution,
    place: tuple[int, int, str],
    values: np.ndarray,
    done: int,
    total: int,
    seconds: float,
    more: dict[str, Any],
) -> dict[str, Any]:
    """One map as the page takes it."""
    from ..engine.results import why_empty

    said = {"relus": None, "error": None, "notes": [], "where": "", **more}
    return {
        **_named(method, place),
        **packed(values),
        **counted(values),
        **said,
        "why": why_empty(values),
        "done": done,
        "total": total,
        "ms": seconds * 1000,
        "failed": "",
        "rho": {},
    }


def _refused(method: _methods.Attribution, place: tuple[int, int, str], error: Exception) -> dict[str, Any]:
    """The place of a map that could not be made, with the reason."""
    from ..engine.errors import CnnvisError

    first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
    reason = str(error) if isinstance(error, CnnvisError) else f"{type(error).__name__}: {first}"
    return _entry(method, place, np.zeros((1, 1), np.float32), 1, 1, 0.0, {}) | {"failed": reason}


def _named(method: _methods.Attribution, place: tuple[int, int, str]) -> dict[str, Any]:
    image, target, layer = place
    return {"image": image, "target": int(target), "method": method.key, "layer": layer if method.layered else ""}


def _key(place: tuple[int, int, str], method: _methods.Attribution) -> tuple[Any, ...]:
    image, target, layer = place
    return (image, target, method.key, layer if method.layered else "")


def _name(entry: dict[str, Any]) -> str:
    """The name of a map, by which pages find it."""
    return f"{entry['image']}|{entry['layer']}|{entry['target']}|{entry['method']}"


def _deflated(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "data": zlib.compress(entry["data"], 6)}


def _thinner(walk: dict[str, Any]) -> dict[str, Any]:
    """A walk whose fields are deflated."""
    rows = [
        {key: _deflated(value) if isinstance(value, dict) and "data" in value else value for key, value in row.items()}
        for row in walk["rows"]
    ]
    return {**walk, "rows": rows, "pixels": _deflated(walk["pixels"]) if walk["pixels"] else {}}


def _ours(error: Exception) -> bool:
    from ..engine.errors import CnnvisError

    return isinstance(error, CnnvisError)


def _coming(method: _methods.Attribution, waiting: int) -> str:
    others = "" if not waiting else " 1 method waits." if waiting == 1 else f" {waiting} methods wait."
    return f"{method.title} is computed.{others}"


def _growing(method: _methods.Attribution, part: dict[str, Any], waiting: int) -> str:
    return _coming(method, waiting).replace(" is computed", f": {part['done']} of {part['total']}", 1)


def _summary(new: int, made: int, wanted: int, seconds: float, device: str) -> str:
    maps = _maps(made, "map") if made == wanted else f"{made} of {_maps(wanted, 'map')}"
    if not new:
        return f"{maps}, computed before"
    return f"{maps if new == made else _maps(new, 'new map')} in {_lasted(seconds)} on {device}"


def _maps(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _lasted(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
