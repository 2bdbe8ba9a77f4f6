"""Where a network looks to say one class, and to say another."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from ..engine.errors import CnnvisError, GradientError, LayerError
from . import _poster
from ._base import Update, Viewer, built
from ._cam_question import Question
from ._findings import Findings, PlaceError, findings_of
from ._traits import option, state

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.results import Heatmap

#: Classes of each picture that an exported page can show.
ARCHIVED_CLASSES = 10
#: The CAM family, as functions of these names in `methods`.
METHODS = (
    "grad_cam",
    "grad_cam_plus_plus",
    "hires_cam",
    "layer_cam",
    "xgrad_cam",
    "eigen_cam",
    "cam",
    "score_cam",
    "ablation_cam",
)
#: These run the network many times, once for every few channels.
LONG = ("score_cam", "ablation_cam")
#: A network this sure, whose gradient is zero, has left its score no room to grow.
SURE = 0.9999
#: And this is all but zero.
TINY = 1e-7

_NOTHING = np.zeros((1, 1), np.float32)


class GradCAMViewer(Viewer):
    """Class activation maps for any class at any layers: one class, two side by side, or one against the other.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes.
    classes
        One or two classes to begin with, by label or index; by default the most probable one.
    layers
        Layers to fuse, by name; by default one, `layer`.
    **options
        `method` (`"grad_cam"`, `"hires_cam"`, `"score_cam"`, …), `target` and `compare` (classes A and B), `contrast` (show A
        against B in one map), `layer`, `place` (`[row, column]` of a pixel for a network that segments, `[number]` of a box for
        one that detects), `signed`, `threshold`, `opacity`, `colormap`, `same_scale`.

    Examples
    --------
    >>> GradCAMViewer(network, "pets.jpg", classes=["bull mastiff", "tiger cat"])  # doctest: +SKIP
    """

    _esm = built("grad_cam_viewer.js")
    _css = built("grad_cam_viewer.css")
    title = "Grad-CAM viewer"

    method = option(traitlets.Enum(METHODS, "grad_cam"))
    fused: traitlets.List[Any] = state(traitlets.List(traitlets.Unicode()), ts="string[]")
    compare = option(traitlets.Int(-1))
    contrast = option(traitlets.Bool(default_value=False))
    place: traitlets.List[Any] = option(traitlets.List(traitlets.Int(), maxlen=2), ts="number[]")
    signed = option(traitlets.Bool(default_value=False))
    threshold = option(traitlets.Float(0.0, min=0, max=1))
    opacity = option(traitlets.Float(0.8, min=0, max=1))
    colormap = option(traitlets.Enum(["tide", "viridis", "gray"], "tide"))
    same_scale = option(traitlets.Bool(default_value=False))
    regions: traitlets.List[Any] = state(traitlets.List(), ts="RegionsInfo[]")
    heatmaps: traitlets.List[Any] = state(traitlets.List(), ts="HeatmapInfo[]")

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "fused", "method", "target", "compare", "contrast", "place")

    def __init__(
        self,
        network: Any,
        image: Any = None,
        *,
        classes: Sequence[int | str] | int | str | None = None,
        layers: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        given = [classes] if isinstance(classes, (int, str)) else list(classes or ())
        if len(given) > 2:
            msg = f"GradCAMViewer shows one class or two; {len(given)} were given: choose two, the list has the others."
            raise TypeError(msg)
        options |= dict(zip(("target", "compare"), given, strict=False))
        if layers and "layer" not in options:
            options["layer"] = layers[-1]
        self._layers_wanted = list(layers or ())
        self._found: dict[int, Findings] = {}
        self._made: dict[str, dict[str, Any]] = {}
        self._refused: tuple[Exception | None, dict[str, Any]] = None, {}
        super().__init__(network, image, **options)

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "compare" and value != -1:
            return self.network.class_index(value)
        if name == "layer":  # the first option to be resolved
            self.fused = [self.network.layer(each).name for each in self._layers_wanted]
        return super()._resolved(name, value)

    @traitlets.observe("layer")
    def _layer_chosen(self, change: Any) -> None:
        if change["new"] not in self.fused:
            self.fused = []

    @traitlets.observe("fused")
    def _fused_chosen(self, change: Any) -> None:
        if change["new"] and self.layer not in change["new"]:
            self.layer = change["new"][-1]

    @traitlets.observe("image")
    def _image_chosen(self, _change: Any) -> None:
        self.place = []  # another picture has other places

    # the work -----------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Update]:
        picture, asked = self._input(), self._question()
        changes, findings = self._look(picture, asked.image)
        question = self._completed(asked, findings)
        chosen: dict[str, tuple[Any, Any]] = {
            "target": (asked.target, question.target),
            "place": (list(asked.place), list(question.place)),
        }
        if asked.layers != question.layers:
            chosen["layer"] = (asked.layers[0], question.layers[0])
        if changes:  # whatever becomes of the maps
            yield Update(changes, chosen=chosen)
        started, self._refused = perf_counter(), (None, {})
        for title, entries in self._maps(picture, question, findings):
            done = entries[0]["done"]
            if done == 1:
                self._made |= zip(question.keys, entries, strict=True)
            news = {"heatmaps": entries, "message": self._told(title, entries, perf_counter() - started)}
            yield Update(changes | news, None if done == 1 else done, chosen)

    def _question(self) -> Question:
        layers = dict.fromkeys(self.fused) if self.layer in self.fused else {self.layer: None}
        order = {each.name: place for place, each in enumerate(self.network.layers)}
        return Question(
            self.image,
            tuple(sorted(layers, key=lambda name: order.get(name, len(order)))),
            self.target,
            self.compare,
            self.contrast and self.compare >= 0,
            self.method,
            tuple(self.place),
        )

    def _look(self, picture: Any, image: int) -> tuple[dict[str, Any], Findings]:
        """What the network finds in a picture, and the traits that tell the page; one forward pass for each picture."""
        if image in self._found and self.pictures[image]["scores"]:
            return {}, self._found[image]
        found = self._found[image] = findings_of(self.network, self.network.trace(picture))
        others = [each for each in self.regions if each["image"] != image]
        told = [*others, found.wire(image)] if found.kind else others
        return {"pictures": self._scored(found.scores.tobytes(), image), "regions": told}, found

    def _completed(self, asked: Question, findings: Findings) -> Question:
        """The question with what was left open filled in; errors for what the network or the picture does not have."""
        place, target, layers = findings.checked(asked.place), asked.target, asked.layers
        if target < 0:
            place = place or findings.first()
            target = findings.label_at(place)
        for name in layers:
            self.network.layer(name)
        for each in (target, max(asked.compare, 0)):
            self.network.class_index(each)
        return replace(asked, layers=layers, target=target, place=place)

    def _maps(self, picture: Any, question: Question, findings: Findings) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The name of the method and the maps so far, one a class; where there can be none, the reason why."""
        reasons = self._why_none(question, findings)
        if all(reasons):
            yield "", question.entries([_NOTHING] * len(reasons), why=reasons)
            return
        known = [self._made[key] for key in question.keys if key in self._made]
        if question.method in LONG and len(known) == len(question.keys):
            yield "", known
            return
        try:
            for result, done in self._steps(picture, question, findings, [not reason for reason in reasons]):
                found = iter(result.values)
                values = [_NOTHING if reason else next(found) for reason in reasons]
                sure = [_saturated(each, question, findings) if done == 1 else "" for each in values]
                yield (
                    result.method,
                    question.entries(values, done, [a or b for a, b in zip(reasons, sure, strict=True)]),
                )
        except CnnvisError as error:
            self._refused = error, self._ways_out(picture, question, error)
            raise

    def _why_none(self, question: Question, findings: Findings) -> list[str]:
        """Why there can be no map for each class, "" where there can."""
        if len(question.layers) == 1 and not self.network.layer(question.layers[0]).spatial:
            from ..engine.results import why_empty

            return [why_empty(np.zeros((1, 1)))] * len(question.pairs)
        lacking = [
            not question.place and findings.lacks(target) and (other < 0 or findings.lacks(other))
            for target, other in question.pairs
        ]
        names = [
            f"box of {self.network.class_name(target)}" if findings.first() else "box" for target, _ in question.pairs
        ]
        text = "No {} is predicted in this picture above the network's own threshold, so there is no score to explain."
        return [text.format(name) if lacks else "" for name, lacks in zip(names, lacking, strict=True)]

    def _steps(
        self, picture: Any, question: Question, findings: Findings, wanted: Sequence[bool]
    ) -> Iterator[tuple[Any, float]]:
        """Heatmaps of the classes that are wanted, and the share of each that is computed."""
        from ..engine.steps import Steps

        method = getattr(importlib.import_module(f"..methods.{question.method}", __package__), question.method)
        if question.method == "cam":
            yield _of_head(method, self.network, picture, question), 1.0
            return
        layer = question.layers[0] if len(question.layers) == 1 else question.layers
        targets = [each for each, want in zip(question.objectives(findings), wanted, strict=True) if want]
        found = method(self.network, picture, targets, layer=layer)
        if not isinstance(found, Steps):
            yield found, 1.0
            return
        with found:
            for step in found:
                yield step.result, step.done / max(1, step.total)

    def _told(self, title: str, entries: list[dict[str, Any]], seconds: float) -> str:
        """One sentence for the task bar."""
        maps, done = "1 map" if len(entries) == 1 else f"{len(entries)} maps", entries[0]["done"]
        if done < 1:
            return f"{title}: {100 * done:.0f} % of {maps}"
        took = f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
        return f"{maps} in {took} on {self.network.device.type}"

    def _ways_out(self, picture: Any, question: Question, error: Exception) -> dict[str, Any]:
        """What to say and to offer where a method refuses."""
        back = {"label": "Back to Grad-CAM", "set": {"method": "grad_cam"}}
        if question.method == "grad_cam":
            without = {"label": "Use Ablation-CAM, which needs no gradient", "set": {"method": "ablation_cam"}}
            return {"actions": [without]} if isinstance(error, GradientError) else {}
        title = {"title": "This method cannot be used here"}
        if question.method == "cam" and not question.place:
            from ..methods.cam import cam

            try:
                layer = cam(self.network, picture, question.target).layer
            except CnnvisError:
                return title | {"actions": [back]}
            return title | {"actions": [{"label": f"Use {layer}", "set": {"layer": layer, "fused": []}}, back]}
        return title | {"actions": [back]}

    def _fail(self, error: Exception) -> None:
        refused, more = self._refused
        with self.hold_sync():
            super()._fail(error)
            if isinstance(error, PlaceError):
                whole = {"label": "Whole picture", "set": {"place": []}}
                self.notice = self.notice | {"title": "There is no such place", "actions": [whole]}
            elif error is refused:
                self.notice = self.notice | more
            self.message = self.notice["title"]

    def _release(self) -> None:
        super()._release()
        self._found.clear()
        self._made.clear()

    # what stays ---------------------------------------------------------------------------------------------------

    def _poster(self) -> bytes | None:
        shown = [each for each in self.heatmaps if each["image"] < len(self._inputs)]
        if not shown:
            return None
        panels = []
        for each in shown:
            values = np.frombuffer(each["data"], np.float32).reshape(each["height"], each["width"])
            scores = np.frombuffer(self.pictures[each["image"]]["scores"], np.float32)
            share = float(scores[each["target"]]) if each["target"] < len(scores) else float("nan")
            name = self.network.class_name(each["target"])
            if each["against"] >= 0:
                name, share = f"{name} \N{MINUS SIGN} {self.network.class_name(each['against'])}", float("nan")
            panels.append((name, share, values))
        method = shown[0]["method"]
        return _poster.pair(
            f"{self.title}   {self.subject}",
            shown[0]["layer"] + ("" if method == "grad_cam" else f", {method}"),
            panels,
            self._inputs[shown[0]["image"]],
            signed=self.signed or shown[0]["against"] >= 0,
        )

    def _archived(self) -> dict[str, Any]:
        """Grad-CAM at every layer for the most probable classes of every picture, and whatever else was computed."""
        entries: dict[str, Any] = {}
        for image, picture in enumerate(self._inputs):
            changes, findings = self._look(picture, image)
            for name, value in changes.items():
                self.set_trait(name, value)
            find = self._of_places if findings.kind else self._of_layers
            entries |= find(picture, image, findings)
        return {"kind": "grad_cam_viewer", "entries": entries | self._made}

    def _of_layers(self, picture: Any, image: int, findings: Findings) -> Iterator[tuple[str, dict[str, Any]]]:
        from ..methods.grad_cam import grad_cam_of_layers

        names = [layer.name for layer in self.network.layers if layer.spatial and not layer.container]
        found = grad_cam_of_layers(self.network, picture, self._archived_classes(findings), names)
        for (name, target), values in found.items():
            question = Question(image, (name,), target)
            yield question.keys[0], question.entries([values])[0]

    def _of_places(self, picture: Any, image: int, findings: Findings) -> Iterator[tuple[str, dict[str, Any]]]:
        """Networks that segment or detect are large: the layers chosen now, for the best boxes or classes."""
        from ..methods.grad_cam import grad_cam

        layers = self._question().layers
        if findings.kind == "boxes":
            places = [(number,) for number in range(min(ARCHIVED_CLASSES, len(findings.wire(image)["labels"])))]
            asked = [Question(image, layers, findings.label_at(place), place=place) for place in places]
        else:
            asked = [Question(image, layers, target) for target in self._archived_classes(findings)]
        asked = [each for each in asked if not self._why_none(each, findings)[0]]
        if asked:
            targets = [objective for each in asked for objective in each.objectives(findings)]
            for each, values in zip(asked, grad_cam(self.network, picture, targets, layer=layers).values, strict=True):
                yield each.keys[0], each.entries([values])[0]

    def _archived_classes(self, findings: Findings) -> list[int]:
        chosen = [target for target in (self.target, self.compare) if target >= 0]
        best = np.argsort(-findings.scores, kind="stable")[:ARCHIVED_CLASSES].tolist()
        return list(dict.fromkeys(chosen + best))


def _saturated(values: np.ndarray, question: Question, findings: Findings) -> str:
    """The reason why a map is empty, where it is that the network is too sure."""
    share = float(findings.scores[question.target])
    if question.method in LONG or not findings.saturates or share < SURE or np.abs(values).max() > TINY:
        return ""
    return (
        f"The network gives this class {100 * share:.4g} %, and its output is a probability: there it is saturated, so its gradient "
        "is all but zero. Give a network that ends before its softmax, or use a method without gradient."
    )


def _of_head(method: Any, network: Network, picture: Any, question: Question) -> Heatmap:
    """CAM reads the weights of one linear head, so it takes classes alone; against another class is the difference of two maps."""
    if len(question.layers) > 1 or question.place:
        what = "a place of the picture" if question.place else f"{len(question.layers)} layers fused"
        msg = f"CAM is one layer weighted by a linear head, for a class of the whole picture; it cannot be had for {what}."
        raise LayerError(msg)
    classes = [each for pair in question.pairs for each in pair if each >= 0]
    found: Heatmap = method(network, picture, classes, layer=question.layers[0])
    return replace(found, values=found.values[:1] - found.values[1:]) if question.contrast else found
